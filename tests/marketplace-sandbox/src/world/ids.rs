//! Ids that look like AWS's and come out the same for the same seed.

use sha2::{Digest, Sha256};
use uuid::Uuid;

const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// A counter behind a hash: no two ids of one sandbox are equal, none can be guessed from its neighbour.
#[derive(Debug)]
pub(crate) struct Ids {
    seed: String,
    next: u64,
}

impl Ids {
    pub(crate) fn new(seed: &str) -> Self {
        Self {
            seed: seed.to_owned(),
            next: 0,
        }
    }

    pub(crate) fn change_set(&mut self) -> String {
        self.base36(25)
    }

    pub(crate) fn offer(&mut self) -> String {
        format!("offer-{}", self.base36(13))
    }

    pub(crate) fn authorization(&mut self) -> String {
        format!("resaleauthz-{}", self.base36(13))
    }

    pub(crate) fn agreement(&mut self) -> String {
        format!("agmt-{}", self.base36(25))
    }

    /// `ar-…`, `pr-…`, `ch-…`, `acr-…`, `ba-…`.
    pub(crate) fn request(&mut self, prefix: &str) -> String {
        format!("{prefix}-{}", self.base36(25))
    }

    pub(crate) fn term(&mut self) -> String {
        format!("term-{}", self.base36(25))
    }

    /// 40 hexadecimal characters, as long as AWS's.
    pub(crate) fn billing_event(&mut self) -> String {
        hex::encode(self.bytes())[..40].to_owned()
    }

    /// Digits only: invoice ids look numeric but are text (facts §6.6, traps).
    pub(crate) fn invoice(&mut self) -> String {
        self.bytes()
            .iter()
            .take(10)
            .map(|byte| char::from(b'0' + byte % 10))
            .collect()
    }

    pub(crate) fn reference(&mut self) -> String {
        Uuid::new_v5(&Uuid::NAMESPACE_OID, &self.bytes()).to_string()
    }

    fn base36(&mut self, length: usize) -> String {
        base36(&self.bytes(), length)
    }

    fn bytes(&mut self) -> [u8; 32] {
        self.next += 1;
        let mut hash = Sha256::new();
        hash.update(self.seed.as_bytes());
        hash.update(self.next.to_be_bytes());
        hash.finalize().into()
    }
}

fn base36(bytes: &[u8], length: usize) -> String {
    bytes
        .iter()
        .take(length)
        .map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]))
        .collect()
}

/// An id that comes of what it is of: the same whenever it is asked for.
pub(crate) fn derived(prefix: &str, of: &str) -> String {
    let hash = Sha256::digest(of);
    format!("{prefix}-{}", base36(&hash, 25))
}

/// `ch-…` of a charge that an agreement's schedule names.
pub(crate) fn charge_id(agreement_id: &str, index: usize) -> String {
    derived("ch", &format!("{agreement_id}/charge/{index}"))
}

/// The globally unique id that feeds use for a 12-digit account. Stable across sandboxes.
pub(crate) fn account_guid(account: &str) -> String {
    Uuid::new_v5(
        &Uuid::NAMESPACE_OID,
        format!("account/{account}").as_bytes(),
    )
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shaped_like_aws_and_repeatable() {
        let mut ids = Ids::new("a");
        let offer = ids.offer();
        assert_eq!(offer.len(), "offer-".len() + 13);
        assert_eq!(ids.billing_event().len(), 40);
        assert_ne!(ids.offer(), offer);
        assert_eq!(Ids::new("a").offer(), offer);
        assert_ne!(Ids::new("b").offer(), offer);
        assert!(ids.invoice().bytes().all(|byte| byte.is_ascii_digit()));
    }
}

//! SHA-256 digests of documents and of canonical fields (A4, O3).

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

/// A SHA-256 digest, printed as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Takes a digest that was computed elsewhere (a stream hashed chunk by chunk).
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a digest is 64 lower-case hexadecimal digits")]
pub struct NotADigest;

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let nibble = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(NotADigest),
        };
        let mut bytes = [0; 32];
        let text = text.as_bytes();
        if text.len() != 64 {
            return Err(NotADigest);
        }
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

/// Builds the digest of named fields: each name and value goes in with its length before it, so
/// that no two different lists of fields have the same bytes.
#[derive(Debug, Clone)]
pub struct DigestBuilder(Sha256);

impl DigestBuilder {
    /// Starts with a purpose, so that the digest of one kind of thing is never that of another.
    #[must_use]
    pub fn new(purpose: &str) -> Self {
        Self(Sha256::new()).bytes(purpose.as_bytes())
    }

    /// Adds a field.
    #[must_use]
    pub fn field(self, name: &str, value: impl fmt::Display) -> Self {
        self.bytes(name.as_bytes())
            .bytes(value.to_string().as_bytes())
    }

    /// Adds how many elements of a list follow, so that neighbouring lists cannot run together.
    #[must_use]
    pub fn list(self, name: &str, count: usize) -> Self {
        self.field(name, count)
    }

    /// The digest.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_as_text() {
        let digest = Digest::of(b"abc");
        assert_eq!(
            digest.to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!(format!("{digest:?}"), digest.to_string());
        assert_eq!("BA78".parse::<Digest>(), Err(NotADigest));
        assert_eq!(
            digest.to_string().to_uppercase().parse::<Digest>(),
            Err(NotADigest)
        );
    }

    /// A4: moving a byte from one field to the next, or from a name to its value, changes the digest.
    #[test]
    fn field_boundaries_count() {
        let one = DigestBuilder::new("t")
            .field("a", "bc")
            .field("d", "")
            .finish();
        let other = DigestBuilder::new("t")
            .field("a", "b")
            .field("d", "c")
            .finish();
        let third = DigestBuilder::new("t")
            .field("ab", "c")
            .field("d", "")
            .finish();
        let fourth = DigestBuilder::new("u")
            .field("a", "bc")
            .field("d", "")
            .finish();
        assert!(one != other && one != third && one != fourth && other != third);
    }
}

//! Who calls: proven before any handler runs, and carried in the request's extensions (P5).

use countersign_kernel::{Principal, SellerId};
use http::HeaderMap;
use tonic::{Code, Status};

use super::denial::denied;
use crate::call::{PRINCIPAL_KEY, ROLES_KEY, SELLER_KEY};

/// What a service that calls another is called: `service:` and its name.
const SERVICE_PREFIX: &str = "service:";

/// A caller whose name, tenant and roles are proven. Only a door of [`crate::auth`] makes one for a
/// call that comes in; a handler that is reached without one answers `UNAUTHENTICATED`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The tenant.
    pub seller: SellerId,
    /// The person's or system's name; `service:<name>` for a service.
    pub principal: Principal,
    /// What the caller may be, lower case.
    pub roles: Vec<String>,
}

impl Identity {
    /// The service that this is, if it is one.
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        self.principal.as_str().strip_prefix(SERVICE_PREFIX)
    }

    /// A service whose certificate names it, for the tenant that it says: it works for all of them.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` when the tenant is missing or malformed, or the name is none.
    pub(super) fn of_service(name: &str, headers: &HeaderMap) -> Result<Self, Status> {
        let principal = format!("{SERVICE_PREFIX}{name}").parse();
        Ok(Self {
            seller: required(headers, SELLER_KEY, "SELLER_REQUIRED")?,
            principal: principal.map_err(|_| {
                let message = "the certificate names no service";
                denied(Code::Unauthenticated, "PRINCIPAL_REQUIRED", message)
            })?,
            roles: Vec::new(),
        })
    }

    /// Whoever the metadata says that it is: for a listener on loopback without an issuer, where
    /// reaching the port is the proof.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` when tenant or caller is missing or malformed.
    pub(crate) fn trusted(headers: &HeaderMap) -> Result<Self, Status> {
        Ok(Self {
            seller: required(headers, SELLER_KEY, "SELLER_REQUIRED")?,
            principal: required(headers, PRINCIPAL_KEY, "PRINCIPAL_REQUIRED")?,
            roles: roles(text(headers, ROLES_KEY).unwrap_or_default().split(',')),
        })
    }
}

/// A header that has to be there and to be what it should be.
pub(super) fn required<T: std::str::FromStr>(
    headers: &HeaderMap,
    key: &str,
    reason: &'static str,
) -> Result<T, Status> {
    let value = text(headers, key).and_then(|value| value.parse().ok());
    value.ok_or_else(|| {
        let message = format!("metadata {key} is missing or malformed");
        denied(Code::Unauthenticated, reason, message)
    })
}

/// Roles as they are compared: trimmed, lower case, none empty.
pub(super) fn roles<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    names
        .map(|role| role.trim().to_ascii_lowercase())
        .filter(|role| !role.is_empty())
        .collect()
}

pub(super) fn text<'a>(headers: &'a HeaderMap, key: &str) -> Option<&'a str> {
    headers.get(key).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(key, value)| (key.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    /// P4: each thing that a call must bring is asked for by its own reason.
    #[test]
    fn trusted_metadata_says_what_is_missing() {
        let (seller, principal) = ((SELLER_KEY, "acme"), (PRINCIPAL_KEY, "em@acme.example"));
        for (brought, expected) in [
            (vec![], "SELLER_REQUIRED"),
            (vec![(SELLER_KEY, "a b"), principal], "SELLER_REQUIRED"),
            (vec![seller], "PRINCIPAL_REQUIRED"),
        ] {
            let status = Identity::trusted(&headers(&brought)).unwrap_err();
            let details = status.get_error_details();
            assert_eq!(status.code(), Code::Unauthenticated);
            assert_eq!(details.error_info().unwrap().reason, expected);
        }
        let complete = [seller, principal, (ROLES_KEY, "Legal, sales ,")];
        let identity = Identity::trusted(&headers(&complete)).unwrap();
        assert_eq!(identity.roles, ["legal", "sales"]);
        assert_eq!(identity.service(), None);
    }

    #[test]
    fn a_service_is_told_by_its_prefix() {
        let named = |name| {
            let brought = [(SELLER_KEY, "acme"), (PRINCIPAL_KEY, name)];
            Identity::trusted(&headers(&brought)).unwrap()
        };
        assert_eq!(named("service:things").service(), Some("things"));
        assert_eq!(named("things").service(), None);
    }
}

//! Who calls, for which tenant, with which key: read from gRPC metadata (P4).

use std::time::Duration;

use countersign_kernel::{Principal, SellerId};
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::ids::Ids;
use crate::rejection::{DOMAIN, Rejection};
use crate::telemetry::TraceContext;

/// The tenant, such as `acme`.
pub const SELLER_KEY: &str = "countersign-seller";
/// The caller, such as `em@acme.example`.
pub const PRINCIPAL_KEY: &str = "countersign-principal";
/// The caller's roles, with commas between.
pub const ROLES_KEY: &str = "countersign-roles";
/// The caller's name for this one command; the same on a retry.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The W3C trace context.
pub const TRACEPARENT_KEY: &str = "traceparent";

/// The longest idempotency key.
pub const MAX_IDEMPOTENCY_KEY: usize = 128;

/// What a call brings beside its message.
#[derive(Debug, Clone)]
pub struct CallContext {
    /// The tenant.
    pub seller: SellerId,
    /// Who calls.
    pub principal: Principal,
    /// What the caller may be, lower case.
    pub roles: Vec<String>,
    /// The name of this command, or empty for a query.
    pub idempotency_key: String,
    /// The trace that the call belongs to; a new one if it brought none.
    pub trace: TraceContext,
    /// How long the caller still waits, if it said so.
    pub timeout: Option<Duration>,
}

impl CallContext {
    /// Reads the context of a call that changes nothing.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` when tenant or caller is missing or malformed.
    pub fn query(metadata: &MetadataMap, ids: &Ids) -> Result<Self, Status> {
        let text = |key| metadata.get(key).and_then(|value| value.to_str().ok());
        let seller = text(SELLER_KEY)
            .and_then(|value| value.parse().ok())
            .ok_or_else(|| unauthenticated("SELLER_REQUIRED", SELLER_KEY))?;
        let principal = text(PRINCIPAL_KEY)
            .and_then(|value| value.parse().ok())
            .ok_or_else(|| unauthenticated("PRINCIPAL_REQUIRED", PRINCIPAL_KEY))?;
        let roles = text(ROLES_KEY)
            .unwrap_or_default()
            .split(',')
            .map(|role| role.trim().to_ascii_lowercase())
            .filter(|role| !role.is_empty())
            .collect();
        let trace = text(TRACEPARENT_KEY)
            .and_then(|value| value.parse().ok())
            .unwrap_or_else(|| TraceContext::start(ids));
        Ok(Self {
            seller,
            principal,
            roles,
            idempotency_key: text(IDEMPOTENCY_KEY).unwrap_or_default().to_owned(),
            trace,
            timeout: text("grpc-timeout").and_then(timeout),
        })
    }

    /// Reads the context of a command.
    ///
    /// # Errors
    /// Those of [`CallContext::query`], and `INVALID_ARGUMENT` without a usable idempotency key.
    pub fn command(metadata: &MetadataMap, ids: &Ids) -> Result<Self, Status> {
        let call = Self::query(metadata, ids)?;
        let length = call.idempotency_key.len();
        if length == 0 || length > MAX_IDEMPOTENCY_KEY {
            return Err(Rejection::invalid_argument(
                "IDEMPOTENCY_KEY_REQUIRED",
                format!("a command needs metadata {IDEMPOTENCY_KEY} of 1 to {MAX_IDEMPOTENCY_KEY} characters"),
            )
            .into());
        }
        Ok(call)
    }

    /// Whether the caller has the role.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|held| held == role)
    }
}

fn unauthenticated(reason: &'static str, key: &str) -> Status {
    let details = ErrorDetails::with_error_info(
        reason,
        DOMAIN,
        [("metadata_key".to_owned(), key.to_owned())],
    );
    Status::with_error_details(
        Code::Unauthenticated,
        format!("metadata {key} is missing or malformed"),
        details,
    )
}

/// `grpc-timeout`: up to eight digits and a unit.
fn timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let count: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    Some(match unit {
        "H" => Duration::from_secs(count * 3_600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt;

    use super::*;

    fn metadata(pairs: &[(&'static str, &'static str)]) -> MetadataMap {
        let mut metadata = MetadataMap::new();
        for (key, value) in pairs {
            metadata.insert(*key, value.parse().unwrap());
        }
        metadata
    }

    fn reason(status: &Status) -> String {
        status
            .get_error_details()
            .error_info()
            .unwrap()
            .reason
            .clone()
    }

    /// P4: each thing that a call must bring is asked for by its own reason.
    #[test]
    fn says_what_is_missing() {
        let ids = Ids::counted();
        let seller = (SELLER_KEY, "acme");
        let principal = (PRINCIPAL_KEY, "em@acme.example");
        for (brought, code, expected) in [
            (vec![], Code::Unauthenticated, "SELLER_REQUIRED"),
            (
                vec![(SELLER_KEY, "a b"), principal],
                Code::Unauthenticated,
                "SELLER_REQUIRED",
            ),
            (vec![seller], Code::Unauthenticated, "PRINCIPAL_REQUIRED"),
            (
                vec![seller, principal],
                Code::InvalidArgument,
                "IDEMPOTENCY_KEY_REQUIRED",
            ),
        ] {
            let status = CallContext::command(&metadata(&brought), &ids).unwrap_err();
            assert_eq!((status.code(), reason(&status).as_str()), (code, expected));
        }
        let complete = metadata(&[
            seller,
            principal,
            (ROLES_KEY, "Legal, sales ,"),
            (IDEMPOTENCY_KEY, "k"),
            ("grpc-timeout", "1500m"),
        ]);
        let call = CallContext::command(&complete, &ids).unwrap();
        assert_eq!(call.roles, ["legal", "sales"]);
        assert!(call.has_role("legal") && !call.has_role("leg"));
        assert_eq!(call.timeout, Some(Duration::from_millis(1500)));
    }

    #[test]
    fn timeouts_are_read_as_grpc_writes_them() {
        assert_eq!(timeout("2S"), Some(Duration::from_secs(2)));
        for wrong in ["", "S", "2", "2x", "123456789S", "é"] {
            assert_eq!(timeout(wrong), None, "{wrong}");
        }
    }
}

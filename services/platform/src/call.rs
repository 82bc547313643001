//! Who calls, for which tenant, with which key: the proven identity (P5), and what gRPC metadata
//! says beside it (P4).

use std::time::Duration;

use countersign_kernel::{Principal, SellerId};
use tonic::{Code, Request, Status};

use crate::auth::{Identity, denied};
use crate::ids::Ids;
use crate::rejection::Rejection;
use crate::telemetry::TraceContext;

/// The tenant, such as `acme`. With a token it may be left out: the token names it.
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
}

impl CallContext {
    /// Reads the context of a call that changes nothing.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` when nobody has proven who calls.
    pub fn query<T>(request: &Request<T>, ids: &Ids) -> Result<Self, Status> {
        let Some(caller) = request.extensions().get::<Identity>().cloned() else {
            let message = "nobody has proven who calls";
            return Err(denied(Code::Unauthenticated, "CALLER_UNKNOWN", message));
        };
        let text = |key| {
            request
                .metadata()
                .get(key)
                .and_then(|value| value.to_str().ok())
        };
        let trace = text(TRACEPARENT_KEY)
            .and_then(|value| value.parse().ok())
            .unwrap_or_else(|| TraceContext::start(ids));
        Ok(Self {
            seller: caller.seller,
            principal: caller.principal,
            roles: caller.roles,
            idempotency_key: text(IDEMPOTENCY_KEY).unwrap_or_default().to_owned(),
            trace,
        })
    }

    /// Reads the context of a command.
    ///
    /// # Errors
    /// Those of [`CallContext::query`], and `INVALID_ARGUMENT` without a usable idempotency key.
    pub fn command<T>(request: &Request<T>, ids: &Ids) -> Result<Self, Status> {
        let call = Self::query(request, ids)?;
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
}

/// `grpc-timeout`: up to eight digits and a unit.
pub(crate) fn timeout(text: &str) -> Option<Duration> {
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

    fn request(caller: bool, metadata: &[(&'static str, &'static str)]) -> Request<()> {
        let mut request = Request::new(());
        for (key, value) in metadata {
            request.metadata_mut().insert(*key, value.parse().unwrap());
        }
        if caller {
            request.extensions_mut().insert(Identity {
                seller: "acme".parse().unwrap(),
                principal: "em@acme.example".parse().unwrap(),
                roles: vec!["legal".to_owned()],
            });
        }
        request
    }

    /// P5: what the metadata says of the caller counts for nothing here.
    #[test]
    fn only_a_proven_caller_has_a_context() {
        let ids = Ids::counted();
        let said = [
            (SELLER_KEY, "other"),
            (PRINCIPAL_KEY, "somebody"),
            (ROLES_KEY, "operator"),
            (IDEMPOTENCY_KEY, "k"),
        ];
        let status = CallContext::command(&request(false, &said), &ids).unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated);
        let call = CallContext::command(&request(true, &said), &ids).unwrap();
        assert_eq!(call.seller.as_str(), "acme");
        assert_eq!(call.principal.as_str(), "em@acme.example");
        assert_eq!(call.roles, ["legal"]);
    }

    /// P4: a command has a key.
    #[test]
    fn a_command_is_asked_for_its_key() {
        let status = CallContext::command(&request(true, &[]), &Ids::counted()).unwrap_err();
        let details = status.get_error_details();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(
            details.error_info().unwrap().reason,
            "IDEMPOTENCY_KEY_REQUIRED"
        );
    }

    #[test]
    fn timeouts_are_read_as_grpc_writes_them() {
        assert_eq!(timeout("2S"), Some(Duration::from_secs(2)));
        for wrong in ["", "S", "2", "2x", "123456789S", "é"] {
            assert_eq!(timeout(wrong), None, "{wrong}");
        }
    }
}

//! Failures on demand, by operation and name: what a client must survive (O9).

use serde::{Deserialize, Serialize};

/// How a request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Failure {
    /// 429 `ThrottlingException`.
    Throttle,
    /// 500 `InternalServiceException` / `InternalServerException`.
    Fault,
    /// The request is processed and never answered.
    Timeout,
    /// 423 `ResourceInUseException`.
    Lock,
    /// 415 `ResourceNotSupportedException`.
    NotSupported,
    /// 403 `AccessDeniedException`.
    AccessDenied,
    /// `StartChangeSet` succeeds, and its change set ends FAILED with `SERVER_FAULT`.
    ServerFault,
    /// `StartChangeSet` succeeds, and its change set does not end before `POST /sandbox/change-sets/end`.
    NeverEnds,
    /// A payment, cancellation or adjustment request is taken and ends `VALIDATION_FAILED`.
    Invalid,
    /// 402 `ServiceQuotaExceededException`.
    Quota,
    /// The request arrives twice, as if the network had repeated it; the second answer is given.
    Twice,
    /// The request is processed, and its answer is 200 with a body that is no answer.
    Nonsense,
    /// 503 with a body that is not AWS's, as from a load balancer in front of it.
    Unavailable,
    /// The request is processed, and each status or state in its answer is one that no model has.
    UnknownValue,
}

/// `times` coming requests of `operation` fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Injection {
    pub(crate) operation: String,
    pub(crate) failure: Failure,
    #[serde(default = "once")]
    pub(crate) times: u32,
    /// The request is processed before it fails: the answer is lost, its effect is not.
    #[serde(default)]
    pub(crate) after_apply: bool,
}

fn once() -> u32 {
    1
}

/// The failures still to come, in the order they were asked for.
#[derive(Debug, Default)]
pub(crate) struct Injections {
    pending: Vec<Injection>,
}

impl Injections {
    pub(crate) fn add(&mut self, injection: Injection) {
        if injection.times > 0 {
            self.pending.push(injection);
        }
    }

    /// The failure of this request, if it has one.
    pub(crate) fn take(&mut self, operation: &str) -> Option<Injection> {
        let position = self
            .pending
            .iter()
            .position(|injection| injection.operation == operation)?;
        self.pending[position].times -= 1;
        if self.pending[position].times == 0 {
            Some(self.pending.remove(position))
        } else {
            Some(self.pending[position].clone())
        }
    }

    pub(crate) fn pending(&self) -> &[Injection] {
        &self.pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_times_as_asked_and_only_that_operation() {
        let mut injections = Injections::default();
        injections.add(Injection {
            operation: "StartChangeSet".to_owned(),
            failure: Failure::Throttle,
            times: 2,
            after_apply: false,
        });
        assert!(injections.take("DescribeEntity").is_none());
        assert!(injections.take("StartChangeSet").is_some());
        assert!(injections.take("StartChangeSet").is_some());
        assert!(injections.take("StartChangeSet").is_none());
    }
}

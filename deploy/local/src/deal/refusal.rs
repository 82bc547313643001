//! How a service says no, and whether it said it as expected (P4).

use std::collections::BTreeMap;
use std::fmt::{Display, Formatter};

use countersign_platform::grpc::code_name;
use serde::Deserialize;
use tonic::Status;
use tonic_types::StatusExt;

/// What a refusal must look like. Fields that are not given are not looked at.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refused {
    /// gRPC's code in its own spelling, such as `FAILED_PRECONDITION`.
    pub(super) code: String,
    /// The stable reason code.
    pub(super) reason: Option<String>,
    /// Every wrong field, by its path, and the reason why it is wrong: no more and no fewer.
    #[serde(default)]
    pub(super) fields: BTreeMap<String, String>,
}

/// What a service said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    code: &'static str,
    reason: Option<String>,
    fields: BTreeMap<String, String>,
    message: String,
}

impl Refusal {
    pub(super) fn of(status: &Status) -> Self {
        let details = status.get_error_details();
        let violations = details
            .bad_request()
            .map(|bad| bad.field_violations.as_slice());
        let fields = violations.unwrap_or_default().iter();
        Self {
            code: code_name(status.code()),
            reason: details.error_info().map(|info| info.reason.clone()),
            fields: fields
                .map(|field| (field.field.clone(), field.reason.clone()))
                .collect(),
            message: status.message().to_owned(),
        }
    }

    /// Code and reason, and the wrong fields: of several, each on a line of its own.
    pub(super) fn in_lines(&self) -> String {
        let reason = self.reason.iter().map(|reason| format!(" {reason}"));
        let gap = if self.fields.len() > 1 { "\n" } else { ", " };
        let fields = self.fields.iter();
        let fields = fields.map(|(field, reason)| format!("{gap}{field}: {reason}"));
        std::iter::once(self.code.to_owned())
            .chain(reason)
            .chain(fields)
            .collect()
    }

    /// The first difference from what was expected, as a sentence.
    pub(super) fn mismatch(&self, expected: &Refused) -> Option<String> {
        let reason = expected
            .reason
            .as_ref()
            .filter(|reason| self.reason.as_ref() != Some(*reason));
        let told = format!("the answer was {self}");
        if self.code != expected.code {
            return Some(format!(
                "it should be refused with {}; {told}",
                expected.code
            ));
        }
        if let Some(reason) = reason {
            return Some(format!("the reason should be {reason}; {told}"));
        }
        let wrong_fields = !expected.fields.is_empty() && self.fields != expected.fields;
        wrong_fields.then(|| format!("the wrong fields should be {:?}; {told}", expected.fields))
    }
}

impl Display for Refusal {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(reason) = &self.reason {
            write!(f, " {reason}")?;
        }
        for (field, reason) in &self.fields {
            write!(f, ", {field}: {reason}")?;
        }
        write!(f, " ({})", self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::Code;
    use tonic_types::{ErrorDetails, FieldViolation};

    fn refusal() -> Refusal {
        let mut violation = FieldViolation::new("content.currency_code", "is unknown");
        violation.reason = "CURRENCY_UNKNOWN".to_owned();
        let mut details = ErrorDetails::with_bad_request(vec![violation]);
        details.set_error_info("INVALID", "countersign", std::collections::HashMap::new());
        Refusal::of(&Status::with_error_details(
            Code::InvalidArgument,
            "two things",
            details,
        ))
    }

    fn expected(code: &str, reason: Option<&str>, fields: &[(&str, &str)]) -> Refused {
        let own = |(field, reason): &(&str, &str)| ((*field).to_owned(), (*reason).to_owned());
        Refused {
            code: code.to_owned(),
            reason: reason.map(str::to_owned),
            fields: fields.iter().map(own).collect(),
        }
    }

    #[test]
    fn a_refusal_is_compared_by_code_reason_and_every_field() {
        let currency = ("content.currency_code", "CURRENCY_UNKNOWN");
        let cases = [
            (expected("INVALID_ARGUMENT", None, &[]), true),
            (
                expected("INVALID_ARGUMENT", Some("INVALID"), &[currency]),
                true,
            ),
            (expected("NOT_FOUND", None, &[]), false),
            (expected("INVALID_ARGUMENT", Some("OTHER"), &[]), false),
            (
                expected(
                    "INVALID_ARGUMENT",
                    None,
                    &[("content.currency_code", "OTHER")],
                ),
                false,
            ),
            (
                expected("INVALID_ARGUMENT", None, &[currency, ("more", "X")]),
                false,
            ),
        ];
        for (expected, matches) in cases {
            assert_eq!(
                refusal().mismatch(&expected).is_none(),
                matches,
                "{expected:?}"
            );
        }
    }
}

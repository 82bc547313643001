//! The intake's table against the sandbox (O1, O4). An intake is sent nowhere by itself: AWS sees the offer that is
//! made of it, so each violation with a code of AWS's is put into a release that is sound otherwise, in the text
//! that is sent. An offer cannot be drafted so: this is what the intake spares.
//!
//! The other rows are ours: what was approved, the buyer's terms with AWS, and its contact are in no request.

use super::cross_check::{Market, bucket};
use crate::domain::preflight::form::RULES;
use crate::domain::sample;

const PRICE: &str = "TOTAL_PRICE_INVALID";
const DURATION: &str = "DURATION_INVALID";
const ACCOUNT: &str = "\"123456789012\"";
/// An account that AWS Marketplace does not have. One of `GovCloud` is none of the commercial partition, and one of
/// which nobody said what it is may be none.
const NO_ACCOUNT: &str = "\"000000000000\"";

/// The rule, what stands in the release in place of what is sound, and what AWS answers where it is not the row's
/// code: a duration is refused at once when it is none.
const CASES: &[(&str, &str, &str, Option<&str>)] = &[
    (PRICE, "\"USD\"", "\"CHF\"", None),
    (DURATION, "\"P90D\"", "\"P0D\"", None),
    (
        DURATION,
        "\"P90D\"",
        "\"90 days\"",
        Some("ValidationException"),
    ),
    ("GOVCLOUD_ACCOUNT", ACCOUNT, NO_ACCOUNT, None),
    ("ACCOUNT_KIND_REQUIRED", ACCOUNT, NO_ACCOUNT, None),
    ("ACCOUNT_ID_INVALID", ACCOUNT, "\"12345678901\"", None),
    ("ACCOUNT_ID_INVALID", ACCOUNT, "\"12345678901x\"", None),
    (
        "PRODUCT_UNKNOWN",
        "\"prod-landingzone1\"",
        "\"prod-nothing\"",
        None,
    ),
];

#[tokio::test]
async fn each_violation_of_the_intake_is_answered_as_the_table_says() {
    let folder = bucket();
    let mut wrong = Vec::new();
    for (rule, sound, violated, other) in CASES {
        let candidate = sample::candidate();
        let market = Market::of(&candidate, folder.path()).await;
        let mut request = market.release(&candidate).await;
        for change in &mut request.changes {
            change.details = change.details.replace(sound, violated);
        }
        let row = RULES.iter().find(|row| row.id == *rule).unwrap();
        let codes = market.answered(&request).await;
        let expected = other.unwrap_or(row.aws_error_code);
        if !codes.iter().any(|code| code == expected) {
            wrong.push(format!(
                "{rule} by {violated}: {expected}, but the sandbox: {codes:?}"
            ));
        }
    }
    assert_eq!(wrong, [""; 0]);
}

/// No row with a code of AWS's is left out.
#[test]
fn every_row_with_a_code_has_a_case() {
    let coded = RULES.iter().filter(|row| !row.aws_error_code.is_empty());
    for row in coded {
        let mut cases = CASES.iter();
        let told = cases.any(|(rule, .., other)| *rule == row.id && other.is_none());
        assert!(told, "{}", row.id);
    }
}

//! How long pre-flight takes for the largest direct offer that it lets pass: 60 installments, 24 buyer
//! accounts, six documents (issue's figure: under 200 µs). The release build's number counts.

use std::hint::black_box;
use std::time::Instant;

use chrono::{Days, NaiveDate};
use countersign_kernel::{Currency, Digest, IsoDuration, Money};

use crate::domain::deal::{DatedAmount, Document, DocumentKind, MediaType};
use crate::domain::plan::Plan;
use crate::domain::preflight::{Candidate, Standing, findings};
use crate::domain::resale::Kind;

const ROUNDS: u32 = 2_000;
const INSTALLMENTS: u32 = 60;
const ACCOUNTS: u64 = 24;
const ANNEXES: usize = 4;

/// The middle of many rounds, as text with one decimal digit.
pub(crate) fn preflight_microseconds() -> String {
    let Some(candidate) = largest() else {
        return "the largest offer cannot be made\n".to_owned();
    };
    let mut rounds: Vec<u128> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            black_box(findings(black_box(&candidate)));
            start.elapsed().as_nanos()
        })
        .collect();
    rounds.sort_unstable();
    let middle = rounds[rounds.len() / 2];
    format!("{}.{}\n", middle / 1000, middle % 1000 / 100)
}

fn largest() -> Option<Candidate> {
    let today = NaiveDate::from_ymd_opt(2026, 3, 2)?;
    let first = today.checked_add_days(Days::new(30))?;
    let amount = Money::from_minor_units(100_000, Currency::Usd).ok()?;
    let schedule = (0..u64::from(INSTALLMENTS)).map(|number| {
        let date = first.checked_add_days(Days::new(number * 30))?;
        Some(DatedAmount { date, amount })
    });
    let document = |id: String, kind| Document {
        digest: Digest::of(id.as_bytes()),
        file_name: format!("{id}.pdf"),
        media_type: MediaType::Pdf,
        size_bytes: 10_000_000,
        kind,
        id,
    };
    let digest = Digest::of(b"approved");
    let annexes =
        (0..ANNEXES).map(|number| document(format!("annex-{number}"), DocumentKind::Annex));
    let named = [
        document("eula".to_owned(), DocumentKind::Eula),
        document("sow".to_owned(), DocumentKind::Sow),
    ];
    Some(Candidate {
        plan: Plan {
            product_id: "prod-landingzone1".to_owned(),
            name: "n".repeat(150),
            description: "d".repeat(255),
            buyer_accounts: (0..ACCOUNTS)
                .map(|number| format!("{number:012}"))
                .collect(),
            currency: Currency::Usd,
            fixed_price: Money::zero(Currency::Usd),
            schedule: schedule.collect::<Option<_>>()?,
            upfront: None,
            duration: "P6Y".parse::<IsoDuration>().ok()?,
            dimension_key: Some("landing_zone".to_owned()),
            available_until: first.pred_opt(),
            legal_document: Some(digest),
            kind: Kind::Direct,
        },
        today,
        approved_price: Money::from_minor_units(6_000_000, Currency::Usd).ok()?,
        offer_digest: digest,
        standing: Standing {
            approved_digest: Some(digest),
            stamp_valid: true,
            sow_signed: true,
            checklist_completed: true,
        },
        intake_current: true,
        documents: named.into_iter().chain(annexes).collect(),
        document_failure: None,
        product_dimensions: vec!["landing_zone".to_owned()],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is measured is the whole table: an offer that passes is looked at by every rule.
    #[test]
    fn the_largest_offer_passes() {
        let candidate = largest().unwrap();
        assert_eq!(candidate.plan.schedule.len(), 60);
        assert_eq!(candidate.plan.buyer_accounts.len(), 24);
        assert_eq!(findings(&candidate), []);
        assert!(preflight_microseconds().trim().parse::<f64>().is_ok());
    }
}

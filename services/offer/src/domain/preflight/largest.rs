//! The largest direct offer that pre-flight lets pass: 60 installments, 24 buyer accounts, six documents
//! of the largest size. It is what `countersign-offer time-preflight` times.

use countersign_kernel::chrono::{Days, NaiveDate};
use countersign_kernel::{Currency, Digest, IsoDuration, Money};

use super::{Candidate, Standing};
use crate::domain::deal::{DatedAmount, Document, DocumentKind, MediaType};
use crate::domain::limits::Limits;
use crate::domain::plan::Plan;
use crate::domain::resale::{Kind, SellerKind};

const INSTALLMENTS: u64 = 60;
const ACCOUNTS: u64 = 24;
const ANNEXES: usize = 4;

/// The offer; `None` never, but for values that are none by their types.
pub(crate) fn largest() -> Option<Candidate> {
    let today = NaiveDate::from_ymd_opt(2026, 3, 2)?;
    let first = today.checked_add_days(Days::new(30))?;
    let amount = Money::from_minor_units(100_000, Currency::Usd).ok()?;
    let schedule = (0..INSTALLMENTS).map(|number| {
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
            cap: None,
            duration: "P6Y".parse::<IsoDuration>().ok()?,
            dimension_key: Some("landing_zone".to_owned()),
            available_until: first.pred_opt(),
            pre_existing: None,
            legal_document: Some(digest),
            reseller_contract: None,
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
        by_portal: false,
        renewal: false,
        seller: SellerKind::Isv,
        // Sixty charges, a month each, last longer than is taken of a seller that says nothing.
        limits: Limits {
            agreement_months: 72,
            ..Limits::default()
        },
        held: None,
        unpaid: None,
    })
}

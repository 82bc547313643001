//! The violations: each rule alone, and those that cannot be violated without another (O4). The table of
//! rules is complete when each has a row here.

use countersign_kernel::chrono::NaiveDate;
use countersign_kernel::{Currency, Digest, Money};

use super::{Candidate, findings};
use crate::domain::deal::{DatedAmount, Document, DocumentKind, MediaType};
use crate::domain::plan::PreExisting;
use crate::domain::renewal::Held;
use crate::domain::resale::{Authorization, Contract, Kind, NetTerms, Partner, SellerKind};
use crate::domain::sample;

pub(super) const DIRECT: fn() -> Candidate = sample::candidate;

pub(super) fn authorization() -> Candidate {
    sample::candidate_of(&sample::authorization_draft())
}

pub(super) fn partner() -> Candidate {
    sample::candidate_of(&sample::partner_draft())
}

/// The handbook's deal with a cap in place of the one charge, entered in AWS's portal.
pub(super) fn variable() -> Candidate {
    sample::candidate_of(&sample::variable_draft())
}

/// S1's charges made from a mark-up in place of amounts.
pub(super) fn marked_up(percentage: &str) -> Candidate {
    let (mut offer, engagement) = sample::partner_draft();
    let mut kind = sample::partner();
    kind.fixed_amounts = false;
    kind.markup = Some(percentage.parse().unwrap());
    offer.basis.kind = Kind::Partner(kind);
    sample::candidate_of(&(offer, engagement))
}

/// What another authorized at one price, so that the percentage itself is sent.
pub(super) fn percentage(percentage: &str) -> Candidate {
    sample::candidate_of(&sample::marked_up_draft(percentage))
}

/// Of one price, for any buyer, without end.
pub(super) fn open_ended() -> Candidate {
    sample::candidate_of(&sample::open_ended_draft())
}

pub(super) fn allowed(candidate: &mut Candidate) -> &mut Authorization {
    match &mut candidate.plan.kind {
        Kind::Authorization(allowed) => allowed,
        Kind::Direct | Kind::Partner(_) => panic!("no authorization"),
    }
}

pub(super) fn reselling(candidate: &mut Candidate) -> &mut Partner {
    match &mut candidate.plan.kind {
        Kind::Partner(partner) => partner,
        Kind::Direct | Kind::Authorization(_) => panic!("no reseller's offer"),
    }
}

/// What the buyer has, until then.
pub(super) fn held(ends_at: Option<&str>) -> Held {
    Held {
        agreement_id: "agmt-before".parse().unwrap(),
        ends_at: ends_at.map(sample::at),
    }
}

pub(super) fn ids(candidate: &Candidate) -> Vec<&'static str> {
    let found = findings(candidate);
    found.iter().map(|finding| finding.rule).collect()
}

pub(super) fn charges_from(day: &str, count: usize) -> Vec<DatedAmount> {
    let days = sample::day(day).iter_days().take(count);
    let amount = sample::usd("1.00");
    days.map(|date| DatedAmount { date, amount }).collect()
}

pub(super) fn document(name: &str, size_bytes: u64) -> Document {
    Document {
        id: name.into(),
        kind: DocumentKind::Annex,
        file_name: name.into(),
        media_type: MediaType::Pdf,
        size_bytes,
        digest: Digest::of(name.as_bytes()),
    }
}

pub(super) fn reseller_contract() -> Document {
    Document {
        kind: DocumentKind::ResellerContract,
        ..document("reseller.pdf", 20_000)
    }
}

pub(crate) type Change = fn(&mut Candidate);
pub(crate) type Base = fn() -> Candidate;

/// Each rule, violated alone. Today is 2026-03-02; the direct offer expires on 2026-03-31 and its
/// agreement would end on 2026-05-31; the resale of S1 ends on 2026-03-16, before its charges.
pub(crate) const ALONE: &[(&str, Base, Change)] = &[
    ("STAMP_INVALID", DIRECT, |c| c.standing.stamp_valid = false),
    ("DIGEST_MISMATCH", DIRECT, |c| {
        c.standing.approved_digest = Some(Digest::of(b"other"));
    }),
    ("DIGEST_MISMATCH", DIRECT, |c| {
        c.standing.approved_digest = None;
    }),
    ("SOW_NOT_SIGNED", DIRECT, |c| c.standing.sow_signed = false),
    ("OFFER_EXPIRY_WITHIN_YEARS", DIRECT, |c| {
        c.plan.duration = "P4Y".parse().unwrap();
        c.plan.available_until = Some(sample::day("2029-03-03"));
    }),
    ("AGREEMENT_DURATION_VALID", DIRECT, |c| {
        c.plan.duration = "P60M1D".parse().unwrap();
    }),
    ("CHARGE_DATES_BEFORE_AGREEMENT_END", authorization, |c| {
        c.plan.schedule[1].date = sample::day("2026-06-01");
    }),
    ("RENEWAL_NEEDS_BUYER", authorization, |c| {
        c.plan.pre_existing = Some(PreExisting::External);
        c.plan.buyer_accounts.clear();
    }),
    ("RENEWAL_MARKED_BY_ISV", DIRECT, |c| {
        c.plan.pre_existing = Some(PreExisting::AwsMarketplace);
        c.seller = SellerKind::ChannelPartner;
    }),
    ("RENEWAL_MARKED_BY_ISV", authorization, |c| {
        c.plan.pre_existing = Some(PreExisting::External);
        c.seller = SellerKind::ChannelPartner;
    }),
    ("RENEWAL_MARKED_BY_SELLER", partner, |c| c.renewal = true),
    ("AGREEMENT_ENDS_AFTER_EXPIRY", DIRECT, |c| {
        c.held = Some(held(Some("2026-03-31T12:00:00Z")));
    }),
    ("AGREEMENT_ENDS_AFTER_EXPIRY", partner, |c| {
        c.held = Some(held(None));
    }),
    ("AGREEMENT_STILL_ACTIVE", DIRECT, |c| {
        c.held = Some(held(Some("2026-03-30T23:59:59Z")));
    }),
    ("CHECKLIST_OPEN", DIRECT, |c| {
        c.standing.checklist_completed = false;
    }),
    ("INTAKE_CHANGED", DIRECT, |c| c.intake_current = false),
    ("OFFER_NAME_PRESENT", DIRECT, |c| c.plan.name.clear()),
    ("OFFER_NAME_PRESENT", authorization, |c| c.plan.name.clear()),
    ("OFFER_NAME_LENGTH", DIRECT, |c| {
        c.plan.name = "n".repeat(151);
    }),
    ("OFFER_NAME_CHARACTERS", DIRECT, |c| {
        c.plan.name = "a <b>".into();
    }),
    ("OFFER_NAME_CHARACTERS", DIRECT, |c| {
        c.plan.name = " a".into();
    }),
    ("OFFER_NAME_CHARACTERS", partner, |c| {
        c.plan.name = "a\\b".into();
    }),
    ("AUTHORIZATION_NAME_LENGTH", authorization, |c| {
        c.plan.name = "n".repeat(101);
    }),
    ("AUTHORIZATION_NAME_CHARACTERS", authorization, |c| {
        c.plan.name = "A & B".into();
    }),
    ("AUTHORIZATION_NAME_CHARACTERS", authorization, |c| {
        c.plan.name = "A  B".into();
    }),
    ("OFFER_DESCRIPTION_PRESENT", DIRECT, |c| {
        c.plan.description.clear();
    }),
    ("OFFER_DESCRIPTION_LENGTH", DIRECT, |c| {
        c.plan.description = "d".repeat(256);
    }),
    ("OFFER_DESCRIPTION_CHARACTERS", DIRECT, |c| {
        c.plan.description = " d".into();
    }),
    ("AUTHORIZATION_DESCRIPTION_CHARACTERS", authorization, |c| {
        c.plan.description = "50/50".into();
    }),
    ("OFFER_EXPIRY_PRESENT", DIRECT, |c| {
        c.plan.available_until = None;
    }),
    ("OFFER_EXPIRY_IN_FUTURE", DIRECT, |c| {
        c.plan.available_until = Some(c.today);
    }),
    ("OFFER_EXPIRY_IN_FUTURE", authorization, |c| {
        c.plan.available_until = Some(c.today);
    }),
    ("OFFER_EXPIRY_IN_FUTURE", DIRECT, |c| {
        c.plan.available_until = Some(sample::day("2026-03-01"));
    }),
    ("OFFER_EXPIRY_BEFORE_AGREEMENT_END", DIRECT, |c| {
        c.plan.available_until = Some(sample::day("2026-05-31"));
    }),
    ("CHARGES_BEFORE_EXPIRY", DIRECT, |c| {
        c.plan.schedule = vec![
            sample::dated("2026-03-02", "52500.00"),
            sample::dated("2026-03-31", "50000.00"),
        ];
    }),
    ("BUYER_ACCOUNTS_PRESENT", DIRECT, |c| {
        c.plan.buyer_accounts.clear();
    }),
    ("BUYER_ACCOUNTS_VALID", DIRECT, |c| {
        c.plan.buyer_accounts = vec!["12345678901".into()];
    }),
    ("BUYER_ACCOUNTS_VALID", DIRECT, |c| {
        c.plan.buyer_accounts = vec!["12345678901x".into()];
    }),
    ("BUYER_ACCOUNTS_VALID", authorization, |c| {
        c.plan.buyer_accounts = vec!["1".into()];
    }),
    ("BUYER_ACCOUNTS_UNIQUE", DIRECT, |c| {
        c.plan.buyer_accounts = vec!["123456789012".into(); 2];
    }),
    ("BUYER_ACCOUNTS_COUNT", DIRECT, |c| {
        c.plan.buyer_accounts = accounts(25);
    }),
    ("BUYER_ACCOUNTS_COUNT", DIRECT, |c| {
        c.plan.buyer_accounts = accounts(27);
    }),
    ("AUTHORIZATION_BUYERS_COUNT", authorization, |c| {
        c.plan.buyer_accounts = accounts(26);
    }),
    ("PARTNER_BUYERS_COUNT", partner, |c| {
        reselling(c).authorization.buyers.clear();
        c.plan.buyer_accounts = accounts(2);
    }),
    ("CURRENCY_SUPPORTED", DIRECT, |c| {
        in_currency(c, Currency::Inr);
    }),
    ("AUTHORIZATION_CURRENCY", authorization, |c| {
        in_currency(c, Currency::Cad);
    }),
    ("PRICE_EQUALS_APPROVED", DIRECT, |c| {
        c.approved_price = sample::usd("102500.01");
    }),
    ("PRICE_EQUALS_APPROVED", partner, |c| {
        c.approved_price = sample::usd("1.11");
    }),
    ("FIXED_TERM_PRICE_ZERO", DIRECT, |c| {
        c.plan.fixed_price = sample::usd("1.00");
    }),
    ("CHARGE_AMOUNTS_IN_RANGE", DIRECT, |c| {
        c.plan.schedule[0].amount = Money::zero(Currency::Usd);
        c.approved_price = Money::zero(Currency::Usd);
    }),
    ("VARIABLE_PAYMENTS_BY_PORTAL", variable, |c| {
        c.by_portal = false;
    }),
    ("PRICE_EQUALS_APPROVED", variable, |c| {
        c.plan.cap = Some(sample::usd("102500.01"));
    }),
    ("SCHEDULE_LENGTH", DIRECT, |c| {
        c.plan.available_until = Some(sample::day("2026-03-03"));
        c.plan.duration = "P1Y".parse().unwrap();
        c.plan.schedule = charges_from("2026-03-03", 61);
        c.approved_price = sample::usd("61.00");
    }),
    ("CHARGE_DATES_UNIQUE", DIRECT, |c| {
        c.plan.schedule = vec![
            sample::dated("2026-04-02", "52500.00"),
            sample::dated("2026-04-02", "50000.00"),
        ];
    }),
    ("CHARGE_DATES_NOT_PAST", DIRECT, |c| {
        c.plan.schedule[0].date = sample::day("2026-03-01");
    }),
    ("CHARGE_DATES_BEFORE_AGREEMENT_END", DIRECT, |c| {
        c.plan.schedule[0].date = sample::day("2026-05-31");
    }),
    ("AGREEMENT_DURATION_VALID", DIRECT, |c| {
        c.plan.duration = "P10000Y".parse().unwrap();
        c.today = NaiveDate::from_ymd_opt(255_000, 1, 1).unwrap();
        c.plan.available_until = c.today.succ_opt();
        c.plan.schedule[0].date = c.today;
    }),
    ("PRODUCT_ID_VALID", DIRECT, |c| {
        c.plan.product_id = "-".into();
    }),
    ("DIMENSION_EXISTS", DIRECT, |c| c.plan.dimension_key = None),
    ("DIMENSION_EXISTS", DIRECT, |c| {
        c.product_dimensions = vec!["other".into()];
    }),
    ("DIMENSION_EXISTS", open_ended, |c| {
        c.product_dimensions = vec!["other".into()];
    }),
    ("DIMENSION_KEY_LENGTH", DIRECT, |c| {
        c.product_dimensions = vec!["k".repeat(101)];
        c.plan.dimension_key = Some("k".repeat(101));
    }),
    ("DIMENSION_KEY_LENGTH", open_ended, |c| {
        c.product_dimensions = vec!["k".repeat(61)];
        c.plan.dimension_key = Some("k".repeat(61));
    }),
    ("EULA_PRESENT", DIRECT, |c| c.documents.clear()),
    ("EULA_PRESENT", partner, |c| {
        c.documents.clear();
        reselling(c).authorization.has_eula = false;
    }),
    ("EULA_PRESENT", authorization, |c| c.documents.clear()),
    ("DOCUMENT_COUNT", DIRECT, |c| {
        let more = (0..4).map(|number| document(&format!("{number}.pdf"), 1));
        c.documents.extend(more);
    }),
    ("DOCUMENT_SIZE", DIRECT, |c| {
        c.documents[0].size_bytes = 10_000_001;
    }),
    ("DOCUMENT_SIZE", authorization, |c| {
        c.documents[0].size_bytes = 10_000_001;
    }),
    ("DOCUMENT_TYPE", DIRECT, |c| {
        c.documents[0].file_name = "sow.docx".into();
    }),
    ("DOCUMENT_TYPE", authorization, |c| {
        c.documents[0].file_name = "sow.docx".into();
    }),
    ("LEGAL_DOCUMENT_READY", DIRECT, |c| {
        c.plan.legal_document = None;
    }),
    ("LEGAL_DOCUMENT_READY", DIRECT, |c| {
        c.plan.legal_document = None;
        c.document_failure = Some("sow.pdf is encrypted".into());
    }),
    ("LEGAL_DOCUMENT_READY", authorization, |c| {
        c.plan.legal_document = None;
    }),
    ("PRICE_ABOVE_EXTRA_APPROVAL", DIRECT, |c| {
        c.plan.schedule[0].amount = sample::usd("250000.01");
        c.approved_price = sample::usd("250000.01");
    }),
    ("UNPAID_INSTALLMENTS_CARRIED", DIRECT, |c| {
        c.unpaid = Some(sample::unpaid(&[("2026-04-02", "50000.00")]));
    }),
    ("UNPAID_INSTALLMENTS_CARRIED", partner, |c| {
        c.unpaid = Some(sample::unpaid(&[("2026-03-18", "0.56")]));
    }),
    ("RESELLER_ACCOUNT_VALID", authorization, |c| {
        allowed(c).reseller.account = "123456789012".parse().unwrap();
    }),
    ("SINGLE_USE_NEEDS_END", authorization, |c| {
        c.plan.available_until = None;
    }),
    ("INSTALLMENTS_NEED_SINGLE_USE", authorization, |c| {
        allowed(c).single_use = false;
    }),
    ("AUTHORIZATION_ENDS_BEFORE_CHARGES", authorization, |c| {
        c.plan.available_until = Some(sample::day("2026-03-17"));
    }),
    ("RESELLER_CONTRACT_APPROVED", authorization, |c| {
        allowed(c).contract = Contract::Own;
    }),
    ("RESELLER_CONTRACT_APPROVED", authorization, |c| {
        c.documents.push(reseller_contract());
    }),
    ("RESELLER_CONTRACT_ACCEPTED", partner, |c| {
        reselling(c).contract_accepted = false;
    }),
    ("AUTHORIZATION_IN_FORCE", partner, |c| {
        reselling(c).authorization.until = Some(sample::day("2026-03-01"));
    }),
    ("AUTHORIZATION_PRODUCT", partner, |c| {
        reselling(c).authorization.product_id = "prod-other".parse().unwrap();
    }),
    ("AUTHORIZATION_CURRENCY_KEPT", partner, |c| {
        reselling(c).authorization.total = Money::parse("1.00", Currency::Eur).unwrap();
    }),
    ("AUTHORIZATION_DURATION_KEPT", partner, |c| {
        reselling(c).authorization.duration = "P91D".parse().unwrap();
    }),
    ("AUTHORIZED_BUYERS", partner, |c| {
        c.plan.buyer_accounts = vec!["210987654321".into()];
    }),
    ("PRICE_WAY_PRESENT", partner, |c| {
        reselling(c).fixed_amounts = false;
    }),
    ("PRICE_WAY_SINGLE", partner, |c| {
        reselling(c).markup = Some("10".parse().unwrap());
    }),
    ("MARKUP_DIGITS", || marked_up("10.0000000001"), |_| ()),
    ("MARKUP_DIGITS", || percentage("2.5000000001"), |_| ()),
    ("FIXED_AMOUNTS_NEED_SCHEDULE", partner, |c| {
        reselling(c).authorization.schedule.clear();
    }),
    ("CHARGE_DATES_KEPT", partner, |c| {
        c.plan.schedule[1].date = sample::day("2026-03-19");
    }),
    ("CHARGE_DATES_KEPT", partner, |c| {
        c.plan.schedule.pop();
        c.approved_price = sample::usd("0.55");
    }),
    ("AMOUNTS_COVER_WHOLESALE", partner, |c| {
        c.plan.schedule = vec![
            sample::dated("2026-03-17", "0.49"),
            sample::dated("2026-03-18", "0.61"),
        ];
    }),
    ("NET_TERMS_WITHIN_AUTHORIZATION", partner, |c| {
        reselling(c).net_terms = NetTerms::of_days(30).ok();
    }),
    ("NET_TERMS_WITHIN_AUTHORIZATION", partner, |c| {
        reselling(c).authorization.net_terms = NetTerms::of_days(30).ok();
    }),
    ("NET_TERMS_WITHIN_AUTHORIZATION", partner, |c| {
        reselling(c).authorization.net_terms = NetTerms::of_days(30).ok();
        reselling(c).net_terms = NetTerms::of_days(45).ok();
    }),
];

/// Rules that cannot be violated without another one.
pub(crate) const TOGETHER: &[(&[&str], Base, Change)] = &[
    (&["CURRENCY_SINGLE", "PRICE_EQUALS_APPROVED"], DIRECT, |c| {
        c.plan.schedule[0].amount = Money::parse("102500.00", Currency::Eur).unwrap();
    }),
    (
        &["PRICE_EQUALS_APPROVED", "SCHEDULE_PRESENT"],
        DIRECT,
        |c| c.plan.schedule.clear(),
    ),
    (
        &["CHARGE_AMOUNTS_IN_RANGE", "PRICE_ABOVE_EXTRA_APPROVAL"],
        DIRECT,
        |c| {
            c.plan.schedule[0].amount = sample::usd("100000000.01");
            c.approved_price = sample::usd("100000000.01");
        },
    ),
    (
        &["AGREEMENT_VALUE_IN_QUOTA", "PRICE_ABOVE_EXTRA_APPROVAL"],
        DIRECT,
        |c| {
            let amount = sample::usd("100000000.00");
            c.plan.schedule = charges_from("2026-04-01", 11);
            c.plan
                .schedule
                .iter_mut()
                .for_each(|charge| charge.amount = amount);
            c.approved_price = sample::usd("1100000000.00");
        },
    ),
    (
        &[
            "AUTHORIZATION_ENDS_BEFORE_CHARGES",
            "AUTHORIZATION_CHARGES_IN_FUTURE",
        ],
        authorization,
        |c| c.plan.schedule[0].date = c.today,
    ),
    (
        &[
            "PRICE_EQUALS_APPROVED",
            "MARKUP_IS_NO_DISCOUNT",
            "AMOUNTS_COVER_WHOLESALE",
        ],
        || marked_up("-10"),
        |_| (),
    ),
    (
        &["PRICE_EQUALS_APPROVED", "MARKUP_IS_NO_DISCOUNT"],
        || percentage("-2.5"),
        |_| (),
    ),
    (
        &[
            "PRICE_EQUALS_APPROVED",
            "SCHEDULE_PRESENT",
            "FIXED_AMOUNTS_NEED_SCHEDULE",
        ],
        partner,
        |c| {
            reselling(c).authorization.schedule.clear();
            c.plan.schedule.clear();
        },
    ),
];

pub(super) fn accounts(count: u64) -> Vec<String> {
    (0..count)
        .map(|number| format!("{:012}", 123_456_789_012 + number))
        .collect()
}

pub(super) fn in_currency(candidate: &mut Candidate, currency: Currency) {
    let other = |money: Money| Money::parse(&money.amount_text(), currency).unwrap();
    candidate.plan.currency = currency;
    candidate.plan.fixed_price = Money::zero(currency);
    candidate.approved_price = other(candidate.approved_price);
    for charge in &mut candidate.plan.schedule {
        charge.amount = other(charge.amount);
    }
}

//! A case per rule (O4): the candidate as it passes, changed in one thing.

use std::collections::BTreeSet;

use countersign_kernel::{Currency, Digest, Money};

use super::cases::*;
use super::*;
use crate::domain::deal::{DocumentKind, PaymentPlan};
use crate::domain::engagement::Approval;
use crate::domain::plan::PreExisting;
use crate::domain::resale::{Contract, NetTerms};
use crate::domain::sample;

#[test]
fn the_handbook_deal_and_s1s_resale_pass() {
    for passes in [
        DIRECT,
        authorization,
        open_ended,
        partner,
        variable,
        || marked_up("10"),
        || percentage("2.5"),
    ] {
        assert_eq!(ids(&passes()), [""; 0]);
    }
}

#[test]
fn each_rule_finds_its_own_failure() {
    for (number, (rule, base, change)) in ALONE.iter().enumerate() {
        let mut candidate = base();
        change(&mut candidate);
        assert_eq!(ids(&candidate), [*rule], "case {number}");
    }
    for (rules, base, change) in TOGETHER {
        let mut candidate = base();
        change(&mut candidate);
        assert_eq!(ids(&candidate), *rules);
    }
}

/// The table drives the tests: a new rule fails here until it has a row.
#[test]
fn every_rule_of_the_table_is_violated_somewhere() {
    let alone = ALONE.iter().map(|(rule, _, _)| *rule);
    let together = TOGETHER
        .iter()
        .flat_map(|(rules, _, _)| rules.iter().copied());
    let violated: BTreeSet<&str> = alone.chain(together).collect();
    let all: BTreeSet<&str> = rules().map(|rule| rule.id).collect();
    assert_eq!(violated, all);
}

/// All that can be wrong with the common part of a candidate at once.
fn worst(base: Base) -> Candidate {
    let mut c = base();
    c.standing.stamp_valid = false;
    c.standing.approved_digest = None;
    c.standing.checklist_completed = false;
    c.intake_current = false;
    c.plan.name = "<".repeat(151);
    c.plan.description = " ".repeat(255) + "/";
    c.plan.available_until = Some(sample::day("2026-05-31"));
    c.plan.buyer_accounts = accounts(25);
    c.plan
        .buyer_accounts
        .extend(["1".to_owned(), "1".to_owned()]);
    c.plan.currency = Currency::Inr;
    c.plan.fixed_price = sample::usd("1.00");
    c.plan.schedule = charges_from("2026-03-01", 62);
    c.plan.schedule[0].amount = sample::usd("0.00");
    c.plan.schedule[1].date = sample::day("2026-03-01");
    c.plan.schedule[61].date = sample::day("2026-06-01");
    c.approved_price = sample::usd("1100000000.00");
    c.plan.product_id = "-".into();
    c.plan.dimension_key = Some("k".repeat(101));
    let more = (0..6).map(|number| document(&format!("{number}.docx"), 10_000_001));
    c.documents = more.collect();
    c.plan.legal_document = None;
    c.renewal = true;
    c.plan.pre_existing = Some(PreExisting::AwsMarketplace);
    c.seller = SellerKind::ChannelPartner;
    c.held = Some(held(None));
    c.unpaid = Some(sample::unpaid(&[("2027-01-01", "1.00")]));
    c
}

/// The rules of the candidate's kind that hold.
fn silent(candidate: &Candidate) -> Vec<&'static str> {
    let found = ids(candidate);
    let of_kind = rules().filter(|rule| rule.kinds.has(&candidate.plan.kind));
    let ids = of_kind.map(|rule| rule.id);
    ids.filter(|rule| !found.contains(rule)).collect()
}

/// All failures at once, not the first (O4). What stays silent says the opposite of another rule, or
/// asks for something that is there in excess.
#[test]
fn failures_that_come_together_are_all_told() {
    assert_eq!(
        silent(&worst(DIRECT)),
        [
            "SOW_NOT_SIGNED",
            "OFFER_NAME_PRESENT",
            "OFFER_DESCRIPTION_PRESENT",
            "OFFER_EXPIRY_PRESENT",
            "OFFER_EXPIRY_IN_FUTURE",
            "OFFER_EXPIRY_WITHIN_YEARS",
            "BUYER_ACCOUNTS_PRESENT",
            "SCHEDULE_PRESENT",
            "VARIABLE_PAYMENTS_BY_PORTAL",
            "AGREEMENT_DURATION_VALID",
            "AGREEMENT_STILL_ACTIVE",
        ]
    );
    let mut given = worst(authorization);
    let allowed = allowed(&mut given);
    allowed.single_use = false;
    allowed.contract = Contract::Own;
    allowed.reseller.account = "123456789012".parse().unwrap();
    assert_eq!(
        silent(&given),
        [
            "SOW_NOT_SIGNED",
            "OFFER_NAME_PRESENT",
            "OFFER_DESCRIPTION_PRESENT",
            "OFFER_EXPIRY_IN_FUTURE",
            "AUTHORIZATION_CURRENCY",
            "SCHEDULE_PRESENT",
            "AGREEMENT_DURATION_VALID",
            "SINGLE_USE_NEEDS_END",
            "RENEWAL_NEEDS_BUYER",
        ]
    );
    let mut resold = worst(partner);
    let partner = reselling(&mut resold);
    partner.contract_accepted = false;
    partner.markup = Some("-0.0000000001".parse().unwrap());
    partner.net_terms = NetTerms::of_days(30).ok();
    let received = &mut partner.authorization;
    received.until = Some(sample::day("2026-03-01"));
    received.product_id = "prod-other".parse().unwrap();
    received.duration = "P1Y".parse().unwrap();
    received.has_eula = false;
    received.schedule[0].date = sample::day("2026-03-01");
    assert_eq!(
        silent(&resold),
        [
            "SOW_NOT_SIGNED",
            "OFFER_NAME_PRESENT",
            "OFFER_DESCRIPTION_PRESENT",
            "OFFER_EXPIRY_PRESENT",
            "OFFER_EXPIRY_IN_FUTURE",
            "OFFER_EXPIRY_WITHIN_YEARS",
            "BUYER_ACCOUNTS_PRESENT",
            "SCHEDULE_PRESENT",
            "AGREEMENT_DURATION_VALID",
            "PRICE_WAY_PRESENT",
            "FIXED_AMOUNTS_NEED_SCHEDULE",
            "AGREEMENT_STILL_ACTIVE",
        ]
    );
}

/// What is missing altogether is told altogether, too.
#[test]
fn all_that_is_missing_is_told_at_once() {
    let mut c = DIRECT();
    c.standing.sow_signed = false;
    c.plan.name.clear();
    c.plan.description.clear();
    c.plan.available_until = None;
    c.plan.buyer_accounts.clear();
    c.plan.schedule.clear();
    c.plan.dimension_key = None;
    c.documents.clear();
    c.plan.legal_document = None;
    assert_eq!(
        ids(&c),
        [
            "SOW_NOT_SIGNED",
            "OFFER_NAME_PRESENT",
            "OFFER_DESCRIPTION_PRESENT",
            "OFFER_EXPIRY_PRESENT",
            "BUYER_ACCOUNTS_PRESENT",
            "PRICE_EQUALS_APPROVED",
            "SCHEDULE_PRESENT",
            "DIMENSION_EXISTS",
            "EULA_PRESENT",
            "LEGAL_DOCUMENT_READY",
        ]
    );
}

#[test]
fn what_is_just_within_a_bound_passes() {
    let cases: [(Base, Change); 11] = [
        (DIRECT, |c| c.plan.name = "n".repeat(150)),
        (DIRECT, |c| c.plan.description = "d".repeat(255)),
        (DIRECT, |c| c.plan.buyer_accounts = accounts(24)),
        (DIRECT, |c| {
            c.plan.currency = Currency::Eur;
            let largest = Money::parse("100000000.00", Currency::Eur).unwrap();
            c.plan.schedule[0].amount = largest;
            c.plan.fixed_price = Money::zero(Currency::Eur);
            c.approved_price = largest;
        }),
        (DIRECT, |c| {
            c.plan.available_until = Some(sample::day("2026-03-03"));
            c.plan.duration = "P1Y".parse().unwrap();
            c.plan.schedule = charges_from("2026-03-03", 60);
            c.approved_price = sample::usd("60.00");
        }),
        (DIRECT, |c| c.documents[0].size_bytes = 10_000_000),
        (DIRECT, |c| {
            c.documents
                .extend((0..3).map(|n| document(&format!("{n}.PDF"), 1)));
        }),
        (DIRECT, |c| {
            c.plan.schedule[0].amount = sample::usd("250000.00");
            c.approved_price = sample::usd("250000.00");
        }),
        (authorization, |c| c.plan.buyer_accounts = accounts(25)),
        (authorization, |c| c.plan.buyer_accounts.clear()),
        (partner, |c| {
            reselling(c).authorization.net_terms = NetTerms::of_days(30).ok();
            reselling(c).net_terms = NetTerms::of_days(30).ok();
            reselling(c).authorization.until = Some(c.today);
        }),
    ];
    for (number, (base, change)) in cases.into_iter().enumerate() {
        let mut candidate = base();
        change(&mut candidate);
        assert_eq!(ids(&candidate), [""; 0], "case {number}");
    }
}

/// What is timed is the whole table: an offer that passes is looked at by every rule.
#[test]
fn the_largest_offer_passes() {
    let candidate = largest::largest().unwrap();
    assert_eq!(candidate.plan.schedule.len(), 60);
    assert_eq!(candidate.plan.buyer_accounts.len(), 24);
    assert_eq!(ids(&candidate), [""; 0]);
}

/// An authorization for any number of offers has a price and no schedule, and may have no end.
#[test]
fn an_open_ended_authorization_passes() {
    let (mut offer, engagement) = sample::authorization_draft();
    offer.basis.deal.estimate.payment_plan = PaymentPlan::Prepaid;
    offer.terms.expires_on = None;
    if let Kind::Authorization(allowed) = &mut offer.basis.kind {
        allowed.single_use = false;
        allowed.buyers.clear();
    }
    let candidate = sample::candidate_of(&(offer, engagement));
    assert_eq!(candidate.plan.upfront, Some(sample::usd("1.00")));
    assert_eq!(ids(&candidate), [""; 0]);
}

/// A prepaid authorization is resold with a mark-up over its one price.
#[test]
fn a_markup_over_a_price_without_schedule_passes() {
    let mut candidate = marked_up("10");
    reselling(&mut candidate).authorization.schedule.clear();
    candidate.plan.schedule.clear();
    candidate.plan.upfront = Some(sample::usd("1.10"));
    assert_eq!(ids(&candidate), [""; 0]);
}

#[test]
fn a_deal_of_other_documents_has_no_eula() {
    let mut offer = sample::draft();
    let documents = &mut offer.basis.deal.documents;
    documents.retain(|document| document.kind != DocumentKind::Eula);
    let candidate = Candidate::of(&offer, &sample::engagement(), sample::day("2026-03-02"));
    assert_eq!(findings(&candidate)[0].rule, "EULA_PRESENT");
}

/// The way out of a failed document is told, and why it failed.
#[test]
fn a_failed_document_says_why_and_what_to_do() {
    let mut offer = sample::draft();
    let reason = "sow.pdf: the PDF is encrypted".to_owned();
    offer.document = LegalDocument::Failed { reason };
    let candidate = Candidate::of(&offer, &sample::engagement(), sample::day("2026-03-02"));
    let found = findings(&candidate);
    assert_eq!(found[0].rule, "LEGAL_DOCUMENT_READY");
    assert!(found[0].problem.contains("sow.pdf: the PDF is encrypted"));
    assert!(found[0].fix.contains("cancel this draft"));
}

#[test]
fn an_approval_that_fell_takes_a_release_back() {
    type Change = fn(&mut Engagement);
    let mut offer = sample::draft();
    let at = sample::at("2026-03-02T10:00:00Z");
    let rules = |offer: &Offer, engagement: &Engagement| -> Vec<&str> {
        let found = approval_findings(offer, engagement);
        found.iter().map(|finding| finding.rule).collect()
    };
    assert!(rules(&offer, &Engagement::new(sample::engagement_id())).is_empty());
    offer = crate::domain::offer::evolve(
        Some(offer),
        &crate::domain::offer::Event::ReleaseStarted { at },
    )
    .unwrap();
    let cases: [(Change, &[&str]); 4] = [
        (|state| state.checklist = None, &[]),
        (
            |state| {
                state.approval = Approval::Voided {
                    deal: sample::deal(),
                    signed: true,
                    reason: "price changed".into(),
                };
            },
            &[STAMP_INVALID],
        ),
        (
            |state| state.approval = Approval::Stamped(sample::deal()),
            &[SOW_NOT_SIGNED],
        ),
        (
            |state| {
                let mut deal = sample::deal();
                deal.digest = Digest::of(b"other");
                state.approval = Approval::Signed(deal);
            },
            &[DIGEST_MISMATCH],
        ),
    ];
    for (change, expected) in cases {
        let mut engagement = sample::engagement();
        change(&mut engagement);
        assert_eq!(rules(&offer, &engagement), expected);
    }
}

/// O11, O16: a published offer's expiry is not moved to where the buyer's agreement still goes on.
#[test]
fn a_new_expiry_lies_after_what_the_buyer_has() {
    let offer = sample::published();
    let had = held(Some("2026-04-10T12:00:00Z"));
    let (today, one) = (sample::day("2026-03-03"), Limits::default());
    let several = Limits {
        concurrent_agreements: true,
        ..one
    };
    for (to, held, limits, expected) in [
        (
            "2026-04-09",
            Some(&had),
            one,
            vec!["AGREEMENT_ENDS_AFTER_EXPIRY"],
        ),
        ("2026-04-11", Some(&had), one, vec![]),
        ("2026-04-09", None, one, vec![]),
        ("2026-04-09", Some(&had), several, vec![]),
    ] {
        let found = expiry_findings(&offer, sample::day(to), today, held, limits);
        let found: Vec<_> = found.iter().map(|finding| finding.rule).collect();
        assert_eq!(found, expected, "{to}");
    }
}

/// Where AWS's sources contradict each other the seller's limits say what is taken (facts §0).
#[test]
fn each_limit_moves_its_rule() {
    type Allow = fn(&mut Limits);
    let cases: [(&str, Change, Allow); 6] = [
        (
            "SCHEDULE_LENGTH",
            |c| c.plan.schedule = charges_from("2026-03-02", 61),
            |l| l.charges = 61,
        ),
        (
            "DOCUMENT_SIZE",
            |c| c.documents[0].size_bytes = 10_000_001,
            |l| l.document_bytes = 10_000_001,
        ),
        (
            "CURRENCY_SUPPORTED",
            |c| c.plan.currency = Currency::Inr,
            |l| l.rupees = true,
        ),
        (
            "AGREEMENT_DURATION_VALID",
            |c| c.plan.duration = "P60M1D".parse().unwrap(),
            |l| l.agreement_months = 61,
        ),
        (
            "AGREEMENT_ENDS_AFTER_EXPIRY",
            |c| c.held = Some(held(None)),
            |l| l.concurrent_agreements = true,
        ),
        (
            "AGREEMENT_STILL_ACTIVE",
            |c| c.held = Some(held(Some("2026-03-10T12:00:00Z"))),
            |l| l.concurrent_agreements = true,
        ),
    ];
    for (rule, violate, allow) in cases {
        let mut candidate = DIRECT();
        violate(&mut candidate);
        assert!(ids(&candidate).contains(&rule), "{rule}");
        allow(&mut candidate.limits);
        assert!(!ids(&candidate).contains(&rule), "{rule}");
    }
}

#[test]
fn a_warning_stops_no_release() {
    let warnings: Vec<&str> = rules()
        .filter(|rule| rule.severity == Severity::Warning)
        .map(|rule| rule.id)
        .collect();
    assert_eq!(
        warnings,
        [
            "PRICE_ABOVE_EXTRA_APPROVAL",
            "DOCUMENT_TYPE",
            "DOCUMENT_TYPE",
            "RENEWAL_MARKED_BY_SELLER",
            "AGREEMENT_STILL_ACTIVE",
            "UNPAID_INSTALLMENTS_CARRIED",
        ]
    );
    for (rule, base, change) in ALONE {
        let mut candidate = base();
        change(&mut candidate);
        assert_eq!(
            any_error(&findings(&candidate)),
            !warnings.contains(rule),
            "{rule}"
        );
    }
}

/// The names are stable: they are reason codes of refusals. One name means one thing, and may stand in two rows where
/// AWS answers otherwise to another kind of offer.
#[test]
fn every_rule_has_a_name_of_its_own_and_a_fix_and_is_printed() {
    let printed = printed::markdown();
    let mut names = BTreeSet::new();
    let offers = rules().flat_map(|rule| {
        let kinds = rule.kinds;
        let each = [
            (kinds.direct, "direct"),
            (kinds.authorization, "authorization"),
            (kinds.partner, "partner"),
        ];
        let each = each.into_iter().filter(|(has, _)| *has);
        each.map(|(_, kind)| (kind, rule.id, rule.field, rule.fix))
    });
    let intake = form::RULES
        .iter()
        .map(|rule| ("intake", rule.id, rule.field, rule.fix));
    for (of, id, field, fix) in offers.chain(intake) {
        assert!(names.insert((of, id)), "{id} is there twice of {of}");
        assert!(!field.is_empty() && !fix.is_empty(), "{id}");
        assert!(printed.contains(&format!("| `{id}` |")), "{id}");
    }
    for item in &prerequisite::CHECKLIST {
        assert!(printed.contains(item.id));
        assert_eq!(prerequisite::find(item.id), Some(item));
    }
}

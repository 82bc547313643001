//! A case per rule (O4): the candidate as it passes, changed in one thing.

use countersign_kernel::{Currency, Digest, Money};

use super::*;
use crate::domain::deal::DatedAmount;
use crate::domain::engagement::Approval;
use crate::domain::sample;

fn rules_after(change: fn(&mut Candidate)) -> Vec<&'static str> {
    let mut candidate = sample::candidate();
    change(&mut candidate);
    findings(&candidate)
        .iter()
        .map(|finding| finding.rule)
        .collect()
}

fn charge(candidate: &mut Candidate, day: &str, amount: &str) {
    let charge = DatedAmount {
        date: sample::day(day),
        amount: sample::usd(amount),
    };
    candidate.plan.schedule.push(charge);
}

#[test]
fn the_handbook_deal_passes() {
    assert_eq!(findings(&sample::candidate()), []);
}

#[test]
fn each_rule_finds_its_own_failure() {
    type Change = fn(&mut Candidate);
    // today is 2026-03-02, expiry 2026-03-31, duration P90D: the agreement would end 2026-05-31.
    let cases: &[(&str, Change)] = &[
        ("STAMP_INVALID", |c| c.standing.stamp_valid = false),
        ("DIGEST_MISMATCH", |c| {
            c.standing.approved_digest = Some(Digest::of(b"other"));
        }),
        ("DIGEST_MISMATCH", |c| c.standing.approved_digest = None),
        ("SOW_NOT_SIGNED", |c| c.standing.sow_signed = false),
        ("CHECKLIST_OPEN", |c| c.standing.checklist_completed = false),
        ("INTAKE_CHANGED", |c| c.intake_current = false),
        ("OFFER_NAME_PRESENT", |c| c.plan.name.clear()),
        ("OFFER_NAME_LENGTH", |c| c.plan.name = "n".repeat(151)),
        ("OFFER_NAME_CHARACTERS", |c| c.plan.name = "a <b>".into()),
        ("OFFER_NAME_CHARACTERS", |c| c.plan.name = " a".into()),
        ("OFFER_NAME_CHARACTERS", |c| c.plan.name = "a\\b".into()),
        ("OFFER_DESCRIPTION_PRESENT", |c| c.plan.description.clear()),
        ("OFFER_DESCRIPTION_LENGTH", |c| {
            c.plan.description = "d".repeat(256);
        }),
        ("OFFER_DESCRIPTION_CHARACTERS", |c| {
            c.plan.description = " d".into();
        }),
        ("OFFER_EXPIRY_IN_FUTURE", |c| {
            c.today = sample::day("2026-03-02");
            c.plan.available_until = c.today;
        }),
        ("OFFER_EXPIRY_BEFORE_AGREEMENT_END", |c| {
            c.plan.available_until = sample::day("2026-05-31");
        }),
        ("BUYER_ACCOUNTS_PRESENT", |c| c.plan.buyer_accounts.clear()),
        ("BUYER_ACCOUNTS_VALID", |c| {
            c.plan.buyer_accounts = vec!["12345678901".into()];
        }),
        ("BUYER_ACCOUNTS_VALID", |c| {
            c.plan.buyer_accounts = vec!["12345678901x".into()];
        }),
        ("BUYER_ACCOUNTS_COUNT", |c| {
            c.plan.buyer_accounts = vec!["123456789012".into(); 25];
        }),
        ("PRICE_EQUALS_APPROVED", |c| {
            c.approved_price = sample::usd("102500.01");
        }),
        ("SCHEDULE_LENGTH", |c| {
            c.plan.available_until = sample::day("2026-03-03");
            c.plan.duration = "P1Y".parse().unwrap();
            c.plan.schedule.clear();
            let mut day = sample::day("2026-03-03");
            for _ in 0..61 {
                c.plan.schedule.push(DatedAmount {
                    date: day,
                    amount: sample::usd("1.00"),
                });
                day = day.succ_opt().unwrap();
            }
            c.approved_price = sample::usd("61.00");
        }),
        ("CHARGE_DATES_NOT_PAST", |c| {
            c.plan.schedule[0].date = sample::day("2026-03-01");
        }),
        ("CHARGE_DATES_BEFORE_AGREEMENT_END", |c| {
            c.plan.schedule[0].date = sample::day("2026-05-31");
        }),
        ("DIMENSION_EXISTS", |c| c.plan.dimension_key = None),
        ("DIMENSION_EXISTS", |c| {
            c.product_dimensions = vec!["other".into()];
        }),
        ("EULA_PRESENT", |c| c.has_eula = false),
        ("LEGAL_DOCUMENT_READY", |c| c.plan.legal_document = None),
        ("AGREEMENT_DURATION_VALID", |c| {
            c.plan.duration = "P10000Y".parse().unwrap();
            let far = NaiveDate::from_ymd_opt(255_000, 1, 1).unwrap();
            c.today = far;
            c.plan.available_until = far.succ_opt().unwrap();
            c.plan.schedule[0].date = far;
        }),
    ];
    for (rule, change) in cases {
        assert_eq!(rules_after(*change), [*rule]);
    }
}

#[test]
fn failures_that_come_together_are_all_told() {
    let found = rules_after(|c| {
        c.plan.schedule.clear();
        c.plan.currency = Currency::Inr;
    });
    assert_eq!(
        found,
        [
            "CURRENCY_SUPPORTED",
            "PRICE_EQUALS_APPROVED",
            "SCHEDULE_PRESENT"
        ]
    );
    let found = rules_after(|c| {
        c.plan.schedule.clear();
        charge(c, "2026-03-02", "52500.00");
        charge(c, "2026-03-31", "50000.00");
    });
    assert_eq!(found, ["CHARGES_BEFORE_EXPIRY"]);
    let found = rules_after(|c| {
        c.plan.schedule.clear();
        charge(c, "2026-04-02", "52500.00");
        charge(c, "2026-04-02", "50000.00");
    });
    assert_eq!(found, ["CHARGE_DATES_UNIQUE"]);
}

#[test]
fn amounts_have_bounds_and_one_currency() {
    let found = rules_after(|c| {
        c.plan.schedule[0].amount = Money::zero(Currency::Usd);
        c.approved_price = Money::zero(Currency::Usd);
    });
    assert_eq!(found, ["CHARGE_AMOUNTS_IN_RANGE"]);
    let found = rules_after(|c| {
        c.plan.schedule[0].amount = sample::usd("100000000.01");
        c.approved_price = sample::usd("100000000.01");
    });
    assert_eq!(
        found,
        ["CHARGE_AMOUNTS_IN_RANGE", "PRICE_ABOVE_EXTRA_APPROVAL"]
    );
    let found = rules_after(|c| {
        c.plan.schedule[0].amount = Money::parse("102500.00", Currency::Eur).unwrap();
    });
    assert_eq!(found, ["CURRENCY_SINGLE", "PRICE_EQUALS_APPROVED"]);
}

#[test]
fn what_is_just_within_a_bound_passes() {
    type Change = fn(&mut Candidate);
    let cases: [Change; 5] = [
        |c| c.plan.name = "n".repeat(150),
        |c| c.plan.description = "d".repeat(255),
        |c| c.plan.buyer_accounts = vec!["123456789012".into(); 24],
        |c| {
            c.plan.currency = Currency::Eur;
            let largest = Money::parse("100000000.00", Currency::Eur).unwrap();
            c.plan.schedule[0].amount = largest;
            c.approved_price = largest;
        },
        |c| {
            c.plan.available_until = sample::day("2026-03-03");
            c.plan.duration = "P1Y".parse().unwrap();
            c.plan.schedule.clear();
            for date in sample::day("2026-03-03").iter_days().take(60) {
                let amount = sample::usd("1.00");
                c.plan.schedule.push(DatedAmount { date, amount });
            }
            c.approved_price = sample::usd("60.00");
        },
    ];
    for (number, change) in cases.into_iter().enumerate() {
        assert_eq!(rules_after(change), [""; 0], "case {number}");
    }
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

#[test]
fn a_big_deal_is_a_warning_only() {
    let mut candidate = sample::candidate();
    for (price, warned) in [("250000.00", false), ("250000.01", true)] {
        candidate.plan.schedule[0].amount = sample::usd(price);
        candidate.approved_price = sample::usd(price);
        let found = findings(&candidate);
        assert_eq!(found.len(), usize::from(warned));
        assert!(!any_error(&found));
    }
}

#[test]
fn every_rule_has_a_name_of_its_own_and_a_fix() {
    let mut names: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(
        RULES
            .iter()
            .all(|rule| !rule.fix.is_empty() && !rule.field.is_empty())
    );
}

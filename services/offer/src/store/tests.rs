//! Every state comes back from its row as it was written.

use super::json;
use crate::domain::deal::{DatedAmount, PaymentPlan, Uplift};
use crate::domain::offer::{
    AwsError, LegalDocument, Origin, PendingChange, Publication, Release, Stage, Way,
};
use crate::domain::payment;
use crate::domain::resale::{Contract, Kind, NetTerms};
use crate::domain::sample;

fn publication() -> Publication {
    Publication {
        aws_offer_id: "offer-abc".parse().unwrap(),
        url: "https://aws.example/offer-abc".into(),
        released_at: sample::at("2026-03-02T10:00:00Z"),
        published_at: sample::at("2026-03-02T10:20:00.5Z"),
    }
}

/// Of every kind, and of a row that was written before there were any.
#[test]
fn every_kind_comes_back() {
    let mut partner = sample::partner();
    partner.markup = Some("10.000000001".parse().unwrap());
    partner.net_terms = NetTerms::of_days(30).ok();
    partner.authorization.net_terms = NetTerms::of_days(45).ok();
    partner.authorization.until = None;
    let mut custom = sample::authorization();
    custom.contract = Contract::Own;
    let kinds = [
        Kind::Direct,
        Kind::Authorization(sample::authorization()),
        Kind::Authorization(custom),
        Kind::Partner(sample::partner()),
        Kind::Partner(partner),
    ];
    for kind in kinds {
        let mut basis = sample::draft().basis;
        basis.kind = kind;
        assert_eq!(json::basis_from(json::basis(&basis)).unwrap(), basis);
    }
    let from = "offer-0".parse().unwrap();
    for origin in [Origin::Cloned { from }, Origin::Associated] {
        let mut basis = sample::draft().basis;
        basis.origin = origin;
        assert_eq!(json::basis_from(json::basis(&basis)).unwrap(), basis);
    }
    let basis = sample::draft().basis;
    let mut before = json::basis(&basis);
    before.as_object_mut().unwrap().remove("kind");
    before.as_object_mut().unwrap().remove("origin");
    assert_eq!(json::basis_from(before).unwrap(), basis);
}

#[test]
fn every_stage_of_a_payment_request_comes_back() {
    let at = sample::at("2026-03-20T10:00:05.5Z");
    let at_aws = payment::AtAws {
        id: "pr-1".parse().unwrap(),
        status: "SOMETHING_NEW".into(),
        sent_at: sample::at("2026-03-10T10:00:05Z"),
    };
    let reason = "x".to_owned();
    let withdrawal = payment::Withdrawal {
        reason: reason.clone(),
        by: "fin@acme.example".parse().unwrap(),
    };
    let pending = |withdrawal| payment::Stage::Pending {
        at_aws: at_aws.clone(),
        withdrawal,
    };
    let approved = |charge_id| payment::Stage::Approved {
        at_aws: at_aws.clone(),
        charge_id,
        at,
    };
    let failed = |at_aws| payment::Stage::Failed { at_aws, at };
    let stages = [
        payment::Stage::Sending,
        pending(None),
        pending(Some(withdrawal)),
        approved(Some("ch-1".into())),
        approved(None),
        payment::Stage::Rejected {
            at_aws: at_aws.clone(),
            reason: reason.clone(),
            at,
        },
        payment::Stage::Cancelled {
            at_aws: at_aws.clone(),
            reason,
            at,
        },
        failed(None),
        failed(Some(at_aws.clone())),
    ];
    for stage in stages {
        let stored = json::payment_stage(&stage);
        assert_eq!(json::payment_stage_from(stored).unwrap(), stage);
    }
}

fn releasing(way: Way) -> Stage {
    Stage::Releasing(Release {
        change: 3,
        faults: 1,
        released_at: sample::at("2026-03-02T10:00:00Z"),
        overdue: true,
        way,
    })
}

#[test]
fn every_stage_comes_back() {
    let by: countersign_kernel::Principal = "ops@acme.example".parse().unwrap();
    let at = sample::at("2026-03-02T10:00:00Z");
    let expiry = PendingChange::Expiry {
        change: 6,
        faults: 2,
        to: sample::day("2026-04-15"),
    };
    let cancellation = PendingChange::Cancellation {
        change: 7,
        faults: 3,
        asked_at: at,
        reason: "other scope".into(),
        by: by.clone(),
    };
    let agreement = sample::agreement();
    let reason = "x".to_owned();
    let stages = [
        Stage::Draft,
        releasing(Way::Api),
        releasing(Way::Portal { given: None }),
        releasing(Way::Portal {
            given: Some("offer-abc".parse().unwrap()),
        }),
        Stage::Published {
            publication: publication(),
            pending: None,
        },
        Stage::Published {
            publication: publication(),
            pending: Some(expiry),
        },
        Stage::Published {
            publication: publication(),
            pending: Some(cancellation),
        },
        Stage::Accepted {
            publication: publication(),
            agreement,
        },
        Stage::Accepted {
            publication: publication(),
            agreement: sample::variable_agreement(),
        },
        Stage::Cancelled {
            publication: None,
            reason: reason.clone(),
            by: by.clone(),
        },
        Stage::Cancelled {
            publication: Some(publication()),
            reason,
            by,
        },
        Stage::Expired(publication()),
    ];
    for stage in stages {
        assert_eq!(json::stage_from(json::stage(&stage)).unwrap(), stage);
    }
}

#[test]
fn documents_errors_and_basis_come_back() {
    let documents = [
        LegalDocument::Assembling,
        LegalDocument::Ready(sample::ready_document()),
        LegalDocument::Failed {
            reason: "sow.pdf: encrypted".into(),
        },
    ];
    for document in documents {
        assert_eq!(
            json::document_from(json::document(&document)).unwrap(),
            document
        );
    }
    let errors = vec![AwsError {
        code: "INVALID".into(),
        message: "no".into(),
    }];
    assert_eq!(json::errors_from(json::errors(&errors)).unwrap(), errors);
    let mut basis = sample::draft().basis;
    assert_eq!(json::basis_from(json::basis(&basis)).unwrap(), basis);
    basis.deal.estimate.economics.uplift = Uplift::None;
    basis.deal.estimate.economics.margin = Some(sample::usd("-1.50"));
    for plan in [
        PaymentPlan::Variable {
            cap: sample::usd("5.00"),
        },
        PaymentPlan::Installments(vec![DatedAmount {
            date: sample::day("2026-04-01"),
            amount: sample::usd("102500.00"),
        }]),
    ] {
        basis.deal.estimate.payment_plan = plan;
        assert_eq!(json::basis_from(json::basis(&basis)).unwrap(), basis);
    }
}

#[test]
fn a_row_without_meaning_is_an_error() {
    let mut stored = json::basis(&sample::draft().basis);
    stored["deal"]["digest"] = "abc".into();
    assert!(json::basis_from(stored).is_err());
    assert!(json::stage_from(serde_json::json!({ "state": "lost" })).is_err());
}

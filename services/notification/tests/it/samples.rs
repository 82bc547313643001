//! One of every event that is told, with the figures of the handbook's deal.

use countersign_platform::NewEvent;
use countersign_proto::approval::v1 as approval;
use countersign_proto::common::v1 as common;
use countersign_proto::disbursement_reconciliation::v1 as disbursement;
use countersign_proto::estimate::v1 as estimate;
use countersign_proto::offer::v1 as offer;

use crate::system::{ENGAGEMENT, new_event};

/// Source and event.
pub(crate) type Sample = (&'static str, NewEvent);

fn told<M: prost::Message + prost::Name>(source: &'static str, message: &M) -> Sample {
    (source, new_event(&M::full_name(), message))
}

#[expect(clippy::unnecessary_wraps, reason = "the fields are optional")]
fn usd(amount: &str) -> Option<common::Money> {
    Some(common::Money {
        currency_code: "USD".into(),
        amount: amount.into(),
    })
}

pub(crate) fn offer() -> offer::OfferSummary {
    offer::OfferSummary {
        offer_id: "9d2f".into(),
        engagement_id: ENGAGEMENT.into(),
        aws_offer_id: "offer-abc123".into(),
        url: "https://aws.amazon.com/marketplace/saas?offerId=offer-abc123&sku=1".into(),
        name: "Migration, phase 1".into(),
        total_price: usd("102500.00"),
        expires_on: "2026-12-20".into(),
        buyer_account_id: "000123456789".into(),
        contact_name: "Béa Buyer".into(),
        contact_email: "bea@buyer.example".into(),
        product_title: "Acme Migration Services".into(),
        customer_name: "Buyer & Sons".into(),
        ..offer::OfferSummary::default()
    }
}

pub(crate) fn published() -> offer::OfferPublished {
    offer::OfferPublished {
        offer: Some(offer()),
        published_at: "2026-11-22T10:14:58Z".into(),
    }
}

fn payment_request() -> offer::PaymentRequest {
    offer::PaymentRequest {
        payment_request_id: "0196".into(),
        engagement_id: ENGAGEMENT.into(),
        agreement_id: "agmt-abc".into(),
        number: 2,
        milestone: "Migration <accepted>".into(),
        amount: usd("41250.00"),
        requested_by: "em@acme.example".into(),
        requested_at: "2026-11-22T10:00:00Z".into(),
        ..offer::PaymentRequest::default()
    }
}

pub(crate) fn intake() -> offer::IntakeCompleted {
    offer::IntakeCompleted {
        elements: Some(offer::DataElements {
            engagement_id: ENGAGEMENT.into(),
            customer_name: "Buyer & Sons".into(),
            billing_terms_days: 30,
            buyer_account_id: "000123456789".into(),
            contact_name: "Béa Buyer".into(),
            contact_email: "bea@buyer.example".into(),
            total_price: usd("102500.00"),
            scope_duration: "P90D".into(),
            product_id: "prod-abc".into(),
            product_title: "Acme Migration Services".into(),
        }),
    }
}

fn economics() -> common::Economics {
    common::Economics {
        base_total: usd("100000.00"),
        price_total: usd("102500.00"),
        listing_fee_rate: "0.025".into(),
        expected_fee: usd("2562.50"),
        expected_net: usd("99937.50"),
        ..Default::default()
    }
}

fn accepted() -> offer::AgreementAccepted {
    offer::AgreementAccepted {
        offer: Some(offer()),
        agreement_id: "agmt-abc".into(),
        accepted_at: "2026-11-25T08:00:00Z".into(),
        starts_at: "2026-11-25T08:00:00Z".into(),
        ends_at: "2027-02-23T08:00:00Z".into(),
        acceptor_account_id: "000999999999".into(),
        charges: vec![common::Charge {
            number: 1,
            charge_date: "2026-11-25".into(),
            amount: usd("102500.00"),
        }],
        economics: Some(economics()),
        billing_terms_days: 30,
        product_id: "prod-abc".into(),
        approved_digest: "ab".repeat(32),
        variable_payments: None,
    }
}

/// S1's 0.50 and 0.50 sold at 0.55 and 0.55.
pub(crate) fn resold() -> offer::AgreementAccepted {
    let mut event = accepted();
    event.offer.as_mut().unwrap().resale = Some(offer::ResaleSplit {
        authorization_id: "resaleauthz-abc".into(),
        total_to_seller: usd("1.00"),
        total_from_buyer: usd("1.10"),
        total_to_reseller: usd("0.10"),
        ..offer::ResaleSplit::default()
    });
    event.charges[0].amount = usd("1.10");
    let economics = event.economics.as_mut().unwrap();
    (economics.price_total, economics.expected_fee) = (usd("1.10"), usd("0.03"));
    event
}

pub(crate) fn resold_and_settled() -> disbursement::EngagementSettled {
    disbursement::EngagementSettled {
        agreement_id: "agmt-abc".into(),
        engagement_id: ENGAGEMENT.into(),
        invoiced: usd("1.10"),
        fee: usd("0.00"),
        wholesale: usd("-1.00"),
        disbursed: usd("0.10"),
        expected_net: usd("0.10"),
        bank_trace_ids: vec!["trace-1".into()],
    }
}

fn sow_signed() -> approval::SowSigned {
    let signature = |party: &str, signatory: &str, signed_at: &str| approval::Signature {
        party: party.into(),
        signatory: signatory.into(),
        signed_at: signed_at.into(),
    };
    approval::SowSigned {
        deal: Some(common::ApprovedDeal {
            case_id: "case-1".into(),
            estimate: Some(common::EstimateSnapshot {
                engagement_id: ENGAGEMENT.into(),
                customer_name: "Buyer & Sons".into(),
                scope_duration: "P90D".into(),
                economics: Some(economics()),
                ..Default::default()
            }),
            digest: "ab".repeat(32),
            ..Default::default()
        }),
        signatures: vec![
            signature("internal", "dale@acme.example", "2026-11-20T09:00:00Z"),
            signature("customer", "bea@buyer.example", "2026-11-21T09:00:00Z"),
        ],
        signed_sow: Some(common::Document {
            file_name: "sow-signed.pdf".into(),
            digest: "cd".repeat(32),
            ..Default::default()
        }),
    }
}

fn approvals() -> Vec<Sample> {
    let source = "approval";
    vec![
        told(
            "estimate",
            &estimate::EstimateExpired {
                estimate_id: "est-1".into(),
                version: 2,
                valid_until: "2026-11-21".into(),
            },
        ),
        told(
            source,
            &approval::ChangesRequested {
                case_id: "case-1".into(),
                estimate_id: "est-1".into(),
                estimate_version: 1,
                step: "revenue".into(),
                requested_by: "rev@acme.example".into(),
                comment: "Discount too high.\nPlease split package 2.".into(),
            },
        ),
        told(
            source,
            &approval::CaseRejected {
                case_id: "case-1".into(),
                estimate_id: "est-1".into(),
                estimate_version: 1,
                step: "legal".into(),
                rejected_by: "legal@acme.example".into(),
                comment: "Not on this paper.".into(),
            },
        ),
        told(
            source,
            &approval::StampVoided {
                case_id: "case-1".into(),
                digest: "ab".repeat(32),
                reason: "the SOW was replaced".into(),
            },
        ),
        told(source, &sow_signed()),
    ]
}

fn offers() -> Vec<Sample> {
    let source = "offer";
    vec![
        told(source, &intake()),
        told(source, &published()),
        told(
            source,
            &offer::OfferPublishOverdue {
                offer_id: "9d2f".into(),
                change_set_id: "cs-1".into(),
                released_at: "2026-11-22T09:00:00Z".into(),
            },
        ),
        told(
            source,
            &offer::PaymentRequestApproved {
                request: Some(payment_request()),
                charge: Some(common::Charge {
                    number: 2,
                    charge_date: "2026-12-02".into(),
                    amount: usd("41250.00"),
                }),
            },
        ),
        told(
            source,
            &offer::PaymentRequestRejected {
                request: Some(offer::PaymentRequest {
                    reason: "<data> are missing".into(),
                    ..payment_request()
                }),
            },
        ),
        told(
            source,
            &offer::PaymentRequestFailed {
                request: Some(offer::PaymentRequest {
                    errors: vec![offer::AwsError {
                        code: "VALIDATION_FAILED".into(),
                        message: "The payment request could not be validated.".into(),
                    }],
                    ..payment_request()
                }),
            },
        ),
        told(
            source,
            &offer::CancellationRequested {
                change_order: Some(change_order(offer::change_order::State::Pending)),
            },
        ),
        told(
            source,
            &offer::CancellationEnded {
                change_order: Some(offer::ChangeOrder {
                    ended_at: "2026-11-24T10:00:00Z".into(),
                    end_reason: "<the> scope stays".into(),
                    errors: vec![offer::AwsError {
                        code: "VALIDATION_FAILED".into(),
                        message: "It could not be validated.".into(),
                    }],
                    ..change_order(offer::change_order::State::Rejected)
                }),
            },
        ),
        told(
            source,
            &offer::OfferReleaseFailed {
                offer_id: "9d2f".into(),
                change_set_id: "cs-1".into(),
                errors: vec![offer::AwsError {
                    code: "INVALID_BUYER".into(),
                    message: "The account <000123456789> is not valid.".into(),
                }],
            },
        ),
        told(
            source,
            &offer::OfferExpiryChanged {
                offer: Some(offer()),
                previous_expires_on: "2026-12-10".into(),
            },
        ),
        told(
            source,
            &offer::OfferCancelled {
                offer: Some(offer()),
                reason: "the scope grew".into(),
                cancelled_by: "em@acme.example".into(),
            },
        ),
        told(
            source,
            &offer::OfferExpired {
                offer: Some(offer()),
            },
        ),
        told(source, &accepted()),
    ]
}

fn change_order(state: offer::change_order::State) -> offer::ChangeOrder {
    let mut order = offer::ChangeOrder {
        change_order_id: "co-1".into(),
        engagement_id: ENGAGEMENT.into(),
        agreement_id: "agmt-abc".into(),
        reason: "the scope grew <a lot>".into(),
        started_by: "em@acme.example".into(),
        cancels_itself_at: "2026-11-29T10:00:00Z".into(),
        ..offer::ChangeOrder::default()
    };
    order.set_state(state);
    order
}

fn order() -> offer::Order {
    offer::Order {
        agreement_id: "agmt-abc".into(),
        engagement_id: ENGAGEMENT.into(),
        aws_offer_id: "offer-abc123".into(),
        product_id: "prod-abc".into(),
        buyer_account_id: "000999999999".into(),
        total: usd("102500.00"),
        placed_at: "2026-11-25T08:00:00Z".into(),
        ..offer::Order::default()
    }
}

pub(crate) fn registered_by(principal: &str) -> offer::OrderRegistered {
    let registration = offer::Registration {
        company_name: "Buyer & Sons".into(),
        contact_name: "Béa Buyer".into(),
        contact_email: "bea@buyer.example".into(),
        registered_at: "2026-11-25T09:00:00Z".into(),
        registered_by: principal.into(),
    };
    offer::OrderRegistered {
        order: Some(offer::Order {
            offer_id: "9d2f".into(),
            registration: Some(registration),
            ..order()
        }),
    }
}

pub(crate) fn breached(kind: offer::ClockKind) -> offer::ClockBreached {
    let mut clock = offer::Clock {
        clock_id: "9d2f.buyer-contact.1".into(),
        offer_id: "9d2f".into(),
        engagement_id: ENGAGEMENT.into(),
        owner: "engagement-manager".into(),
        started_at: "2026-11-25T08:00:00Z".into(),
        due_at: "2026-11-27T23:59:59Z".into(),
        ..offer::Clock::default()
    };
    clock.set_kind(kind);
    offer::ClockBreached { clock: Some(clock) }
}

fn orders() -> Vec<Sample> {
    let source = "offer";
    vec![
        told(
            source,
            &offer::PublicOrderFlagged {
                order: Some(order()),
                identify_by: "2026-11-27T08:00:00Z".into(),
            },
        ),
        told(source, &registered_by("")),
        told(
            source,
            &offer::OrderRefundAdvised {
                order: Some(order()),
            },
        ),
        told(source, &breached(offer::ClockKind::BuyerContact)),
    ]
}

fn disbursements() -> Vec<Sample> {
    let source = "disbursement_reconciliation";
    vec![
        told(source, &disbursed("99937.50")),
        told(
            source,
            &disbursement::EngagementSettled {
                agreement_id: "agmt-abc".into(),
                engagement_id: ENGAGEMENT.into(),
                invoiced: usd("102500.00"),
                fee: usd("-2562.50"),
                disbursed: usd("99937.50"),
                expected_net: usd("99937.50"),
                bank_trace_ids: vec!["trace-1".into()],
                wholesale: usd("0.00"),
            },
        ),
        told(
            source,
            &disbursement::DiscrepancyFound {
                case_id: "disc-1".into(),
                agreement_id: "agmt-abc".into(),
                engagement_id: ENGAGEMENT.into(),
                kind: "PENNY_DIFFERENCE".into(),
                expected: usd("99937.50"),
                actual: usd("99937.49"),
                difference: usd("-0.01"),
            },
        ),
    ]
}

pub(crate) fn disbursed(amount: &str) -> disbursement::CashDisbursed {
    disbursement::CashDisbursed {
        agreement_id: "agmt-abc".into(),
        engagement_id: ENGAGEMENT.into(),
        bank_trace_id: "trace-1".into(),
        amount: usd(amount),
        disbursed_at: "2027-01-05T00:00:00Z".into(),
    }
}

/// One of each.
pub(crate) fn all() -> Vec<Sample> {
    [approvals(), offers(), orders(), disbursements()].concat()
}

//! The estimate of a renewal, or of what replaces an agreement, is prefilled from the agreement that it follows
//! (E11, O15, O16).

use countersign_estimate::Offers;
use countersign_kernel::Digest;
use countersign_platform::NewEvent;
use countersign_proto::common::v1::Charge;
use countersign_proto::common::v1::payment_plan::Plan;
use countersign_proto::estimate::v1 as proto;
use countersign_proto::offer::v1::{AgreementAccepted, AgreementEnded};
use prost::{Message, Name};
use tonic::Code;

use crate::deals::{create, handbook, installments, markup, submit};
use crate::events_in::{deliver, stamped};
use crate::harness::{Harness, SELLER, command, refusal, violations};

/// Delivers offer's word that what was approved with this SOW is an agreement.
async fn accepted(it: &Harness, sequence: i64, agreement_id: &str, sow: &str) -> String {
    let message = AgreementAccepted {
        agreement_id: agreement_id.to_owned(),
        approved_digest: Digest::of(sow.as_bytes()).to_string(),
        ..AgreementAccepted::default()
    };
    let event = NewEvent {
        type_name: AgreementAccepted::full_name(),
        seller: SELLER.parse().unwrap(),
        engagement: Some("opp-1".parse().unwrap()),
        aggregate_id: "offer-1".to_owned(),
        payload: message.encode_to_vec(),
    };
    let event = it.bed.incoming("offer", sequence, event);
    it.bed.deliver(&Offers, &event).await.unwrap()
}

fn renewal(agreement_id: &str, engagement_id: &str) -> proto::StartRenewalRequest {
    proto::StartRenewalRequest {
        agreement_id: agreement_id.to_owned(),
        engagement_id: engagement_id.to_owned(),
        customer_name: String::new(),
        valid_until: "2027-05-31".to_owned(),
    }
}

/// Installments are allowed, and AWS takes less of renewals.
async fn rules(it: &mut Harness) {
    let policy = proto::PutPricingPolicyRequest {
        policy: Some(proto::PricingPolicy {
            uplift: Some(markup("0.025")),
            allow_prepaid: true,
            allow_installments: true,
            allow_variable: false,
        }),
    };
    it.client
        .put_pricing_policy(command("p", policy))
        .await
        .unwrap();
    let fee = proto::AddListingFeeRequest {
        fee: Some(proto::ListingFee {
            product_type: "professional_services".to_owned(),
            offer_kind: "private_offer".to_owned(),
            renewal: true,
            rate: "0.015".to_owned(),
            effective_from: "2026-01-01".to_owned(),
            ..proto::ListingFee::default()
        }),
    };
    it.client.add_listing_fee(command("f", fee)).await.unwrap();
}

/// An estimate in two installments, approved with the SOW "sow"; as it was created.
async fn approved(it: &mut Harness) -> proto::Estimate {
    rules(it).await;
    let mut content = handbook();
    content.payment_plan = Some(installments(&[
        ("2027-01-10", "52500.00"),
        ("2027-02-10", "50000.00"),
    ]));
    let create = command("1", create("opp-1", content));
    let created = it.client.create_estimate(create).await;
    let created = created.unwrap().into_inner();
    let submit = command("2", submit(&created));
    it.client.submit_estimate(submit).await.unwrap();
    let stamp = deliver(it, 1, stamped(&created, "sow")).await;
    assert_eq!(stamp, "applied");
    created
}

#[tokio::test]
async fn a_renewal_starts_with_what_was_approved_before() {
    let mut it = Harness::start().await;
    let first = approved(&mut it).await;
    assert_eq!(accepted(&it, 1, "agmt-1", "sow").await, "applied");
    assert_eq!(accepted(&it, 2, "agmt-1", "sow").await, "ignored");

    let started = it
        .client
        .start_renewal(command("3", renewal("agmt-1", "opp-2")))
        .await;
    let started = started.unwrap().into_inner();
    assert_eq!(started.follows_agreement_id, "agmt-1");
    assert_eq!(first.follows_agreement_id, "");
    let (before, after) = (first.snapshot.unwrap(), started.snapshot.unwrap());
    assert_eq!(after.packages, before.packages);
    assert_eq!(
        (after.renewal, after.follows_agreement_id.as_str()),
        (true, "agmt-1")
    );
    assert_eq!(
        (before.renewal, before.follows_agreement_id.as_str()),
        (false, "")
    );
    assert_eq!(
        (after.engagement_id.as_str(), after.customer_name.as_str()),
        ("opp-2", "Example Corp")
    );
    assert_eq!(
        (after.valid_until.as_str(), after.version),
        ("2027-05-31", 1)
    );
    let Some(Plan::Installments(plan)) = after.payment_plan.clone().unwrap().plan else {
        panic!("installments")
    };
    let charges: Vec<_> = plan
        .installments
        .into_iter()
        .map(|charge| (charge.charge_date, charge.amount.unwrap().amount))
        .collect();
    let expected = [("2027-04-10", "52500.00"), ("2027-05-11", "50000.00")];
    assert_eq!(
        charges,
        expected.map(|(day, amount)| (day.to_owned(), amount.to_owned()))
    );
    assert!(started.content.unwrap().renewal);
    let rates = [before, after].map(|snapshot| snapshot.economics.unwrap().listing_fee_rate);
    assert_eq!(rates, ["0.025", "0.015"]);
    it.stop().await;
}

/// E4: the price is another under today's rules, and the charges add up to it.
#[tokio::test]
async fn a_renewal_under_another_uplift_splits_its_charges_anew() {
    let mut it = Harness::start().await;
    approved(&mut it).await;
    assert_eq!(accepted(&it, 1, "agmt-1", "sow").await, "applied");
    let policy = proto::PutPricingPolicyRequest {
        policy: Some(proto::PricingPolicy {
            uplift: Some(markup("0.03")),
            allow_prepaid: true,
            allow_installments: true,
            allow_variable: false,
        }),
    };
    it.client
        .put_pricing_policy(command("p2", policy))
        .await
        .unwrap();
    let started = it
        .client
        .start_renewal(command("3", renewal("agmt-1", "opp-2")))
        .await;
    let snapshot = started.unwrap().into_inner().snapshot.unwrap();
    let total = snapshot.economics.unwrap().price_total.unwrap();
    assert_eq!(total.amount, "103000.00");
    let Some(Plan::Installments(plan)) = snapshot.payment_plan.unwrap().plan else {
        panic!("installments")
    };
    let amounts = plan.installments.into_iter();
    let amounts: Vec<_> = amounts.map(|one| one.amount.unwrap().amount).collect();
    assert_eq!(amounts, ["52756.10", "50243.90"]);
    it.stop().await;
}

/// Offer's word that the agreement is over, with its second installment not invoiced.
async fn ended(it: &Harness, sequence: i64, agreement_id: &str) -> String {
    let message = AgreementEnded {
        agreement_id: agreement_id.to_owned(),
        status: "CANCELLED".to_owned(),
        seen_at: "2027-01-20T12:00:05Z".to_owned(),
        ended_at: "2027-01-20T12:00:00Z".to_owned(),
        dropped: vec![Charge {
            number: 2,
            charge_date: "2027-02-10".to_owned(),
            amount: Some(crate::deals::usd("50000.00")),
        }],
        ..AgreementEnded::default()
    };
    let event = NewEvent {
        type_name: AgreementEnded::full_name(),
        seller: SELLER.parse().unwrap(),
        engagement: Some("opp-1".parse().unwrap()),
        aggregate_id: "offer-1".to_owned(),
        payload: message.encode_to_vec(),
    };
    let event = it.bed.incoming("offer", sequence, event);
    it.bed.deliver(&Offers, &event).await.unwrap()
}

#[tokio::test]
async fn a_replacement_starts_with_what_was_not_invoiced() {
    let mut it = Harness::start().await;
    approved(&mut it).await;
    let replacement = |key| {
        let request = proto::StartReplacementRequest {
            agreement_id: "agmt-1".to_owned(),
            engagement_id: "opp-2".to_owned(),
            customer_name: String::new(),
            valid_until: "2027-05-31".to_owned(),
        };
        command(key, request)
    };
    assert_eq!(
        ended(&it, 1, "agmt-1").await,
        "ignored",
        "of nothing that is known"
    );
    let unknown = it.client.start_replacement(replacement("3")).await;
    assert_eq!(refusal(&unknown.unwrap_err()).1, "AGREEMENT_UNKNOWN");
    accepted(&it, 2, "agmt-1", "sow").await;
    let early = it.client.start_replacement(replacement("4")).await;
    let early = refusal(&early.unwrap_err());
    let expected = (Code::FailedPrecondition, "AGREEMENT_NOT_OVER".to_owned());
    assert_eq!(early, expected);
    assert_eq!(ended(&it, 3, "agmt-1").await, "applied");
    assert_eq!(ended(&it, 4, "agmt-1").await, "ignored");

    let started = it.client.start_replacement(replacement("5")).await;
    let started = started.unwrap().into_inner();
    assert_eq!(started.follows_agreement_id, "agmt-1");
    let snapshot = started.snapshot.unwrap();
    let price = snapshot.economics.unwrap().price_total.unwrap().amount;
    let Some(Plan::Installments(plan)) = snapshot.payment_plan.unwrap().plan else {
        panic!("installments")
    };
    // No base is raised by 2.5 % to just 50 000.00, or one is: the charge is the price either way.
    let [charge] = plan.installments.as_slice() else {
        panic!("one installment")
    };
    assert_eq!(charge.charge_date, "2027-02-10");
    assert_eq!(charge.amount.as_ref().unwrap().amount, price);
    assert!(
        ["50000.00", "50000.01"].contains(&price.as_str()),
        "{price}"
    );
    assert_eq!(snapshot.packages.len(), 3);
    assert!(!started.content.unwrap().renewal);
    it.stop().await;
}

#[tokio::test]
async fn what_cannot_be_renewed_says_why() {
    let mut it = Harness::start().await;
    let unknown = it
        .client
        .start_renewal(command("1", renewal("agmt-1", "opp-2")))
        .await;
    let unknown = refusal(&unknown.unwrap_err());
    assert_eq!(unknown, (Code::NotFound, "AGREEMENT_UNKNOWN".to_owned()));
    // Offer may tell of a deal that was not estimated here.
    assert_eq!(accepted(&it, 1, "agmt-1", "elsewhere").await, "applied");
    let foreign = it
        .client
        .start_renewal(command("2", renewal("agmt-1", "opp-2")))
        .await;
    assert_eq!(refusal(&foreign.unwrap_err()).1, "AGREEMENT_UNKNOWN");

    let first = it
        .client
        .create_estimate(command("3", create("opp-1", handbook())))
        .await;
    let first = first.unwrap().into_inner();
    it.client
        .submit_estimate(command("4", submit(&first)))
        .await
        .unwrap();
    deliver(&it, 1, stamped(&first, "sow")).await;
    accepted(&it, 2, "agmt-2", "sow").await;
    let wrong = proto::StartRenewalRequest {
        valid_until: "2020-01-01".to_owned(),
        ..renewal("agmt-2", "has a blank")
    };
    let wrong = it
        .client
        .start_renewal(command("5", wrong))
        .await
        .unwrap_err();
    let reasons: Vec<String> = violations(&wrong)
        .into_iter()
        .map(|(_, reason)| reason)
        .collect();
    assert_eq!(reasons, ["ENGAGEMENT_ID_INVALID", "VALID_UNTIL_PAST"]);
    it.stop().await;
}

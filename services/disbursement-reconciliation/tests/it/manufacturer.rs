//! What resellers sell of the seller's services, from its authorization to its cash (S1, O2, R1, R3).

use countersign_platform::Failure;
use countersign_proto::common::v1::{Charge, Economics};
use countersign_proto::disbursement_reconciliation::v1::{
    CashPolicy, ChargeState, EngagementSettled, PutCashPolicyRequest,
};
use countersign_proto::offer::v1::{ResaleAuthorization, ResaleAuthorizationReleased};
use prost::{Message, Name};

use crate::csv::{Row, file};
use crate::world::{BILLING, ENGAGEMENT, World, usd};

const OFFERS: &str = "offerfeed_v1/year=2027/month=01/data.csv";
const AGREEMENTS: &str = "agreementfeed_v1/year=2027/month=01/data.csv";

/// S1 as the manufacturer has it: of a reseller's 0.55 and 0.55 it is owed 0.50 and 0.50, pays the listing
/// fee of it, and the rest arrives; its authorization tells what, its feeds that it was sold.
#[tokio::test]
async fn what_a_reseller_sold_is_expected_and_settled() {
    let world = World::new().await;
    world.deliver(OFFERS, offers());
    world.deliver(AGREEMENTS, agreements(&[("2027-01-03", "ACTIVE")]));
    world.deliver(BILLING, file(&payment("a", "2027-01-05")));
    world.ingest().await;
    // Nothing says yet whose these are.
    assert_eq!(world.unmatched().await.len(), 6);

    for sequence in [1, 2] {
        assert_eq!(
            hear(&world, sequence, &released()).await.unwrap(),
            "applied"
        );
    }
    world.ingest().await;
    assert_eq!(world.unmatched().await, [""; 0]);
    let cash = world.cash().await;
    assert_eq!(
        (cash.agreement_id.as_str(), cash.aws_offer_id.as_str()),
        ("agmt-1", "offer-1")
    );
    assert_eq!(cash.authorization_id, "resaleauthz-1");
    assert_eq!(cash.price_total, usd("1.00"));
    assert_eq!(cash.expected_fee, usd("0.04"));
    assert_eq!(cash.expected_net, usd("0.96"));
    assert_eq!(cash.charges[0].state(), ChargeState::Disbursed);
    assert_eq!(cash.charges[1].state(), ChargeState::NotDue);

    let both = [payment("a", "2027-01-05"), payment("b", "2027-02-05")].concat();
    world.read(file(&both)).await;
    let cash = world.cash().await;
    assert!(cash.settled);
    assert_eq!(cash.invoiced, usd("1.00"));
    assert_eq!(cash.fee_charged, usd("-0.04"));
    assert_eq!(cash.wholesale_charged, usd("0.00"));
    assert_eq!(cash.disbursed, usd("0.96"));
    assert_eq!(cash.discrepancies, []);
    let (name, settled) = world.bed.published().await.pop().unwrap();
    assert_eq!(name, EngagementSettled::full_name());
    let settled = EngagementSettled::decode(settled.as_slice()).unwrap();
    assert_eq!(settled.engagement_id, ENGAGEMENT);
    let expected = [
        ("accrued:listing-fee", "0.00"),
        ("cash:bank", "0.96"),
        ("clearing:disbursement", "0.00"),
        ("expense:listing-fee", "0.04"),
        ("receivable:aws", "0.00"),
        ("receivable:unbilled", "0.00"),
        ("revenue:deferred", "-1.00"),
    ];
    let expected = expected.map(|(account, balance)| (account.to_owned(), balance.to_owned()));
    assert_eq!(world.balances().await, expected);
}

/// E3: what AWS adds for a partner's sale is policy, and is frozen when the sale is found.
#[tokio::test]
async fn a_seller_of_whom_aws_takes_no_more_for_a_resale_says_so() {
    let world = World::new().await;
    let put = async |rate: &str| {
        let policy = Some(CashPolicy {
            daily_disbursement: true,
            penny_tolerance_minor_units: 1,
            resale_fee_rate: rate.to_owned(),
            ..CashPolicy::default()
        });
        let request = world.call(PutCashPolicyRequest { policy });
        world.client().put_cash_policy(request).await.unwrap();
    };
    put("0").await;
    hear(&world, 1, &released()).await.unwrap();
    world.deliver(OFFERS, offers());
    world.deliver(AGREEMENTS, agreements(&[("2027-01-03", "ACTIVE")]));
    world.ingest().await;
    put("0.1").await;
    world.ingest().await;
    // 2.5 % of 0.50, half to even.
    assert_eq!(world.cash().await.expected_fee, usd("0.02"));
    assert_eq!(world.cash().await.charges[0].expected_fee, usd("0.01"));
}

/// The authorization known first, as a rule: nothing is expected before a buyer accepts, and once only.
#[tokio::test]
async fn an_authorization_alone_brings_no_cash() {
    let world = World::new().await;
    hear(&world, 1, &released()).await.unwrap();
    world.deliver(OFFERS, offers());
    world.ingest().await;
    assert_eq!(world.ledger().await.len(), 0);
    world.deliver(AGREEMENTS, agreements(&[("2027-01-03", "ACTIVE")]));
    for _ in 0..2 {
        world.ingest().await;
        assert_eq!(world.ledger().await.len(), 2);
    }
    // Its agreement of another offer is nothing of the authorization's.
    let mut other = released();
    let authorization = other.authorization.as_mut().unwrap();
    authorization.authorization_id = "resaleauthz-2".to_owned();
    hear(&world, 2, &other).await.unwrap();
    world.ingest().await;
    assert_eq!(world.ledger().await.len(), 2);
}

/// O15: the Agreement API does not show the manufacturer the end, but its feed does; what was not due is
/// dropped, and what was paid settles.
#[tokio::test]
async fn what_a_reseller_s_agreement_s_end_leaves_uninvoiced_is_dropped() {
    let world = World::new().await;
    hear(&world, 1, &released()).await.unwrap();
    world.deliver(OFFERS, offers());
    let mut rows = vec![("2027-01-03", "ACTIVE")];
    world.deliver(AGREEMENTS, agreements(&rows));
    world.deliver(BILLING, file(&payment("a", "2027-01-05")));
    world.ingest().await;
    assert!(!world.cash().await.settled);
    rows.push(("2027-01-20", "PAUSED"));
    world.deliver(AGREEMENTS, agreements(&rows));
    world.ingest().await;
    assert!(!world.cash().await.settled);
    rows.push(("2027-01-21", "CANCELLED"));
    world.deliver(AGREEMENTS, agreements(&rows));
    world.ingest().await;
    let cash = world.cash().await;
    assert_eq!(cash.charges[1].state(), ChargeState::Dropped);
    assert!(cash.settled);
}

/// What cannot be an expectation is for a person: it is parked. Other terms are refused.
#[tokio::test]
async fn an_authorization_that_says_too_little_is_parked() {
    let world = World::new().await;
    let mut without = released();
    without.economics = None;
    let failure = hear(&world, 1, &without).await;
    assert!(
        matches!(failure, Err(Failure::Undecodable { .. })),
        "{failure:?}"
    );
    assert_eq!(hear(&world, 1, &released()).await.unwrap(), "applied");
    let mut other = released();
    other.billing_terms_days = 60;
    assert_eq!(hear(&world, 2, &other).await.unwrap(), "rejected");
}

async fn hear(
    world: &World,
    sequence: i64,
    message: &ResaleAuthorizationReleased,
) -> Result<String, Failure> {
    let name = ResaleAuthorizationReleased::full_name();
    world
        .hear_as(sequence, &name, message.encode_to_vec())
        .await
}

fn released() -> ResaleAuthorizationReleased {
    let charges = [(1, "2027-01-05"), (2, "2027-02-05")].map(|(number, on)| Charge {
        number,
        charge_date: on.to_owned(),
        amount: usd("0.50"),
    });
    ResaleAuthorizationReleased {
        authorization: Some(ResaleAuthorization {
            engagement_id: ENGAGEMENT.to_owned(),
            authorization_id: "resaleauthz-1".to_owned(),
            wholesale_price: usd("1.00"),
            charges: charges.into(),
            ..ResaleAuthorization::default()
        }),
        economics: Some(Economics {
            base_total: usd("0.96"),
            price_total: usd("1.00"),
            listing_fee_rate: "0.025".to_owned(),
            expected_fee: usd("0.02"),
            expected_net: usd("0.96"),
            ..Economics::default()
        }),
        billing_terms_days: 30,
        ..ResaleAuthorizationReleased::default()
    }
}

/// The reseller's offer, which names the authorization, and one of the seller's own.
fn offers() -> String {
    "offer_id,offer_revision,name,opportunity_id,valid_from,update_date\n\
     offer-1,1,Resold,resaleauthz-1,2027-01-02T00:00:00Z,2027-01-02T00:00:00Z\n\
     offer-1,2,Resold,resaleauthz-1,2027-01-02T01:00:00Z,2027-01-02T01:00:00Z\n\
     offer-2,1,Direct,,2027-01-02T00:00:00Z,2027-01-02T00:00:00Z\n"
        .to_owned()
}

/// The reseller's agreement: a row for each day and status. And one of the seller's own.
fn agreements(rows: &[(&str, &str)]) -> String {
    let mut text =
        "agreement_id,status,offer_id,acceptance_time,valid_from,update_date\n".to_owned();
    text.push_str(
        "agmt-2,ACTIVE,offer-2,2027-01-03T12:00:00Z,2027-01-03T12:00:00Z,2027-01-03T12:00:00Z\n",
    );
    text.extend(rows.iter().map(|(day, status)| {
        let at = format!("{day}T12:00:00Z");
        format!("agmt-1,{status},offer-1,2027-01-03T12:00:00Z,{at},{at}\n")
    }));
    text
}

/// One payment, from the invoice to the manufacturer's deposit; `id` tells it from others.
fn payment(id: &str, on: &str) -> Vec<Row> {
    let row = |name: &str, action: &str, kind: &str, amount: &str| {
        Row::new(&format!("{name}-{id}"), on, action, kind, amount)
            .with("invoice_date", &format!("{on}T06:00:00Z"))
            .with("payment_due_date", "")
    };
    let sold = |row: Row| {
        row.with("charge_variant", "RESALE")
            .with("charge_side", "SELLING")
    };
    let paid = |row: Row, parent: &str| {
        row.with("parent_billing_event_id", &format!("{parent}-{id}"))
            .with("disbursement_billing_event_id", &format!("dep-{id}"))
    };
    let (revenue, fee) = ("SELLER_REV_SHARE", "AWS_REV_SHARE");
    vec![
        sold(row("rev", "INVOICED", revenue, "0.50")),
        row("fee", "INVOICED", fee, "-0.02").with("charge_variant", "LISTING_FEE"),
        sold(row("col", "COLLECTED", revenue, "0.50"))
            .with("parent_billing_event_id", &format!("rev-{id}")),
        paid(sold(row("pay", "DISBURSED", revenue, "-0.50")), "rev"),
        paid(row("back", "DISBURSED", fee, "0.02"), "fee"),
        row("dep", "DISBURSED", "DISBURSEMENT", "0.48")
            .with("agreement_id", "")
            .with("offer_id", "")
            .with("invoice_id", "")
            .with("bank_trace_id", &format!("TRACE-{id}")),
    ]
}

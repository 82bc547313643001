//! A reseller's sale, from the acceptance to its margin (S1, O5, R3).

use countersign_platform::Failure;
use countersign_proto::common::v1::Charge;
use countersign_proto::disbursement_reconciliation::v1::{ChargeState, EngagementSettled};
use countersign_proto::offer::v1::{AgreementAccepted, ResalePayment, ResaleSplit};
use prost::{Message, Name};

use crate::csv::{Row, file};
use crate::world::{World, accepted, usd};

/// S1 as the reseller has it: 0.55 of the buyer's twice, 0.50 of it the manufacturer's, 0.05 arrives
/// twice; no listing fee, and the ledger says where each cent went.
#[tokio::test]
async fn a_resellers_sale() {
    let world = World::new().await;
    assert_eq!(world.hear(&resold()).await.unwrap(), "applied");
    let cash = world.cash().await;
    assert_eq!(cash.price_total, usd("1.10"));
    assert_eq!(cash.expected_fee, usd("0.00"));
    assert_eq!(cash.expected_wholesale, usd("1.00"));
    assert_eq!(cash.expected_net, usd("0.10"));
    assert_eq!(cash.charges[1].expected_wholesale, usd("0.50"));

    world.read(file(&payment("a", "2027-01-05"))).await;
    let cash = world.cash().await;
    assert!(!cash.settled);
    assert_eq!(cash.charges[0].state(), ChargeState::Disbursed);
    assert_eq!(cash.charges[0].wholesale_charged, usd("-0.50"));
    assert_eq!(cash.charges[0].disbursed, usd("0.05"));

    let both = [payment("a", "2027-01-05"), payment("b", "2027-02-05")].concat();
    world.read(file(&both)).await;
    let cash = world.cash().await;
    assert!(cash.settled);
    assert_eq!(cash.invoiced, usd("1.10"));
    assert_eq!(cash.fee_charged, usd("0.00"));
    assert_eq!(cash.wholesale_charged, usd("-1.00"));
    assert_eq!(cash.disbursed, usd("0.10"));
    assert_eq!(cash.undisbursed, usd("0.00"));
    assert_eq!(cash.discrepancies, []);
    // What others hear adds up too: price = what went to the manufacturer + fee + what stays.
    let (name, settled) = world.bed.published().await.pop().unwrap();
    assert_eq!(name, EngagementSettled::full_name());
    let settled = EngagementSettled::decode(settled.as_slice()).unwrap();
    assert_eq!(settled.invoiced, usd("1.10"));
    assert_eq!(settled.wholesale, usd("-1.00"));
    assert_eq!(settled.fee, usd("0.00"));
    assert_eq!(settled.disbursed, usd("0.10"));
    let expected = [
        ("accrued:wholesale", "0.00"),
        ("cash:bank", "0.10"),
        ("clearing:disbursement", "0.00"),
        ("expense:wholesale", "1.00"),
        ("receivable:aws", "0.00"),
        ("receivable:unbilled", "0.00"),
        ("revenue:deferred", "-1.10"),
    ];
    let expected = expected.map(|(account, balance)| (account.to_owned(), balance.to_owned()));
    assert_eq!(world.balances().await, expected);
}

/// A resale whose payments do not lie beside its charges is no expectation: a person must look.
#[tokio::test]
async fn a_resale_without_a_payment_for_each_charge_is_parked() {
    let world = World::new().await;
    let name = AgreementAccepted::full_name();
    let changes: [fn(&mut Vec<ResalePayment>); 3] = [
        |payments| drop(payments.pop()),
        |payments| payments.reverse(),
        |payments| payments[1].charge_date = "2027-02-06".to_owned(),
    ];
    for change in changes {
        let mut message = resold();
        let split = message.offer.as_mut().unwrap().resale.as_mut().unwrap();
        change(&mut split.payments);
        let failure = world.hear_as(1, &name, message.encode_to_vec()).await;
        assert!(
            matches!(failure, Err(Failure::Undecodable { .. })),
            "{failure:?}"
        );
    }
    assert_eq!(world.hear(&resold()).await.unwrap(), "applied");
}

/// One payment of the buyer's, from the invoice to the reseller's deposit; `id` tells it from others.
fn payment(id: &str, on: &str) -> Vec<Row> {
    let row = |name: &str, action: &str, kind: &str, amount: &str| {
        Row::new(&format!("{name}-{id}"), on, action, kind, amount)
            .with("invoice_date", &format!("{on}T06:00:00Z"))
            .with("payment_due_date", "")
    };
    let bought = |row: Row| {
        row.with("charge_variant", "RESALE")
            .with("charge_side", "BUYING")
    };
    let paid = |row: Row, parent: &str| {
        row.with("parent_billing_event_id", &format!("{parent}-{id}"))
            .with("disbursement_billing_event_id", &format!("dep-{id}"))
    };
    let revenue = "SELLER_REV_SHARE";
    vec![
        row("rev", "INVOICED", revenue, "0.55"),
        bought(row("cost", "INVOICED", revenue, "-0.50")),
        row("col", "COLLECTED", revenue, "0.55")
            .with("parent_billing_event_id", &format!("rev-{id}")),
        paid(row("pay", "DISBURSED", revenue, "-0.55"), "rev"),
        paid(bought(row("out", "DISBURSED", revenue, "0.50")), "cost"),
        row("dep", "DISBURSED", "DISBURSEMENT", "0.05")
            .with("agreement_id", "")
            .with("offer_id", "")
            .with("invoice_id", "")
            .with("bank_trace_id", &format!("TRACE-{id}")),
    ]
}

/// S1's sale as the offer service tells of it.
fn resold() -> AgreementAccepted {
    let mut message = accepted();
    let charges = [(1, "2027-01-05"), (2, "2027-02-05")];
    let payments = charges.map(|(number, on)| ResalePayment {
        number,
        charge_date: on.to_owned(),
        to_seller: usd("0.50"),
        from_buyer: usd("0.55"),
    });
    message.charges = charges
        .map(|(number, on)| Charge {
            number,
            charge_date: on.to_owned(),
            amount: usd("0.55"),
        })
        .into();
    let economics = message.economics.as_mut().unwrap();
    economics.price_total = usd("1.10");
    economics.base_total = usd("1.00");
    economics.expected_fee = usd("0.03");
    message.offer.as_mut().unwrap().resale = Some(ResaleSplit {
        authorization_id: "resaleauthz-1".to_owned(),
        payments: payments.into(),
        total_to_seller: usd("1.00"),
        total_from_buyer: usd("1.10"),
        total_to_reseller: usd("0.10"),
    });
    message
}

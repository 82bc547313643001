//! The deals of the main job, from acceptance to cash.

use countersign_proto::common::v1::{Economics, Money};
use countersign_proto::disbursement_reconciliation::v1 as proto;
use prost::Message;
use proto::ChargeState;

use crate::csv::{collected, disbursed, file, handbook, invoiced};
use crate::world::{ENGAGEMENT, FINANCE, World, accepted, keyed, reason, usd};

fn state(cash: &proto::EngagementCash) -> ChargeState {
    let [charge] = cash.charges.as_slice() else {
        panic!("one charge")
    };
    charge.state()
}

/// handbook.yaml's end: invoiced, collected, disbursed, settled, to the cent; the month's file is
/// rewritten each day with one day more (R1 to R5).
#[tokio::test]
async fn the_handbook_deal() {
    let world = World::new().await;
    let policy = Some(proto::CashPolicy {
        daily_disbursement: true,
        monthly_day: 0,
        penny_tolerance_minor_units: 1,
        resale_fee_rate: String::new(),
    });
    let request = world.call(proto::PutCashPolicyRequest { policy });
    world.client().put_cash_policy(request).await.unwrap();
    assert_eq!(world.hear(&accepted()).await.unwrap(), "applied");

    let cash = world.cash().await;
    assert_eq!(state(&cash), ChargeState::NotDue);
    assert_eq!(cash.expected_fee, usd("2562.50"));
    assert_eq!(cash.expected_net, usd("99937.50"));
    assert_eq!(cash.charges[0].payment_due_date, "2027-02-04");
    assert_eq!(cash.charges[0].expected_disbursement_date, "2027-02-05");

    let mut rows = invoiced();
    let report = world.read(file(&rows)).await;
    assert_eq!(
        (report.rows, report.new_rows, report.repeated_rows),
        (2, 2, 0)
    );
    let cash = world.cash().await;
    assert_eq!(state(&cash), ChargeState::Invoiced);
    assert_eq!(
        cash.charges[0].invoice_id, "000123",
        "the buyer's, zeros kept"
    );
    assert_eq!(cash.undisbursed, usd("99937.50"));

    rows.push(collected());
    let report = world.read(file(&rows)).await;
    assert_eq!(
        (report.rows, report.new_rows, report.repeated_rows),
        (3, 1, 2)
    );
    assert_eq!(state(&world.cash().await), ChargeState::Collected);
    assert_eq!(world.published().await, Vec::<String>::new());

    rows.extend(disbursed("102500.00", "99937.50"));
    world.read(file(&rows)).await;
    let cash = world.cash().await;
    assert_eq!(state(&cash), ChargeState::Disbursed);
    assert!(cash.settled);
    assert_eq!(cash.base_total, usd("100000.00"));
    assert_eq!(cash.price_total, usd("102500.00"));
    assert_eq!(cash.invoiced, usd("102500.00"));
    assert_eq!(cash.fee_charged, usd("-2562.50"));
    assert_eq!(cash.collected, usd("102500.00"));
    assert_eq!(cash.disbursed, usd("99937.50"));
    assert_eq!(cash.undisbursed, usd("0.00"));
    assert_eq!(cash.bank_trace_ids, ["TRACE-1"]);
    assert_eq!(cash.discrepancies, []);
    assert_eq!(world.unmatched().await, Vec::<String>::new());

    let expected = [
        ("accrued:listing-fee", "0.00"),
        ("cash:bank", "99937.50"),
        ("clearing:disbursement", "0.00"),
        ("expense:listing-fee", "2562.50"),
        ("receivable:aws", "0.00"),
        ("receivable:unbilled", "0.00"),
        ("revenue:deferred", "-102500.00"),
    ];
    let expected = expected.map(|(account, balance)| (account.to_owned(), balance.to_owned()));
    assert_eq!(world.balances().await, expected);

    let ledger = world.ledger().await;
    let causes: Vec<&str> = ledger
        .iter()
        .map(|written| written.cause.as_str())
        .collect();
    assert_eq!(
        causes,
        [
            "charge:1",
            "billing-event:be-1",
            "billing-event:be-2",
            "billing-event:be-4",
            "billing-event:be-5",
            "deposit:be-6",
        ]
    );
    assert_eq!(ledger[5].effective_date, "2027-02-05");
    assert_eq!(ledger[5].entries[0].account, "cash:bank");
    assert_eq!(ledger[5].entries[0].debit, usd("99937.50"));

    assert_eq!(world.ingest().await, [], "the same files again are no work");
    assert_eq!(world.ledger().await.len(), 6);
    the_events_say_it(&world).await;
}

async fn the_events_say_it(world: &World) {
    let events = world.bed.published().await;
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "countersign.disbursement_reconciliation.v1.CashDisbursed",
            "countersign.disbursement_reconciliation.v1.EngagementSettled",
        ]
    );
    let cash = proto::CashDisbursed::decode(events[0].1.as_slice()).unwrap();
    let expected = proto::CashDisbursed {
        agreement_id: "agmt-1".to_owned(),
        engagement_id: ENGAGEMENT.to_owned(),
        bank_trace_id: "TRACE-1".to_owned(),
        amount: usd("99937.50"),
        disbursed_at: "2027-02-05T06:00:00Z".to_owned(),
    };
    assert_eq!(cash, expected);
    let settled = proto::EngagementSettled::decode(events[1].1.as_slice()).unwrap();
    let expected = proto::EngagementSettled {
        agreement_id: "agmt-1".to_owned(),
        engagement_id: ENGAGEMENT.to_owned(),
        invoiced: usd("102500.00"),
        fee: usd("-2562.50"),
        disbursed: usd("99937.50"),
        expected_net: usd("99937.50"),
        bank_trace_ids: vec!["TRACE-1".to_owned()],
        wholesale: usd("0.00"),
    };
    assert_eq!(settled, expected);
}

/// short-paid.yaml's end: the deposit is 0.01 short and a row arrives twice: a penny case, no double
/// count; settled when a person says so (R3, R5, R8).
#[tokio::test]
async fn the_short_paid_deal() {
    let world = World::new().await;
    world.hear(&accepted()).await.unwrap();
    let mut rows = invoiced();
    rows.push(collected());
    rows.extend(disbursed("102499.99", "99937.49"));
    rows.push(rows[5].clone());
    let report = world.read(file(&rows)).await;
    assert_eq!(
        (report.rows, report.new_rows, report.repeated_rows),
        (7, 6, 1)
    );

    let cash = world.cash().await;
    assert_eq!(state(&cash), ChargeState::PartiallyDisbursed);
    assert!(!cash.settled);
    assert_eq!(cash.disbursed, usd("99937.49"));
    assert_eq!(cash.undisbursed, usd("0.01"));
    let [penny] = cash.discrepancies.as_slice() else {
        panic!("one case: {cash:?}")
    };
    assert_eq!(penny.kind, "PENNY_DIFFERENCE");
    assert_eq!(
        (&penny.expected, &penny.actual),
        (&usd("99937.50"), &usd("99937.49"))
    );
    assert_eq!(penny.difference, usd("-0.01"));
    assert_eq!(
        world.published().await,
        ["CashDisbursed", "DiscrepancyFound"]
    );
    let found = world.bed.published().await.pop().unwrap().1;
    let found = proto::DiscrepancyFound::decode(found.as_slice()).unwrap();
    assert_eq!(
        (found.case_id.as_str(), found.kind.as_str()),
        (penny.case_id.as_str(), "PENNY_DIFFERENCE")
    );
    assert_eq!(found.difference, usd("-0.01"));

    let resolved = world.resolve(&penny.case_id).await.unwrap();
    assert_eq!(resolved.state(), proto::discrepancy::State::Resolved);
    assert_eq!(
        (resolved.resolved_by.as_str(), resolved.resolution.as_str()),
        (FINANCE, "AWS rounds")
    );
    let cash = world.cash().await;
    assert_eq!(state(&cash), ChargeState::Disbursed);
    assert!(cash.settled);
    assert_eq!(world.published().await[2..], ["EngagementSettled"]);
    let balances = world.balances().await;
    assert!(balances.contains(&("rounding:penny-difference".to_owned(), "0.01".to_owned())));
    assert!(balances.contains(&("receivable:aws".to_owned(), "0.00".to_owned())));
    assert!(balances.contains(&("cash:bank".to_owned(), "99937.49".to_owned())));

    let again = world.resolve(&penny.case_id).await.unwrap_err();
    assert_eq!(
        reason(&again),
        (
            tonic::Code::FailedPrecondition,
            "CASE_ALREADY_RESOLVED".to_owned()
        )
    );
    assert_eq!(world.balances().await, balances);
}

/// Feeds may be there before the event: the rows wait, visibly, and are matched when it comes (R2).
#[tokio::test]
async fn rows_wait_for_their_agreement() {
    let world = World::new().await;
    world.read(file(&handbook())).await;
    assert_eq!(
        world.unmatched().await,
        ["be-1", "be-2", "be-3", "be-4", "be-5", "be-6"]
    );
    assert_eq!(world.published().await, Vec::<String>::new());
    world.hear(&accepted()).await.unwrap();
    assert!(world.cash().await.settled);
    assert_eq!(world.unmatched().await, Vec::<String>::new());
    assert_eq!(
        world.published().await,
        ["CashDisbursed", "EngagementSettled"]
    );
}

/// A deposit that comes back is booked back and somebody hears of it; paid again it settles again,
/// with the figures of what stayed (R3, R4, R5).
#[tokio::test]
async fn a_failed_deposit() {
    use crate::csv::Row;
    let world = World::new().await;
    world.hear(&accepted()).await.unwrap();
    let mut rows = handbook();
    world.read(file(&rows)).await;
    rows.push(
        Row::new(
            "be-7",
            "2027-02-08",
            "DISBURSED",
            "DISBURSEMENT_FAILURE",
            "-99937.50",
        )
        .with("agreement_id", "")
        .with("offer_id", "")
        .with("parent_billing_event_id", "be-6"),
    );
    // The failed deposit's rows are reversed by rows that point to the failure.
    rows.push(
        Row::new(
            "be-8",
            "2027-02-08",
            "DISBURSED",
            "SELLER_REV_SHARE",
            "102500.00",
        )
        .with("parent_billing_event_id", "be-1")
        .with("disbursement_billing_event_id", "be-7"),
    );
    rows.push(
        Row::new(
            "be-9",
            "2027-02-08",
            "DISBURSED",
            "AWS_REV_SHARE",
            "-2562.50",
        )
        .with("parent_billing_event_id", "be-2")
        .with("disbursement_billing_event_id", "be-7"),
    );
    world.read(file(&rows)).await;
    let cash = world.cash().await;
    assert_eq!(state(&cash), ChargeState::Failed);
    assert!(!cash.settled);
    assert_eq!(
        (cash.disbursed, cash.undisbursed),
        (usd("0.00"), usd("99937.50"))
    );
    assert_eq!(cash.bank_trace_ids, Vec::<String>::new());
    assert!(
        world
            .balances()
            .await
            .contains(&("cash:bank".to_owned(), "0.00".to_owned()))
    );

    for (row, id) in disbursed("102500.00", "99937.50")
        .into_iter()
        .zip(["be-14", "be-15", "be-16"])
    {
        let row = row.with("billing_event_id", id);
        rows.push(if id == "be-16" {
            row
        } else {
            row.with("disbursement_billing_event_id", "be-16")
        });
    }
    world.read(file(&rows)).await;
    let cash = world.cash().await;
    assert!(cash.settled);
    assert_eq!(cash.disbursed, usd("99937.50"));
    let [found] = &cash.discrepancies[..] else {
        panic!("one case: {:?}", cash.discrepancies)
    };
    assert_eq!(found.kind, "DEPOSIT_FAILED");
    assert_eq!(found.state(), proto::discrepancy::State::Cleared);
    assert_eq!(
        world.published().await,
        [
            "CashDisbursed",
            "EngagementSettled",
            "DiscrepancyFound",
            "CashDisbursed",
            "EngagementSettled"
        ]
    );
    let settled = world.ingest().await;
    assert_eq!(settled, [], "nothing is told twice");
    assert_eq!(world.published().await.len(), 5);
}

/// E4, E9, R3: yen have no minor digits: in the event, in the feed, in the database, in the books.
#[tokio::test]
async fn a_deal_in_yen() {
    let yen = |amount: &str| {
        Some(Money {
            currency_code: "JPY".to_owned(),
            amount: amount.to_owned(),
        })
    };
    let mut agreement = accepted();
    agreement.charges[0].amount = yen("102500");
    agreement.economics = Some(Economics {
        base_total: yen("100000"),
        price_total: yen("102500"),
        listing_fee_rate: "0.025".to_owned(),
        expected_fee: yen("2562"),
        expected_net: yen("99938"),
        ..Economics::default()
    });
    let amounts = [
        "102500",
        "-2562.000000",
        "102500.0",
        "\"-102,500\"",
        "2562",
        "99936",
    ];
    let rows = handbook().into_iter().zip(amounts);
    let rows: Vec<_> = rows
        .map(|(row, amount)| row.with("currency", "JPY").with("amount", amount))
        .collect();
    let world = World::new().await;
    world.hear(&agreement).await.unwrap();
    let report = world.read(file(&rows)).await;
    assert_eq!((report.new_rows, report.refused_rows), (6, 0), "{report:?}");
    let cash = world.cash().await;
    assert_eq!((cash.disbursed, cash.undisbursed), (yen("99936"), yen("2")));
    let [found] = &cash.discrepancies[..] else {
        panic!("one case: {:?}", cash.discrepancies)
    };
    assert_eq!(
        (found.kind.as_str(), &found.difference),
        ("SHORT_PAID", &yen("-2"))
    );
    world.resolve(&found.case_id).await.unwrap();
    assert!(world.cash().await.settled);
    assert!(
        world
            .balances()
            .await
            .contains(&("expense:payment-difference".to_owned(), "2".to_owned()))
    );
}

/// P2, P4: the same key is the same answer; two turns at once do the work once.
#[tokio::test]
async fn nothing_is_done_twice() {
    let world = World::new().await;
    world.hear(&accepted()).await.unwrap();
    world.deliver(crate::world::BILLING, file(&handbook()));
    let turn = |key: &'static str| {
        let mut client = world.client();
        async move {
            let request = keyed("acme", key, proto::IngestFeedsRequest {});
            client
                .ingest_feeds(request)
                .await
                .unwrap()
                .into_inner()
                .reports
        }
    };
    let (one, other) = tokio::join!(turn("one"), turn("other"));
    assert_eq!(one.len() + other.len(), 1);
    assert_eq!(turn("one").await, one);
    assert_eq!(world.ledger().await.len(), 6);
    assert_eq!(
        world.published().await,
        ["CashDisbursed", "EngagementSettled"]
    );
}

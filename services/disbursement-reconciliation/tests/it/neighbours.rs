//! What lies side by side: two agreements in one deposit, two sellers in one database (R3, P5).

use countersign_proto::disbursement_reconciliation::v1 as proto;

use crate::csv::{Row, disbursed, file, handbook};
use crate::world::{BILLING, ENGAGEMENT, World, accepted, keyed, usd};

const SECOND: &str = "007-second";

/// The handbook's rows again, for another agreement, in the same deposit.
fn of_the_second(rows: Vec<Row>) -> Vec<Row> {
    let ids = ["be-11", "be-12", "be-13", "be-14", "be-15"];
    let parents = ["", "", "be-11", "be-11", "be-12"];
    rows.into_iter()
        .zip(ids)
        .zip(parents)
        .map(|((row, id), parent)| {
            row.with("billing_event_id", id)
                .with("parent_billing_event_id", parent)
                .with("agreement_id", "agmt-2")
                .with("offer_id", "offer-2")
        })
        .collect()
}

/// R3: one deposit over two agreements' invoices: each gets its part, the penny is laid to one of
/// them, and when the deposit comes back it comes back for both.
#[tokio::test]
async fn one_deposit_pays_two_agreements() {
    let world = World::new().await;
    world.hear(&accepted()).await.unwrap();
    let mut second = accepted();
    second.agreement_id = "agmt-2".to_owned();
    if let Some(offer) = &mut second.offer {
        offer.engagement_id = SECOND.to_owned();
        offer.aws_offer_id = "offer-2".to_owned();
    }
    world.hear(&second).await.unwrap();

    let mut rows = handbook();
    let deposit = rows.pop().unwrap().with("amount", "199874.99");
    rows.extend(of_the_second(rows.clone()));
    rows.push(deposit);
    world.read(file(&rows)).await;
    let (one, two) = (world.cash().await, world.cash_of(SECOND).await);
    assert_eq!((one.disbursed, one.settled), (usd("99937.50"), true));
    assert_eq!((two.disbursed, two.settled), (usd("99937.49"), false));
    let kinds = |cash: &[proto::Discrepancy]| -> Vec<String> {
        cash.iter().map(|case| case.kind.clone()).collect()
    };
    assert_eq!(kinds(&one.discrepancies), Vec::<String>::new());
    assert_eq!(kinds(&two.discrepancies), ["PENNY_DIFFERENCE"]);

    rows.push(
        Row::new(
            "be-30",
            "2027-02-08",
            "DISBURSED",
            "DISBURSEMENT_FAILURE",
            "-199874.99",
        )
        .with("agreement_id", "")
        .with("offer_id", "")
        .with("parent_billing_event_id", "be-6"),
    );
    world.read(file(&rows)).await;
    for engagement in [ENGAGEMENT, SECOND] {
        let cash = world.cash_of(engagement).await;
        assert_eq!((cash.disbursed, cash.settled), (usd("0.00"), false));
        assert_eq!(cash.undisbursed, usd("99937.50"));
        let open = |case: &&proto::Discrepancy| case.state() == proto::discrepancy::State::Open;
        let open: Vec<_> = cash.discrepancies.iter().filter(open).collect();
        assert_eq!(open.len(), 1, "{open:?}");
        assert_eq!(open[0].kind, "DEPOSIT_FAILED");
    }
}

/// P5: what one seller's feed says of another's agreement, or of its rows, is nothing to the other.
#[tokio::test]
async fn a_feed_touches_its_own_seller_only() {
    let world = World::new().await;
    world.hear(&accepted()).await.unwrap();
    let mine: Vec<Row> = handbook().into_iter().take(3).collect();
    world.read(file(&mine)).await;
    // The same agreement, the same offer, and ids that point into acme's rows.
    let foreign = disbursed("102500.00", "99937.50");
    world.deliver(&format!("globex/{BILLING}"), file(&foreign));
    let ask = |key: &str| keyed("globex", key, proto::IngestFeedsRequest {});
    let reports = world.client().ingest_feeds(ask("g-1")).await.unwrap();
    assert_eq!(reports.into_inner().reports[0].new_rows, 3);

    let cash = world.cash().await;
    assert_eq!((cash.disbursed, cash.settled), (usd("0.00"), false));
    assert_eq!(world.unmatched().await, Vec::<String>::new());
    let request = keyed(
        "globex",
        "g-2",
        proto::ListUnmatchedEventsRequest::default(),
    );
    let theirs = world.client().list_unmatched_events(request).await.unwrap();
    assert_eq!(theirs.into_inner().events.len(), 3);
    let request = keyed("globex", "g-3", proto::GetTrialBalanceRequest::default());
    let theirs = world.client().get_trial_balance(request).await.unwrap();
    assert_eq!(theirs.into_inner().accounts, []);
    // Its own rows of the same ids are acme's own business.
    world.read(file(&handbook())).await;
    assert!(world.cash().await.settled);
}

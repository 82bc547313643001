//! Bad and odd feeds: each is refused or absorbed with a report; no row is lost or counted twice.

use countersign_proto::disbursement_reconciliation::v1 as proto;
use proto::feed_report::State;

use crate::csv::{COLUMNS, Row, file, file_of, handbook, invoiced};
use crate::world::{BILLING, World, accepted};

fn adds_up(report: &proto::FeedReport) {
    let sum = report.new_rows + report.repeated_rows + report.refused_rows;
    assert_eq!(report.rows, sum, "{report:?}");
}

fn refused(report: &proto::FeedReport) -> Vec<(u64, &str)> {
    report
        .refused
        .iter()
        .map(|row| (row.line, row.reason.as_str()))
        .collect()
}

/// Whatever was wrong before: the whole file in order again settles the deal, each row once.
async fn then_settles(world: &World) {
    let report = world.read(file(&handbook())).await;
    adds_up(&report);
    assert_eq!(report.rows, 6);
    assert!(world.cash().await.settled);
    assert_eq!(world.ledger().await.len(), 6);
}

#[tokio::test]
async fn missing_columns_refuse_the_file() {
    let world = World::new().await;
    world.hear(&accepted()).await.unwrap();
    let lacking: Vec<&str> = COLUMNS
        .into_iter()
        .filter(|name| !["amount", "action_date"].contains(name))
        .collect();
    let report = world.read(file_of(&lacking, &handbook())).await;
    assert_eq!(report.state(), State::Refused);
    assert_eq!(report.remarks, ["missing columns: amount, action_date"]);
    assert_eq!((report.rows, report.new_rows), (0, 0));
    assert_eq!(world.ingest().await, [], "it is reported once");
    assert_eq!(world.ledger().await.len(), 1);
    then_settles(&world).await;
}

#[tokio::test]
async fn unknown_and_reordered_columns_are_absorbed() {
    let world = World::new().await;
    world.hear(&accepted()).await.unwrap();
    let mut columns: Vec<&str> = COLUMNS.to_vec();
    columns.reverse();
    columns.push("brand_new");
    let report = world.read(file_of(&columns, &handbook())).await;
    assert_eq!(report.state(), State::Ingested);
    assert_eq!(
        report.remarks,
        ["unknown columns kept as evidence: brand_new"]
    );
    assert_eq!((report.rows, report.new_rows), (6, 6));
    assert!(world.cash().await.settled);
    let report = world.read(file(&handbook())).await;
    assert_eq!(
        (report.new_rows, report.repeated_rows),
        (0, 6),
        "the same rows otherwise written"
    );
}

#[tokio::test]
async fn broken_utf8_costs_its_row() {
    let world = World::new().await;
    world.hear(&accepted()).await.unwrap();
    let mut bytes = file(&handbook()).into_bytes();
    let last_line = bytes[..bytes.len() - 1]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .unwrap()
        + 1;
    bytes.insert(last_line + 1, 0xff);
    let report = world.read(bytes).await;
    assert_eq!(report.state(), State::Partial);
    assert_eq!(refused(&report), [(7, "billing_event_id is not UTF-8")]);
    adds_up(&report);
    assert!(!world.cash().await.settled);
    then_settles(&world).await;
}

/// Cut anywhere in its last line, the file gives what came before; rewritten, the rest.
#[tokio::test]
async fn a_truncated_last_line_waits_for_the_rewrite() {
    let world = World::new().await;
    world.hear(&accepted()).await.unwrap();
    let whole = file(&handbook());
    for cut in [1, 40, 120] {
        let report = world.read(&whole[..whole.len() - cut]).await;
        assert_eq!(report.state(), State::Partial);
        assert_eq!(
            refused(&report),
            [(7, "truncated: the file ends within this row")]
        );
        adds_up(&report);
    }
    let report = world.read(&whole).await;
    assert_eq!((report.new_rows, report.repeated_rows), (1, 5));
    assert!(world.cash().await.settled);
}

/// Billing events are immutable: other content under the same id never overwrites.
#[tokio::test]
async fn other_content_under_the_same_id_is_a_conflict() {
    let world = World::new().await;
    world.hear(&accepted()).await.unwrap();
    world.read(file(&invoiced())).await;
    let mut rows = invoiced();
    rows[0] = rows[0].clone().with("amount", "102500.01");
    let report = world.read(file(&rows)).await;
    assert_eq!(
        refused(&report),
        [(2, "conflict: be-1 was delivered before otherwise")]
    );
    assert_eq!((report.repeated_rows, report.refused_rows), (1, 1));
    adds_up(&report);
    assert_eq!(world.cash().await.invoiced.unwrap().amount, "102500.00");
    then_settles(&world).await;
}

/// When AWS wrote a row is not what it says; how it writes a number or a time neither.
#[tokio::test]
async fn a_rewritten_month_brings_only_what_is_new() {
    let world = World::new().await;
    world.read(file(&invoiced())).await;
    let mut rows: Vec<Row> = invoiced()
        .into_iter()
        .map(|row| row.with("update_date", "2027-01-09 00:00:00.0"))
        .collect();
    rows[0] = rows[0]
        .clone()
        .with("amount", "\"102,500.000000\"")
        .with("invoice_date", "2027-01-05 06:00:00.0");
    rows.extend(handbook().split_off(2));
    let report = world.read(file(&rows)).await;
    assert_eq!(
        (report.new_rows, report.repeated_rows, report.refused_rows),
        (4, 2, 0)
    );
    // Back to the bytes of the first day: known, no work.
    world.deliver(BILLING, file(&invoiced()));
    assert_eq!(world.ingest().await, []);
}

/// A row may move on to the next month's file; months are read in order.
#[tokio::test]
async fn months_and_other_feeds() {
    let world = World::new().await;
    world.hear(&accepted()).await.unwrap();
    world.deliver(
        "billingeventfeed_v1/year=2027/month=02/data.csv",
        file(&handbook().split_off(2)),
    );
    world.deliver(BILLING, file(&invoiced()));
    world.deliver(
        "taxitemfeed_v1/year=2027/month=01/data.csv",
        "tax_item_id\n1\n",
    );
    world.deliver(
        "accountfeed_v1/year=2027/month=01/data.csv",
        "account_id,aws_account_id,valid_from,insert_date,update_date,delete_date\n\
        guid-1,123456789,2027-01-05T00:00:00Z,2027-01-05,2027-01-05T00:00:00Z,\n\
        guid-1,123456780,2027-01-05T00:00:00Z,2027-01-06,2027-01-06T00:00:00Z,\n",
    );
    world.deliver(
        "agreementfeed_v1/year=2027/month=01/data.csv",
        "agreement_id,status,valid_from,update_date\n\
        agmt-1,ACTIVE,2027-01-05T00:00:00Z,2027-01-05T00:00:00Z\n\
        agmt-1,SUPERSEDED,2027-01-05T00:00:00Z,2027-01-05T00:00:00Z\n",
    );
    world.deliver(
        "offerfeed_v1/year=2027/month=01/data.csv",
        "offer_id,offer_revision,name,valid_from,update_date\n\
        offer-1,1,One,2027-01-05T00:00:00Z,2027-01-05T00:00:00Z\n\
        offer-1,2,Two,2027-01-05T00:00:00Z,2027-01-05T00:00:00Z\n",
    );
    let reports = world.ingest().await;
    let read: Vec<(&str, u64, u64)> = reports
        .iter()
        .map(|report| (report.path.as_str(), report.new_rows, report.refused_rows))
        .collect();
    assert_eq!(
        read,
        [
            ("accountfeed_v1/year=2027/month=01/data.csv", 2, 0),
            ("agreementfeed_v1/year=2027/month=01/data.csv", 1, 1),
            ("offerfeed_v1/year=2027/month=01/data.csv", 2, 0),
            (BILLING, 2, 0),
            ("billingeventfeed_v1/year=2027/month=02/data.csv", 4, 0),
        ]
    );
    assert!(world.cash().await.settled);
}

/// Reports are kept and listed, newest first, in pages.
#[tokio::test]
async fn reports_are_listed() {
    let world = World::new().await;
    for rows in 1..=3 {
        world.read(file(&handbook()[..rows])).await;
    }
    let mut rows = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = world.call(proto::ListFeedReportsRequest {
            page_size: 2,
            page_token,
        });
        let page = world
            .client()
            .list_feed_reports(request)
            .await
            .unwrap()
            .into_inner();
        rows.extend(page.reports.iter().map(|report| report.rows));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(rows, [3, 2, 1]);
}

/// R2: what the database cannot keep costs its row, and holds up nothing else.
#[tokio::test]
async fn what_cannot_be_kept_costs_its_row() {
    let world = World::new().await;
    world.hear(&accepted()).await.unwrap();
    let accounts = format!(
        "account_id,aws_account_id,valid_from,update_date\n{},1,2027-01-05,2027-01-05\n",
        "k".repeat(10_000)
    );
    world.deliver("accountfeed_v1/year=2027/month=01/data.csv", accounts);
    let mut rows = handbook();
    let odd = |id: &str, column: &'static str, value: &str| {
        let row = Row::new(id, "2027-01-05", "INVOICED", "AWS_TAX_SHARE", "1.00");
        row.with(column, value)
    };
    rows.insert(0, odd("be-20", "product_id", "nul\0"));
    rows.insert(1, odd("be-21", "invoice_id", "one\rline"));
    rows.insert(2, odd("be-22", "line_item_id", &"x".repeat(1024 * 1024)));
    rows.insert(3, odd("be-23", "delete_date", "2027-01-06T00:00:00Z"));
    world.deliver(BILLING, file(&rows));
    let reports = world.ingest().await;
    let [accounts, billing] = &reports[..] else {
        panic!("two reports: {reports:?}")
    };
    assert_eq!(refused(accounts), [(2, "the key has more than 512 bytes")]);
    let lines: Vec<u64> = refused(billing).iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [2, 3, 4, 5]);
    adds_up(billing);
    assert!(world.cash().await.settled);
}

/// R2: two turns over one long file, each in several transactions: every row once.
#[tokio::test]
async fn two_turns_share_a_long_file() {
    let world = World::new().await;
    let row = |n: usize| {
        let id = format!("be-{n:05}");
        Row::new(&id, "2027-01-05", "INVOICED", "AWS_TAX_SHARE", "1.00")
    };
    let rows: Vec<Row> = (0..3_000).map(row).collect();
    world.deliver(BILLING, file(&rows));
    let turns = [world.ingest(), world.ingest(), world.ingest()];
    let reports: Vec<_> = futures::future::join_all(turns)
        .await
        .into_iter()
        .flatten()
        .collect();
    let [report] = &reports[..] else {
        panic!("one report: {reports:?}")
    };
    assert_eq!((report.rows, report.new_rows), (3_000, 3_000));
    assert_eq!(report.state(), State::Ingested);
}

/// A file is taken in several transactions; who goes on after a crash goes on behind the last.
#[tokio::test]
async fn a_long_file_is_resumed_where_it_stopped() {
    let world = World::new().await;
    let many = |count: usize| -> Vec<Row> {
        let row = |n: usize| {
            Row::new(
                &format!("be-{n:05}"),
                "2027-01-05",
                "INVOICED",
                "AWS_TAX_SHARE",
                "1.00",
            )
        };
        (0..count).map(row).collect()
    };
    let report = world.read(file(&many(1_200))).await;
    assert_eq!((report.rows, report.new_rows), (1_200, 1_200));
    // As it is after a crash behind the first chunk.
    let mut superuser = world.bed.superuser().await;
    for statement in [
        "DELETE FROM billing_event WHERE billing_event_id >= 'be-00500'",
        "DELETE FROM feed_row WHERE entity_key >= 'be-00500'",
        "UPDATE feed_file SET state = 'reading', rows_done = 500, new_rows = 500",
    ] {
        sqlx::query(statement)
            .execute(&mut superuser)
            .await
            .unwrap();
    }
    let [report] = &world.ingest().await[..] else {
        panic!("one report")
    };
    assert_eq!(
        (report.rows, report.new_rows, report.repeated_rows),
        (1_200, 1_200, 0)
    );
    assert_eq!(report.state(), State::Ingested);
}

/// The turn by the clock does the same work, for a caller who never asks.
#[tokio::test]
async fn the_clock_reads_the_feeds() {
    let world = World::new().await;
    world.hear(&accepted()).await.unwrap();
    world.deliver(BILLING, file(&handbook()));
    world.bed.clock().advance(chrono::TimeDelta::hours(1));
    for _ in 0..400 {
        if world.cash().await.settled {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the feeds were not read by the clock");
}

//! What the database itself refuses (R5, P1, P3).

use countersign_platform::audit;

use crate::csv::{file, handbook};
use crate::world::{World, accepted};

async fn refused(world: &World, statements: &[&str]) -> String {
    let mut transaction = world.bed.pool().begin().await.unwrap();
    for statement in statements {
        let statement = sqlx::AssertSqlSafe((*statement).to_owned());
        if let Err(error) = sqlx::query(statement).execute(&mut *transaction).await {
            return error.to_string();
        }
    }
    transaction.commit().await.unwrap_err().to_string()
}

/// R5: no entry is changed or taken out, and nothing unbalanced is committed, whoever writes it.
#[tokio::test]
async fn the_ledger_is_append_only_and_balanced() {
    let world = World::new().await;
    world.hear(&accepted()).await.unwrap();
    world.read(file(&handbook())).await;
    for statement in [
        "UPDATE ledger_entry SET debit = 1",
        "DELETE FROM ledger_entry",
        "UPDATE ledger_transaction SET description = ''",
        "DELETE FROM ledger_transaction",
        "UPDATE billing_event SET amount = 0",
        "DELETE FROM billing_event",
        "DELETE FROM feed_row",
        "TRUNCATE feed_refusal",
    ] {
        assert!(
            refused(&world, &[statement])
                .await
                .contains("permission denied"),
            "{statement}"
        );
    }
    let head = "INSERT INTO ledger_transaction VALUES (DEFAULT, 'acme',
        '00000000-0000-0000-0000-000000000001', 'agmt-1', '006-handbook', 'charge:9', 0, '',
        '2027-01-01', now())";
    let debit = "INSERT INTO ledger_entry VALUES ('acme',
        '00000000-0000-0000-0000-000000000001', 1, 'cash:bank', 'USD', 1, 0)";
    let credit = "INSERT INTO ledger_entry VALUES ('acme',
        '00000000-0000-0000-0000-000000000001', 2, 'receivable:aws', 'EUR', 0, 1)";
    let both = "INSERT INTO ledger_entry VALUES ('acme',
        '00000000-0000-0000-0000-000000000001', 3, 'receivable:aws', 'EUR', 1, 1)";
    for statements in [&[head][..], &[head, debit], &[head, debit, credit]] {
        let refused = refused(&world, statements).await;
        assert!(refused.contains("does not balance"), "{refused}");
    }
    assert!(
        refused(&world, &[head, both])
            .await
            .contains("ledger_entry_one_side")
    );
    let twice = "INSERT INTO ledger_transaction SELECT * FROM (
            SELECT id + 1000, seller, gen_random_uuid(), agreement_id, engagement_id, source,
                revision, description, effective_date, recorded_at
            FROM ledger_transaction LIMIT 1) AS copy";
    let twice = twice.replace(
        "INSERT INTO ledger_transaction",
        "INSERT INTO ledger_transaction OVERRIDING SYSTEM VALUE",
    );
    assert!(
        refused(&world, &[&twice])
            .await
            .contains("ledger_transaction_source")
    );
    assert_eq!(world.ledger().await.len(), 6);
}

/// P3: the agreement's audit trail is whole, and says who did what.
#[tokio::test]
async fn the_audit_trail_is_whole() {
    let world = World::new().await;
    world.hear(&accepted()).await.unwrap();
    world.read(file(&handbook())).await;
    let pool = world.bed.pool();
    let entries: Vec<(String, String)> = sqlx::query_as(
        "SELECT action, principal FROM audit WHERE aggregate_id = 'agmt-1' ORDER BY audit_seq",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    assert_eq!(
        entries,
        [
            ("accept".to_owned(), "service:offer".to_owned()),
            ("reconcile".to_owned(), "finance@acme.example".to_owned()),
        ]
    );
    let database = world.bed.parts().database;
    audit::verify(&database, &"acme".parse().unwrap(), "agmt-1")
        .await
        .unwrap();
}

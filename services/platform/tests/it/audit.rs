//! The audit trail: complete, ordered, and tampering shows (P3).

use countersign_platform::audit::{self, Verdict};
use countersign_platform::testing::TestBed;
use countersign_platform::{NewAudit, NoSection};
use futures::TryStreamExt;

use crate::support::{acme, sample};

async fn bed_with_three_entries() -> TestBed {
    let bed = TestBed::new(&sample(), NoSection {}).await;
    for (action, before) in [("make", None), ("change", Some(1)), ("close", Some(2))] {
        bed.transaction(|uow| {
            Box::pin(async move {
                uow.audit(NewAudit {
                    seller: "acme".parse().unwrap(),
                    engagement: Some("006D".parse().unwrap()),
                    aggregate_id: "thing".to_owned(),
                    action: action.to_owned(),
                    reason: "because \u{e9}".to_owned(),
                    before: before.map(|price| serde_json::json!({"z": 1.10, "price": price})),
                    after: Some(serde_json::json!({"b": [], "a": "x"})),
                })
                .await
            })
        })
        .await
        .unwrap();
    }
    bed
}

async fn verdict(bed: &TestBed) -> Verdict {
    audit::verify(&bed.parts().database, &acme(), "thing")
        .await
        .unwrap()
}

#[tokio::test]
async fn an_untouched_chain_is_intact_and_exports_in_order() {
    let bed = bed_with_three_entries().await;
    assert_eq!(verdict(&bed).await, Verdict::Intact(3));
    let entries: Vec<_> = audit::export(bed.parts().database, acme(), None)
        .try_collect()
        .await
        .unwrap();
    let actions: Vec<&str> = entries.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["make", "change", "close"]);
    assert_eq!(entries[0].principal, "tester");
    assert_eq!(entries[0].cause_kind, "command");
    assert_eq!(entries[0].occurred_at, bed.clock().now());
    assert_eq!(
        entries[1].state_before.as_deref(),
        Some(r#"{"price":1,"z":1.1}"#)
    );
    assert_eq!(
        audit::verify(&bed.parts().database, &acme(), "nothing")
            .await
            .unwrap(),
        Verdict::Intact(0)
    );
}

/// Whoever can write the table cannot hide it: changed, removed in the middle, cut off at the end.
#[tokio::test]
async fn tampering_shows() {
    for (statement, broken_at) in [
        ("UPDATE audit SET reason = 'none' WHERE audit_seq = 2", 2),
        ("UPDATE audit SET state_after = NULL WHERE audit_seq = 1", 1),
        (
            "UPDATE audit SET occurred_at = occurred_at + '1 us' WHERE audit_seq = 3",
            3,
        ),
        ("DELETE FROM audit WHERE audit_seq = 2", 2),
        ("DELETE FROM audit WHERE audit_seq = 3", 3),
        ("UPDATE audit SET hash = '' WHERE audit_seq = 3", 3),
    ] {
        let bed = bed_with_three_entries().await;
        let mut superuser = bed.superuser().await;
        sqlx::query(statement)
            .execute(&mut superuser)
            .await
            .unwrap();
        assert_eq!(
            verdict(&bed).await,
            Verdict::BrokenAt(broken_at),
            "{statement}"
        );
    }
}

//! What ends a request that waits for approval: a rejection, its buyer, the end of its quote.

use serde_json::json;

use super::super::contacts::market;
use super::super::requests::{call, named, quoted, refusal, status};
use super::{
    HOUR, START, approval, approve, approved, draft, outcomes, reject, start_input, started, told,
    words,
};

#[tokio::test]
async fn one_rejection_ends_the_request() {
    let market = market().await;
    let (id, references) = draft(&market).await;
    let made = started(&market, &id, &references).await;
    call(&market, "RejectAgreementApproval", reject(&made[0])).await;
    assert_eq!(status(&market, &id).await, "REJECTED");
    let ended: &[&[&str]] = &[&["REJECTED", "SKIPPED"], &["SKIPPED"]];
    assert_eq!(words(&market, &made[0]).await, told("REJECTED", ended));
    let shown = approval(&market, &made[0]).await;
    assert_eq!(outcomes(&shown)[0][0]["note"], "Not this year");
    assert_eq!(
        words(&market, &made[1]).await,
        told("CANCELLED", &[&["SKIPPED"]]),
        "nobody waits for the other"
    );
    for (operation, input, reason) in [
        (
            "AcceptAgreementRequest",
            named(&id),
            "CLOSED_AGREEMENT_REQUEST",
        ),
        (
            "CancelAgreementRequest",
            named(&id),
            "CLOSED_AGREEMENT_REQUEST",
        ),
        (
            "StartAgreementApprovals",
            start_input(&id, &references),
            "CLOSED_AGREEMENT_REQUEST",
        ),
        (
            "AcceptAgreementApproval",
            approve(&made[0]),
            "CLOSED_AGREEMENT_APPROVAL",
        ),
        (
            "RejectAgreementApproval",
            reject(&made[1]),
            "CLOSED_AGREEMENT_APPROVAL",
        ),
    ] {
        assert_eq!(
            refusal(&market, operation, &input).await,
            reason,
            "{operation}"
        );
    }
}

#[tokio::test]
async fn a_request_given_up_while_it_waits_takes_its_approvals_with_it() {
    let market = market().await;
    let (id, references) = draft(&market).await;
    let made = started(&market, &id, &references).await;
    approved(&market, &made[1]).await;
    market.act("clock", json!({ "advanceSeconds": 60 })).await;
    call(&market, "CancelAgreementRequest", named(&id)).await;
    assert_eq!(status(&market, &id).await, "CANCELLED");
    let ended: &[&[&str]] = &[&["SKIPPED", "SKIPPED"], &["SKIPPED"]];
    assert_eq!(words(&market, &made[0]).await, told("CANCELLED", ended));
    assert_eq!(approval(&market, &made[0]).await["updatedAt"], START + 60);
    let done = words(&market, &made[1]).await;
    assert_eq!(done, told("APPROVED", &[&["APPROVED"]]), "it is not open");

    // One that was approved may be given up, too.
    let quote = quoted(&market).await;
    let id = &quote["agreementRequestId"];
    let made = started(&market, id, &references[1..]).await;
    approved(&market, &made[0]).await;
    call(&market, "CancelAgreementRequest", named(id)).await;
    assert_eq!(status(&market, id).await, "CANCELLED");
}

#[tokio::test]
async fn an_approval_expires_with_its_quote() {
    let market = market().await;
    let (id, references) = draft(&market).await;
    market.act("clock", json!({ "advanceSeconds": 600 })).await;
    let made = started(&market, &id, &references).await;
    assert_eq!(approval(&market, &made[0]).await["expiresAt"], START + HOUR);
    approved(&market, &made[0]).await;
    market
        .act("clock", json!({ "advanceSeconds": HOUR - 601 }))
        .await;
    assert_eq!(words(&market, &made[0]).await.0, "PENDING_APPROVAL");
    market.act("clock", json!({ "advanceSeconds": 10 })).await;
    let ended: &[&[&str]] = &[&["APPROVED", "SKIPPED"], &["EXPIRED"]];
    assert_eq!(words(&market, &made[0]).await, told("EXPIRED", ended));
    let shown = approval(&market, &made[0]).await;
    assert_eq!(shown["updatedAt"], START + HOUR, "at that instant");
    assert_eq!(status(&market, &id).await, "CANCELLED");
    let late = refusal(&market, "AcceptAgreementApproval", &approve(&made[0])).await;
    assert_eq!(late, "CLOSED_AGREEMENT_APPROVAL");

    // What was approved in time is not accepted later.
    let quote = quoted(&market).await;
    let id = &quote["agreementRequestId"];
    let made = started(&market, id, &references[1..]).await;
    approved(&market, &made[0]).await;
    market.act("clock", json!({ "advanceSeconds": HOUR })).await;
    let late = refusal(&market, "AcceptAgreementRequest", &named(id)).await;
    assert_eq!(late, "CLOSED_AGREEMENT_REQUEST");
    assert_eq!(words(&market, &made[0]).await.0, "APPROVED");
}

//! What is refused at the door, by name, and that nothing is half-written.

use countersign_proto::approval::v1::case::State;
use countersign_proto::approval::v1::decide_step_request::Decision;
use countersign_proto::approval::v1::{
    DecideStepRequest, GetCaseRequest, OpenCaseRequest, RecordSignatureRequest, SigningParty,
    get_case_request,
};
use countersign_proto::common::v1::DocumentKind;
use tonic::Code;

use crate::pdf::pdf;
use crate::world::{
    EM, ENGAGEMENT, LEAD, LEGAL, REVENUE, World, called, estimate, keyed, reasons, refused,
};

const FAILED: Code = Code::FailedPrecondition;
const DENIED: Code = Code::PermissionDenied;

/// A1, O6: what a case needs to open.
#[tokio::test(flavor = "multi_thread")]
async fn a_case_does_not_open_without_its_parts() {
    let world = World::new().await;
    refused(world.open().await, FAILED, "NO_SUBMITTED_ESTIMATE");
    world.submit(estimate(1)).await.unwrap();
    refused(world.open().await, FAILED, "SOW_MISSING");
    world
        .upload(DocumentKind::Sow, "sow.pdf", pdf("sow"))
        .await
        .unwrap();
    refused(world.open().await, FAILED, "EULA_MISSING");
    world
        .upload(DocumentKind::Eula, "eula.pdf", pdf("eula"))
        .await
        .unwrap();
    world.open().await.unwrap();
    refused(world.open().await, FAILED, "CASE_ALREADY_OPEN");
    world.stop().await;
}

/// A3, A4: self-approval, a stale digest, a wrong role, a blocked step, two steps by one person.
#[tokio::test(flavor = "multi_thread")]
async fn approvals_that_are_not_allowed() {
    let (world, case) = World::in_review().await;
    refused(
        world.approve(LEGAL, "legal", &case).await,
        FAILED,
        "STEP_BLOCKED",
    );
    refused(
        world.approve(LEGAL, "leadership", &case).await,
        DENIED,
        "ROLE_MISSING",
    );
    refused(
        world.approve(LEGAL, "board", &case).await,
        Code::NotFound,
        "STEP_UNKNOWN",
    );
    let as_leader = |who: &str| {
        let mut request = world.call(
            who,
            DecideStepRequest {
                case_id: case.case_id.clone(),
                step: "leadership".to_owned(),
                decision: Decision::Approve.into(),
                subject_digest: case.subject_digest.clone(),
                ..Default::default()
            },
        );
        let roles = "leadership, revenue".parse().unwrap();
        request
            .metadata_mut()
            .insert(countersign_platform::ROLES_KEY, roles);
        request
    };
    for own in [EM, "ops@acme.example"] {
        let answer = world.client().decide_step(as_leader(own)).await;
        refused(answer, DENIED, "SELF_APPROVAL");
    }
    world.client().decide_step(as_leader(LEAD)).await.unwrap();
    let mut second = as_leader(LEAD);
    second.get_mut().step = "revenue".to_owned();
    refused(
        world.client().decide_step(second).await,
        DENIED,
        "ONE_STEP_PER_PERSON",
    );

    world
        .upload(DocumentKind::Annex, "annex.txt", b"New.".to_vec())
        .await
        .unwrap();
    refused(
        world.approve(REVENUE, "revenue", &case).await,
        FAILED,
        "STALE_DIGEST",
    );
    let now = world.case().await.unwrap();
    world.approve(REVENUE, "revenue", &now).await.unwrap();
    world.stop().await;
}

/// A5, A6: routing without a stamp, signatures out of order, on another SOW, without the copy.
#[tokio::test(flavor = "multi_thread")]
async fn signatures_that_are_not_allowed() {
    let (world, case) = World::in_review().await;
    refused(world.route(&case).await, FAILED, "STAMP_MISSING");
    let early = world
        .upload(DocumentKind::SignedSow, "signed.pdf", pdf("signed"))
        .await;
    refused(early, FAILED, "NOT_ROUTED_FOR_SIGNATURE");
    world.stop().await;

    let (world, case) = World::stamped().await;
    let case = world.route(&case).await.unwrap();
    refused(world.route(&case).await, FAILED, "ROUTED_FOR_SIGNATURE");
    let late = world
        .upload(DocumentKind::Annex, "late.txt", b"Late.".to_vec())
        .await;
    refused(late, FAILED, "ROUTED_FOR_SIGNATURE");
    let customer_first = world.sign(&case, SigningParty::Customer, "").await;
    refused(customer_first, FAILED, "SIGNATURE_OUT_OF_ORDER");
    let mut other = case.clone();
    other.routed_sow_digest = case.documents[1].digest.clone();
    let on_another = world.sign(&other, SigningParty::Internal, "").await;
    refused(on_another, FAILED, "SOW_DIGEST_MISMATCH");
    let future = RecordSignatureRequest {
        case_id: case.case_id.clone(),
        party: SigningParty::Internal.into(),
        signatory: "coo".to_owned(),
        signed_at: "2026-03-02T09:00:00.000001Z".to_owned(),
        routed_sow_digest: case.routed_sow_digest.clone(),
        ..Default::default()
    };
    let answer = world
        .client()
        .record_signature(world.call(EM, future))
        .await;
    refused(answer, Code::InvalidArgument, "SIGNED_AT_IN_FUTURE");
    let case = world.sign(&case, SigningParty::Internal, "").await.unwrap();
    let sow = case.documents[0].document_id.clone();
    for copy in ["", sow.as_str()] {
        let answer = world.sign(&case, SigningParty::Customer, copy).await;
        refused(answer, FAILED, "SIGNED_SOW_MISSING");
    }
    assert_eq!(
        world.case().await.unwrap().state(),
        State::AwaitingCustomerSignature
    );
    world.stop().await;
}

/// A1, A8: rejection is final; items are closed once, by name, waived with a reason.
#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_case_and_a_closed_item_stay_so() {
    let (world, case) = World::in_review().await;
    world
        .close(&case, "staffing-confirmed", None)
        .await
        .unwrap();
    let again = world.close(&case, "staffing-confirmed", None).await;
    refused(again, FAILED, "CHECKLIST_ITEM_ALREADY_CLOSED");
    let unknown = world.close(&case, "lunch", None).await;
    refused(unknown, Code::NotFound, "CHECKLIST_ITEM_UNKNOWN");
    let bare = world
        .close(&case, "engagement-record-complete", Some(""))
        .await;
    refused(bare, Code::InvalidArgument, "REQUIRED");

    let case = world
        .decide(LEAD, "leadership", Decision::Reject, &case)
        .await
        .unwrap();
    assert_eq!(case.state(), State::Rejected);
    assert_eq!(world.told().await, ["CaseRejected"]);
    refused(
        world.approve(LEAD, "leadership", &case).await,
        FAILED,
        "CASE_REJECTED",
    );
    refused(world.route(&case).await, FAILED, "CASE_REJECTED");
    refused(
        world.close(&case, "engagement-record-complete", None).await,
        FAILED,
        "CASE_REJECTED",
    );
    world.stop().await;
}

/// P4: unknown ids, another seller's ids, wrong fields, missing callers.
#[tokio::test(flavor = "multi_thread")]
async fn unknown_things_and_wrong_fields() {
    let (world, case) = World::in_review().await;
    let by_id = |id: &str| GetCaseRequest {
        by: Some(get_case_request::By::CaseId(id.to_owned())),
    };
    let nobody = "018f0000-0000-7000-8000-000000000000";
    let unknown = world.client().get_case(world.call(EM, by_id(nobody))).await;
    refused(unknown, Code::NotFound, "CASE_UNKNOWN");
    let foreign = called("other", EM, "", by_id(&case.case_id));
    refused(
        world.client().get_case(foreign).await,
        Code::NotFound,
        "CASE_UNKNOWN",
    );
    let request = DecideStepRequest {
        case_id: case.case_id.clone(),
        step: "leadership".to_owned(),
        decision: Decision::Approve.into(),
        subject_digest: case.subject_digest.clone(),
        ..Default::default()
    };
    let foreign = called("other", LEAD, "k", request);
    refused(
        world.client().decide_step(foreign).await,
        Code::NotFound,
        "CASE_UNKNOWN",
    );

    let empty = world
        .client()
        .decide_step(world.call(LEAD, DecideStepRequest::default()))
        .await;
    let (code, found) = reasons(&empty.unwrap_err());
    assert_eq!(
        (code, found),
        (Code::InvalidArgument, vec!["REQUIRED".to_owned(); 4])
    );
    let keyless = keyed(
        EM,
        "",
        OpenCaseRequest {
            engagement_id: ENGAGEMENT.to_owned(),
        },
    );
    let keyless = world.client().open_case(keyless).await;
    refused(keyless, Code::InvalidArgument, "IDEMPOTENCY_KEY_REQUIRED");
    world.stop().await;
}

/// P2, P4: a command asked for again changes nothing; its key with another body is refused.
#[tokio::test(flavor = "multi_thread")]
async fn one_key_one_command() {
    let (world, case) = World::in_review().await;
    let request = |comment: &str| DecideStepRequest {
        case_id: case.case_id.clone(),
        step: "leadership".to_owned(),
        decision: Decision::Approve.into(),
        comment: comment.to_owned(),
        subject_digest: case.subject_digest.clone(),
    };
    let first = world
        .client()
        .decide_step(keyed(LEAD, "once", request("yes")))
        .await
        .unwrap();
    let again = world
        .client()
        .decide_step(keyed(LEAD, "once", request("yes")))
        .await
        .unwrap();
    assert_eq!(first.into_inner(), again.into_inner());
    let other = world
        .client()
        .decide_step(keyed(LEAD, "once", request("no")))
        .await;
    assert_eq!(reasons(&other.unwrap_err()).1, ["IDEMPOTENCY_KEY_REUSED"]);

    // A refusal is kept too, whatever has become possible meanwhile.
    let blocked = DecideStepRequest {
        step: "legal".to_owned(),
        ..request("yes")
    };
    for _ in 0..2 {
        let answer = world
            .client()
            .decide_step(keyed(LEGAL, "early", blocked.clone()))
            .await;
        refused(answer, FAILED, "STEP_BLOCKED");
        let read = world.case().await.unwrap();
        let _ = world.approve(REVENUE, "revenue", &read).await;
    }
    world.stop().await;
}

//! Deals through the door: the handbook's, one that is sent back, one that changes late.

use countersign_platform::audit::{self, Verdict};
use countersign_proto::approval::v1::case::State;
use countersign_proto::approval::v1::decide_step_request::Decision;
use countersign_proto::approval::v1::step::State as StepState;
use countersign_proto::approval::v1::{
    ApprovalPolicy, ChangesRequested, ChecklistCompleted, DealStamped, GetApprovalPolicyRequest,
    ListCasesRequest, PolicyStep, PutApprovalPolicyRequest, RemoveDocumentRequest, SigningParty,
    SowSigned, StampVoided, Step,
};
use countersign_proto::common::v1::DocumentKind;
use tonic::Code;

use crate::pdf::pdf;
use crate::world::{
    APPROVERS, EM, ENGAGEMENT, LEAD, LEGAL, REVENUE, World, called, estimate, refused, usd,
};

/// A1, A4 to A6, A8: the whole way, and what others hear of it.
#[tokio::test(flavor = "multi_thread")]
async fn the_handbook_s_deal_is_approved_and_signed() {
    let (world, case) = World::stamped().await;
    assert_eq!(case.state(), State::Stamped);
    assert_eq!(case.stamped_digest, case.subject_digest);
    let stamped = world.last::<DealStamped>().await.deal.unwrap();
    assert_eq!(
        stamped.estimate,
        Some(estimate(1)),
        "told as it was received"
    );
    assert_eq!(stamped.documents, case.documents);
    assert_eq!(
        (stamped.digest.as_str(), stamped.stamped_by.as_str()),
        (&*case.stamped_digest, LEGAL)
    );

    world
        .close(&case, "engagement-record-complete", None)
        .await
        .unwrap();
    world
        .close(&case, "staffing-confirmed", None)
        .await
        .unwrap();
    let case = world
        .close(&case, "customer-onboarding-ready", Some("known customer"))
        .await
        .unwrap();
    assert!(case.checklist.iter().all(|item| item.closed));
    let completed: ChecklistCompleted = world.last().await;
    assert_eq!(completed.items.iter().filter(|item| item.waived).count(), 1);

    let case = world.route(&case).await.unwrap();
    assert_eq!(case.routed_sow_digest, case.documents[0].digest);
    let case = world.sign(&case, SigningParty::Internal, "").await.unwrap();
    assert_eq!(case.state(), State::AwaitingCustomerSignature);
    let copy = world
        .upload(DocumentKind::SignedSow, "signed.pdf", pdf("signed"))
        .await
        .unwrap();
    let case = world
        .sign(&case, SigningParty::Customer, &copy.document_id)
        .await
        .unwrap();
    assert_eq!(case.state(), State::Signed);
    let signed: SowSigned = world.last().await;
    let signed_copy = copy.digest.clone();
    assert_eq!(signed.signed_sow, Some(copy));
    assert_eq!(
        signed.deal.unwrap(),
        stamped,
        "what was signed is what was stamped"
    );
    assert_eq!(signed.signatures[0].signed_at, "2026-03-02T08:59:59.250Z");
    assert_eq!(
        world.told().await,
        ["DealStamped", "ChecklistCompleted", "SowSigned"]
    );

    let chain = format!("engagement/{ENGAGEMENT}");
    let verdict = audit::verify(
        &world.bed.parts().database,
        &"acme".parse().unwrap(),
        &chain,
    )
    .await
    .unwrap();
    // 1 estimate, 3 documents, 1 case, 3 steps, 3 items, 1 routing, 2 signatures.
    assert_eq!(verdict, Verdict::Intact(14));
    // P3: the last entry says who was to sign, who signed, when, and on which copy.
    let after: String = sqlx::query_scalar(
        "SELECT state_after FROM audit WHERE aggregate_id = $1 ORDER BY audit_seq DESC LIMIT 1",
    )
    .bind(&chain)
    .fetch_one(world.bed.pool())
    .await
    .unwrap();
    let after: serde_json::Value = serde_json::from_str(&after).unwrap();
    let case = &after["case"];
    assert_eq!(case["routing"]["customer_signatory"], "cio@initech.example");
    let customer = &case["signatures"][1];
    assert_eq!(customer["signatory"], "the signatory");
    assert_eq!(customer["signed_at"], "2026-03-02T08:59:59.250Z");
    assert_eq!(customer["signed_copy"], signed_copy);
    world.stop().await;
}

/// A4, rejected.yaml: revenue asks for changes; only what the change touched is asked again.
#[tokio::test(flavor = "multi_thread")]
async fn a_deal_that_is_sent_back_keeps_what_still_holds() {
    let (world, case) = World::in_review().await;
    let case = world.approve(LEAD, "leadership", &case).await.unwrap();
    let case = world
        .decide(REVENUE, "revenue", Decision::RequestChanges, &case)
        .await
        .unwrap();
    assert_eq!(case.state(), State::ChangesRequested);
    let told: ChangesRequested = world.last().await;
    assert_eq!(
        (told.step.as_str(), told.requested_by.as_str()),
        ("revenue", REVENUE)
    );
    refused(
        world.approve(REVENUE, "revenue", &case).await,
        Code::FailedPrecondition,
        "CHANGES_REQUESTED",
    );

    let mut second = estimate(2);
    second.scope_description.push_str(" Train the team.");
    assert_eq!(world.submit(second.clone()).await.unwrap(), "applied");
    let case = world.case().await.unwrap();
    let states: Vec<_> = case.steps.iter().map(Step::state).collect();
    assert_eq!(
        states,
        [StepState::Approved, StepState::Open, StepState::Blocked]
    );
    let case = world.approve(REVENUE, "revenue", &case).await.unwrap();
    world.approve(LEGAL, "legal", &case).await.unwrap();
    let stamped: DealStamped = world.last().await;
    assert_eq!(stamped.deal.unwrap().estimate, Some(second));
    assert_eq!(world.told().await, ["ChangesRequested", "DealStamped"]);
    world.stop().await;
}

/// A4, A5: a price that changes after the stamp voids all that bound it; a removed document only
/// legal's approval.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_change_voids_the_stamp() {
    let (world, stamped) = World::stamped().await;
    let annex = world
        .upload(DocumentKind::Annex, "annex.txt", b"More.".to_vec())
        .await
        .unwrap();
    let voided: StampVoided = world.last().await;
    assert_eq!(voided.digest, stamped.stamped_digest);
    let case = world.case().await.unwrap();
    let states: Vec<_> = case.steps.iter().map(Step::state).collect();
    assert_eq!(
        states,
        [StepState::Approved, StepState::Approved, StepState::Voided]
    );
    assert_eq!(case.stamped_digest, "");
    refused(
        world.route(&case).await,
        Code::FailedPrecondition,
        "STAMP_MISSING",
    );

    let case = world.approve(LEGAL, "legal", &case).await.unwrap();
    let request = RemoveDocumentRequest {
        engagement_id: ENGAGEMENT.to_owned(),
        document_id: annex.document_id,
        reason: "not needed".to_owned(),
    };
    world
        .client()
        .remove_document(world.call(EM, request))
        .await
        .unwrap();
    let back = world.case().await.unwrap();
    assert_eq!(
        back.subject_digest, stamped.subject_digest,
        "the deal is what it was"
    );
    assert_ne!(back.subject_digest, case.subject_digest);
    assert_eq!(back.state(), State::InReview);

    let mut second = estimate(2);
    second.packages[0].price = Some(usd("41000.01"));
    second.economics.as_mut().unwrap().price_total = Some(usd("102500.01"));
    world.submit(second).await.unwrap();
    let case = world.case().await.unwrap();
    assert!(
        case.steps
            .iter()
            .all(|step| step.state() == StepState::Voided)
    );
    world.stop().await;
}

/// A1, A3: a policy is data; an open case keeps the one that it was opened with.
#[tokio::test(flavor = "multi_thread")]
async fn a_seller_s_policy_rules_the_next_case() {
    let world = World::prepared().await;
    let get = || world.call(EM, GetApprovalPolicyRequest {});
    let default = world
        .client()
        .get_approval_policy(get())
        .await
        .unwrap()
        .into_inner();
    let names: Vec<_> = default
        .steps
        .iter()
        .map(|step| step.name.as_str())
        .collect();
    assert_eq!(names, ["leadership", "revenue", "legal"]);
    assert_eq!(default.checklist.len(), 3);

    let binds = [
        "price",
        "payment_schedule",
        "scope",
        "duration",
        "currency",
        "documents",
    ];
    let policy = ApprovalPolicy {
        steps: vec![PolicyStep {
            name: "only".to_owned(),
            role: "legal".to_owned(),
            binds: binds.map(str::to_owned).to_vec(),
        }],
        checklist: Vec::new(),
        one_person_may_decide_several_steps: true,
    };
    let request = PutApprovalPolicyRequest {
        policy: Some(policy.clone()),
    };
    world
        .client()
        .put_approval_policy(world.call(LEGAL, request))
        .await
        .unwrap();
    let kept = world
        .client()
        .get_approval_policy(get())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(kept, policy);
    let other = called("other", EM, "", GetApprovalPolicyRequest {});
    let others = world
        .client()
        .get_approval_policy(other)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(others, default, "another seller's stays");

    let case = world.open().await.unwrap();
    assert_eq!(
        world.told().await,
        ["ChecklistCompleted"],
        "nothing is on the list"
    );
    let put = PutApprovalPolicyRequest {
        policy: Some(default),
    };
    world
        .client()
        .put_approval_policy(world.call(LEGAL, put))
        .await
        .unwrap();
    let case = world.approve(LEGAL, "only", &case).await.unwrap();
    assert_eq!(case.state(), State::Stamped);
    world.stop().await;
}

/// P4: pages of a list, and what another seller sees of it.
#[tokio::test(flavor = "multi_thread")]
async fn cases_are_listed_newest_first_in_pages() {
    let world = World::new().await;
    let mut expected = Vec::new();
    for number in 0..3 {
        let engagement = format!("006-{number}");
        let mut estimate = estimate(1);
        estimate.engagement_id.clone_from(&engagement);
        estimate.estimate_id = format!("est-{number}");
        world.submit(estimate).await.unwrap();
        for kind in [DocumentKind::Sow, DocumentKind::Eula] {
            let mut header = crate::world::header(kind, "text.txt");
            header.engagement_id.clone_from(&engagement);
            let parts = crate::world::upload_of(header, b"text");
            let request = world.call(EM, parts).map(futures::stream::iter);
            world.client().upload_document(request).await.unwrap();
        }
        let open = countersign_proto::approval::v1::OpenCaseRequest {
            engagement_id: engagement,
        };
        let case = world
            .client()
            .open_case(world.call(EM, open))
            .await
            .unwrap()
            .into_inner();
        expected.insert(0, case);
    }
    let page = |token: String| ListCasesRequest {
        page_size: 2,
        page_token: token,
    };
    let first = world
        .client()
        .list_cases(world.call(EM, page(String::new())))
        .await
        .unwrap();
    let first = first.into_inner();
    assert_eq!(first.cases, expected[..2]);
    let second = world
        .client()
        .list_cases(world.call(EM, page(first.next_page_token)))
        .await;
    let second = second.unwrap().into_inner();
    assert_eq!(
        (&second.cases[..], second.next_page_token.as_str()),
        (&expected[2..], "")
    );
    let foreign = called("other", EM, "", page(String::new()));
    assert_eq!(
        world
            .client()
            .list_cases(foreign)
            .await
            .unwrap()
            .into_inner()
            .cases,
        []
    );
    world.stop().await;
}

/// P2: approvals that race for one step: one is given, the other hears why not.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_approvals_at_once_one_counts() {
    let (world, case) = World::in_review().await;
    let twice = (0..2).map(|_| async {
        let request = countersign_proto::approval::v1::DecideStepRequest {
            case_id: case.case_id.clone(),
            step: "leadership".to_owned(),
            decision: Decision::Approve.into(),
            subject_digest: case.subject_digest.clone(),
            ..Default::default()
        };
        world.client().decide_step(world.call(LEAD, request)).await
    });
    let (given, not): (Vec<_>, Vec<_>) = futures::future::join_all(twice)
        .await
        .into_iter()
        .partition(Result::is_ok);
    assert_eq!(given.len(), 1);
    let not = not.into_iter().next().unwrap();
    refused(not, Code::FailedPrecondition, "STEP_ALREADY_APPROVED");
    let case = world.case().await.unwrap();
    assert_eq!(case.steps[0].state(), StepState::Approved);
    assert_eq!(APPROVERS[0].0, case.steps[0].decided_by);
    world.stop().await;
}

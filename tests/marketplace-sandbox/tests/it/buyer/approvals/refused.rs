//! What each operation on requests and approvals is refused for, and that nobody is told of another's.

use serde_json::{Value, json};

use super::super::contacts::market;
use super::super::requests::{OTHERS, named, quoted, refusal, refusal_of};
use super::{approve, approved, draft, planned, plans, reject, start_input, started};
use crate::by_hand::agreement;
use crate::market::BUYER;

#[tokio::test]
async fn each_reason_of_requests() {
    let market = market().await;
    let quote = quoted(&market).await;
    let id = &quote["agreementRequestId"];
    let with = |field: &str, value: Value| {
        let mut input = named(id);
        input[field] = value;
        input
    };
    let list = |field: &str, value: Value| json!({ field: value });
    for (operation, input, reason) in [
        (
            "GetAgreementRequest",
            json!({}),
            "MISSING_AGREEMENT_REQUEST_ID",
        ),
        (
            "GetAgreementRequestTerms",
            json!({}),
            "MISSING_AGREEMENT_REQUEST_ID",
        ),
        (
            "CancelAgreementRequest",
            json!({}),
            "MISSING_AGREEMENT_REQUEST_ID",
        ),
        (
            "GetAgreementRequestApprovalPlans",
            json!({}),
            "MISSING_AGREEMENT_REQUEST_ID",
        ),
        (
            "GetAgreementRequestTerms",
            with("maxResults", json!(9)),
            "INVALID_MAX_RESULTS",
        ),
        (
            "GetAgreementRequestTerms",
            with("maxResults", json!(51)),
            "INVALID_MAX_RESULTS",
        ),
        (
            "GetAgreementRequestTerms",
            with("nextToken", json!("abc")),
            "INVALID_NEXT_TOKEN",
        ),
        (
            "GetAgreementRequestApprovalPlans",
            with("maxResults", json!(0)),
            "INVALID_MAX_RESULTS",
        ),
        (
            "GetAgreementRequestApprovalPlans",
            with("nextToken", json!("abc")),
            "INVALID_NEXT_TOKEN",
        ),
        (
            "ListAgreementRequests",
            list("catalog", json!("Other")),
            "INVALID_CATALOG",
        ),
        (
            "ListAgreementRequests",
            list("status", json!("EXPIRED")),
            "INVALID_STATUS",
        ),
        (
            "ListAgreementRequests",
            list("resourceId", json!("prod 1")),
            "INVALID_RESOURCE_ID",
        ),
        (
            "ListAgreementRequests",
            list("resourceId", json!("")),
            "INVALID_RESOURCE_ID",
        ),
        (
            "ListAgreementRequests",
            list("maxResults", json!(51)),
            "INVALID_MAX_RESULTS",
        ),
        (
            "ListAgreementRequests",
            list("nextToken", json!("abc")),
            "INVALID_NEXT_TOKEN",
        ),
    ] {
        assert_eq!(
            refusal(&market, operation, &input).await,
            reason,
            "{operation} {input}"
        );
    }
}

#[tokio::test]
async fn each_reason_of_a_start() {
    let market = market().await;
    let unplanned = quoted(&market).await;
    let old = planned(&market, plans()).await;
    let (id, references) = draft(&market).await;
    let good = || start_input(&id, &references);
    let inputs = |inputs: Value| {
        let mut input = good();
        input["planInputs"] = inputs;
        input
    };
    let note = |note: &str| {
        let mut input = good();
        input["planInputs"][0]["buyerAgreementApprovalPlanInput"]["requesterNote"] = json!(note);
        input
    };
    let order = |order: Value| {
        let mut input = good();
        input["purchaseOrders"] = json!([order]);
        input
    };
    let unnamed = json!([{ "buyerAgreementApprovalPlanInput": {} }]);
    let twice = [references[0].clone(), references[0].clone()];
    let elsewhere = market.act(
        "approval-plans",
        json!({ "account": "777788889999", "plans": plans() }),
    );
    let elsewhere = elsewhere.await["plans"][0]["planReference"].clone();
    let many: Vec<_> = (0..11)
        .map(|number| json!(format!("aplan-{number}")))
        .collect();
    let bare = unplanned["agreementRequestId"].clone();
    let charge = |charge: &str| json!({ "chargeId": charge, "purchaseOrderReference": "PO-1" });
    for (input, reason) in [
        (json!({}), "MISSING_AGREEMENT_REQUEST_ID"),
        (named(&id), "MISSING_PLAN_INPUTS"),
        (inputs(json!([])), "INVALID_PLAN_INPUTS"),
        (inputs(json!("all")), "INVALID_PLAN_INPUTS"),
        (inputs(json!([{}])), "INVALID_PLAN_INPUTS"),
        (inputs(unnamed), "INVALID_PLAN_INPUTS"),
        (start_input(&id, &many), "INVALID_PLAN_INPUTS"),
        (start_input(&id, &twice), "DUPLICATE_PLAN_REFERENCE"),
        (
            start_input(&id, &[json!("aplan-none")]),
            "INVALID_PLAN_INPUTS",
        ),
        (
            start_input(&id, &[references[0].clone(), elsewhere]),
            "INVALID_PLAN_INPUTS",
        ),
        (start_input(&id, &old[..1]), "INVALID_PLAN_INPUTS"),
        (note(""), "INVALID_NOTE"),
        (note(&"n".repeat(1001)), "INVALID_NOTE"),
        (order(charge("ch-none")), "INVALID_CHARGE_ID"),
        (
            order(json!({ "chargeId": "ch-none" })),
            "MISSING_PURCHASE_ORDER_REFERENCE",
        ),
        (
            start_input(&bare, &references),
            "INCOMPATIBLE_AGREEMENT_REQUEST",
        ),
    ] {
        let told = refusal(&market, "StartAgreementApprovals", &input).await;
        assert_eq!(told, reason, "{input}");
    }
    let own = json!({ "partyType": "REQUESTER" });
    let (_, list) = agreement(&market, "AKIABUYER", "ListAgreementApprovals", &own).await;
    assert_eq!(list, json!({ "items": [] }), "all or nothing");

    let made = started(&market, &id, &references[1..]).await;
    let again = async || refusal(&market, "StartAgreementApprovals", &good()).await;
    assert_eq!(again().await, "PENDING_APPROVAL_AGREEMENT_REQUEST");
    approved(&market, &made[0]).await;
    assert_eq!(
        again().await,
        "INCOMPATIBLE_AGREEMENT_REQUEST",
        "it is approved"
    );
}

#[tokio::test]
async fn each_reason_of_a_decision_and_of_reading() {
    let market = market().await;
    let (id, references) = draft(&market).await;
    let made = started(&market, &id, &references).await;
    let ask = json!({ "agreementApprovalId": made[0] });
    let (_, found) = agreement(&market, "AKIABUYER", "GetAgreementApproval", &ask).await;
    let levels = &found["buyerAgreementApproval"]["levels"];
    let outcome = |level: usize, approver: usize| {
        let approvers = &levels[level]["groups"][0]["approvers"];
        approvers[approver]["emailApproverOutcome"]["approverOutcomeId"].clone()
    };
    let with = |mut input: Value, field: &str, value: Value| {
        let said = input.as_object_mut().unwrap().values_mut().next().unwrap();
        said[field] = value;
        input
    };
    let (yes, no) = (|| approve(&made[0]), || reject(&made[0]));
    let over = "approverOutcomeIdToOverride";
    let long = json!("n".repeat(1001));
    let order = json!([{ "chargeId": "ch-none", "purchaseOrderReference": "PO-1" }]);
    let foreign = "INVALID_APPROVER_OUTCOME_ID_TO_OVERRIDE";
    let (accept, deny) = ("AcceptAgreementApproval", "RejectAgreementApproval");
    let list = "ListAgreementApprovals";
    for (operation, input, reason) in [
        (accept, json!({}), "MISSING_AGREEMENT_APPROVAL_ID"),
        (deny, json!({}), "MISSING_AGREEMENT_APPROVAL_ID"),
        (
            "GetAgreementApproval",
            json!({}),
            "MISSING_AGREEMENT_APPROVAL_ID",
        ),
        (accept, with(yes(), "note", json!("")), "INVALID_NOTE"),
        (accept, with(yes(), "note", long.clone()), "INVALID_NOTE"),
        (deny, with(no(), "note", long), "INVALID_NOTE"),
        (deny, with(no(), "note", Value::Null), "MISSING_NOTE"),
        (accept, with(yes(), over, json!("aprout-none")), foreign),
        (accept, with(yes(), over, json!("")), foreign),
        (
            accept,
            with(yes(), over, outcome(1, 0)),
            "QUEUED_AGREEMENT_APPROVAL",
        ),
        (
            deny,
            with(no(), over, outcome(1, 0)),
            "QUEUED_AGREEMENT_APPROVAL",
        ),
        (
            accept,
            with(yes(), "purchaseOrders", order),
            "INVALID_CHARGE_ID",
        ),
        (
            accept,
            with(yes(), "purchaseOrders", json!([])),
            "INVALID_PURCHASE_ORDERS",
        ),
        (list, json!({}), "MISSING_PARTY_TYPE"),
        (
            list,
            json!({ "partyType": "Acceptor" }),
            "INVALID_PARTY_TYPE",
        ),
        (
            list,
            json!({ "partyType": "REQUESTER", "catalog": "Other" }),
            "INVALID_CATALOG",
        ),
        (
            list,
            json!({ "partyType": "REQUESTER", "status": "DRAFT" }),
            "INVALID_STATUS",
        ),
        (
            list,
            json!({ "partyType": "REQUESTER", "approvalType": "OTHER" }),
            "INVALID_APPROVAL_TYPE",
        ),
        (
            list,
            json!({ "partyType": "REQUESTER", "maxResults": 51 }),
            "INVALID_MAX_RESULTS",
        ),
    ] {
        assert_eq!(
            refusal(&market, operation, &input).await,
            reason,
            "{operation} {input}"
        );
    }
    approved(&market, &made[0]).await;
    for approver in [0, 1] {
        let late = with(yes(), over, outcome(0, approver));
        let told = refusal(&market, accept, &late).await;
        assert_eq!(told, foreign, "this level is decided");
    }
    approved(&market, &made[0]).await;
    for (operation, input) in [(accept, yes()), (deny, no())] {
        let told = refusal(&market, operation, &input).await;
        assert_eq!(told, "CLOSED_AGREEMENT_APPROVAL", "{operation}");
    }
}

#[tokio::test]
async fn what_is_another_s_is_not_there() {
    let market = market().await;
    let (id, references) = draft(&market).await;
    let made = started(&market, &id, &references).await;
    let (request, approval) = (id.as_str().unwrap(), made[0].as_str().unwrap());
    let none = (json!("ar-none"), json!("apr-none"));
    let of = |id: &Value, approval: &Value| {
        [
            ("AcceptAgreementRequest", named(id)),
            ("CancelAgreementRequest", named(id)),
            ("GetAgreementRequest", named(id)),
            ("GetAgreementRequestTerms", named(id)),
            ("GetAgreementRequestApprovalPlans", named(id)),
            ("StartAgreementApprovals", start_input(id, &references)),
            (
                "GetAgreementApproval",
                json!({ "agreementApprovalId": approval }),
            ),
            ("AcceptAgreementApproval", approve(approval)),
            ("RejectAgreementApproval", reject(approval)),
        ]
    };
    let expected = |operation: &str, request: &str, approval: &str| {
        if operation.ends_with("Approval") {
            format!("404 AgreementApproval {approval}")
        } else {
            format!("404 AgreementRequest {request}")
        }
    };
    for key in OTHERS {
        for (operation, input) in of(&id, &made[0]) {
            let told = refusal_of(&market, key, operation, &input).await;
            assert_eq!(
                told,
                expected(operation, request, approval),
                "{key} {operation}"
            );
        }
        let own = json!({ "partyType": "AWS_ORGANIZATION_ADMIN" });
        let (_, list) = agreement(&market, key, "ListAgreementApprovals", &own).await;
        assert_eq!(list, json!({ "items": [] }), "{key}");
    }
    for (operation, input) in of(&none.0, &none.1) {
        let told = refusal(&market, operation, &input).await;
        assert_eq!(
            told,
            expected(operation, "ar-none", "apr-none"),
            "{operation}"
        );
    }
}

#[tokio::test]
async fn plans_that_aws_s_model_has_no_room_for_are_not_taken() {
    let market = market().await;
    let level = |approvers: &[&str]| json!({ "approvers": approvers });
    let plan = |name: &str, levels: Vec<Value>| json!({ "name": name, "levels": levels });
    let good = || level(&["ada@buyer.example.com"]);
    let with = |plans: Vec<Value>| json!({ "account": BUYER, "plans": plans });
    let named = |name: &str| with(vec![plan(name, vec![good()])]);
    let of = |level: Value| with(vec![plan("P", vec![level])]);
    for (body, code) in [
        (json!({ "account": "4444", "plans": [] }), "WRONG_ACCOUNT"),
        (json!({ "account": BUYER }), "BAD_REQUEST"),
        (
            json!({ "account": BUYER, "plans": [], "else": 1 }),
            "BAD_REQUEST",
        ),
        (with(vec![plan("P", vec![good()]); 11]), "WRONG_PLANS"),
        (named(""), "WRONG_PLANS"),
        (named(&"n".repeat(256)), "WRONG_PLANS"),
        (with(vec![plan("P", vec![])]), "WRONG_PLANS"),
        (with(vec![plan("P", vec![good(); 7])]), "WRONG_PLANS"),
        (of(level(&[])), "WRONG_PLANS"),
        (of(level(&["ada@buyer.example.com"; 11])), "WRONG_PLANS"),
        (of(level(&["ada"])), "WRONG_PLANS"),
        (
            of(json!({ "name": "", "approvers": ["ada@buyer.example.com"] })),
            "WRONG_PLANS",
        ),
    ] {
        let refused = market.try_act("approval-plans", body.clone()).await;
        assert_eq!(refused.unwrap_err()["error"], code, "{body}");
    }
    assert_eq!(market.get("/sandbox/approval-plans").await, json!({}));
    let most = with(vec![
        plan(
            "P",
            vec![level(&["ada@buyer.example.com"; 10]); 6]
        );
        10
    ]);
    market.act("approval-plans", most).await;
}

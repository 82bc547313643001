//! A buyer whose organisation must approve: from the quote by its plans to the agreement, or to none.

mod ended;
mod refused;

use countersign_marketplace_sandbox::DEFAULT_PRODUCT_ID;
use serde_json::{Value, json};

use super::contacts::market;
use super::requests::{BUYER_KEY, call, listed, named, quote_of, quoted, refusal, status};
use super::two_charges;
use crate::by_hand::agreement_cbor;
use crate::market::{BUYER, Market};

const START: i64 = 1_799_056_800;
const HOUR: i64 = 3600;

/// Two plans: of two levels, two people in the first, and of one.
fn plans() -> Value {
    json!([
        { "name": "Purchases", "levels": [
            { "name": "Team", "approvers": ["ada@buyer.example.com", "bob@buyer.example.com"] },
            { "approvers": ["cy@buyer.example.com"] },
        ] },
        { "name": "Security", "levels": [{ "approvers": ["dee@buyer.example.com"] }] },
    ])
}

/// Gives the buyer its plans; their references.
async fn planned(market: &Market, plans: Value) -> Vec<Value> {
    let body = json!({ "account": BUYER, "plans": plans });
    let set = market.act("approval-plans", body).await;
    let plans = set["plans"].as_array().unwrap().iter();
    plans.map(|plan| plan["planReference"].clone()).collect()
}

fn start_input(id: &Value, references: &[Value]) -> Value {
    let inputs = references.iter().map(
        |reference| json!({ "buyerAgreementApprovalPlanInput": { "planReference": reference } }),
    );
    json!({ "agreementRequestId": id, "planInputs": inputs.collect::<Vec<_>>() })
}

/// Starts approvals by these plans; their ids.
async fn started(market: &Market, id: &Value, references: &[Value]) -> Vec<Value> {
    let answer = call(
        market,
        "StartAgreementApprovals",
        start_input(id, references),
    )
    .await;
    let summaries = answer["approvalSummaries"].as_array().unwrap().iter();
    summaries
        .map(|one| one["agreementApprovalId"].clone())
        .collect()
}

fn approve(id: &Value) -> Value {
    json!({ "buyerAgreementApprovalApproverInput": { "agreementApprovalId": id } })
}

fn reject(id: &Value) -> Value {
    let said = json!({ "agreementApprovalId": id, "note": "Not this year" });
    json!({ "buyerAgreementApprovalRejectionInput": said })
}

async fn approved(market: &Market, id: &Value) {
    assert_eq!(
        call(market, "AcceptAgreementApproval", approve(id)).await,
        json!({})
    );
}

async fn approval(market: &Market, id: &Value) -> Value {
    let found = call(
        market,
        "GetAgreementApproval",
        json!({ "agreementApprovalId": id }),
    )
    .await;
    found["buyerAgreementApproval"].clone()
}

/// Of each level, of each approver.
fn outcomes(approval: &Value) -> Vec<Vec<&Value>> {
    let levels = approval["levels"].as_array().unwrap().iter();
    let approvers = levels.map(|level| level["groups"][0]["approvers"].as_array().unwrap());
    approvers
        .map(|all| all.iter().map(|one| &one["emailApproverOutcome"]).collect())
        .collect()
}

/// The approval's word, and its approvers'.
async fn words(market: &Market, id: &Value) -> (String, Vec<Vec<String>>) {
    let approval = approval(market, id).await;
    let word = |value: &Value| value["status"].as_str().unwrap().to_owned();
    let levels = outcomes(&approval).into_iter();
    let levels = levels.map(|level| level.into_iter().map(word).collect());
    (word(&approval), levels.collect())
}

fn told(status: &str, levels: &[&[&str]]) -> (String, Vec<Vec<String>>) {
    let level = |words: &&[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    (status.to_owned(), levels.iter().map(level).collect())
}

/// A draft that must be approved, and the references of its plans.
async fn draft(market: &Market) -> (Value, Vec<Value>) {
    let references = planned(market, plans()).await;
    let quote = quoted(market).await;
    (quote["agreementRequestId"].clone(), references)
}

#[tokio::test]
async fn plans_are_shown_as_they_were_when_the_request_was_made() {
    let market = market().await;
    let offer = market.succeed(&two_charges(&market).await).await;
    let before = quote_of(&market, &offer).await;
    assert_eq!(before["approvalRequirement"], "NOT_REQUIRED");
    let references = planned(&market, plans()).await;
    let quote = quote_of(&market, &offer).await;
    assert_eq!(quote["approvalRequirement"], "REQUIRED");
    assert_eq!(quote["status"], "DRAFT");
    planned(&market, json!([])).await;
    let after = quote_of(&market, &offer).await;
    assert_eq!(after["approvalRequirement"], "NOT_REQUIRED");

    let approvers = |addresses: &[&str]| {
        let one = |address: &&str| json!({ "emailApprover": { "emailAddress": address } });
        let approvers: Vec<_> = addresses.iter().map(one).collect();
        json!([{ "approvalCriteria": { "requiredApprovalCount": 1 }, "approvers": approvers }])
    };
    let first = json!({ "buyerAgreementApprovalPlan": {
        "planReference": references[0], "name": "Purchases", "levels": [
            { "name": "Team", "groups": approvers(&["ada@buyer.example.com", "bob@buyer.example.com"]) },
            { "groups": approvers(&["cy@buyer.example.com"]) },
        ] } });
    let second = json!({ "buyerAgreementApprovalPlan": {
        "planReference": references[1], "name": "Security",
        "levels": [{ "groups": approvers(&["dee@buyer.example.com"]) }] } });
    let plans = "GetAgreementRequestApprovalPlans";
    let mut ask = named(&quote["agreementRequestId"]);
    let all = call(&market, plans, ask.clone()).await;
    assert_eq!(all, json!({ "items": [first, second] }));
    assert!(references[0].as_str().unwrap().starts_with("aplan-"));
    ask["maxResults"] = json!(1);
    let page = call(&market, plans, ask.clone()).await;
    assert_eq!(page["items"], json!([first]));
    ask["nextToken"] = page["nextToken"].clone();
    assert_eq!(
        call(&market, plans, ask).await,
        json!({ "items": [second] })
    );
    let none = call(&market, plans, named(&before["agreementRequestId"])).await;
    assert_eq!(none, json!({ "items": [] }));
    let unplanned = named(&before["agreementRequestId"]);
    call(&market, "AcceptAgreementRequest", unplanned).await;
}

#[tokio::test]
async fn a_request_goes_through_its_approvals_to_its_agreement() {
    let market = market().await;
    let (id, references) = draft(&market).await;
    let quote = call(&market, "GetAgreementRequest", named(&id)).await;
    let charges = &quote["chargeSummary"]["expectedCharges"];
    let order = |charge: usize, reference: &str| json!({ "chargeId": charges[charge]["id"], "purchaseOrderReference": reference });
    let accept = async || refusal(&market, "AcceptAgreementRequest", &named(&id)).await;
    assert_eq!(accept().await, "REJECTED_BY_AGREEMENT_APPROVAL_POLICY");

    let mut start = start_input(&id, &references);
    start["planInputs"][0]["buyerAgreementApprovalPlanInput"]["requesterNote"] = json!("Q1");
    start["purchaseOrders"] = json!([order(0, "PO-1"), order(1, "PO-2")]);
    let answer = call(&market, "StartAgreementApprovals", start).await;
    let summary = |name: &str, id: &Value, request: &Value| {
        json!({ "approvalType": "BUYER_AGREEMENT_APPROVAL", "agreementRequestId": request,
            "agreementApprovalId": id, "name": name, "status": "PENDING_APPROVAL", "createdAt": START,
            "updatedAt": START, "startedAt": START, "expiresAt": START + HOUR,
            "approvalNeededBy": START + HOUR })
    };
    let made = answer["approvalSummaries"].as_array().unwrap();
    let (first, second) = (
        &made[0]["agreementApprovalId"],
        &made[1]["agreementApprovalId"],
    );
    assert!(first.as_str().unwrap().starts_with("apr-"));
    assert_eq!(
        made[..],
        [
            summary("Purchases", first, &id),
            summary("Security", second, &id)
        ]
    );
    assert_eq!(status(&market, &id).await, "PENDING_APPROVAL");
    assert_eq!(accept().await, "PENDING_APPROVAL_AGREEMENT_REQUEST");
    let open: &[&[&str]] = &[&["PENDING_APPROVAL", "PENDING_APPROVAL"], &["QUEUED"]];
    assert_eq!(words(&market, first).await, told("PENDING_APPROVAL", open));

    market.act("clock", json!({ "advanceSeconds": 60 })).await;
    let shown = approval(&market, first).await;
    let bob = outcomes(&shown)[0][1]["approverOutcomeId"].clone();
    assert!(bob.as_str().unwrap().starts_with("aprout-"));
    let said = json!({ "agreementApprovalId": first, "approverOutcomeIdToOverride": bob,
        "note": "Fine", "purchaseOrders": [order(1, "PO-3")] });
    let said = json!({ "buyerAgreementApprovalApproverInput": said });
    call(&market, "AcceptAgreementApproval", said).await;
    let half: &[&[&str]] = &[&["SKIPPED", "APPROVED"], &["PENDING_APPROVAL"]];
    assert_eq!(words(&market, first).await, told("PENDING_APPROVAL", half));
    approved(&market, first).await;
    let full: &[&[&str]] = &[&["SKIPPED", "APPROVED"], &["APPROVED"]];
    assert_eq!(words(&market, first).await, told("APPROVED", full));
    assert_eq!(status(&market, &id).await, "PENDING_APPROVAL", "one of two");

    let mut expected = summary("Purchases", first, &id);
    for (field, value) in [
        ("status", json!("APPROVED")),
        ("updatedAt", json!(START + 60)),
        ("requester", json!({ "accountId": BUYER })),
        (
            "planInput",
            json!({ "planReference": references[0], "requesterNote": "Q1" }),
        ),
        (
            "proposer",
            json!({ "accountId": "111122223333", "legalName": "Company, of \"111122223333\"" }),
        ),
        (
            "proposalSummary",
            json!({ "offerId": quote["proposalSummary"]["offerId"],
            "resources": [{ "id": DEFAULT_PRODUCT_ID, "type": "ProfessionalServicesProduct",
                "name": "Handbook Professional Services" }], "visibilityScope": "PRIVATE" }),
        ),
    ] {
        expected[field] = value;
    }
    let mut shown = approval(&market, first).await;
    let bob = outcomes(&shown)[0][1].clone();
    assert_eq!(
        bob,
        json!({ "note": "Fine", "status": "APPROVED", "updatedAt": START + 60,
            "approverOutcomeId": bob["approverOutcomeId"], "emailAddress": "bob@buyer.example.com",
            "purchaseOrders": [order(1, "PO-3")],
            "overriddenBy": { "principalArn": format!("arn:aws:iam::{BUYER}:root") } })
    );
    let ask = json!({ "agreementApprovalId": first });
    let cbor = agreement_cbor(&market, BUYER_KEY, "GetAgreementApproval", &ask).await;
    assert_eq!(cbor["buyerAgreementApproval"], shown, "both protocols");
    shown.as_object_mut().unwrap().remove("levels");
    assert_eq!(shown, expected);

    approved(&market, second).await;
    assert_eq!(status(&market, &id).await, "APPROVED");
    assert_eq!(market.get("/sandbox/agreements").await, json!([]));
    let mut accept = named(&id);
    accept["purchaseOrders"] = json!([order(0, "PO-4")]);
    let made = call(&market, "AcceptAgreementRequest", accept).await;
    assert_eq!(status(&market, &id).await, "ACCEPTED");
    let charges = call(&market, "ListAgreementCharges", made).await;
    let orders = charges["items"].as_array().unwrap().iter();
    let orders = orders.map(|charge| charge["purchaseOrderReference"].as_str().unwrap());
    assert_eq!(
        orders.collect::<Vec<_>>(),
        ["PO-4", "PO-3"],
        "the last word of each charge"
    );
}

#[tokio::test]
async fn a_request_may_be_accepted_with_its_last_approval() {
    let market = market().await;
    let policy = json!({ "account": BUYER, "plans": plans(), "acceptsWhenApproved": true });
    let set = market.act("approval-plans", policy.clone()).await;
    let read = market.get("/sandbox/approval-plans").await;
    assert_eq!(read, json!({ BUYER: set }));
    let reference = &[set["plans"][1]["planReference"].clone()][..];
    let offer = market.succeed(&two_charges(&market).await).await;
    let (taken, beside) = (
        quote_of(&market, &offer).await,
        quote_of(&market, &offer).await,
    );
    let mut agreements = Vec::new();
    for (quote, expected) in [(taken, "ACCEPTED"), (beside, "APPROVED")] {
        let id = &quote["agreementRequestId"];
        let mut start = start_input(id, reference);
        let charge = &quote["chargeSummary"]["expectedCharges"][1]["id"];
        start["purchaseOrders"] = json!([{ "chargeId": charge, "purchaseOrderReference": "PO-1" }]);
        let made = call(&market, "StartAgreementApprovals", start).await;
        let made = &made["approvalSummaries"][0]["agreementApprovalId"];
        approved(&market, made).await;
        let found = call(&market, "GetAgreementRequest", named(id)).await;
        assert_eq!(found["status"], expected);
        agreements.push((id.clone(), found["agreementId"].clone()));
    }
    let made = &agreements[0].1;
    let charges = call(
        &market,
        "ListAgreementCharges",
        json!({ "agreementId": made }),
    )
    .await;
    assert_eq!(charges["items"][1]["purchaseOrderReference"], "PO-1");
    let why = refusal(&market, "AcceptAgreementRequest", &named(&agreements[1].0)).await;
    let conflict = format!("409 Agreement {}", made.as_str().unwrap());
    assert_eq!(why, conflict, "the buyer is told why");
}

#[tokio::test]
async fn every_status_of_an_approval_may_be_one_that_no_model_has() {
    let market = market().await;
    let (id, references) = draft(&market).await;
    let made = started(&market, &id, &references).await;
    approved(&market, &made[0]).await;
    let operation = "GetAgreementApproval";
    market.inject(operation, "unknown-value", false).await;
    let odd: &[&[&str]] = &[&["APPROVEX", "SKIPPEX"], &["PENDING_APPROVAX"]];
    assert_eq!(
        words(&market, &made[0]).await,
        told("PENDING_APPROVAX", odd)
    );
}

#[tokio::test]
async fn approvals_are_listed_newest_first_by_request_and_status() {
    let market = market().await;
    let references = planned(&market, plans()).await;
    let offer = market.succeed(&two_charges(&market).await).await;
    let (mut made, mut requests) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let quote = quote_of(&market, &offer).await;
        let id = quote["agreementRequestId"].clone();
        for approval in started(&market, &id, &references).await {
            made.insert(0, approval);
        }
        requests.push(id);
    }
    approved(&market, &made[0]).await;
    call(&market, "RejectAgreementApproval", reject(&made[2])).await;
    let of = |positions: &[usize]| -> Vec<Value> {
        positions
            .iter()
            .map(|position| made[*position].clone())
            .collect()
    };
    let all = || of(&[0, 1, 2, 3, 4, 5]);
    for (mut ask, expected) in [
        (json!({}), all()),
        (
            json!({ "maxResults": 4, "catalog": "AWSMarketplace" }),
            all(),
        ),
        (json!({ "approvalType": "BUYER_AGREEMENT_APPROVAL" }), all()),
        (json!({ "agreementRequestId": requests[0] }), of(&[4, 5])),
        (json!({ "agreementRequestId": "ar-none" }), of(&[])),
        (
            json!({ "status": "PENDING_APPROVAL", "maxResults": 2 }),
            of(&[1, 4, 5]),
        ),
        (json!({ "status": "APPROVED" }), of(&[0])),
        (json!({ "status": "REJECTED" }), of(&[2])),
        (json!({ "status": "CANCELLED" }), of(&[3])),
        (json!({ "status": "EXPIRED" }), of(&[])),
    ] {
        for party in ["REQUESTER", "AWS_ORGANIZATION_ADMIN"] {
            ask["partyType"] = json!(party);
            let found = listed(
                &market,
                "ListAgreementApprovals",
                &ask,
                "agreementApprovalId",
            )
            .await;
            assert_eq!(found, expected, "{ask}");
        }
    }
}

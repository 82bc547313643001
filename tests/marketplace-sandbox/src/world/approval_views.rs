//! Approvals as they are shown: `GetAgreementApproval`, `ListAgreementApprovals` (facts §3).

use serde_json::Value;

use super::agreement_request_views::LIST_PAGE;
use super::approval_levels::{Approval, ApprovalStatus, Outcome, OutcomeStatus};
use super::approval_plans::level_shown;
use super::authorizations::legal_name;
use super::change_sets::optional_text;
use super::input::{page_within, required, status, usual_scope};
use super::model::Agreement;
use super::purchase_orders::Orders;
use super::search::RESOURCE_TYPE;
use super::{Refusal, World};
use crate::wire::{Wire, map};

/// The one type of approval there is.
const TYPE: &str = "BUYER_AGREEMENT_APPROVAL";

impl World {
    /// `GetAgreementApproval`.
    pub(crate) fn get_approval(&self, caller: &str, input: &Value) -> Result<Wire, Refusal> {
        let approval = &self.approvals[self.named_approval(caller, input)?];
        let request = self.request_of(caller, &approval.request_id)?;
        let quoted = &self.agreement_requests[request].quoted;
        let levels = approval.plan.levels.iter().zip(&approval.outcomes);
        let levels = levels.map(|(level, outcomes)| {
            let approvers = level.approvers.iter().zip(outcomes);
            let approvers = approvers.map(|(address, outcome)| {
                let outcome = outcome_shown(&approval.requester, address, outcome);
                map([("emailApproverOutcome", Some(outcome))])
            });
            level_shown(level, approvers.collect())
        });
        let plan = map([
            ("planReference", Some(Wire::text(&approval.plan.reference))),
            ("requesterNote", approval.note.as_ref().map(Wire::text)),
        ]);
        let proposer = map([
            ("accountId", Some(Wire::text(&quoted.proposer))),
            ("legalName", Some(Wire::Text(legal_name(&quoted.proposer)))),
        ]);
        let requester = map([("accountId", Some(Wire::text(&approval.requester)))]);
        let mut fields = summary(approval);
        fields.extend([
            ("requester", Some(requester)),
            ("levels", Some(Wire::List(levels.collect()))),
            ("planInput", Some(plan)),
            ("proposer", Some(proposer)),
            ("proposalSummary", Some(self.approved_proposal(quoted))),
        ]);
        Ok(map([("buyerAgreementApproval", Some(map(fields)))]))
    }

    /// `ListAgreementApprovals`, newest first. The account that asks for approvals administers its
    /// organisation, so that it finds the same as either.
    pub(crate) fn list_approvals(&self, caller: &str, input: &Value) -> Result<Wire, Refusal> {
        usual_scope(input)?;
        match required(input, "partyType", "MISSING_PARTY_TYPE")? {
            "REQUESTER" | "AWS_ORGANIZATION_ADMIN" => {}
            other => {
                let message = format!("partyType '{other}' is not supported.");
                return Err(Refusal::reasoned("INVALID_PARTY_TYPE", message));
            }
        }
        if optional_text(input, "approvalType")?.is_some_and(|kind| kind != TYPE) {
            let message = format!("approvalType must be {TYPE}.");
            return Err(Refusal::reasoned("INVALID_APPROVAL_TYPE", message));
        }
        let request = optional_text(input, "agreementRequestId")?;
        let status = status(input, &ApprovalStatus::WORDS)?;
        let own = self.approvals.iter().rev().filter(|approval| {
            approval.requester == caller
                && request.is_none_or(|id| approval.request_id == id)
                && status.is_none_or(|status| approval.status.as_str() == status)
        });
        let items = own.map(|approval| map(summary(approval))).collect();
        page_within(input, "items", items, LIST_PAGE)
    }

    /// `proposalSummary`, which tells an approver more than it tells a buyer.
    fn approved_proposal(&self, quoted: &Agreement) -> Wire {
        let product = self.product(&quoted.product_id);
        let resource = map([
            ("id", Some(Wire::text(&quoted.product_id))),
            ("type", Some(Wire::text(RESOURCE_TYPE))),
            ("name", product.map(|product| Wire::text(&product.title))),
        ]);
        let mut offers = self.offers.iter();
        let public = offers.any(|offer| offer.id == quoted.offer_id && offer.targeting.is_none());
        let scope = if public { "PUBLIC" } else { "PRIVATE" };
        map([
            ("offerId", Some(Wire::text(&quoted.offer_id))),
            ("resources", Some(Wire::List(vec![resource]))),
            ("visibilityScope", Some(Wire::text(scope))),
        ])
    }
}

/// What `StartAgreementApprovals` answers.
pub(super) fn started(made: &[Approval]) -> Wire {
    let summaries = made.iter().map(|approval| map(summary(approval)));
    map([("approvalSummaries", Some(Wire::List(summaries.collect())))])
}

fn summary(approval: &Approval) -> Vec<(&'static str, Option<Wire>)> {
    vec![
        ("approvalType", Some(Wire::text(TYPE))),
        ("agreementRequestId", Some(Wire::text(&approval.request_id))),
        ("agreementApprovalId", Some(Wire::text(&approval.id))),
        ("name", Some(Wire::text(&approval.plan.name))),
        ("status", Some(Wire::text(approval.status.as_str()))),
        ("createdAt", Some(Wire::Time(approval.created_at))),
        ("updatedAt", Some(Wire::Time(approval.updated_at))),
        // Approvers are asked at once.
        ("startedAt", Some(Wire::Time(approval.created_at))),
        ("expiresAt", Some(Wire::Time(approval.expires_at))),
        ("approvalNeededBy", Some(Wire::Time(approval.expires_at))),
    ]
}

fn outcome_shown(administrator: &str, address: &str, outcome: &Outcome) -> Wire {
    let decided = matches!(
        outcome.status,
        OutcomeStatus::Approved | OutcomeStatus::Rejected
    );
    // The sandbox knows accounts, not who signs for them.
    let principal = || Wire::Text(format!("arn:aws:iam::{administrator}:root"));
    let overridden = decided.then(|| map([("principalArn", Some(principal()))]));
    map([
        ("note", outcome.note.as_ref().map(Wire::text)),
        ("status", Some(Wire::text(outcome.status.as_str()))),
        ("updatedAt", Some(Wire::Time(outcome.updated_at))),
        ("approverOutcomeId", Some(Wire::text(&outcome.id))),
        ("emailAddress", Some(Wire::text(address))),
        ("purchaseOrders", orders(&outcome.orders)),
        ("overriddenBy", overridden),
    ])
}

fn orders(orders: &Orders) -> Option<Wire> {
    let shown = orders.iter().map(|(charge, order)| {
        map([
            ("chargeId", Some(Wire::text(charge))),
            ("purchaseOrderReference", Some(Wire::text(&order.reference))),
        ])
    });
    (!orders.is_empty()).then(|| Wire::List(shown.collect()))
}

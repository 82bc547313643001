//! Approvals of a buyer's organisation: `StartAgreementApprovals`, `AcceptAgreementApproval`,
//! `RejectAgreementApproval` (facts §3).
//!
//! AWS lets the organisation's administrators decide on behalf of an approver; here the account that buys is
//! the one that administers, so that it decides on its own requests. What a decision does to one approval is in
//! [`super::approval_levels`]; here is what all of them do to the request.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::agreement_requests::{AgreementRequest, QuoteStatus, closed, pending};
use super::approval_levels::{Approval, ApprovalStatus, Decision, OutcomeStatus, asked};
use super::approval_views::started;
use super::input::{bounded, required};
use super::purchase_orders::{Orders, brought};
use super::{Refusal, World};
use crate::wire::{Wire, map};

const KIND: &str = "AgreementApproval";
/// The most plans that one request may start.
const INPUTS_MAX: usize = 10;
/// How long a note may be.
const NOTE: (usize, usize) = (1, 1000);

impl World {
    /// `StartAgreementApprovals`: one approval for each plan named, all or none.
    pub(crate) fn start_approvals(
        &mut self,
        now: DateTime<Utc>,
        caller: &str,
        input: &Value,
    ) -> Result<Wire, Refusal> {
        let position = self.named_request(caller, input)?;
        let inputs = plan_inputs(input)?;
        let request = &self.agreement_requests[position];
        startable(request)?;
        let plans = inputs.into_iter().map(|(reference, note)| {
            let plan = request.policy.plan(reference).ok_or_else(|| {
                let message = format!("The agreement request has no plan {reference}.");
                Refusal::reasoned("INVALID_PLAN_INPUTS", message)
            });
            plan.map(|plan| (plan.clone(), note.map(str::to_owned)))
        });
        let plans = plans.collect::<Result<Vec<_>, _>>()?;
        let orders = brought(&request.quoted, input)?;
        let (request_id, expires_at) = (request.id.clone(), request.expires_at());
        let made = plans.into_iter().map(|(plan, note)| {
            let id = self.ids.request("apr");
            Approval {
                request_id: request_id.clone(),
                requester: caller.to_owned(),
                outcomes: asked(&id, &plan, now),
                id,
                plan,
                note,
                status: ApprovalStatus::PendingApproval,
                created_at: now,
                updated_at: now,
                expires_at,
            }
        });
        let made: Vec<_> = made.collect();
        let reply = started(&made);
        self.approvals.extend(made);
        let request = &mut self.agreement_requests[position];
        request.quoted.orders.extend(orders);
        request.status = QuoteStatus::PendingApproval;
        Ok(reply)
    }

    /// `AcceptAgreementApproval`.
    pub(crate) fn accept_approval(
        &mut self,
        now: DateTime<Utc>,
        caller: &str,
        input: &Value,
    ) -> Result<Wire, Refusal> {
        let said = inner(input, "buyerAgreementApprovalApproverInput");
        self.decide_approval(now, caller, said, true)
    }

    /// `RejectAgreementApproval`: the reason must be given, and nothing else of the request goes on.
    pub(crate) fn reject_approval(
        &mut self,
        now: DateTime<Utc>,
        caller: &str,
        input: &Value,
    ) -> Result<Wire, Refusal> {
        let said = inner(input, "buyerAgreementApprovalRejectionInput");
        self.decide_approval(now, caller, said, false)
    }

    fn decide_approval(
        &mut self,
        now: DateTime<Utc>,
        caller: &str,
        said: &Value,
        approves: bool,
    ) -> Result<Wire, Refusal> {
        let approval = self.named_approval(caller, said)?;
        let request = self.request_of(caller, &self.approvals[approval].request_id)?;
        let note = bounded(said, "note", NOTE, "INVALID_NOTE")?;
        if !approves && note.is_none() {
            return Err(Refusal::reasoned("MISSING_NOTE", "note is required."));
        }
        let of = bounded(
            said,
            "approverOutcomeIdToOverride",
            (1, 64),
            "INVALID_APPROVER_OUTCOME_ID_TO_OVERRIDE",
        )?;
        let place = self.approvals[approval].decided_by(of)?;
        let orders = if approves {
            brought(&self.agreement_requests[request].quoted, said)?
        } else {
            Orders::new()
        };
        let quoted = &mut self.agreement_requests[request].quoted;
        quoted.orders.extend(orders.clone());
        let decision = Decision {
            approves,
            note,
            orders,
        };
        self.approvals[approval].decide(now, place, decision);
        self.conclude(now, approval, request);
        Ok(map([]))
    }

    /// What a decision about one approval makes of its request.
    fn conclude(&mut self, now: DateTime<Utc>, approval: usize, position: usize) {
        let (status, id) = {
            let approval = &self.approvals[approval];
            (approval.status, approval.request_id.clone())
        };
        let request = &mut self.agreement_requests[position];
        match status {
            ApprovalStatus::Rejected => {
                request.status = QuoteStatus::Rejected;
                self.end_approvals(now, &id, ApprovalStatus::Cancelled, OutcomeStatus::Skipped);
            }
            ApprovalStatus::Approved => {
                let mut all = self.approvals.iter().filter(|one| one.request_id == id);
                if all.all(|one| one.status == ApprovalStatus::Approved) {
                    request.status = QuoteStatus::Approved;
                    if request.policy.accepts_when_approved {
                        self.try_to_take(now, position);
                    }
                }
            }
            ApprovalStatus::PendingApproval
            | ApprovalStatus::Expired
            | ApprovalStatus::Cancelled => {}
        }
    }

    /// What cannot be accepted stays APPROVED, and its buyer's own `AcceptAgreementRequest` tells why.
    fn try_to_take(&mut self, now: DateTime<Utc>, position: usize) {
        if let Err(refusal) = self.take(now, position, Orders::new()) {
            tracing::info!(?refusal, "an approved request is left to its buyer");
        }
    }

    /// The approvals of a request that nobody is asked about any more.
    pub(super) fn end_approvals(
        &mut self,
        at: DateTime<Utc>,
        request_id: &str,
        status: ApprovalStatus,
        rest: OutcomeStatus,
    ) {
        for approval in &mut self.approvals {
            let pending = approval.status == ApprovalStatus::PendingApproval;
            if pending && approval.request_id == request_id {
                approval.end(at, status, rest);
            }
        }
    }

    /// The approval that an operation names. Somebody else's is answered like one that does not exist.
    pub(super) fn named_approval(&self, caller: &str, input: &Value) -> Result<usize, Refusal> {
        let id = required(
            input,
            "agreementApprovalId",
            "MISSING_AGREEMENT_APPROVAL_ID",
        )?;
        self.approvals
            .iter()
            .position(|approval| approval.id == id && approval.requester == caller)
            .ok_or_else(|| {
                let message = format!("Agreement approval '{id}' was not found.");
                Refusal::absent(KIND, id, message)
            })
    }
}

/// The one member of an input that is a union of kinds of approval.
fn inner<'a>(input: &'a Value, member: &str) -> &'a Value {
    input.get(member).unwrap_or(&Value::Null)
}

/// A request whose approvals may start: they have not, and it needs some.
fn startable(request: &AgreementRequest) -> Result<(), Refusal> {
    match request.status {
        QuoteStatus::Draft if request.policy.requires_approval() => Ok(()),
        QuoteStatus::Draft | QuoteStatus::Approved => Err(Refusal::reasoned(
            "INCOMPATIBLE_AGREEMENT_REQUEST",
            "The agreement request needs no approval.",
        )),
        QuoteStatus::PendingApproval => Err(pending()),
        QuoteStatus::Accepted | QuoteStatus::Rejected | QuoteStatus::Cancelled => Err(closed()),
    }
}

/// `planInputs`: 1 to 10 references, none twice, and the note to each.
fn plan_inputs(input: &Value) -> Result<Vec<(&str, Option<&str>)>, Refusal> {
    let wrong = |reason, message: &str| Err(Refusal::reasoned(reason, message));
    let sent = match input.get("planInputs") {
        None | Some(Value::Null) => {
            return wrong("MISSING_PLAN_INPUTS", "planInputs is required.");
        }
        Some(Value::Array(sent)) if (1..=INPUTS_MAX).contains(&sent.len()) => sent,
        Some(_) => return wrong("INVALID_PLAN_INPUTS", "Name 1 to 10 plans."),
    };
    let mut inputs: Vec<(&str, Option<&str>)> = Vec::with_capacity(sent.len());
    for entry in sent {
        let entry = inner(entry, "buyerAgreementApprovalPlanInput");
        let reference = required(entry, "planReference", "INVALID_PLAN_INPUTS")?;
        let note = bounded(entry, "requesterNote", NOTE, "INVALID_NOTE")?;
        if inputs.iter().any(|(known, _)| *known == reference) {
            return wrong("DUPLICATE_PLAN_REFERENCE", "A plan is named twice.");
        }
        inputs.push((reference, note));
    }
    Ok(inputs)
}

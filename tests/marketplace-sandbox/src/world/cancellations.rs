//! Cancellation requests: the seller asks, the buyer answers, 7 days of silence are a yes (facts §3.1).

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::agreements::Denied;
use super::change_sets::optional_text;
use super::input::{as_proposer, bounded, client_token, page, required, status, usual_scope};
use super::model::AgreementStatus;
use super::parties::active;
use super::payment_requests::RequestStatus;
use super::{Refusal, World, timestamp};
use crate::wire::{Wire, map};

/// Days of silence after which the agreement is cancelled.
pub(super) const SILENCE_DAYS: i64 = 7;
const KIND: &str = "AgreementCancellationRequest";
const REASONS: [&str; 8] = [
    "INCORRECT_TERMS_ACCEPTED",
    "REPLACING_AGREEMENT",
    "TEST_AGREEMENT",
    "ALTERNATIVE_PROCUREMENT_CHANNEL",
    "PRODUCT_DISCONTINUED",
    "UNINTENDED_RENEWAL",
    "BUYER_DISSATISFACTION",
    "OTHER",
];

/// One request to end an agreement.
#[derive(Debug, Clone)]
pub(crate) struct Cancellation {
    pub(crate) id: String,
    pub(crate) agreement_id: String,
    pub(crate) reason: String,
    pub(crate) description: Option<String>,
    pub(crate) status: RequestStatus,
    pub(crate) message: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

impl World {
    /// `SendAgreementCancellationRequest`.
    pub(crate) fn send_cancellation(
        &mut self,
        now: DateTime<Utc>,
        caller: &str,
        input: &Value,
    ) -> Result<Wire, Refusal> {
        let token = client_token(input)?;
        let agreement = self.proposed(now, caller, input)?.clone();
        let reason = required(input, "reasonCode", "MISSING_REASON_CODE")?;
        if !REASONS.contains(&reason) {
            return Err(Refusal::reasoned(
                "INVALID_REASON_CODE",
                format!("reasonCode '{reason}' is unknown."),
            ));
        }
        let description = bounded(input, "description", (1, 2000), "INVALID_DESCRIPTION")?;
        if let Some(id) = self.remembered(caller, KIND, token, input, None, now)? {
            let position = self.cancellation_position(&agreement.id, &id)?;
            return Ok(full(&self.cancellations[position]));
        }
        active(&agreement)?;
        let open = |request: &Cancellation| {
            request.agreement_id == agreement.id && request.status == RequestStatus::Pending
        };
        if let Some(open) = self.cancellations.iter().find(|request| open(request)) {
            return Err(Refusal::conflict(
                KIND,
                &open.id,
                "The agreement has an open cancellation request.",
            ));
        }
        let request = Cancellation {
            id: self.ids.request("acr"),
            agreement_id: agreement.id.clone(),
            reason: reason.to_owned(),
            description: description.map(str::to_owned),
            status: RequestStatus::Pending,
            message: None,
            created_at: now,
            updated_at: now,
        };
        let reply = full(&request);
        self.remember(caller, KIND, token, input, &request.id, now);
        self.cancellations.push(request);
        let position = self.cancellations.len() - 1;
        if std::mem::take(&mut self.invalidate_next) {
            let why = "The cancellation request could not be validated.";
            self.move_cancellation(now, position, RequestStatus::ValidationFailed, Some(why));
        } else {
            self.tell_cancellation(now, position, "Pending Approval");
        }
        Ok(reply)
    }

    /// `CancelAgreementCancellationRequest`: the seller takes it back.
    pub(crate) fn withdraw_cancellation(
        &mut self,
        now: DateTime<Utc>,
        caller: &str,
        input: &Value,
    ) -> Result<Wire, Refusal> {
        self.proposed(now, caller, input)?;
        required(input, "cancellationReason", "MISSING_REASON")?;
        let why = bounded(input, "cancellationReason", (1, 2000), "INVALID_REASON")?;
        let position = self.pending_cancellation(input)?;
        self.move_cancellation(now, position, RequestStatus::Cancelled, why);
        Ok(full(&self.cancellations[position]))
    }

    /// `AcceptAgreementCancellationRequest` and `RejectAgreementCancellationRequest`.
    pub(crate) fn answer_cancellation(
        &mut self,
        now: DateTime<Utc>,
        caller: &str,
        input: &Value,
        approve: bool,
    ) -> Result<Wire, Refusal> {
        self.accepted(now, caller, input)?;
        let why = bounded(
            input,
            "rejectionReason",
            (1, 2000),
            "INVALID_REJECTION_REASON",
        )?;
        if !approve && why.is_none() {
            return Err(Refusal::reasoned(
                "INVALID_REJECTION_REASON",
                "rejectionReason is required.",
            ));
        }
        let position = self.pending_cancellation(input)?;
        self.move_cancellation(now, position, answered(approve), why);
        Ok(full(&self.cancellations[position]))
    }

    /// `CancelAgreement`: not for a contract, which only its seller can ask to end (facts §2).
    pub(crate) fn cancel_agreement(
        &self,
        now: DateTime<Utc>,
        caller: &str,
        input: &Value,
    ) -> Result<Wire, Refusal> {
        active(self.accepted(now, caller, input)?)?;
        Err(Refusal::reasoned(
            "UNSUPPORTED_ACTION",
            "A contract for professional services is cancelled at its seller's request.",
        ))
    }

    /// `GetAgreementCancellationRequest`, by either party.
    pub(crate) fn get_cancellation(
        &self,
        now: DateTime<Utc>,
        caller: &str,
        input: &Value,
    ) -> Result<Wire, Refusal> {
        let agreement = self.agreement_of(now, caller, input)?;
        let position = self.cancellation_position(&agreement.id, request_id(input)?)?;
        Ok(full(&self.cancellations[position]))
    }

    /// `ListAgreementCancellationRequests`, newest first.
    pub(crate) fn list_cancellations(&self, caller: &str, input: &Value) -> Result<Wire, Refusal> {
        let proposer = as_proposer(input)?;
        usual_scope(input)?;
        let agreement = optional_text(input, "agreementId")?;
        let status = status(input, &RequestStatus::WORDS)?;
        let items = self
            .cancellations
            .iter()
            .rev()
            .filter(|request| agreement.is_none_or(|id| request.agreement_id == id))
            .filter(|request| status.is_none_or(|status| request.status.as_str() == status))
            .filter(|request| self.is_party(&request.agreement_id, caller, proposer))
            .map(|request| {
                map([
                    (
                        "agreementCancellationRequestId",
                        Some(Wire::text(&request.id)),
                    ),
                    ("agreementId", Some(Wire::text(&request.agreement_id))),
                    ("status", Some(Wire::text(request.status.as_str()))),
                    ("reasonCode", Some(Wire::text(&request.reason))),
                    ("agreementType", Some(Wire::text("PurchaseAgreement"))),
                    ("catalog", Some(Wire::text("AWSMarketplace"))),
                    ("createdAt", Some(Wire::Time(request.created_at))),
                    ("updatedAt", Some(Wire::Time(request.updated_at))),
                ])
            })
            .collect();
        page(input, "items", items)
    }

    /// Every request, for whoever looks at the world.
    pub(crate) fn cancellations_json(&self) -> Vec<Value> {
        let shown = self.cancellations.iter().map(|request| {
            json!({
                "agreementCancellationRequestId": request.id,
                "agreementId": request.agreement_id,
                "reasonCode": request.reason,
                "status": request.status.as_str(),
            })
        });
        shown.collect()
    }

    /// Requests that nobody answered in 7 days by `now`.
    pub(super) fn cancel_by_silence(&mut self, now: DateTime<Utc>) {
        for position in 0..self.cancellations.len() {
            let request = &self.cancellations[position];
            let due = request.created_at + TimeDelta::days(SILENCE_DAYS);
            if request.status == RequestStatus::Pending && due <= now {
                self.move_cancellation(due, position, RequestStatus::Approved, None);
            }
        }
    }

    /// A rehearsal's buyer answers.
    pub(crate) fn buyer_answers_cancellation(
        &mut self,
        now: DateTime<Utc>,
        id: &str,
        approve: bool,
        reason: Option<&str>,
    ) -> Result<Value, Denied> {
        let position = self
            .cancellations
            .iter()
            .position(|request| request.id == id && request.status == RequestStatus::Pending)
            .ok_or_else(|| {
                Denied::new(
                    "NOT_PENDING",
                    format!("There is no pending cancellation request {id}."),
                )
            })?;
        let status = answered(approve);
        self.move_cancellation(now, position, status, reason);
        Ok(json!({ "agreementCancellationRequestId": id, "status": status.as_str() }))
    }

    /// The request gets its answer; an approved one ends the agreement, and future charges with it.
    fn move_cancellation(
        &mut self,
        at: DateTime<Utc>,
        position: usize,
        status: RequestStatus,
        message: Option<&str>,
    ) {
        let request = &mut self.cancellations[position];
        request.status = status;
        request.message = message.map(str::to_owned);
        request.updated_at = at;
        let id = request.agreement_id.clone();
        let how = match status {
            RequestStatus::Pending => "Pending Approval",
            RequestStatus::Approved => "Approved",
            RequestStatus::Rejected => "Rejected",
            RequestStatus::Cancelled => "Cancelled",
            RequestStatus::ValidationFailed => "Validation Failed",
        };
        self.tell_cancellation(at, position, how);
        if status != RequestStatus::Approved {
            return;
        }
        let mut agreements = self.agreements.iter();
        if let Some(position) = agreements.position(|agreement| agreement.id == id) {
            self.end_agreement(at, position, AgreementStatus::Cancelled);
        }
    }

    /// Nobody asks to end what is over.
    pub(super) fn drop_cancellations(&mut self, at: DateTime<Utc>, agreement_id: &str) {
        for position in 0..self.cancellations.len() {
            let request = &self.cancellations[position];
            if request.agreement_id == agreement_id && request.status == RequestStatus::Pending {
                let why = Some("The agreement has ended.");
                self.move_cancellation(at, position, RequestStatus::Cancelled, why);
            }
        }
    }

    fn tell_cancellation(&mut self, at: DateTime<Utc>, position: usize, how: &str) {
        let request = self.cancellations[position].clone();
        let agreement = self
            .agreements
            .iter()
            .find(|agreement| agreement.id == request.agreement_id)
            .cloned();
        if let Some(agreement) = agreement {
            let detail = json!({
                "id": request.id, "reasonCode": request.reason, "reasonMessage": request.description,
                "statusCode": request.status.as_str(), "statusMessage": request.message,
                "createdAt": timestamp(request.created_at), "updatedAt": timestamp(request.updated_at),
            });
            self.cancellation_moved(at, &agreement, how, &detail);
        }
    }

    fn cancellation_position(&self, agreement: &str, id: &str) -> Result<usize, Refusal> {
        self.cancellations
            .iter()
            .position(|request| request.id == id && request.agreement_id == agreement)
            .ok_or_else(|| {
                Refusal::absent(
                    KIND,
                    id,
                    format!("Cancellation request '{id}' was not found."),
                )
            })
    }

    fn pending_cancellation(&self, input: &Value) -> Result<usize, Refusal> {
        let id = request_id(input)?;
        let agreement = optional_text(input, "agreementId")?.unwrap_or_default();
        let position = self.cancellation_position(agreement, id)?;
        match self.cancellations[position].status {
            RequestStatus::Pending => Ok(position),
            other => Err(Refusal::conflict(
                KIND,
                id,
                format!("The cancellation request is {}.", other.as_str()),
            )),
        }
    }
}

fn answered(approve: bool) -> RequestStatus {
    if approve {
        RequestStatus::Approved
    } else {
        RequestStatus::Rejected
    }
}

fn request_id(input: &Value) -> Result<&str, Refusal> {
    required(
        input,
        "agreementCancellationRequestId",
        "MISSING_AGREEMENT_CANCELLATION_REQUEST_ID",
    )
}

fn full(request: &Cancellation) -> Wire {
    map([
        (
            "agreementCancellationRequestId",
            Some(Wire::text(&request.id)),
        ),
        ("agreementId", Some(Wire::text(&request.agreement_id))),
        ("status", Some(Wire::text(request.status.as_str()))),
        ("statusMessage", request.message.as_ref().map(Wire::text)),
        ("reasonCode", Some(Wire::text(&request.reason))),
        ("description", request.description.as_ref().map(Wire::text)),
        ("createdAt", Some(Wire::Time(request.created_at))),
        ("updatedAt", Some(Wire::Time(request.updated_at))),
    ])
}

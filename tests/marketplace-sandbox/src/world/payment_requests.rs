//! Payment requests under a `VariablePaymentTerm`: sent by the seller, answered by the buyer or by 10 days
//! of silence, charged when approved (facts §2, O17).

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use serde_json::Value;

use super::adjustments::TOKEN_HOURS;
use super::agreements::Denied;
use super::change_sets::optional_text;
use super::input::{
    as_proposer, bounded, client_token, page, positive, required, status, usual_scope,
};
use super::model::{Agreement, Approved, Charge};
use super::parties::active;
use super::purchase_orders::{Order, reference};
use super::{Refusal, World, money};
use crate::wire::{Wire, map};

/// Days of silence after which a request is approved, where the buyer chose so.
pub(super) const APPROVAL_DAYS: i64 = 10;
const KIND: &str = "PaymentRequest";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestStatus {
    Pending,
    Approved,
    Rejected,
    Cancelled,
    ValidationFailed,
}

impl RequestStatus {
    /// What a cancellation request can be, which nobody validates for a time.
    pub(super) const WORDS: [&str; 5] = [
        "PENDING_APPROVAL",
        "APPROVED",
        "REJECTED",
        "CANCELLED",
        "VALIDATION_FAILED",
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING_APPROVAL",
            Self::Approved => "APPROVED",
            Self::Rejected => "REJECTED",
            Self::Cancelled => "CANCELLED",
            Self::ValidationFailed => "VALIDATION_FAILED",
        }
    }
}

/// One request for money under the cap.
#[derive(Debug, Clone)]
pub(crate) struct PaymentRequest {
    pub(crate) id: String,
    pub(crate) agreement_id: String,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) amount: Decimal,
    pub(crate) currency: String,
    pub(crate) status: RequestStatus,
    pub(crate) message: Option<String>,
    pub(crate) charge_id: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

impl World {
    /// `SendAgreementPaymentRequest`.
    pub(crate) fn send_payment_request(
        &mut self,
        now: DateTime<Utc>,
        caller: &str,
        input: &Value,
    ) -> Result<Wire, Refusal> {
        let token = client_token(input)?;
        let agreement = self.proposed(now, caller, input)?.clone();
        let term = required(input, "termId", "MISSING_TERM_ID")?;
        required(input, "name", "MISSING_NAME")?;
        let name = bounded(input, "name", (5, 64), "INVALID_NAME")?.unwrap_or_default();
        let amount = required(input, "chargeAmount", "MISSING_CHARGE_AMOUNT")?;
        let description = bounded(input, "description", (1, 2000), "INVALID_DESCRIPTION")?;
        // Documented for adjustments; here the same is the harsher guess.
        let lifetime = Some(TimeDelta::hours(TOKEN_HOURS));
        if let Some(id) = self.remembered(caller, KIND, token, input, lifetime, now)? {
            return self.payment_request(&id).map(full);
        }
        active(&agreement)?;
        if agreement.term_id("VariablePaymentTerm") != Some(term) {
            return Err(Refusal::reasoned(
                "INVALID_TERM_ID",
                "termId must be the agreement's VariablePaymentTerm.",
            ));
        }
        let currency = &agreement.schedule.currency;
        let digits = money::digits(currency).unwrap_or(2);
        let amount = positive(amount, digits)
            .filter(|amount| *amount <= self.remaining(&agreement))
            .ok_or_else(|| {
                Refusal::reasoned(
                    "INVALID_CHARGE_AMOUNT",
                    format!(
                        "chargeAmount must be positive and at most {}.",
                        self.remaining(&agreement)
                    ),
                )
            })?;
        let request = PaymentRequest {
            id: self.ids.request("pr"),
            agreement_id: agreement.id.clone(),
            name: name.to_owned(),
            description: description.map(str::to_owned),
            amount,
            currency: currency.clone(),
            status: RequestStatus::Pending,
            message: None,
            charge_id: None,
            created_at: now,
            updated_at: now,
        };
        let reply = full(&request);
        self.remember(caller, KIND, token, input, &request.id, now);
        self.payment_requests.push(request);
        if std::mem::take(&mut self.invalidate_next) {
            self.close(
                now,
                self.payment_requests.len() - 1,
                RequestStatus::ValidationFailed,
            );
        }
        Ok(reply)
    }

    /// What is left under the cap: requests that wait or were approved have their part already.
    fn remaining(&self, agreement: &Agreement) -> Decimal {
        let taken: Decimal = self
            .payment_requests
            .iter()
            .filter(|request| request.agreement_id == agreement.id)
            .filter(|request| {
                matches!(
                    request.status,
                    RequestStatus::Pending | RequestStatus::Approved
                )
            })
            .map(|request| request.amount)
            .sum();
        agreement.value() - taken
    }

    /// `CancelAgreementPaymentRequest`.
    pub(crate) fn cancel_payment_request(
        &mut self,
        now: DateTime<Utc>,
        caller: &str,
        input: &Value,
    ) -> Result<Wire, Refusal> {
        self.proposed(now, caller, input)?;
        let position = self.pending_position(input)?;
        self.close(now, position, RequestStatus::Cancelled);
        Ok(full(&self.payment_requests[position]))
    }

    /// `AcceptAgreementPaymentRequest` and `RejectAgreementPaymentRequest`: the buyer's answer.
    pub(crate) fn answer_payment_request(
        &mut self,
        now: DateTime<Utc>,
        caller: &str,
        input: &Value,
        approve: bool,
    ) -> Result<Wire, Refusal> {
        self.accepted(now, caller, input)?;
        let reason = bounded(
            input,
            "rejectionReason",
            (1, 250),
            "INVALID_REJECTION_REASON",
        )?;
        let order = reference(input)?;
        let position = self.pending_position(input)?;
        self.decide_payment(now, position, approve, reason);
        let request = &self.payment_requests[position];
        if let (Some(charge), Some(order)) = (&request.charge_id, order) {
            let order = Order::new(order);
            for agreement in &mut self.agreements {
                if agreement.id == request.agreement_id {
                    agreement.orders.insert(charge.clone(), order.clone());
                }
            }
        }
        Ok(full(request))
    }

    /// `GetAgreementPaymentRequest`, by either party.
    pub(crate) fn get_payment_request(
        &self,
        now: DateTime<Utc>,
        caller: &str,
        input: &Value,
    ) -> Result<Wire, Refusal> {
        let agreement = self.agreement_of(now, caller, input)?;
        let id = required(input, "paymentRequestId", "MISSING_PAYMENT_REQUEST_ID")?;
        self.payment_request(id)
            .ok()
            .filter(|found| found.agreement_id == agreement.id)
            .map(full)
            .ok_or_else(|| absent(id))
    }

    /// `ListAgreementPaymentRequests`, newest first.
    pub(crate) fn list_payment_requests(
        &self,
        caller: &str,
        input: &Value,
    ) -> Result<Wire, Refusal> {
        let proposer = as_proposer(input)?;
        usual_scope(input)?;
        let agreement = optional_text(input, "agreementId")?;
        // A payment request may be validated for a time at AWS; here none is.
        let words = [&RequestStatus::WORDS[..], &["VALIDATING"]].concat();
        let status = status(input, &words)?;
        let items = self
            .payment_requests
            .iter()
            .rev()
            .filter(|request| agreement.is_none_or(|id| request.agreement_id == id))
            .filter(|request| status.is_none_or(|status| request.status.as_str() == status))
            .filter(|request| self.is_party(&request.agreement_id, caller, proposer))
            .map(summary)
            .collect();
        page(input, "items", items)
    }

    /// Requests whose 10 days are over at `now`, where the buyer chose approval by silence.
    pub(super) fn approve_by_silence(&mut self, now: DateTime<Utc>) {
        for position in 0..self.payment_requests.len() {
            let request = &self.payment_requests[position];
            let due = request.created_at + TimeDelta::days(APPROVAL_DAYS);
            let automatic = self.approves_by_silence(&request.agreement_id);
            if request.status == RequestStatus::Pending && automatic && due <= now {
                self.approve_payment(due, position);
            }
        }
    }

    /// Whether the agreement's buyer chose approval by silence.
    pub(super) fn approves_by_silence(&self, agreement_id: &str) -> bool {
        self.agreements.iter().any(|agreement| {
            agreement.id == agreement_id
                && agreement
                    .variable
                    .as_ref()
                    .is_some_and(|agreed| agreed.auto_approve)
        })
    }

    /// The buyer's answer, however it came.
    fn decide_payment(
        &mut self,
        at: DateTime<Utc>,
        position: usize,
        approve: bool,
        reason: Option<&str>,
    ) {
        self.payment_requests[position].message = reason.map(str::to_owned);
        if approve {
            self.approve_payment(at, position);
        } else {
            self.close(at, position, RequestStatus::Rejected);
        }
    }

    fn approve_payment(&mut self, at: DateTime<Utc>, position: usize) {
        let charge_id = self.ids.request("ch");
        self.close(at, position, RequestStatus::Approved);
        let request = &mut self.payment_requests[position];
        request.charge_id = Some(charge_id.clone());
        let approved = Approved {
            charge_id,
            charge: Charge {
                date: at.date_naive(),
                amount: request.amount,
            },
            at,
        };
        let id = request.agreement_id.clone();
        for agreement in self.agreements.iter_mut().filter(|known| known.id == id) {
            agreement.approved.push(approved.clone());
            agreement.updated_at = at;
        }
    }

    fn close(&mut self, at: DateTime<Utc>, position: usize, status: RequestStatus) {
        let request = &mut self.payment_requests[position];
        request.status = status;
        request.updated_at = at;
        if status == RequestStatus::ValidationFailed {
            request.message = Some("The payment request could not be validated.".to_owned());
        }
    }

    /// Nothing waits for an agreement that is over.
    pub(super) fn drop_payment_requests(&mut self, at: DateTime<Utc>, agreement_id: &str) {
        for position in 0..self.payment_requests.len() {
            let request = &self.payment_requests[position];
            if request.agreement_id == agreement_id && request.status == RequestStatus::Pending {
                self.close(at, position, RequestStatus::Cancelled);
            }
        }
    }

    /// A rehearsal's buyer answers.
    pub(crate) fn buyer_answers_payment(
        &mut self,
        now: DateTime<Utc>,
        id: &str,
        approve: bool,
        reason: Option<&str>,
    ) -> Result<Value, Denied> {
        let position = self
            .payment_requests
            .iter()
            .position(|request| request.id == id && request.status == RequestStatus::Pending)
            .ok_or_else(|| {
                Denied::new(
                    "NOT_PENDING",
                    format!("There is no pending payment request {id}."),
                )
            })?;
        self.decide_payment(now, position, approve, reason);
        let request = &self.payment_requests[position];
        Ok(
            serde_json::json!({ "paymentRequestId": id, "status": request.status.as_str(),
            "chargeId": request.charge_id }),
        )
    }

    fn payment_request(&self, id: &str) -> Result<&PaymentRequest, Refusal> {
        self.payment_requests
            .iter()
            .find(|request| request.id == id)
            .ok_or_else(|| absent(id))
    }

    fn pending_position(&self, input: &Value) -> Result<usize, Refusal> {
        let id = required(input, "paymentRequestId", "MISSING_PAYMENT_REQUEST_ID")?;
        let agreement = optional_text(input, "agreementId")?.unwrap_or_default();
        let position = self
            .payment_requests
            .iter()
            .position(|request| request.id == id && request.agreement_id == agreement)
            .ok_or_else(|| absent(id))?;
        match self.payment_requests[position].status {
            RequestStatus::Pending => Ok(position),
            other => Err(Refusal::conflict(
                KIND,
                id,
                format!("The payment request is {}.", other.as_str()),
            )),
        }
    }
}

fn absent(id: &str) -> Refusal {
    Refusal::absent(KIND, id, format!("Payment request '{id}' was not found."))
}

fn full(request: &PaymentRequest) -> Wire {
    let Wire::Map(mut fields) = summary(request) else {
        return Wire::Map(Vec::new());
    };
    let more = [
        ("description", request.description.as_ref()),
        ("statusMessage", request.message.as_ref()),
    ];
    fields.extend(
        more.into_iter()
            .filter_map(|(name, text)| Some((name, Wire::text(text?)))),
    );
    Wire::Map(fields)
}

fn summary(request: &PaymentRequest) -> Wire {
    map([
        ("paymentRequestId", Some(Wire::text(&request.id))),
        ("agreementId", Some(Wire::text(&request.agreement_id))),
        ("status", Some(Wire::text(request.status.as_str()))),
        ("name", Some(Wire::text(&request.name))),
        ("chargeId", request.charge_id.as_ref().map(Wire::text)),
        ("chargeAmount", Some(Wire::text(request.amount.to_string()))),
        ("currencyCode", Some(Wire::text(&request.currency))),
        ("createdAt", Some(Wire::Time(request.created_at))),
        ("updatedAt", Some(Wire::Time(request.updated_at))),
    ])
}

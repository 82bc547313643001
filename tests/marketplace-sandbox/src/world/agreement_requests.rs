//! A buyer accepts by API: `CreateAgreementRequest` is a quote, `AcceptAgreementRequest` takes it (facts §3),
//! `CancelAgreementRequest` gives it up.
//!
//! What comes of it is [`World::accept`]'s, as when a rehearsal's buyer accepts; here is only how it is asked
//! for and refused. The account that signs buys, and pays for itself. Whether its organisation must approve
//! first is decided when the quote is made ([`Policy`]), and by whom in [`super::approvals`].

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::agreements::{Acceptance, Unacceptable, Why};
use super::approval_levels::{ApprovalStatus, OutcomeStatus};
use super::approval_plans::Policy;
use super::change_sets::optional_text;
use super::contacts::contact;
use super::input::{client_token, required};
use super::model::{Agreement, Offer, OfferState};
use super::proposals::{proposal_id, requested, wanted};
use super::purchase_orders::{Orders, brought};
use super::{Refusal, World};
use crate::wire::{Wire, map};

/// How long a quote holds. AWS says that one expires, not when.
const LIFETIME: TimeDelta = TimeDelta::hours(1);
const KIND: &str = "AgreementRequest";
const PROPOSAL: &str = "AgreementProposal";

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QuoteStatus {
    Draft,
    PendingApproval,
    Approved,
    Accepted,
    Rejected,
    Cancelled,
}

impl QuoteStatus {
    /// Every word of [`Self::as_str`].
    pub(super) const WORDS: [&str; 6] = [
        "DRAFT",
        "PENDING_APPROVAL",
        "APPROVED",
        "ACCEPTED",
        "REJECTED",
        "CANCELLED",
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::PendingApproval => "PENDING_APPROVAL",
            Self::Approved => "APPROVED",
            Self::Accepted => "ACCEPTED",
            Self::Rejected => "REJECTED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// An agreement may still come of it.
    pub(super) fn is_open(self) -> bool {
        match self {
            Self::Draft | Self::PendingApproval | Self::Approved => true,
            Self::Accepted | Self::Rejected | Self::Cancelled => false,
        }
    }
}

/// A quote: the agreement that accepting it makes, with the purchase orders that its approvers brought.
#[derive(Debug)]
pub(crate) struct AgreementRequest {
    pub(super) id: String,
    pub(super) quoted: Agreement,
    pub(super) with_tax: bool,
    pub(super) created_at: DateTime<Utc>,
    pub(super) status: QuoteStatus,
    /// As it was when the request was made; later plans are for later requests.
    pub(super) policy: Policy,
}

impl AgreementRequest {
    /// When the quote runs out.
    pub(super) fn expires_at(&self) -> DateTime<Utc> {
        self.created_at + LIFETIME
    }

    fn acceptable(&self) -> Result<(), Refusal> {
        let wrong = |reason, message| Err(Refusal::reasoned(reason, message));
        match self.status {
            QuoteStatus::Draft if self.policy.requires_approval() => wrong(
                "REJECTED_BY_AGREEMENT_APPROVAL_POLICY",
                "The organization requires approvals, and none has been started.",
            ),
            QuoteStatus::Draft | QuoteStatus::Approved => Ok(()),
            QuoteStatus::PendingApproval => Err(pending()),
            QuoteStatus::Accepted | QuoteStatus::Rejected | QuoteStatus::Cancelled => Err(closed()),
        }
    }
}

impl World {
    /// `CreateAgreementRequest`.
    pub(crate) fn create_agreement_request(
        &mut self,
        now: DateTime<Utc>,
        caller: &str,
        input: &Value,
    ) -> Result<Wire, Refusal> {
        let token = client_token(input)?;
        self.new_intent(now, caller, input)?;
        let proposal = proposal_of(input)?;
        let terms = requested(input)?;
        let contact = contact(input)?;
        let with_tax = estimates_tax(input)?;
        if let Some(id) = self.remembered(caller, KIND, token, input, None, now)? {
            return self
                .request_of(caller, &id)
                .map(|position| self.quote_shown(position));
        }
        let offer = self.proposed_offer(proposal)?.clone();
        let wanted = wanted(&offer, terms)?;
        let how = Acceptance {
            buyer: caller,
            auto_approve: wanted.auto_approve,
            declines_renewal: wanted.declines_renewal,
            dimension_key: wanted.dimension_key.as_deref(),
            contact: contact.as_ref(),
            ..Acceptance::default()
        };
        let quoted = self.quote(now, &offer.id, how);
        let quoted = quoted.map_err(|refused| refuse(refused, proposal))?;
        let id = self.ids.request("ar");
        self.remember(caller, KIND, token, input, &id, now);
        self.agreement_requests.push(AgreementRequest {
            id,
            quoted,
            with_tax,
            created_at: now,
            status: QuoteStatus::Draft,
            policy: self.approval_policy(caller).clone(),
        });
        Ok(self.quote_shown(self.agreement_requests.len() - 1))
    }

    /// `AcceptAgreementRequest`.
    pub(crate) fn accept_agreement_request(
        &mut self,
        now: DateTime<Utc>,
        caller: &str,
        input: &Value,
    ) -> Result<Wire, Refusal> {
        let position = self.named_request(caller, input)?;
        let request = &self.agreement_requests[position];
        request.acceptable()?;
        let orders = brought(&request.quoted, input)?;
        let id = self.take(now, position, orders)?;
        Ok(map([("agreementId", Some(Wire::Text(id)))]))
    }

    /// `CancelAgreementRequest`: its open approvals go with it.
    pub(crate) fn cancel_agreement_request(
        &mut self,
        now: DateTime<Utc>,
        caller: &str,
        input: &Value,
    ) -> Result<Wire, Refusal> {
        let position = self.named_request(caller, input)?;
        let request = &mut self.agreement_requests[position];
        if !request.status.is_open() {
            return Err(closed());
        }
        request.status = QuoteStatus::Cancelled;
        let id = request.id.clone();
        self.end_approvals(now, &id, ApprovalStatus::Cancelled, OutcomeStatus::Skipped);
        Ok(map([]))
    }

    /// The agreement of a request that may be accepted; its id. Orders given now are put in place of those
    /// that came with approvals.
    pub(super) fn take(
        &mut self,
        now: DateTime<Utc>,
        position: usize,
        orders: Orders,
    ) -> Result<String, Refusal> {
        let quoted = self.agreement_requests[position].quoted.clone();
        let same = |offer: &&Offer| offer.id == quoted.offer_id;
        let offer = self.offers.iter().find(same);
        let proposal = offer.map(proposal_id).unwrap_or_default();
        if offer.is_some_and(|offer| offer.revision != quoted.offer_revision) {
            return Err(superseded());
        }
        let variable = quoted.variable.as_ref();
        let how = Acceptance {
            buyer: &quoted.acceptor,
            payer: None,
            auto_approve: variable.is_some_and(|agreed| agreed.auto_approve),
            declines_renewal: quoted.renewal_declined,
            dimension_key: quoted.chosen.as_deref(),
            contact: quoted.contact.as_ref(),
            quoted: Some(&quoted),
        };
        self.accept(now, &quoted.offer_id, how)
            .map_err(|refused| refuse(refused, &proposal))?;
        let request = &mut self.agreement_requests[position];
        request.status = QuoteStatus::Accepted;
        request.quoted.orders.extend(orders);
        if let Some(made) = self.agreements.last_mut() {
            made.orders.clone_from(&request.quoted.orders);
        }
        Ok(quoted.id)
    }

    /// Quotes that have run out by `now`, and the approvals that still wait for somebody.
    pub(super) fn close_agreement_requests(&mut self, now: DateTime<Utc>) {
        let mut over = Vec::new();
        for request in &mut self.agreement_requests {
            if request.status.is_open() && request.expires_at() <= now {
                request.status = QuoteStatus::Cancelled;
                over.push((request.id.clone(), request.expires_at()));
            }
        }
        for (id, at) in over {
            self.end_approvals(at, &id, ApprovalStatus::Expired, OutcomeStatus::Expired);
        }
    }

    /// Professional services know no other intent (facts §4): an agreement of them is neither amended nor
    /// replaced.
    fn new_intent(&self, now: DateTime<Utc>, caller: &str, input: &Value) -> Result<(), Refusal> {
        let source = optional_text(input, "sourceAgreementIdentifier")?;
        match (required(input, "intent", "MISSING_INTENT")?, source) {
            ("NEW", None) => Ok(()),
            ("NEW", Some(_)) => Err(Refusal::reasoned(
                "INVALID_SOURCE_AGREEMENT_IDENTIFIER",
                "sourceAgreementIdentifier is not for a NEW agreement.",
            )),
            ("AMEND" | "REPLACE", None) => Err(Refusal::reasoned(
                "MISSING_SOURCE_AGREEMENT_IDENTIFIER",
                "sourceAgreementIdentifier is required.",
            )),
            (intent @ ("AMEND" | "REPLACE"), Some(source)) => {
                self.accepted(now, caller, &serde_json::json!({ "agreementId": source }))?;
                Err(Refusal::reasoned(
                    "UNSUPPORTED_ACTION",
                    format!("{intent} is not for professional services."),
                ))
            }
            (other, _) => Err(Refusal::reasoned(
                "INVALID_INTENT",
                format!("intent '{other}' is unknown."),
            )),
        }
    }

    /// The offer whose proposal it is. A draft is nobody's proposal; an earlier revision's is superseded.
    fn proposed_offer(&self, proposal: &str) -> Result<&Offer, Refusal> {
        let is =
            |offer: &&Offer| offer.state == OfferState::Released && proposal_id(offer) == proposal;
        match self.offers.iter().find(is) {
            Some(offer) => Ok(offer),
            None if self.offer_history.iter().any(|offer| is(&offer)) => Err(superseded()),
            None => Err(no_proposal(proposal)),
        }
    }

    /// The request that an operation names. Somebody else's is answered like one that does not exist.
    pub(super) fn named_request(&self, caller: &str, input: &Value) -> Result<usize, Refusal> {
        let id = required(input, "agreementRequestId", "MISSING_AGREEMENT_REQUEST_ID")?;
        self.request_of(caller, id)
    }

    pub(super) fn request_of(&self, caller: &str, id: &str) -> Result<usize, Refusal> {
        self.agreement_requests
            .iter()
            .position(|request| request.id == id && request.quoted.acceptor == caller)
            .ok_or_else(|| {
                Refusal::absent(KIND, id, format!("Agreement request '{id}' was not found."))
            })
    }
}

/// The request waits for its approvers.
pub(super) fn pending() -> Refusal {
    Refusal::reasoned(
        "PENDING_APPROVAL_AGREEMENT_REQUEST",
        "The agreement request waits for approval.",
    )
}

/// No agreement comes of the request any more.
pub(super) fn closed() -> Refusal {
    Refusal::reasoned(
        "CLOSED_AGREEMENT_REQUEST",
        "The agreement request was accepted, rejected or cancelled before, or has expired.",
    )
}

/// `agreementProposalIdentifier`: `at-` or `ap-`, then letters and digits.
fn proposal_of(input: &Value) -> Result<&str, Refusal> {
    let missing = "MISSING_AGREEMENT_PROPOSAL_IDENTIFIER";
    let id = required(input, "agreementProposalIdentifier", missing)?;
    let rest = id.strip_prefix("ap-").or_else(|| id.strip_prefix("at-"));
    let sound = |rest: &str| {
        !rest.is_empty() && rest.len() <= 61 && rest.bytes().all(|it| it.is_ascii_alphanumeric())
    };
    if rest.is_some_and(sound) {
        Ok(id)
    } else {
        Err(Refusal::reasoned(
            "INVALID_AGREEMENT_PROPOSAL_IDENTIFIER",
            format!("'{id}' is no proposal's id."),
        ))
    }
}

fn estimates_tax(input: &Value) -> Result<bool, Refusal> {
    let configuration = input.get("taxConfiguration").unwrap_or(&Value::Null);
    match optional_text(configuration, "taxEstimation")? {
        None | Some("DISABLED") => Ok(false),
        Some("ENABLED") => Ok(true),
        Some(_) => Err(Refusal::reasoned(
            "OTHER",
            "taxEstimation must be ENABLED or DISABLED.",
        )),
    }
}

fn superseded() -> Refusal {
    Refusal::reasoned(
        "SUPERSEDED_AGREEMENT_PROPOSAL",
        "The offer has changed since.",
    )
}

fn no_proposal(id: &str) -> Refusal {
    Refusal::absent(PROPOSAL, id, format!("Proposal '{id}' was not found."))
}

/// The Agreement API's word for it. To whom an offer is not made, it does not exist.
fn refuse(refused: Unacceptable, proposal: &str) -> Refusal {
    let message = refused.message;
    match refused.why {
        Why::OfferNotFound | Why::OfferNotReleased | Why::AccountNotTargeted => {
            no_proposal(proposal)
        }
        Why::OfferExpired => Refusal::reasoned("EXPIRED_AGREEMENT_PROPOSAL", message),
        Why::NoSuchDimension => Refusal::reasoned("INVALID_REQUESTED_TERM_CONFIGURATION", message),
        Why::OfferIncomplete => Refusal::reasoned("INCOMPATIBLE_TERMS", message),
        Why::ValueTooLarge => Refusal::Quota { message },
        Why::AlreadyAccepted(id) | Why::ActiveAgreementExists(id) => {
            Refusal::conflict("Agreement", &id, message)
        }
    }
}

//! Who may ask what of an agreement, and which requests were made before under the same client token.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::input::required;
use super::model::{Agreement, AgreementStatus};
use super::{Refusal, World};

/// A request made under a client token: its body, the id it made, when.
#[derive(Debug)]
pub(crate) struct Remembered {
    body: Value,
    id: String,
    at: DateTime<Utc>,
}

impl World {
    /// The agreement that a request names. Somebody else's is answered like one that does not exist.
    pub(super) fn agreement_of(
        &self,
        now: DateTime<Utc>,
        caller: &str,
        input: &Value,
    ) -> Result<&Agreement, Refusal> {
        let id = required(input, "agreementId", "MISSING_AGREEMENT_ID")?;
        self.agreements
            .iter()
            .filter(|agreement| agreement.visible_at <= now)
            .find(|agreement| {
                agreement.id == id && (agreement.proposer == caller || agreement.acceptor == caller)
            })
            .ok_or_else(|| Refusal::not_found(format!("Agreement '{id}' was not found."), id))
    }

    /// The same, for what only its seller of record may do.
    pub(super) fn proposed(
        &self,
        now: DateTime<Utc>,
        caller: &str,
        input: &Value,
    ) -> Result<&Agreement, Refusal> {
        self.agreement_of(now, caller, input)
            .and_then(|agreement| only(agreement, agreement.proposer == caller))
    }

    /// The same, for what only its buyer may do.
    pub(super) fn accepted(
        &self,
        now: DateTime<Utc>,
        caller: &str,
        input: &Value,
    ) -> Result<&Agreement, Refusal> {
        self.agreement_of(now, caller, input)
            .and_then(|agreement| only(agreement, agreement.acceptor == caller))
    }

    pub(super) fn is_party(&self, agreement_id: &str, caller: &str, as_proposer: bool) -> bool {
        self.agreements.iter().any(|agreement| {
            let party = if as_proposer {
                &agreement.proposer
            } else {
                &agreement.acceptor
            };
            agreement.id == agreement_id && party == caller
        })
    }

    /// What the same token and body made before, by the kind of resource that it made; the same token with another body is refused.
    pub(super) fn remembered(
        &self,
        caller: &str,
        kind: &'static str,
        token: Option<&str>,
        body: &Value,
        lifetime: Option<TimeDelta>,
        now: DateTime<Utc>,
    ) -> Result<Option<String>, Refusal> {
        let key = token.map(|token| (caller.to_owned(), kind, token.to_owned()));
        let known = key.and_then(|key| self.agreement_tokens.get(&key));
        match known {
            Some(known) if lifetime.is_some_and(|lifetime| known.at + lifetime <= now) => Ok(None),
            Some(known) if known.body == *body => Ok(Some(known.id.clone())),
            Some(known) => Err(Refusal::conflict(
                kind,
                &known.id,
                "clientToken was used for another request.",
            )),
            None => Ok(None),
        }
    }

    pub(super) fn remember(
        &mut self,
        caller: &str,
        kind: &'static str,
        token: Option<&str>,
        body: &Value,
        id: &str,
        now: DateTime<Utc>,
    ) {
        if let Some(token) = token {
            let (body, id) = (body.clone(), id.to_owned());
            let key = (caller.to_owned(), kind, token.to_owned());
            self.agreement_tokens
                .insert(key, Remembered { body, id, at: now });
        }
    }
}

/// What can only be done to an agreement that lasts.
pub(super) fn active(agreement: &Agreement) -> Result<(), Refusal> {
    if agreement.status == AgreementStatus::Active {
        Ok(())
    } else {
        Err(Refusal::reasoned(
            "INACTIVE_AGREEMENT",
            "The agreement is not active.",
        ))
    }
}

fn only(agreement: &Agreement, allowed: bool) -> Result<&Agreement, Refusal> {
    if allowed {
        Ok(agreement)
    } else {
        Err(Refusal::AccessDenied {
            message: "This is for the other party of the agreement.".to_owned(),
        })
    }
}

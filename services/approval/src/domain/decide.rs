//! The one entry: a command on a state gives events or a rejection.

use super::command::{Command, Facts};
use super::dossier::Dossier;
use super::event::Event;
use super::{Rejection, checklist, filing, intake, review, signing};

/// Decides `command`. No events: it was applied before, or does not concern this state.
///
/// # Errors
/// A [`Rejection`]: a rule refuses it, and nothing changes.
pub fn decide(state: &Dossier, command: Command, facts: &Facts) -> Result<Vec<Event>, Rejection> {
    let draft = Draft::new(state);
    match command {
        Command::ReceiveEstimate(estimate) => intake::receive(draft, estimate),
        Command::LoseEstimate {
            estimate_id,
            version,
            cause,
        } => intake::lose(draft, &estimate_id, version, cause),
        Command::AddDocument { document, replaces } => {
            filing::add(draft, document, replaces, facts)
        }
        Command::RemoveDocument {
            document_id,
            reason,
        } => filing::remove(draft, document_id, reason),
        Command::OpenCase { case_id, policy } => review::open(draft, case_id, policy, facts),
        Command::DecideStep {
            step,
            decision,
            comment,
            subject_digest,
        } => {
            let asked = review::Asked {
                step,
                decision,
                comment,
                subject_digest,
            };
            review::decide_step(draft, asked, facts)
        }
        Command::RouteForSignature {
            internal_signatory,
            customer_signatory,
        } => signing::route(draft, internal_signatory, customer_signatory, facts),
        Command::RecordSignature {
            party,
            signatory,
            signed_at,
            routed_sow_digest,
            signed_copy,
        } => {
            let offered = signing::Offered {
                party,
                signatory,
                signed_at,
                routed_sow_digest,
                signed_copy,
            };
            signing::record(draft, offered, facts)
        }
        Command::CloseChecklistItem { item, closing } => {
            checklist::close(draft, item, closing, facts)
        }
    }
}

/// Events under way, and the state as they leave it: later rules see what earlier ones did.
pub(super) struct Draft {
    state: Dossier,
    events: Vec<Event>,
}

impl Draft {
    fn new(state: &Dossier) -> Self {
        Self {
            state: state.clone(),
            events: Vec::new(),
        }
    }

    pub(super) const fn state(&self) -> &Dossier {
        &self.state
    }

    pub(super) fn record(&mut self, event: Event) {
        self.state.apply(&event);
        self.events.push(event);
    }

    pub(super) fn finish(self) -> Vec<Event> {
        self.events
    }
}

//! What is known of an engagement before its offer, from approval's events and from the intake.
//! An engagement comes to be with the first event that names it.

use countersign_kernel::{Digest, EngagementId};

use super::deal::ApprovedDeal;
use super::id::CaseId;
use super::intake::{self, Form, Intake};
use super::listing::Listing;
use super::rejection::Rejection;

/// What is known of an engagement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Engagement {
    pub(crate) id: EngagementId,
    /// How many events made it what it is.
    pub(crate) revision: u32,
    pub(crate) approval: Approval,
    /// The case whose checklist is complete: it may close before the stamp is heard of (A8).
    pub(crate) checklist: Option<CaseId>,
    pub(crate) intake: Option<Intake>,
}

/// Where the approval stands, as it was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Approval {
    /// No stamp yet.
    Awaited,
    /// Legal stamped the deal; signatures are missing (A5).
    Stamped(ApprovedDeal),
    /// Both sides signed what was stamped (A6).
    Signed(ApprovedDeal),
    /// A change voided the stamp (A4).
    Voided {
        deal: ApprovedDeal,
        signed: bool,
        reason: String,
    },
}

/// What can happen to an engagement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    RecordStamp(ApprovedDeal),
    RecordVoid {
        digest: Digest,
        reason: String,
    },
    RecordSignature(ApprovedDeal),
    RecordChecklist {
        case_id: CaseId,
    },
    /// `listing` is what the seller registered under the form's product id.
    CompleteIntake {
        form: Form,
        listing: Option<Listing>,
    },
}

/// What happened to an engagement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    DealStamped(ApprovedDeal),
    StampVoided { reason: String },
    SowSigned(ApprovedDeal),
    ChecklistCompleted { case_id: CaseId },
    IntakeCompleted(Intake),
}

impl Engagement {
    /// One of which nothing is known.
    pub(crate) const fn new(id: EngagementId) -> Self {
        Self {
            id,
            revision: 0,
            approval: Approval::Awaited,
            checklist: None,
            intake: None,
        }
    }

    /// The deal, stamped at least once.
    pub(crate) const fn deal(&self) -> Option<&ApprovedDeal> {
        match &self.approval {
            Approval::Awaited => None,
            Approval::Stamped(deal) | Approval::Signed(deal) | Approval::Voided { deal, .. } => {
                Some(deal)
            }
        }
    }

    /// The deal that is stamped and signed and still holds: what an offer may be made from (O3).
    pub(crate) const fn signed_deal(&self) -> Option<&ApprovedDeal> {
        match &self.approval {
            Approval::Signed(deal) => Some(deal),
            Approval::Awaited | Approval::Stamped(_) | Approval::Voided { .. } => None,
        }
    }

    /// Whether both sides signed the latest stamped deal.
    pub(crate) const fn sow_signed(&self) -> bool {
        match &self.approval {
            Approval::Signed(_) => true,
            Approval::Voided { signed, .. } => *signed,
            Approval::Awaited | Approval::Stamped(_) => false,
        }
    }

    /// Whether the stamp holds (A5).
    pub(crate) const fn stamp_valid(&self) -> bool {
        matches!(self.approval, Approval::Stamped(_) | Approval::Signed(_))
    }

    /// Whether the checklist of the deal's case is complete (A8).
    pub(crate) fn checklist_completed(&self) -> bool {
        match (&self.checklist, self.deal()) {
            (Some(case_id), Some(deal)) => *case_id == deal.case_id,
            (Some(_), None) => true,
            (None, _) => false,
        }
    }

    /// The state after `event`.
    #[must_use]
    pub(crate) fn evolve(mut self, event: &Event) -> Self {
        self.revision += 1;
        match event {
            Event::DealStamped(deal) => {
                // A newer version that says the same was signed already: signatures bind the digest.
                let signed = self
                    .signed_deal()
                    .is_some_and(|old| old.digest == deal.digest);
                let deal = deal.clone();
                self.approval = if signed {
                    Approval::Signed(deal)
                } else {
                    Approval::Stamped(deal)
                };
            }
            Event::SowSigned(deal) => self.approval = Approval::Signed(deal.clone()),
            Event::StampVoided { reason } => {
                let signed = self.sow_signed();
                self.approval = match self.approval {
                    Approval::Stamped(deal)
                    | Approval::Signed(deal)
                    | Approval::Voided { deal, .. } => Approval::Voided {
                        deal,
                        signed,
                        reason: reason.clone(),
                    },
                    Approval::Awaited => Approval::Awaited,
                };
            }
            Event::ChecklistCompleted { case_id } => self.checklist = Some(case_id.clone()),
            Event::IntakeCompleted(intake) => self.intake = Some(intake.clone()),
        }
        self
    }
}

/// What follows from `command`: nothing when it was applied before.
pub(crate) fn decide(state: &Engagement, command: &Command) -> Result<Vec<Event>, Rejection> {
    match command {
        Command::RecordStamp(deal) => Ok(stamped(state, deal)),
        Command::RecordSignature(deal) => Ok(signed(state, deal)),
        Command::RecordVoid { digest, reason } => Ok(voided(state, *digest, reason)),
        Command::RecordChecklist { case_id } => {
            let known = state.checklist.as_ref() == Some(case_id);
            Ok(unless(known, || Event::ChecklistCompleted {
                case_id: case_id.clone(),
            }))
        }
        Command::CompleteIntake { form, listing } => complete_intake(state, form, listing.as_ref()),
    }
}

/// The same stamp again, after a void of it too, is a repetition: a new one has a new time.
fn stamped(state: &Engagement, deal: &ApprovedDeal) -> Vec<Event> {
    unless(state.deal() == Some(deal), || {
        Event::DealStamped(deal.clone())
    })
}

/// A signature on a stamp that was voided meanwhile stays without effect.
fn signed(state: &Engagement, deal: &ApprovedDeal) -> Vec<Event> {
    let same = state
        .deal()
        .is_some_and(|known| known.digest == deal.digest);
    let moot = match &state.approval {
        Approval::Signed(_) | Approval::Voided { .. } => same,
        Approval::Awaited | Approval::Stamped(_) => false,
    };
    unless(moot, || Event::SowSigned(deal.clone()))
}

/// A void of an earlier stamp says nothing about the one that holds.
fn voided(state: &Engagement, digest: Digest, reason: &str) -> Vec<Event> {
    let concerns = state.stamp_valid() && state.deal().is_some_and(|deal| deal.digest == digest);
    unless(!concerns, || Event::StampVoided {
        reason: reason.to_owned(),
    })
}

fn complete_intake(
    state: &Engagement,
    form: &Form,
    listing: Option<&Listing>,
) -> Result<Vec<Event>, Rejection> {
    let checked = intake::check(form, state.signed_deal(), listing).map_err(Rejection::Invalid)?;
    if state.signed_deal().is_none() {
        return Err(match state.approval {
            Approval::Voided { .. } => Rejection::StampInvalid {
                findings: Vec::new(),
            },
            Approval::Awaited | Approval::Stamped(_) | Approval::Signed(_) => {
                Rejection::SowNotSigned {
                    findings: Vec::new(),
                }
            }
        });
    }
    let known = state.intake.as_ref() == Some(&checked);
    Ok(unless(known, || Event::IntakeCompleted(checked)))
}

fn unless(known: bool, event: impl FnOnce() -> Event) -> Vec<Event> {
    if known { Vec::new() } else { vec![event()] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample;

    fn after(commands: &[Command]) -> Engagement {
        commands.iter().fold(
            Engagement::new(sample::engagement_id()),
            |state, command| {
                let events = decide(&state, command).unwrap();
                events.iter().fold(state, Engagement::evolve)
            },
        )
    }

    fn intake() -> Command {
        Command::CompleteIntake {
            form: sample::form(),
            listing: Some(sample::listing()),
        }
    }

    #[test]
    fn an_event_heard_twice_changes_nothing() {
        let deal = sample::deal();
        let history = [
            Command::RecordStamp(deal.clone()),
            Command::RecordSignature(deal.clone()),
            Command::RecordChecklist {
                case_id: deal.case_id.clone(),
            },
            intake(),
        ];
        let state = after(&history);
        assert!(state.stamp_valid() && state.sow_signed() && state.checklist_completed());
        for command in &history {
            assert_eq!(decide(&state, command), Ok(vec![]), "{command:?}");
        }
    }

    #[test]
    fn the_intake_waits_for_the_signed_sow() {
        let state = after(&[Command::RecordStamp(sample::deal())]);
        assert_eq!(
            decide(&state, &intake()).unwrap_err().reason(),
            "SOW_NOT_SIGNED"
        );
        let mut form = sample::form();
        form.buyer_account_id = "1".into();
        let command = Command::CompleteIntake {
            form,
            listing: Some(sample::listing()),
        };
        let refused = decide(&state, &command).unwrap_err();
        assert_eq!(refused.reason(), "INVALID_FIELDS");
    }

    #[test]
    fn a_void_takes_the_deal_back_but_only_its_own() {
        let deal = sample::deal();
        let signed = [
            Command::RecordStamp(deal.clone()),
            Command::RecordSignature(deal.clone()),
        ];
        let other = Command::RecordVoid {
            digest: Digest::of(b"other"),
            reason: "x".into(),
        };
        let own = Command::RecordVoid {
            digest: deal.digest,
            reason: "price changed".into(),
        };
        let state = after(&signed);
        assert_eq!(decide(&state, &other), Ok(vec![]));
        let voided = decide(&state, &own)
            .unwrap()
            .iter()
            .fold(state, Engagement::evolve);
        assert!(!voided.stamp_valid() && voided.sow_signed());
        assert_eq!(voided.signed_deal(), None);
        assert_eq!(decide(&voided, &Command::RecordSignature(deal)), Ok(vec![]));
        assert_eq!(
            decide(&voided, &intake()).unwrap_err().reason(),
            "STAMP_INVALID"
        );
    }

    #[test]
    fn the_same_deal_stamped_again_as_a_newer_version_stays_signed() {
        let mut newer = sample::deal();
        newer.estimate.version = 2;
        let state = after(&[
            Command::RecordStamp(sample::deal()),
            Command::RecordSignature(sample::deal()),
            Command::RecordStamp(newer.clone()),
        ]);
        assert_eq!(state.signed_deal(), Some(&newer));
    }

    #[test]
    fn a_checklist_counts_for_its_own_case() {
        let deal = sample::deal();
        let other = "case-2".parse().unwrap();
        let state = after(&[
            Command::RecordStamp(deal),
            Command::RecordChecklist { case_id: other },
        ]);
        assert!(!state.checklist_completed());
    }

    #[test]
    fn a_new_stamp_needs_a_new_signature_and_leaves_the_intake_to_be_checked_again() {
        let first = sample::deal();
        let mut second = sample::deal();
        second.digest = Digest::of(b"second");
        second.estimate.economics.price_total = sample::usd("90000.00");
        let state = after(&[
            Command::RecordStamp(first.clone()),
            Command::RecordSignature(first),
            intake(),
            Command::RecordStamp(second.clone()),
        ]);
        assert!(!state.sow_signed());
        assert!(!state.intake.unwrap().fits(&second));
    }
}

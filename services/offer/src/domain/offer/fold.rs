//! The fold of an offer's events into its state (O8).

use countersign_kernel::Principal;
use countersign_kernel::chrono::{DateTime, Utc};

use super::{AwsError, Event, LegalDocument, Offer, PendingChange, Release, Stage, Way};
use crate::domain::agreement::Agreement;
use crate::domain::id::AwsOfferId;
use crate::domain::listing::ReleaseWay;

/// The state after `event`. The first event is [`Event::Drafted`]; an event that cannot happen in a
/// state leaves it as it is: `decide` gives none such.
pub(crate) fn evolve(state: Option<Offer>, event: &Event) -> Option<Offer> {
    match (state, event) {
        (None, Event::Drafted { id, basis, terms }) => Some(Offer {
            id: id.clone(),
            revision: 1,
            basis: (**basis).clone(),
            terms: terms.clone(),
            document: LegalDocument::Assembling,
            change_set_id: None,
            aws_status: None,
            last_errors: Vec::new(),
            stage: Stage::Draft,
        }),
        (None, _) => None,
        (Some(mut offer), event) => {
            offer.revision += 1;
            let before = offer.change_under_way();
            offer.apply(event);
            // A word about a change set says nothing of the next.
            if offer.change_under_way() != before {
                offer.aws_status = None;
            }
            Some(offer)
        }
    }
}

impl Offer {
    fn apply(&mut self, event: &Event) {
        match event {
            Event::Drafted { .. } => {}
            Event::Revised(terms) => self.terms = terms.clone(),
            Event::LegalDocumentReady(ready) => self.document = LegalDocument::Ready(*ready),
            Event::LegalDocumentFailed { reason } => {
                self.document = LegalDocument::Failed {
                    reason: reason.clone(),
                };
            }
            Event::ChangeSetAccepted { id } => {
                self.last_errors.clear();
                self.change_set_id = Some(id.clone());
            }
            Event::ChangeSetStatusSeen { unknown } => self.aws_status.clone_from(unknown),
            Event::ChangeSetFaulted { errors, .. } => self.ask_anew(errors),
            Event::ReleaseStarted { at } => self.begin_release(*at),
            Event::PortalOfferGiven { aws_offer_id } => {
                self.last_errors.clear();
                self.set_portal_offer(Some(aws_offer_id.clone()));
            }
            Event::PortalOfferRefused { errors } => {
                self.last_errors.clone_from(errors);
                self.set_portal_offer(None);
            }
            Event::PublishOverdue => {
                if let Stage::Releasing(release) = &mut self.stage {
                    release.overdue = true;
                }
            }
            Event::Published(publication) => {
                self.stage = Stage::Published {
                    publication: publication.clone(),
                    pending: None,
                };
            }
            Event::ReleaseFailed { errors } => {
                self.last_errors.clone_from(errors);
                self.stage = Stage::Draft;
            }
            Event::ExpiryChangeStarted { to } => {
                self.begin_change(PendingChange::Expiry {
                    change: self.revision,
                    faults: 0,
                    to: *to,
                });
            }
            Event::CancellationStarted { at, reason, by } => {
                self.begin_change(PendingChange::Cancellation {
                    change: self.revision,
                    faults: 0,
                    asked_at: *at,
                    reason: reason.clone(),
                    by: by.clone(),
                });
            }
            Event::ExpiryChanged { to, .. } => {
                self.terms.expires_on = Some(*to);
                self.end_change();
            }
            Event::ChangeFailed { errors } => {
                self.last_errors.clone_from(errors);
                self.end_change();
            }
            Event::Cancelled { reason, by } => self.cancel(reason, by),
            Event::Expired => self.expire(),
            Event::AgreementRecorded(agreement) => self.accept(agreement),
        }
    }

    fn begin_release(&mut self, at: DateTime<Utc>) {
        self.last_errors.clear();
        self.change_set_id = None;
        let release = Release {
            change: self.revision,
            faults: 0,
            released_at: at,
            overdue: false,
            way: match self.basis.intake.listing.release_way {
                ReleaseWay::Api => Way::Api,
                ReleaseWay::Portal => Way::Portal { given: None },
            },
        };
        self.stage = Stage::Releasing(release);
    }

    /// What AWS failed is asked for by this revision now.
    fn ask_anew(&mut self, errors: &[AwsError]) {
        let (change, faults) = match &mut self.stage {
            Stage::Releasing(Release { change, faults, .. })
            | Stage::Published {
                pending:
                    Some(
                        PendingChange::Expiry { change, faults, .. }
                        | PendingChange::Cancellation { change, faults, .. },
                    ),
                ..
            } => (change, faults),
            Stage::Draft
            | Stage::Published { pending: None, .. }
            | Stage::Accepted { .. }
            | Stage::Cancelled { .. }
            | Stage::Expired(_) => return,
        };
        *change = self.revision;
        *faults += 1;
        self.change_set_id = None;
        self.last_errors = errors.to_vec();
    }

    /// The time to publish runs anew with each id that is given.
    fn set_portal_offer(&mut self, offer: Option<AwsOfferId>) {
        if let Stage::Releasing(release) = &mut self.stage {
            release.overdue = false;
            release.way = Way::Portal { given: offer };
        }
    }

    fn begin_change(&mut self, change: PendingChange) {
        self.last_errors.clear();
        if let Stage::Published { pending, .. } = &mut self.stage {
            self.change_set_id = None;
            *pending = Some(change);
        }
    }

    fn end_change(&mut self) {
        if let Stage::Published { pending, .. } = &mut self.stage {
            *pending = None;
        }
    }

    fn cancel(&mut self, reason: &str, by: &Principal) {
        self.stage = Stage::Cancelled {
            publication: self.publication().cloned(),
            reason: reason.to_owned(),
            by: by.clone(),
        };
    }

    fn expire(&mut self) {
        if let Some(publication) = self.publication() {
            self.stage = Stage::Expired(publication.clone());
        }
    }

    fn accept(&mut self, agreement: &Agreement) {
        if let Some(publication) = self.publication() {
            let publication = publication.clone();
            self.stage = Stage::Accepted {
                publication,
                agreement: agreement.clone(),
            };
        }
    }
}

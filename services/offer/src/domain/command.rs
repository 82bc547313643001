//! What can be asked of an offer, and what follows (O8, O9, O11, O13). No events: it was applied
//! before, or it concerns a change that is over.

use countersign_kernel::chrono::{DateTime, NaiveDate, Utc};
use countersign_kernel::{Digest, Principal};

use super::agreement::Agreement;
use super::engagement::{Approval, Engagement};
use super::id::{AwsOfferId, ChangeSetId, OfferId};
use super::limits::Limits;
use super::offer::{
    AwsError, Basis, Event, LegalDocument, Offer, Origin, PAUSES_AFTER_FAULT, PendingChange,
    Publication, ReadyDocument, Stage, Terms,
};
use super::portal::Left;
use super::preflight::{self, Candidate, Finding};
use super::rejection::{Rejection, Violation};
use super::renewal::Held;
use super::resale::{Kind, SellerKind};
use super::unpaid::Unpaid;

mod ending;
mod portal;

/// What can be asked of an offer that exists. `change` is the revision that asked AWS for the change
/// set which the result is about: a late result of another one is moot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    Revise {
        expected_revision: u32,
        name: Option<String>,
        description: Option<String>,
        expires_on: Option<NaiveDate>,
    },
    RecordDocumentReady(ReadyDocument),
    RecordDocumentFailed {
        reason: String,
    },
    Release {
        approved_digest: Digest,
        /// What the seller is at AWS.
        seller: SellerKind,
    },
    RecordChangeSetAccepted {
        change: u32,
        id: ChangeSetId,
    },
    /// AWS says where the change set stands, in a word that is not known here or, without one, that is.
    RecordChangeSetStatus {
        change: u32,
        unknown: Option<String>,
    },
    /// A person entered the offer in AWS's portal (O10).
    TakePortalOffer {
        aws_offer_id: AwsOfferId,
    },
    /// What AWS has under the given id is not what was approved.
    RefusePortalOffer {
        change: u32,
        errors: Vec<AwsError>,
    },
    /// What AWS has of a published offer, as it stood at that revision, that a person may have changed in its portal.
    ReadBack {
        revision: u32,
        left: Left,
    },
    RecordPublished {
        change: u32,
        aws_offer_id: AwsOfferId,
        url: String,
    },
    RecordChangeApplied {
        change: u32,
    },
    RecordChangeFailed {
        change: u32,
        errors: Vec<AwsError>,
    },
    /// AWS failed it by a fault of its own.
    RecordChangeFaulted {
        change: u32,
        errors: Vec<AwsError>,
    },
    FlagOverdue {
        change: u32,
    },
    ChangeExpiry {
        to: NaiveDate,
    },
    Cancel {
        reason: String,
    },
    /// Its time is over, as far as is known here; of one that a person may have moved, with what AWS has.
    Expire {
        left: Option<Left>,
    },
    RecordAgreement(Agreement),
}

/// What a decision needs beside the offer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) now: DateTime<Utc>,
    pub(crate) by: &'a Principal,
    pub(crate) engagement: &'a Engagement,
    /// Another offer of the engagement that is not over: AWS may show an agreement of an offer that
    /// had expired or was cancelled when this one was drafted.
    pub(crate) rival: Option<&'a OfferId>,
    /// What the buyer has of the product already (O16).
    pub(crate) held: Option<&'a Held>,
    /// What the agreement whose place it takes leaves unpaid (O15).
    pub(crate) unpaid: Option<&'a Unpaid>,
    /// What the seller's AWS account is taken to allow.
    pub(crate) limits: Limits,
    /// Our offer that has the AWS id which the command gives, if one has it.
    pub(crate) namesake: Option<&'a OfferId>,
}

/// Makes a draft from the stamped and signed deal and its intake (O3).
pub(crate) fn draft(
    id: OfferId,
    terms: Terms,
    (kind, origin): (Kind, Origin),
    engagement: &Engagement,
    open_offer: Option<&OfferId>,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Rejection> {
    if let Some(expires_on) = terms.expires_on {
        expiry_after_today(expires_on, now)?;
    }
    let basis = basis(engagement, kind, origin)?;
    if let Some(offer_id) = open_offer {
        return Err(Rejection::OfferOpen {
            offer_id: offer_id.clone(),
        });
    }
    let basis = Box::new(basis);
    Ok(vec![Event::Drafted { id, basis, terms }])
}

/// What an offer for the engagement is made from (O3).
pub(super) fn basis(
    engagement: &Engagement,
    kind: Kind,
    origin: Origin,
) -> Result<Basis, Rejection> {
    let Some(deal) = engagement.signed_deal() else {
        return Err(match engagement.approval {
            Approval::Voided { .. } => Rejection::StampInvalid {
                findings: Vec::new(),
            },
            Approval::Awaited | Approval::Stamped(_) | Approval::Signed(_) => {
                Rejection::SowNotSigned {
                    findings: Vec::new(),
                }
            }
        });
    };
    let intake = engagement.intake.as_ref().ok_or(Rejection::IntakeMissing)?;
    if !intake.fits(deal) {
        return Err(Rejection::IntakeOutdated);
    }
    Ok(Basis {
        deal: deal.clone(),
        intake: intake.clone(),
        kind,
        origin,
    })
}

/// What follows from `command`.
pub(crate) fn decide(
    offer: &Offer,
    command: &Command,
    facts: Facts<'_>,
) -> Result<Vec<Event>, Rejection> {
    match command {
        Command::Revise {
            expected_revision,
            name,
            description,
            expires_on,
        } => {
            let terms = Terms {
                name: name.as_ref().unwrap_or(&offer.terms.name).clone(),
                description: description
                    .as_ref()
                    .unwrap_or(&offer.terms.description)
                    .clone(),
                expires_on: expires_on.or(offer.terms.expires_on),
            };
            revise(offer, *expected_revision, terms, facts.now)
        }
        Command::RecordDocumentReady(ready) => {
            Ok(if_assembling(offer, Event::LegalDocumentReady(*ready)))
        }
        Command::RecordDocumentFailed { reason } => Ok(if_assembling(
            offer,
            Event::LegalDocumentFailed {
                reason: reason.clone(),
            },
        )),
        Command::Release {
            approved_digest,
            seller,
        } => release(offer, *approved_digest, *seller, facts),
        Command::RecordChangeSetAccepted { change, id } => {
            let news = offer.change_set_id.as_ref() != Some(id);
            Ok(if_under_way(offer, *change, || {
                news.then(|| Event::ChangeSetAccepted { id: id.clone() })
            }))
        }
        Command::RecordChangeSetStatus { change, unknown } => {
            let news = offer.aws_status != *unknown;
            Ok(if_under_way(offer, *change, || {
                let unknown = unknown.clone();
                news.then_some(Event::ChangeSetStatusSeen { unknown })
            }))
        }
        Command::TakePortalOffer { aws_offer_id } => portal::take(offer, aws_offer_id, facts),
        Command::ReadBack { revision, left } => portal::read_back(offer, *revision, *left, facts),
        Command::RefusePortalOffer { change, errors } => Ok(if_under_way(offer, *change, || {
            let errors = errors.clone();
            offer
                .portal_offer()
                .map(|_| Event::PortalOfferRefused { errors })
        })),
        Command::RecordPublished {
            change,
            aws_offer_id,
            url,
        } => Ok(if_under_way(offer, *change, || {
            published(offer, aws_offer_id, url, facts)
        })),
        Command::RecordChangeApplied { change } => {
            Ok(if_under_way(offer, *change, || change_applied(offer)))
        }
        Command::RecordChangeFailed { change, errors } => Ok(if_under_way(offer, *change, || {
            Some(change_failed(offer, errors))
        })),
        Command::RecordChangeFaulted { change, errors } => Ok(if_under_way(offer, *change, || {
            Some(change_faulted(offer, *change, errors, facts.now))
        })),
        Command::FlagOverdue { change } => Ok(if_under_way(offer, *change, || overdue(offer))),
        Command::ChangeExpiry { to } => ending::change_expiry(offer, *to, facts),
        Command::Cancel { reason } => ending::cancel(offer, reason, facts),
        Command::Expire { left } => Ok(ending::expire(offer, *left, facts)),
        Command::RecordAgreement(agreement) => Ok(record_agreement(offer, agreement)),
    }
}

fn expiry_after_today(expires_on: NaiveDate, now: DateTime<Utc>) -> Result<(), Rejection> {
    let today = now.date_naive();
    if expires_on > today {
        return Ok(());
    }
    let problem = format!("{expires_on} is not after today, {today} (UTC)");
    let violation = Violation::new("expires_on", "EXPIRY_NOT_IN_FUTURE", problem);
    Err(Rejection::Invalid(vec![violation]))
}

const fn must_be_draft(offer: &Offer) -> Result<(), Rejection> {
    match offer.stage {
        Stage::Draft => Ok(()),
        Stage::Releasing(_)
        | Stage::Published { .. }
        | Stage::Accepted { .. }
        | Stage::Cancelled { .. }
        | Stage::Expired(_) => Err(Rejection::OfferNotDraft {
            state: offer.stage.name(),
        }),
    }
}

fn revise(
    offer: &Offer,
    expected_revision: u32,
    terms: Terms,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Rejection> {
    must_be_draft(offer)?;
    if expected_revision != offer.revision {
        let actual = offer.revision;
        return Err(Rejection::StaleRevision {
            expected: expected_revision,
            actual,
        });
    }
    if terms == offer.terms {
        return Ok(Vec::new());
    }
    if let Some(moved) = terms
        .expires_on
        .filter(|day| Some(*day) != offer.terms.expires_on)
    {
        expiry_after_today(moved, now)?;
    }
    Ok(vec![Event::Revised(terms)])
}

fn if_assembling(offer: &Offer, event: Event) -> Vec<Event> {
    match offer.document {
        LegalDocument::Assembling => vec![event],
        LegalDocument::Ready(_) | LegalDocument::Failed { .. } => Vec::new(),
    }
}

/// Pre-flight stands between the draft and AWS. Of several reasons the one that a person must settle
/// first names the refusal; the findings are all there in any case.
fn release(
    offer: &Offer,
    approved_digest: Digest,
    seller: SellerKind,
    facts: Facts<'_>,
) -> Result<Vec<Event>, Rejection> {
    must_be_draft(offer)?;
    if let Some(rival) = facts.rival {
        return Err(Rejection::OfferOpen {
            offer_id: rival.clone(),
        });
    }
    let candidate = Candidate {
        held: facts.held.cloned(),
        unpaid: facts.unpaid.cloned(),
        seller,
        limits: facts.limits,
        ..Candidate::of(offer, facts.engagement, facts.now.date_naive())
    };
    let findings = preflight::findings(&candidate);
    let found = |rule: &str| {
        findings
            .iter()
            .any(|finding: &Finding| finding.rule == rule)
    };
    if found(preflight::STAMP_INVALID) {
        return Err(Rejection::StampInvalid { findings });
    }
    if found(preflight::DIGEST_MISMATCH) || approved_digest != candidate.offer_digest {
        let approved = candidate
            .standing
            .approved_digest
            .unwrap_or(candidate.offer_digest);
        return Err(Rejection::DigestMismatch { approved, findings });
    }
    if found(preflight::SOW_NOT_SIGNED) {
        return Err(Rejection::SowNotSigned { findings });
    }
    if found(preflight::CHECKLIST_OPEN) {
        return Err(Rejection::ChecklistOpen { findings });
    }
    if preflight::any_error(&findings) {
        return Err(Rejection::PreflightFailed { findings });
    }
    Ok(vec![Event::ReleaseStarted { at: facts.now }])
}

fn if_under_way(offer: &Offer, change: u32, event: impl FnOnce() -> Option<Event>) -> Vec<Event> {
    if offer.change_under_way() == Some(change) {
        event().into_iter().collect()
    } else {
        Vec::new()
    }
}

fn published(
    offer: &Offer,
    aws_offer_id: &AwsOfferId,
    url: &str,
    facts: Facts<'_>,
) -> Option<Event> {
    if let Some(errors) = portal::fallen(offer, facts.engagement) {
        return Some(Event::PortalOfferRefused { errors });
    }
    match &offer.stage {
        Stage::Releasing(release) => Some(Event::Published(Publication {
            aws_offer_id: aws_offer_id.clone(),
            url: url.to_owned(),
            released_at: release.released_at,
            published_at: facts.now,
        })),
        Stage::Draft
        | Stage::Published { .. }
        | Stage::Accepted { .. }
        | Stage::Cancelled { .. }
        | Stage::Expired(_) => None,
    }
}

fn change_applied(offer: &Offer) -> Option<Event> {
    match &offer.stage {
        Stage::Published {
            pending: Some(PendingChange::Expiry { to, .. }),
            ..
        } => Some(Event::ExpiryChanged {
            from: offer.terms.expires_on,
            to: *to,
        }),
        Stage::Published {
            pending: Some(PendingChange::Cancellation { reason, by, .. }),
            ..
        } => Some(Event::Cancelled {
            reason: reason.clone(),
            by: by.clone(),
        }),
        Stage::Draft
        | Stage::Releasing(_)
        | Stage::Published { pending: None, .. }
        | Stage::Accepted { .. }
        | Stage::Cancelled { .. }
        | Stage::Expired(_) => None,
    }
}

fn change_failed(offer: &Offer, errors: &[AwsError]) -> Event {
    let errors = errors.to_vec();
    match offer.stage {
        Stage::Releasing(_) => Event::ReleaseFailed { errors },
        Stage::Draft
        | Stage::Published { .. }
        | Stage::Accepted { .. }
        | Stage::Cancelled { .. }
        | Stage::Expired(_) => Event::ChangeFailed { errors },
    }
}

/// The same is asked for again, until AWS failed it too often: then it is a failure like any other.
fn change_faulted(offer: &Offer, change: u32, errors: &[AwsError], now: DateTime<Utc>) -> Event {
    let faults = usize::try_from(offer.faults()).unwrap_or(usize::MAX);
    match PAUSES_AFTER_FAULT.get(faults) {
        Some(pause) => Event::ChangeSetFaulted {
            change,
            at: now + *pause,
            errors: errors.to_vec(),
        },
        None => change_failed(offer, errors),
    }
}

/// When the time is over is the task's to know: it keeps the one that held when AWS was asked, or when the last id
/// of the portal was given.
fn overdue(offer: &Offer) -> Option<Event> {
    match &offer.stage {
        // Nobody said yet that it is entered: AWS has nothing to publish.
        Stage::Releasing(_) if offer.waits_for_portal() && offer.portal_offer().is_none() => None,
        Stage::Releasing(release) => (!release.overdue).then_some(Event::PublishOverdue),
        Stage::Draft
        | Stage::Published { .. }
        | Stage::Accepted { .. }
        | Stage::Cancelled { .. }
        | Stage::Expired(_) => None,
    }
}

/// AWS's word counts, whenever it comes: an agreement shows up to 24 h late, when the offer may be
/// expired or cancelled here already (facts §7).
fn record_agreement(offer: &Offer, agreement: &Agreement) -> Vec<Event> {
    match &offer.stage {
        Stage::Published { .. }
        | Stage::Expired(_)
        | Stage::Cancelled {
            publication: Some(_),
            ..
        } => {
            vec![Event::AgreementRecorded(agreement.clone())]
        }
        Stage::Draft
        | Stage::Releasing(_)
        | Stage::Accepted { .. }
        | Stage::Cancelled {
            publication: None, ..
        } => Vec::new(),
    }
}

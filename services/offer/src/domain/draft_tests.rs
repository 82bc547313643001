//! What a draft takes: its document, its revisions, and no other offer beside it.

use super::command::{Command, Facts, decide};
use super::limits::Limits;
use super::offer::{Event, LegalDocument, Offer, evolve};
use super::rejection::Rejection;
use super::resale::SellerKind;
use super::sample;

const NOW: &str = "2026-03-02T10:00:00Z";

fn ask(offer: &Offer, command: &Command) -> Result<Vec<Event>, Rejection> {
    let by = "ops@acme.example".parse().unwrap();
    let facts = Facts {
        now: sample::at(NOW),
        by: &by,
        engagement: &sample::engagement(),
        rival: None,
        held: None,
        unpaid: None,
        limits: Limits::default(),
        namesake: None,
    };
    decide(offer, command, facts)
}

fn revise(name: &str, day: &str) -> Command {
    Command::Revise {
        expected_revision: 2,
        name: Some(name.into()),
        description: None,
        expires_on: Some(sample::day(day)),
    }
}

fn release() -> Command {
    Command::Release {
        approved_digest: sample::deal().digest,
        seller: SellerKind::Isv,
    }
}

/// AWS shows the agreement of an expired offer late, when the next offer is drafted already.
#[test]
fn a_draft_beside_an_offer_that_is_not_over_is_not_released() {
    let rival = "offer-0".parse().unwrap();
    let by = "ops@acme.example".parse().unwrap();
    let facts = Facts {
        now: sample::at(NOW),
        by: &by,
        engagement: &sample::engagement(),
        rival: Some(&rival),
        held: None,
        unpaid: None,
        limits: Limits::default(),
        namesake: None,
    };
    let refused = decide(&sample::draft(), &release(), facts).unwrap_err();
    assert_eq!(refused, Rejection::OfferOpen { offer_id: rival });
}

#[test]
fn a_revision_changes_what_differs_and_a_new_expiry_must_lie_ahead() {
    let draft = sample::draft();
    let name = draft.terms.name.clone();
    assert_eq!(ask(&draft, &revise(&name, "2026-03-31")), Ok(vec![]));
    let mut terms = sample::terms();
    terms.name = "Other".into();
    let revised = vec![Event::Revised(terms)];
    assert_eq!(ask(&draft, &revise("Other", "2026-03-31")), Ok(revised));
    let refused = ask(&draft, &revise(&name, "2026-03-02")).unwrap_err();
    assert_eq!(refused.reason(), "INVALID_FIELDS");
    // An expiry that passed since is pre-flight's to find: the name can be mended first.
    let mut old = sample::draft();
    old.terms.expires_on = Some(sample::day("2026-03-01"));
    assert!(ask(&old, &revise("Other", "2026-03-01")).is_ok());
}

#[test]
fn the_document_is_recorded_once() {
    let mut draft = sample::draft();
    let ready = Command::RecordDocumentReady(sample::ready_document());
    let failed = Command::RecordDocumentFailed {
        reason: "encrypted".into(),
    };
    assert_eq!(ask(&draft, &ready), Ok(vec![]));
    assert_eq!(ask(&draft, &failed), Ok(vec![]));
    draft.document = LegalDocument::Assembling;
    let event = Event::LegalDocumentReady(sample::ready_document());
    assert_eq!(ask(&draft, &ready), Ok(vec![event]));
    let reason = "encrypted".into();
    let event = Event::LegalDocumentFailed { reason };
    assert_eq!(ask(&draft, &failed), Ok(vec![event]));
}

/// The same answer of AWS twice starts no second look at it.
#[test]
fn a_change_set_is_recorded_once() {
    let at = sample::at(NOW);
    let offer = evolve(Some(sample::draft()), &Event::ReleaseStarted { at }).unwrap();
    let change = offer.change_under_way().unwrap();
    let accepted = |id: &str| Command::RecordChangeSetAccepted {
        change,
        id: id.parse().unwrap(),
    };
    let events = ask(&offer, &accepted("cs-1")).unwrap();
    assert_eq!(events.len(), 1);
    let offer = evolve(Some(offer), &events[0]).unwrap();
    assert_eq!(ask(&offer, &accepted("cs-1")), Ok(vec![]));
}

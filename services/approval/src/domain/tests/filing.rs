//! O6: which documents there may be; A6: until when they may change.

use super::*;
use crate::domain::command::Loss;
use crate::domain::document::{MAX_RESELLER_CONTRACTS, MAX_SOW_AND_ANNEXES};
use crate::domain::dossier::Phase;

fn add(number: u128, kind: DocumentKind) -> Command {
    Command::AddDocument {
        document: document(number, kind),
        replaces: None,
    }
}

fn replace(old: u128, number: u128, kind: DocumentKind) -> Command {
    let replaces = Some(Uuid::from_u128(old));
    Command::AddDocument {
        document: document(number, kind),
        replaces,
    }
}

fn remove(number: u128) -> Command {
    let document_id = Uuid::from_u128(number);
    Command::RemoveDocument {
        document_id,
        reason: "wrong file".to_owned(),
    }
}

/// P5: the gateway brings what was signed, and nothing that is still to be approved.
#[test]
fn a_signature_gateway_files_signed_copies_only() {
    const GATEWAY: &str = "signature-gateway@acme.example";
    for kind in [
        DocumentKind::Sow,
        DocumentKind::Eula,
        DocumentKind::Annex,
        DocumentKind::ResellerContract,
    ] {
        let told = Desk::prepared().tries(GATEWAY, add(9, kind));
        assert_eq!(told, Err(Rejection::SignedCopiesOnly));
    }
    let told = Desk::routed().tries(GATEWAY, add(9, DocumentKind::SignedSow));
    assert!(told.is_ok(), "{told:?}");
}

#[test]
fn sow_and_annexes_are_five_at_most_and_the_sow_is_one() {
    let mut desk = Desk::prepared();
    assert_eq!(
        desk.tries(EM, add(9, DocumentKind::Sow)),
        Err(Rejection::SowAlreadyPresent)
    );
    for number in 10..14 {
        desk.ok(EM, add(number, DocumentKind::Annex));
    }
    let full = Err(Rejection::TooManyDocuments {
        limit: MAX_SOW_AND_ANNEXES,
    });
    assert_eq!(desk.tries(EM, add(14, DocumentKind::Annex)), full);
    // Replacing needs no room.
    desk.ok(EM, replace(13, 14, DocumentKind::Annex));

    // AWS takes one reseller contract of an authorization, and it takes no annex's place.
    desk.ok(EM, add(30, DocumentKind::ResellerContract));
    let second = desk.tries(EM, add(31, DocumentKind::ResellerContract));
    let limit = MAX_RESELLER_CONTRACTS;
    assert_eq!(second, Err(Rejection::TooManyDocuments { limit }));

    // Six annexes without a SOW.
    let mut desk = Desk {
        state: Dossier::new("x".parse().unwrap()),
        ..desk
    };
    for number in 20..25 {
        desk.ok(EM, add(number, DocumentKind::Annex));
    }
    assert_eq!(desk.tries(EM, add(25, DocumentKind::Annex)), full);
    assert_eq!(desk.tries(EM, add(26, DocumentKind::Sow)), full);
}

#[test]
fn a_replacement_takes_the_place_of_one_of_its_kind() {
    let mut desk = Desk::prepared();
    desk.ok(EM, replace(1, 9, DocumentKind::Sow));
    let kinds: Vec<_> = desk.state.documents.iter().map(|one| one.kind).collect();
    assert_eq!(kinds, [DocumentKind::Sow, DocumentKind::Eula]);
    let wrong = desk.tries(EM, replace(9, 10, DocumentKind::Annex));
    assert_eq!(wrong, Err(Rejection::DocumentKindMismatch));
    let unknown = desk.tries(EM, replace(1, 10, DocumentKind::Sow));
    assert_eq!(unknown, Err(Rejection::DocumentUnknown));
    assert_eq!(desk.tries(EM, remove(1)), Err(Rejection::DocumentUnknown));
}

#[test]
fn a_case_opens_only_with_estimate_sow_and_eula() {
    let open = || Command::OpenCase {
        case_id: Uuid::from_u128(77),
        policy: policy(),
    };
    let without = |number| {
        let mut desk = Desk::prepared();
        desk.ok(EM, remove(number));
        desk.tries(EM, open())
    };
    assert_eq!(without(1), Err(Rejection::SowMissing));
    assert_eq!(without(2), Err(Rejection::EulaMissing));

    let mut desk = Desk::prepared();
    desk.state.estimate = crate::domain::dossier::Submission::None;
    assert_eq!(desk.tries(EM, open()), Err(Rejection::NoSubmittedEstimate));

    let mut desk = Desk::prepared();
    desk.now = at("2027-01-01T00:00:00Z");
    let valid_until = "2026-12-31".parse().unwrap();
    assert_eq!(
        desk.tries(EM, open()),
        Err(Rejection::EstimateExpired { valid_until })
    );
    desk.now = at("2026-12-31T23:59:59Z");
    desk.ok(EM, open());
    assert_eq!(desk.tries(EM, open()), Err(Rejection::CaseAlreadyOpen));
}

#[test]
fn nothing_is_approved_while_a_document_is_missing() {
    let mut desk = Desk::in_review();
    desk.ok(EM, remove(2));
    let approve = desk.asks("leadership", Decision::Approve);
    assert_eq!(desk.tries(LEAD, approve), Err(Rejection::EulaMissing));
}

/// A6: after routing neither documents nor versions change.
#[test]
fn what_is_routed_stays_as_it_is() {
    let desk = Desk::routed();
    let lose = Command::LoseEstimate {
        estimate_id: "est-1".to_owned(),
        version: 1,
        cause: Loss::Withdrawn,
    };
    let commands = [
        add(9, DocumentKind::Annex),
        replace(1, 9, DocumentKind::Sow),
        remove(2),
        Command::ReceiveEstimate(Box::new(estimate(2))),
        lose,
        route(),
        desk.asks("legal", Decision::Approve),
    ];
    for command in commands {
        assert_eq!(
            desk.tries(LEGAL, command),
            Err(Rejection::RoutedForSignature)
        );
    }
}

#[test]
fn signed_copies_come_only_after_routing() {
    for desk in [Desk::prepared(), Desk::in_review(), Desk::stamped()] {
        let early = desk.tries(EM, add(9, DocumentKind::SignedSow));
        assert_eq!(early, Err(Rejection::NotRoutedForSignature));
    }
    let mut desk = Desk::routed();
    desk.ok(EM, add(9, DocumentKind::SignedSow));
    assert!(matches!(
        desk.case().phase,
        Phase::AwaitingInternalSignature(_)
    ));
}

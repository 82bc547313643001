//! A6: signatures in order, on the SOW that was routed.

use super::*;
use crate::domain::command::SignedCopy;
use crate::domain::command::SigningParty::{self, Customer, Internal};
use crate::domain::dossier::Phase;

fn signature(desk: &Desk, party: SigningParty) -> Command {
    Command::RecordSignature {
        party,
        signatory: "somebody".to_owned(),
        signed_at: desk.now,
        routed_sow_digest: document(1, DocumentKind::Sow).digest,
        signed_copy: (party == Customer).then(|| SignedCopy::Document(Uuid::from_u128(9))),
    }
}

fn internally_signed() -> Desk {
    let mut desk = Desk::routed();
    desk.ok(EM, signature(&desk, Internal));
    desk
}

fn upload(desk: &mut Desk) {
    let document = document(9, DocumentKind::SignedSow);
    desk.ok(
        EM,
        Command::AddDocument {
            document,
            replaces: None,
        },
    );
}

#[test]
fn internal_then_customer() {
    let mut desk = internally_signed();
    upload(&mut desk);
    let events = desk.ok(EM, signature(&desk, Customer));
    assert!(matches!(&events[..], [Event::SowSigned { .. }]));
    let Phase::Signed(signed) = &desk.case().phase else {
        panic!("{:?}", desk.case().phase);
    };
    assert_eq!(signed.signed_sow, document(9, DocumentKind::SignedSow));
    assert_eq!(
        signed.routed.routing.sow_digest,
        document(1, DocumentKind::Sow).digest
    );
}

/// A case per row: whose signature on which desk, and why it is refused.
#[test]
fn signatures_out_of_place() {
    let mut signed = internally_signed();
    upload(&mut signed);
    signed.ok(EM, signature(&signed, Customer));
    let rows = [
        (Desk::prepared(), Internal, Rejection::CaseNotOpen),
        (Desk::in_review(), Internal, Rejection::StampMissing),
        (Desk::stamped(), Internal, Rejection::NotRoutedForSignature),
        (Desk::routed(), Customer, Rejection::SignatureOutOfOrder),
        (
            internally_signed(),
            Internal,
            Rejection::SignatureAlreadyRecorded,
        ),
        (internally_signed(), Customer, Rejection::SignedSowMissing),
        (
            signed.clone(),
            Internal,
            Rejection::SignatureAlreadyRecorded,
        ),
        (
            signed.clone(),
            Customer,
            Rejection::SignatureAlreadyRecorded,
        ),
    ];
    for (desk, party, expected) in rows {
        assert_eq!(
            desk.tries(EM, signature(&desk, party)),
            Err(expected),
            "{party:?}"
        );
    }
}

#[test]
fn another_document_or_a_future_date_is_refused() {
    let desk = Desk::routed();
    let with = |digest, signed_at| Command::RecordSignature {
        party: Internal,
        signatory: "somebody".to_owned(),
        signed_at,
        routed_sow_digest: digest,
        signed_copy: None,
    };
    let other = with(Digest::of(b"other"), desk.now);
    assert_eq!(desk.tries(EM, other), Err(Rejection::SowDigestMismatch));
    let late = at("2026-11-22T10:00:01Z");
    let future = with(document(1, DocumentKind::Sow).digest, late);
    assert_eq!(desk.tries(EM, future), Err(Rejection::SignedInFuture));
}

/// A6: the signed copy must be one, not any document.
#[test]
fn the_stamped_sow_is_no_signed_copy() {
    let desk = internally_signed();
    let Command::RecordSignature {
        party,
        signatory,
        signed_at,
        routed_sow_digest,
        ..
    } = signature(&desk, Customer)
    else {
        panic!();
    };
    let command = Command::RecordSignature {
        party,
        signatory,
        signed_at,
        routed_sow_digest,
        signed_copy: Some(SignedCopy::Document(Uuid::from_u128(1))),
    };
    assert_eq!(desk.tries(EM, command), Err(Rejection::SignedSowMissing));
}

/// A6: who signs elsewhere names the copy by its bytes; other documents of these bytes are none.
#[test]
fn a_signed_copy_is_found_by_its_bytes() {
    let mut desk = internally_signed();
    upload(&mut desk);
    let named = |digest| Command::RecordSignature {
        party: Customer,
        signatory: "somebody".to_owned(),
        signed_at: desk.now,
        routed_sow_digest: document(1, DocumentKind::Sow).digest,
        signed_copy: Some(SignedCopy::Bytes(digest)),
    };
    for digest in [Digest::of(b"other"), document(1, DocumentKind::Sow).digest] {
        let told = desk.tries(EM, named(digest));
        assert_eq!(told, Err(Rejection::SignedSowMissing));
    }
    let copy = document(9, DocumentKind::SignedSow);
    let events = desk.tries(EM, named(copy.digest)).unwrap();
    let [Event::SowSigned { signed_sow, .. }] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(*signed_sow, copy);
}

/// A6: in order also by the time at which they were given.
#[test]
fn the_customer_does_not_sign_before_the_seller() {
    let mut desk = internally_signed();
    upload(&mut desk);
    let signed = |at| Command::RecordSignature {
        party: Customer,
        signatory: "somebody".to_owned(),
        signed_at: at,
        routed_sow_digest: document(1, DocumentKind::Sow).digest,
        signed_copy: Some(SignedCopy::Document(Uuid::from_u128(9))),
    };
    let before = desk.now - countersign_kernel::chrono::TimeDelta::microseconds(1);
    assert_eq!(
        desk.tries(EM, signed(before)),
        Err(Rejection::SignatureOutOfOrder)
    );
    assert!(desk.tries(EM, signed(desk.now)).is_ok());
}

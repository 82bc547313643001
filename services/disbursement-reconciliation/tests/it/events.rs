//! Events in: applied once; what cannot be understood is kept for a person.

use countersign_platform::Failure;
use countersign_proto::common::v1::Charge;
use countersign_proto::disbursement_reconciliation::v1::{ChargeState, ExpectedCharge};
use countersign_proto::offer::v1::{
    AgreementAccepted, AgreementEnded, PaymentRequest, PaymentRequestApproved, VariablePayments,
};
use prost::{Message, Name};

use crate::world::{World, accepted, usd};

#[tokio::test]
async fn an_acceptance_is_applied_once() {
    let world = World::new().await;
    assert_eq!(world.hear(&accepted()).await.unwrap(), "applied");
    let before = world.ledger().await;
    assert_eq!(before.len(), 1);
    // Replay from the first message, then the same fact in another event.
    let (name, bytes) = (AgreementAccepted::full_name(), accepted().encode_to_vec());
    world.hear_as(1, &name, bytes).await.unwrap();
    world.hear(&accepted()).await.unwrap();
    assert_eq!(world.ledger().await, before);
}

#[tokio::test]
async fn other_terms_for_a_known_agreement_are_rejected() {
    let world = World::new().await;
    world.hear(&accepted()).await.unwrap();
    let before = world.ledger().await;
    let mut other = accepted();
    other.charges[0].charge_date = "2027-01-06".to_owned();
    assert_eq!(world.hear(&other).await.unwrap(), "rejected");
    assert_eq!(world.ledger().await, before);
}

/// The handbook's deal with a cap in place of its charge (O17).
fn with_cap() -> AgreementAccepted {
    let cap = usd("102500.00");
    AgreementAccepted {
        charges: Vec::new(),
        variable_payments: Some(VariablePayments {
            cap,
            approves_after: "P10D".to_owned(),
        }),
        ..accepted()
    }
}

fn approved(number: u32, amount: &str) -> PaymentRequestApproved {
    PaymentRequestApproved {
        request: Some(PaymentRequest {
            agreement_id: "agmt-1".to_owned(),
            ..PaymentRequest::default()
        }),
        charge: Some(Charge {
            number,
            charge_date: "2027-01-20".to_owned(),
            amount: usd(amount),
        }),
    }
}

/// O17, R1: each approved payment request is expected once, with its own fee and dates.
#[tokio::test]
async fn an_approved_payment_request_is_a_charge_once() {
    let world = World::new().await;
    let name = PaymentRequestApproved::full_name();
    let hear = async |sequence, number, amount| {
        let payload = approved(number, amount).encode_to_vec();
        world.hear_as(sequence, &name, payload).await
    };
    let parked = |heard: Result<String, Failure>| matches!(heard, Err(Failure::Undecodable { .. }));
    assert!(
        parked(hear(1, 1, "41250.00").await),
        "of nothing that is known"
    );
    assert_eq!(world.hear(&with_cap()).await.unwrap(), "applied");
    let before = world.cash().await;
    assert_eq!((before.charges.len(), before.settled), (0, false));
    assert_eq!(before.price_total, usd("102500.00"));
    for sequence in [2, 2, 3] {
        hear(sequence, 1, "41250.00").await.unwrap();
    }
    hear(4, 3, "30000.00").await.unwrap();
    assert!(parked(hear(5, 1, "41250.01").await), "another amount");
    let cash = world.cash().await;
    let charges: Vec<_> = cash
        .charges
        .iter()
        .map(|charge| {
            (
                charge.number,
                charge.amount.clone(),
                charge.expected_fee.clone(),
            )
        })
        .collect();
    assert_eq!(
        charges,
        [
            (1, usd("41250.00"), usd("1031.25")),
            (3, usd("30000.00"), usd("750.00")),
        ]
    );
    assert_eq!(cash.charges[0].payment_due_date, "2027-02-19");
    let booked: Vec<String> = world
        .ledger()
        .await
        .into_iter()
        .map(|one| one.cause)
        .collect();
    assert_eq!(booked, ["charge:1", "charge:3"]);
    // The acceptance again, after charges came in.
    let (name, bytes) = (AgreementAccepted::full_name(), with_cap().encode_to_vec());
    world.hear_as(6, &name, bytes).await.unwrap();
    assert_eq!(world.cash().await.charges.len(), 2);
}

/// O15, R1, R5: what AWS no longer invoices is no longer expected, once, and its entries are taken back.
#[tokio::test]
async fn an_end_drops_the_charges_that_were_not_due() {
    let world = World::new().await;
    let charge = |number, charge_date: &str, amount| Charge {
        number,
        charge_date: charge_date.to_owned(),
        amount: usd(amount),
    };
    let later = charge(2, "2027-02-05", "61500.00");
    let agreed = AgreementAccepted {
        charges: vec![charge(1, "2027-01-05", "41000.00"), later.clone()],
        ..accepted()
    };
    assert_eq!(world.hear(&agreed).await.unwrap(), "applied");
    let ended = AgreementEnded {
        agreement_id: "agmt-1".to_owned(),
        status: "CANCELLED".to_owned(),
        dropped: vec![later],
        ..AgreementEnded::default()
    };
    let name = AgreementEnded::full_name();
    for sequence in [2, 2, 3] {
        let heard = world.hear_as(sequence, &name, ended.encode_to_vec()).await;
        heard.unwrap();
    }
    assert_eq!(
        world.ledger().await.len(),
        3,
        "two expected, one taken back"
    );
    let cash = world.cash().await;
    let states = cash.charges.iter().map(ExpectedCharge::state);
    let states: Vec<_> = states.collect();
    assert_eq!(states, [ChargeState::NotDue, ChargeState::Dropped]);
    let balances = world.balances().await;
    let unbilled = balances
        .iter()
        .find(|(name, _)| name == "receivable:unbilled");
    assert_eq!(unbilled.unwrap().1, "41000.00");
    // The acceptance again is still the same.
    let name = AgreementAccepted::full_name();
    let again = world.hear_as(4, &name, agreed.encode_to_vec()).await;
    again.unwrap();
    assert_eq!(world.ledger().await.len(), 3);
}

#[tokio::test]
async fn unknown_types_are_passed_over() {
    let world = World::new().await;
    let heard = world
        .hear_as(1, "countersign.offer.v1.SomethingNew", vec![0xff])
        .await;
    assert_eq!(heard.unwrap(), "ignored");
}

/// What cannot be an expectation needs a person: it is parked, and nothing is half-written.
#[tokio::test]
async fn nonsense_is_parked() {
    let world = World::new().await;
    let spoiled = |spoil: fn(&mut AgreementAccepted)| {
        let mut message = accepted();
        spoil(&mut message);
        message
    };
    for message in [
        spoiled(|message| message.offer = None),
        spoiled(|message| message.economics = None),
        spoiled(|message| message.charges.clear()),
        spoiled(|message| message.agreement_id.clear()),
        spoiled(|message| message.accepted_at = "yesterday".to_owned()),
        spoiled(|message| message.charges[0].amount = usd("102500.001")),
        spoiled(|message| message.charges[0].amount = usd("1.00")),
        spoiled(|message| message.charges[0].charge_date = "soon".to_owned()),
    ] {
        let payload = message.encode_to_vec();
        let failure = world
            .hear_as(1, &AgreementAccepted::full_name(), payload)
            .await
            .unwrap_err();
        assert!(
            matches!(failure, Failure::Undecodable { .. }),
            "{failure:?}"
        );
    }
    let failure = world
        .hear_as(1, &AgreementAccepted::full_name(), vec![0xff])
        .await
        .unwrap_err();
    assert!(matches!(failure, Failure::Undecodable { .. }));
    assert_eq!(world.ledger().await, []);
    assert_eq!(world.hear(&accepted()).await.unwrap(), "applied");
}

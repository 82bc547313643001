//! What offer tells of clocks (O18).

use countersign_proto::offer::v1 as offer;
use countersign_proto::offer::v1::ClockKind;

use super::told::{Malformed, Told, given};
use crate::domain::cause::CauseKind;

/// A clock that ran out; nothing for those whose end is told by an event of its own: a late
/// publication, an expiry, and what becomes of an order.
pub(super) fn breached(event: &offer::ClockBreached) -> Result<Option<Told>, Malformed> {
    let clock = given("clock", event.clock.as_ref())?;
    let Some(what) = what(clock.kind()) else {
        return Ok(None);
    };
    let told = Told::new(CauseKind::ClockBreached)
        .engagement(&clock.engagement_id)
        .internal("what", what)
        .internal("clock_id", &clock.clock_id)
        .internal("offer_id", &clock.offer_id)
        .internal("owner", &clock.owner)
        .internal("started_at", &clock.started_at)
        .internal("due_at", &clock.due_at);
    Ok(Some(told))
}

/// How many days before the end each is, the seller's policy says: 120, 90 and 60 by default. Each is also the
/// reminder that co-sell is kept up to date: offer's list of renewals tells which qualifies (O16).
const FIRST: &str =
    "the first milestone before the agreement's end: see to its renewal and co-sell (ACE)";
const SECOND: &str =
    "the second milestone before the agreement's end: see to its renewal and co-sell (ACE)";
const THIRD: &str =
    "the third milestone before the agreement's end: see to its renewal and co-sell (ACE)";

const fn what(kind: ClockKind) -> Option<&'static str> {
    match kind {
        ClockKind::Publish
        | ClockKind::OfferExpiry
        | ClockKind::Registration
        | ClockKind::Identification => None,
        // A kind that is newer than this service.
        ClockKind::Unspecified => Some("a time ran out"),
        ClockKind::AgreementVisible => {
            Some("AWS shows no agreement 24 hours after the acceptance was reported")
        }
        ClockKind::BuyerContact => Some("the buyer was not contacted within 2 business days"),
        ClockKind::CancellationSilence => {
            Some("7 days of silence on a cancellation request: AWS takes it for consent")
        }
        ClockKind::PaymentRequest => {
            Some("10 days of silence on a payment request: AWS approves it, if the buyer chose so")
        }
        ClockKind::Renewal120 => Some(FIRST),
        ClockKind::Renewal90 => Some(SECOND),
        ClockKind::Renewal60 => Some(THIRD),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rung(kind: ClockKind) -> offer::ClockBreached {
        let mut clock = offer::Clock::default();
        clock.set_kind(kind);
        offer::ClockBreached { clock: Some(clock) }
    }

    /// N3: every breach is heard, once: by its clock, or by what has an event of its own.
    #[test]
    fn a_breach_is_told_by_its_clock_or_by_its_own_event() {
        let own = [
            ClockKind::Publish,
            ClockKind::OfferExpiry,
            ClockKind::Registration,
            ClockKind::Identification,
        ];
        for number in 0..=11 {
            let kind = ClockKind::try_from(number).unwrap();
            let told = breached(&rung(kind)).unwrap();
            assert_eq!(told.is_none(), own.contains(&kind), "{kind:?}");
        }
        assert!(
            ClockKind::try_from(12).is_err(),
            "a new kind needs its words"
        );
        assert!(breached(&offer::ClockBreached::default()).is_err());
    }
}

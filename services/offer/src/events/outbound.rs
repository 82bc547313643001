//! Domain event → public event. Public ones are few: a draft and its revisions are nobody else's
//! business, and a draft that is cancelled was never extended to anybody.

use countersign_proto::offer::v1 as pb;
use prost::{Message, Name};

use crate::domain::deal::ApprovedDeal;
use crate::domain::intake::Intake;
use crate::domain::offer::{Event, Offer};
use crate::wire;

/// A public event, encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Public {
    pub(crate) type_name: String,
    pub(crate) payload: Vec<u8>,
}

impl Public {
    fn of<M: Message + Name>(message: &M) -> Self {
        Self {
            type_name: M::full_name(),
            payload: message.encode_to_vec(),
        }
    }
}

/// The intake of an engagement is complete (O1).
pub(crate) fn intake_completed(deal: &ApprovedDeal, intake: &Intake) -> Public {
    let elements = Some(wire::data_elements(deal, intake));
    Public::of(&pb::IntakeCompleted { elements })
}

/// What the others hear of `event`; `offer` is as it stands after it.
pub(crate) fn public(event: &Event, offer: &Offer) -> Option<Public> {
    let summary = || Some(wire::summary(offer));
    let change_set_id = || {
        offer
            .change_set_id
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default()
    };
    match event {
        Event::Published(publication) => Some(Public::of(&pb::OfferPublished {
            offer: summary(),
            published_at: wire::time(publication.published_at),
        })),
        Event::ReleaseFailed { errors } => Some(Public::of(&pb::OfferReleaseFailed {
            offer_id: offer.id.to_string(),
            change_set_id: change_set_id(),
            errors: wire::aws_errors(errors),
        })),
        Event::PublishOverdue => Some(Public::of(&pb::OfferPublishOverdue {
            offer_id: offer.id.to_string(),
            change_set_id: change_set_id(),
            released_at: offer.released_at().map(wire::time).unwrap_or_default(),
        })),
        Event::ExpiryChanged { from, .. } => Some(Public::of(&pb::OfferExpiryChanged {
            offer: summary(),
            previous_expires_on: from.map(|day| day.to_string()).unwrap_or_default(),
        })),
        Event::Cancelled { reason, by } => offer.publication().map(|_| {
            Public::of(&pb::OfferCancelled {
                offer: summary(),
                reason: reason.clone(),
                cancelled_by: by.to_string(),
            })
        }),
        Event::Expired => Some(Public::of(&pb::OfferExpired { offer: summary() })),
        Event::AgreementRecorded(agreement) => {
            let (deal, intake) = (&offer.basis.deal, &offer.basis.intake);
            Some(Public::of(&pb::AgreementAccepted {
                offer: summary(),
                agreement_id: agreement.id.to_string(),
                accepted_at: wire::time(agreement.accepted_at),
                starts_at: wire::time(agreement.starts_at),
                ends_at: agreement.ends_at.map(wire::time).unwrap_or_default(),
                acceptor_account_id: agreement.acceptor.to_string(),
                charges: wire::charges(&agreement.charges),
                economics: Some(wire::economics(&deal.estimate.economics)),
                billing_terms_days: intake.billing_terms_days,
                product_id: intake.listing.product_id.to_string(),
                approved_digest: deal.digest.to_string(),
            }))
        }
        Event::Drafted { .. }
        | Event::Revised(_)
        | Event::LegalDocumentReady(_)
        | Event::LegalDocumentFailed { .. }
        | Event::ReleaseStarted { .. }
        | Event::ChangeSetAccepted { .. }
        | Event::ExpiryChangeStarted { .. }
        | Event::CancellationStarted { .. }
        | Event::ChangeFailed { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::offer::{AwsError, Publication, evolve};
    use crate::domain::sample;

    fn decoded<M: Message + Name + Default>(public: &Public) -> M {
        assert_eq!(public.type_name, M::full_name());
        M::decode(public.payload.as_slice()).unwrap()
    }

    fn told(offer: Offer, event: &Event) -> (Offer, Option<Public>) {
        let after = evolve(Some(offer), event).unwrap();
        let public = public(event, &after);
        (after, public)
    }

    fn published() -> (Offer, Option<Public>) {
        let at = sample::at("2026-03-02T10:00:00Z");
        let (releasing, none) = told(sample::draft(), &Event::ReleaseStarted { at });
        assert_eq!(none, None);
        told(
            releasing,
            &Event::Published(Publication {
                aws_offer_id: "offer-abc".parse().unwrap(),
                url: "https://aws.example/offer-abc".into(),
                released_at: at,
                published_at: sample::at("2026-03-02T10:20:00Z"),
            }),
        )
    }

    #[test]
    fn what_is_published_carries_what_the_mail_needs() {
        let event: pb::OfferPublished = decoded(&published().1.unwrap());
        assert_eq!(event.published_at, "2026-03-02T10:20:00Z");
        let offer = event.offer.unwrap();
        assert_eq!(offer.url, "https://aws.example/offer-abc");
        assert_eq!(offer.aws_offer_id, "offer-abc");
        assert_eq!(offer.expires_on, "2026-03-31");
        assert_eq!(offer.contact_email, "bea.buyer@example.com");
        assert_eq!(offer.buyer_account_id, "123456789012");
        assert_eq!(offer.total_price.unwrap().amount, "102500.00");
    }

    #[test]
    fn the_acceptance_carries_awss_charges_and_the_approved_economics() {
        let (_, public) = told(
            published().0,
            &Event::AgreementRecorded(sample::agreement()),
        );
        let event: pb::AgreementAccepted = decoded(&public.unwrap());
        assert_eq!(event.agreement_id, "agmt-1");
        assert_eq!(event.billing_terms_days, 30);
        assert_eq!(event.approved_digest, sample::deal().digest.to_string());
        let charge = &event.charges[0];
        assert_eq!(
            (charge.number, charge.charge_date.as_str()),
            (1, "2026-03-02")
        );
        assert_eq!(charge.amount.as_ref().unwrap().amount, "102500.00");
        let economics = event.economics.unwrap();
        assert_eq!(economics.expected_fee.unwrap().amount, "2562.50");
        assert_eq!(economics.expected_net.unwrap().amount, "99937.50");
    }

    #[test]
    fn a_cancelled_draft_is_nobodys_news_and_a_cancelled_offer_is() {
        let by = "ops@acme.example".parse().unwrap();
        let cancelled = Event::Cancelled {
            reason: "other scope".into(),
            by,
        };
        assert_eq!(told(sample::draft(), &cancelled).1, None);
        let event: pb::OfferCancelled = decoded(&told(published().0, &cancelled).1.unwrap());
        assert_eq!(event.cancelled_by, "ops@acme.example");
    }

    #[test]
    fn a_refused_release_says_what_aws_said() {
        let errors = vec![AwsError {
            code: "MISSING_NAME".into(),
            message: "no name".into(),
        }];
        let (_, public) = told(sample::draft(), &Event::ReleaseFailed { errors });
        let event: pb::OfferReleaseFailed = decoded(&public.unwrap());
        assert_eq!(event.errors[0].code, "MISSING_NAME");
    }
}

//! Domain event → public event. Public ones are few: a draft and its revisions are nobody else's
//! business, and a draft that is cancelled was never extended to anybody.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use countersign_kernel::{EngagementId, SellerId};
use countersign_platform::NewEvent;
use countersign_proto::offer::v1 as pb;
use prost::{Message, Name};

use crate::domain::agreement::Agreement;
use crate::domain::change_order::{self, ChangeOrder};
use crate::domain::clock::Clock;
use crate::domain::deal::ApprovedDeal;
use crate::domain::intake::Intake;
use crate::domain::offer::{Event, Offer};
use crate::domain::order::{Order, State};
use crate::domain::payment::{self, PaymentRequest};
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

    /// The event of an engagement, in the order of the aggregate's.
    pub(crate) fn about(
        self,
        seller: &SellerId,
        engagement: &EngagementId,
        aggregate_id: &str,
    ) -> NewEvent {
        NewEvent {
            type_name: self.type_name,
            seller: seller.clone(),
            engagement: Some(engagement.clone()),
            aggregate_id: aggregate_id.to_owned(),
            payload: self.payload,
        }
    }
}

/// The intake of an engagement is complete (O1).
pub(crate) fn intake_completed(deal: &ApprovedDeal, intake: &Intake) -> Public {
    let elements = Some(wire::data_elements(deal, intake));
    Public::of(&pb::IntakeCompleted { elements })
}

/// A clock rang (O18).
pub(crate) fn clock_breached(clock: &Clock) -> Public {
    let clock = Some(wire::clock(clock));
    Public::of(&pb::ClockBreached { clock })
}

/// A public order was found: nobody made an offer for its buyer (O14).
pub(crate) fn public_order(order: &Order, clock: &Clock) -> Public {
    Public::of(&pb::PublicOrderFlagged {
        order: Some(wire::order::order(order)),
        identify_by: wire::time(clock.due_at),
    })
}

/// What the others hear of how an order stands now.
pub(crate) fn order(order: &Order) -> Option<Public> {
    let shown = Some(wire::order::order(order));
    match order.state {
        State::Open => None,
        State::Registered(_) => Some(Public::of(&pb::OrderRegistered { order: shown })),
        State::RefundAdvised { .. } => Some(Public::of(&pb::OrderRefundAdvised { order: shown })),
    }
}

/// AWS shows that an offer's agreement is over.
pub(crate) fn agreement_ended(
    offer: &Offer,
    agreement: &Agreement,
    status: &str,
    (ended_at, seen_at): (DateTime<Utc>, DateTime<Utc>),
) -> Public {
    let dropped = agreement.dropped(ended_at).map(|(number, _)| number);
    let dropped: BTreeSet<u32> = dropped.collect();
    let charges = wire::charges(&agreement.charges).into_iter();
    Public::of(&pb::AgreementEnded {
        offer: Some(wire::summary(offer)),
        agreement_id: agreement.id.to_string(),
        status: status.to_owned(),
        seen_at: wire::time(seen_at),
        ended_at: wire::time(ended_at),
        dropped: charges
            .filter(|charge| dropped.contains(&charge.number))
            .collect(),
    })
}

/// What the others hear of a change order; `order` is as it stands after it (O15).
pub(crate) fn of_change_order(event: &change_order::Event, order: &ChangeOrder) -> Option<Public> {
    let out = || Some(wire::change_order::order(order));
    match event {
        change_order::Event::Sent(_) => Some(Public::of(&pb::CancellationRequested {
            change_order: out(),
        })),
        change_order::Event::AgreementOver { .. }
        | change_order::Event::Rejected { .. }
        | change_order::Event::Failed { .. } => Some(Public::of(&pb::CancellationEnded {
            change_order: out(),
        })),
        // One that was given up before AWS heard of it was nobody else's business.
        change_order::Event::Withdrawn { .. } if order.cancellation.is_some() => {
            Some(Public::of(&pb::CancellationEnded {
                change_order: out(),
            }))
        }
        change_order::Event::Withdrawn { .. }
        | change_order::Event::CancellationAsked { .. }
        | change_order::Event::StatusSeen { .. }
        | change_order::Event::WithdrawalAsked(_)
        | change_order::Event::WithdrawalRefused { .. }
        | change_order::Event::InvoicesRead(_)
        | change_order::Event::AdjustmentsAsked(_)
        | change_order::Event::AdjustmentSeen { .. }
        | change_order::Event::Replaced(_) => None,
    }
}

/// What the others hear of a payment request; `request` is as it stands after it (O17).
pub(crate) fn of_payment(event: &payment::Event, request: &PaymentRequest) -> Option<Public> {
    let out = || Some(wire::payment::request(request));
    match event {
        payment::Event::Approved { at, .. } => Some(Public::of(&pb::PaymentRequestApproved {
            request: out(),
            charge: Some(wire::payment::charge(request, *at)),
        })),
        payment::Event::Rejected { .. } => {
            Some(Public::of(&pb::PaymentRequestRejected { request: out() }))
        }
        payment::Event::Failed { .. } => {
            Some(Public::of(&pb::PaymentRequestFailed { request: out() }))
        }
        payment::Event::Sent(_)
        | payment::Event::StatusSeen { .. }
        | payment::Event::WithdrawalAsked(_)
        | payment::Event::WithdrawalRefused { .. }
        | payment::Event::Cancelled { .. } => None,
    }
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
    if let Some(authorization) = wire::authorization(offer)
        && let Some(public) = of_authorization(event, offer, authorization)
    {
        return Some(public);
    }
    match event {
        // Whoever accepted it before it was ours is not invited to (O12).
        Event::Published(_) if offer.agreement().is_some() => None,
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
                variable_payments: agreement.variable.as_ref().map(wire::payment::terms),
            }))
        }
        Event::Drafted { .. }
        | Event::Revised(_)
        | Event::LegalDocumentReady(_)
        | Event::LegalDocumentFailed { .. }
        | Event::ReleaseStarted { .. }
        | Event::ChangeSetAccepted { .. }
        | Event::ChangeSetStatusSeen { .. }
        | Event::ChangeSetFaulted { .. }
        | Event::PortalOfferGiven { .. }
        | Event::PortalOfferRefused { .. }
        | Event::ExpiryChangeStarted { .. }
        | Event::CancellationStarted { .. }
        | Event::ChangeFailed { .. } => None,
    }
}

/// What an authorization says in place of an offer: nobody can accept it, and no buyer hears of it.
fn of_authorization(
    event: &Event,
    offer: &Offer,
    authorization: pb::ResaleAuthorization,
) -> Option<Public> {
    let (deal, intake) = (&offer.basis.deal, &offer.basis.intake);
    let released = !authorization.authorization_id.is_empty();
    let authorization = Some(authorization);
    match event {
        Event::Published(publication) => Some(Public::of(&pb::ResaleAuthorizationReleased {
            authorization,
            released_at: wire::time(publication.published_at),
            economics: Some(wire::economics(&deal.estimate.economics)),
            billing_terms_days: intake.billing_terms_days,
        })),
        Event::Cancelled { reason, by } if released => {
            Some(Public::of(&pb::ResaleAuthorizationRestricted {
                authorization,
                reason: reason.clone(),
                restricted_by: by.to_string(),
            }))
        }
        Event::Expired => Some(Public::of(&pb::ResaleAuthorizationExpired {
            authorization,
        })),
        _ => None,
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

    /// O12: an offer that had been accepted when it became ours invites nobody.
    #[test]
    fn what_was_accepted_before_is_not_told_as_published() {
        let (published, _) = published();
        let agreement = Event::AgreementRecorded(sample::agreement());
        let (accepted, public) = told(published, &agreement);
        assert!(public.is_some());
        let publication = accepted.publication().unwrap().clone();
        assert!(super::public(&Event::Published(publication), &accepted).is_none());
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

    fn published_of(offer: Offer) -> (Offer, Option<Public>) {
        let at = sample::at("2026-03-02T10:00:00Z");
        let (releasing, _) = told(offer, &Event::ReleaseStarted { at });
        told(
            releasing,
            &Event::Published(Publication {
                aws_offer_id: "resaleauthz-abc".parse().unwrap(),
                url: String::new(),
                released_at: at,
                published_at: at,
            }),
        )
    }

    /// O2: an authorization is nothing that a buyer can accept, and no buyer is told of it.
    #[test]
    fn an_authorization_tells_of_itself_in_events_of_its_own() {
        let (released, public) = published_of(sample::authorization_draft().0);
        let event: pb::ResaleAuthorizationReleased = decoded(&public.unwrap());
        assert_eq!(event.billing_terms_days, 30);
        let price = event.economics.unwrap().price_total;
        assert_eq!(price.unwrap().amount, "1.00");
        let authorization = event.authorization.unwrap();
        assert_eq!(authorization.authorization_id, "resaleauthz-abc");
        assert_eq!(authorization.reseller_account_id, "999988887777");
        assert_eq!(authorization.wholesale_price.unwrap().amount, "1.00");
        assert_eq!(authorization.charges.len(), 2);
        let by = "ops@acme.example".parse().unwrap();
        let reason = "another reseller".to_owned();
        let (_, public) = told(released.clone(), &Event::Cancelled { reason, by });
        let event: pb::ResaleAuthorizationRestricted = decoded(&public.unwrap());
        assert_eq!(event.reason, "another reseller");
        let _: pb::ResaleAuthorizationExpired =
            decoded(&told(released, &Event::Expired).1.unwrap());
    }

    /// S1 step 5: what the reseller's offer says of who gets what.
    #[test]
    fn a_resellers_offer_says_who_gets_what() {
        let (_, public) = published_of(sample::partner_draft().0);
        let event: pb::OfferPublished = decoded(&public.unwrap());
        let resale = event.offer.unwrap().resale.unwrap();
        let amounts: Vec<_> = resale
            .payments
            .into_iter()
            .map(|payment| {
                (
                    payment.to_seller.unwrap().amount,
                    payment.from_buyer.unwrap().amount,
                )
            })
            .collect();
        let row = ("0.50".to_owned(), "0.55".to_owned());
        assert_eq!(amounts, [row.clone(), row]);
        assert_eq!(resale.total_to_reseller.unwrap().amount, "0.10");
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

//! Domain and views → replies.

use chrono::{DateTime, SecondsFormat, Utc};
use countersign_platform::{Failure, Page};
use countersign_proto::notification::v1 as proto;

use super::parse::cursor;
use crate::domain::subscription::{Audience, Channel, Subscription};
use crate::store::views::DeliveryView;

/// Without its secret.
pub(super) fn subscription(subscription: &Subscription) -> proto::Subscription {
    proto::Subscription {
        subscription_id: subscription.id.to_string(),
        audience: audience(subscription.audience).into(),
        channel: channel(subscription.address.channel()).into(),
        address: subscription.address.place().to_owned(),
        disabled_at: subscription.disabled_at.map(rfc3339).unwrap_or_default(),
    }
}

const fn audience(audience: Audience) -> proto::Audience {
    match audience {
        Audience::DealDesk => proto::Audience::DealDesk,
        Audience::Alliances => proto::Audience::Alliances,
        Audience::SalesSupport => proto::Audience::SalesSupport,
        Audience::Finance => proto::Audience::Finance,
    }
}

const fn channel(channel: Channel) -> proto::Channel {
    match channel {
        Channel::Email => proto::Channel::Email,
        Channel::Webhook => proto::Channel::Webhook,
    }
}

pub(super) fn delivery(view: DeliveryView) -> Result<proto::Delivery, Failure> {
    let state = match view.state.as_str() {
        "queued" => proto::delivery::State::Queued,
        "sent" => proto::delivery::State::Sent,
        "failed" => proto::delivery::State::Failed,
        unknown => return Err(Failure::internal("reading a delivery", unknown)),
    };
    let known = Channel::from_name(&view.channel)
        .ok_or_else(|| Failure::internal("reading a delivery", view.channel))?;
    let sent_at = view
        .ended_at
        .filter(|_| state == proto::delivery::State::Sent);
    Ok(proto::Delivery {
        delivery_id: view.delivery_id.to_string(),
        engagement_id: view.engagement,
        state: state.into(),
        channel: channel(known).into(),
        recipient: view.recipient,
        template: view.template,
        subject: view.subject,
        text: view.body,
        cause_event_id: view.cause_event_id.to_string(),
        attempts: u32::try_from(view.attempts).unwrap_or_default(),
        answer: view.answer,
        queued_at: rfc3339(view.queued_at),
        sent_at: sent_at.map(rfc3339).unwrap_or_default(),
    })
}

/// A page, newest first.
pub(super) fn list(
    views: Vec<DeliveryView>,
    page: &Page<i64>,
) -> Result<proto::ListDeliveriesResponse, Failure> {
    let (views, next_page_token) = page.cut(views, |view| view.position.to_string());
    let deliveries = views.into_iter().map(delivery).collect::<Result<_, _>>()?;
    Ok(proto::ListDeliveriesResponse {
        deliveries,
        next_page_token,
    })
}

/// What a webhook was sent after the position `after`.
pub(super) fn replayed(views: Vec<DeliveryView>, after: i64) -> proto::ReplayWebhookResponse {
    let next = views.last().map_or(after, |view| view.position);
    let messages = views.into_iter().map(|view| proto::WebhookMessage {
        message_id: view.delivery_id.to_string(),
        created_at: rfc3339(view.queued_at),
        body: view.body,
    });
    proto::ReplayWebhookResponse {
        messages: messages.collect(),
        next_cursor: cursor(next),
    }
}

fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

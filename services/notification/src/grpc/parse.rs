//! Requests → domain: every wrong field at once, each with a stable reason (P4).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use countersign_kernel::webhook::WebhookSecret;
use countersign_platform::{Page, Rejection, Violations};
use countersign_proto::notification::v1 as proto;
use uuid::Uuid;

use crate::commands::subscriptions;
use crate::domain::address::{EmailAddress, UrlPolicy, WebhookUrl};
use crate::domain::subscription::{Address, Audience, Channel};
use crate::store::views::Filter;

/// Who is to hear, and where (N4).
pub(super) fn put(
    request: &proto::PutSubscriptionRequest,
    policy: UrlPolicy,
) -> Result<(Audience, Address), Rejection> {
    let mut wrong = Violations::default();
    let audience = audience(&mut wrong, request.audience);
    let address = match channel(&mut wrong, request.channel) {
        Some(Channel::Email) => email(&mut wrong, request),
        Some(Channel::Webhook) => webhook(&mut wrong, request, policy),
        None => None,
    };
    wrong.finish(audience.zip(address))
}

fn audience(wrong: &mut Violations, number: i32) -> Option<Audience> {
    match proto::Audience::try_from(number) {
        Ok(proto::Audience::DealDesk) => Some(Audience::DealDesk),
        Ok(proto::Audience::Alliances) => Some(Audience::Alliances),
        Ok(proto::Audience::SalesSupport) => Some(Audience::SalesSupport),
        Ok(proto::Audience::Finance) => Some(Audience::Finance),
        Ok(proto::Audience::Unspecified) => wrong.present("audience", None),
        Err(_) => {
            wrong.add("audience", "AUDIENCE_UNKNOWN", "not one of the audiences");
            None
        }
    }
}

fn channel(wrong: &mut Violations, number: i32) -> Option<Channel> {
    match proto::Channel::try_from(number) {
        Ok(proto::Channel::Email) => Some(Channel::Email),
        Ok(proto::Channel::Webhook) => Some(Channel::Webhook),
        Ok(proto::Channel::Unspecified) => wrong.present("channel", None),
        Err(_) => {
            wrong.add("channel", "CHANNEL_UNKNOWN", "not one of the channels");
            None
        }
    }
}

fn email(wrong: &mut Violations, request: &proto::PutSubscriptionRequest) -> Option<Address> {
    if !request.webhook_secret.is_empty() {
        wrong.add(
            "webhook_secret",
            "WEBHOOK_SECRET_NOT_ALLOWED",
            "only webhooks have a secret",
        );
    }
    let text = wrong.required("address", &request.address)?;
    wrong
        .check("address", "EMAIL_INVALID", EmailAddress::parse(text))
        .map(Address::Email)
}

fn webhook(
    wrong: &mut Violations,
    request: &proto::PutSubscriptionRequest,
    policy: UrlPolicy,
) -> Option<Address> {
    let url = wrong
        .required("address", &request.address)
        .map(|text| WebhookUrl::parse(text, policy))
        .and_then(|parsed| wrong.check("address", "WEBHOOK_URL_INVALID", parsed));
    let secret = wrong
        .required("webhook_secret", &request.webhook_secret)
        .map(WebhookSecret::parse)
        .and_then(|parsed| wrong.check("webhook_secret", "WEBHOOK_SECRET_INVALID", parsed));
    url.zip(secret)
        .map(|(url, secret)| Address::Webhook { url, secret })
}

/// An id: what is no UUID names nothing here.
pub(super) fn id(
    field: &str,
    text: &str,
    unknown: fn(&str) -> Rejection,
) -> Result<Uuid, Rejection> {
    let mut wrong = Violations::default();
    let text = wrong.required(field, text);
    let text = wrong.finish(text)?;
    text.parse().map_err(|_| unknown(text))
}

/// Which deliveries, and which page of them.
pub(super) fn list(
    request: &proto::ListDeliveriesRequest,
) -> Result<(Filter, Page<i64>), Rejection> {
    let mut wrong = Violations::default();
    let engagement = (!request.engagement_id.is_empty()).then(|| request.engagement_id.parse());
    let engagement =
        engagement.and_then(|parsed| wrong.check("engagement_id", "ENGAGEMENT_ID_INVALID", parsed));
    let state = state(&mut wrong, request.state);
    let page = page(&mut wrong, request.page_size, &request.page_token);
    wrong.finish(page.map(|page| {
        (
            Filter {
                engagement,
                state,
                before: page.after,
            },
            page,
        )
    }))
}

fn page(wrong: &mut Violations, size: i32, token: &str) -> Option<Page<i64>> {
    let parsed = Page::parse(size, token, |position| position.parse().ok());
    parsed.map_err(|rejection| add_all(wrong, &rejection)).ok()
}

fn add_all(wrong: &mut Violations, rejection: &Rejection) {
    for violation in rejection.violations() {
        wrong.add(
            &violation.field,
            violation.reason,
            violation.description.clone(),
        );
    }
}

fn state(wrong: &mut Violations, number: i32) -> Option<&'static str> {
    match proto::delivery::State::try_from(number) {
        Ok(proto::delivery::State::Unspecified) => None,
        Ok(proto::delivery::State::Queued) => Some("queued"),
        Ok(proto::delivery::State::Sent) => Some("sent"),
        Ok(proto::delivery::State::Failed) => Some("failed"),
        Err(_) => {
            wrong.add("state", "STATE_UNKNOWN", "not one of the states");
            None
        }
    }
}

/// Subscription, the position behind the cursor, and how many.
pub(super) fn replay(request: &proto::ReplayWebhookRequest) -> Result<(Uuid, i64, i64), Rejection> {
    let mut wrong = Violations::default();
    let text = wrong.required("subscription_id", &request.subscription_id);
    let after = position(&mut wrong, &request.cursor);
    let page = page(&mut wrong, request.page_size, "");
    let (text, page) = wrong.finish(text.zip(page))?;
    let id = text.parse().map_err(|_| subscriptions::unknown(text))?;
    Ok((id, after.unwrap_or_default(), page.limit() - 1))
}

/// A position as a webhook's subscriber holds it: opaque.
pub(super) fn cursor(position: i64) -> String {
    BASE64.encode(position.to_be_bytes())
}

fn position(wrong: &mut Violations, cursor: &str) -> Option<i64> {
    if cursor.is_empty() {
        return None;
    }
    let bytes = BASE64
        .decode(cursor)
        .ok()
        .and_then(|bytes| bytes.try_into().ok());
    if bytes.is_none() {
        wrong.add(
            "cursor",
            "CURSOR_INVALID",
            "hand in what the last reply gave",
        );
    }
    bytes.map(i64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(rejection: &Rejection) -> Vec<(&str, &str)> {
        let violations = rejection.violations().iter();
        violations
            .map(|wrong| (wrong.field.as_str(), wrong.reason))
            .collect()
    }

    fn request(
        audience: i32,
        channel: i32,
        address: &str,
        secret: &str,
    ) -> proto::PutSubscriptionRequest {
        proto::PutSubscriptionRequest {
            audience,
            channel,
            address: address.to_owned(),
            webhook_secret: secret.to_owned(),
        }
    }

    /// P4: every wrong field at once, each with its reason.
    #[test]
    fn every_wrong_field_is_named() {
        let secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
        for (request, expected) in [
            (
                request(0, 0, "", ""),
                vec![("audience", "REQUIRED"), ("channel", "REQUIRED")],
            ),
            (
                request(9, 9, "", ""),
                vec![
                    ("audience", "AUDIENCE_UNKNOWN"),
                    ("channel", "CHANNEL_UNKNOWN"),
                ],
            ),
            (request(1, 1, "", ""), vec![("address", "REQUIRED")]),
            (
                request(1, 1, "a@b", secret),
                vec![
                    ("webhook_secret", "WEBHOOK_SECRET_NOT_ALLOWED"),
                    ("address", "EMAIL_INVALID"),
                ],
            ),
            (
                request(0, 2, "http://a.example", "x"),
                vec![
                    ("audience", "REQUIRED"),
                    ("address", "WEBHOOK_URL_INVALID"),
                    ("webhook_secret", "WEBHOOK_SECRET_INVALID"),
                ],
            ),
            (
                request(4, 2, "", ""),
                vec![("address", "REQUIRED"), ("webhook_secret", "REQUIRED")],
            ),
        ] {
            let rejection = put(&request, UrlPolicy::PublicHttps).unwrap_err();
            assert_eq!(reasons(&rejection), expected);
            assert!(
                !format!("{rejection:?}").contains(secret),
                "the secret is repeated"
            );
        }
        let (audience, address) = put(
            &request(4, 2, "https://h.example/x", secret),
            UrlPolicy::PublicHttps,
        )
        .unwrap();
        assert_eq!(
            (audience, address.place()),
            (Audience::Finance, "https://h.example/x")
        );
    }

    #[test]
    fn lists_and_replays_name_every_wrong_field() {
        let list = list(&proto::ListDeliveriesRequest {
            engagement_id: "two words".into(),
            state: 9,
            page_size: -1,
            page_token: "?".into(),
        });
        let expected = [
            ("engagement_id", "ENGAGEMENT_ID_INVALID"),
            ("state", "STATE_UNKNOWN"),
            ("page_size", "PAGE_SIZE_NEGATIVE"),
            ("page_token", "PAGE_TOKEN_INVALID"),
        ];
        assert_eq!(reasons(&list.unwrap_err()), expected);
        let request = |id: Uuid, cursor: String, page_size| proto::ReplayWebhookRequest {
            subscription_id: id.to_string(),
            cursor,
            page_size,
        };
        let wrong = replay(&request(Uuid::nil(), "?".into(), -1)).unwrap_err();
        let expected = [
            ("cursor", "CURSOR_INVALID"),
            ("page_size", "PAGE_SIZE_NEGATIVE"),
        ];
        assert_eq!(reasons(&wrong), expected);
        let id = Uuid::from_u128(7);
        assert_eq!(replay(&request(id, cursor(77), 3)).unwrap(), (id, 77, 3));
        assert_eq!(replay(&request(id, String::new(), 0)).unwrap(), (id, 0, 50));
    }
}

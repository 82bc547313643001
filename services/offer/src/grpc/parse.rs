//! Requests → commands: parse, don't validate. Every wrong field at once.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use countersign_kernel::{Digest, EngagementId};
use countersign_platform::{Rejection, Violations};
use countersign_proto::offer::v1 as pb;

use crate::domain::command::Command;
use crate::domain::id::OfferId;
use crate::domain::intake::{AccountKind, Form};
use crate::domain::listing::{Listing, ReleaseWay};
use crate::domain::offer::Terms;
use crate::domain::rejection;
use crate::domain::resale::SellerKind;
use crate::store::Position;

pub(super) fn offer_id(text: &str) -> Result<OfferId, Rejection> {
    one("offer_id", "OFFER_ID_INVALID", text)
}

pub(super) fn engagement_id(text: &str) -> Result<EngagementId, Rejection> {
    one("engagement_id", "ENGAGEMENT_ID_INVALID", text)
}

fn one<T>(field: &str, reason: &'static str, text: &str) -> Result<T, Rejection>
where
    T: FromStr<Err: std::fmt::Display>,
{
    let mut wrong = Violations::default();
    let parsed = wrong.check(field, reason, text.parse());
    wrong.finish(parsed)
}

pub(super) fn listing(request: &pb::RegisterListingRequest) -> Result<Listing, Rejection> {
    let given = request.listing.clone().unwrap_or_default();
    let release_way = match given.release_way() {
        pb::ReleaseWay::Unspecified => ReleaseWay::Api,
        pb::ReleaseWay::Portal => ReleaseWay::Portal,
    };
    Listing::parse(
        &given.product_id,
        &given.title,
        &given.dimension_keys,
        release_way,
    )
    .map_err(|wrong| crate::commands::refusal(&rejection::Rejection::Invalid(wrong)))
}

/// As it was given: the domain checks it against the deal, and names all that is wrong.
pub(super) fn form(request: &pb::CompleteIntakeRequest) -> Form {
    let price = request.total_price.clone().unwrap_or_default();
    Form {
        billing_terms_days: request.billing_terms_days,
        buyer_account_id: request.buyer_account_id.clone(),
        buyer_account_kind: match request.buyer_account_kind() {
            pb::AccountKind::Unspecified => AccountKind::NotSaid,
            pb::AccountKind::CommercialPayer => AccountKind::CommercialPayer,
            pb::AccountKind::Govcloud => AccountKind::GovCloud,
        },
        contact_name: request.contact_name.clone(),
        contact_email: request.contact_email.clone(),
        price_currency: price.currency_code,
        price_amount: price.amount,
        scope_duration: request.scope_duration.clone(),
        product_id: request.product_id.clone(),
    }
}

/// A day exactly as `YYYY-MM-DD`: chrono is lenient about digits.
pub(super) fn day(wrong: &mut Violations, field: &str, text: &str) -> Option<NaiveDate> {
    let parsed = text.parse::<NaiveDate>().ok();
    let exact = parsed.filter(|date| date.to_string() == text);
    let read = exact.ok_or("is no date of the form YYYY-MM-DD");
    wrong.check(field, "DATE_INVALID", read)
}

fn date(wrong: &mut Violations, text: &str) -> Option<NaiveDate> {
    day(wrong, "expires_on", text)
}

pub(super) fn draft(request: &pb::DraftOfferRequest) -> Result<(EngagementId, Terms), Rejection> {
    let mut wrong = Violations::default();
    let id = request.engagement_id.parse();
    let id = wrong.check("engagement_id", "ENGAGEMENT_ID_INVALID", id);
    let expires_on = date(&mut wrong, &request.expires_on);
    let parsed = id.zip(expires_on).map(|(id, expires_on)| {
        let (name, description) = (request.name.clone(), request.description.clone());
        (
            id,
            Terms {
                name,
                description,
                expires_on: Some(expires_on),
            },
        )
    });
    wrong.finish(parsed)
}

pub(super) fn revise(request: &pb::ReviseOfferRequest) -> Result<(String, Command), Rejection> {
    let mut wrong = Violations::default();
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let expires_on = given(&request.expires_on).map(|text| date(&mut wrong, &text));
    let command = Command::Revise {
        expected_revision: request.expected_revision,
        name: given(&request.name),
        description: given(&request.description),
        expires_on: expires_on.flatten(),
    };
    wrong.finish(Some((request.offer_id.clone(), command)))
}

/// `seller` is what the seller is at AWS.
pub(super) fn release(
    request: &pb::ReleaseOfferRequest,
    seller: SellerKind,
) -> Result<(String, Command), Rejection> {
    let digest: Digest = one(
        "approved_digest",
        "DIGEST_INVALID",
        &request.approved_digest,
    )?;
    Ok((
        request.offer_id.clone(),
        Command::Release {
            approved_digest: digest,
            seller,
        },
    ))
}

pub(super) fn expiry(request: &pb::ChangeExpiryRequest) -> Result<(String, Command), Rejection> {
    let mut wrong = Violations::default();
    let to = date(&mut wrong, &request.expires_on);
    wrong.finish(to.map(|to| (request.offer_id.clone(), Command::ChangeExpiry { to })))
}

pub(super) fn portal_offer(
    request: &pb::RecordPortalOfferRequest,
) -> Result<(String, Command), Rejection> {
    let aws_offer_id = one(
        "aws_offer_id",
        "AWS_OFFER_ID_INVALID",
        &request.aws_offer_id,
    )?;
    Ok((
        request.offer_id.clone(),
        Command::TakePortalOffer { aws_offer_id },
    ))
}

/// Refused without a reason, by the domain. It returns a result as the other commands do.
#[expect(
    clippy::unnecessary_wraps,
    reason = "one shape for all commands on an offer"
)]
pub(super) fn cancel(request: &pb::CancelOfferRequest) -> Result<(String, Command), Rejection> {
    Ok((
        request.offer_id.clone(),
        Command::Cancel {
            reason: request.reason.clone(),
        },
    ))
}

/// Which part of a list.
pub(super) type Page = countersign_platform::Page<Position>;

pub(super) fn page(page_size: i32, page_token: &str) -> Result<Page, Rejection> {
    Page::parse(page_size, page_token, position)
}

/// Where a row lies, as a page token says it.
pub(super) fn cursor(at: DateTime<Utc>, id: &str) -> String {
    format!("{}/{id}", at.timestamp_micros())
}

fn position(cursor: &str) -> Option<Position> {
    let (micros, id) = cursor.split_once('/')?;
    Some(Position {
        at: DateTime::from_timestamp_micros(micros.parse().ok()?)?,
        id: id.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample;

    #[test]
    fn dates_are_exact() {
        let request = |text: &str| pb::ChangeExpiryRequest {
            offer_id: "offer-1".into(),
            expires_on: text.into(),
        };
        assert!(expiry(&request("2026-03-31")).is_ok());
        for text in [
            "",
            "2026-3-31",
            "2026-02-30",
            "31.03.2026",
            "2026-03-31T00:00:00Z",
        ] {
            let refused = expiry(&request(text)).unwrap_err();
            assert_eq!(refused.violations()[0].reason, "DATE_INVALID", "{text:?}");
        }
    }

    #[test]
    fn a_place_in_a_list_comes_back_and_others_are_refused() {
        let here = Position {
            at: sample::at("2026-03-02T10:00:00.123456Z"),
            id: "offer-1".into(),
        };
        assert_eq!(position(&cursor(here.at, &here.id)), Some(here));
        let refused = page(-1, "zz").unwrap_err();
        let reasons: Vec<_> = refused
            .violations()
            .iter()
            .map(|wrong| wrong.reason)
            .collect();
        assert_eq!(reasons, ["PAGE_SIZE_NEGATIVE", "PAGE_TOKEN_INVALID"]);
    }
}

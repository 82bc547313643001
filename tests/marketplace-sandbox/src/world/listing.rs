//! `ListEntities`: offers, resale authorizations and products, by filter, newest change first.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::authorizations::Authorization;
use super::change_sets::{optional_text, require_catalog};
use super::entities::{PRODUCT_KIND, product_summary, put, state};
use super::model::{Offer, OfferState};
use super::{Refusal, World, arn, paging, timestamp};

impl World {
    /// `ListEntities` for offers, resale authorizations and products, newest change first.
    pub(crate) fn list_entities(&self, caller: &str, body: &Value) -> Result<Value, Refusal> {
        require_catalog(optional_text(body, "Catalog")?)?;
        let shared = match optional_text(body, "OwnershipType")? {
            None | Some("SELF") => false,
            Some("SHARED") => true,
            Some(_) => return Err(Refusal::validation("OwnershipType must be SELF or SHARED.")),
        };
        let found = match optional_text(body, "EntityType")? {
            Some("Offer" | PRODUCT_KIND) if shared => Vec::new(),
            Some("Offer") => self.list_offers(caller, body)?,
            Some("ResaleAuthorization") => self.list_authorizations(caller, body, shared)?,
            Some(PRODUCT_KIND) => self
                .products
                .iter()
                .filter(|product| self.product_owner(&product.id) == Some(caller))
                .map(|product| product_summary(caller, product))
                .collect(),
            other => {
                return Err(Refusal::validation(format!(
                    "EntityType '{}' is not supported in this sandbox.",
                    other.unwrap_or_default()
                )));
            }
        };
        paging::page(found, body, "EntitySummaryList", 20, 50)
    }

    fn list_offers(&self, caller: &str, body: &Value) -> Result<Vec<Value>, Refusal> {
        let filters = body
            .pointer("/EntityTypeFilters/OfferFilters")
            .unwrap_or(&Value::Null);
        let mut offers: Vec<&Offer> = Vec::new();
        for offer in self.offers.iter().filter(|offer| offer.owner == caller) {
            if matches_offer(offer, filters)? {
                offers.push(offer);
            }
        }
        offers.sort_by_key(|offer| std::cmp::Reverse((offer.modified_at, offer.id.clone())));
        Ok(offers
            .into_iter()
            .map(|offer| offer_summary(caller, offer))
            .collect())
    }

    fn list_authorizations(
        &self,
        caller: &str,
        body: &Value,
        shared: bool,
    ) -> Result<Vec<Value>, Refusal> {
        let filters = body
            .pointer("/EntityTypeFilters/ResaleAuthorizationFilters")
            .unwrap_or(&Value::Null);
        let mut found: Vec<&Authorization> = Vec::new();
        for authorization in &self.authorizations {
            let visible = if shared {
                authorization.is_shared_with(caller)
            } else {
                authorization.owner == caller
            };
            let made = self.offers_made_of(&authorization.id);
            if visible && matches_authorization(authorization, made, filters)? {
                found.push(authorization);
            }
        }
        found.sort_by_key(|found| std::cmp::Reverse((found.modified_at, found.id.clone())));
        Ok(found
            .into_iter()
            .map(|found| self.authorization_summary(found))
            .collect())
    }
}

fn matches_authorization(
    found: &Authorization,
    offers_made: usize,
    filters: &Value,
) -> Result<bool, Refusal> {
    for (name, filter) in filters.as_object().into_iter().flatten() {
        let actual = match name.as_str() {
            "EntityId" => &found.id,
            "Name" => &found.name,
            "ProductId" => &found.product_id,
            "ManufacturerAccountId" => &found.owner,
            "ResellerAccountID" => &found.reseller,
            "Status" => found.status.as_str(),
            "OfferExtendedStatus" => found.extended_status(offers_made),
            other => {
                return Err(Refusal::validation(format!(
                    "ResaleAuthorization filter '{other}' is not supported in this sandbox."
                )));
            }
        };
        let listed = filter.get("ValueList").and_then(Value::as_array);
        let like = filter.get("WildCardValue").and_then(Value::as_str);
        if !listed.is_some_and(|values| values.iter().any(|value| value.as_str() == Some(actual)))
            && !like.is_some_and(|part| actual.contains(part))
        {
            return Ok(false);
        }
    }
    Ok(true)
}

fn matches_offer(offer: &Offer, filters: &Value) -> Result<bool, Refusal> {
    let Some(filters) = filters.as_object() else {
        return Ok(true);
    };
    for (name, filter) in filters {
        let listed = |actual: &str| {
            let values = filter.get("ValueList").and_then(Value::as_array);
            values.is_some_and(|values| values.iter().any(|value| value.as_str() == Some(actual)))
        };
        let like = |actual: &str| {
            filter
                .get("WildCardValue")
                .and_then(Value::as_str)
                .is_some_and(|part| actual.contains(part))
        };
        let matches = match name.as_str() {
            "EntityId" => listed(&offer.id),
            "ProductId" => listed(&offer.product_id),
            "ResaleAuthorizationId" => offer
                .resale
                .as_ref()
                .is_some_and(|resale| listed(&resale.authorization_id)),
            "State" => listed(state(offer)),
            "CreatedBySource" => listed(source(offer)),
            "TargetAgreementId" => offer.renews.as_deref().is_some_and(listed),
            "TargetAgreementIntent" => offer.renews.is_some() && listed("Renew"),
            "LastModifiedDate" => in_range(Some(offer.modified_at), filter),
            "ReleaseDate" => in_range(offer.released_at, filter),
            "AvailabilityEndDate" => {
                let end = offer
                    .availability_end
                    .and_then(|day| day.and_hms_opt(23, 59, 59));
                in_range(end.map(|end| end.and_utc()), filter)
            }
            "Name" => offer
                .name
                .as_deref()
                .is_some_and(|name| listed(name) || like(name)),
            "BuyerAccounts" => offer.buyers().iter().any(|account| like(account)),
            "Targeting" => listed(if offer.buyers().is_empty() {
                "None"
            } else {
                "BuyerAccounts"
            }),
            other => {
                return Err(Refusal::validation(format!(
                    "Offer filter '{other}' is not supported in this sandbox."
                )));
            }
        };
        if !matches {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Who made the offer: its seller, or the marketplace for a renewal.
fn source(offer: &Offer) -> &'static str {
    if offer.renews.is_some() {
        "AwsMarketplace"
    } else {
        "Seller"
    }
}

/// Whether an instant lies in the filter's `DateRange`; one that is not there lies in none.
fn in_range(at: Option<DateTime<Utc>>, filter: &Value) -> bool {
    let bound = |name: &str| {
        let text = filter.pointer(&format!("/DateRange/{name}"))?.as_str()?;
        text.parse::<DateTime<Utc>>().ok()
    };
    at.is_some_and(|at| {
        bound("AfterValue").is_none_or(|after| at > after)
            && bound("BeforeValue").is_none_or(|before| at < before)
    })
}

fn offer_summary(caller: &str, offer: &Offer) -> Value {
    let mut summary = Map::new();
    put(&mut summary, "Name", offer.name.as_ref());
    put(&mut summary, "ProductId", Some(&offer.product_id));
    put(
        &mut summary,
        "ResaleAuthorizationId",
        offer.resale.as_ref().map(|resale| &resale.authorization_id),
    );
    put(
        &mut summary,
        "ReleaseDate",
        offer.released_at.map(timestamp),
    );
    put(
        &mut summary,
        "AvailabilityEndDate",
        offer.availability_end.map(|day| format!("{day}T23:59:59Z")),
    );
    put(
        &mut summary,
        "BuyerAccounts",
        Some(offer.buyers()).filter(|buyers| !buyers.is_empty()),
    );
    put(&mut summary, "State", Some(state(offer)));
    put(&mut summary, "TargetAgreementId", offer.renews.as_ref());
    let renews = offer.renews.is_some();
    put(
        &mut summary,
        "TargetAgreementIntent",
        renews.then_some("Renew"),
    );
    put(&mut summary, "CreatedBySource", Some(source(offer)));
    put(
        &mut summary,
        "Targeting",
        (!offer.buyers().is_empty()).then_some(["BuyerAccounts"]),
    );
    json!({
        "Name": offer.name.as_deref().unwrap_or_default(),
        "EntityType": "Offer",
        "EntityId": offer.id,
        "EntityArn": arn(caller, "Offer", &offer.id),
        "LastModifiedDate": timestamp(offer.modified_at),
        "Visibility": if offer.state == OfferState::Released { "Private" } else { "Draft" },
        "OfferSummary": summary,
    })
}

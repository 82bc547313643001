//! `DescribeEntity` and `ListEntities`, in the shapes that a released professional-services offer has at AWS.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Map, Value, json};

use super::authorizations::Authorization;
use super::change_sets::{optional_text, require_catalog};
use super::model::{
    Document, FixedUpfront, Offer, OfferState, PriceIncrease, Renewal, Schedule, Targeting,
    Validity, VariablePayment,
};
use super::{Refusal, World, arn, paging, timestamp};
use crate::config::{Product, ProductState};

const BATCH_MAX: usize = 20;
const PRODUCT_KIND: &str = "ProfessionalServicesProduct";

impl World {
    /// `DescribeEntity`. `base` is where this sandbox serves its copies of legal documents.
    pub(crate) fn describe_entity(
        &self,
        caller: &str,
        id: &str,
        base: &str,
    ) -> Result<Value, Refusal> {
        let plain = id.split_once('@').map_or(id, |(plain, _)| plain);
        if let Some(product) = self.product(plain)
            && self.product_owner(plain) == Some(caller)
        {
            return Ok(product_entity(caller, product));
        }
        if let Some(found) = self.authorization_seen_by(caller, plain) {
            return Ok(self.authorization_entity(found, base));
        }
        let offer = self.offer_of(caller, plain)?;
        let details = offer_details(offer, base);
        Ok(json!({
            "EntityType": "Offer@1.0",
            "EntityIdentifier": format!("{}@{}", offer.id, offer.revision),
            "EntityArn": arn(caller, "Offer", &offer.id),
            "LastModifiedDate": timestamp(offer.modified_at),
            "Details": details.to_string(),
            "DetailsDocument": details,
        }))
    }

    /// `BatchDescribeEntities`: each entity succeeds or fails by itself.
    pub(crate) fn batch_describe_entities(
        &self,
        caller: &str,
        body: &Value,
        base: &str,
    ) -> Result<Value, Refusal> {
        let sent = body
            .get("EntityRequestList")
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        if !(1..=BATCH_MAX).contains(&sent.len()) {
            return Err(Refusal::validation(
                "EntityRequestList must have 1 to 20 entries.",
            ));
        }
        let (mut details, mut errors) = (Map::new(), Map::new());
        for request in sent {
            require_catalog(optional_text(request, "Catalog")?)?;
            let id = optional_text(request, "EntityId")?
                .ok_or_else(|| Refusal::validation("EntityId is required."))?;
            if let Ok(mut entity) = self.describe_entity(caller, id, base) {
                if let Value::Object(fields) = &mut entity {
                    fields.remove("Details");
                }
                details.insert(id.to_owned(), entity);
            } else {
                let error = json!({ "ErrorCode": "RESOURCE_NOT_FOUND_EXCEPTION",
                    "ErrorMessage": format!("Entity '{id}' was not found.") });
                errors.insert(id.to_owned(), error);
            }
        }
        Ok(json!({ "EntityDetails": details, "Errors": errors }))
    }

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
}

impl World {
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

fn state(offer: &Offer) -> &'static str {
    match offer.state {
        OfferState::Draft => "Draft",
        OfferState::Released => "Released",
    }
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

fn offer_details(offer: &Offer, base: &str) -> Value {
    let mut details = Map::new();
    put(&mut details, "Id", Some(&offer.id));
    put(&mut details, "Name", offer.name.as_ref());
    put(&mut details, "Description", offer.description.as_ref());
    put(
        &mut details,
        "PreExistingAgreement",
        offer.pre_existing_agreement.as_ref(),
    );
    put(&mut details, "ProductId", Some(&offer.product_id));
    if let Some(resale) = &offer.resale {
        put(
            &mut details,
            "ResaleAuthorizationId",
            Some(&resale.authorization_id),
        );
        let markup = resale.markup.filter(|_| !resale.explicit);
        put(
            &mut details,
            "MarkupPercentage",
            markup.map(|percentage| percentage.to_string()),
        );
    }
    let terms: Vec<Value> = [
        offer
            .legal
            .as_deref()
            .map(|documents| legal_term(documents, base)),
        offer
            .pricing
            .as_ref()
            .map(|term| pricing_term(term, "FixedUpfrontPricingTerm")),
        offer.validity.as_ref().map(validity_term),
        offer
            .schedule
            .as_ref()
            .map(|term| schedule_term(term, "PaymentScheduleTerm")),
        offer.variable.as_ref().map(variable_term),
        offer.renewal.as_ref().map(renewal_term),
        offer
            .net_payment
            .as_ref()
            .map(|period| json!({ "Type": "NetPaymentTerm", "PaymentDuePeriod": period })),
    ]
    .into_iter()
    .flatten()
    .collect();
    details.insert("Terms".to_owned(), json!(terms));
    let availability = offer.availability_end.map(|day| {
        json!({ "Type": "AvailabilityRule", "AvailabilityEndDate": format!("{day}T23:59:59.999Z") })
    });
    let rules: Vec<Value> = availability
        .into_iter()
        .chain(offer.targeting.as_ref().map(targeting_rule))
        .collect();
    details.insert("Rules".to_owned(), json!(rules));
    put(&mut details, "State", Some(state(offer)));
    Value::Object(details)
}

fn legal_term(documents: &[Document], base: &str) -> Value {
    let documents: Vec<Value> = documents
        .iter()
        .map(|document| match document {
            Document::CustomEula { .. } => {
                json!({ "Type": "CustomEula", "Url": document_url(document, base) })
            }
            Document::StandardEula { version } => {
                json!({ "Type": "StandardEula", "Version": version })
            }
        })
        .collect();
    json!({ "Type": "LegalTerm", "Documents": documents })
}

/// The address that the API shows for a document: the marketplace's copy, once there is one.
pub(crate) fn document_url(document: &Document, base: &str) -> Option<String> {
    match document {
        Document::CustomEula {
            copy: Some(digest), ..
        } => Some(format!("{base}/legal/{digest}")),
        Document::CustomEula { url, copy: None } => Some(url.clone()),
        Document::StandardEula { .. } => None,
    }
}

pub(super) fn pricing_term(term: &FixedUpfront, kind: &str) -> Value {
    let grants: Vec<Value> = term
        .grants
        .iter()
        .map(|grant| {
            let mut fields = Map::new();
            put(&mut fields, "DimensionKey", Some(&grant.dimension_key));
            put(&mut fields, "MaxQuantity", grant.max_quantity);
            Value::Object(fields)
        })
        .collect();
    let mut fields = Map::new();
    put(&mut fields, "Type", Some(kind));
    put(&mut fields, "CurrencyCode", Some(&term.currency));
    put(&mut fields, "Price", Some(term.price.to_string()));
    put(&mut fields, "Duration", term.duration.as_ref());
    put(&mut fields, "Grants", Some(grants));
    Value::Object(fields)
}

fn validity_term(term: &Validity) -> Value {
    let day = |day: NaiveDate| day.to_string();
    let mut fields = Map::new();
    put(&mut fields, "Type", Some("ValidityTerm"));
    put(&mut fields, "AgreementDuration", term.duration.as_ref());
    put(&mut fields, "AgreementStartDate", term.start.map(day));
    put(&mut fields, "AgreementEndDate", term.end.map(day));
    Value::Object(fields)
}

/// AWS shows charge dates as instants although it takes them as days.
pub(super) fn schedule_term(term: &Schedule, kind: &str) -> Value {
    let schedule: Vec<Value> = term
        .charges
        .iter()
        .map(|charge| {
            json!({
                "ChargeDate": format!("{}T00:00:00.000Z", charge.date),
                "ChargeAmount": charge.amount.to_string(),
            })
        })
        .collect();
    json!({ "Type": kind, "CurrencyCode": term.currency, "Schedule": schedule })
}

fn variable_term(term: &VariablePayment) -> Value {
    json!({ "Type": "VariablePaymentTerm", "CurrencyCode": term.currency,
        "MaxTotalChargeAmount": term.cap.to_string() })
}

fn renewal_term(term: &Renewal) -> Value {
    let mut fields = Map::new();
    put(&mut fields, "Type", Some("RenewalTerm"));
    put(
        &mut fields,
        "LockoutPeriod",
        Some(format!("P{}D", term.lockout)),
    );
    put(
        &mut fields,
        "AdjustmentDeadline",
        term.deadline.map(|days| format!("P{days}D")),
    );
    put(&mut fields, "MaxRenewals", term.max);
    let increase = term.increase.as_ref().map(|increase| match increase {
        PriceIncrease::Fixed(value) => json!({ "FixedPercentage": { "Value": value.to_string() } }),
        PriceIncrease::Range { min, max, default } => json!({ "PercentageRange": {
            "MinValue": min.to_string(), "MaxValue": max.to_string(), "DefaultValue": default.to_string() } }),
    });
    put(&mut fields, "PriceIncrease", increase);
    Value::Object(fields)
}

fn targeting_rule(targeting: &Targeting) -> Value {
    let some = |list: &[String]| Some(list.to_vec()).filter(|list| !list.is_empty());
    let mut positive = Map::new();
    put(
        &mut positive,
        "BuyerAccounts",
        some(&targeting.buyer_accounts),
    );
    put(
        &mut positive,
        "CountryCodes",
        some(&targeting.country_codes),
    );
    let mut rule = Map::new();
    put(&mut rule, "Type", Some("TargetingRule"));
    put(
        &mut rule,
        "PositiveTargeting",
        Some(positive).filter(|fields| !fields.is_empty()),
    );
    put(
        &mut rule,
        "NegativeTargeting",
        some(&targeting.excluded_country_codes).map(|codes| json!({ "CountryCodes": codes })),
    );
    Value::Object(rule)
}

fn product_entity(caller: &str, product: &Product) -> Value {
    let dimensions: Vec<Value> = product
        .dimensions
        .iter()
        .map(|dimension| json!({ "Key": dimension.key, "Name": dimension.name, "Types": ["Entitled"] }))
        .collect();
    let details = json!({
        "Description": { "ProductTitle": product.title, "Visibility": visibility(product) },
        "Dimensions": dimensions,
    });
    json!({
        "EntityType": format!("{PRODUCT_KIND}@1.0"),
        "EntityIdentifier": format!("{}@1", product.id),
        "EntityArn": arn(caller, PRODUCT_KIND, &product.id),
        "LastModifiedDate": "2026-01-01T00:00:00Z",
        "Details": details.to_string(),
        "DetailsDocument": details,
    })
}

fn product_summary(caller: &str, product: &Product) -> Value {
    json!({
        "Name": product.title,
        "EntityType": PRODUCT_KIND,
        "EntityId": product.id,
        "EntityArn": arn(caller, PRODUCT_KIND, &product.id),
        "LastModifiedDate": "2026-01-01T00:00:00Z",
        "Visibility": visibility(product),
    })
}

fn visibility(product: &Product) -> &'static str {
    match product.state {
        ProductState::Draft => "Draft",
        ProductState::Limited => "Limited",
        ProductState::Public => "Public",
        ProductState::Restricted => "Restricted",
    }
}

pub(super) fn put<T: serde::Serialize>(
    fields: &mut Map<String, Value>,
    name: &str,
    value: Option<T>,
) {
    if let Some(value) = value {
        fields.insert(name.to_owned(), json!(value));
    }
}

//! `DescribeEntity` and `BatchDescribeEntities`, in the shapes that a released professional-services offer has at AWS.

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use super::change_sets::{optional_text, require_catalog};
use super::model::{
    Agreement, Document, Offer, OfferState, PriceIncrease, Renewal, Schedule, Targeting, Validity,
    VariablePayment,
};
use super::pricing::{FixedUpfront, Pricing, RateCard, constraint};
use super::pricing_inputs::{self, Words};
use super::{Refusal, World, arn, timestamp};
use crate::config::{Product, ProductState};

const BATCH_MAX: usize = 20;
pub(super) const PRODUCT_KIND: &str = "ProfessionalServicesProduct";

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
        if let Some(kind) = self.kind_without_entity(caller, plain) {
            let message = format!("'{plain}' is {kind}, which is not supported as an entity.");
            return Err(Refusal::NotSupported { message });
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
            let (code, message) = match self.describe_entity(caller, id, base) {
                Ok(mut entity) => {
                    if let Value::Object(fields) = &mut entity {
                        fields.remove("Details");
                    }
                    details.insert(id.to_owned(), entity);
                    continue;
                }
                Err(Refusal::NotSupported { message }) => {
                    ("RESOURCE_NOT_SUPPORTED_EXCEPTION", message)
                }
                Err(_) => {
                    let message = format!("Entity '{id}' was not found.");
                    ("RESOURCE_NOT_FOUND_EXCEPTION", message)
                }
            };
            let error = json!({ "ErrorCode": code, "ErrorMessage": message });
            errors.insert(id.to_owned(), error);
        }
        Ok(json!({ "EntityDetails": details, "Errors": errors }))
    }

    /// What the caller has under that id without its being an entity that can be described (facts §1.1, 415).
    fn kind_without_entity(&self, caller: &str, id: &str) -> Option<&'static str> {
        let own_agreement = |agreement: &Agreement| {
            agreement.id == id && (agreement.proposer == caller || agreement.acceptor == caller)
        };
        if self.change_set_of(caller, id).is_ok() {
            Some("a change set")
        } else if self.agreements.iter().any(own_agreement) {
            Some("an agreement")
        } else {
            None
        }
    }
}

pub(super) fn state(offer: &Offer) -> &'static str {
    match offer.state {
        OfferState::Draft => "Draft",
        OfferState::Released => "Released",
    }
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
            .map(|term| pricing_term(term, &pricing_inputs::OFFER)),
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

pub(super) fn pricing_term(term: &Pricing, words: &Words) -> Value {
    match term {
        Pricing::Fixed(term) => fixed_term(term, words.fixed),
        Pricing::Configurable(term) => {
            let cards: Vec<Value> = term.cards.iter().map(rate_card).collect();
            json!({ "Type": words.configurable, "CurrencyCode": term.currency, "RateCards": cards })
        }
    }
}

fn rate_card(card: &RateCard) -> Value {
    let rates: Vec<Value> = card
        .rates
        .iter()
        .map(|rate| json!({ "DimensionKey": rate.dimension_key, "Price": rate.price.to_string() }))
        .collect();
    json!({
        "Selector": { "Type": "Duration", "Value": card.duration },
        "RateCard": rates,
        "Constraints": {
            "MultipleDimensionSelection": constraint(card.several_dimensions),
            "QuantityConfiguration": constraint(card.any_quantity),
        },
    })
}

fn fixed_term(term: &FixedUpfront, kind: &str) -> Value {
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

pub(super) fn product_summary(caller: &str, product: &Product) -> Value {
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

//! `ListEntities`: offers, resale authorizations and products, by filter, newest change first unless it is
//! asked otherwise.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Map, Value, json};

use super::authorizations::{Authorization, legal_name};
use super::change_sets::{optional_text, require_catalog};
use super::entities::{PRODUCT_KIND, product_summary, put, state};
use super::filters::{self, Actual, Filter, Form};
use super::model::{Offer, OfferState};
use super::sorting::{self, Order};
use super::{Refusal, World, arn, paging, timestamp};

impl World {
    /// `ListEntities` for offers, resale authorizations and products.
    pub(crate) fn list_entities(&self, caller: &str, body: &Value) -> Result<Value, Refusal> {
        require_catalog(optional_text(body, "Catalog")?)?;
        let shared = match optional_text(body, "OwnershipType")? {
            None | Some("SELF") => false,
            Some("SHARED") => true,
            Some(_) => return Err(Refusal::validation("OwnershipType must be SELF or SHARED.")),
        };
        let entity_type = optional_text(body, "EntityType")?.unwrap_or_default();
        let forms = match entity_type {
            "Offer" => &OFFER_FILTERS[..],
            "ResaleAuthorization" => &AUTHORIZATION_FILTERS[..],
            PRODUCT_KIND => &[],
            other => {
                return Err(Refusal::validation(format!(
                    "EntityType '{other}' is not supported in this sandbox."
                )));
            }
        };
        let filters = read_filters(body, entity_type, forms)?;
        // What can be looked for can be sorted by.
        let usual = ["LastModifiedDate", "EntityId"];
        let more = forms.iter().map(|(name, _)| *name);
        let more = more.filter(|name| !usual.contains(name));
        let fields: Vec<&str> = usual.into_iter().chain(more).collect();
        let order = sorting::of_entities(body, entity_type, &fields)?;
        let found = match entity_type {
            "ResaleAuthorization" => self.list_authorizations(caller, &filters, &order, shared),
            _ if shared => Vec::new(),
            "Offer" => self.list_offers(caller, &filters, &order),
            _ => self.list_products(caller, &filters, &order),
        };
        paging::page(found, body, "EntitySummaryList", 20, 50)
    }

    /// Products were all last modified when the sandbox began: they have an order by id only.
    fn list_products(&self, caller: &str, filters: &[Filter], order: &Order<'_>) -> Vec<Value> {
        let own = self.products.iter();
        let own = own.filter(|product| self.product_owner(&product.id) == Some(caller));
        let found = own.filter(|product| {
            let id = Actual::Texts(vec![product.id.clone()]);
            filters.iter().all(|filter| filter.matches(&id))
        });
        let mut found: Vec<_> = found.collect();
        order.sort(&mut found, |product| product.id.clone());
        let shown = found.into_iter();
        shown
            .map(|product| product_summary(caller, product))
            .collect()
    }

    fn list_offers(&self, caller: &str, filters: &[Filter], order: &Order<'_>) -> Vec<Value> {
        let own = self.offers.iter().filter(|offer| offer.owner == caller);
        let mut offers: Vec<&Offer> = own
            .filter(|offer| {
                filters
                    .iter()
                    .all(|filter| filter.matches(&of_offer(offer, &filter.name)))
            })
            .collect();
        order.sort(&mut offers, |offer| {
            (of_offer(offer, order.by), offer.id.clone())
        });
        let shown = offers.into_iter();
        shown.map(|offer| offer_summary(caller, offer)).collect()
    }

    fn list_authorizations(
        &self,
        caller: &str,
        filters: &[Filter],
        order: &Order<'_>,
        shared: bool,
    ) -> Vec<Value> {
        let visible = |found: &&Authorization| {
            if shared {
                found.is_shared_with(caller)
            } else {
                found.owner == caller
            }
        };
        let mut found: Vec<&Authorization> = self
            .authorizations
            .iter()
            .filter(visible)
            .filter(|found| {
                filters
                    .iter()
                    .all(|filter| filter.matches(&self.of_authorization(found, &filter.name)))
            })
            .collect();
        order.sort(&mut found, |found| {
            (self.of_authorization(found, order.by), found.id.clone())
        });
        let shown = found.into_iter();
        shown
            .map(|found| self.authorization_summary(found))
            .collect()
    }

    fn of_authorization(&self, found: &Authorization, name: &str) -> Actual {
        let text = match name {
            "EntityId" => found.id.clone(),
            "Name" => found.name.clone(),
            "ProductId" => found.product_id.clone(),
            "ProductName" => {
                let product = self.product(&found.product_id);
                return Actual::Texts(product.map(|it| it.title.clone()).into_iter().collect());
            }
            "ManufacturerAccountId" => found.owner.clone(),
            "ManufacturerLegalName" => legal_name(&found.owner),
            "ResellerAccountID" => found.reseller.clone(),
            "ResellerLegalName" => legal_name(&found.reseller),
            "ResellerRole" => RESELLER_ROLE.to_owned(),
            "Status" => found.status.as_str().to_owned(),
            "OfferExtendedStatus" => {
                let made = self.offers_made_of(&found.id);
                found.extended_status(made).to_owned()
            }
            "CreatedDate" => return Actual::At(Some(found.created_at)),
            "LastModifiedDate" => return Actual::At(Some(found.modified_at)),
            "AvailabilityEndDate" => return Actual::At(last_second(found.availability_end)),
            // Distributors, and what they pass on, do not exist here: such a filter finds nothing.
            _ => return Actual::Texts(Vec::new()),
        };
        Actual::Texts(vec![text])
    }
}

/// The filters of a request, for entities of that type (MODEL-C).
fn read_filters(
    body: &Value,
    entity_type: &str,
    forms: &[(&str, Form)],
) -> Result<Vec<Filter>, Refusal> {
    let mut filters = Vec::new();
    for (name, filter) in filters::listed(body)? {
        if name != "EntityId" {
            return Err(filters::unsupported(name));
        }
        filters.extend(filters::read(
            &json!({ name: { "ValueList": filter["ValueList"] } }),
            &[(name, Form::Values)],
        )?);
    }
    let by_type = body.get("EntityTypeFilters").and_then(Value::as_object);
    for (of, sent) in by_type.into_iter().flatten() {
        if *of != format!("{entity_type}Filters") || forms.is_empty() {
            return Err(Refusal::validation(format!(
                "{of} cannot be used for EntityType {entity_type}."
            )));
        }
        filters.extend(filters::read(sent, forms)?);
    }
    Ok(filters)
}

const RESELLER_ROLE: &str = "ChannelPartner";

const OFFER_FILTERS: [(&str, Form); 14] = [
    ("EntityId", Form::Values),
    ("Name", Form::Text),
    ("ProductId", Form::Values),
    ("ResaleAuthorizationId", Form::Values),
    ("OfferSetId", Form::Values),
    ("ReleaseDate", Form::Dates),
    ("AvailabilityEndDate", Form::Dates),
    ("LastModifiedDate", Form::Dates),
    ("BuyerAccounts", Form::Wildcard),
    ("State", Form::Words(&["Draft", "Released"])),
    (
        "Targeting",
        Form::Words(&[
            "BuyerAccounts",
            "ParticipatingPrograms",
            "CountryCodes",
            "None",
        ]),
    ),
    ("TargetAgreementId", Form::Values),
    ("TargetAgreementIntent", Form::Words(&["Renew"])),
    (
        "CreatedBySource",
        Form::Words(&["Seller", "AwsMarketplace"]),
    ),
];

const AUTHORIZATION_FILTERS: [(&str, Form); 16] = [
    ("EntityId", Form::Values),
    ("Name", Form::Text),
    ("ProductId", Form::Text),
    ("ProductName", Form::Text),
    ("CreatedDate", Form::DatesOrValues),
    ("AvailabilityEndDate", Form::DatesOrValues),
    ("LastModifiedDate", Form::Dates),
    ("ManufacturerAccountId", Form::Text),
    ("ManufacturerLegalName", Form::Text),
    ("ResellerAccountID", Form::Text),
    ("ResellerLegalName", Form::Text),
    ("ResellerRole", Form::Words(&[RESELLER_ROLE, "Distributor"])),
    ("Status", Form::Words(&["Draft", "Active", "Restricted"])),
    ("OfferExtendedStatus", Form::Values),
    ("SourceAuthorization", Form::Values),
    ("IssuerAccountId", Form::Values),
];

fn of_offer(offer: &Offer, name: &str) -> Actual {
    let one = |text: Option<&str>| Actual::Texts(text.map(str::to_owned).into_iter().collect());
    match name {
        "EntityId" => one(Some(&offer.id)),
        "Name" => one(offer.name.as_deref()),
        "ProductId" => one(Some(&offer.product_id)),
        "ResaleAuthorizationId" => {
            let resale = offer.resale.as_ref();
            one(resale.map(|resale| resale.authorization_id.as_str()))
        }
        "ReleaseDate" => Actual::At(offer.released_at),
        "AvailabilityEndDate" => Actual::At(last_second(offer.availability_end)),
        "LastModifiedDate" => Actual::At(Some(offer.modified_at)),
        "BuyerAccounts" => Actual::Texts(offer.buyers().to_vec()),
        "State" => one(Some(state(offer))),
        "Targeting" => match targeted_by(offer) {
            words if words.is_empty() => one(Some("None")),
            words => Actual::Texts(words.into_iter().map(str::to_owned).collect()),
        },
        "TargetAgreementId" => one(offer.renews.as_deref()),
        "TargetAgreementIntent" => one(offer.renews.as_ref().map(|_| "Renew")),
        "CreatedBySource" => one(Some(source(offer))),
        // Offer sets do not exist here: such a filter finds nothing.
        _ => one(None),
    }
}

/// By what an offer says whom it is for.
fn targeted_by(offer: &Offer) -> Vec<&'static str> {
    let targeting = offer.targeting.as_ref();
    let countries = targeting.is_some_and(|targeting| {
        !targeting.country_codes.is_empty() || !targeting.excluded_country_codes.is_empty()
    });
    let words = [
        (!offer.buyers().is_empty(), "BuyerAccounts"),
        (countries, "CountryCodes"),
    ];
    let said = words.into_iter().filter(|(said, _)| *said);
    said.map(|(_, word)| word).collect()
}

/// The end of a last day, as the list shows it.
fn last_second(day: Option<NaiveDate>) -> Option<DateTime<Utc>> {
    let end = day.and_then(|day| day.and_hms_opt(23, 59, 59));
    end.map(|end| end.and_utc())
}

/// Who made the offer: its seller, or the marketplace for a renewal.
fn source(offer: &Offer) -> &'static str {
    if offer.renews.is_some() {
        "AwsMarketplace"
    } else {
        "Seller"
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
        Some(targeted_by(offer)).filter(|words| !words.is_empty()),
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

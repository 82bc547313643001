//! Resale authorizations: the entity, how changes make it, who sees it, how it shows (facts §1.5).

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::authorization_changes::Details;
use super::entities::{self, put};
use super::model::{Document, Schedule};
use super::pricing::Pricing;
use super::pricing_inputs;
use super::{World, arn, timestamp};

/// `Status` of the API. Expiry is not a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum AuthorizationStatus {
    Draft,
    Active,
    Restricted,
}

impl AuthorizationStatus {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "Draft",
            Self::Active => "Active",
            Self::Restricted => "Restricted",
        }
    }
}

/// What a manufacturer lets one reseller offer.
#[derive(Debug, Clone)]
pub(crate) struct Authorization {
    pub(crate) id: String,
    /// The manufacturer.
    pub(crate) owner: String,
    pub(crate) reseller: String,
    pub(crate) product_id: String,
    pub(crate) revision: u32,
    pub(crate) status: AuthorizationStatus,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) pre_existing: Option<Value>,
    /// Empty: any buyer.
    pub(crate) buyers: Vec<String>,
    /// Last day on which offers can be made of it; none: open-ended.
    pub(crate) availability_end: Option<NaiveDate>,
    /// 1 for single use; none: any number.
    pub(crate) max_offers: Option<u32>,
    pub(crate) legal: Option<Document>,
    pub(crate) contract: Option<Document>,
    /// The reseller agreed to `contract`, in the portal.
    pub(crate) contract_accepted: bool,
    pub(crate) pricing: Option<Pricing>,
    pub(crate) schedule: Option<Schedule>,
    pub(crate) net_payment: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) modified_at: DateTime<Utc>,
}

impl Authorization {
    pub(crate) fn is_expired(&self, today: NaiveDate) -> bool {
        self.availability_end.is_some_and(|end| end < today)
    }

    /// The authorization that a creating change makes.
    pub(crate) fn created(
        details: &Details,
        owner: &str,
        id: &str,
        at: DateTime<Utc>,
    ) -> Option<Self> {
        let Details::Create {
            product_id,
            name,
            description,
            reseller,
        } = details
        else {
            return None;
        };
        Some(Self {
            id: id.to_owned(),
            owner: owner.to_owned(),
            reseller: reseller.clone(),
            product_id: product_id.clone(),
            revision: 1,
            status: AuthorizationStatus::Draft,
            name: name.clone(),
            description: description.clone(),
            pre_existing: None,
            buyers: Vec::new(),
            availability_end: None,
            max_offers: None,
            legal: None,
            contract: None,
            contract_accepted: false,
            pricing: None,
            schedule: None,
            net_payment: None,
            created_at: at,
            modified_at: at,
        })
    }

    pub(crate) fn apply(&mut self, details: &Details) {
        match details {
            Details::UpdateInformation {
                name,
                description,
                pre_existing,
            } => {
                if let Some(name) = name {
                    self.name.clone_from(name);
                }
                if description.is_some() {
                    self.description.clone_from(description);
                }
                if let Some(pre_existing) = pre_existing {
                    self.pre_existing = Some(pre_existing.clone()).filter(|value| !value.is_null());
                }
            }
            Details::UpdateBuyerTargetingTerms(buyers) => self.buyers.clone_from(buyers),
            Details::UpdateAvailability { end, offers } => {
                self.availability_end = *end;
                self.max_offers = *offers;
            }
            Details::UpdateLegalTerms { buyer, contract } => {
                self.legal.clone_from(buyer);
                self.contract.clone_from(contract);
            }
            Details::UpdatePricingTerms(pricing) => self.pricing.clone_from(pricing),
            Details::UpdatePaymentScheduleTerms(schedule) => self.schedule.clone_from(schedule),
            Details::UpdateNetPaymentTerms(period) => self.net_payment.clone_from(period),
            Details::Restrict => self.status = AuthorizationStatus::Restricted,
            // Released last, whatever its place in the set.
            Details::Create { .. } | Details::UpdateBuyerValidityTerms | Details::Release => {}
        }
    }
}

impl World {
    pub(crate) fn authorization(&self, id: &str) -> Option<&Authorization> {
        self.authorizations
            .iter()
            .find(|authorization| authorization.id == id)
    }

    /// What `caller` may read: their own, and released ones that name them as reseller.
    pub(crate) fn authorization_seen_by(&self, caller: &str, id: &str) -> Option<&Authorization> {
        self.authorization(id)
            .filter(|found| found.owner == caller || found.is_shared_with(caller))
    }

    /// How many offers were made of it, drafts included: `OfferCreatedCount`.
    pub(crate) fn offers_made_of(&self, id: &str) -> usize {
        self.offers
            .iter()
            .filter(|offer| {
                offer
                    .resale
                    .as_ref()
                    .is_some_and(|resale| resale.authorization_id == id)
            })
            .count()
    }

    pub(crate) fn authorization_entity(&self, found: &Authorization, base: &str) -> Value {
        let details = self.authorization_details(found, base);
        json!({
            "EntityType": "ResaleAuthorization@1.0",
            "EntityIdentifier": format!("{}@{}", found.id, found.revision),
            "EntityArn": arn(&found.owner, "ResaleAuthorization", &found.id),
            "LastModifiedDate": timestamp(found.modified_at),
            "Details": details.to_string(),
            "DetailsDocument": details,
        })
    }

    fn authorization_details(&self, found: &Authorization, base: &str) -> Value {
        let made = self.offers_made_of(&found.id);
        let mut details = Map::new();
        put(&mut details, "Name", Some(&found.name));
        put(&mut details, "Description", found.description.as_ref());
        put(&mut details, "ProductId", Some(&found.product_id));
        let product = self.product(&found.product_id);
        put(
            &mut details,
            "ProductName",
            product.map(|product| &product.title),
        );
        put(&mut details, "Status", Some(found.status.as_str()));
        // Which AWS shows whether or not it was told.
        let unknown = || json!({ "AcquisitionChannel": "Unknown", "PricingModel": "Unknown" });
        let pre_existing = found.pre_existing.clone().unwrap_or_else(unknown);
        put(
            &mut details,
            "PreExistingBuyerAgreement",
            Some(pre_existing),
        );
        put(
            &mut details,
            "OfferDetails",
            Some(
                json!({ "OfferExtendedStatus": found.extended_status(made), "OfferCreatedCount": made }),
            ),
        );
        put(&mut details, "Terms", Some(found.terms(base)));
        put(&mut details, "Rules", Some(found.rules()));
        put(
            &mut details,
            "CreatedDate",
            Some(timestamp(found.created_at)),
        );
        put(&mut details, "ManufacturerAccountId", Some(&found.owner));
        put(
            &mut details,
            "ManufacturerLegalName",
            Some(legal_name(&found.owner)),
        );
        Value::Object(details)
    }

    pub(crate) fn authorization_summary(&self, found: &Authorization) -> Value {
        let mut summary = Map::new();
        put(&mut summary, "Name", Some(&found.name));
        put(&mut summary, "ProductId", Some(&found.product_id));
        let product = self.product(&found.product_id);
        put(
            &mut summary,
            "ProductName",
            product.map(|product| &product.title),
        );
        put(&mut summary, "ManufacturerAccountId", Some(&found.owner));
        put(
            &mut summary,
            "ManufacturerLegalName",
            Some(legal_name(&found.owner)),
        );
        put(&mut summary, "ResellerAccountID", Some(&found.reseller));
        put(
            &mut summary,
            "ResellerLegalName",
            Some(legal_name(&found.reseller)),
        );
        put(&mut summary, "Status", Some(found.status.as_str()));
        let made = self.offers_made_of(&found.id);
        put(
            &mut summary,
            "OfferExtendedStatus",
            Some(found.extended_status(made)),
        );
        put(
            &mut summary,
            "CreatedDate",
            Some(timestamp(found.created_at)),
        );
        put(
            &mut summary,
            "AvailabilityEndDate",
            found.availability_end.map(|day| format!("{day}T23:59:59Z")),
        );
        put(&mut summary, "ResellerRole", Some("ChannelPartner"));
        json!({
            "Name": found.name,
            "EntityType": "ResaleAuthorization",
            "EntityId": found.id,
            "EntityArn": arn(&found.owner, "ResaleAuthorization", &found.id),
            "LastModifiedDate": timestamp(found.modified_at),
            "ResaleAuthorizationSummary": summary,
        })
    }
}

impl Authorization {
    pub(crate) fn is_shared_with(&self, caller: &str) -> bool {
        self.reseller == caller && self.status != AuthorizationStatus::Draft
    }

    pub(crate) fn extended_status(&self, offers_made: usize) -> &'static str {
        if offers_made == 0 {
            "Not Started"
        } else if self.max_offers.is_some() {
            "Completed-Used"
        } else {
            "Completed-Usable"
        }
    }

    fn terms(&self, base: &str) -> Vec<Value> {
        // Not as they were sent: an account is an object here.
        let buyers = (!self.buyers.is_empty()).then(|| {
            let accounts = self.buyers.iter();
            let accounts: Vec<Value> = accounts.map(|id| json!({ "AwsAccountId": id })).collect();
            json!({ "Type": "BuyerTargetingTerm", "PositiveTargeting": { "BuyerAccounts": accounts } })
        });
        let legal = |kind: &str, custom: &str, standard: &str, document: &Document| {
            let shown = match document {
                Document::CustomEula { .. } => {
                    json!({ "Type": custom, "Url": entities::document_url(document, base) })
                }
                Document::StandardEula { version } => {
                    json!({ "Type": standard, "Version": version })
                }
            };
            json!({ "Type": kind, "Documents": [shown] })
        };
        let eula = self
            .legal
            .as_ref()
            .map(|document| legal("BuyerLegalTerm", "CustomEula", "StandardEula", document));
        let contract = self.contract.as_ref().map(|document| {
            let names = ("CustomResellerContract", "StandardResellerContract");
            legal("ResaleLegalTerm", names.0, names.1, document)
        });
        let net = self
            .net_payment
            .as_ref()
            .map(|period| json!({ "Type": "ResaleNetPaymentTerm", "PaymentDuePeriod": period }));
        let pricing = self
            .pricing
            .as_ref()
            .map(|term| entities::pricing_term(term, &pricing_inputs::AUTHORIZATION));
        let schedule = self
            .schedule
            .as_ref()
            .map(|term| entities::schedule_term(term, "ResalePaymentScheduleTerm"));
        [buyers, eula, contract, pricing, schedule, net]
            .into_iter()
            .flatten()
            .collect()
    }

    fn rules(&self) -> Vec<Value> {
        let mut availability = Map::new();
        put(&mut availability, "Type", Some("AvailabilityRule"));
        let limited = self.availability_end.is_some() || self.max_offers.is_some();
        let usage = if limited { "Limited" } else { "Unlimited" };
        put(&mut availability, "Usage", Some(usage));
        let last = self.availability_end;
        put(
            &mut availability,
            "AvailabilityEndDate",
            last.map(|day| format!("{day}T23:59:59Z")),
        );
        put(&mut availability, "OffersMaxQuantity", self.max_offers);
        let partner = json!({ "Type": "PartnerTargetingRule", "ResellerAccountId": self.reseller,
            "ResellerLegalName": legal_name(&self.reseller) });
        vec![Value::Object(availability), partner]
    }
}

/// The name that the sandbox gives to every seller's company.
pub(crate) fn legal_name(account: &str) -> String {
    format!("Company, of \"{account}\"")
}

//! A change set as it is sent: made once from the plan, kept, and sent again byte for byte (O9).

use aws_sdk_marketplacecatalog::error::BuildError;
use aws_sdk_marketplacecatalog::types::{self, Change};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::resale;
use crate::domain::id::OfferId;
use crate::domain::plan::{self, AfterRelease, Plan, PreExisting};
use crate::domain::resale::Kind;

/// Of the one dimension: a package is bought once.
const QUANTITY: i32 = 1;

/// What `StartChangeSet` is called with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChangeSetRequest {
    pub(crate) name: String,
    pub(crate) client_request_token: String,
    pub(crate) changes: Vec<ChangeRequest>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChangeRequest {
    pub(crate) change_type: String,
    pub(crate) change_name: String,
    pub(crate) entity_type: String,
    pub(crate) entity_identifier: Option<String>,
    /// JSON, as text: the text is what AWS compares when a token comes twice.
    pub(crate) details: String,
}

/// Where AWS reads the documents of a release.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Urls<'a> {
    /// The one PDF.
    pub(crate) legal: &'a str,
    /// The seller's own reseller contract, where an authorization carries it.
    pub(crate) reseller_contract: Option<&'a str>,
}

impl ChangeSetRequest {
    /// Makes and releases an offer of any kind, in one set.
    pub(crate) fn release(offer_id: &OfferId, revision: u32, plan: &Plan, urls: Urls<'_>) -> Self {
        let changes = match &plan.kind {
            Kind::Direct => direct(plan, urls.legal),
            Kind::Authorization(allowed) => resale::authorization(plan, allowed, urls),
            Kind::Partner(partner) => resale::partner(plan, partner, urls.legal),
        };
        Self::of(offer_id, revision, changes)
    }

    /// Moves the expiry of an offer that AWS has, into the past to end it; or restricts an
    /// authorization.
    pub(crate) fn after_release(offer_id: &OfferId, revision: u32, asked: &AfterRelease) -> Self {
        let asked = match asked {
            AfterRelease::Availability {
                aws_offer_id,
                available_until,
            } => OFFER.on(
                aws_offer_id.as_str(),
                "UpdateAvailability",
                &json!({ "AvailabilityEndDate": available_until.to_string() }),
            ),
            AfterRelease::Restriction { authorization_id } => resale::AUTHORIZATION.on(
                authorization_id.as_str(),
                "RestrictResaleAuthorization",
                &json!({}),
            ),
        };
        Self::of(offer_id, revision, vec![asked])
    }

    fn of(offer_id: &OfferId, revision: u32, changes: Vec<ChangeRequest>) -> Self {
        Self {
            name: plan::change_set_name(offer_id, revision),
            client_request_token: plan::client_request_token(offer_id, revision),
            changes,
        }
    }

    /// As it is kept.
    pub(crate) fn to_text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// As it was kept.
    pub(crate) fn from_text(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The changes as the SDK takes them.
    pub(super) fn sdk_changes(&self) -> Result<Vec<Change>, BuildError> {
        self.changes.iter().map(ChangeRequest::to_sdk).collect()
    }
}

impl ChangeRequest {
    fn to_sdk(&self) -> Result<Change, BuildError> {
        let entity = types::Entity::builder()
            .r#type(&self.entity_type)
            .set_identifier(self.entity_identifier.clone())
            .build()?;
        Change::builder()
            .change_type(&self.change_type)
            .change_name(&self.change_name)
            .entity(entity)
            .details(&self.details)
            .build()
    }
}

/// A type of AWS's entities, and how one change of a set names what another one makes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entity {
    pub(super) r#type: &'static str,
    /// The change that makes it.
    pub(super) create: &'static str,
}

const OFFER: Entity = Entity {
    r#type: "Offer@1.0",
    create: "CreateOffer",
};

impl Entity {
    /// The change that makes it.
    pub(super) fn made(self, details: &Value) -> ChangeRequest {
        self.change(None, self.create, details)
    }

    /// A change of what the same set makes.
    pub(super) fn then(self, change_type: &str, details: &Value) -> ChangeRequest {
        let made = format!("${}.Entity.Identifier", self.create);
        self.change(Some(made), change_type, details)
    }

    /// A change of what AWS has.
    fn on(self, identifier: &str, change_type: &str, details: &Value) -> ChangeRequest {
        self.change(Some(identifier.to_owned()), change_type, details)
    }

    fn change(
        self,
        identifier: Option<String>,
        change_type: &str,
        details: &Value,
    ) -> ChangeRequest {
        ChangeRequest {
            change_type: change_type.to_owned(),
            change_name: change_type.to_owned(),
            entity_type: self.r#type.to_owned(),
            entity_identifier: identifier,
            details: details.to_string(),
        }
    }
}

fn direct(plan: &Plan, url: &str) -> Vec<ChangeRequest> {
    let duration = plan.duration.to_string();
    let mut changes = vec![
        OFFER.made(&json!({ "ProductId": plan.product_id, "Name": plan.name })),
        OFFER.then("UpdateInformation", &information(plan)),
        OFFER.then("UpdateTargeting", &targeting(plan)),
        OFFER.then("UpdateLegalTerms", &legal_terms(url)),
    ];
    changes.extend(charges(OFFER, plan));
    changes.extend(availability(OFFER, plan));
    let validity = json!({ "Type": "ValidityTerm", "AgreementDuration": duration });
    changes.push(OFFER.then("UpdateValidityTerms", &terms(&[validity])));
    changes.push(OFFER.then("ReleaseOffer", &json!({})));
    changes
}

/// The zero-priced fixed term with the schedule that charges (facts §1.3).
pub(super) fn charges(entity: Entity, plan: &Plan) -> [ChangeRequest; 2] {
    let fixed = fixed_term("FixedUpfrontPricingTerm", plan);
    let schedule = schedule_term("PaymentScheduleTerm", plan);
    [
        entity.then(
            "UpdatePricingTerms",
            &json!({ "PricingModel": "Contract", "Terms": [fixed] }),
        ),
        entity.then("UpdatePaymentScheduleTerms", &terms(&[schedule])),
    ]
}

pub(super) fn fixed_term(term: &str, plan: &Plan) -> Value {
    let grants: Vec<Value> = plan
        .dimension_key
        .iter()
        .map(|key| json!({ "DimensionKey": key, "MaxQuantity": QUANTITY }))
        .collect();
    json!({
        "Type": term,
        "CurrencyCode": plan.currency.code(),
        "Price": plan.fixed_price.amount().normalize().to_string(),
        "Duration": plan.duration.to_string(),
        "Grants": grants,
    })
}

pub(super) fn schedule_term(term: &str, plan: &Plan) -> Value {
    let schedule: Vec<Value> = plan
        .schedule
        .iter()
        .map(|charge| {
            let amount = charge.amount.amount_text();
            json!({ "ChargeDate": charge.date.to_string(), "ChargeAmount": amount })
        })
        .collect();
    json!({ "Type": term, "CurrencyCode": plan.currency.code(), "Schedule": schedule })
}

fn information(plan: &Plan) -> Value {
    let mut details = json!({ "Name": plan.name, "Description": plan.description });
    if let Some(had) = plan.pre_existing {
        details["PreExistingAgreement"] = pre_existing(had);
    }
    details
}

pub(super) fn pre_existing(had: PreExisting) -> Value {
    json!({
        "AcquisitionChannel": had.channel(),
        "PricingModel": PreExisting::PRICING_MODEL,
    })
}

pub(super) fn targeting(plan: &Plan) -> Value {
    json!({ "PositiveTargeting": { "BuyerAccounts": plan.buyer_accounts } })
}

pub(super) fn legal_terms(url: &str) -> Value {
    terms(&[json!({
        "Type": "LegalTerm",
        "Documents": [{ "Type": "CustomEula", "Url": url }],
    })])
}

pub(super) fn availability(entity: Entity, plan: &Plan) -> Option<ChangeRequest> {
    let day = plan.available_until?;
    let details = json!({ "AvailabilityEndDate": day.to_string() });
    Some(entity.then("UpdateAvailability", &details))
}

pub(super) fn terms(terms: &[Value]) -> Value {
    json!({ "Terms": terms })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample;

    const URLS: Urls<'_> = Urls {
        legal: "https://files.example/merged.pdf",
        reseller_contract: None,
    };

    fn release() -> ChangeSetRequest {
        let offer = sample::draft();
        let plan = Plan::of(&offer, sample::day("2026-03-02"));
        ChangeSetRequest::release(&offer.id, 3, &plan, URLS)
    }

    fn details(request: &ChangeSetRequest, change_type: &str) -> Value {
        let mut found = request
            .changes
            .iter()
            .filter(|change| change.change_type == change_type);
        let details = serde_json::from_str(&found.next().unwrap().details).unwrap();
        assert_eq!(found.next(), None, "one change of a type for an entity");
        details
    }

    #[test]
    fn a_release_says_what_was_approved() {
        let request = release();
        assert_eq!(request.client_request_token, "offer-1.3");
        assert_eq!(request.name, "countersign offer-1 revision 3");
        let types: Vec<&str> = request
            .changes
            .iter()
            .map(|change| change.change_type.as_str())
            .collect();
        assert_eq!(
            types,
            [
                "CreateOffer",
                "UpdateInformation",
                "UpdateTargeting",
                "UpdateLegalTerms",
                "UpdatePricingTerms",
                "UpdatePaymentScheduleTerms",
                "UpdateAvailability",
                "UpdateValidityTerms",
                "ReleaseOffer",
            ]
        );
        assert_eq!(
            details(&request, "UpdatePaymentScheduleTerms"),
            json!({ "Terms": [{
                "Type": "PaymentScheduleTerm",
                "CurrencyCode": "USD",
                "Schedule": [{ "ChargeDate": "2026-03-02", "ChargeAmount": "102500.00" }],
            }] })
        );
        assert_eq!(
            details(&request, "UpdatePricingTerms"),
            json!({ "PricingModel": "Contract", "Terms": [{
                "Type": "FixedUpfrontPricingTerm",
                "CurrencyCode": "USD",
                "Price": "0",
                "Duration": "P90D",
                "Grants": [{ "DimensionKey": "landing_zone", "MaxQuantity": 1 }],
            }] })
        );
        assert_eq!(
            details(&request, "UpdateTargeting"),
            json!({ "PositiveTargeting": { "BuyerAccounts": ["123456789012"] } })
        );
        assert_eq!(
            details(&request, "UpdateAvailability"),
            json!({ "AvailabilityEndDate": "2026-03-31" })
        );
        assert_eq!(
            details(&request, "UpdateInformation"),
            json!({ "Name": "Landing zone for Example Corp", "Description": "Opportunity 006" })
        );
        let chained = request.changes.iter().skip(1);
        assert!(
            chained
                .into_iter()
                .all(|change| change.entity_identifier.as_deref()
                    == Some("$CreateOffer.Entity.Identifier"))
        );
    }

    /// O16: AWS is told of a renewal, and whether what it renews was made in AWS Marketplace.
    #[test]
    fn a_renewal_is_marked_as_one() {
        for (follows, channel) in [(Some("agmt-1"), "AwsMarketplace"), (None, "External")] {
            let mut offer = sample::draft();
            let estimate = &mut offer.basis.deal.estimate;
            estimate.renewal = true;
            estimate.follows = follows.map(|id| id.parse().unwrap());
            let plan = Plan::of(&offer, sample::day("2026-03-02"));
            let request = ChangeSetRequest::release(&offer.id, 3, &plan, URLS);
            assert_eq!(
                details(&request, "UpdateInformation")["PreExistingAgreement"],
                json!({ "AcquisitionChannel": channel, "PricingModel": "Contract" })
            );
        }
    }

    #[test]
    fn the_same_release_is_the_same_bytes_and_comes_back() {
        let text = release().to_text().unwrap();
        assert_eq!(release().to_text().unwrap(), text);
        assert_eq!(ChangeSetRequest::from_text(&text).unwrap(), release());
        assert_eq!(release().sdk_changes().unwrap().len(), 9);
    }
}

//! A change set as it is sent: made once from the plan, kept, and sent again byte for byte (O9).

use aws_sdk_marketplacecatalog::error::BuildError;
use aws_sdk_marketplacecatalog::types::{Change, Entity};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::domain::id::OfferId;
use crate::domain::plan::{self, AvailabilityChange, Plan};

const ENTITY: &str = "Offer@1.0";
const CREATE: &str = "CreateOffer";
/// The offer that the same change set makes.
const CREATED: &str = "$CreateOffer.Entity.Identifier";
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

impl ChangeSetRequest {
    /// Makes and releases an offer, in one set.
    pub(crate) fn release(offer_id: &OfferId, revision: u32, plan: &Plan, url: &str) -> Self {
        let currency = plan.currency.code();
        let duration = plan.duration.to_string();
        let grants: Vec<Value> = plan
            .dimension_key
            .iter()
            .map(|key| json!({ "DimensionKey": key, "MaxQuantity": QUANTITY }))
            .collect();
        let schedule: Vec<Value> = plan
            .schedule
            .iter()
            .map(|charge| {
                let amount = charge.amount.amount_text();
                json!({ "ChargeDate": charge.date.to_string(), "ChargeAmount": amount })
            })
            .collect();
        let changes = vec![
            change(
                CREATE,
                None,
                &json!({ "ProductId": plan.product_id, "Name": plan.name }),
            ),
            on_created(
                "UpdateInformation",
                &json!({ "Name": plan.name, "Description": plan.description }),
            ),
            on_created(
                "UpdateTargeting",
                &json!({ "PositiveTargeting": { "BuyerAccounts": plan.buyer_accounts } }),
            ),
            on_created(
                "UpdateLegalTerms",
                &terms(&json!({
                    "Type": "LegalTerm",
                    "Documents": [{ "Type": "CustomEula", "Url": url }],
                })),
            ),
            on_created(
                "UpdatePricingTerms",
                &json!({
                    "PricingModel": "Contract",
                    "Terms": [{
                        "Type": "FixedUpfrontPricingTerm",
                        "CurrencyCode": currency,
                        "Price": "0",
                        "Duration": duration,
                        "Grants": grants,
                    }],
                }),
            ),
            on_created(
                "UpdatePaymentScheduleTerms",
                &terms(&json!({
                    "Type": "PaymentScheduleTerm",
                    "CurrencyCode": currency,
                    "Schedule": schedule,
                })),
            ),
            on_created("UpdateAvailability", &available_until(plan.available_until)),
            on_created(
                "UpdateValidityTerms",
                &terms(&json!({ "Type": "ValidityTerm", "AgreementDuration": duration })),
            ),
            on_created("ReleaseOffer", &json!({})),
        ];
        Self::of(offer_id, revision, changes)
    }

    /// Moves the expiry of an offer that AWS has; into the past to end it.
    pub(crate) fn availability(
        offer_id: &OfferId,
        revision: u32,
        asked: &AvailabilityChange,
    ) -> Self {
        let details = available_until(asked.available_until);
        let aws_offer_id = Some(asked.aws_offer_id.as_str());
        Self::of(
            offer_id,
            revision,
            vec![change("UpdateAvailability", aws_offer_id, &details)],
        )
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
        let entity = Entity::builder()
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

fn terms(term: &Value) -> Value {
    json!({ "Terms": [term] })
}

fn available_until(day: chrono::NaiveDate) -> Value {
    json!({ "AvailabilityEndDate": day.to_string() })
}

fn on_created(change_type: &str, details: &Value) -> ChangeRequest {
    change(change_type, Some(CREATED), details)
}

fn change(change_type: &str, entity: Option<&str>, details: &Value) -> ChangeRequest {
    ChangeRequest {
        change_type: change_type.to_owned(),
        change_name: change_type.to_owned(),
        entity_type: ENTITY.to_owned(),
        entity_identifier: entity.map(str::to_owned),
        details: details.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample;

    fn release() -> ChangeSetRequest {
        let offer = sample::draft();
        let plan = Plan::of(&offer, sample::day("2026-03-02"));
        ChangeSetRequest::release(&offer.id, 3, &plan, "https://files.example/merged.pdf")
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
        let chained = request.changes.iter().skip(1);
        assert!(
            chained
                .into_iter()
                .all(|change| change.entity_identifier.as_deref() == Some(CREATED))
        );
    }

    #[test]
    fn the_same_release_is_the_same_bytes_and_comes_back() {
        let text = release().to_text().unwrap();
        assert_eq!(release().to_text().unwrap(), text);
        assert_eq!(ChangeSetRequest::from_text(&text).unwrap(), release());
        assert_eq!(release().sdk_changes().unwrap().len(), 9);
    }
}

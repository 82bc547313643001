//! For whom an offer of AWS's is (O14), read by itself: an order of one that everybody may accept is flagged whatever
//! else AWS's answer has. What cannot be understood names no buyer: a person looks then, rather than nobody.

use serde_json::Value;

use super::{CallError, Marketplace};
use crate::domain::id::AwsOfferId;

/// What an order must know of its offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Audience {
    /// Whether anybody may accept it: it is for no buyer by name, and resells nothing.
    pub(crate) is_public: bool,
    pub(crate) product_id: Option<String>,
}

impl Marketplace {
    /// For whom the offer is.
    pub(crate) async fn audience(&self, id: &AwsOfferId) -> Result<Audience, CallError> {
        let described = self.describe_entity(id).await?;
        let details = described.details().unwrap_or_default();
        Ok(read(described.entity_type().unwrap_or_default(), details))
    }
}

/// `kind` is the entity's type, with its version behind an `@`.
fn read(kind: &str, details: &str) -> Audience {
    let details: Value = serde_json::from_str(details).unwrap_or_default();
    let rules = details["Rules"].as_array().into_iter().flatten();
    let mut named = rules.map(|rule| &rule["PositiveTargeting"]["BuyerAccounts"]);
    let names_buyers = named.any(|buyers| buyers.as_array().is_some_and(|them| !them.is_empty()));
    let resells = !details["ResaleAuthorizationId"].is_null();
    let is_offer = matches!(kind.split('@').next(), None | Some("" | "Offer"));
    Audience {
        is_public: is_offer && !names_buyers && !resells,
        product_id: details["ProductId"].as_str().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_offer_is_for_everybody_unless_it_says_for_whom() {
        let by_name = json!({ "Type": "TargetingRule",
            "PositiveTargeting": { "BuyerAccounts": ["123456789012"] } });
        let by_country = json!({ "Type": "TargetingRule",
            "PositiveTargeting": { "CountryCodes": ["US"] } });
        let ends = json!({ "Type": "AvailabilityRule", "AvailabilityEndDate": "2026-03-31" });
        for (kind, details, is_public) in [
            ("Offer@1.0", json!({ "Rules": [ends] }), true),
            ("Offer@2.0", json!({ "Rules": [by_country] }), true),
            ("Offer@1.0", json!({ "Rules": [ends, by_name] }), false),
            (
                "Offer@1.0",
                json!({ "ResaleAuthorizationId": "resaleauthz-1" }),
                false,
            ),
            ("ResaleAuthorization@1.0", json!({}), false),
            // Of what is in no known shape, that alone is read which tells.
            (
                "Offer@1.0",
                json!({ "Terms": 7, "Rules": [by_name, 7] }),
                false,
            ),
            (
                "Offer@1.0",
                json!({ "Terms": 7, "Rules": { "Some": 7 } }),
                true,
            ),
            ("Offer@1.0", json!(7), true),
            ("", json!({}), true),
        ] {
            let read = read(kind, &details.to_string());
            assert_eq!(read.is_public, is_public, "{kind} {details}");
        }
        assert!(read("Offer@1.0", "").is_public);
        let product = json!({ "ProductId": "prod-1" }).to_string();
        assert_eq!(
            read("Offer@1.0", &product).product_id.as_deref(),
            Some("prod-1")
        );
    }
}

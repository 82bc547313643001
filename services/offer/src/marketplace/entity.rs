//! An offer or authorization as AWS shows it (`DescribeEntity`), read as far as it must agree with
//! what was approved (O10). AWS's JSON has more, and may get more: what is not asked for is not read.

use serde::Deserialize;

use super::{CallError, Marketplace};
use crate::domain::id::AwsOfferId;
use crate::domain::portal::Shown;

const CATALOG: &str = "AWSMarketplace";

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Details {
    state: Option<String>,
    /// An authorization's.
    status: Option<String>,
    name: Option<String>,
    product_id: Option<String>,
    terms: Vec<Term>,
    rules: Vec<Rule>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Term {
    r#type: String,
    currency_code: Option<String>,
    duration: Option<String>,
    agreement_duration: Option<String>,
    schedule: Vec<Charge>,
    positive_targeting: Option<Targeting>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Charge {
    charge_date: String,
    charge_amount: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Rule {
    positive_targeting: Option<Targeting>,
    availability_end_date: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Targeting {
    buyer_accounts: Vec<String>,
}

impl Marketplace {
    /// What AWS has under that id; the inner error says why it cannot be read.
    pub(crate) async fn entity(&self, id: &AwsOfferId) -> Result<Result<Shown, String>, CallError> {
        let sent = self
            .catalog
            .describe_entity()
            .catalog(CATALOG)
            .entity_id(id.as_str())
            .send();
        let described = self.calls.make("DescribeEntity", sent).await?;
        Ok(described
            .details()
            .map_or_else(|| Err("the answer has no details".to_owned()), read))
    }
}

fn read(details: &str) -> Result<Shown, String> {
    let details: Details = serde_json::from_str(details).map_err(|wrong| wrong.to_string())?;
    let released =
        details.state.as_deref() == Some("Released") || details.status.as_deref() == Some("Active");
    let schedule = details
        .terms
        .iter()
        .find(|term| term.r#type.ends_with("PaymentScheduleTerm"));
    let mut charges: Vec<_> = schedule
        .into_iter()
        .flat_map(|term| &term.schedule)
        .map(|charge| (day(&charge.charge_date), charge.charge_amount.clone()))
        .collect();
    charges.sort_unstable();
    let terms = &details.terms;
    let duration = |term: &Term| {
        term.agreement_duration
            .clone()
            .or_else(|| term.duration.clone())
    };
    let validity = terms.iter().find(|term| term.agreement_duration.is_some());
    let priced = terms.iter().find(|term| term.duration.is_some());
    let of_rules = details
        .rules
        .iter()
        .filter_map(|rule| rule.positive_targeting.as_ref());
    let of_terms = terms
        .iter()
        .filter_map(|term| term.positive_targeting.as_ref());
    let targeting = of_rules.chain(of_terms).next();
    let end = details
        .rules
        .iter()
        .find_map(|rule| rule.availability_end_date.as_deref());
    Ok(Shown {
        released,
        name: details.name.clone(),
        product_id: details.product_id.clone(),
        buyer_accounts: targeting
            .map(|named| named.buyer_accounts.clone())
            .unwrap_or_default(),
        currency: schedule.and_then(|term| term.currency_code.clone()),
        schedule: charges,
        duration: validity.or(priced).and_then(duration),
        available_until: end.map(day),
    })
}

/// AWS writes a day at times with the time of its end.
fn day(text: &str) -> String {
    text.split('T').next().unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::{portal, sample};

    #[test]
    fn an_offer_is_read_as_aws_shows_it() {
        let details = json!({
            "Id": "offer-abc",
            "State": "Released",
            "Name": "Landing zone for Example Corp",
            "ProductId": "prod-landingzone1",
            "Unknown": { "Anything": [1] },
            "Terms": [
                { "Type": "LegalTerm", "Documents": [] },
                { "Type": "FixedUpfrontPricingTerm", "Price": "0", "Duration": "P90D" },
                { "Type": "ValidityTerm", "AgreementDuration": "P90D" },
                {
                    "Type": "PaymentScheduleTerm",
                    "CurrencyCode": "USD",
                    "Schedule": [{ "ChargeDate": "2026-03-02", "ChargeAmount": "102500.00" }],
                },
            ],
            "Rules": [
                {
                    "Type": "TargetingRule",
                    "PositiveTargeting": { "BuyerAccounts": ["123456789012"] },
                },
                { "Type": "AvailabilityRule", "AvailabilityEndDate": "2026-03-31T23:59:59Z" },
            ],
        });
        let shown = read(&details.to_string()).unwrap();
        assert!(shown.released);
        assert_eq!(portal::differences(&sample::candidate().plan, &shown), []);
    }

    #[test]
    fn what_is_no_offer_says_so() {
        assert!(read("\"offer\"").is_err());
        assert!(!read("{}").unwrap().released);
    }
}

//! An offer or authorization as AWS shows it (`DescribeEntity`), read as far as it must agree with
//! what was approved (O10). AWS's JSON has more, and may get more: what is not asked for is not read.

use aws_sdk_marketplacecatalog::operation::describe_entity::DescribeEntityOutput;
use serde::Deserialize;

use super::{CallError, Marketplace};
use crate::domain::id::AwsOfferId;
use crate::domain::portal::{Shown, Status};

const CATALOG: &str = "AWSMarketplace";
/// What an authorization shows of an agreement before, when AWS was told of none.
const UNTOLD: &str = "Unknown";

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Details {
    state: Option<String>,
    /// An authorization's.
    status: Option<String>,
    name: Option<String>,
    description: Option<String>,
    product_id: Option<String>,
    /// Of an offer that was made from an authorization.
    resale_authorization_id: Option<String>,
    markup_percentage: Option<Text>,
    pre_existing_agreement: Option<PreExisting>,
    /// An authorization's.
    pre_existing_buyer_agreement: Option<PreExisting>,
    terms: Vec<Term>,
    rules: Vec<Rule>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct PreExisting {
    acquisition_channel: String,
    pricing_model: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Term {
    r#type: String,
    currency_code: Option<String>,
    price: Option<Text>,
    duration: Option<String>,
    agreement_duration: Option<String>,
    payment_due_period: Option<String>,
    /// Of variable payments.
    max_total_charge_amount: Option<Text>,
    rate_cards: Vec<RateCard>,
    grants: Vec<Grant>,
    schedule: Vec<Charge>,
    positive_targeting: Option<Targeting>,
    documents: Vec<Document>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Document {
    r#type: String,
    url: Option<String>,
    version: Option<String>,
}

impl Document {
    /// Without what signs the address: AWS writes it anew for every answer.
    fn shown(&self) -> String {
        let url = self.url.as_deref();
        let url = url.map(|url| url.split('?').next().unwrap_or(url));
        let which = url.or(self.version.as_deref()).unwrap_or_default();
        format!("{} {which}", self.r#type).trim_end().to_owned()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RateCard {
    selector: Selector,
    #[serde(rename = "RateCard")]
    rates: Vec<Rate>,
    constraints: Constraints,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Constraints {
    quantity_configuration: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Grant {
    dimension_key: String,
    max_quantity: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Selector {
    value: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Rate {
    dimension_key: String,
    price: Option<Text>,
}

/// A number, which AWS writes as text at times.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Text {
    Text(String),
    Number(serde_json::Number),
}

impl Text {
    fn into_string(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
        }
    }
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
    offers_max_quantity: Option<u32>,
    reseller_account_id: Option<String>,
}

impl Term {
    /// The price of a term for the whole: of a rate card the one rate, and every rate of several, which
    /// is no price that was approved.
    fn whole_price(&self) -> Option<String> {
        let cards = self.rate_cards.iter().flat_map(|card| &card.rates);
        let prices: Vec<String> = cards
            .filter_map(|rate| rate.price.clone())
            .chain(self.price.clone())
            .map(Text::into_string)
            .collect();
        (!prices.is_empty()).then(|| prices.join(" + "))
    }

    /// What the buyer gets of each dimension, as it is compared: once, unless more is said.
    fn granted(&self) -> impl Iterator<Item = String> {
        let sums = self.grants.iter().map(|grant| match grant.max_quantity {
            Some(1) => grant.dimension_key.clone(),
            Some(most) => format!("{} x {most}", grant.dimension_key),
            None => format!("{} x any", grant.dimension_key),
        });
        let cards = self.rate_cards.iter().flat_map(|card| {
            let once = card.constraints.quantity_configuration.as_deref() == Some("Disallowed");
            let key = move |rate: &Rate| {
                if once {
                    rate.dimension_key.clone()
                } else {
                    format!("{} x any", rate.dimension_key)
                }
            };
            card.rates.iter().map(key)
        });
        sums.chain(cards)
    }

    /// Whether a deal of ours has such a term, an offer's or an authorization's.
    fn is_ours(&self) -> bool {
        let kind = self.r#type.as_str();
        matches!(
            kind.strip_prefix("Resale").unwrap_or(kind),
            "FixedUpfrontPricingTerm"
                | "ConfigurableUpfrontPricingTerm"
                | "PaymentScheduleTerm"
                | "VariablePaymentTerm"
                | "NetPaymentTerm"
                | "LegalTerm"
                | "BuyerLegalTerm"
                | "BuyerTargetingTerm"
                | "ValidityTerm"
        )
    }

    fn agreed_duration(&self) -> Option<&str> {
        let of_card = || {
            self.rate_cards
                .iter()
                .find_map(|card| card.selector.value.as_deref())
        };
        self.duration.as_deref().or_else(of_card)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Targeting {
    buyer_accounts: Vec<Account>,
}

/// An offer names accounts as they were sent, an authorization as objects (DG/work-with-resale-authorizations).
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Account {
    Id(String),
    #[serde(rename_all = "PascalCase")]
    Named {
        aws_account_id: String,
    },
}

impl Account {
    fn into_string(self) -> String {
        match self {
            Self::Id(id) | Self::Named { aws_account_id: id } => id,
        }
    }
}

impl Marketplace {
    /// What AWS has under that id, as it says it.
    pub(super) async fn describe_entity(
        &self,
        id: &AwsOfferId,
    ) -> Result<DescribeEntityOutput, CallError> {
        let call = self
            .catalog
            .describe_entity()
            .catalog(CATALOG)
            .entity_id(id.as_str());
        self.calls
            .make("DescribeEntity", || call.clone().send())
            .await
    }

    /// What AWS has under that id; the inner error says why it cannot be read.
    pub(crate) async fn entity(&self, id: &AwsOfferId) -> Result<Result<Shown, String>, CallError> {
        let described = self.describe_entity(id).await?;
        let kind = described.entity_type().unwrap_or_default();
        Ok(described.details().map_or_else(
            || Err("the answer has no details".to_owned()),
            |details| read(kind, details),
        ))
    }
}

/// `kind` is the entity's type, with its version behind an `@`.
fn read(kind: &str, details: &str) -> Result<Shown, String> {
    let details: Details = serde_json::from_str(details).map_err(|wrong| wrong.to_string())?;
    let status = match (details.state.as_deref(), details.status.as_deref()) {
        (Some("Released"), _) | (_, Some("Active")) => Status::Released,
        (_, Some("Restricted")) => Status::Restricted,
        _ => Status::Draft,
    };
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
    let validity = terms
        .iter()
        .find_map(|term| term.agreement_duration.as_deref());
    let priced = terms.iter().find_map(Term::agreed_duration);
    let currency = terms.iter().find_map(|term| term.currency_code.clone());
    let of_schedule = schedule.and_then(|term| term.currency_code.clone());
    let net_terms = terms
        .iter()
        .find_map(|term| term.payment_due_period.clone());
    let rules = details.rules.iter();
    let of_rules = rules
        .clone()
        .filter_map(|rule| rule.positive_targeting.as_ref());
    let of_terms = terms
        .iter()
        .filter_map(|term| term.positive_targeting.as_ref());
    let targeting = of_rules.chain(of_terms).next();
    let documents = |kinds: &[&str]| {
        let of_kind = terms
            .iter()
            .filter(|term| kinds.contains(&term.r#type.as_str()));
        let documents = of_kind.flat_map(|term| &term.documents);
        documents.map(Document::shown).collect::<Vec<_>>()
    };
    let end = rules
        .clone()
        .find_map(|rule| rule.availability_end_date.as_deref());
    Ok(Shown {
        status,
        state: details
            .state
            .clone()
            .or_else(|| details.status.clone())
            .unwrap_or_default(),
        entity_type: kind.split('@').next().unwrap_or(kind).to_owned(),
        name: details.name.clone(),
        description: details.description.clone(),
        product_id: details.product_id.clone(),
        buyer_accounts: targeting
            .map(|named| named.buyer_accounts.iter().cloned())
            .map(|named| named.map(Account::into_string).collect())
            .unwrap_or_default(),
        currency: of_schedule.or(currency),
        schedule: charges,
        price: terms.iter().find_map(Term::whole_price),
        duration: validity.or(priced).map(str::to_owned),
        cap: terms
            .iter()
            .find_map(|term| term.max_total_charge_amount.clone())
            .map(Text::into_string),
        available_until: end.map(day),
        net_terms,
        reseller_account: rules
            .clone()
            .find_map(|rule| rule.reseller_account_id.clone()),
        offers_max_quantity: rules.clone().find_map(|rule| rule.offers_max_quantity),
        reseller_contract: documents(&["ResaleLegalTerm"]),
        authorization_id: details.resale_authorization_id.clone(),
        markup: details.markup_percentage.clone().map(Text::into_string),
        pre_existing: details
            .pre_existing_agreement
            .as_ref()
            .or(details.pre_existing_buyer_agreement.as_ref())
            .filter(|had| had.acquisition_channel != UNTOLD)
            .map(|had| format!("{} {}", had.acquisition_channel, had.pricing_model)),
        legal: documents(&["LegalTerm", "BuyerLegalTerm"]),
        granted: terms.iter().flat_map(Term::granted).collect(),
        further_terms: terms
            .iter()
            .filter(|term| !term.is_ours())
            .map(|term| term.r#type.clone())
            .collect(),
    })
}

/// AWS writes a day at times with the time of its end.
fn day(text: &str) -> String {
    text.split('T').next().unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests;

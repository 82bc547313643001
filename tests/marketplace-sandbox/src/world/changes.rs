//! What a change may say: parsing of change details, AWS's synchronous rules (facts §1.2).
//!
//! Whatever breaks here makes `StartChangeSet` itself fail with a `ValidationException`; what can only be
//! known by looking at the whole offer is asynchronous and lives in [`super::rules`].

use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::Value;

use super::fields::{
    amount, count, date, duration, is_country_code, length, offer_name, term_type,
};
use super::model::{Charge, Document, FixedUpfront, Grant, Schedule, Targeting, Validity};

/// A parsed change to an offer.
#[derive(Debug, Clone)]
pub(crate) enum Details {
    CreateOffer {
        product_id: String,
        name: Option<String>,
    },
    UpdateInformation(Information),
    UpdateTargeting(Targeting),
    UpdateLegalTerms(Vec<Document>),
    UpdatePricingTerms(Option<FixedUpfront>),
    UpdatePaymentScheduleTerms(Option<Schedule>),
    UpdateAvailability(NaiveDate),
    UpdateValidityTerms(Option<Validity>),
    ReleaseOffer,
}

/// What a change is about, without what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Creation,
    Information,
    Targeting,
    Legal,
    Pricing,
    Schedule,
    Availability,
    Validity,
    Release,
}

impl Details {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::CreateOffer { .. } => Kind::Creation,
            Self::UpdateInformation(_) => Kind::Information,
            Self::UpdateTargeting(_) => Kind::Targeting,
            Self::UpdateLegalTerms(_) => Kind::Legal,
            Self::UpdatePricingTerms(_) => Kind::Pricing,
            Self::UpdatePaymentScheduleTerms(_) => Kind::Schedule,
            Self::UpdateAvailability(_) => Kind::Availability,
            Self::UpdateValidityTerms(_) => Kind::Validity,
            Self::ReleaseOffer => Kind::Release,
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Information {
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    /// JSON null takes it away.
    pub(crate) pre_existing_agreement: Option<Value>,
}

const DESCRIPTION_MAX: usize = 255;
const BUYERS_MAX: usize = 26;
const COUNTRIES_MAX: usize = 244;
const GRANTS_MAX: usize = 200;
const CHARGES_MAX: usize = 60;
const URL_MAX: usize = 32_000;

/// Parses one change's details. The error is the message of AWS's `ValidationException`.
pub(crate) fn parse(change_type: &str, document: &Value) -> Result<Details, String> {
    match change_type {
        "CreateOffer" => create_offer(from(document)?),
        "UpdateInformation" => update_information(from(document)?, document),
        "UpdateTargeting" => update_targeting(from(document)?),
        "UpdateLegalTerms" => update_legal_terms(from(document)?),
        "UpdatePricingTerms" => update_pricing_terms(from(document)?),
        "UpdatePaymentScheduleTerms" => update_payment_schedule(from(document)?),
        "UpdateAvailability" => update_availability(&from(document)?),
        "UpdateValidityTerms" => update_validity_terms(from(document)?),
        "ReleaseOffer" => from::<Empty>(document).map(|_| Details::ReleaseOffer),
        other => Err(format!(
            "ChangeType '{other}' is not supported for Offer@1.0 in this sandbox."
        )),
    }
}

fn from<T: for<'a> Deserialize<'a>>(document: &Value) -> Result<T, String> {
    T::deserialize(document).map_err(|error| format!("Invalid details: {error}."))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Empty {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct CreateOfferInput {
    product_id: String,
    name: Option<String>,
}

fn create_offer(input: CreateOfferInput) -> Result<Details, String> {
    length("ProductId", &input.product_id, 1, 255)?;
    input.name.as_deref().map_or(Ok(()), offer_name)?;
    Ok(Details::CreateOffer {
        product_id: input.product_id,
        name: input.name,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct InformationInput {
    name: Option<String>,
    description: Option<String>,
    #[serde(default, rename = "PreExistingAgreement")]
    _pre_existing_agreement: Value,
}

fn update_information(input: InformationInput, document: &Value) -> Result<Details, String> {
    input.name.as_deref().map_or(Ok(()), offer_name)?;
    if let Some(description) = &input.description {
        length("Description", description, 1, DESCRIPTION_MAX)?;
        if description.starts_with(' ') {
            return Err("Description must not start with a space.".to_owned());
        }
    }
    // Read from the document, where null is not the same as absent.
    let pre_existing_agreement = document.get("PreExistingAgreement").cloned();
    if input.name.is_none() && input.description.is_none() && pre_existing_agreement.is_none() {
        return Err(
            "UpdateInformation needs Name, Description or PreExistingAgreement.".to_owned(),
        );
    }
    Ok(Details::UpdateInformation(Information {
        name: input.name,
        description: input.description,
        pre_existing_agreement,
    }))
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "PascalCase", default)]
struct TargetingInput {
    positive_targeting: PositiveTargetingInput,
    negative_targeting: NegativeTargetingInput,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "PascalCase", default)]
struct PositiveTargetingInput {
    buyer_accounts: Option<Vec<String>>,
    country_codes: Option<Vec<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "PascalCase", default)]
struct NegativeTargetingInput {
    country_codes: Option<Vec<String>>,
}

fn update_targeting(input: TargetingInput) -> Result<Details, String> {
    if let Some(accounts) = &input.positive_targeting.buyer_accounts {
        count("BuyerAccounts", accounts.len(), 1, BUYERS_MAX)?;
        for account in accounts {
            if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(format!(
                    "BuyerAccounts: '{account}' does not match ^[0-9]{{12}}$."
                ));
            }
        }
    }
    let codes = [
        &input.positive_targeting.country_codes,
        &input.negative_targeting.country_codes,
    ];
    for list in codes.into_iter().flatten() {
        count("CountryCodes", list.len(), 1, COUNTRIES_MAX)?;
        if let Some(bad) = list.iter().find(|code| !is_country_code(code)) {
            return Err(format!(
                "CountryCodes: '{bad}' is not an ISO 3166 alpha-2 code."
            ));
        }
    }
    Ok(Details::UpdateTargeting(Targeting {
        buyer_accounts: input.positive_targeting.buyer_accounts.unwrap_or_default(),
        country_codes: input.positive_targeting.country_codes.unwrap_or_default(),
        excluded_country_codes: input.negative_targeting.country_codes.unwrap_or_default(),
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Terms<T> {
    terms: Vec<T>,
}

impl<T> Terms<T> {
    fn at_most_one(self) -> Result<Option<T>, String> {
        count("Terms", self.terms.len(), 0, 1)?;
        Ok(self.terms.into_iter().next())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct LegalTermInput {
    r#type: String,
    documents: Vec<DocumentInput>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct DocumentInput {
    r#type: String,
    url: Option<String>,
    version: Option<String>,
}

fn update_legal_terms(input: Terms<LegalTermInput>) -> Result<Details, String> {
    count("Terms", input.terms.len(), 1, 1)?;
    let mut documents = Vec::new();
    for term in input.terms {
        term_type(&term.r#type, "LegalTerm")?;
        count("Documents", term.documents.len(), 1, 1)?;
        for document in term.documents {
            documents.push(legal_document(document)?);
        }
    }
    Ok(Details::UpdateLegalTerms(documents))
}

fn legal_document(input: DocumentInput) -> Result<Document, String> {
    match (input.r#type.as_str(), input.url, input.version) {
        ("CustomEula", Some(url), None) => {
            length("Url", &url, 1, URL_MAX)?;
            if !url.starts_with("https://") && !url.starts_with("http://") {
                return Err(format!("Url: '{url}' is not an absolute URL."));
            }
            Ok(Document::CustomEula { url, copy: None })
        }
        ("StandardEula", None, Some(version)) => Ok(Document::StandardEula { version }),
        (kind, ..) => Err(format!(
            "Documents: '{kind}' must be CustomEula with Url or StandardEula with Version."
        )),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct PricingInput {
    pricing_model: String,
    terms: Vec<FixedUpfrontInput>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct FixedUpfrontInput {
    r#type: String,
    currency_code: String,
    price: String,
    duration: Option<String>,
    grants: Vec<GrantInput>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct GrantInput {
    dimension_key: String,
    max_quantity: Option<u32>,
}

fn update_pricing_terms(input: PricingInput) -> Result<Details, String> {
    if !["Contract", "Usage", "Byol", "Free"].contains(&input.pricing_model.as_str()) {
        return Err(format!(
            "PricingModel: '{}' is unknown.",
            input.pricing_model
        ));
    }
    let Some(term) = (Terms { terms: input.terms }).at_most_one()? else {
        return Ok(Details::UpdatePricingTerms(None));
    };
    term_type(&term.r#type, "FixedUpfrontPricingTerm")?;
    count("Grants", term.grants.len(), 1, GRANTS_MAX)?;
    let mut grants = Vec::with_capacity(term.grants.len());
    for grant in term.grants {
        length("DimensionKey", &grant.dimension_key, 1, 100)?;
        if grant.max_quantity == Some(0) {
            return Err("MaxQuantity must be at least 1.".to_owned());
        }
        grants.push(Grant {
            dimension_key: grant.dimension_key,
            max_quantity: grant.max_quantity,
        });
    }
    Ok(Details::UpdatePricingTerms(Some(FixedUpfront {
        pricing_model: input.pricing_model,
        currency: term.currency_code,
        price: amount("Price", &term.price, 3)?,
        duration: term
            .duration
            .map(|text| duration("Duration", text))
            .transpose()?,
        grants,
    })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct ScheduleInput {
    r#type: String,
    currency_code: String,
    schedule: Vec<ChargeInput>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct ChargeInput {
    charge_date: String,
    charge_amount: String,
}

fn update_payment_schedule(input: Terms<ScheduleInput>) -> Result<Details, String> {
    let Some(term) = input.at_most_one()? else {
        return Ok(Details::UpdatePaymentScheduleTerms(None));
    };
    term_type(&term.r#type, "PaymentScheduleTerm")?;
    count("Schedule", term.schedule.len(), 1, CHARGES_MAX)?;
    let mut charges = Vec::with_capacity(term.schedule.len());
    for charge in term.schedule {
        charges.push(Charge {
            date: date("ChargeDate", &charge.charge_date)?,
            amount: amount("ChargeAmount", &charge.charge_amount, 2)?,
        });
    }
    Ok(Details::UpdatePaymentScheduleTerms(Some(Schedule {
        currency: term.currency_code,
        charges,
    })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct AvailabilityInput {
    availability_end_date: String,
}

fn update_availability(input: &AvailabilityInput) -> Result<Details, String> {
    date("AvailabilityEndDate", &input.availability_end_date).map(Details::UpdateAvailability)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct ValidityInput {
    r#type: String,
    agreement_duration: Option<String>,
    agreement_start_date: Option<String>,
    agreement_end_date: Option<String>,
}

fn update_validity_terms(input: Terms<ValidityInput>) -> Result<Details, String> {
    let Some(term) = input.at_most_one()? else {
        return Ok(Details::UpdateValidityTerms(None));
    };
    term_type(&term.r#type, "ValidityTerm")?;
    let start = term
        .agreement_start_date
        .map(|text| date("AgreementStartDate", &text))
        .transpose()?;
    let end = term
        .agreement_end_date
        .map(|text| date("AgreementEndDate", &text))
        .transpose()?;
    let agreed = term
        .agreement_duration
        .map(|text| duration("AgreementDuration", text))
        .transpose()?;
    match (&agreed, start, end) {
        (Some(_), None, None) | (None, _, Some(_)) => {
            Ok(Details::UpdateValidityTerms(Some(Validity {
                duration: agreed,
                start,
                end,
            })))
        }
        _ => Err(
            "ValidityTerm takes AgreementDuration, or dates with an AgreementEndDate.".to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_refused_at_once() {
        let buyers = |accounts: Value| json!({"PositiveTargeting": {"BuyerAccounts": accounts}});
        let price = |price: &str| {
            json!({"PricingModel": "Contract", "Terms": [{"Type": "FixedUpfrontPricingTerm",
                "CurrencyCode": "USD", "Price": price, "Grants": [{"DimensionKey": "a"}]}]})
        };
        let charge = |day: &str, amount: &str| {
            json!({"Terms": [{"Type": "PaymentScheduleTerm", "CurrencyCode": "USD",
                "Schedule": [{"ChargeDate": day, "ChargeAmount": amount}]}]})
        };
        for (change_type, document) in [
            ("CreateOffer", json!({"Name": "x"})),
            ("CreateOffer", json!({"ProductId": "prod-1", "Surprise": 1})),
            ("UpdateInformation", json!({})),
            ("UpdateInformation", json!({"Name": "a<b"})),
            ("UpdateInformation", json!({"Name": "a".repeat(151)})),
            ("UpdateInformation", json!({"Description": "a".repeat(256)})),
            ("UpdateTargeting", buyers(json!(["12345678901"]))),
            ("UpdateTargeting", buyers(json!(["1234567890123"]))),
            ("UpdateTargeting", buyers(json!([]))),
            ("UpdateLegalTerms", json!({"Terms": []})),
            (
                "UpdateLegalTerms",
                json!({"Terms": [{"Type": "LegalTerm", "Documents": []}]}),
            ),
            ("UpdatePricingTerms", price("1e3")),
            ("UpdatePricingTerms", price("-1")),
            ("UpdatePricingTerms", price("0.0001")),
            ("UpdatePaymentScheduleTerms", charge("2027-02-30", "1.00")),
            ("UpdatePaymentScheduleTerms", charge("2027-02-03", "1.001")),
            (
                "UpdatePaymentScheduleTerms",
                charge("2027-02-03", "100000000.01"),
            ),
            (
                "UpdateAvailability",
                json!({"AvailabilityEndDate": "2027-1-1"}),
            ),
            (
                "UpdateValidityTerms",
                json!({"Terms": [{"Type": "ValidityTerm"}]}),
            ),
            ("ReleaseOffer", json!({"Now": true})),
            ("UpdateMarkup", json!({"Percentage": "1"})),
        ] {
            assert!(
                parse(change_type, &document).is_err(),
                "{change_type} {document}"
            );
        }
    }

    #[test]
    fn the_prepaid_shape_parses() {
        let pricing = json!({"PricingModel": "Contract", "Terms": [{"Type": "FixedUpfrontPricingTerm",
            "CurrencyCode": "USD", "Price": "0", "Duration": "P90D",
            "Grants": [{"DimensionKey": "implementation", "MaxQuantity": 1}]}]});
        let Ok(Details::UpdatePricingTerms(Some(term))) = parse("UpdatePricingTerms", &pricing)
        else {
            panic!("a zero fixed term is valid")
        };
        assert!(term.price.is_zero());
        assert_eq!(term.grants[0].max_quantity, Some(1));
        assert!(
            parse("UpdatePaymentScheduleTerms", &json!({"Terms": []})).is_ok(),
            "empty removes"
        );
    }
}

//! What a change may say: parsing of change details, AWS's synchronous rules (facts §1.2).
//!
//! Whatever breaks here makes `StartChangeSet` itself fail with a `ValidationException`; what can only be
//! known by looking at the whole offer is asynchronous and lives in [`super::rules`].

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;

use super::fields::{
    count, date, duration, is_country_code, length, offer_name, product_id, term_type,
};
use super::model::{Document, Renewal, Schedule, Targeting, Validity};
use super::pricing::Pricing;
use super::pricing_inputs;
use super::renewal_inputs;
use super::term_inputs::{
    Empty, LegalTermInput, Terms, accounts, from, legal_document, net_payment, payment_schedule,
};
use super::unavailable::{self, Unavailable};

/// A parsed change to an offer.
#[derive(Debug, Clone)]
pub(crate) enum Details {
    CreateOffer {
        product_id: String,
        name: Option<String>,
    },
    CreateOfferUsingResaleAuthorization {
        authorization_id: String,
        name: Option<String>,
        description: Option<String>,
    },
    UpdateInformation(Information),
    UpdateTargeting(Targeting),
    UpdateLegalTerms(Vec<Document>),
    UpdatePricingTerms(Option<Pricing>),
    UpdatePaymentScheduleTerms(Option<Schedule>),
    UpdateAvailability(NaiveDate),
    UpdateValidityTerms(Option<Validity>),
    UpdateNetPaymentTerms(Option<String>),
    UpdateRenewalTerms(Option<Renewal>),
    /// Per cent on top of a resale authorization's amounts.
    UpdateMarkup(Decimal),
    ReleaseOffer,
    Unavailable(Unavailable),
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
    NetPayment,
    Renewal,
    Markup,
    Release,
    Support,
}

impl Details {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::CreateOffer { .. }
            | Self::CreateOfferUsingResaleAuthorization { .. }
            | Self::Unavailable(Unavailable::Replacement { .. }) => Kind::Creation,
            Self::Unavailable(Unavailable::Support { .. }) => Kind::Support,
            Self::UpdateInformation(_) => Kind::Information,
            Self::UpdateTargeting(_) => Kind::Targeting,
            Self::UpdateLegalTerms(_) => Kind::Legal,
            Self::UpdatePricingTerms(_) => Kind::Pricing,
            Self::UpdatePaymentScheduleTerms(_) => Kind::Schedule,
            Self::UpdateAvailability(_) => Kind::Availability,
            Self::UpdateValidityTerms(_) => Kind::Validity,
            Self::UpdateNetPaymentTerms(_) => Kind::NetPayment,
            Self::UpdateRenewalTerms(_) => Kind::Renewal,
            Self::UpdateMarkup(_) => Kind::Markup,
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

/// Parses one change's details. The error is the message of AWS's `ValidationException`.
pub(crate) fn parse(change_type: &str, document: &Value) -> Result<Details, String> {
    match change_type {
        "CreateOffer" => create_offer(from(document)?),
        "UpdateInformation" => update_information(from(document)?, document),
        "UpdateTargeting" => update_targeting(from(document)?),
        "UpdateLegalTerms" => update_legal_terms(from(document)?),
        "UpdatePricingTerms" => pricing_inputs::pricing(from(document)?, &pricing_inputs::OFFER)
            .map(Details::UpdatePricingTerms),
        // Too many are told with the rest, not at once.
        "UpdatePaymentScheduleTerms" => {
            payment_schedule(from(document)?, "PaymentScheduleTerm", usize::MAX)
                .map(Details::UpdatePaymentScheduleTerms)
        }
        "UpdateNetPaymentTerms" => {
            net_payment(from(document)?, "NetPaymentTerm").map(Details::UpdateNetPaymentTerms)
        }
        "UpdateRenewalTerms" => {
            renewal_inputs::renewal(from(document)?).map(Details::UpdateRenewalTerms)
        }
        "UpdateMarkup" => update_markup(&from(document)?),
        "CreateOfferUsingResaleAuthorization" => create_resale_offer(from(document)?),
        "UpdateAvailability" => update_availability(&from(document)?),
        "UpdateValidityTerms" => update_validity_terms(from(document)?),
        "ReleaseOffer" => from::<Empty>(document).map(|_| Details::ReleaseOffer),
        "UpdateSupportTerms"
        | "CreateReplacementOffer"
        | "CreateReplacementOfferUsingResaleAuthorization" => {
            unavailable::parse(change_type, document).map(Details::Unavailable)
        }
        other => Err(format!(
            "ChangeType '{other}' is not supported for Offer@1.0 in this sandbox."
        )),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct CreateOfferInput {
    product_id: String,
    name: Option<String>,
}

fn create_offer(input: CreateOfferInput) -> Result<Details, String> {
    product_id(&input.product_id)?;
    input.name.as_deref().map_or(Ok(()), offer_name)?;
    Ok(Details::CreateOffer {
        product_id: input.product_id,
        name: input.name,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct CreateResaleOfferInput {
    resale_authorization_id: String,
    name: Option<String>,
    description: Option<String>,
}

fn create_resale_offer(input: CreateResaleOfferInput) -> Result<Details, String> {
    length(
        "ResaleAuthorizationId",
        &input.resale_authorization_id,
        1,
        50,
    )?;
    input.name.as_deref().map_or(Ok(()), offer_name)?;
    if let Some(description) = &input.description {
        length("Description", description, 1, DESCRIPTION_MAX)?;
    }
    Ok(Details::CreateOfferUsingResaleAuthorization {
        authorization_id: input.resale_authorization_id,
        name: input.name,
        description: input.description,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct MarkupInput {
    percentage: String,
}

/// `^(\d*\.)?\d{1,9}$`: not negative, at most nine decimals.
fn update_markup(input: &MarkupInput) -> Result<Details, String> {
    let text = &input.percentage;
    let (whole, decimals) = text.split_once('.').unwrap_or(("", text));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let shaped = digits(whole) && digits(decimals) && (1..=9).contains(&decimals.len());
    let number = shaped.then(|| format!("0{text}").parse().ok()).flatten();
    number
        .map(Details::UpdateMarkup)
        .ok_or_else(|| format!("Percentage: '{text}' is not a number of at most 9 decimals."))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct InformationInput {
    name: Option<String>,
    description: Option<String>,
    #[serde(default, rename = "PreExistingAgreement")]
    _pre_existing_agreement: Option<PreExisting>,
}

/// What the buyer had before the offer, or the authorization: read for its form, and kept as it came.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct PreExisting {
    #[serde(rename = "AcquisitionChannel")]
    _acquisition_channel: AcquisitionChannel,
    #[serde(rename = "PricingModel")]
    _pricing_model: PricingModel,
}

#[derive(Deserialize)]
enum AcquisitionChannel {
    AwsMarketplace,
    External,
}

#[derive(Deserialize)]
enum PricingModel {
    Contract,
    Usage,
    Byol,
    Free,
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
    if let Some(buyers) = &input.positive_targeting.buyer_accounts {
        accounts("BuyerAccounts", buyers, BUYERS_MAX)?;
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

fn update_legal_terms(input: Terms<LegalTermInput>) -> Result<Details, String> {
    count("Terms", input.terms.len(), 1, 1)?;
    let mut documents = Vec::new();
    for term in input.terms {
        term_type(&term.r#type, "LegalTerm")?;
        count("Documents", term.documents.len(), 1, 1)?;
        for document in term.documents {
            documents.push(legal_document(document, "CustomEula", &["StandardEula"])?);
        }
    }
    Ok(Details::UpdateLegalTerms(documents))
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
            ("UpdateMarkup", json!({"Percentage": "-1"})),
            ("UpdateMarkup", json!({"Percentage": "1."})),
            ("UpdateMarkup", json!({"Percentage": "1.0000000001"})),
            ("CreateReplacementOffer", json!({"OfferId": "offer-1"})),
            ("UpdateEverything", json!({})),
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
        assert_eq!(term.fixed_price(), Some(Decimal::ZERO));
        assert!(
            parse("UpdatePaymentScheduleTerms", &json!({"Terms": []})).is_ok(),
            "empty removes"
        );
    }
}

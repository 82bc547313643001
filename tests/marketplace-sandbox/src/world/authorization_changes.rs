//! What a change to a resale authorization may say: the synchronous rules (facts §1.5).

use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::Value;

use super::changes::PreExisting;
use super::fields::{count, date, length, product_id, term_type};
use super::model::{Document, Schedule};
use super::pricing::Pricing;
use super::pricing_inputs;
use super::term_inputs::{
    Empty, LegalTermInput, Terms, accounts, from, legal_document, net_payment, payment_schedule,
};

const NAME_MAX: usize = 100;
const DESCRIPTION_MAX: usize = 255;
const BUYERS_MAX: usize = 25;
const CHARGES_MAX: usize = 60;

/// A parsed change to a resale authorization.
#[derive(Debug, Clone)]
pub(crate) enum Details {
    Create {
        product_id: String,
        name: String,
        description: Option<String>,
        reseller: String,
    },
    UpdateInformation {
        name: Option<String>,
        description: Option<String>,
        /// JSON null takes it away.
        pre_existing: Option<Value>,
    },
    /// None: any buyer.
    UpdateBuyerTargetingTerms(Vec<String>),
    UpdateAvailability {
        end: Option<NaiveDate>,
        offers: Option<u32>,
    },
    /// The date is checked and not kept: professional services cannot have it.
    UpdateBuyerValidityTerms,
    UpdateLegalTerms {
        buyer: Option<Document>,
        contract: Option<Document>,
    },
    UpdatePricingTerms(Option<Pricing>),
    UpdatePaymentScheduleTerms(Option<Schedule>),
    UpdateNetPaymentTerms(Option<String>),
    Release,
    Restrict,
}

/// Parses one change's details. The error is the message of AWS's `ValidationException`.
pub(crate) fn parse(change_type: &str, document: &Value) -> Result<Details, String> {
    match change_type {
        "CreateResaleAuthorization" => create(from(document)?),
        "UpdateInformation" => update_information(from(document)?, document),
        "UpdateBuyerTargetingTerms" => update_targeting(from(document)?),
        "UpdateAvailability" => update_availability(from(document)?),
        "UpdateBuyerValidityTerms" => update_validity(from(document)?),
        "UpdateLegalTerms" => update_legal_terms(from(document)?),
        "UpdatePricingTerms" => {
            pricing_inputs::pricing(from(document)?, &pricing_inputs::AUTHORIZATION)
                .map(Details::UpdatePricingTerms)
        }
        "UpdatePaymentScheduleTerms" => {
            payment_schedule(from(document)?, "ResalePaymentScheduleTerm", CHARGES_MAX)
                .map(Details::UpdatePaymentScheduleTerms)
        }
        "UpdateNetPaymentTerms" => {
            net_payment(from(document)?, "ResaleNetPaymentTerm").map(Details::UpdateNetPaymentTerms)
        }
        "ReleaseResaleAuthorization" => from::<Empty>(document).map(|_| Details::Release),
        "RestrictResaleAuthorization" => from::<Empty>(document).map(|_| Details::Restrict),
        other => Err(format!(
            "ChangeType '{other}' is not supported for ResaleAuthorization@1.0 in this sandbox."
        )),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct CreateInput {
    product_id: String,
    name: String,
    description: Option<String>,
    reseller_account_id: String,
    bulk_request_id: Option<String>,
}

fn create(input: CreateInput) -> Result<Details, String> {
    product_id(&input.product_id)?;
    authorization_name(&input.name)?;
    input.description.as_deref().map_or(Ok(()), described)?;
    accounts(
        "ResellerAccountId",
        std::slice::from_ref(&input.reseller_account_id),
        1,
    )?;
    if input
        .bulk_request_id
        .is_some_and(|id| uuid::Uuid::parse_str(&id).is_err())
    {
        return Err("BulkRequestId is not a UUID.".to_owned());
    }
    Ok(Details::Create {
        product_id: input.product_id,
        name: input.name,
        description: input.description,
        reseller: input.reseller_account_id,
    })
}

/// "No special characters": the page's pattern takes letters, digits and spaces; its examples also `-` and `_`.
fn authorization_name(name: &str) -> Result<(), String> {
    length("Name", name, 1, NAME_MAX)?;
    let plain = |letter: char| letter.is_alphanumeric() || " -_".contains(letter);
    if name.chars().all(plain) && !name.starts_with(' ') {
        Ok(())
    } else {
        Err("Name must not contain special characters.".to_owned())
    }
}

/// Of letters, digits and spaces.
fn described(description: &str) -> Result<(), String> {
    length("Description", description, 1, DESCRIPTION_MAX)?;
    let plain = |letter: char| letter.is_alphanumeric() || letter.is_whitespace();
    if description.chars().all(plain) {
        Ok(())
    } else {
        Err("Description must not contain special characters.".to_owned())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct InformationInput {
    name: Option<String>,
    description: Option<String>,
    #[serde(default, rename = "PreExistingBuyerAgreement")]
    _pre_existing: Option<PreExisting>,
}

fn update_information(input: InformationInput, document: &Value) -> Result<Details, String> {
    input.name.as_deref().map_or(Ok(()), authorization_name)?;
    input.description.as_deref().map_or(Ok(()), described)?;
    // Read from the document, where null is not the same as absent.
    let pre_existing = document.get("PreExistingBuyerAgreement").cloned();
    if input.name.is_none() && input.description.is_none() && pre_existing.is_none() {
        return Err("UpdateInformation needs a field.".to_owned());
    }
    Ok(Details::UpdateInformation {
        name: input.name,
        description: input.description,
        pre_existing,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct TargetingInput {
    r#type: String,
    positive_targeting: PositiveInput,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct PositiveInput {
    buyer_accounts: Vec<String>,
}

fn update_targeting(input: Terms<TargetingInput>) -> Result<Details, String> {
    let Some(term) = input.at_most_one()? else {
        return Ok(Details::UpdateBuyerTargetingTerms(Vec::new()));
    };
    term_type(&term.r#type, "BuyerTargetingTerm")?;
    let buyers = term.positive_targeting.buyer_accounts;
    accounts("BuyerAccounts", &buyers, BUYERS_MAX)?;
    Ok(Details::UpdateBuyerTargetingTerms(buyers))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct AvailabilityInput {
    availability_end_date: Option<String>,
    offers_max_quantity: Option<u32>,
}

fn update_availability(input: AvailabilityInput) -> Result<Details, String> {
    if input.offers_max_quantity.is_some_and(|offers| offers != 1) {
        return Err("OffersMaxQuantity can only be 1.".to_owned());
    }
    let end = input
        .availability_end_date
        .map(|text| date("AvailabilityEndDate", &text))
        .transpose()?;
    Ok(Details::UpdateAvailability {
        end,
        offers: input.offers_max_quantity,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct ValidityInput {
    r#type: String,
    maximum_agreement_start_date: String,
}

fn update_validity(input: Terms<ValidityInput>) -> Result<Details, String> {
    let term = input
        .at_most_one()?
        .ok_or_else(|| "Terms: one BuyerValidityTerm is required.".to_owned())?;
    term_type(&term.r#type, "BuyerValidityTerm")?;
    date(
        "MaximumAgreementStartDate",
        &term.maximum_agreement_start_date,
    )
    .map(|_| Details::UpdateBuyerValidityTerms)
}

fn update_legal_terms(input: Terms<LegalTermInput>) -> Result<Details, String> {
    count("Terms", input.terms.len(), 1, 2)?;
    let (mut buyer, mut contract) = (None, None);
    for term in input.terms {
        count("Documents", term.documents.len(), 1, 1)?;
        for document in term.documents {
            let (slot, document) = match term.r#type.as_str() {
                "BuyerLegalTerm" => (
                    &mut buyer,
                    legal_document(document, "CustomEula", &["StandardEula", "EnterpriseEula"])?,
                ),
                "ResaleLegalTerm" => (
                    &mut contract,
                    legal_document(
                        document,
                        "CustomResellerContract",
                        &["StandardResellerContract"],
                    )?,
                ),
                other => return Err(format!("Terms: type '{other}' is not supported here.")),
            };
            if slot.replace(document).is_some() {
                return Err(format!("Terms: {} appears twice.", term.r#type));
            }
        }
    }
    Ok(Details::UpdateLegalTerms { buyer, contract })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_refused_at_once() {
        let create = |name: &str, reseller: &str| json!({"ProductId": "prod-1", "Name": name, "ResellerAccountId": reseller});
        let buyers = |accounts: Vec<String>| json!({"Terms": [{"Type": "BuyerTargetingTerm", "PositiveTargeting": {"BuyerAccounts": accounts}}]});
        let many = (0..26).map(|index| format!("{index:012}")).collect();
        for (change_type, document) in [
            ("CreateResaleAuthorization", create("A & B", "222233334444")),
            ("CreateResaleAuthorization", create("A", "22223333444")),
            ("CreateResaleAuthorization", json!({"ProductId": "prod-1"})),
            ("UpdateAvailability", json!({"OffersMaxQuantity": 2})),
            ("UpdateAvailability", json!({"AvailabilityEndDate": "soon"})),
            ("UpdateBuyerTargetingTerms", buyers(many)),
            ("UpdateBuyerTargetingTerms", buyers(vec![])),
            ("UpdateLegalTerms", json!({"Terms": []})),
            (
                "UpdateNetPaymentTerms",
                json!({"Terms": [{"Type": "ResaleNetPaymentTerm", "PaymentDuePeriod": "P31D"}]}),
            ),
            ("UpdateMarkup", json!({"Percentage": "5"})),
            ("ReleaseOffer", json!({})),
        ] {
            assert!(
                parse(change_type, &document).is_err(),
                "{change_type} {document}"
            );
        }
    }
}

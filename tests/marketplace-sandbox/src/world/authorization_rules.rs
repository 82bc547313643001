//! AWS's asynchronous rules for a resale authorization (facts §1.5).

use chrono::{DateTime, NaiveDate, Utc};

use super::authorization_changes::Details;
use super::authorizations::{Authorization, AuthorizationStatus};
use super::model::{Document, Finding, Verdict};
use super::money;
use super::period::Period;
use super::rules::verdict_of;
use crate::config::{Product, ProductState};

/// One authorization of one change set, before and after, with what the rules may know.
pub(crate) struct Case<'a> {
    pub(crate) before: Option<&'a Authorization>,
    pub(crate) after: &'a Authorization,
    /// Changes to it with their place in the set.
    pub(crate) changes: &'a [(usize, &'a Details)],
    pub(crate) product: Option<&'a Product>,
    pub(crate) documents: &'a [(String, Option<Verdict>)],
    /// Accounts registered as sellers.
    pub(crate) sellers: &'a [String],
    pub(crate) unknown_accounts: &'a [String],
    pub(crate) now: DateTime<Utc>,
}

type Found = Vec<(usize, Finding)>;

/// Every finding of every rule.
pub(crate) fn check(case: &Case<'_>) -> Found {
    let mut found = Vec::new();
    for (index, details) in case.changes {
        let mut add = |code: &'static str, message: String| {
            found.push((*index, Finding { code, message }));
        };
        if let Some(before) = case.before {
            frozen(before, details, case.today(), &mut add);
        }
        match details {
            Details::Create { reseller, .. } => creation(case, reseller, &mut add),
            Details::UpdateBuyerTargetingTerms(buyers) => {
                for account in buyers
                    .iter()
                    .filter(|id| case.unknown_accounts.contains(id))
                {
                    add(
                        "INVALID_BUYER_ACCOUNTS",
                        format!("Account {account} is not an AWS account."),
                    );
                }
            }
            Details::UpdateBuyerValidityTerms => add(
                "INCOMPATIBLE_PRODUCT",
                "BuyerValidityTerm is not available for professional services.".to_owned(),
            ),
            Details::UpdateAvailability { end: Some(end), .. } if *end < case.today() => add(
                "INVALID_AVAILABILITY_END_DATE",
                "Provide a future AvailabilityEndDate.".to_owned(),
            ),
            Details::UpdateLegalTerms { buyer, contract } => {
                for document in buyer.iter().chain(contract) {
                    legal(case, document, buyer.as_ref() == Some(document), &mut add);
                }
            }
            Details::UpdatePricingTerms(Some(term)) => {
                pricing(
                    case,
                    &term.pricing_model,
                    term.duration.as_deref(),
                    &term.currency,
                    &mut add,
                );
                grants(case, term, &mut add);
            }
            Details::UpdatePaymentScheduleTerms(Some(_)) => schedule(case, &mut add),
            Details::Release => release(case, &mut add),
            _ => {}
        }
    }
    pre_existing_needs_buyers(case, &mut found);
    found
}

impl Case<'_> {
    fn today(&self) -> NaiveDate {
        self.now.date_naive()
    }
}

type Add<'a> = &'a mut dyn FnMut(&'static str, String);

/// Released authorizations are immutable; only restricting is left.
fn frozen(before: &Authorization, details: &Details, today: NaiveDate, add: Add<'_>) {
    match (before.status, details) {
        (AuthorizationStatus::Draft, Details::Restrict) => add(
            "INVALID_UPDATE_REQUEST",
            "A draft resale authorization cannot be restricted.".to_owned(),
        ),
        (AuthorizationStatus::Draft, _) => {}
        (AuthorizationStatus::Active, Details::Restrict) if !before.is_expired(today) => {}
        (AuthorizationStatus::Active, Details::Restrict) => add(
            "INVALID_UPDATE_REQUEST",
            "An expired resale authorization cannot be restricted.".to_owned(),
        ),
        (status, _) => add(
            "INVALID_UPDATE_REQUEST",
            format!(
                "The resale authorization is {} and cannot be changed.",
                status.as_str()
            ),
        ),
    }
}

fn creation(case: &Case<'_>, reseller: &String, add: Add<'_>) {
    if !case.sellers.contains(reseller) || *reseller == case.after.owner {
        add(
            "INVALID_RESELLER_ACCOUNT",
            format!("Account {reseller} is no channel partner."),
        );
    }
    if case
        .product
        .is_none_or(|product| product.state == ProductState::Draft)
    {
        add(
            "INCOMPATIBLE_PRODUCT",
            "The product must not be a draft.".to_owned(),
        );
    }
}

fn legal(case: &Case<'_>, document: &Document, is_eula: bool, add: Add<'_>) {
    match document {
        Document::StandardEula { .. } if is_eula => add(
            "INVALID_LEGAL_DOCUMENTS",
            "Professional services take a CustomEula only.".to_owned(),
        ),
        Document::StandardEula { .. } => {}
        Document::CustomEula { url, .. } => {
            if let Some((code, message)) = verdict_of(case.documents, url) {
                add(code, message);
            }
        }
    }
}

fn pricing(case: &Case<'_>, model: &str, duration: Option<&str>, currency: &str, add: Add<'_>) {
    if model != "Contract" {
        add(
            "INCOMPATIBLE_PRODUCT",
            "Professional services take PricingModel Contract only.".to_owned(),
        );
    }
    match duration.and_then(Period::parse) {
        None => add("MISSING_DURATION", "Provide a Duration.".to_owned()),
        Some(period) if !period.is_sane() => {
            add(
                "INVALID_DURATION",
                "Duration must be between 1 day and 60 months.".to_owned(),
            );
        }
        Some(_) => {}
    }
    if money::digits(currency).is_none() {
        add(
            "INVALID_CURRENCY_CODE",
            format!("CurrencyCode '{currency}' is not supported."),
        );
    }
    let scheduled = case.after.schedule.is_some();
    let price = case.after.pricing.as_ref().map(|term| term.price);
    if scheduled && price.is_some_and(|price| !price.is_zero()) {
        add(
            "INCOMPATIBLE_TERMS",
            "Price must be 0 beside a ResalePaymentScheduleTerm.".to_owned(),
        );
    }
}

fn grants(case: &Case<'_>, term: &super::model::FixedUpfront, add: Add<'_>) {
    for (index, grant) in term.grants.iter().enumerate() {
        let key = &grant.dimension_key;
        if term.grants[..index]
            .iter()
            .any(|earlier| earlier.dimension_key == *key)
        {
            add(
                "DUPLICATE_DIMENSION_KEYS",
                format!("Dimension '{key}' appears twice."),
            );
        }
        let known = |product: &Product| product.dimensions.iter().any(|known| known.key == *key);
        if grant.max_quantity.is_none() || !case.product.is_some_and(known) {
            add(
                "INVALID_GRANTS",
                format!("Dimension '{key}' is unknown or has no MaxQuantity."),
            );
        }
    }
}

fn schedule(case: &Case<'_>, add: Add<'_>) {
    let found = case.after;
    let Some(schedule) = &found.schedule else {
        return;
    };
    if found.max_offers.is_none() || found.availability_end.is_none() {
        add(
            "MISSING_MANDATORY_TERMS",
            "A ResalePaymentScheduleTerm needs OffersMaxQuantity and AvailabilityEndDate."
                .to_owned(),
        );
    }
    match &found.pricing {
        None => add(
            "MISSING_MANDATORY_TERMS",
            "A ResalePaymentScheduleTerm needs a ResaleFixedUpfrontPricingTerm.".to_owned(),
        ),
        Some(term) if term.currency != schedule.currency => {
            add(
                "INVALID_CURRENCY_CODE",
                "All terms must have the same CurrencyCode.".to_owned(),
            );
        }
        Some(_) => {}
    }
    for (index, charge) in schedule.charges.iter().enumerate() {
        let date = charge.date;
        if schedule.charges[..index]
            .iter()
            .any(|earlier| earlier.date == date)
        {
            add(
                "DUPLICATE_CHARGE_DATES",
                format!("ChargeDate {date} appears twice."),
            );
        }
        if date <= case.today() || found.availability_end.is_some_and(|end| date <= end) {
            add(
                "INVALID_CHARGE_DATES",
                format!("ChargeDate {date} must be in the future and after AvailabilityEndDate."),
            );
        }
    }
}

fn release(case: &Case<'_>, add: Add<'_>) {
    let found = case.after;
    if found.legal.is_none() {
        add(
            "MISSING_MANDATORY_TERMS",
            "Provide a BuyerLegalTerm.".to_owned(),
        );
    }
    if found.pricing.is_none() {
        add(
            "MISSING_MANDATORY_TERMS",
            "Provide a pricing term.".to_owned(),
        );
    }
    if found.is_expired(case.today()) {
        add(
            "INVALID_AVAILABILITY_END_DATE",
            "Provide a future AvailabilityEndDate.".to_owned(),
        );
    }
}

fn pre_existing_needs_buyers(case: &Case<'_>, found: &mut Found) {
    if case.after.pre_existing.is_some() && case.after.buyers.is_empty() {
        let index = case.changes.first().map_or(0, |(index, _)| *index);
        found.push((
            index,
            Finding {
                code: "INCOMPATIBLE_BUYER_TARGETING",
                message: "A renewal needs at least one buyer account.".to_owned(),
            },
        ));
    }
}

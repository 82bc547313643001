//! AWS's asynchronous rules for a resale authorization (facts §1.5).

use chrono::{DateTime, NaiveDate, Utc};

use super::authorization_changes::Details;
use super::authorizations::{Authorization, AuthorizationStatus};
use super::model::{Charge, Document, Finding, Verdict};
use super::period::Period;
use super::pricing::Pricing;
use super::pricing_rules;
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
    pub(crate) disbursement_currencies: &'a [String],
    pub(crate) now: DateTime<Utc>,
}

type Found = Vec<(usize, Finding)>;

/// Fewer than of an offer.
const CURRENCIES: [&str; 5] = ["USD", "AUD", "EUR", "GBP", "JPY"];

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
            Details::UpdateAvailability { end: Some(end), .. } => {
                availability(case, *end, &mut add);
            }
            Details::UpdateLegalTerms { buyer, contract } => {
                for document in buyer.iter().chain(contract) {
                    legal(case, document, buyer.as_ref() == Some(document), &mut add);
                }
            }
            Details::UpdatePricingTerms(Some(term)) => pricing(case, term, &mut add),
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
            "INCOMPATIBLE_STATUS",
            "A draft resale authorization cannot be restricted.".to_owned(),
        ),
        (AuthorizationStatus::Draft, _) => {}
        (AuthorizationStatus::Active, Details::Restrict) if !before.is_expired(today) => {}
        (AuthorizationStatus::Active, Details::Restrict) => add(
            "INCOMPATIBLE_STATUS",
            "An expired resale authorization cannot be restricted.".to_owned(),
        ),
        (status, _) => add(
            "INCOMPATIBLE_STATUS",
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
            "INVALID_BUYER_LEGAL_DOCUMENTS",
            "Professional services take a CustomEula only.".to_owned(),
        ),
        Document::StandardEula { .. } => {}
        Document::CustomEula { url, .. } => {
            if let Some((_, message)) = verdict_of(case.documents, url) {
                let code = if is_eula {
                    "INVALID_BUYER_LEGAL_DOCUMENTS"
                } else {
                    "INVALID_RESALE_LEGAL_DOCUMENTS"
                };
                add(code, message);
            }
        }
    }
}

fn pricing(case: &Case<'_>, term: &Pricing, add: Add<'_>) {
    for (code, message) in pricing_rules::check(term, case.product) {
        add(code, message);
    }
    if term.duration().is_none() {
        add("MISSING_DURATION", "Provide a Duration.".to_owned());
    }
    let currency = term.currency();
    if !CURRENCIES.contains(&currency) {
        add(
            "INVALID_CURRENCY_CODE",
            format!("CurrencyCode '{currency}' is not supported."),
        );
    } else if !case
        .disbursement_currencies
        .iter()
        .any(|known| known == currency)
    {
        add(
            "INCOMPATIBLE_PAYMENT_SETTINGS",
            format!("There is no disbursement method for {currency}."),
        );
    }
}

/// It must be before every charge.
fn availability(case: &Case<'_>, end: NaiveDate, add: Add<'_>) {
    if end < case.today() {
        add(
            "INVALID_AVAILABILITY_END_DATE",
            "Provide a future AvailabilityEndDate.".to_owned(),
        );
    }
    if let Some(early) = charges(case.after).find(|charge| charge.date <= end) {
        add(
            "INVALID_AVAILABILITY_END_DATE",
            format!(
                "AvailabilityEndDate must be before the ChargeDate {}.",
                early.date
            ),
        );
    }
}

fn charges(found: &Authorization) -> impl Iterator<Item = &Charge> {
    found.schedule.iter().flat_map(|schedule| &schedule.charges)
}

fn schedule(case: &Case<'_>, add: Add<'_>) {
    let found = case.after;
    let Some(schedule) = &found.schedule else {
        return;
    };
    if found.max_offers.is_none() || found.availability_end.is_none() {
        add(
            "INCOMPATIBLE_TERMS",
            "A ResalePaymentScheduleTerm needs OffersMaxQuantity and AvailabilityEndDate."
                .to_owned(),
        );
    }
    match &found.pricing {
        None | Some(Pricing::Configurable(_)) => add(
            "MISSING_MANDATORY_TERMS",
            "A ResalePaymentScheduleTerm needs a ResaleFixedUpfrontPricingTerm.".to_owned(),
        ),
        Some(Pricing::Fixed(term)) if term.currency != schedule.currency => {
            add(
                "INVALID_CURRENCY_CODE",
                "All terms must have the same CurrencyCode.".to_owned(),
            );
        }
        Some(Pricing::Fixed(_)) => {}
    }
    let duration = found.pricing.as_ref().and_then(Pricing::duration);
    let end = duration
        .and_then(Period::parse)
        .map(|period| period.after_date(case.today()));
    let changes_end = case
        .changes
        .iter()
        .any(|(_, details)| matches!(details, Details::UpdateAvailability { .. }));
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
        if date <= case.today() {
            add(
                "INVALID_CHARGE_DATES",
                format!("ChargeDate {date} must be in the future."),
            );
        }
        if end.is_some_and(|end| date >= end) {
            add(
                "INVALID_CHARGE_DATES",
                format!("ChargeDate {date} is not before the end of an agreement of today."),
            );
        }
        if !changes_end && found.availability_end.is_some_and(|end| date <= end) {
            add(
                "INVALID_AVAILABILITY_END_DATE",
                format!("AvailabilityEndDate must be before the ChargeDate {date}."),
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
    let fixed = matches!(found.pricing, Some(Pricing::Fixed(_)));
    if found.pricing.is_some() && fixed != found.schedule.is_some() {
        add(
            "INCOMPATIBLE_PRICING_TERM",
            "PaymentScheduleTerm and FixedUpfrontPricingTerm must be present together.".to_owned(),
        );
    }
    let on_sale = [ProductState::Limited, ProductState::Public];
    if case
        .product
        .is_none_or(|product| !on_sale.contains(&product.state))
    {
        add(
            "INCOMPATIBLE_PRODUCT",
            "Use an active product in limited or public state.".to_owned(),
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

//! What must be there, and allowed, before an offer goes in front of its buyers (facts §1.3).

use super::changes::Kind;
use super::pricing::Pricing;
use super::rules::{Case, Findings};
use crate::config::{Product, ProductState};

pub(super) fn check(case: &Case<'_>, found: &mut Findings<'_>) {
    if case.changes(Kind::Release) && !case.was_released() {
        release_is_complete(case, found);
        release_is_allowed(case, found);
    }
}

fn release_is_complete(case: &Case<'_>, found: &mut Findings<'_>) {
    let offer = case.after;
    let absent = |missing: bool, code: &'static str, message: &'static str| {
        missing.then_some((code, message))
    };
    let missing = [
        absent(offer.name.is_none(), "MISSING_NAME", "Provide a Name."),
        absent(
            offer.description.is_none(),
            "MISSING_DESCRIPTION",
            "Provide a Description.",
        ),
        absent(
            offer.availability_end.is_none(),
            "MISSING_AVAILABILITY_END_DATE",
            "Provide an AvailabilityEndDate.",
        ),
        absent(
            offer.buyers().is_empty(),
            "MISSING_BUYER_ACCOUNTS",
            "Provide BuyerAccounts.",
        ),
        absent(
            offer.legal.is_none(),
            "MISSING_MANDATORY_TERMS",
            "Provide a LegalTerm.",
        ),
        absent(
            offer.pricing.is_none(),
            "MISSING_MANDATORY_TERMS",
            "Provide a pricing term.",
        ),
        absent(
            offer.schedule.is_none() && matches!(offer.pricing, Some(Pricing::Fixed(_))),
            "MISSING_MANDATORY_TERMS",
            "FixedUpfrontPricingTerm needs a PaymentScheduleTerm.",
        ),
        absent(
            offer.pricing.is_some() && offer.duration().is_none(),
            "MISSING_DURATION",
            "Provide a ValidityTerm with AgreementDuration, or a Duration.",
        ),
    ];
    for (code, message) in missing.into_iter().flatten() {
        found.add(Kind::Release, code, message);
    }
    let price = offer
        .pricing
        .as_ref()
        .filter(|_| offer.schedule.is_some())
        .and_then(Pricing::fixed_price);
    if price.is_some_and(|price| !price.is_zero()) {
        found.add(
            Kind::Pricing,
            "INCOMPATIBLE_TERMS",
            "Price of FixedUpfrontPricingTerm must be 0 beside a PaymentScheduleTerm.",
        );
    }
}

fn release_is_allowed(case: &Case<'_>, found: &mut Findings<'_>) {
    let on_sale =
        |product: &Product| matches!(product.state, ProductState::Limited | ProductState::Public);
    if case.product.is_none_or(|product| !on_sale(product)) {
        found.add(
            Kind::Release,
            "INCOMPATIBLE_PRODUCT",
            "The product must be Limited or Public.",
        );
    }
    if let Some(missing) = case.standing.verification.missing() {
        found.add(Kind::Release, "INCOMPATIBLE_SELLER_VERIFICATION", missing);
    }
    if !case.standing.tax_information_complete {
        found.add(Kind::Release, "INVALID_TAX_INFORMATION",
            "Complete the tax interview for professional services; it takes up to 2 hours to register.");
    }
}

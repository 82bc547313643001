//! Channel partner private offers: made of a resale authorization, priced on top of it (facts §1.4).

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;

use super::authorizations::{Authorization, AuthorizationStatus};
use super::changes::{Details, Kind};
use super::model::{Document, Offer, OfferState, Resale, Schedule, Targeting};
use super::money;
use super::pricing::Pricing;
use super::rules::{Case, Findings};
use super::term_inputs::payment_days;

const BUYERS_MAX: usize = 25;
/// Of whatever the authorization does not allow.
const CODE: &str = "INCOMPATIBLE_RESALE_AUTHORIZATION";

/// The draft that `CreateOfferUsingResaleAuthorization` makes: the authorization's terms and buyers.
pub(crate) fn created(
    authorization: &Authorization,
    id: &str,
    name: Option<&String>,
    description: Option<&String>,
    at: DateTime<Utc>,
) -> Offer {
    let legal: Vec<Document> = authorization.legal.iter().cloned().collect();
    let buyers = authorization.buyers.clone();
    Offer {
        id: id.to_owned(),
        owner: authorization.reseller.clone(),
        product_id: authorization.product_id.clone(),
        revision: 1,
        state: OfferState::Draft,
        name: name.cloned(),
        description: description.cloned(),
        pre_existing_agreement: authorization.pre_existing.clone(),
        targeting: (!buyers.is_empty()).then(|| Targeting {
            buyer_accounts: buyers,
            ..Targeting::default()
        }),
        legal: (!legal.is_empty()).then(|| legal.clone()),
        pricing: authorization.pricing.clone(),
        schedule: authorization.schedule.clone(),
        validity: None,
        net_payment: authorization.net_payment.clone(),
        renewal: None,
        variable: None,
        resale: Some(Resale {
            authorization_id: authorization.id.clone(),
            markup: None,
            explicit: false,
            schedule: authorization.schedule.clone(),
            pricing: authorization.pricing.clone(),
            legal,
        }),
        renews: None,
        availability_end: None,
        released_at: None,
        modified_at: at,
    }
}

/// What the buyer pays: the wholesale amounts and the markup, unless the partner priced row by row.
pub(crate) fn reprice(offer: &mut Offer) {
    let Some(resale) = offer.resale.as_ref().filter(|resale| !resale.explicit) else {
        return;
    };
    let factor = Decimal::ONE + resale.markup.unwrap_or_default() / Decimal::ONE_HUNDRED;
    offer.schedule = resale.schedule.as_ref().map(|wholesale| Schedule {
        currency: wholesale.currency.clone(),
        charges: wholesale
            .charges
            .iter()
            .map(|charge| super::model::Charge {
                date: charge.date,
                amount: money::round(charge.amount * factor, &wholesale.currency),
            })
            .collect(),
    });
    let raised = resale.pricing.as_ref().map(|term| term.times(factor));
    match (&mut offer.pricing, raised) {
        // The rest of a term that the partner sent is for the rules to look at.
        (Some(Pricing::Fixed(own)), Some(Pricing::Fixed(raised))) => own.price = raised.price,
        (Some(own @ Pricing::Configurable(_)), Some(raised @ Pricing::Configurable(_))) => {
            *own = raised;
        }
        _ => {}
    }
}

/// Why no offer can be made of the authorization today. `offers_made` are those made before.
fn unusable(
    authorization: &Authorization,
    offers_made: usize,
    today: NaiveDate,
) -> Option<&'static str> {
    let used = authorization
        .max_offers
        .and_then(|max| usize::try_from(max).ok())
        .is_some_and(|max| offers_made >= max);
    if authorization.status != AuthorizationStatus::Active {
        Some("The resale authorization is not Active.")
    } else if authorization.is_expired(today) {
        Some("The resale authorization has expired.")
    } else if used {
        Some("The resale authorization is used.")
    } else if authorization.contract.is_some() && !authorization.contract_accepted {
        Some("The reseller contract of the resale authorization is not accepted.")
    } else {
        None
    }
}

/// The rules that only a channel partner's offer has.
pub(super) fn check(case: &Case<'_>, found: &mut Findings<'_>) {
    let Some(resale) = &case.after.resale else {
        direct_only(case, found);
        return;
    };
    let Some(authorization) = case.authorization else {
        return;
    };
    let creating = case.before.is_none();
    if creating
        && let Some(reason) = unusable(authorization, case.offers_made, case.now.date_naive())
    {
        found.add(Kind::Creation, CODE, reason);
    }
    if case.changes(Kind::Targeting) {
        buyers(case, authorization, found);
    }
    pricing_way(case, found);
    if case.changes(Kind::Schedule) {
        schedule(case, resale, found);
    }
    if case.changes(Kind::Pricing) {
        pricing(case, authorization, found);
    }
    if case.changes(Kind::NetPayment) {
        net_payment(case, authorization, found);
    }
    if case.changes(Kind::Validity) {
        validity(case, authorization, found);
    }
    if case.changes(Kind::Renewal) {
        found.add(
            Kind::Renewal,
            "INCOMPATIBLE_TERMS",
            "RenewalTerm is not available for channel partner offers.",
        );
    }
}

/// A direct offer has nothing to mark up.
fn direct_only(case: &Case<'_>, found: &mut Findings<'_>) {
    if case.changes(Kind::Markup) {
        found.add(
            Kind::Markup,
            "INVALID_MARKUP_PERCENTAGE",
            "The offer uses no resale authorization.",
        );
    }
}

fn buyers(case: &Case<'_>, authorization: &Authorization, found: &mut Findings<'_>) {
    let accounts = case.after.buyers();
    if accounts.len() > BUYERS_MAX {
        found.add(
            Kind::Targeting,
            "TOO_MANY_BUYER_ACCOUNTS",
            format!("At most {BUYERS_MAX} buyer accounts can be named."),
        );
    }
    let allowed = &authorization.buyers;
    for account in accounts {
        if !allowed.is_empty() && !allowed.contains(account) {
            found.add(
                Kind::Targeting,
                CODE,
                format!("The resale authorization is not for buyer {account}."),
            );
        }
    }
}

/// Markup and own schedule exclude each other, and there is no way back to a markup.
fn pricing_way(case: &Case<'_>, found: &mut Findings<'_>) {
    let earlier = case.before.and_then(|offer| offer.resale.as_ref());
    let markup_now = case.changes.iter().find_map(|(_, details)| match details {
        Details::UpdateMarkup(percentage) => Some(*percentage),
        _ => None,
    });
    if markup_now.is_some_and(|markup| !markup.is_zero())
        && earlier.is_some_and(|resale| resale.explicit)
    {
        found.add(
            Kind::Markup,
            "INCOMPATIBLE_TERMS",
            "The offer has a payment schedule of its own; a markup cannot be set.",
        );
    }
    let markup = markup_now.or_else(|| earlier.and_then(|resale| resale.markup));
    if markup.is_none_or(|markup| markup.is_zero()) {
        return;
    }
    if case.changes(Kind::Schedule) {
        found.add(
            Kind::Schedule,
            "INCOMPATIBLE_MARKUP_PERCENTAGE",
            "Set the markup to 0 before a payment schedule of the offer's own.",
        );
    }
    if case.changes(Kind::Pricing) {
        found.add(
            Kind::Pricing,
            "INCOMPATIBLE_TERMS",
            "Set the markup to 0 before a FixedUpfrontPricingTerm of the offer's own.",
        );
    }
}

fn schedule(case: &Case<'_>, resale: &Resale, found: &mut Findings<'_>) {
    let (Some(own), Some(wholesale)) = (&case.after.schedule, &resale.schedule) else {
        found.add(
            Kind::Schedule,
            CODE,
            "A payment schedule must be in both the offer and its resale authorization.",
        );
        return;
    };
    if own.currency != wholesale.currency {
        found.add(
            Kind::Schedule,
            CODE,
            "CurrencyCode must be the resale authorization's.",
        );
    }
    let same_dates = own.charges.len() == wholesale.charges.len()
        && own.charges.iter().all(|charge| {
            let mut dates = wholesale.charges.iter().map(|other| other.date);
            dates.any(|date| date == charge.date)
        });
    if !same_dates {
        found.add(
            Kind::Schedule,
            CODE,
            "The ChargeDates must be the resale authorization's.",
        );
        return;
    }
    for charge in &own.charges {
        let floor = wholesale
            .charges
            .iter()
            .find(|other| other.date == charge.date)
            .map(|other| other.amount);
        if floor.is_some_and(|floor| charge.amount < floor) {
            found.add(
                Kind::Schedule,
                CODE,
                format!(
                    "ChargeAmount of {} is below the wholesale amount.",
                    charge.date
                ),
            );
        }
    }
}

fn pricing(case: &Case<'_>, authorization: &Authorization, found: &mut Findings<'_>) {
    let (Some(own), Some(wholesale)) = (&case.after.pricing, &authorization.pricing) else {
        return;
    };
    // The amounts come from the authorization and the markup, or from a schedule.
    let priced = case.changes.iter().any(|(_, details)| {
        matches!(details, Details::UpdatePricingTerms(Some(Pricing::Fixed(term))) if !term.price.is_zero())
    });
    if priced {
        found.add(
            Kind::Pricing,
            "INCOMPATIBLE_TERMS",
            "Price must be 0; use UpdateMarkup or UpdatePaymentScheduleTerms.",
        );
    }
    if own.duration() != wholesale.duration() {
        found.add(
            Kind::Pricing,
            CODE,
            "Duration must be the resale authorization's.",
        );
    }
    if !same_grants(own, wholesale) {
        found.add(
            Kind::Pricing,
            CODE,
            "The term and its grants must be the resale authorization's.",
        );
    }
    if own.currency() != wholesale.currency() {
        found.add(
            Kind::Pricing,
            CODE,
            "CurrencyCode must be the resale authorization's.",
        );
    }
}

/// A partner can send one sum only, and only where the authorization has one.
fn same_grants(own: &Pricing, wholesale: &Pricing) -> bool {
    match (own, wholesale) {
        (Pricing::Fixed(own), Pricing::Fixed(wholesale)) => own.grants == wholesale.grants,
        (Pricing::Configurable(_), _) | (_, Pricing::Configurable(_)) => false,
    }
}

fn validity(case: &Case<'_>, authorization: &Authorization, found: &mut Findings<'_>) {
    let own = case.after.validity.as_ref();
    let own = own.and_then(|term| term.duration.as_deref());
    let authorized = authorization.pricing.as_ref().and_then(Pricing::duration);
    if own.is_some() && own != authorized {
        found.add(
            Kind::Validity,
            CODE,
            "AgreementDuration must be the resale authorization's.",
        );
    }
}

fn net_payment(case: &Case<'_>, authorization: &Authorization, found: &mut Findings<'_>) {
    let fits = match (&case.after.net_payment, &authorization.net_payment) {
        (Some(own), Some(ceiling)) => payment_days(own) <= payment_days(ceiling),
        (own, ceiling) => own.is_none() && ceiling.is_none(),
    };
    if !fits {
        found.add(
            Kind::NetPayment,
            CODE,
            "NetPaymentTerm must stay within the resale authorization's.",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::model::Charge;

    fn schedule_of(amounts: &[&str]) -> Schedule {
        Schedule {
            currency: "USD".to_owned(),
            charges: amounts
                .iter()
                .zip(1..)
                .map(|(amount, day)| Charge {
                    date: NaiveDate::from_ymd_opt(2027, 2, day).unwrap(),
                    amount: amount.parse().unwrap(),
                })
                .collect(),
        }
    }

    #[test]
    fn a_markup_is_on_every_row_and_rounds_in_the_currency() {
        for (markup, expected) in [
            (None, ["0.50", "0.50"]),
            (Some("10"), ["0.55", "0.55"]),
            (Some("0.000000001"), ["0.50", "0.50"]),
            (Some("5"), ["0.52", "0.52"]),
        ] {
            let mut offer = created(
                &authorization(),
                "offer-1",
                None,
                None,
                DateTime::UNIX_EPOCH,
            );
            let resale = offer.resale.as_mut().unwrap();
            resale.markup = markup.map(|markup| markup.parse().unwrap());
            reprice(&mut offer);
            let amounts: Vec<String> = offer
                .schedule
                .unwrap()
                .charges
                .iter()
                .map(|charge| charge.amount.to_string())
                .collect();
            assert_eq!(amounts, expected, "{markup:?}");
        }
    }

    #[test]
    fn only_a_usable_authorization_makes_offers() {
        let today = NaiveDate::from_ymd_opt(2027, 1, 1).unwrap();
        let yesterday = today.pred_opt();
        let contract = Some(Document::StandardEula {
            version: String::new(),
        });
        let good = authorization();
        assert_eq!(unusable(&good, 0, today), None);
        assert!(unusable(&good, 1, today).is_some(), "single use");
        let several = Authorization {
            max_offers: None,
            ..good.clone()
        };
        assert_eq!(unusable(&several, 7, today), None);
        for bad in [
            Authorization {
                status: AuthorizationStatus::Restricted,
                ..good.clone()
            },
            Authorization {
                availability_end: yesterday,
                ..good.clone()
            },
            Authorization {
                contract: contract.clone(),
                ..good.clone()
            },
        ] {
            assert!(unusable(&bad, 0, today).is_some(), "{bad:?}");
        }
        let accepted = Authorization {
            contract,
            contract_accepted: true,
            ..good
        };
        assert_eq!(unusable(&accepted, 0, today), None);
    }

    fn authorization() -> Authorization {
        Authorization {
            id: "resaleauthz-1".to_owned(),
            owner: "111122223333".to_owned(),
            reseller: "222233334444".to_owned(),
            product_id: "prod-1".to_owned(),
            revision: 1,
            status: AuthorizationStatus::Active,
            name: "A".to_owned(),
            description: None,
            pre_existing: None,
            buyers: Vec::new(),
            availability_end: None,
            max_offers: Some(1),
            legal: None,
            contract: None,
            contract_accepted: false,
            pricing: None,
            schedule: Some(schedule_of(&["0.50", "0.50"])),
            net_payment: None,
            created_at: DateTime::UNIX_EPOCH,
            modified_at: DateTime::UNIX_EPOCH,
        }
    }
}

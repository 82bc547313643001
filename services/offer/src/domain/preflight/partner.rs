//! What only a reseller's offer must keep: its authorization's terms, and no discount (O5, facts §1.4).
//!
//! The authorization is what the reseller typed: whether AWS has it so is looked at before the offer is
//! sent, by the task that sends it.

use super::{Candidate, Kinds, REFUSED_AT_ONCE, Rule, when};
use crate::domain::resale::{self, Kind, Partner};

/// Of a mark-up's percentage (facts §1.2).
const MARKUP_DIGITS: u32 = 9;
const CODE: &str = "INCOMPATIBLE_RESALE_AUTHORIZATION";

pub(super) const RULES: &[Rule] = &[
    Rule::error(
        "RESELLER_CONTRACT_ACCEPTED",
        Kinds::PARTNER,
        "contract_accepted",
        "",
        "accept the reseller contract that the authorization carries",
        contract_accepted,
    ),
    Rule::error(
        "AUTHORIZATION_IN_FORCE",
        Kinds::PARTNER,
        "authorization.until",
        CODE,
        "ask the seller for another authorization",
        in_force,
    ),
    Rule::error(
        "AUTHORIZATION_PRODUCT",
        Kinds::PARTNER,
        "product_id",
        "",
        "complete the intake with the authorization's product",
        same_product,
    ),
    Rule::error(
        "AUTHORIZATION_CURRENCY_KEPT",
        Kinds::PARTNER,
        "currency",
        CODE,
        "price the deal in the authorization's currency",
        same_currency,
    ),
    Rule::error(
        "AUTHORIZATION_DURATION_KEPT",
        Kinds::PARTNER,
        "scope_duration",
        CODE,
        "give the deal the authorization's duration",
        same_duration,
    ),
    Rule::error(
        "AUTHORIZED_BUYERS",
        Kinds::PARTNER,
        "buyer_accounts",
        CODE,
        "sell to a buyer that the authorization names",
        authorized_buyers,
    ),
    Rule::error(
        "PRICE_WAY_PRESENT",
        Kinds::PARTNER,
        "price",
        "",
        "choose a mark-up, or the charges of the approved deal",
        way_present,
    ),
    Rule::error(
        "PRICE_WAY_SINGLE",
        Kinds::PARTNER,
        "price",
        "INCOMPATIBLE_MARKUP_PERCENTAGE",
        "choose either a mark-up or the charges of the approved deal",
        way_single,
    ),
    Rule::error(
        "MARKUP_IS_NO_DISCOUNT",
        Kinds::PARTNER,
        "markup_percentage",
        REFUSED_AT_ONCE,
        "professional services are never resold at a discount: 0 or more",
        no_discount,
    ),
    Rule::error(
        "MARKUP_DIGITS",
        Kinds::PARTNER,
        "markup_percentage",
        REFUSED_AT_ONCE,
        "use at most 9 decimal digits",
        digits,
    ),
    Rule::error(
        "FIXED_AMOUNTS_NEED_SCHEDULE",
        Kinds::PARTNER,
        "price",
        CODE,
        "use a mark-up: the authorization has no schedule",
        needs_schedule,
    ),
    Rule::error(
        "CHARGE_DATES_KEPT",
        Kinds::PARTNER,
        "schedule",
        CODE,
        "charge on the authorization's dates, one amount for each",
        dates_kept,
    ),
    Rule::error(
        "AMOUNTS_COVER_WHOLESALE",
        Kinds::PARTNER,
        "schedule",
        CODE,
        "charge at least what the seller is owed on that date",
        cover_wholesale,
    ),
    Rule::error(
        "NET_TERMS_WITHIN_AUTHORIZATION",
        Kinds::PARTNER,
        "net_terms",
        CODE,
        "use net terms if and only if the authorization has them, and none longer",
        net_terms,
    ),
];

const fn partner(candidate: &Candidate) -> Option<&Partner> {
    match &candidate.plan.kind {
        Kind::Partner(partner) => Some(partner),
        Kind::Direct | Kind::Authorization(_) => None,
    }
}

fn contract_accepted(candidate: &Candidate) -> Option<String> {
    let partner = partner(candidate)?;
    let owed = partner.authorization.has_contract && !partner.contract_accepted;
    when(owed, || "the reseller contract is not accepted".into())
}

fn in_force(candidate: &Candidate) -> Option<String> {
    let (until, today) = (partner(candidate)?.authorization.until?, candidate.today);
    when(until < today, || format!("it ended on {until}"))
}

fn same_product(candidate: &Candidate) -> Option<String> {
    let authorized = partner(candidate)?.authorization.product_id.as_str();
    let own = &candidate.plan.product_id;
    when(authorized != own, || {
        format!("the authorization is of {authorized}, the offer of {own}")
    })
}

fn same_currency(candidate: &Candidate) -> Option<String> {
    let authorized = partner(candidate)?.authorization.total.currency();
    let own = candidate.plan.currency;
    when(authorized != own, || {
        format!("the authorization is in {authorized}, the offer in {own}")
    })
}

fn same_duration(candidate: &Candidate) -> Option<String> {
    let authorized = partner(candidate)?.authorization.duration;
    let own = candidate.plan.duration;
    when(authorized != own, || {
        format!("the authorization says {authorized}, the offer {own}")
    })
}

fn authorized_buyers(candidate: &Candidate) -> Option<String> {
    let authorized = &partner(candidate)?.authorization.buyers;
    let named = |account: &str| authorized.iter().any(|buyer| buyer.as_str() == account);
    let mut accounts = candidate.plan.buyer_accounts.iter();
    let stranger = accounts.find(|account| !authorized.is_empty() && !named(account))?;
    Some(format!("{stranger} is no buyer of the authorization"))
}

fn way_present(candidate: &Candidate) -> Option<String> {
    let partner = partner(candidate)?;
    when(partner.markup.is_none() && !partner.fixed_amounts, || {
        "neither a mark-up nor amounts are given".into()
    })
}

fn way_single(candidate: &Candidate) -> Option<String> {
    let partner = partner(candidate)?;
    when(partner.markup.is_some() && partner.fixed_amounts, || {
        "both a mark-up and amounts are given".into()
    })
}

fn no_discount(candidate: &Candidate) -> Option<String> {
    let markup = partner(candidate)?.markup?;
    when(markup.percentage().is_sign_negative(), || {
        format!("{markup} % is a discount")
    })
}

fn digits(candidate: &Candidate) -> Option<String> {
    let markup = partner(candidate)?.markup?;
    when(
        markup.percentage().normalize().scale() > MARKUP_DIGITS,
        || format!("{markup} has more than {MARKUP_DIGITS} decimal digits"),
    )
}

fn needs_schedule(candidate: &Candidate) -> Option<String> {
    let partner = partner(candidate)?;
    let scheduled = !partner.authorization.schedule.is_empty();
    when(partner.fixed_amounts && !scheduled, || {
        "the authorization has no dates to charge on".into()
    })
}

fn dates_kept(candidate: &Candidate) -> Option<String> {
    let received = &partner(candidate)?.authorization;
    if received.schedule.is_empty() || candidate.plan.schedule.is_empty() {
        return None;
    }
    let owed = received.schedule.iter().map(|charge| charge.date);
    let charged = candidate.plan.schedule.iter().map(|charge| charge.date);
    when(!owed.clone().eq(charged.clone()), || {
        let moved = owed
            .clone()
            .zip(charged.clone())
            .find(|(owed, charged)| owed != charged);
        moved.map_or_else(
            || {
                format!(
                    "{} charges, the authorization has {}",
                    charged.count(),
                    owed.count()
                )
            },
            |(owed, charged)| format!("a charge on {charged}, the authorization says {owed}"),
        )
    })
}

fn cover_wholesale(candidate: &Candidate) -> Option<String> {
    let received = &partner(candidate)?.authorization;
    let (charge, owed) = resale::below_wholesale(received, &candidate.plan.schedule)?;
    let (date, amount) = (charge.date, charge.amount);
    Some(format!("{amount} on {date}, the seller is owed {owed}"))
}

fn net_terms(candidate: &Candidate) -> Option<String> {
    let partner = partner(candidate)?;
    let days = |terms: resale::NetTerms| terms.days();
    match (
        partner.authorization.net_terms.map(days),
        partner.net_terms.map(days),
    ) {
        (None, None) => None,
        (Some(most), Some(own)) => when(own > most, || format!("{own} days, at most {most}")),
        (None, Some(own)) => Some(format!("{own} days, the authorization has no net terms")),
        (Some(most), None) => Some(format!("none, the authorization has {most} days")),
    }
}

//! What the buyer has already (O16): what is renewed, and what must be over first. AWS marks a renewal of an
//! ISV's alone, and its listing fee is lower: what cannot be marked is not sold at a price that was approved
//! with a renewal's fee. A buyer has one active
//! agreement of a professional-services product: it accepts no other until that is over, unless the seller's
//! limits say otherwise (facts §0.5).

use super::{Candidate, Held, Kinds, Rule, availability, when};

const NOT_AN_ISV: &str = "the deal is a renewal, and AWS has no renewal of a channel partner's own";

pub(super) const RULES: &[Rule] = &[
    Rule::error(
        "RENEWAL_NEEDS_BUYER",
        Kinds::AUTHORIZATION,
        "buyer_accounts",
        "INCOMPATIBLE_BUYER_TARGETING",
        "name the buyer whose agreement is renewed",
        buyer,
    ),
    Rule::error(
        "RENEWAL_MARKED_BY_ISV",
        Kinds::SELLERS,
        "seller_kind",
        "",
        "approve the deal anew without its renewal: it is a sale as any other, at the fee of one",
        not_an_isv,
    ),
    Rule::error(
        "RENEWAL_MARKED_BY_SELLER",
        Kinds::PARTNER,
        "authorization",
        "",
        "have the product's seller mark the renewal in its authorization: a reseller's offer cannot",
        reseller,
    )
    .warning(),
    Rule::error(
        "AGREEMENT_ENDS_AFTER_EXPIRY",
        Kinds::OFFERS,
        availability::EXPIRY,
        "",
        "let the offer expire after the buyer's agreement ends, or cancel that with a change order first",
        never_acceptable,
    ),
    Rule::error(
        "AGREEMENT_STILL_ACTIVE",
        Kinds::OFFERS,
        "buyer_accounts",
        "",
        "tell the buyer from when on it can accept, or cancel its agreement with a change order first",
        not_yet_acceptable,
    )
    .warning(),
];

fn buyer(candidate: &Candidate) -> Option<String> {
    let plan = &candidate.plan;
    when(
        plan.pre_existing.is_some() && plan.buyer_accounts.is_empty(),
        || "the renewal of an agreement is for any buyer".into(),
    )
}

fn not_an_isv(candidate: &Candidate) -> Option<String> {
    when(!candidate.plan.can_be_sold_by(candidate.seller), || {
        NOT_AN_ISV.into()
    })
}

fn reseller(candidate: &Candidate) -> Option<String> {
    when(candidate.renewal, || {
        "the deal is a renewal, and AWS has no renewal of a reseller's".into()
    })
}

fn in_the_way(candidate: &Candidate) -> Option<&Held> {
    let held = candidate.held.as_ref();
    held.filter(|_| !candidate.limits.concurrent_agreements)
}

fn never_acceptable(candidate: &Candidate) -> Option<String> {
    let (held, until) = (in_the_way(candidate)?, candidate.plan.available_until?);
    when(!held.ends_before(until), || {
        format!("{held}, and the offer expires on {until}: nobody can accept it")
    })
}

fn not_yet_acceptable(candidate: &Candidate) -> Option<String> {
    let (held, until) = (in_the_way(candidate)?, candidate.plan.available_until?);
    when(held.ends_before(until), || {
        format!("{held}: the offer cannot be accepted before")
    })
}

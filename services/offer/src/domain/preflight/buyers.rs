//! Whom the offer is for. An authorization may be for anybody.

use super::{Candidate, Kinds, REFUSED_AT_ONCE, Rule, when};
use std::collections::BTreeSet;

/// The portal takes 24, the API's schema 26: the smaller is safe (facts §0.6).
const BUYERS: u32 = 24;
const AUTHORIZATION_BUYERS: u32 = 25;
/// "Each CPPO is visible to a single buyer" (facts §0.6).
const PARTNER_BUYERS: u32 = 1;

pub(super) const RULES: &[Rule] = &[
    Rule::error(
        "BUYER_ACCOUNTS_PRESENT",
        Kinds::OFFERS,
        "buyer_accounts",
        REFUSED_AT_ONCE,
        "complete the intake with the buyer's account",
        present,
    ),
    Rule::error(
        "BUYER_ACCOUNTS_VALID",
        Kinds::ALL,
        "buyer_accounts",
        REFUSED_AT_ONCE,
        "an account id has 12 digits, leading zeros included",
        valid,
    ),
    Rule::error(
        "BUYER_ACCOUNTS_UNIQUE",
        Kinds::ALL,
        "buyer_accounts",
        "INVALID_BUYER_ACCOUNTS",
        "name each account once",
        unique,
    ),
    Rule::error(
        "BUYER_ACCOUNTS_COUNT",
        Kinds::DIRECT,
        "buyer_accounts",
        "TOO_MANY_BUYER_ACCOUNTS",
        "target at most 24 accounts",
        direct_count,
    ),
    Rule::error(
        "AUTHORIZATION_BUYERS_COUNT",
        Kinds::AUTHORIZATION,
        "buyer_accounts",
        REFUSED_AT_ONCE,
        "name at most 25 accounts, or none to allow any buyer",
        authorization_count,
    ),
    Rule::error(
        "PARTNER_BUYERS_COUNT",
        Kinds::PARTNER,
        "buyer_accounts",
        "",
        "make one offer for each buyer",
        partner_count,
    ),
];

fn present(candidate: &Candidate) -> Option<String> {
    when(candidate.plan.buyer_accounts.is_empty(), || {
        "no buyer is targeted".into()
    })
}

/// Whether it is what AWS calls an account: 12 digits.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn valid(candidate: &Candidate) -> Option<String> {
    let mut accounts = candidate.plan.buyer_accounts.iter();
    let wrong = accounts.find(|account| !is_account(account))?;
    Some(format!("{wrong:?} is no AWS account id"))
}

fn unique(candidate: &Candidate) -> Option<String> {
    let mut seen = BTreeSet::new();
    let mut accounts = candidate.plan.buyer_accounts.iter();
    let twice = accounts.find(|account| !seen.insert(*account))?;
    Some(format!("{twice} is named twice"))
}

fn more_than(candidate: &Candidate, most: u32) -> Option<String> {
    super::more_than(candidate.plan.buyer_accounts.len(), most, "accounts")
}

fn direct_count(candidate: &Candidate) -> Option<String> {
    more_than(candidate, BUYERS)
}

fn authorization_count(candidate: &Candidate) -> Option<String> {
    more_than(candidate, AUTHORIZATION_BUYERS)
}

fn partner_count(candidate: &Candidate) -> Option<String> {
    more_than(candidate, PARTNER_BUYERS)
}

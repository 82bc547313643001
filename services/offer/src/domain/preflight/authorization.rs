//! What only a resale authorization must keep (facts §1.5).

use super::{Candidate, Kinds, Rule, buyers, when};
use crate::domain::deal;
use crate::domain::resale::{Authorization, Contract, Kind};

pub(super) const RULES: &[Rule] = &[
    Rule::error(
        "RESELLER_ACCOUNT_VALID",
        Kinds::AUTHORIZATION,
        "reseller_account_id",
        "INVALID_RESELLER_ACCOUNT",
        "give the reseller's 12-digit account, not a buyer's",
        reseller_account,
    ),
    Rule::error(
        "SINGLE_USE_NEEDS_END",
        Kinds::AUTHORIZATION,
        "expires_on",
        "INCOMPATIBLE_TERMS",
        "give a single-use authorization with installments the day on which it ends",
        single_use_end,
    ),
    Rule::error(
        "INSTALLMENTS_NEED_SINGLE_USE",
        Kinds::AUTHORIZATION,
        "single_use",
        "INCOMPATIBLE_TERMS",
        "make an authorization with installments single-use: AWS wants a quantity of one and an end",
        installments_single_use,
    ),
    Rule::error(
        "AUTHORIZATION_ENDS_BEFORE_CHARGES",
        Kinds::AUTHORIZATION,
        "expires_on",
        "INVALID_AVAILABILITY_END_DATE",
        "let the authorization end before its first charge",
        ends_before_charges,
    ),
    Rule::error(
        "AUTHORIZATION_CHARGES_IN_FUTURE",
        Kinds::AUTHORIZATION,
        "schedule",
        "INVALID_CHARGE_DATES",
        "every charge lies after today (UTC)",
        charges_in_future,
    ),
    Rule::error(
        "RESELLER_CONTRACT_APPROVED",
        Kinds::AUTHORIZATION,
        "contract",
        "",
        "draft it with the contract that was approved: the seller's own exactly if it is among the deal's documents",
        contract_approved,
    ),
];

const fn allowed(candidate: &Candidate) -> Option<&Authorization> {
    match &candidate.plan.kind {
        Kind::Authorization(allowed) => Some(allowed),
        Kind::Direct | Kind::Partner(_) => None,
    }
}

fn reseller_account(candidate: &Candidate) -> Option<String> {
    let account = allowed(candidate)?.reseller.account.as_str();
    let is_buyer = candidate
        .plan
        .buyer_accounts
        .iter()
        .any(|buyer| buyer == account);
    when(!buyers::is_account(account) || is_buyer, || {
        format!("{account:?} is no account of a reseller beside its buyers")
    })
}

fn single_use_end(candidate: &Candidate) -> Option<String> {
    let endless = candidate.plan.available_until.is_none();
    let scheduled = !candidate.plan.schedule.is_empty();
    when(
        allowed(candidate)?.single_use && scheduled && endless,
        || "it has installments for one use, and has no end".into(),
    )
}

fn installments_single_use(candidate: &Candidate) -> Option<String> {
    let scheduled = !candidate.plan.schedule.is_empty();
    when(scheduled && !allowed(candidate)?.single_use, || {
        "it has installments, and can be used more than once".into()
    })
}

fn ends_before_charges(candidate: &Candidate) -> Option<String> {
    let end = candidate.plan.available_until?;
    let mut charges = candidate.plan.schedule.iter();
    let early = charges.find(|charge| charge.date <= end)?;
    Some(format!("the charge of {} is not after {end}", early.date))
}

fn charges_in_future(candidate: &Candidate) -> Option<String> {
    let today = candidate.today;
    let mut charges = candidate.plan.schedule.iter();
    let early = charges.find(|charge| charge.date <= today)?;
    Some(format!("the charge of {} is not after {today}", early.date))
}

fn contract_approved(candidate: &Candidate) -> Option<String> {
    let approved = deal::reseller_contract(&candidate.documents);
    match (allowed(candidate)?.contract, approved) {
        (Contract::None | Contract::Standard, None) | (Contract::Own, Some(_)) => None,
        (Contract::Own, None) => Some("no contract of the seller's own was approved".into()),
        (Contract::None | Contract::Standard, Some(own)) => {
            Some(format!("{:?} was approved as the contract", own.file_name))
        }
    }
}

//! AWS's asynchronous rules for a direct private offer (facts §1.3), one function a family.
//!
//! They look at the offer as it would be after the change set. A finding is hung on the change that
//! caused it, or on the release when that is what cannot happen. A set with any finding changes nothing.

use chrono::{DateTime, Months, NaiveDate, Utc};

use super::authorizations::Authorization;
use super::changes::{Details, Kind};
use super::model::{Document, Finding, Offer, OfferState, Verdict};
use super::money;
use super::pricing::Pricing;
use super::sellers::Standing;
use super::{
    pricing_rules, release_rules, renewal_rules, resale_offers, unavailable, validity_rules,
};
use crate::config::Product;

/// One offer of one change set, before and after, with what the rules may know.
pub(crate) struct Case<'a> {
    /// None for an offer that this set makes.
    pub(crate) before: Option<&'a Offer>,
    pub(crate) after: &'a Offer,
    /// Changes to this offer with their place in the set.
    pub(crate) changes: &'a [(usize, &'a Details)],
    pub(crate) product: Option<&'a Product>,
    /// What the offer resells.
    pub(crate) authorization: Option<&'a Authorization>,
    /// Offers that were made of it before.
    pub(crate) offers_made: usize,
    pub(crate) documents: &'a [(String, Option<Verdict>)],
    pub(crate) unknown_accounts: &'a [String],
    /// Of the seller who makes the offer.
    pub(crate) standing: &'a Standing,
    pub(crate) now: DateTime<Utc>,
}

/// Every finding of every rule: AWS reports all of a set's errors at once.
pub(crate) fn check(case: &Case<'_>) -> Vec<(usize, Finding)> {
    let mut found = Findings {
        case,
        list: Vec::new(),
    };
    for rule in [
        frozen_after_release,
        buyers,
        legal_documents,
        pricing,
        payment_schedule,
        availability,
        validity_rules::check,
        currencies,
        schedule_against_dates,
        release_rules::check,
        renewal_rules::check,
        resale_offers::check,
        unavailable::check,
    ] {
        rule(case, &mut found);
    }
    found.list
}

const MAX_AVAILABILITY_MONTHS: u32 = 36;
const CHARGES_MAX: usize = 60;
/// The portal's number, and the smallest (facts §0 row 6): the code is published without one.
const BUYERS_MAX: usize = 24;
const NEWEST_STANDARD_EULA: &str = "2022-07-14";

pub(super) struct Findings<'a> {
    case: &'a Case<'a>,
    list: Vec<(usize, Finding)>,
}

impl Findings<'_> {
    /// Hangs a finding on the change of that kind, else on the release, else on the first change.
    pub(super) fn add(&mut self, kind: Kind, code: &'static str, message: impl Into<String>) {
        let changes = self.case.changes;
        let place = |wanted: Kind| changes.iter().find(|(_, details)| details.kind() == wanted);
        let index = place(kind)
            .or_else(|| place(Kind::Release))
            .or(changes.first());
        let index = index.map_or(0, |(index, _)| *index);
        self.list.push((
            index,
            Finding {
                code,
                message: message.into(),
            },
        ));
    }
}

impl Case<'_> {
    pub(super) fn today(&self) -> NaiveDate {
        self.now.date_naive()
    }

    pub(super) fn was_released(&self) -> bool {
        self.before
            .is_some_and(|offer| offer.state == OfferState::Released)
    }

    pub(super) fn changes(&self, kind: Kind) -> bool {
        self.changes
            .iter()
            .any(|(_, details)| details.kind() == kind)
    }

    /// The offer is, or is about to be, in front of a buyer.
    fn is_live(&self) -> bool {
        self.after.state == OfferState::Released
    }
}

fn frozen_after_release(case: &Case<'_>, found: &mut Findings<'_>) {
    if !case.was_released() {
        return;
    }
    for (_, details) in case.changes {
        match details {
            Details::UpdateTargeting(_) => {
                found.add(
                    Kind::Targeting,
                    "INCOMPATIBLE_TARGETING",
                    "Buyers of a released offer are fixed.",
                );
            }
            Details::UpdateLegalTerms(_) => {
                found.add(
                    Kind::Legal,
                    "INCOMPATIBLE_TERMS",
                    "LegalTerm of a released offer is fixed.",
                );
            }
            Details::UpdatePricingTerms(term) => {
                found.add(
                    Kind::Pricing,
                    "INCOMPATIBLE_TERMS",
                    "Pricing of a released offer is fixed.",
                );
                other_currency(
                    case,
                    Kind::Pricing,
                    term.as_ref().map(Pricing::currency),
                    found,
                );
            }
            Details::UpdatePaymentScheduleTerms(term) => {
                found.add(
                    Kind::Schedule,
                    "INCOMPATIBLE_TERMS",
                    "PaymentScheduleTerm of a released offer is fixed.",
                );
                let currency = term.as_ref().map(|term| term.currency.as_str());
                other_currency(case, Kind::Schedule, currency, found);
            }
            Details::UpdateInformation(info) if info.pre_existing_agreement.is_some() => {
                found.add(
                    Kind::Information,
                    "INCOMPATIBLE_PRE_EXISTING_AGREEMENT",
                    "PreExistingAgreement of a released offer is fixed.",
                );
            }
            Details::ReleaseOffer => {
                found.add(
                    Kind::Release,
                    "INVALID_UPDATE_REQUEST",
                    "The offer is already released.",
                );
            }
            Details::UpdateMarkup(_) => {
                found.add(
                    Kind::Markup,
                    "INCOMPATIBLE_MARKUP",
                    "The markup of a released offer is fixed.",
                );
            }
            Details::UpdateNetPaymentTerms(_) => {
                found.add(
                    Kind::NetPayment,
                    "INCOMPATIBLE_TERMS",
                    "NetPaymentTerm of a released offer is fixed.",
                );
            }
            Details::UpdateRenewalTerms(_) => {
                found.add(
                    Kind::Renewal,
                    "INCOMPATIBLE_TERMS",
                    "RenewalTerm of a released offer is fixed.",
                );
            }
            Details::CreateOffer { .. }
            | Details::CreateOfferUsingResaleAuthorization { .. }
            | Details::UpdateInformation(_)
            | Details::UpdateAvailability(_)
            | Details::UpdateValidityTerms(_)
            | Details::Unavailable(_) => {}
        }
    }
}

/// The currency of what was released is fixed by itself, beside the terms.
fn other_currency(case: &Case<'_>, kind: Kind, currency: Option<&str>, found: &mut Findings<'_>) {
    let released = case.before.and_then(|offer| offer.pricing.as_ref());
    if let (Some(currency), Some(released)) = (currency, released)
        && currency != released.currency()
    {
        let message = format!("The offer was released in {}.", released.currency());
        found.add(kind, "INCOMPATIBLE_CURRENCY_CODE", message);
    }
}

fn buyers(case: &Case<'_>, found: &mut Findings<'_>) {
    if !case.changes(Kind::Targeting) {
        return;
    }
    let accounts = case.after.buyers();
    if case.after.resale.is_none() && accounts.len() > BUYERS_MAX {
        found.add(
            Kind::Targeting,
            "TOO_MANY_BUYER_ACCOUNTS",
            format!("Provide up to {BUYERS_MAX} buyer accounts."),
        );
    }
    for (index, account) in accounts.iter().enumerate() {
        if case.unknown_accounts.contains(account) {
            found.add(
                Kind::Targeting,
                "INVALID_BUYER_ACCOUNTS",
                format!("Account {account} is not an AWS account."),
            );
        } else if accounts[..index].contains(account) {
            found.add(
                Kind::Targeting,
                "INVALID_BUYER_ACCOUNTS",
                format!("Account {account} appears twice."),
            );
        }
    }
}

fn legal_documents(case: &Case<'_>, found: &mut Findings<'_>) {
    if !case.changes(Kind::Legal) {
        return;
    }
    let inherited = case
        .after
        .resale
        .as_ref()
        .map_or(0, |resale| resale.legal.len());
    for document in case.after.legal.iter().flatten().skip(inherited) {
        match document {
            Document::StandardEula { version } if version != NEWEST_STANDARD_EULA => {
                found.add(
                    Kind::Legal,
                    "INVALID_LEGAL_DOCUMENTS",
                    format!("StandardEula version must be {NEWEST_STANDARD_EULA}."),
                );
            }
            Document::StandardEula { .. } => {
                found.add(
                    Kind::Legal,
                    "INVALID_LEGAL_DOCUMENTS",
                    "Professional services take a CustomEula only.",
                );
            }
            Document::CustomEula { url, .. } => custom_document(case, url, found),
        }
    }
}

fn custom_document(case: &Case<'_>, url: &str, found: &mut Findings<'_>) {
    if let Some((code, message)) = verdict_of(case.documents, url) {
        found.add(Kind::Legal, code, message);
    }
}

/// What is wrong with a legal document, once it has been fetched.
pub(super) fn verdict_of(
    documents: &[(String, Option<Verdict>)],
    url: &str,
) -> Option<(&'static str, String)> {
    let verdict = documents
        .iter()
        .find(|(known, _)| known == url)
        .and_then(|(_, verdict)| verdict.as_ref());
    match verdict {
        Some(Verdict::Good { .. }) => None,
        Some(Verdict::Bad { reason }) => Some(("INVALID_LEGAL_DOCUMENTS", reason.clone())),
        Some(Verdict::TooLarge { limit }) => Some((
            "LIMIT_EXCEEDED_LEGAL_DOCUMENT_SIZE",
            format!("The legal document is larger than {limit} bytes."),
        )),
        None => Some((
            "INVALID_LEGAL_DOCUMENTS",
            "The document was not read.".to_owned(),
        )),
    }
}

fn pricing(case: &Case<'_>, found: &mut Findings<'_>) {
    let term = case.after.pricing.as_ref();
    let Some(term) = term.filter(|_| case.changes(Kind::Pricing)) else {
        return;
    };
    for (code, message) in pricing_rules::check(term, case.product) {
        found.add(Kind::Pricing, code, message);
    }
}

fn payment_schedule(case: &Case<'_>, found: &mut Findings<'_>) {
    let Some(term) = case
        .after
        .schedule
        .as_ref()
        .filter(|_| case.changes(Kind::Schedule))
    else {
        return;
    };
    if term.charges.len() > CHARGES_MAX {
        found.add(
            Kind::Schedule,
            "TOO_MANY_CHARGES",
            format!("Provide up to {CHARGES_MAX} scheduled payments."),
        );
    }
    for (index, charge) in term.charges.iter().enumerate() {
        if term.charges[..index]
            .iter()
            .any(|earlier| earlier.date == charge.date)
        {
            found.add(
                Kind::Schedule,
                "DUPLICATE_CHARGE_DATES",
                format!("ChargeDate {} appears twice.", charge.date),
            );
        }
    }
}

fn availability(case: &Case<'_>, found: &mut Findings<'_>) {
    let Some(end) = case.after.availability_end else {
        return;
    };
    let today = case.today();
    let latest = today
        .checked_add_months(Months::new(MAX_AVAILABILITY_MONTHS))
        .unwrap_or(today);
    if case.changes(Kind::Availability) && end > latest {
        found.add(
            Kind::Availability,
            "INVALID_AVAILABILITY_END_DATE",
            format!("AvailabilityEndDate must be by {latest}."),
        );
    }
    let ends = case.after.duration().map(|period| period.after_date(today));
    let late = case.changes(Kind::Availability) || case.changes(Kind::Validity);
    if late && case.is_live() && ends.is_some_and(|ends| end >= ends) {
        found.add(
            Kind::Availability,
            "INVALID_AVAILABILITY_END_DATE",
            "Provide an AvailabilityEndDate that is before AgreementEndDate.",
        );
    }
    // A past date on a released offer is how an offer is expired (facts §0 row 15).
    let sets_or_releases = case.changes(Kind::Availability) || case.changes(Kind::Release);
    if sets_or_releases && end < today && !case.was_released() {
        found.add(
            Kind::Availability,
            "INVALID_AVAILABILITY_END_DATE",
            "Provide a future AvailabilityEndDate.",
        );
    }
}

fn currencies(case: &Case<'_>, found: &mut Findings<'_>) {
    let pricing = case.after.pricing.as_ref().map(Pricing::currency);
    let schedule = case
        .after
        .schedule
        .as_ref()
        .map(|term| term.currency.as_str());
    let terms = [(pricing, Kind::Pricing), (schedule, Kind::Schedule)];
    for (currency, is) in terms {
        let Some(currency) = currency.filter(|_| case.changes(is)) else {
            continue;
        };
        if money::digits(currency).is_none() {
            found.add(
                is,
                "INVALID_CURRENCY_CODE",
                format!("CurrencyCode '{currency}' is not supported."),
            );
        } else if !case
            .standing
            .disbursement_currencies
            .iter()
            .any(|known| known == currency)
        {
            found.add(
                is,
                "INCOMPATIBLE_PAYMENT_SETTINGS",
                format!("There is no disbursement method for {currency}."),
            );
        }
    }
    if let (Some(pricing), Some(schedule)) = (pricing, schedule)
        && pricing != schedule
        && (case.changes(Kind::Pricing) || case.changes(Kind::Schedule))
    {
        found.add(
            Kind::Schedule,
            "INVALID_CURRENCY_CODE",
            "All terms must have the same CurrencyCode.",
        );
    }
}

/// The schedule against the offer's last day and the agreement's end, whenever any of them moves
/// on an offer that is or becomes visible.
fn schedule_against_dates(case: &Case<'_>, found: &mut Findings<'_>) {
    let offer = case.after;
    let Some(schedule) = offer.schedule.as_ref().filter(|_| case.is_live()) else {
        return;
    };
    let today = case.today();
    let blame = if case.was_released() {
        if case.changes(Kind::Availability) {
            Kind::Availability
        } else {
            Kind::Validity
        }
    } else {
        Kind::Schedule
    };
    let first = schedule.charges.iter().map(|charge| charge.date).min();
    if !case.was_released() && first.is_some_and(|first| first < today) {
        found.add(
            blame,
            "INVALID_CHARGE_DATES",
            "The first ChargeDate is in the past.",
        );
    }
    if let Some(period) = offer.duration() {
        let end = period.after_date(today);
        let moved = !case.was_released() || case.changes(Kind::Validity);
        for charge in schedule
            .charges
            .iter()
            .filter(|charge| moved && charge.date >= end)
        {
            found.add(
                blame,
                "INVALID_CHARGE_DATES",
                format!(
                    "ChargeDate {} is not before the agreement's end {end}.",
                    charge.date
                ),
            );
        }
    }
    if let Some(last_day) = offer.availability_end {
        let backdated = schedule
            .charges
            .iter()
            .filter(|charge| charge.date <= last_day)
            .count();
        if backdated > 1 {
            found.add(
                blame,
                "TOO_MANY_BACKDATED_CHARGES",
                format!(
                    "{backdated} charges fall on or before AvailabilityEndDate; at most 1 may."
                ),
            );
        }
    }
}

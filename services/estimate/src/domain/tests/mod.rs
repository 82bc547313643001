//! A case per row on the rules, and properties on the machine.

mod bad_input;
mod histories;
mod lifecycle;
mod prices;
mod renewing;
mod replacing;
mod solving;
mod views;

use countersign_kernel::chrono::{DateTime, Utc};
use countersign_kernel::{Currency, Digest, Money, Principal, Rate};
use uuid::Uuid;

use super::decide::{Facts, decide};
use super::estimate::{ChangeRequest, Command, Event, Head, State, Withdrawal, evolve};
use super::fee::{ListingFee, OfferKind, PROFESSIONAL_SERVICES};
use super::form::{ContentForm, EffortForm, MoneyForm, PackageForm, PlanForm};
use super::policy::{PricingPolicy, PricingRules};
use super::rejection::Rejection;

/// Noon of the day before the handbook's deal.
pub(super) const NOW: &str = "2026-11-22T12:00:00Z";

pub(super) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub(super) fn usd(text: &str) -> Money {
    Money::parse(text, Currency::Usd).unwrap()
}

pub(super) fn principal(name: &str) -> Principal {
    name.parse().unwrap()
}

pub(super) fn dollars(amount: &str) -> MoneyForm {
    MoneyForm {
        currency_code: "USD".to_owned(),
        amount: amount.to_owned(),
    }
}

pub(super) fn package(name: &str, base: &str) -> PackageForm {
    PackageForm {
        name: name.to_owned(),
        description: String::new(),
        fixed_price: true,
        base_price: Some(dollars(base)),
        effort: Vec::new(),
    }
}

pub(super) fn effort(hours: &str, cost_rate: &str) -> EffortForm {
    EffortForm {
        role: "Engineer".to_owned(),
        hours: hours.to_owned(),
        cost_rate: Some(dollars(cost_rate)),
    }
}

/// S0's deal: three packages, 100 000.00 USD, prepaid, 90 days.
pub(super) fn handbook() -> ContentForm {
    ContentForm {
        currency_code: "USD".to_owned(),
        packages: vec![
            package("Assessment", "50000.00"),
            package("Implementation", "30000.00"),
            package("Training", "20000.00"),
        ],
        payment_plan: Some(PlanForm::Prepaid),
        scope_description: "Move the build farm".to_owned(),
        scope_duration: "P90D".to_owned(),
        valid_until: "2026-12-31".to_owned(),
        stated_total: Some(dollars("100000.00")),
        buyer_region: String::new(),
        renewal: false,
    }
}

/// The default policy and the fee that is seeded.
pub(super) fn rules() -> PricingRules {
    PricingRules {
        policy: PricingPolicy::default(),
        fees: vec![fee("0.025")],
    }
}

pub(super) fn fee(rate: &str) -> ListingFee {
    ListingFee {
        product_type: PROFESSIONAL_SERVICES.to_owned(),
        offer_kind: OfferKind::PrivateOffer,
        region: None,
        minimum_contract_value: None,
        renewal: false,
        rate: Rate::parse(rate).unwrap(),
        effective_from: "2024-01-05".parse().unwrap(),
        own: false,
    }
}

pub(super) fn draft_command(content: ContentForm) -> Command {
    Command::Draft {
        estimate_id: Uuid::from_u128(1),
        engagement_id: "006Dn00000A1b2C".to_owned(),
        customer_name: "Example Corp".to_owned(),
        content,
        follows: None,
    }
}

/// Decides as `em@acme.example` under the default rules.
pub(super) fn decide_at(
    state: &State,
    command: &Command,
    now: &str,
) -> Result<Vec<Event>, Rejection> {
    let (rules, actor) = (rules(), principal("em@acme.example"));
    decide(
        state,
        command,
        Facts {
            now: at(now),
            actor: &actor,
            rules: &rules,
        },
    )
}

/// The state after a command that is expected to be accepted.
pub(super) fn after(state: State, command: &Command) -> State {
    let events = decide_at(&state, command, NOW).unwrap();
    events.into_iter().fold(state, evolve)
}

pub(super) fn drafted(content: ContentForm) -> Head {
    let State::Draft(head) = after(State::Absent, &draft_command(content)) else {
        panic!("not a draft");
    };
    head
}

pub(super) fn change_request() -> ChangeRequest {
    ChangeRequest {
        step: "revenue".to_owned(),
        requested_by: principal("rev@acme.example"),
        comment: "split the training".to_owned(),
    }
}

pub(super) fn refusal() -> Withdrawal {
    Withdrawal {
        by: principal("cfo@acme.example"),
        reason: "rejected at leadership".to_owned(),
    }
}

pub(super) fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

//! A violation of each rule about a payment request, and what is just within it.

use countersign_kernel::{Currency, Money};

use super::Asked;
use crate::domain::payment::{Ask, Drawn};
use crate::domain::sample::{at, usd};

/// A request for so much, as it is asked for.
pub(crate) fn ask(amount: &str) -> Ask {
    Ask {
        milestone: "Design accepted".into(),
        description: String::new(),
        amount: usd(amount),
    }
}

/// The request under the agreement's cap, of which a part is drawn.
pub(crate) fn asked(ask: &Ask) -> Asked<'_> {
    Asked {
        ask,
        cap: usd("102500.00"),
        drawn: Drawn {
            count: 2,
            requested: usd("10000.00"),
            approved: usd("20000.00"),
        },
        status: "ACTIVE",
        ends_at: Some(at("2026-06-03T23:59:59Z")),
        now: at("2026-03-10T10:00:00Z"),
    }
}

pub(crate) type AskChange = fn(&mut Ask);
pub(crate) type Change = fn(&mut Asked<'_>);

/// The rules that are violated, in the order of the table, and what is changed in a sound request for what is left.
pub(crate) const CASES: [(&[&str], AskChange, Change); 18] = [
    (&[], |_| (), |_| ()),
    (&[], |ask| ask.amount = usd("72500.00"), |_| ()),
    (
        &["PAYMENT_WITHIN_CAP"],
        |ask| ask.amount = usd("72500.01"),
        |_| (),
    ),
    (
        &["PAYMENT_POSITIVE"],
        |ask| ask.amount = usd("0.00"),
        |_| (),
    ),
    (
        &["PAYMENT_POSITIVE"],
        |ask| ask.amount = usd("-0.01"),
        |_| (),
    ),
    (
        &["PAYMENT_CURRENCY"],
        |ask| ask.amount = Money::parse("1.00", Currency::Eur).unwrap(),
        |_| (),
    ),
    (
        &["PAYMENT_MILESTONE_VALID"],
        |ask| ask.milestone = "Done".into(),
        |_| (),
    ),
    (
        &["PAYMENT_MILESTONE_VALID"],
        |ask| ask.milestone = " Design".into(),
        |_| (),
    ),
    (
        &["PAYMENT_MILESTONE_VALID"],
        |ask| ask.milestone = "De\nsign".into(),
        |_| (),
    ),
    (
        &["PAYMENT_MILESTONE_VALID"],
        |ask| ask.milestone = "m".repeat(59),
        |_| (),
    ),
    (
        &["PAYMENT_MILESTONE_VALID"],
        |ask| ask.milestone = String::new(),
        |_| (),
    ),
    (
        &["PAYMENT_MILESTONE_VALID"],
        |ask| ask.milestone = "m".repeat(65),
        |_| (),
    ),
    (&[], |ask| ask.milestone = "é".repeat(58), |_| ()),
    (
        &["PAYMENT_DESCRIPTION_LENGTH"],
        |ask| ask.description = "d".repeat(2_001),
        |_| (),
    ),
    (
        &["PAYMENT_AGREEMENT_ACTIVE"],
        |_| (),
        |asked| asked.status = "TERMINATED",
    ),
    (
        &["PAYMENT_BEFORE_AGREEMENT_END"],
        |_| (),
        |asked| asked.now = at("2026-06-03T23:59:59Z"),
    ),
    (
        &["PAYMENT_REQUEST_COUNT"],
        |_| (),
        |asked| asked.drawn.count = 999,
    ),
    (&[], |_| (), |asked| asked.drawn.count = 998),
];

//! The kinds of clocks: one table says how long each runs, and who sees to it.

use std::fmt;
use std::str::FromStr;

use countersign_kernel::chrono::{DateTime, TimeDelta, Utc};
use countersign_kernel::role;

use super::IDENTIFY_WITHIN;
use crate::domain::calendar::Calendar;
use crate::domain::id::NotAnId;

/// What a clock watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Publish,
    AgreementVisible,
    Registration,
    Identification,
    BuyerContact,
    CancellationSilence,
    PaymentRequest,
    OfferExpiry,
    Renewal120,
    Renewal90,
    Renewal60,
}

/// How long a clock runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Span {
    For(TimeDelta),
    /// By the seller's calendar.
    BusinessDays(usize),
    /// Until what it watches says, such as the expiry.
    Given,
}

/// A row of the table.
pub(super) struct Row {
    pub(super) kind: Kind,
    name: &'static str,
    /// The one that sees to it.
    role: &'static str,
    span: Span,
    /// Whether a person starts it.
    by_hand: bool,
}

const fn row(kind: Kind, name: &'static str, role: &'static str, span: Span, by_hand: bool) -> Row {
    Row {
        kind,
        name,
        role,
        span,
        by_hand,
    }
}

const fn hours(count: i64) -> Span {
    Span::For(TimeDelta::hours(count))
}

const fn days(count: i64) -> Span {
    Span::For(TimeDelta::days(count))
}

const TABLE: [Row; 11] = [
    row(
        Kind::Publish,
        "publish",
        role::ALLIANCES,
        Span::Given,
        false,
    ),
    row(
        Kind::AgreementVisible,
        "agreement-visible",
        role::ALLIANCES,
        hours(24),
        true,
    ),
    row(
        Kind::Registration,
        "registration",
        role::ALLIANCES,
        hours(1),
        false,
    ),
    row(
        Kind::Identification,
        "identification",
        role::ALLIANCES,
        Span::For(IDENTIFY_WITHIN),
        false,
    ),
    row(
        Kind::BuyerContact,
        "buyer-contact",
        role::ENGAGEMENT_MANAGER,
        Span::BusinessDays(2),
        true,
    ),
    row(
        Kind::CancellationSilence,
        "cancellation-silence",
        role::ALLIANCES,
        days(7),
        true,
    ),
    row(
        Kind::PaymentRequest,
        "payment-request",
        role::FINANCE,
        days(10),
        true,
    ),
    row(
        Kind::OfferExpiry,
        "expiry",
        role::ALLIANCES,
        Span::Given,
        false,
    ),
    row(
        Kind::Renewal120,
        "renewal-120",
        role::ENGAGEMENT_MANAGER,
        Span::Given,
        false,
    ),
    row(
        Kind::Renewal90,
        "renewal-90",
        role::ENGAGEMENT_MANAGER,
        Span::Given,
        false,
    ),
    row(
        Kind::Renewal60,
        "renewal-60",
        role::ENGAGEMENT_MANAGER,
        Span::Given,
        false,
    ),
];

impl Kind {
    /// Every kind, in the order of the table.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.kind)
    }

    pub(super) fn row(self) -> &'static Row {
        // Every kind has a row, which a test holds; the first stands for what cannot be.
        TABLE
            .iter()
            .find(|row| row.kind == self)
            .unwrap_or(&TABLE[0])
    }

    /// As the metrics, the store and the clock's id have it.
    pub(crate) fn name(self) -> &'static str {
        self.row().name
    }

    /// The role that sees to it.
    pub(crate) fn role(self) -> &'static str {
        self.row().role
    }

    /// Whether a person starts it.
    pub(crate) fn by_hand(self) -> bool {
        self.row().by_hand
    }

    /// Whether the offer's own decision rings it.
    pub(crate) const fn rung_by_offer(self) -> bool {
        matches!(self, Self::Publish | Self::OfferExpiry)
    }

    /// Whether it waits for the registration of an order (O14).
    pub(crate) const fn of_orders(self) -> bool {
        matches!(self, Self::Registration | Self::Identification)
    }

    /// When it rings, for a kind whose time does not depend on what it watches.
    pub(super) fn due(
        self,
        started_at: DateTime<Utc>,
        calendar: &Calendar,
    ) -> Option<DateTime<Utc>> {
        match self.row().span {
            Span::For(span) => started_at.checked_add_signed(span),
            Span::BusinessDays(count) => {
                // A calendar without business days waits for nobody: days of the week count then.
                let plain = i64::try_from(count).ok().and_then(TimeDelta::try_days);
                let plain = plain.and_then(|span| started_at.checked_add_signed(span));
                calendar.after(started_at, count).or(plain)
            }
            Span::Given => None,
        }
    }
}

impl FromStr for Kind {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let found = TABLE.iter().find(|row| row.name == text);
        found.map(|row| row.kind).ok_or_else(|| NotAnId {
            kind: "kind of clock",
            text: text.to_owned(),
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

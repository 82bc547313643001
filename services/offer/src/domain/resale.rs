//! Resale (O2, O5): the authorization that a seller gives to a reseller, and the offer that a reseller
//! makes from one (CPPO).
//!
//! The four scenarios of S1 (an ISV or a channel partner, reselling the services of an ISV or a channel
//! partner) differ in who the two are, and in one thing that follows from it: only an ISV can mark its sale
//! as a renewal, which for a resale it does in its authorization and the reseller cannot do at all (facts
//! §1.5). Everything else goes by the side, not by the kind of seller: whose the product is and who
//! authorizes (the manufacturer), who sells and is paid by the buyer (the reseller), that the price is never
//! below wholesale, and that the listing fee is the manufacturer's (facts §6.1).
//!
//! Where sources contradict each other or are silent (facts §0.5, §0.6, §1.4): a mark-up is rounded
//! half-even per charge, since AWS does not say how it rounds; a partner's offer has one buyer. What a
//! partner typed of its authorization is compared with AWS before its offer is sent.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use countersign_kernel::chrono::NaiveDate;
use countersign_kernel::{AwsAccountId, Decimal, IsoDuration, Money};

use super::deal::DatedAmount;
use super::id::{AwsOfferId, ProductId};

/// What a seller is at AWS (S1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SellerKind {
    /// An independent software vendor.
    #[default]
    Isv,
    /// A channel partner.
    ChannelPartner,
}

impl SellerKind {
    /// Whether such a seller can mark what it sells so as a renewal (O16).
    pub(crate) const fn can_mark_renewals(self, of: &Kind) -> bool {
        match (self, of) {
            (Self::Isv, Kind::Direct | Kind::Authorization(_)) => true,
            (Self::ChannelPartner, _) | (Self::Isv, Kind::Partner(_)) => false,
        }
    }
}

/// Which kind an offer is (O2).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Kind {
    /// From the seller to the buyer.
    #[default]
    Direct,
    /// A resale authorization, from the seller to a reseller.
    Authorization(Authorization),
    /// A channel partner's private offer, from the reseller to the buyer.
    Partner(Partner),
}

impl Kind {
    /// The kind's name, as messages and documentation have it.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Authorization(_) => "authorization",
            Self::Partner(_) => "partner",
        }
    }
}

/// What a seller allows a reseller, beside the approved deal, which is the wholesale price. Whether it
/// ends on a date stands with the offer's terms: without one it is open-ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authorization {
    pub(crate) reseller: Reseller,
    /// Whom the reseller may sell to; empty: anybody.
    pub(crate) buyers: Vec<AwsAccountId>,
    /// One offer only, else as many as the reseller likes.
    pub(crate) single_use: bool,
    pub(crate) contract: Contract,
    /// The most that the reseller may grant its buyer.
    pub(crate) net_terms: Option<NetTerms>,
}

/// Who resells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reseller {
    pub(crate) account: AwsAccountId,
    pub(crate) contact_name: String,
    pub(crate) contact_email: String,
}

/// The contract between seller and reseller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contract {
    None,
    /// AWS's standard reseller contract (RCMP).
    Standard,
    /// The seller's own, of the deal's documents.
    Own,
}

/// What a reseller sells, and how it prices it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Partner {
    pub(crate) authorization: Received,
    /// One percentage over everything.
    pub(crate) markup: Option<Markup>,
    /// The charges of the approved deal, one for each of the authorization's.
    pub(crate) fixed_amounts: bool,
    /// Whether the reseller accepted the contract that the authorization carries (S1 step 3).
    pub(crate) contract_accepted: bool,
    pub(crate) net_terms: Option<NetTerms>,
}

/// An authorization as the reseller got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) id: AwsOfferId,
    pub(crate) product_id: ProductId,
    pub(crate) duration: IsoDuration,
    /// What the reseller owes the seller in all.
    pub(crate) total: Money,
    /// What it owes when; empty without a flexible payment schedule.
    pub(crate) schedule: Vec<DatedAmount>,
    /// Empty: anybody.
    pub(crate) buyers: Vec<AwsAccountId>,
    /// The last day on which offers can be made from it; `None` without end.
    pub(crate) until: Option<NaiveDate>,
    pub(crate) has_eula: bool,
    pub(crate) has_contract: bool,
    pub(crate) net_terms: Option<NetTerms>,
}

/// Days after the invoice in which the buyer pays: one of AWS's six.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NetTerms(u16);

/// The number of days is none of AWS's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} days are none of 15, 30, 45, 60, 90 and 120")]
pub(crate) struct NoNetTerms(pub(crate) u32);

impl NetTerms {
    const DAYS: [u16; 6] = [15, 30, 45, 60, 90, 120];

    /// Takes a number of days.
    pub(crate) fn of_days(days: u32) -> Result<Self, NoNetTerms> {
        let known = Self::DAYS
            .into_iter()
            .find(|known| u32::from(*known) == days);
        known.map(Self).ok_or(NoNetTerms(days))
    }

    /// Takes a period as AWS writes it: `P30D`.
    pub(crate) fn of_period(text: &str) -> Option<Self> {
        let days = text.strip_prefix('P')?.strip_suffix('D')?;
        Self::of_days(days.parse().ok()?).ok()
    }

    pub(crate) const fn days(self) -> u16 {
        self.0
    }
}

impl fmt::Display for NetTerms {
    /// As AWS writes it: `P30D`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "P{}D", self.0)
    }
}

/// A percentage over the wholesale price. Its sign and its digits are pre-flight's to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Markup(Decimal);

/// The text is no percentage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no plain decimal percentage such as 10 or 2.5")]
pub(crate) struct NoPercentage(String);

impl Markup {
    /// The percentage: 10 is 10 %.
    pub(crate) const fn percentage(self) -> Decimal {
        self.0
    }

    /// `wholesale × (1 + percentage / 100)`, rounded half-even to the minor unit; `None` beyond what
    /// money can be.
    pub(crate) fn added_to(self, wholesale: Money) -> Option<Money> {
        let factor = Decimal::ONE.checked_add(self.0.checked_div(Decimal::ONE_HUNDRED)?)?;
        let amount = wholesale.amount().checked_mul(factor)?;
        Money::rounded(amount, wholesale.currency()).ok()
    }
}

impl FromStr for Markup {
    type Err = NoPercentage;

    fn from_str(text: &str) -> Result<Self, NoPercentage> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let plain = digits.bytes().any(|byte| byte.is_ascii_digit())
            && digits.bytes().filter(|byte| *byte == b'.').count() <= 1
            && digits
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.');
        let parsed = text
            .parse::<Decimal>()
            .ok()
            .filter(|_| plain && text.len() <= 24);
        parsed
            .map(Self)
            .ok_or_else(|| NoPercentage(text.chars().take(32).collect()))
    }
}

impl fmt::Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who gets what of a partner's offer, by payment (S1 step 5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Split {
    pub(crate) rows: Vec<SplitRow>,
    pub(crate) to_seller: Money,
    pub(crate) from_buyer: Money,
    /// What stays with the reseller.
    pub(crate) to_reseller: Money,
}

/// One payment of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SplitRow {
    pub(crate) date: Option<NaiveDate>,
    pub(crate) to_seller: Money,
    pub(crate) from_buyer: Money,
}

/// Lays the buyer's charges beside what the reseller owes. `None` while they do not lie on the same
/// dates in one currency, which pre-flight says.
pub(crate) fn split(received: &Received, retail: &[DatedAmount], total: Money) -> Option<Split> {
    let rows = if received.schedule.is_empty() {
        vec![SplitRow {
            date: None,
            to_seller: received.total,
            from_buyer: total,
        }]
    } else {
        if received.schedule.len() != retail.len() {
            return None;
        }
        let pairs = received.schedule.iter().zip(retail);
        pairs
            .map(|(owed, charged)| {
                (owed.date == charged.date).then_some(SplitRow {
                    date: Some(owed.date),
                    to_seller: owed.amount,
                    from_buyer: charged.amount,
                })
            })
            .collect::<Option<Vec<_>>>()?
    };
    let currency = received.total.currency();
    let sum = |of: fn(&SplitRow) -> Money| Money::sum(rows.iter().map(of), currency).ok();
    let (to_seller, from_buyer) = (sum(|row| row.to_seller)?, sum(|row| row.from_buyer)?);
    Some(Split {
        to_reseller: from_buyer.checked_sub(to_seller).ok()?,
        to_seller,
        from_buyer,
        rows,
    })
}

/// The first charge below what the reseller owes for its date, with what it owes.
pub(crate) fn below_wholesale(
    received: &Received,
    retail: &[DatedAmount],
) -> Option<(DatedAmount, Money)> {
    received
        .schedule
        .iter()
        .zip(retail)
        .find_map(|(owed, charged)| {
            let below = charged.amount.compare(owed.amount) == Some(Ordering::Less);
            (owed.date == charged.date && below).then_some((*charged, owed.amount))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample;

    /// S1 step 5, to the cent.
    #[test]
    fn the_table_of_the_resale_guide() {
        let received = sample::received();
        let retail = [
            sample::dated("2026-03-17", "0.55"),
            sample::dated("2026-03-18", "0.55"),
        ];
        let split = split(&received, &retail, sample::usd("1.10")).unwrap();
        let rows: Vec<_> = split
            .rows
            .iter()
            .map(|row| (row.to_seller.to_string(), row.from_buyer.to_string()))
            .collect();
        let row = ("0.50 USD".to_owned(), "0.55 USD".to_owned());
        assert_eq!(rows, [row.clone(), row]);
        assert_eq!(split.to_seller, sample::usd("1.00"));
        assert_eq!(split.from_buyer, sample::usd("1.10"));
        assert_eq!(split.to_reseller, sample::usd("0.10"));
    }

    /// O5: the same figures as a mark-up of ten per cent.
    #[test]
    fn a_markup_is_taken_on_each_charge() {
        let cases = [
            ("0.50", "10", Some("0.55")),
            ("0.50", "0", Some("0.50")),
            ("0.05", "10", Some("0.06")),
            ("0.15", "10", Some("0.16")),
            ("100.00", "0.000000001", Some("100.00")),
            ("100.00", "150", Some("250.00")),
        ];
        for (wholesale, percentage, expected) in cases {
            let markup: Markup = percentage.parse().unwrap();
            let raised = markup.added_to(sample::usd(wholesale));
            assert_eq!(
                raised,
                expected.map(sample::usd),
                "{wholesale} {percentage}"
            );
        }
        for wrong in ["", ".", "ten", "1e2", "1,5", "+1", "--1", "1.2.3"] {
            assert!(wrong.parse::<Markup>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn charges_on_other_dates_have_no_split() {
        let received = sample::received();
        let moved = [
            sample::dated("2026-03-17", "0.55"),
            sample::dated("2026-03-19", "0.55"),
        ];
        assert_eq!(split(&received, &moved, sample::usd("1.10")), None);
        assert_eq!(split(&received, &moved[..1], sample::usd("1.10")), None);
    }

    /// S1's four scenarios: reseller, manufacturer; whether the reseller's offer and the manufacturer's
    /// authorization can be marked as a renewal.
    #[test]
    fn the_four_scenarios_differ_in_who_can_mark_a_renewal() {
        use SellerKind::{ChannelPartner, Isv};
        let offer = Kind::Partner(sample::partner());
        let authorization = Kind::Authorization(sample::authorization());
        for (reseller, manufacturer, marks) in [
            (Isv, Isv, (false, true)),
            (ChannelPartner, Isv, (false, true)),
            (Isv, ChannelPartner, (false, false)),
            (ChannelPartner, ChannelPartner, (false, false)),
        ] {
            let found = (
                reseller.can_mark_renewals(&offer),
                manufacturer.can_mark_renewals(&authorization),
            );
            assert_eq!(found, marks, "{reseller:?} resells {manufacturer:?}");
        }
        for (seller, marks) in [(Isv, true), (ChannelPartner, false)] {
            assert_eq!(seller.can_mark_renewals(&Kind::Direct), marks);
        }
    }

    #[test]
    fn net_terms_are_awss_six() {
        let taken: Vec<u32> = (0..=130)
            .filter(|days| NetTerms::of_days(*days).is_ok())
            .collect();
        assert_eq!(taken, [15, 30, 45, 60, 90, 120]);
        let thirty = NetTerms::of_days(30).unwrap();
        assert_eq!(thirty.to_string(), "P30D");
        for (text, read) in [
            ("P30D", Some(thirty)),
            ("P31D", None),
            ("P1M", None),
            ("30", None),
        ] {
            assert_eq!(NetTerms::of_period(text), read, "{text}");
        }
    }
}

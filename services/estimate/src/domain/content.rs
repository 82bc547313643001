//! What every version of an estimate holds, once it has been checked (E1, E2, E7, E9).

use countersign_kernel::chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use countersign_kernel::{Currency, Decimal, IsoDuration, Money};

/// The most packages: AWS lists at most 24 dimensions for a professional-services product.
pub const MAX_PACKAGES: usize = 24;
/// The most lines of effort behind one package.
pub const MAX_EFFORT_LINES: usize = 50;
/// The most instalments that any of AWS's sources speaks of: its portal's. Offer's pre-flight knows how many the
/// seller's account takes, which is 60 as far as is known.
pub const MAX_INSTALLMENTS: usize = 86;
/// The largest price that AWS takes, in major units.
pub const MAX_PRICE: i64 = 100_000_000;
/// The most hours in one line of effort.
pub const MAX_HOURS: i64 = 100_000;
/// The longest name, in characters.
pub const MAX_NAME: usize = 200;
/// The longest description or reason, in characters.
pub const MAX_TEXT: usize = 10_000;

/// What the author wants to sell. Every amount is in `currency` (E9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The one currency of the estimate (E9).
    pub currency: Currency,
    /// 1 to [`MAX_PACKAGES`] packages, in the order given (E1).
    pub packages: Vec<WorkPackage>,
    /// How the customer pays (E2).
    pub payment_plan: PaymentPlan,
    /// What is done (E7).
    pub scope_description: String,
    /// For how long (E7).
    pub scope_duration: IsoDuration,
    /// The last day, UTC, on which the estimate may be submitted or approved (E7).
    pub valid_until: NaiveDate,
    /// ISO 3166 alpha-2 of the buyer's region, when known: chooses the listing fee (E3).
    pub buyer_region: Option<String>,
    /// Whether the deal renews an agreement: chooses the listing fee (E3).
    pub renewal: bool,
}

impl Content {
    /// The instant from which the estimate is no longer valid: the end of `valid_until`, UTC.
    #[must_use]
    pub fn expires_at(&self) -> DateTime<Utc> {
        let day_after = self.valid_until.succ_opt().unwrap_or(NaiveDate::MAX);
        day_after.and_time(NaiveTime::MIN).and_utc()
    }
}

/// A piece of work with a fixed price (E1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkPackage {
    /// What the customer calls it.
    pub name: String,
    /// What is in it; may be empty.
    pub description: String,
    /// What the seller starts from, before uplift; above zero. Internal (E5).
    pub base_price: Money,
    /// Why the price is what it is; may be empty. Internal (E5).
    pub effort: Vec<Effort>,
}

/// Work behind a package (E1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effort {
    /// Who works, such as "Senior engineer".
    pub role: String,
    /// How many hours; above zero.
    pub hours: Decimal,
    /// What one hour costs the seller; at or above zero.
    pub cost_rate: Money,
}

/// How the customer pays (E2). A cap of `Variable` is the price itself, so it is not repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentPlan {
    /// One charge of the whole price, due on acceptance.
    Prepaid,
    /// 1 to [`MAX_INSTALLMENTS`] charges on ascending dates, which add up to the price.
    Installments(Vec<Installment>),
    /// Milestone requests up to the price.
    Variable,
}

impl PaymentPlan {
    /// The plan's stable name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Prepaid => "prepaid",
            Self::Installments(_) => "installments",
            Self::Variable => "variable",
        }
    }
}

/// One scheduled charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Installment {
    /// The UTC date of the charge.
    pub charge_date: NaiveDate,
    /// How much; above zero.
    pub amount: Money,
}

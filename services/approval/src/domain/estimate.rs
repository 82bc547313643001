//! The estimate under approval, whole and as it was received: what is sent on equals it (A4).

use countersign_kernel::chrono::NaiveDate;
use countersign_kernel::money::MoneyError;
use countersign_kernel::{Currency, EngagementId, IsoDuration, Money, Principal};

/// A submitted version of an estimate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Estimate {
    /// The estimate service's id.
    pub estimate_id: String,
    /// 1, 2, 3 and so on.
    pub version: u32,
    /// The deal it belongs to.
    pub engagement: EngagementId,
    /// Who buys.
    pub customer_name: String,
    /// The one currency of every amount (E9).
    pub currency: Currency,
    /// The fixed-price packages, in order (E1).
    pub packages: Vec<Package>,
    /// How the customer pays (E2).
    pub payment_plan: PaymentPlan,
    /// What is delivered (E7).
    pub scope_description: String,
    /// For how long (E7).
    pub scope_duration: IsoDuration,
    /// The last day, UTC, on which it may be approved (E7).
    pub valid_until: NaiveDate,
    /// What the deal should bring; internal (E5). Passed on, not judged here.
    pub economics: Economics,
    /// Whether the deal renews an agreement: AWS's fee is a renewal's then (E3, O16).
    pub renewal: bool,
    /// The agreement that it was started from, as AWS names it; empty for none (E11).
    pub follows_agreement_id: String,
    /// Who wrote this version: may not approve it (A3).
    pub author: Principal,
    /// Who handed it in: may not approve it either (A3).
    pub submitted_by: Principal,
}

impl Estimate {
    /// What the customer pays in total.
    ///
    /// # Errors
    /// When the packages' prices differ in currency or their sum is out of bounds.
    pub fn total(&self) -> Result<Money, MoneyError> {
        Money::sum(
            self.packages.iter().map(|package| package.price),
            self.currency,
        )
    }
}

/// A fixed-price work package (E1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Stable within the estimate.
    pub package_id: String,
    /// Its name.
    pub name: String,
    /// What it holds.
    pub description: String,
    /// What the seller keeps, before uplift; internal (E5).
    pub base_price: Money,
    /// What the customer pays.
    pub price: Money,
}

/// How the customer pays (E2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentPlan {
    /// Everything on acceptance.
    Prepaid,
    /// On these dates.
    Installments(Vec<Installment>),
    /// Drawn by milestones, up to this amount.
    Variable {
        /// The most that may be drawn.
        cap: Money,
    },
}

/// One scheduled charge (E2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Installment {
    /// When, UTC.
    pub charge_date: NaiveDate,
    /// How much.
    pub amount: Money,
}

/// How the price was raised over the base (E3). The rate stays the text that was received: nothing
/// here computes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Uplift {
    /// price = base × (1 + rate).
    Markup(String),
    /// price = base / (1 − rate).
    GrossUp(String),
    /// price = base.
    None,
}

/// The internal figures of an estimate (E5), passed on as received.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Economics {
    /// Sum of the base prices.
    pub base_total: Option<Money>,
    /// Sum of the prices.
    pub price_total: Option<Money>,
    /// How one becomes the other.
    pub uplift: Option<Uplift>,
    /// The listing fee as a fraction of the price, as text.
    pub listing_fee_rate: String,
    /// Price × fee rate.
    pub expected_fee: Option<Money>,
    /// Price − fee.
    pub expected_net: Option<Money>,
    /// Base − net.
    pub shortfall: Option<Money>,
    /// Cost of the effort, when given.
    pub effort_cost: Option<Money>,
    /// Net − cost, when the cost is given.
    pub margin: Option<Money>,
}

//! From checked content to prices, fee, net and margin: one version of an estimate (E3, E4, E5).

use countersign_kernel::allocation::{AllocationError, allocate};
use countersign_kernel::chrono::{DateTime, NaiveDate, Utc};
use countersign_kernel::money::MoneyError;
use countersign_kernel::{Decimal, Money, Principal, Rate};

use super::content::Content;
use super::fee::{FeeQuery, OfferKind, PROFESSIONAL_SERVICES, rate_in_force};
use super::policy::PricingRules;
use super::uplift::Uplift;

/// A version of an estimate: written once, never changed (E8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// 1, 2, 3 and so on.
    pub number: u32,
    /// What was written.
    pub content: Content,
    /// What the customer pays for each package, in their order; adds up to the price.
    pub prices: Vec<Money>,
    /// What the deal should bring. Internal (E5).
    pub economics: Economics,
    /// Who wrote it: may not approve it (A3).
    pub author: Principal,
    /// When, UTC.
    pub created_at: DateTime<Utc>,
}

/// What the deal should bring, in the estimate's currency (E5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Economics {
    /// Sum of the base prices.
    pub base_total: Money,
    /// What the customer pays in all: the uplift of the base total.
    pub price_total: Money,
    /// How the one became the other, as the policy stood.
    pub uplift: Uplift,
    /// The listing fee as a fraction of the price, as in force when the version was made.
    pub listing_fee_rate: Rate,
    /// That fraction of the price, rounded half-even.
    pub expected_fee: Money,
    /// Price less fee.
    pub expected_net: Money,
    /// Base less net: above zero when the uplift does not make up for the fee.
    pub shortfall: Money,
    /// Cost of all effort, when any was given.
    pub effort_cost: Option<Money>,
    /// Net less effort cost, when effort was given for every package: else it would flatter.
    pub margin: Option<Money>,
}

/// Why content has no price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PricingError {
    /// The fee table has no row in force for this sale.
    #[error("no listing fee is in force for this sale")]
    NoListingFee,
    /// An amount is beyond what is handled.
    #[error("an amount cannot be handled")]
    Money(#[from] MoneyError),
    /// The price cannot be split over the packages.
    #[error("the price cannot be split over the packages")]
    Split(#[from] AllocationError),
}

/// Prices of the packages, and the economics, under `rules` as in force on `on` (UTC).
///
/// The total is uplifted, then split over the packages in proportion to their base prices, so that
/// the customer's lines add up to it exactly (E4).
///
/// # Errors
/// [`PricingError`].
pub fn price(
    content: &Content,
    rules: &PricingRules,
    on: NaiveDate,
) -> Result<(Vec<Money>, Economics), PricingError> {
    let uplift = rules.policy.uplift;
    let base_total = base_total(content)?;
    let price_total = uplift.price_of(base_total)?;
    let weights: Vec<Decimal> = content
        .packages
        .iter()
        .map(|package| package.base_price.amount())
        .collect();
    let prices = allocate(price_total, &weights)?;

    let listing_fee_rate = rate_in_force(&rules.fees, fee_query(content, price_total, on))
        .ok_or(PricingError::NoListingFee)?;
    let expected_fee = listing_fee_rate.of(price_total);
    let expected_net = price_total.checked_sub(expected_fee)?;
    let effort_cost = effort_cost(content)?;
    let all_have_effort = content
        .packages
        .iter()
        .all(|package| !package.effort.is_empty());
    let margin = effort_cost
        .filter(|_| all_have_effort)
        .map(|cost| expected_net.checked_sub(cost))
        .transpose()?;
    let economics = Economics {
        base_total,
        price_total,
        uplift,
        listing_fee_rate,
        expected_fee,
        expected_net,
        shortfall: base_total.checked_sub(expected_net)?,
        effort_cost,
        margin,
    };
    Ok((prices, economics))
}

fn base_total(content: &Content) -> Result<Money, MoneyError> {
    Money::sum(
        content.packages.iter().map(|package| package.base_price),
        content.currency,
    )
}

fn fee_query(content: &Content, contract_value: Money, on: NaiveDate) -> FeeQuery<'_> {
    FeeQuery {
        product_type: PROFESSIONAL_SERVICES,
        offer_kind: OfferKind::PrivateOffer,
        region: content.buyer_region.as_deref(),
        contract_value,
        renewal: content.renewal,
        on,
    }
}

/// Each line is rounded half-even, so that the lines on paper add up to the cost.
fn effort_cost(content: &Content) -> Result<Option<Money>, MoneyError> {
    let lines: Vec<Money> = content
        .packages
        .iter()
        .flat_map(|package| &package.effort)
        .map(|line| Money::rounded(line.hours * line.cost_rate.amount(), content.currency))
        .collect::<Result<_, _>>()?;
    if lines.is_empty() {
        return Ok(None);
    }
    Money::sum(lines, content.currency).map(Some)
}

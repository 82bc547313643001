//! The seller's pricing policy, and the listing fees that it knows (E2, E3).

use countersign_kernel::chrono::{DateTime, NaiveDate, Utc};
use countersign_kernel::{Currency, Decimal, Money, SellerId};
use countersign_platform::Failure;
use sqlx::{PgConnection, PgExecutor};

use super::{Inconsistent, inconsistent, money, parsed, rate, uplift, uplift_columns, violates};
use crate::domain::fee::{ListingFee, OfferKind};
use crate::domain::policy::{PricingPolicy, PricingRules};

/// The seller of the rows that every seller has.
const EVERY_SELLER: &str = "*";
/// The most rows of a seller's own: some hundred times what AWS publishes.
pub(crate) const MAX_OWN_FEES: i64 = 1_000;
/// The most rows of the fee table that are looked at. Well above [`MAX_OWN_FEES`]: a row that was
/// not looked at would be a wrong fee.
const MAX_FEES: i64 = 2_000;

#[derive(Debug, sqlx::FromRow)]
struct PolicyRow {
    uplift_kind: String,
    uplift_rate: Option<Decimal>,
    allow_prepaid: bool,
    allow_installments: bool,
    allow_variable: bool,
}

impl TryFrom<PolicyRow> for PricingPolicy {
    type Error = Inconsistent;

    fn try_from(row: PolicyRow) -> Result<Self, Inconsistent> {
        Ok(Self {
            uplift: uplift(&row.uplift_kind, row.uplift_rate)?,
            allow_prepaid: row.allow_prepaid,
            allow_installments: row.allow_installments,
            allow_variable: row.allow_variable,
        })
    }
}

#[derive(Debug, sqlx::FromRow)]
struct FeeRow {
    seller: String,
    product_type: String,
    offer_kind: String,
    region: Option<String>,
    minimum_currency: Option<String>,
    minimum_value: Option<Decimal>,
    renewal: bool,
    rate: Decimal,
    effective_from: NaiveDate,
}

impl TryFrom<FeeRow> for ListingFee {
    type Error = Inconsistent;

    fn try_from(row: FeeRow) -> Result<Self, Inconsistent> {
        let minimum_contract_value = match (row.minimum_currency, row.minimum_value) {
            (None, None) => None,
            (Some(code), Some(amount)) => {
                let currency: Currency = parsed("minimum_currency", &code)?;
                Some(money("minimum_value", amount, currency)?)
            }
            (code, _) => return Err(inconsistent("minimum_currency", &code.unwrap_or_default())),
        };
        Ok(Self {
            own: row.seller != EVERY_SELLER,
            product_type: row.product_type,
            offer_kind: OfferKind::from_code(&row.offer_kind)
                .ok_or_else(|| inconsistent("offer_kind", &row.offer_kind))?,
            region: row.region,
            minimum_contract_value,
            renewal: row.renewal,
            rate: rate("rate", row.rate)?,
            effective_from: row.effective_from,
        })
    }
}

/// All that pricing depends on, as it stands.
pub(crate) async fn rules(
    connection: &mut PgConnection,
    seller: &SellerId,
) -> Result<PricingRules, Failure> {
    Ok(PricingRules {
        policy: policy(&mut *connection, seller).await?,
        fees: fees(connection, seller).await?,
    })
}

/// The seller's policy, or the default one.
pub(crate) async fn policy(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
) -> Result<PricingPolicy, Failure> {
    let row: Option<PolicyRow> = sqlx::query_as(
        "SELECT uplift_kind, uplift_rate, allow_prepaid, allow_installments, allow_variable
        FROM pricing_policy WHERE seller = $1",
    )
    .bind(seller.as_str())
    .fetch_optional(executor)
    .await?;
    Ok(row.map_or(Ok(PricingPolicy::default()), PricingPolicy::try_from)?)
}

/// Replaces the seller's policy; a writer at the same time is waited for.
pub(crate) async fn put_policy(
    connection: &mut PgConnection,
    seller: &SellerId,
    policy: &PricingPolicy,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let (uplift_kind, uplift_rate) = uplift_columns(policy.uplift);
    sqlx::query(
        "INSERT INTO pricing_policy (seller, uplift_kind, uplift_rate, allow_prepaid,
            allow_installments, allow_variable, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (seller) DO UPDATE SET uplift_kind = $2, uplift_rate = $3, allow_prepaid = $4,
            allow_installments = $5, allow_variable = $6, updated_at = $7",
    )
    .bind(seller.as_str())
    .bind(uplift_kind)
    .bind(uplift_rate)
    .bind(policy.allow_prepaid)
    .bind(policy.allow_installments)
    .bind(policy.allow_variable)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

/// The listing fees that the seller knows: its own and every seller's, by date.
pub(crate) async fn fees(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
) -> Result<Vec<ListingFee>, Failure> {
    let rows: Vec<FeeRow> = sqlx::query_as(
        "SELECT seller, product_type, offer_kind, region, minimum_currency, minimum_value, renewal,
            rate, effective_from
        FROM listing_fee WHERE seller IN ($1, $2)
        ORDER BY effective_from, product_type, offer_kind, seller LIMIT $3",
    )
    .bind(seller.as_str())
    .bind(EVERY_SELLER)
    .bind(MAX_FEES)
    .fetch_all(executor)
    .await?;
    Ok(rows
        .into_iter()
        .map(ListingFee::try_from)
        .collect::<Result<_, _>>()?)
}

/// What became of a row that was to be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Added {
    /// It is there now.
    New,
    /// The same terms from the same date on can only be said once.
    AlreadyThere,
    /// The seller has [`MAX_OWN_FEES`] rows.
    TooMany,
}

/// Adds a row of the seller's own.
pub(crate) async fn add_fee(
    connection: &mut PgConnection,
    seller: &SellerId,
    fee: &ListingFee,
    now: DateTime<Utc>,
) -> Result<Added, Failure> {
    let minimum = fee.minimum_contract_value;
    let inserted = sqlx::query(
        "INSERT INTO listing_fee (seller, product_type, offer_kind, region, minimum_currency,
            minimum_value, renewal, rate, effective_from, added_at)
        SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10
        WHERE (SELECT count(*) FROM listing_fee WHERE seller = $1) < $11",
    )
    .bind(seller.as_str())
    .bind(&fee.product_type)
    .bind(fee.offer_kind.code())
    .bind(fee.region.as_deref())
    .bind(minimum.map(|minimum| minimum.currency().code()))
    .bind(minimum.map(Money::amount))
    .bind(fee.renewal)
    .bind(fee.rate.fraction())
    .bind(fee.effective_from)
    .bind(now)
    .bind(MAX_OWN_FEES)
    .execute(connection)
    .await;
    match inserted {
        Ok(done) if done.rows_affected() == 1 => Ok(Added::New),
        Ok(_) => Ok(Added::TooMany),
        Err(error) if violates(&error, "listing_fee_once") => Ok(Added::AlreadyThere),
        Err(error) => Err(error.into()),
    }
}

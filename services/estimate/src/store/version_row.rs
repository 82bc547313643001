//! A row of `estimate_version`, to a version and back.

use countersign_kernel::chrono::{DateTime, NaiveDate, Utc};
use countersign_kernel::{Currency, Decimal, Money, SellerId};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::packages::{PackageDocument, PlanDocument};
use super::{Inconsistent, inconsistent, money, parsed, rate, uplift, uplift_columns};
use crate::domain::content::Content;
use crate::domain::pricing::{Economics, Version};

/// What [`VersionRow`] reads; the table is called `v`.
macro_rules! version_columns {
    () => {
        "v.version, v.currency, v.packages, v.payment_plan, v.scope_description, \
         v.scope_duration, v.valid_until, v.buyer_region, v.renewal, v.base_total, v.price_total, \
         v.uplift_kind, v.uplift_rate, v.listing_fee_rate, v.expected_fee, v.expected_net, \
         v.shortfall, v.effort_cost, v.margin, v.author, v.written_at"
    };
}
pub(super) use version_columns;

#[derive(Debug, sqlx::FromRow)]
pub(super) struct VersionRow {
    version: i64,
    currency: String,
    packages: Json<Vec<PackageDocument>>,
    payment_plan: Json<PlanDocument>,
    scope_description: String,
    scope_duration: String,
    valid_until: NaiveDate,
    buyer_region: Option<String>,
    renewal: bool,
    base_total: Decimal,
    price_total: Decimal,
    uplift_kind: String,
    uplift_rate: Option<Decimal>,
    listing_fee_rate: Decimal,
    expected_fee: Decimal,
    expected_net: Decimal,
    shortfall: Decimal,
    effort_cost: Option<Decimal>,
    margin: Option<Decimal>,
    author: String,
    written_at: DateTime<Utc>,
}

impl VersionRow {
    fn economics(&self, currency: Currency) -> Result<Economics, Inconsistent> {
        let optional = |what, amount: Option<Decimal>| {
            amount
                .map(|amount| money(what, amount, currency))
                .transpose()
        };
        Ok(Economics {
            base_total: money("base_total", self.base_total, currency)?,
            price_total: money("price_total", self.price_total, currency)?,
            uplift: uplift(&self.uplift_kind, self.uplift_rate)?,
            listing_fee_rate: rate("listing_fee_rate", self.listing_fee_rate)?,
            expected_fee: money("expected_fee", self.expected_fee, currency)?,
            expected_net: money("expected_net", self.expected_net, currency)?,
            shortfall: money("shortfall", self.shortfall, currency)?,
            effort_cost: optional("effort_cost", self.effort_cost)?,
            margin: optional("margin", self.margin)?,
        })
    }
}

impl TryFrom<VersionRow> for Version {
    type Error = Inconsistent;

    fn try_from(row: VersionRow) -> Result<Self, Inconsistent> {
        let currency: Currency = parsed("currency", &row.currency)?;
        let economics = row.economics(currency)?;
        let packages = row
            .packages
            .0
            .into_iter()
            .map(|package| package.read(currency));
        let (packages, prices) = packages.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        let content = Content {
            currency,
            packages,
            payment_plan: row.payment_plan.0.read(currency)?,
            scope_duration: parsed("scope_duration", &row.scope_duration)?,
            scope_description: row.scope_description,
            valid_until: row.valid_until,
            buyer_region: row.buyer_region,
            renewal: row.renewal,
        };
        Ok(Self {
            number: u32::try_from(row.version)
                .map_err(|_| inconsistent("version", &row.version))?,
            content,
            prices,
            economics,
            author: parsed("author", &row.author)?,
            created_at: row.written_at,
        })
    }
}

/// Writes a version, once for ever.
pub(super) async fn insert(
    connection: &mut PgConnection,
    seller: &SellerId,
    estimate_id: Uuid,
    version: &Version,
) -> Result<(), sqlx::Error> {
    let (content, economics) = (&version.content, &version.economics);
    let packages: Vec<PackageDocument> = content
        .packages
        .iter()
        .zip(&version.prices)
        .map(|(package, price)| PackageDocument::new(package, *price))
        .collect();
    let (uplift_kind, uplift_rate) = uplift_columns(economics.uplift);
    sqlx::query(
        "INSERT INTO estimate_version (seller, estimate_id, version, currency, packages,
            payment_plan, scope_description, scope_duration, valid_until, buyer_region, renewal,
            base_total, price_total, uplift_kind, uplift_rate, listing_fee_rate, expected_fee,
            expected_net, shortfall, effort_cost, margin, author, written_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
            $19, $20, $21, $22, $23)",
    )
    .bind(seller.as_str())
    .bind(estimate_id)
    .bind(i64::from(version.number))
    .bind(content.currency.code())
    .bind(Json(packages))
    .bind(Json(PlanDocument::from(&content.payment_plan)))
    .bind(&content.scope_description)
    .bind(content.scope_duration.to_string())
    .bind(content.valid_until)
    .bind(content.buyer_region.as_deref())
    .bind(content.renewal)
    .bind(economics.base_total.amount())
    .bind(economics.price_total.amount())
    .bind(uplift_kind)
    .bind(uplift_rate)
    .bind(economics.listing_fee_rate.fraction())
    .bind(economics.expected_fee.amount())
    .bind(economics.expected_net.amount())
    .bind(economics.shortfall.amount())
    .bind(economics.effort_cost.map(Money::amount))
    .bind(economics.margin.map(Money::amount))
    .bind(version.author.as_str())
    .bind(version.created_at)
    .execute(connection)
    .await
    .map(drop)
}

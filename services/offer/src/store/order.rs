//! Orders (O14).

use chrono::{DateTime, Utc};
use countersign_kernel::SellerId;
use serde_json::{Value, json};
use sqlx::{PgConnection, PgExecutor};

use super::json::{self, parse};
use super::{Position, StoreError, Unreadable, one_row};
use crate::domain::id::{AgreementId, OfferId};
use crate::domain::order::{Order, Registrant, Registration, State};

#[derive(sqlx::FromRow)]
struct Row {
    agreement_id: String,
    engagement_id: String,
    offer_id: Option<String>,
    aws_offer_id: String,
    product_id: Option<String>,
    buyer_account: String,
    total: Option<Value>,
    placed_at: DateTime<Utc>,
    clock_id: String,
    state: String,
    company_name: Option<String>,
    contact_name: Option<String>,
    contact_email: Option<String>,
    registered_at: Option<DateTime<Utc>>,
    registered_by: Option<String>,
    advised_at: Option<DateTime<Utc>>,
}

impl Row {
    fn registration(&self) -> Result<Option<Registration>, Unreadable> {
        let (Some(company), Some(contact), Some(email), Some(at)) = (
            &self.company_name,
            &self.contact_name,
            &self.contact_email,
            self.registered_at,
        ) else {
            return Ok(None);
        };
        let by = self.registered_by.as_ref();
        Ok(Some(Registration {
            registrant: Registrant {
                company_name: company.clone(),
                contact_name: contact.clone(),
                contact_email: email.clone(),
            },
            at,
            by: by.map(|by| parse(by, "registered by")).transpose()?,
        }))
    }

    fn state(&self) -> Result<State, Unreadable> {
        match (self.state.as_str(), self.registration()?, self.advised_at) {
            ("open", None, None) => Ok(State::Open),
            ("registered", Some(registration), None) => Ok(State::Registered(registration)),
            ("refund-advised", None, Some(at)) => Ok(State::RefundAdvised { at }),
            (other, ..) => Err(Unreadable::Value {
                field: "order state",
                value: other.to_owned(),
            }),
        }
    }
}

impl TryFrom<Row> for Order {
    type Error = Unreadable;

    fn try_from(row: Row) -> Result<Self, Unreadable> {
        Ok(Self {
            agreement_id: parse(&row.agreement_id, "agreement id")?,
            engagement_id: parse(&row.engagement_id, "engagement id")?,
            state: row.state()?,
            offer_id: row.offer_id.map(|id| parse(&id, "offer id")).transpose()?,
            aws_offer_id: parse(&row.aws_offer_id, "offer id of AWS")?,
            product_id: row.product_id,
            buyer_account: parse(&row.buyer_account, "buyer account")?,
            total: row.total.map(json::money_from).transpose()?,
            placed_at: row.placed_at,
            clock_id: row.clock_id,
        })
    }
}

/// Writes a new order. Returns whether it is new: one of that agreement stays as it is.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    seller: &SellerId,
    order: &Order,
) -> Result<bool, StoreError> {
    let written = sqlx::query(
        "INSERT INTO buyer_order (seller, agreement_id, engagement_id, offer_id, aws_offer_id,
            product_id, buyer_account, total, placed_at, clock_id, state)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'open')
        ON CONFLICT (seller, agreement_id) DO NOTHING",
    )
    .bind(seller.as_str())
    .bind(order.agreement_id.as_str())
    .bind(order.engagement_id.as_str())
    .bind(order.offer_id.as_ref().map(OfferId::as_str))
    .bind(order.aws_offer_id.as_str())
    .bind(&order.product_id)
    .bind(order.buyer_account.as_str())
    .bind(order.total.map(json::money))
    .bind(order.placed_at)
    .bind(&order.clock_id)
    .execute(connection)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// Writes how an order in the state `before` stands now.
pub(crate) async fn update(
    connection: &mut PgConnection,
    seller: &SellerId,
    order: &Order,
    before: &State,
) -> Result<(), StoreError> {
    let (registration, advised_at) = match &order.state {
        State::Open => (None, None),
        State::Registered(registration) => (Some(registration), None),
        State::RefundAdvised { at } => (None, Some(*at)),
    };
    let registrant = registration.map(|known| &known.registrant);
    let by = registration.and_then(|known| known.by.as_ref());
    let written = sqlx::query(
        "UPDATE buyer_order SET state = $3, company_name = $4, contact_name = $5,
            contact_email = $6, registered_at = $7, registered_by = $8, advised_at = $9
        WHERE seller = $1 AND agreement_id = $2 AND state = $10",
    )
    .bind(seller.as_str())
    .bind(order.agreement_id.as_str())
    .bind(order.state.name())
    .bind(registrant.map(|known| known.company_name.as_str()))
    .bind(registrant.map(|known| known.contact_name.as_str()))
    .bind(registrant.map(|known| known.contact_email.as_str()))
    .bind(registration.map(|known| known.at))
    .bind(by.map(countersign_kernel::Principal::as_str))
    .bind(advised_at)
    .bind(before.name())
    .execute(connection)
    .await?;
    one_row("the order", written.rows_affected())
}

/// The order of an agreement.
pub(crate) async fn find(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    agreement: &AgreementId,
) -> Result<Option<Order>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT agreement_id, engagement_id, offer_id, aws_offer_id, product_id, buyer_account,
            total, placed_at, clock_id, state, company_name, contact_name, contact_email,
            registered_at, registered_by, advised_at
        FROM buyer_order WHERE seller = $1 AND agreement_id = $2",
    )
    .bind(seller.as_str())
    .bind(agreement.as_str())
    .fetch_optional(executor)
    .await?;
    Ok(row.map(Order::try_from).transpose()?)
}

/// The order that the clock waits for, locked for change.
pub(crate) async fn lock_by_clock(
    connection: &mut PgConnection,
    seller: &SellerId,
    clock_id: &str,
) -> Result<Option<Order>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT agreement_id, engagement_id, offer_id, aws_offer_id, product_id, buyer_account,
            total, placed_at, clock_id, state, company_name, contact_name, contact_email,
            registered_at, registered_by, advised_at
        FROM buyer_order WHERE seller = $1 AND clock_id = $2 FOR UPDATE",
    )
    .bind(seller.as_str())
    .bind(clock_id)
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Order::try_from).transpose()?)
}

/// A seller's orders, the newest first.
pub(crate) async fn page(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    state: Option<&str>,
    after: Option<&Position>,
    limit: i64,
) -> Result<Vec<Order>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT agreement_id, engagement_id, offer_id, aws_offer_id, product_id, buyer_account,
            total, placed_at, clock_id, state, company_name, contact_name, contact_email,
            registered_at, registered_by, advised_at
        FROM buyer_order
        WHERE seller = $1 AND ($2::text IS NULL OR state = $2)
            AND ($3::timestamptz IS NULL OR (placed_at, agreement_id) < ($3, $4))
        ORDER BY placed_at DESC, agreement_id DESC LIMIT $5",
    )
    .bind(seller.as_str())
    .bind(state)
    .bind(after.map(|position| position.at))
    .bind(after.map(|position| position.id.as_str()))
    .bind(limit)
    .fetch_all(executor)
    .await?;
    let orders = rows.into_iter().map(Order::try_from);
    Ok(orders.collect::<Result<_, _>>()?)
}

/// What the audit trail says of an order (P3).
pub(crate) fn audit_view(order: &Order) -> Value {
    let registration = match &order.state {
        State::Registered(registration) => Some(json!({
            "company_name": registration.registrant.company_name,
            "contact_name": registration.registrant.contact_name,
            "contact_email": registration.registrant.contact_email,
            "by": registration.by.as_ref().map(ToString::to_string),
        })),
        State::Open | State::RefundAdvised { .. } => None,
    };
    json!({
        "offer_id": order.offer_id.as_ref().map(OfferId::as_str),
        "aws_offer_id": order.aws_offer_id.as_str(),
        "buyer_account": order.buyer_account.as_str(),
        "placed_at": order.placed_at,
        "state": order.state.name(),
        "registration": registration,
    })
}

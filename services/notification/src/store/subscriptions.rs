//! `subscription`: who of an audience hears (N4).

use chrono::{DateTime, Utc};
use countersign_kernel::SellerId;
use countersign_kernel::webhook::WebhookSecret;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::NotAState;
use crate::domain::address::{EmailAddress, UrlPolicy, WebhookUrl};
use crate::domain::subscription::{Address, Audience, Channel, Event, Subscribers, Subscription};

#[derive(sqlx::FromRow)]
struct Row {
    subscription_id: Uuid,
    audience: String,
    channel: String,
    address: String,
    webhook_secret: Option<String>,
    disabled_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Subscription {
    type Error = NotAState;

    fn try_from(row: Row) -> Result<Self, NotAState> {
        let wrong = |what| NotAState {
            table: "subscription",
            id: row.subscription_id,
            what,
        };
        let address = match (Channel::from_name(&row.channel), &row.webhook_secret) {
            (Some(Channel::Email), None) => EmailAddress::parse(&row.address)
                .map(Address::Email)
                .map_err(|_| wrong("no e-mail address")),
            // What was let in stays readable when the policy becomes stricter: sending checks it.
            (Some(Channel::Webhook), Some(secret)) => {
                let url = WebhookUrl::parse(&row.address, UrlPolicy::LocalToo);
                let secret = WebhookSecret::parse(secret);
                match (url, secret) {
                    (Ok(url), Ok(secret)) => Ok(Address::Webhook { url, secret }),
                    (Err(_), _) => Err(wrong("no webhook URL")),
                    (Ok(_), Err(_)) => Err(wrong("no webhook secret")),
                }
            }
            (Some(Channel::Email), Some(_)) => Err(wrong("an e-mail address with a secret")),
            (Some(Channel::Webhook), None) => Err(wrong("a webhook without a secret")),
            (None, _) => Err(wrong("unknown channel")),
        }?;
        Ok(Self {
            id: row.subscription_id,
            audience: Audience::from_name(&row.audience).ok_or(wrong("unknown audience"))?,
            address,
            disabled_at: row.disabled_at,
        })
    }
}

/// Locks the subscribers of one audience on one channel against every other writer, rows that are
/// not there yet included, and reads them.
pub(crate) async fn lock(
    connection: &mut PgConnection,
    seller: &SellerId,
    audience: Audience,
    channel: Channel,
) -> Result<Subscribers, sqlx::Error> {
    let name = format!(
        "subscribers/{seller}/{}/{}",
        audience.name(),
        channel.name()
    );
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(name)
        .execute(&mut *connection)
        .await?;
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT subscription_id, audience, channel, address, webhook_secret, disabled_at
        FROM subscription WHERE seller = $1 AND audience = $2 AND channel = $3
        ORDER BY address",
    )
    .bind(seller.as_str())
    .bind(audience.name())
    .bind(channel.name())
    .fetch_all(connection)
    .await?;
    Ok(Subscribers(parse(rows)?))
}

/// Every subscription of the seller, by audience, channel and address.
pub(crate) async fn list(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
) -> Result<Vec<Subscription>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT subscription_id, audience, channel, address, webhook_secret, disabled_at
        FROM subscription WHERE seller = $1 ORDER BY audience, channel, address",
    )
    .bind(seller.as_str())
    .fetch_all(executor)
    .await?;
    Ok(parse(rows)?)
}

/// One subscription.
pub(crate) async fn get(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
    id: Uuid,
) -> Result<Option<Subscription>, sqlx::Error> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT subscription_id, audience, channel, address, webhook_secret, disabled_at
        FROM subscription WHERE seller = $1 AND subscription_id = $2",
    )
    .bind(seller.as_str())
    .bind(id)
    .fetch_optional(executor)
    .await?;
    Ok(row.map(Subscription::try_from).transpose()?)
}

/// Writes what an event changed; the caller holds [`lock`]. Returns the affected rows: one.
pub(crate) async fn apply(
    connection: &mut PgConnection,
    seller: &SellerId,
    event: &Event,
) -> Result<u64, sqlx::Error> {
    let query = match event {
        Event::Added(added) => sqlx::query(
            "INSERT INTO subscription
                (seller, subscription_id, webhook_secret, disabled_at, audience, channel, address)
            VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(seller.as_str())
        .bind(added.id)
        .bind(secret(added))
        .bind(added.disabled_at)
        .bind(added.audience.name())
        .bind(added.address.channel().name())
        .bind(added.address.place()),
        Event::Renewed(changed) | Event::Disabled(changed) => sqlx::query(
            "UPDATE subscription SET webhook_secret = $3, disabled_at = $4
            WHERE seller = $1 AND subscription_id = $2",
        )
        .bind(seller.as_str())
        .bind(changed.id)
        .bind(secret(changed))
        .bind(changed.disabled_at),
        Event::Removed(removed) => {
            sqlx::query("DELETE FROM subscription WHERE seller = $1 AND subscription_id = $2")
                .bind(seller.as_str())
                .bind(removed.id)
        }
    };
    Ok(query.execute(connection).await?.rows_affected())
}

fn secret(subscription: &Subscription) -> Option<&str> {
    match &subscription.address {
        Address::Email(_) => None,
        Address::Webhook { secret, .. } => Some(secret.expose()),
    }
}

fn parse(rows: Vec<Row>) -> Result<Vec<Subscription>, NotAState> {
    rows.into_iter().map(Subscription::try_from).collect()
}

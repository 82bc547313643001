//! An agreement's state: its terms here, its cases and postings from their own tables.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use countersign_kernel::{Currency, Decimal, EngagementId, Money, Rate, SellerId};
use countersign_platform::Failure;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    billing, discrepancy, inconsistent, ledger, money, number, parse, parse_optional, policy,
};
use crate::domain::agreement::{Event, Position, State};
use crate::domain::book::Book;
use crate::domain::ids::{AgreementId, AuthorizationId};
use crate::domain::terms::{ChargedBy, ExpectedCharge, Terms};

/// A state and the version that guards it: 0 while the agreement is unknown.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) state: State,
    pub(crate) version: i64,
}

#[derive(sqlx::FromRow)]
struct AgreementRow {
    agreement_id: String,
    engagement_id: String,
    aws_offer_id: String,
    authorization_id: Option<String>,
    accepted_at: DateTime<Utc>,
    currency: String,
    base_total: Decimal,
    price_total: Decimal,
    fee_rate: Decimal,
    expected_fee: Decimal,
    billing_terms_days: i32,
    monthly_day: Option<i32>,
    penny_tolerance: i32,
    charged_by: String,
    settled_at: Option<DateTime<Utc>>,
    version: i64,
}

#[derive(sqlx::FromRow)]
struct ChargeRow {
    number: i32,
    charge_date: NaiveDate,
    amount: Decimal,
    fee: Decimal,
    wholesale: Decimal,
    payment_due: NaiveDate,
    disbursement_expected: NaiveDate,
    dropped: bool,
}

impl ChargeRow {
    fn charge(&self, currency: Currency) -> Result<ExpectedCharge, Failure> {
        let amount = money("an expected charge", self.amount, currency)?;
        let fee = money("an expected charge", self.fee, currency)?;
        let wholesale = money("an expected charge", self.wholesale, currency)?;
        let net = amount.checked_sub(fee);
        let net = net.and_then(|net| net.checked_sub(wholesale));
        Ok(ExpectedCharge {
            number: number("an expected charge", self.number)?,
            on: self.charge_date,
            amount,
            fee,
            wholesale,
            net: net.map_err(|error| inconsistent("a charge", error))?,
            payment_due: self.payment_due,
            disbursement_expected: self.disbursement_expected,
            dropped: self.dropped,
        })
    }
}

impl AgreementRow {
    fn terms(&self, charges: &[ChargeRow]) -> Result<Terms, Failure> {
        let what = "an agreement";
        let currency: Currency = parse(what, &self.currency)?;
        let price_total = money(what, self.price_total, currency)?;
        let expected_fee = money(what, self.expected_fee, currency)?;
        let charges = charges.iter().map(|charge| charge.charge(currency));
        let charges: Vec<ExpectedCharge> = charges.collect::<Result<_, _>>()?;
        let wholesale = charges.iter().map(|charge| charge.wholesale);
        let expected_wholesale =
            Money::sum(wholesale, currency).map_err(|error| inconsistent(what, error))?;
        let expected_net = price_total
            .checked_sub(expected_fee)
            .and_then(|net| net.checked_sub(expected_wholesale));
        Ok(Terms {
            agreement: parse(what, &self.agreement_id)?,
            engagement: parse(what, &self.engagement_id)?,
            offer: parse(what, &self.aws_offer_id)?,
            authorization: parse_optional(what, self.authorization_id.as_deref())?,
            accepted_at: self.accepted_at,
            base_total: money(what, self.base_total, currency)?,
            price_total,
            fee_rate: Rate::new(self.fee_rate).map_err(|error| inconsistent(what, error))?,
            expected_fee,
            expected_wholesale,
            expected_net: expected_net.map_err(|error| inconsistent(what, error))?,
            billing_terms_days: number(what, self.billing_terms_days)?,
            policy: policy::from_row(self.monthly_day, self.penny_tolerance)?,
            charged_by: charged_by_from(&self.charged_by)?,
            charges,
        })
    }
}

const fn charged_by(charged_by: ChargedBy) -> &'static str {
    match charged_by {
        ChargedBy::Schedule => "schedule",
        ChargedBy::Requests => "requests",
        ChargedBy::EndedRequests => "ended-requests",
    }
}

fn charged_by_from(text: &str) -> Result<ChargedBy, Failure> {
    match text {
        "schedule" => Ok(ChargedBy::Schedule),
        "requests" => Ok(ChargedBy::Requests),
        "ended-requests" => Ok(ChargedBy::EndedRequests),
        other => Err(inconsistent("an agreement", other)),
    }
}

/// Loads an agreement. The seller's turn is the lock of all its agreements.
pub(crate) async fn load(
    conn: &mut PgConnection,
    seller: &SellerId,
    agreement: &AgreementId,
) -> Result<Loaded, Failure> {
    let row: Option<AgreementRow> =
        sqlx::query_as("SELECT * FROM agreement WHERE seller = $1 AND agreement_id = $2")
            .bind(seller.as_str())
            .bind(agreement.as_str())
            .fetch_optional(&mut *conn)
            .await?;
    let Some(row) = row else {
        return Ok(Loaded {
            state: State::Unknown,
            version: 0,
        });
    };
    let charges: Vec<ChargeRow> = sqlx::query_as(
        "SELECT number, charge_date, amount, fee, wholesale, payment_due, disbursement_expected,
            dropped
        FROM expected_charge WHERE seller = $1 AND agreement_id = $2 ORDER BY charge_date, number",
    )
    .bind(seller.as_str())
    .bind(agreement.as_str())
    .fetch_all(&mut *conn)
    .await?;
    let terms = row.terms(&charges)?;
    let position = Position {
        posted: ledger::posted(&mut *conn, seller, agreement).await?,
        cases: discrepancy::of_agreement(&mut *conn, seller, agreement).await?,
        settled_at: row.settled_at,
        terms,
    };
    Ok(Loaded {
        state: State::Known(Box::new(position)),
        version: row.version,
    })
}

/// Writes what happened, guarded by the version that was loaded: one row, or a conflict. Each event
/// comes with an id, for the transaction that it may post.
pub(crate) async fn write(
    conn: &mut PgConnection,
    seller: &SellerId,
    position: &Position,
    version: i64,
    events: &[(Uuid, Event)],
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    if version == 0 {
        insert(&mut *conn, seller, &position.terms).await?;
    }
    for (id, event) in events {
        match event {
            Event::Accepted(_)
            | Event::CashDisbursed(_)
            | Event::Settled(_)
            | Event::Ended
            | Event::Unsettled { .. } => {}
            Event::Expected(charge) => {
                insert_charge(&mut *conn, seller, &position.terms.agreement, charge).await?;
            }
            Event::Dropped(numbers) => {
                drop_charges(&mut *conn, seller, &position.terms.agreement, numbers).await?;
            }
            Event::Posted {
                source,
                revision,
                transaction,
                effective,
                description,
            } => {
                let head = ledger::Head {
                    id: *id,
                    source,
                    revision: *revision,
                    effective: *effective,
                    description,
                    recorded_at: now,
                };
                ledger::insert(&mut *conn, seller, &position.terms, head, transaction).await?;
            }
            Event::CaseOpened(case) => {
                discrepancy::open(&mut *conn, seller, &position.terms, case).await?;
            }
            Event::CaseCleared { case, at } => {
                discrepancy::clear(&mut *conn, seller, case, *at).await?;
            }
            Event::CaseResolved {
                case,
                by,
                reason,
                at,
            } => {
                discrepancy::resolve(&mut *conn, seller, case, by, reason, *at).await?;
            }
        }
    }
    let updated = sqlx::query(
        "UPDATE agreement SET settled_at = $4, charged_by = $5, version = version + 1
        WHERE seller = $1 AND agreement_id = $2 AND version = $3",
    )
    .bind(seller.as_str())
    .bind(position.terms.agreement.as_str())
    .bind(version)
    .bind(position.settled_at)
    .bind(charged_by(position.terms.charged_by))
    .execute(conn)
    .await?;
    Failure::unless_one_row("the agreement", updated.rows_affected())
}

async fn insert(conn: &mut PgConnection, seller: &SellerId, terms: &Terms) -> Result<(), Failure> {
    let (monthly_day, tolerance) = policy::columns(terms.policy);
    sqlx::query(
        "INSERT INTO agreement (seller, agreement_id, engagement_id, aws_offer_id, accepted_at,
            currency, base_total, price_total, fee_rate, expected_fee, billing_terms_days,
            monthly_day, penny_tolerance, charged_by, authorization_id, version)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 0)",
    )
    .bind(seller.as_str())
    .bind(terms.agreement.as_str())
    .bind(terms.engagement.as_str())
    .bind(terms.offer.as_str())
    .bind(terms.accepted_at)
    .bind(terms.currency().code())
    .bind(terms.base_total.amount())
    .bind(terms.price_total.amount())
    .bind(terms.fee_rate.fraction())
    .bind(terms.expected_fee.amount())
    .bind(i64::from(terms.billing_terms_days))
    .bind(monthly_day)
    .bind(tolerance)
    .bind(charged_by(terms.charged_by))
    .bind(terms.authorization.as_ref().map(AuthorizationId::as_str))
    .execute(&mut *conn)
    .await?;
    for charge in &terms.charges {
        insert_charge(&mut *conn, seller, &terms.agreement, charge).await?;
    }
    Ok(())
}

async fn insert_charge(
    conn: &mut PgConnection,
    seller: &SellerId,
    agreement: &AgreementId,
    charge: &ExpectedCharge,
) -> Result<(), Failure> {
    sqlx::query(
        "INSERT INTO expected_charge (seller, agreement_id, number, charge_date, amount, fee,
            payment_due, disbursement_expected, wholesale)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(seller.as_str())
    .bind(agreement.as_str())
    .bind(i64::from(charge.number))
    .bind(charge.on)
    .bind(charge.amount.amount())
    .bind(charge.fee.amount())
    .bind(charge.payment_due)
    .bind(charge.disbursement_expected)
    .bind(charge.wholesale.amount())
    .execute(conn)
    .await?;
    Ok(())
}

/// Marks charges as no longer expected.
async fn drop_charges(
    conn: &mut PgConnection,
    seller: &SellerId,
    agreement: &AgreementId,
    numbers: &BTreeSet<u32>,
) -> Result<(), Failure> {
    let numbers: Vec<i64> = numbers.iter().copied().map(i64::from).collect();
    sqlx::query(
        "UPDATE expected_charge SET dropped = true
        WHERE seller = $1 AND agreement_id = $2 AND number = ANY ($3)",
    )
    .bind(seller.as_str())
    .bind(agreement.as_str())
    .bind(numbers)
    .execute(conn)
    .await?;
    Ok(())
}

/// The most agreements of one engagement that are named.
const MAX_SIBLINGS: i64 = 1000;

/// The agreements of an engagement, the one accepted last first.
async fn of_engagement(
    conn: &mut PgConnection,
    seller: &SellerId,
    engagement: &EngagementId,
) -> Result<Vec<AgreementId>, Failure> {
    let ids: Vec<String> = sqlx::query_scalar(
        "SELECT agreement_id FROM agreement WHERE seller = $1 AND engagement_id = $2
        ORDER BY accepted_at DESC, agreement_id DESC LIMIT $3",
    )
    .bind(seller.as_str())
    .bind(engagement.as_str())
    .bind(MAX_SIBLINGS)
    .fetch_all(conn)
    .await?;
    ids.iter().map(|id| parse("an agreement", id)).collect()
}

/// An agreement as it is read: its state and the rows behind it.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) position: Position,
    pub(crate) book: Book,
    /// All agreements of its engagement, itself among them, the one accepted last first.
    pub(crate) siblings: Vec<AgreementId>,
}

/// What is not there to be read.
#[derive(Debug)]
pub(crate) enum Unseen {
    /// The engagement has no agreement.
    Engagement,
    /// It has some, but not this one.
    Agreement,
}

/// One agreement of an engagement with the rows behind it: the one accepted last, unless another is named.
pub(crate) async fn view(
    conn: &mut PgConnection,
    seller: &SellerId,
    engagement: &EngagementId,
    named: Option<&AgreementId>,
) -> Result<Result<View, Unseen>, Failure> {
    let siblings = of_engagement(&mut *conn, seller, engagement).await?;
    let Some(last) = siblings.first() else {
        return Ok(Err(Unseen::Engagement));
    };
    let Some(agreement) = named.map_or(Some(last), |named| {
        siblings.iter().find(|sibling| *sibling == named)
    }) else {
        return Ok(Err(Unseen::Agreement));
    };
    let State::Known(position) = load(&mut *conn, seller, agreement).await?.state else {
        return Ok(Err(Unseen::Agreement));
    };
    let book = billing::book(conn, seller, agreement, &position.terms.offer).await?;
    Ok(Ok(View {
        position: *position,
        book,
        siblings,
    }))
}

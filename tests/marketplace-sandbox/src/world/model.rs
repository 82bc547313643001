//! The words of the world: offers, change sets, agreements, billing events.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value;

use super::authorization_changes;
use super::changes::{Details, Kind};
use super::contacts::Contact;
use super::invoices::{Credit, Invoice};
use super::period::Period;
use super::pricing::Pricing;
use super::purchase_orders::Order;
use super::tags::Tags;

/// Money in JSON is text: a number would pass through a float somewhere.
pub(super) fn as_text<S: serde::Serializer>(
    amount: &Decimal,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(amount)
}

/// AWS's only state words of an offer entity. Acceptance and expiry never change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum OfferState {
    Draft,
    Released,
}

/// A private offer entity.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    pub(crate) id: String,
    pub(crate) owner: String,
    pub(crate) product_id: String,
    /// 1 when made; one more for every later change set that touched it.
    pub(crate) revision: u32,
    pub(crate) state: OfferState,
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) pre_existing_agreement: Option<Value>,
    pub(crate) targeting: Option<Targeting>,
    pub(crate) legal: Option<Vec<Document>>,
    pub(crate) pricing: Option<Pricing>,
    pub(crate) schedule: Option<Schedule>,
    pub(crate) validity: Option<Validity>,
    pub(crate) net_payment: Option<String>,
    pub(crate) renewal: Option<Renewal>,
    /// Milestones instead of a schedule; made in the portal only.
    pub(crate) variable: Option<VariablePayment>,
    /// For a channel partner's offer: what it resells.
    pub(crate) resale: Option<Resale>,
    /// For an offer that the marketplace made: the agreement that it renews.
    pub(crate) renews: Option<String>,
    /// Ends 23:59:59.999 UTC on this day (O7).
    pub(crate) availability_end: Option<NaiveDate>,
    pub(crate) released_at: Option<DateTime<Utc>>,
    pub(crate) modified_at: DateTime<Utc>,
}

impl Offer {
    /// Whether the offer can no longer be accepted because its day has passed.
    pub(crate) fn is_expired(&self, today: NaiveDate) -> bool {
        self.availability_end.is_some_and(|end| end < today)
    }

    /// The duration that an agreement of this offer gets.
    pub(crate) fn duration(&self) -> Option<Period> {
        let validity = self
            .validity
            .as_ref()
            .and_then(|validity| validity.duration.as_deref());
        let upfront = self.pricing.as_ref().and_then(Pricing::duration);
        validity.or(upfront).and_then(Period::parse)
    }

    /// The accounts that may accept; empty for an offer that names none.
    pub(crate) fn buyers(&self) -> &[String] {
        self.targeting
            .as_ref()
            .map_or(&[], |targeting| &targeting.buyer_accounts)
    }
}

/// The resale authorization behind a channel partner's offer.
#[derive(Debug, Clone)]
pub(crate) struct Resale {
    pub(crate) authorization_id: String,
    /// Per cent on top of the wholesale amounts, as long as the schedule is not the partner's own.
    pub(crate) markup: Option<Decimal>,
    /// The partner priced row by row; there is no way back to a markup.
    pub(crate) explicit: bool,
    /// What the partner owes the manufacturer: the authorization's schedule, or its price.
    pub(crate) schedule: Option<Schedule>,
    pub(crate) pricing: Option<Pricing>,
    /// Documents that come from the authorization, before the partner's own.
    pub(crate) legal: Vec<Document>,
}

/// A cap, and payment requests under it (O17).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VariablePayment {
    pub(crate) currency: String,
    pub(crate) cap: Decimal,
}

/// Automatic renewal as the offer's seller set it. Periods are days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Renewal {
    pub(crate) lockout: u32,
    pub(crate) deadline: Option<u32>,
    pub(crate) max: Option<u32>,
    pub(crate) increase: Option<PriceIncrease>,
    pub(crate) template: Option<Vec<RenewalRow>>,
}

/// By how many per cent a renewal costs more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PriceIncrease {
    Fixed(Decimal),
    Range {
        min: Decimal,
        max: Decimal,
        default: Decimal,
    },
}

/// One charge of a renewal, relative to its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RenewalRow {
    /// `PnM` or `PnD`.
    pub(crate) offset: String,
    pub(crate) percentage: Decimal,
    pub(crate) day_of_month: Option<u32>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Targeting {
    pub(crate) buyer_accounts: Vec<String>,
    pub(crate) country_codes: Vec<String>,
    pub(crate) excluded_country_codes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Document {
    /// A PDF at a URL; `copy` is the digest of the marketplace's own copy once it has been fetched.
    CustomEula {
        url: String,
        copy: Option<String>,
    },
    StandardEula {
        version: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Schedule {
    pub(crate) currency: String,
    /// In the order given.
    pub(crate) charges: Vec<Charge>,
}

impl Schedule {
    /// Sum of all charges: what AWS calls the agreement's estimated value.
    pub(crate) fn total(&self) -> Decimal {
        self.charges.iter().map(|charge| charge.amount).sum()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Charge {
    pub(crate) date: NaiveDate,
    #[serde(serialize_with = "as_text")]
    pub(crate) amount: Decimal,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) duration: Option<String>,
    pub(crate) start: Option<NaiveDate>,
    pub(crate) end: Option<NaiveDate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum ChangeSetStatus {
    Preparing,
    Applying,
    Succeeded,
    Failed,
    Cancelled,
}

impl ChangeSetStatus {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Preparing => "PREPARING",
            Self::Applying => "APPLYING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// Every word of [`Self::as_str`].
    pub(crate) const WORDS: [&str; 5] =
        ["PREPARING", "APPLYING", "SUCCEEDED", "FAILED", "CANCELLED"];

    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::Preparing | Self::Applying)
    }
}

/// One `StartChangeSet` request on its way.
#[derive(Debug, Clone)]
pub(crate) struct ChangeSet {
    pub(crate) id: String,
    pub(crate) owner: String,
    pub(crate) name: Option<String>,
    pub(crate) status: ChangeSetStatus,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) applying_at: DateTime<Utc>,
    pub(crate) due_at: DateTime<Utc>,
    pub(crate) ended_at: Option<DateTime<Utc>>,
    pub(crate) failure: Option<(&'static str, &'static str)>,
    pub(crate) changes: Vec<Change>,
    /// Answers about the legal documents it names; it cannot end before all are there.
    pub(crate) documents: Vec<(String, Option<Verdict>)>,
    pub(crate) documents_at: Option<DateTime<Utc>>,
    /// Set by an injected failure: the set ends FAILED with `SERVER_FAULT`.
    pub(crate) doomed: bool,
    /// Set by an injected failure: the set does not end before somebody lets it.
    pub(crate) stuck: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// The `ChangeType` as sent.
    pub(crate) type_name: String,
    pub(crate) entity_type: String,
    /// Without revision. Allotted at the start for entities that the set makes.
    pub(crate) entity_id: String,
    pub(crate) revision: Option<u32>,
    pub(crate) name: Option<String>,
    /// As sent, with chain references still in it.
    pub(crate) document: Value,
    pub(crate) content: Content,
    /// For the entity, once the set has succeeded.
    pub(crate) tags: Tags,
    pub(crate) errors: Vec<Finding>,
}

/// What a change says, by the type of entity that it is for.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    Offer(Details),
    Authorization(authorization_changes::Details),
}

impl Content {
    /// Makes an entity instead of changing one.
    pub(crate) fn creates(&self) -> bool {
        match self {
            Self::Offer(details) => details.kind() == Kind::Creation,
            Self::Authorization(details) => {
                matches!(details, authorization_changes::Details::Create { .. })
            }
        }
    }
}

/// An asynchronous error: AWS's code and a message for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

/// What fetching a legal document came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Good { digest: String, bytes: Bytes },
    Bad { reason: String },
    TooLarge { limit: usize },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum AgreementStatus {
    Active,
    Cancelled,
    Expired,
    Renewed,
    Terminated,
}

impl AgreementStatus {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Cancelled => "CANCELLED",
            Self::Expired => "EXPIRED",
            Self::Renewed => "RENEWED",
            Self::Terminated => "TERMINATED",
        }
    }
}

/// A buyer's acceptance of an offer, with the terms as they stood.
#[derive(Debug, Clone)]
pub(crate) struct Agreement {
    pub(crate) id: String,
    /// The seller of record: the partner, when a partner resells.
    pub(crate) proposer: String,
    /// Whose product it is.
    pub(crate) manufacturer: String,
    pub(crate) authorization_id: Option<String>,
    pub(crate) acceptor: String,
    pub(crate) payer: String,
    pub(crate) offer_id: String,
    pub(crate) offer_revision: u32,
    pub(crate) offer_name: String,
    pub(crate) product_id: String,
    pub(crate) status: AgreementStatus,
    pub(crate) accepted_at: DateTime<Utc>,
    pub(crate) ends_at: DateTime<Utc>,
    /// When it ended before its time.
    pub(crate) ended_at: Option<DateTime<Utc>>,
    pub(crate) updated_at: DateTime<Utc>,
    /// Hidden from the Agreement API before this instant.
    pub(crate) visible_at: DateTime<Utc>,
    pub(crate) legal: Vec<Document>,
    pub(crate) pricing: Option<Pricing>,
    /// The dimension of a rate card that the buyer took.
    pub(crate) chosen: Option<String>,
    /// What is charged when; empty for variable payments.
    pub(crate) schedule: Schedule,
    /// What the partner owes the manufacturer, row by row.
    pub(crate) wholesale: Option<Schedule>,
    pub(crate) variable: Option<VariableAgreed>,
    /// Charges of approved payment requests.
    pub(crate) approved: Vec<Approved>,
    pub(crate) validity: Option<Validity>,
    pub(crate) net_payment: Option<String>,
    pub(crate) renewal: Option<Renewal>,
    /// The buyer took the renewal term with automatic renewal off.
    pub(crate) renewal_declined: bool,
    /// The offer said what the buyer had before: the fee is a renewal's.
    pub(crate) renews: bool,
    /// The agreement that this one renews, and the first of the chain.
    pub(crate) preceding: Option<String>,
    pub(crate) initial: String,
    /// Days before its end at which its seller is still to be reminded, longest first.
    pub(crate) reminders: Vec<i64>,
    /// The terms accepted, in order: type and id.
    pub(crate) terms: Vec<(&'static str, String)>,
    /// Whom the buyer named at acceptance.
    pub(crate) contact: Option<Contact>,
    /// By charge.
    pub(crate) orders: BTreeMap<String, Order>,
    pub(crate) invoices: Vec<Invoice>,
    pub(crate) credits: Vec<Credit>,
}

impl Agreement {
    /// What AWS calls the agreement's value: the schedule's sum, or the cap of variable payments.
    pub(crate) fn value(&self) -> Decimal {
        self.variable
            .as_ref()
            .map_or_else(|| self.schedule.total(), |agreed| agreed.term.cap)
    }

    /// The renewal that waits at its end; none, too, where the buyer has declined it.
    pub(crate) fn renewing(&self) -> Option<&Renewal> {
        let term = self.renewal.as_ref()?;
        (!self.renewal_declined && term.max != Some(0)).then_some(term)
    }

    pub(crate) fn term_id(&self, kind: &str) -> Option<&str> {
        self.terms
            .iter()
            .find(|(known, _)| *known == kind)
            .map(|(_, id)| id.as_str())
    }
}

/// The charge of a payment request, and the instant of its approval.
#[derive(Debug, Clone)]
pub(crate) struct Approved {
    pub(crate) charge_id: String,
    pub(crate) charge: Charge,
    pub(crate) at: DateTime<Utc>,
}

/// A cap, and how the buyer chose to answer payment requests.
#[derive(Debug, Clone)]
pub(crate) struct VariableAgreed {
    pub(crate) term: VariablePayment,
    pub(crate) auto_approve: bool,
}

/// One row of the billing event feed (facts §6.6), before it becomes text.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BillingEvent {
    pub(crate) id: String,
    pub(crate) at: DateTime<Utc>,
    pub(crate) action: &'static str,
    pub(crate) transaction_type: &'static str,
    /// The account whose feed it is in.
    pub(crate) recipient: String,
    pub(crate) from_account: String,
    pub(crate) to_account: String,
    #[serde(serialize_with = "as_text")]
    pub(crate) amount: Decimal,
    pub(crate) currency: String,
    pub(crate) balance_impacting: bool,
    pub(crate) parent: Option<String>,
    pub(crate) disbursement: Option<String>,
    pub(crate) bank_trace_id: Option<String>,
    pub(crate) disbursement_reference: Option<String>,
    pub(crate) charge_variant: &'static str,
    pub(crate) charge_side: &'static str,
    /// What it is about; none for a deposit, which bundles many.
    pub(crate) subject: Option<Subject>,
}

/// The invoice side of a billing event.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Subject {
    pub(crate) agreement_id: String,
    pub(crate) invoice_id: String,
    pub(crate) buyer_invoice_id: String,
    pub(crate) invoice_variant: &'static str,
    pub(crate) transaction_reference: String,
    pub(crate) buyer_reference: String,
    pub(crate) line: usize,
    pub(crate) invoiced_at: DateTime<Utc>,
    pub(crate) due_at: DateTime<Utc>,
}

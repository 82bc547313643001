//! Invoices and credits as lines: what each party gets or pays of them, and how far that is settled.
//!
//! A line becomes a row of its recipient's billing feed when it is invoiced, and a mirrored row for every
//! part that is disbursed. A direct sale has two lines, both the seller's. A channel partner's sale has four:
//! the partner's revenue and wholesale cost, the manufacturer's wholesale revenue and listing fee.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Serialize;

use super::billing::MARKETPLACE_ACCOUNT;
use super::model::{Agreement, BillingEvent, Subject, as_text};
use super::money;

/// What a line is, to its recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum LineKind {
    /// What the buyer pays.
    Purchase,
    /// What the marketplace keeps.
    ListingFee,
    /// What the partner owes the manufacturer.
    ResaleBuying,
    /// What the manufacturer gets from the partner.
    ResaleSelling,
}

/// One party's part of an invoice or credit. Amounts are the change in what is owed to the recipient.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Line {
    pub(crate) recipient: String,
    pub(crate) kind: LineKind,
    /// Its INVOICED row.
    pub(crate) event: String,
    #[serde(serialize_with = "as_text")]
    pub(crate) full: Decimal,
    /// The part that has been disbursed.
    #[serde(serialize_with = "as_text")]
    pub(crate) settled: Decimal,
}

/// One invoiced charge and how far its money has come. Amounts exclude tax.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Invoice {
    #[serde(rename = "invoiceId")]
    pub(crate) id: String,
    pub(crate) fee_invoice_id: String,
    /// From the manufacturer to the partner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) wholesale_invoice_id: Option<String>,
    /// Which of the agreement's charges.
    pub(crate) charge: usize,
    #[serde(serialize_with = "as_text")]
    pub(crate) amount: Decimal,
    #[serde(serialize_with = "as_text")]
    pub(crate) fee: Decimal,
    /// What the partner owes the manufacturer of it; zero for a direct sale.
    #[serde(serialize_with = "as_text")]
    pub(crate) wholesale: Decimal,
    #[serde(serialize_with = "as_text")]
    pub(crate) collected: Decimal,
    /// Taken back by billing adjustments.
    #[serde(serialize_with = "as_text")]
    pub(crate) credited: Decimal,
    pub(crate) buyer_reference: String,
    pub(crate) fee_reference: String,
    pub(crate) invoiced_at: DateTime<Utc>,
    pub(crate) due_at: DateTime<Utc>,
    pub(crate) lines: Vec<Line>,
}

impl Invoice {
    /// What the buyer still owes.
    pub(crate) fn open(&self) -> Decimal {
        (self.amount - self.collected - self.credited).max(Decimal::ZERO)
    }

    /// The part of a line that may have been disbursed by now: as much of it as of the invoice was paid.
    pub(crate) fn earned(&self, line: &Line, currency: &str) -> Decimal {
        let paid = if self.open().is_zero() {
            self.amount
        } else {
            self.collected
        };
        money::proportion(line.full, paid, self.amount, currency)
    }

    /// How much a billing adjustment may still take back.
    pub(crate) fn adjustable(&self) -> Decimal {
        self.amount - self.credited
    }
}

/// A credit memo against one invoice.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Credit {
    #[serde(rename = "invoiceId")]
    pub(crate) id: String,
    pub(crate) original_invoice_id: String,
    #[serde(serialize_with = "as_text")]
    pub(crate) amount: Decimal,
    pub(crate) issued_at: DateTime<Utc>,
    pub(crate) lines: Vec<Line>,
}

/// A row of a line's recipient. Its id, parent and disbursement are for the caller to set.
pub(crate) fn row(
    at: DateTime<Utc>,
    action: &'static str,
    agreement: &Agreement,
    invoice: &Invoice,
    credit: Option<&Credit>,
    line: &Line,
    amount: Decimal,
) -> BillingEvent {
    let (seller, maker) = (agreement.proposer.clone(), agreement.manufacturer.clone());
    let (from_account, to_account) = match line.kind {
        LineKind::Purchase => (agreement.payer.clone(), seller),
        LineKind::ListingFee => (line.recipient.clone(), MARKETPLACE_ACCOUNT.to_owned()),
        LineKind::ResaleBuying | LineKind::ResaleSelling => (seller, maker),
    };
    let wholesale = invoice.wholesale_invoice_id.as_ref();
    let (invoice_id, invoice_variant, reference) = match line.kind {
        LineKind::Purchase => (Some(&invoice.id), "PURCHASE", &invoice.buyer_reference),
        LineKind::ListingFee => (
            Some(&invoice.fee_invoice_id),
            "LISTING_FEE",
            &invoice.fee_reference,
        ),
        LineKind::ResaleBuying | LineKind::ResaleSelling => {
            (wholesale, "RESALE", &invoice.buyer_reference)
        }
    };
    let invoice_id = credit.map(|credit| &credit.id).or(invoice_id);
    let (charge_variant, charge_side) = match line.kind {
        LineKind::Purchase => ("", ""),
        LineKind::ListingFee => ("LISTING_FEE", ""),
        LineKind::ResaleBuying => ("RESALE", "BUYING"),
        LineKind::ResaleSelling => ("RESALE", "SELLING"),
    };
    let transaction_type = match (line.kind, credit.is_some()) {
        (LineKind::ListingFee, false) => "AWS_REV_SHARE",
        (LineKind::ListingFee, true) => "AWS_REV_SHARE_REFUND",
        (_, false) => "SELLER_REV_SHARE",
        (_, true) => "SELLER_REV_SHARE_REFUND",
    };
    BillingEvent {
        id: String::new(),
        at,
        action,
        transaction_type,
        recipient: line.recipient.clone(),
        from_account,
        to_account,
        amount,
        currency: agreement.schedule.currency.clone(),
        balance_impacting: action == "INVOICED",
        parent: None,
        disbursement: None,
        bank_trace_id: None,
        disbursement_reference: None,
        charge_variant,
        charge_side,
        subject: Some(Subject {
            agreement_id: agreement.id.clone(),
            invoice_id: invoice_id.cloned().unwrap_or_default(),
            buyer_invoice_id: invoice.id.clone(),
            invoice_variant,
            transaction_reference: reference.clone(),
            buyer_reference: invoice.buyer_reference.clone(),
            line: invoice.charge + 1,
            invoiced_at: credit.map_or(invoice.invoiced_at, |credit| credit.issued_at),
            due_at: invoice.due_at,
        }),
    }
}

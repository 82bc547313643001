//! Billing adjustments of the Agreement API (O15, facts §3.1): what AWS invoiced, and what it is asked to give
//! back of it.

use std::collections::BTreeMap;

use aws_sdk_marketplaceagreement::types::{
    AgreementInvoiceLineItemGroupSummary, BatchCreateBillingAdjustmentRequestEntry as Entry,
    BillingAdjustmentReasonCode, BillingAdjustmentSummary, InvoiceType, LineItemGroupBy,
};
use countersign_kernel::{Currency, Money};

use super::agreements::time;
use super::{CallError, Later, MAX_PAGES, Marketplace, too_many_pages};
use crate::domain::change_order::{Adjustment, AdjustmentState, ChangeOrder, Invoice};
use crate::domain::id::AwsAdjustmentId;
use crate::domain::offer::AwsError;

/// The most that one page of AWS's holds.
const PAGE: i32 = 50;
/// The most lines that AWS takes at once (facts §3.1).
pub(crate) const BATCH: usize = 5;
/// AWS's status of an adjustment that it took just now.
const TAKEN: &str = "PENDING";

impl Marketplace {
    /// What AWS invoiced under the agreement, with the most that it would take back of each; credit memos are
    /// left out.
    pub(crate) async fn invoices(&self, order: &ChangeOrder) -> Result<Vec<Invoice>, CallError> {
        let mut next_token = None;
        let mut invoices = Vec::new();
        for _ in 0..MAX_PAGES {
            let call = self
                .agreements
                .list_agreement_invoice_line_items()
                .agreement_id(order.agreement_id.as_str())
                .group_by(LineItemGroupBy::InvoiceId)
                .invoice_type(InvoiceType::Invoice)
                .max_results(PAGE)
                .set_next_token(next_token);
            let page = self
                .calls
                .make("ListAgreementInvoiceLineItems", || call.clone().send())
                .await?;
            for item in page.agreement_invoice_line_item_group_summaries() {
                invoices.push(invoice(item)?);
            }
            next_token = page.next_token().map(str::to_owned);
            if next_token.is_none() {
                return Ok(invoices);
            }
        }
        Err(too_many_pages("invoices"))
    }

    /// Which of these lines AWS has, by number: of the invoice and the amount, and not known as another line's.
    /// One that was made elsewhere with both is taken for ours: money goes back once too rarely rather than
    /// once too often.
    pub(crate) async fn find_adjustments(
        &self,
        order: &ChangeOrder,
        lines: &[&Adjustment],
    ) -> Result<BTreeMap<u32, AdjustmentState>, CallError> {
        let mut next_token = None;
        let mut found = BTreeMap::new();
        for _ in 0..MAX_PAGES {
            let call = self
                .agreements
                .list_billing_adjustment_requests()
                .agreement_type("PurchaseAgreement")
                .catalog("AWSMarketplace")
                .agreement_id(order.agreement_id.as_str())
                .max_results(PAGE)
                .set_next_token(next_token);
            let page = self
                .calls
                .make("ListBillingAdjustmentRequests", || call.clone().send())
                .await?;
            for item in page.items() {
                let id = id(item.billing_adjustment_request_id())?;
                let mut all = order.adjustments.iter();
                if all.any(|line| line.state.aws_id() == Some(&id)) {
                    continue;
                }
                let mut lines = lines.iter();
                if let Some(line) = lines.find(|line| is(line, item)) {
                    // The end of it is read with its reason.
                    let status = TAKEN.to_owned();
                    let state = AdjustmentState::Pending { id, status };
                    found.entry(line.number).or_insert(state);
                }
            }
            next_token = page.next_token().map(str::to_owned);
            if next_token.is_none() {
                return Ok(found);
            }
        }
        Err(too_many_pages("billing adjustments"))
    }

    /// Sends at most [`BATCH`] lines. Each is answered by itself; one that is not answered is looked for.
    pub(crate) async fn send_adjustments(
        &self,
        order: &ChangeOrder,
        lines: &[&Adjustment],
    ) -> Result<BTreeMap<u32, AdjustmentState>, CallError> {
        let entries = lines.iter().map(|line| entry(order, line));
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        let call = self
            .agreements
            .batch_create_billing_adjustment_request()
            .set_billing_adjustment_request_entries(Some(entries));
        let operation = "BatchCreateBillingAdjustmentRequest";
        let answer = self.calls.make(operation, || call.clone().send()).await?;
        let mut found = BTreeMap::new();
        for line in lines {
            let token = line.client_token(order);
            let mut items = answer.items().iter();
            let mut errors = answer.errors().iter();
            if let Some(item) = items.find(|item| item.client_token() == token) {
                let id = id(item.billing_adjustment_request_id())?;
                let status = TAKEN.to_owned();
                found.insert(line.number, AdjustmentState::Pending { id, status });
            } else if let Some(error) = errors.find(|error| error.client_token() == token) {
                let error = AwsError {
                    code: error.code().as_str().to_owned(),
                    message: error.message().to_owned(),
                };
                found.insert(line.number, AdjustmentState::Failed { id: None, error });
            }
        }
        Ok(found)
    }

    /// How an adjustment stands at AWS.
    pub(crate) async fn adjustment(
        &self,
        order: &ChangeOrder,
        id: &AwsAdjustmentId,
    ) -> Result<AdjustmentState, CallError> {
        let call = self
            .agreements
            .get_billing_adjustment_request()
            .agreement_id(order.agreement_id.as_str())
            .billing_adjustment_request_id(id.as_str());
        let found = self
            .calls
            .make("GetBillingAdjustmentRequest", || call.clone().send())
            .await?;
        let status = found.status().as_str();
        Ok(AdjustmentState::at_aws(
            id.clone(),
            status,
            found.status_message(),
        ))
    }
}

/// None of AWS's reasons is that an agreement is replaced (facts §3.1): the description says it.
fn entry(order: &ChangeOrder, line: &Adjustment) -> Result<Entry, CallError> {
    let asked = &line.asked;
    let description = Some(asked.description.clone()).filter(|text| !text.is_empty());
    let entry = Entry::builder()
        .agreement_id(order.agreement_id.as_str())
        .original_invoice_id(asked.invoice_id.as_str())
        .adjustment_amount(asked.amount.amount_text())
        .currency_code(asked.amount.currency().code())
        .adjustment_reason_code(BillingAdjustmentReasonCode::Other)
        .set_description(description)
        .client_token(line.client_token(order))
        .build();
    entry.map_err(|wrong| {
        CallError::Later(Later::fault(format!(
            "an adjustment cannot be written: {wrong}"
        )))
    })
}

fn id(text: &str) -> Result<AwsAdjustmentId, CallError> {
    let parsed = text.parse();
    parsed.map_err(|_| CallError::Later(Later::fault("the answer has no billing adjustment id")))
}

fn money(amount: Option<&str>, code: Option<&str>) -> Option<Money> {
    let currency: Currency = code?.parse().ok()?;
    Money::parse(amount?, currency).ok()
}

fn is(line: &Adjustment, item: &BillingAdjustmentSummary) -> bool {
    let amount = money(Some(item.adjustment_amount()), Some(item.currency_code()));
    item.original_invoice_id() == line.asked.invoice_id.as_str()
        && amount == Some(line.asked.amount)
}

fn invoice(item: &AgreementInvoiceLineItemGroupSummary) -> Result<Invoice, CallError> {
    let id = item.invoice_id().unwrap_or_default();
    let amounts = item.pricing_currency_amount();
    let code = amounts.and_then(|amounts| amounts.currency_code());
    let read = |amount: Option<&str>| money(amount, code);
    let amount = amounts.and_then(|amounts| read(amounts.amount()));
    let most = amounts.and_then(|amounts| read(amounts.max_adjustment_amount()));
    let read = id.parse().ok().zip(amount).zip(most);
    let ((id, amount), adjustable) = read
        .ok_or_else(|| CallError::Later(Later::fault(format!("invoice {id:?} cannot be read"))))?;
    Ok(Invoice {
        id,
        amount,
        adjustable,
        issued_at: item.issued_time().and_then(time),
    })
}

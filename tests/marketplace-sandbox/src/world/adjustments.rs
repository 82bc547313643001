//! Billing adjustments and the invoice lines that they start from (facts §3.1).

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::change_sets::optional_text;
use super::input::{client_token, page, positive, required, status, time, usual_scope};
use super::model::Agreement;
use super::{Refusal, World, money};
use crate::wire::{Wire, map};

/// How long the marketplace remembers a token of an adjustment.
pub(super) const TOKEN_HOURS: i64 = 8;
const ENTRIES_MAX: usize = 5;
const KIND: &str = "BillingAdjustmentRequest";
const REASONS: [&str; 7] = [
    "INCORRECT_TERMS_ACCEPTED",
    "INCORRECT_METERING",
    "TEST_ENVIRONMENT_CHARGES",
    "ALTERNATIVE_PROCUREMENT_CHANNEL",
    "UNINTENDED_RENEWAL",
    "BUYER_DISSATISFACTION",
    "OTHER",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AdjustmentStatus {
    Pending,
    Completed,
    ValidationFailed,
}

impl AdjustmentStatus {
    /// Every word of [`Self::as_str`].
    const WORDS: [&str; 3] = ["PENDING", "COMPLETED", "VALIDATION_FAILED"];

    fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Completed => "COMPLETED",
            Self::ValidationFailed => "VALIDATION_FAILED",
        }
    }
}

/// One invoice's amount to take back.
#[derive(Debug, Clone)]
pub(crate) struct Adjustment {
    pub(crate) id: String,
    pub(crate) agreement_id: String,
    pub(crate) invoice_id: String,
    pub(crate) amount: Decimal,
    pub(crate) currency: String,
    pub(crate) reason: String,
    pub(crate) description: Option<String>,
    pub(crate) status: AdjustmentStatus,
    pub(crate) doomed: bool,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// Why one entry of a batch was refused at once; no request is left of it.
type EntryError = (&'static str, String);

impl World {
    /// `BatchCreateBillingAdjustmentRequest`: each entry succeeds or fails by itself.
    pub(crate) fn create_adjustments(
        &mut self,
        now: DateTime<Utc>,
        caller: &str,
        input: &Value,
    ) -> Result<Wire, Refusal> {
        let entries = input
            .get("billingAdjustmentRequestEntries")
            .and_then(Value::as_array)
            .filter(|entries| !entries.is_empty())
            .ok_or_else(|| {
                Refusal::reasoned(
                    "MISSING_BILLING_ADJUSTMENT_REQUEST_ENTRY",
                    "At least one entry is required.",
                )
            })?
            .clone();
        if entries.len() > ENTRIES_MAX {
            return Err(Refusal::reasoned(
                "BILLING_ADJUSTMENTS_LIMIT_EXCEEDED",
                format!("At most {ENTRIES_MAX} entries can be given."),
            ));
        }
        let agreement = |entry: &Value| entry.get("agreementId").cloned();
        if entries
            .iter()
            .any(|entry| agreement(entry) != agreement(&entries[0]))
        {
            return Err(Refusal::reasoned(
                "MULTIPLE_AGREEMENT_IDS",
                "All entries must be about one agreement.",
            ));
        }
        let (mut items, mut errors) = (Vec::new(), Vec::new());
        for entry in &entries {
            let token = client_token(entry)?.ok_or_else(|| {
                Refusal::reasoned("INVALID_CLIENT_TOKEN", "clientToken is required.")
            })?;
            let token_field = ("clientToken", Some(Wire::text(token)));
            match self.create_adjustment(now, caller, token, entry) {
                Ok(id) => items.push(map([
                    ("billingAdjustmentRequestId", Some(Wire::text(id))),
                    token_field,
                ])),
                Err((code, message)) => errors.push(map([
                    ("code", Some(Wire::text(code))),
                    ("message", Some(Wire::text(message))),
                    token_field,
                ])),
            }
        }
        Ok(map([
            ("items", Some(Wire::List(items))),
            ("errors", Some(Wire::List(errors))),
        ]))
    }

    fn create_adjustment(
        &mut self,
        now: DateTime<Utc>,
        caller: &str,
        token: &str,
        entry: &Value,
    ) -> Result<String, EntryError> {
        let lifetime = Some(TimeDelta::hours(TOKEN_HOURS));
        let known = self
            .remembered(caller, KIND, Some(token), entry, lifetime, now)
            .map_err(|_| {
                let message = "clientToken was used for another entry.";
                ("CONFLICT_EXCEPTION", message.to_owned())
            })?;
        if let Some(id) = known {
            return Ok(id);
        }
        let request = self.adjustment(now, caller, entry)?;
        let id = request.id.clone();
        self.remember(caller, KIND, Some(token), entry, &id, now);
        self.adjustments.push(request);
        Ok(id)
    }

    fn adjustment(
        &mut self,
        now: DateTime<Utc>,
        caller: &str,
        entry: &Value,
    ) -> Result<Adjustment, EntryError> {
        let invalid = |message: String| ("VALIDATION_EXCEPTION", message);
        let text = |field: &str| entry.get(field).and_then(Value::as_str).unwrap_or_default();
        let agreement = self.proposed(now, caller, entry).map_err(|_| {
            (
                "RESOURCE_NOT_FOUND_EXCEPTION",
                "The agreement was not found.".to_owned(),
            )
        })?;
        let invoice = agreement
            .invoices
            .iter()
            .find(|invoice| invoice.id == text("originalInvoiceId"))
            .ok_or((
                "RESOURCE_NOT_FOUND_EXCEPTION",
                "The invoice was not found.".to_owned(),
            ))?;
        let currency = &agreement.schedule.currency;
        if text("currencyCode") != currency {
            return Err(invalid(format!("currencyCode must be {currency}.")));
        }
        if !REASONS.contains(&text("adjustmentReasonCode")) {
            return Err(invalid("adjustmentReasonCode is unknown.".to_owned()));
        }
        let description = entry.get("description").and_then(Value::as_str);
        if description.is_some_and(|text| !(1..=500).contains(&text.chars().count())) {
            return Err(invalid(
                "description must be 1 to 500 characters.".to_owned(),
            ));
        }
        let limit = invoice.adjustable() - self.pending_for(&invoice.id);
        let digits = money::digits(currency).unwrap_or(2);
        let amount = positive(text("adjustmentAmount"), digits)
            .filter(|amount| *amount <= limit)
            .ok_or_else(|| {
                invalid(format!(
                    "adjustmentAmount must be positive and at most {limit}."
                ))
            })?;
        let (agreement_id, currency) = (agreement.id.clone(), currency.clone());
        Ok(Adjustment {
            invoice_id: text("originalInvoiceId").to_owned(),
            reason: text("adjustmentReasonCode").to_owned(),
            description: description.map(str::to_owned),
            id: self.ids.request("ba"),
            agreement_id,
            amount,
            currency,
            status: AdjustmentStatus::Pending,
            doomed: std::mem::take(&mut self.invalidate_next),
            created_at: now,
            updated_at: now,
        })
    }

    /// Every adjustment, for whoever looks at the world.
    pub(crate) fn adjustments_json(&self) -> Vec<Value> {
        let shown = self.adjustments.iter().map(|request| {
            json!({
                "billingAdjustmentRequestId": request.id,
                "agreementId": request.agreement_id,
                "originalInvoiceId": request.invoice_id,
                "adjustmentAmount": request.amount.to_string(),
                "status": request.status.as_str(),
            })
        });
        shown.collect()
    }

    fn pending_for(&self, invoice_id: &str) -> Decimal {
        self.adjustments
            .iter()
            .filter(|request| request.invoice_id == invoice_id)
            .filter(|request| request.status == AdjustmentStatus::Pending)
            .map(|request| request.amount)
            .sum()
    }

    /// Adjustments whose time has come by `now` are completed: the invoice is credited.
    pub(super) fn complete_adjustments(&mut self, now: DateTime<Utc>) {
        let delay = i64::try_from(self.settings.adjustment_ms).unwrap_or(i64::MAX / 2);
        for position in 0..self.adjustments.len() {
            let request = self.adjustments[position].clone();
            let due = request.created_at + TimeDelta::milliseconds(delay);
            if request.status != AdjustmentStatus::Pending || due > now {
                continue;
            }
            let status = if request.doomed {
                AdjustmentStatus::ValidationFailed
            } else {
                AdjustmentStatus::Completed
            };
            self.adjustments[position].status = status;
            self.adjustments[position].updated_at = due;
            let Ok(place) = self.agreement_position(&request.agreement_id) else {
                continue;
            };
            if !request.doomed {
                self.credit(due, place, &request.invoice_id, request.amount);
            }
            let agreement = self.agreements[place].clone();
            self.tell_adjustment(due, &agreement, &request);
        }
    }

    fn tell_adjustment(&mut self, at: DateTime<Utc>, agreement: &Agreement, request: &Adjustment) {
        let how = if request.doomed {
            "Failed"
        } else {
            "Completed"
        };
        let detail = json!({
            "agreement": { "id": agreement.id, "acceptorId": agreement.acceptor,
                "productId": agreement.product_id, "offerId": agreement.offer_id },
            "billingAdjustmentRequest": { "id": request.id, "currencyCode": request.currency,
                "adjustmentAmount": (-request.amount).to_string(), "adjustmentReasonCode": request.reason },
            "invoice": { "originalInvoiceId": request.invoice_id },
        });
        self.adjustment_ended(at, agreement, how, &detail);
    }

    /// `GetBillingAdjustmentRequest`.
    pub(crate) fn get_adjustment(
        &self,
        now: DateTime<Utc>,
        caller: &str,
        input: &Value,
    ) -> Result<Wire, Refusal> {
        let agreement = self.proposed(now, caller, input)?;
        let id = required(input, "billingAdjustmentRequestId", "OTHER")?;
        let request = self
            .adjustments
            .iter()
            .find(|request| request.id == id && request.agreement_id == agreement.id)
            .ok_or_else(|| {
                Refusal::absent(
                    KIND,
                    id,
                    format!("Billing adjustment '{id}' was not found."),
                )
            })?;
        let more = [
            ("adjustmentReasonCode", Some(Wire::text(&request.reason))),
            ("description", request.description.as_ref().map(Wire::text)),
        ];
        Ok(map(shown(request).into_iter().chain(more)))
    }

    /// `ListBillingAdjustmentRequests`, newest first.
    pub(crate) fn list_adjustments(&self, caller: &str, input: &Value) -> Result<Wire, Refusal> {
        usual_scope(input)?;
        let agreement = optional_text(input, "agreementId")?;
        let status = status(input, &AdjustmentStatus::WORDS)?;
        let (after, before) = (time(input, "createdAfter")?, time(input, "createdBefore")?);
        let items = self
            .adjustments
            .iter()
            .rev()
            .filter(|request| agreement.is_none_or(|id| request.agreement_id == id))
            .filter(|request| status.is_none_or(|status| request.status.as_str() == status))
            .filter(|request| after.is_none_or(|after| request.created_at > after))
            .filter(|request| before.is_none_or(|before| request.created_at < before))
            .filter(|request| self.is_party(&request.agreement_id, caller, true))
            .map(|request| {
                let more = [
                    ("agreementType", Some(Wire::text("PurchaseAgreement"))),
                    ("catalog", Some(Wire::text("AWSMarketplace"))),
                ];
                map(shown(request).into_iter().chain(more))
            })
            .collect();
        page(input, "items", items)
    }

    /// `ListAgreementInvoiceLineItems`: invoices and credit memos of an agreement, oldest first.
    pub(crate) fn invoice_lines(
        &self,
        now: DateTime<Utc>,
        caller: &str,
        input: &Value,
    ) -> Result<Wire, Refusal> {
        let agreement = self.proposed(now, caller, input)?;
        if optional_text(input, "groupBy")? != Some("INVOICE_ID") {
            return Err(Refusal::reasoned("OTHER", "groupBy must be INVOICE_ID."));
        }
        let (id, kind) = (
            optional_text(input, "invoiceId")?,
            optional_text(input, "invoiceType")?,
        );
        let (after, before) = (
            time(input, "afterIssuedTime")?,
            time(input, "beforeIssuedTime")?,
        );
        let period = input.get("invoiceBillingPeriod").unwrap_or(&Value::Null);
        let within = |at: DateTime<Utc>| {
            let month = period.get("month").and_then(Value::as_u64);
            let year = period.get("year").and_then(Value::as_i64);
            after.is_none_or(|after| at > after)
                && before.is_none_or(|before| at < before)
                && month.is_none_or(|month| month == u64::from(at.month()))
                && year.is_none_or(|year| year == i64::from(at.year()))
        };
        let invoices = agreement.invoices.iter().map(|invoice| {
            let limit = invoice.adjustable() - self.pending_for(&invoice.id);
            (
                &invoice.id,
                "INVOICE",
                invoice.amount,
                Some(limit),
                invoice.invoiced_at,
            )
        });
        let credits = agreement.credits.iter().map(|credit| {
            (
                &credit.id,
                "CREDIT_MEMO",
                -credit.amount,
                None,
                credit.issued_at,
            )
        });
        let items = invoices
            .chain(credits)
            .filter(|(own, own_kind, _, _, at)| {
                id.is_none_or(|id| *own == id)
                    && kind.is_none_or(|kind| *own_kind == kind)
                    && within(*at)
            })
            .map(|(id, kind, amount, limit, at)| {
                line_item(agreement, id, kind, (amount, limit), at)
            })
            .collect();
        page(input, "agreementInvoiceLineItemGroupSummaries", items)
    }
}

fn line_item(
    agreement: &Agreement,
    id: &str,
    kind: &str,
    (amount, limit): (Decimal, Option<Decimal>),
    at: DateTime<Utc>,
) -> Wire {
    let amounts = map([
        ("amount", Some(Wire::text(amount.to_string()))),
        (
            "maxAdjustmentAmount",
            limit.map(|limit| Wire::text(limit.to_string())),
        ),
        (
            "currencyCode",
            Some(Wire::text(&agreement.schedule.currency)),
        ),
    ]);
    let period = map([
        ("month", Some(Wire::Int(at.month().into()))),
        ("year", Some(Wire::Int(at.year().into()))),
    ]);
    map([
        ("agreementId", Some(Wire::text(&agreement.id))),
        ("invoiceId", Some(Wire::text(id))),
        ("pricingCurrencyAmount", Some(amounts)),
        ("invoiceBillingPeriod", Some(period)),
        ("issuedTime", Some(Wire::Time(at))),
        ("invoiceType", Some(Wire::text(kind))),
        ("invoicingEntity", Some(invoicing_entity())),
    ])
}

/// Who issues every invoice.
pub(super) fn invoicing_entity() -> Wire {
    map([("legalName", Some(Wire::text("Amazon Web Services, Inc.")))])
}

fn shown(request: &Adjustment) -> Vec<(&'static str, Option<Wire>)> {
    let failed = request.status == AdjustmentStatus::ValidationFailed;
    vec![
        ("billingAdjustmentRequestId", Some(Wire::text(&request.id))),
        ("agreementId", Some(Wire::text(&request.agreement_id))),
        ("originalInvoiceId", Some(Wire::text(&request.invoice_id))),
        (
            "adjustmentAmount",
            Some(Wire::text(request.amount.to_string())),
        ),
        ("currencyCode", Some(Wire::text(&request.currency))),
        ("status", Some(Wire::text(request.status.as_str()))),
        (
            "statusMessage",
            failed.then(|| Wire::text("The adjustment could not be validated.")),
        ),
        ("createdAt", Some(Wire::Time(request.created_at))),
        ("updatedAt", Some(Wire::Time(request.updated_at))),
    ]
}

//! Money moving: invoices, what the buyer pays, what AWS pays out (facts §6.2, §6.6).
//!
//! `amount` is the change in what is owed to the seller. An invoice is +, its listing fee −. What is
//! disbursed mirrors the invoiced rows with the opposite sign, each pointing to its invoiced row and to
//! the DISBURSEMENT row, which is + the deposit. A failed disbursement reverses all of that.

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use serde::Serialize;

use super::World;
use super::agreements::Denied;
use super::model::{Agreement, BillingEvent, Charge, Invoice, Subject};
use super::money;

/// The account on the other side of fees, taxes and deposits.
pub(crate) const MARKETPLACE_ACCOUNT: &str = "888877776666";

/// One deposit on its way to the seller's bank.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Deposit {
    pub(crate) disbursement_id: String,
    pub(crate) bank_trace_id: String,
    pub(crate) currency: String,
    #[serde(serialize_with = "super::model::as_text")]
    pub(crate) amount: Decimal,
    /// Invoices that it pays, wholly or in part.
    pub(crate) invoices: Vec<String>,
}

impl World {
    /// Invoices every charge that is due at `now` and not yet invoiced. Returns the new invoices.
    pub(crate) fn bill(
        &mut self,
        now: DateTime<Utc>,
        agreement_id: &str,
    ) -> Result<Vec<Invoice>, Denied> {
        let position = self.agreement_position(agreement_id)?;
        let agreement = self.agreements[position].clone();
        let mut issued = Vec::new();
        for (index, charge) in agreement.schedule.charges.iter().enumerate() {
            let invoiced = agreement
                .invoices
                .iter()
                .any(|invoice| invoice.charge == index);
            if !invoiced && due_at(&agreement, charge) <= now {
                issued.push(self.invoice(now, &agreement, index, charge.amount));
            }
        }
        self.agreements[position]
            .invoices
            .extend(issued.iter().cloned());
        Ok(issued)
    }

    fn invoice(
        &mut self,
        now: DateTime<Utc>,
        agreement: &Agreement,
        charge: usize,
        amount: Decimal,
    ) -> Invoice {
        let currency = &agreement.schedule.currency;
        let amount = money::round(amount, currency);
        let invoice = Invoice {
            id: self.ids.invoice(),
            fee_invoice_id: self.ids.invoice(),
            charge,
            amount,
            fee: money::share(amount, self.facts.listing_fee, currency),
            collected: Decimal::ZERO,
            disbursed: Decimal::ZERO,
            fee_withheld: Decimal::ZERO,
            revenue_event: self.ids.billing_event(),
            fee_event: self.ids.billing_event(),
            buyer_reference: self.ids.reference(),
            fee_reference: self.ids.reference(),
            invoiced_at: now,
            due_at: now + TimeDelta::days(self.facts.billing_terms_days.into()),
        };
        let revenue = event(
            now,
            "INVOICED",
            "SELLER_REV_SHARE",
            agreement,
            &invoice,
            amount,
        );
        let tax = money::share(amount, self.facts.tax_rate, currency);
        self.billing_events.push(BillingEvent {
            id: invoice.revenue_event.clone(),
            ..revenue.clone()
        });
        let fee = fee_side(
            event(
                now,
                "INVOICED",
                "AWS_REV_SHARE",
                agreement,
                &invoice,
                -invoice.fee,
            ),
            &invoice,
        );
        self.billing_events.push(BillingEvent {
            id: invoice.fee_event.clone(),
            ..fee
        });
        if !tax.is_zero() {
            let id = self.ids.billing_event();
            let to_account = MARKETPLACE_ACCOUNT.to_owned();
            let transaction_type = "AWS_TAX_SHARE";
            self.billing_events.push(BillingEvent {
                id,
                to_account,
                transaction_type,
                amount: tax,
                balance_impacting: false,
                ..revenue
            });
        }
        invoice
    }

    /// The buyer pays AWS: `amount` before tax over the open invoices, oldest first; all of it when none
    /// is given. Returns what was collected.
    pub(crate) fn collect(
        &mut self,
        now: DateTime<Utc>,
        agreement_id: &str,
        amount: Option<Decimal>,
    ) -> Result<Decimal, Denied> {
        let position = self.agreement_position(agreement_id)?;
        let mut agreement = self.agreements[position].clone();
        let open: Decimal = agreement
            .invoices
            .iter()
            .map(|invoice| invoice.amount - invoice.collected)
            .sum();
        if open.is_zero() {
            return Err(Denied::new(
                "NOTHING_TO_COLLECT",
                format!("{agreement_id} has no unpaid invoice."),
            ));
        }
        let total = amount.unwrap_or(open);
        if total <= Decimal::ZERO || total > open {
            return Err(Denied::new(
                "WRONG_AMOUNT",
                format!("{total} is not between 0 and the open {open}."),
            ));
        }
        let mut left = total;
        let mut invoices = std::mem::take(&mut agreement.invoices);
        for invoice in &mut invoices {
            let part = left.min(invoice.amount - invoice.collected);
            if part.is_zero() {
                continue;
            }
            left -= part;
            invoice.collected += part;
            let row = event(
                now,
                "COLLECTED",
                "SELLER_REV_SHARE",
                &agreement,
                invoice,
                part,
            );
            let id = self.ids.billing_event();
            let parent = Some(invoice.revenue_event.clone());
            self.billing_events.push(BillingEvent {
                id,
                parent,
                balance_impacting: false,
                ..row
            });
        }
        self.agreements[position].invoices = invoices;
        Ok(total)
    }

    /// AWS pays out all that was collected and not yet disbursed: one deposit per currency. `short_by`
    /// leaves that much of the first invoice's revenue behind (the known penny drift, facts §6.2).
    pub(crate) fn disburse(
        &mut self,
        now: DateTime<Utc>,
        bank_trace_id: Option<&str>,
        short_by: Decimal,
    ) -> Result<Vec<Deposit>, Denied> {
        let mut currencies: Vec<String> = self
            .agreements
            .iter()
            .map(|agreement| agreement.schedule.currency.clone())
            .collect();
        currencies.sort();
        currencies.dedup();
        let mut deposits = Vec::new();
        for currency in currencies {
            let trace = bank_trace_id.map_or_else(|| self.trace(), str::to_owned);
            deposits.extend(self.deposit(now, &currency, trace, short_by)?);
        }
        if deposits.is_empty() {
            return Err(Denied::new(
                "NOTHING_TO_DISBURSE",
                "Nothing was collected since the last disbursement.",
            ));
        }
        Ok(deposits)
    }

    fn trace(&mut self) -> String {
        format!("TRACE{}", self.ids.invoice())
    }

    fn deposit(
        &mut self,
        now: DateTime<Utc>,
        currency: &str,
        bank_trace_id: String,
        short_by: Decimal,
    ) -> Result<Option<Deposit>, Denied> {
        let disbursement = self.ids.billing_event();
        let mut short = short_by;
        let mut amount = Decimal::ZERO;
        let mut invoices = Vec::new();
        let mut rows = Vec::new();
        let mut agreements = self.agreements.clone();
        for agreement in agreements
            .iter_mut()
            .filter(|agreement| agreement.schedule.currency == currency)
        {
            let parties = agreement.clone();
            for invoice in &mut agreement.invoices {
                let gross = invoice.collected - invoice.disbursed;
                if gross.is_zero() {
                    continue;
                }
                if short >= gross || short < Decimal::ZERO {
                    return Err(Denied::new(
                        "WRONG_AMOUNT",
                        format!("shortBy {short} is not below {gross}."),
                    ));
                }
                let paid = gross - std::mem::take(&mut short);
                let fee_so_far =
                    money::proportion(invoice.fee, invoice.collected, invoice.amount, currency);
                let fee = fee_so_far - invoice.fee_withheld;
                rows.extend(self.mirror(now, &parties, invoice, &disbursement, paid, fee));
                invoice.disbursed += paid;
                invoice.fee_withheld += fee;
                amount += paid - fee;
                invoices.push(invoice.id.clone());
            }
        }
        if invoices.is_empty() {
            return Ok(None);
        }
        self.agreements = agreements;
        self.billing_events.extend(rows);
        let reference = self.ids.reference();
        self.billing_events.push(BillingEvent {
            id: disbursement.clone(),
            at: now,
            action: "DISBURSED",
            transaction_type: "DISBURSEMENT",
            from_account: MARKETPLACE_ACCOUNT.to_owned(),
            to_account: self.seller.clone(),
            amount,
            currency: currency.to_owned(),
            balance_impacting: false,
            parent: None,
            disbursement: None,
            bank_trace_id: Some(bank_trace_id.clone()),
            disbursement_reference: Some(reference),
            subject: None,
        });
        let currency = currency.to_owned();
        Ok(Some(Deposit {
            disbursement_id: disbursement,
            bank_trace_id,
            currency,
            amount,
            invoices,
        }))
    }

    /// The DISBURSED rows of one invoice: revenue back to zero, fee back to zero.
    fn mirror(
        &mut self,
        now: DateTime<Utc>,
        agreement: &Agreement,
        invoice: &Invoice,
        disbursement: &str,
        paid: Decimal,
        fee: Decimal,
    ) -> Vec<BillingEvent> {
        let revenue = event(
            now,
            "DISBURSED",
            "SELLER_REV_SHARE",
            agreement,
            invoice,
            -paid,
        );
        let charged = fee_side(
            event(now, "DISBURSED", "AWS_REV_SHARE", agreement, invoice, fee),
            invoice,
        );
        let mut rows = Vec::new();
        for (row, parent) in [
            (revenue, &invoice.revenue_event),
            (charged, &invoice.fee_event),
        ] {
            if !row.amount.is_zero() {
                rows.push(BillingEvent {
                    id: self.ids.billing_event(),
                    parent: Some(parent.clone()),
                    disbursement: Some(disbursement.to_owned()),
                    balance_impacting: false,
                    ..row
                });
            }
        }
        rows
    }

    /// The bank sends a deposit back: every row of it is reversed, and its money is due again.
    pub(crate) fn fail_disbursement(
        &mut self,
        now: DateTime<Utc>,
        disbursement_id: Option<&str>,
    ) -> Result<Deposit, Denied> {
        let failed = |events: &[BillingEvent], id: &str| {
            events.iter().any(|row| {
                row.transaction_type == "DISBURSEMENT_FAILURE" && row.parent.as_deref() == Some(id)
            })
        };
        let deposit = self
            .billing_events
            .iter()
            .rev()
            .filter(|row| row.transaction_type == "DISBURSEMENT")
            .find(|row| {
                disbursement_id.is_none_or(|id| row.id == id)
                    && !failed(&self.billing_events, &row.id)
            })
            .cloned()
            .ok_or_else(|| {
                Denied::new(
                    "NO_SUCH_DISBURSEMENT",
                    "There is no such disbursement to fail.",
                )
            })?;
        let failure = self.ids.billing_event();
        let details: Vec<BillingEvent> = self
            .billing_events
            .iter()
            .filter(|row| row.disbursement.as_deref() == Some(&deposit.id))
            .cloned()
            .collect();
        let mut invoices = Vec::new();
        for row in details {
            self.give_back(&row);
            invoices.extend(
                row.subject
                    .as_ref()
                    .map(|subject| subject.buyer_invoice_id.clone()),
            );
            let id = self.ids.billing_event();
            let disbursement = Some(failure.clone());
            self.billing_events.push(BillingEvent {
                id,
                at: now,
                amount: -row.amount,
                disbursement,
                ..row
            });
        }
        invoices.dedup();
        self.billing_events.push(BillingEvent {
            id: failure.clone(),
            at: now,
            transaction_type: "DISBURSEMENT_FAILURE",
            amount: -deposit.amount,
            parent: Some(deposit.id.clone()),
            ..deposit.clone()
        });
        Ok(Deposit {
            disbursement_id: failure,
            bank_trace_id: deposit.bank_trace_id.unwrap_or_default(),
            currency: deposit.currency,
            amount: -deposit.amount,
            invoices,
        })
    }

    fn give_back(&mut self, row: &BillingEvent) {
        let invoices = self
            .agreements
            .iter_mut()
            .flat_map(|agreement| &mut agreement.invoices);
        for invoice in invoices {
            if row.parent.as_ref() == Some(&invoice.revenue_event) {
                invoice.disbursed += row.amount;
            } else if row.parent.as_ref() == Some(&invoice.fee_event) {
                invoice.fee_withheld -= row.amount;
            }
        }
    }

    fn agreement_position(&self, id: &str) -> Result<usize, Denied> {
        self.agreements
            .iter()
            .position(|agreement| agreement.id == id)
            .ok_or_else(|| {
                Denied::new(
                    "AGREEMENT_NOT_FOUND",
                    format!("There is no agreement {id}."),
                )
            })
    }
}

/// A charge is due at 00:00 UTC of its day, or on acceptance when that day had passed.
fn due_at(agreement: &Agreement, charge: &Charge) -> DateTime<Utc> {
    charge
        .date
        .and_time(NaiveTime::MIN)
        .and_utc()
        .max(agreement.accepted_at)
}

/// A row about an invoice, from the buyer's payer to the seller. Its id is for the caller to set.
fn event(
    now: DateTime<Utc>,
    action: &'static str,
    transaction_type: &'static str,
    agreement: &Agreement,
    invoice: &Invoice,
    amount: Decimal,
) -> BillingEvent {
    BillingEvent {
        id: String::new(),
        at: now,
        action,
        transaction_type,
        from_account: agreement.payer.clone(),
        to_account: agreement.proposer.clone(),
        amount,
        currency: agreement.schedule.currency.clone(),
        balance_impacting: true,
        parent: None,
        disbursement: None,
        bank_trace_id: None,
        disbursement_reference: None,
        subject: Some(Subject {
            agreement_id: agreement.id.clone(),
            invoice_id: invoice.id.clone(),
            buyer_invoice_id: invoice.id.clone(),
            invoice_variant: "PURCHASE",
            transaction_reference: invoice.buyer_reference.clone(),
            buyer_reference: invoice.buyer_reference.clone(),
            line: invoice.charge + 1,
            invoiced_at: invoice.invoiced_at,
            due_at: invoice.due_at,
        }),
    }
}

/// Turns a row to the fee's side: the seller owes it to the marketplace, on an invoice of its own.
fn fee_side(row: BillingEvent, invoice: &Invoice) -> BillingEvent {
    let subject = row.subject.map(|subject| Subject {
        invoice_id: invoice.fee_invoice_id.clone(),
        invoice_variant: "LISTING_FEE",
        transaction_reference: invoice.fee_reference.clone(),
        ..subject
    });
    BillingEvent {
        from_account: row.to_account,
        to_account: MARKETPLACE_ACCOUNT.to_owned(),
        subject,
        ..row
    }
}

//! Money going out: one deposit per seller and currency (facts §6.2, §6.6).
//!
//! What is disbursed mirrors the invoiced rows with the opposite sign, each pointing to its invoiced row and
//! to the DISBURSEMENT row, which is + the deposit. A failed disbursement reverses all of that.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Serialize;

use super::World;
use super::agreements::Denied;
use super::billing::MARKETPLACE_ACCOUNT;
use super::invoices::{Line, LineKind, row};
use super::model::{Agreement, BillingEvent};

/// One deposit on its way to a seller's bank.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Deposit {
    pub(crate) disbursement_id: String,
    pub(crate) bank_trace_id: String,
    pub(crate) account: String,
    pub(crate) currency: String,
    #[serde(serialize_with = "super::model::as_text")]
    pub(crate) amount: Decimal,
    /// Invoices that it pays, wholly or in part.
    pub(crate) invoices: Vec<String>,
}

/// A deposit being put together.
struct Pot {
    disbursement: String,
    recipient: String,
    short: Decimal,
    amount: Decimal,
    invoices: Vec<String>,
    rows: Vec<BillingEvent>,
}

impl World {
    /// AWS pays out all that was collected and not yet disbursed: one deposit per seller and currency.
    /// `short_by` leaves that much of the first invoice's revenue behind (the known penny drift, facts
    /// §6.2); it concerns `account`, or the main seller when none is named and all are paid.
    pub(crate) fn disburse(
        &mut self,
        now: DateTime<Utc>,
        bank_trace_id: Option<&str>,
        short_by: Decimal,
        account: Option<&str>,
    ) -> Result<Vec<Deposit>, Denied> {
        let mut currencies: Vec<String> = self
            .agreements
            .iter()
            .map(|agreement| agreement.schedule.currency.clone())
            .collect();
        currencies.sort();
        currencies.dedup();
        let mut sellers = self.sellers.clone();
        sellers.retain(|seller| account.is_none_or(|account| account == seller));
        let mut deposits = Vec::new();
        for seller in sellers {
            let concerned = account.is_some() || seller == self.seller;
            let short = if concerned { short_by } else { Decimal::ZERO };
            for currency in &currencies {
                let trace = bank_trace_id.map_or_else(|| self.trace(), str::to_owned);
                deposits.extend(self.deposit(now, &seller, currency, trace, short)?);
            }
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
        seller: &str,
        currency: &str,
        bank_trace_id: String,
        short: Decimal,
    ) -> Result<Option<Deposit>, Denied> {
        let mut pot = Pot {
            disbursement: self.ids.billing_event(),
            recipient: seller.to_owned(),
            short,
            amount: Decimal::ZERO,
            invoices: Vec::new(),
            rows: Vec::new(),
        };
        let mut agreements = self.agreements.clone();
        for agreement in agreements
            .iter_mut()
            .filter(|agreement| agreement.schedule.currency == currency)
        {
            self.settle(now, agreement, &mut pot)?;
        }
        // AWS pays positive balances only; a negative one waits for the next.
        if pot.amount <= Decimal::ZERO {
            return Ok(None);
        }
        self.agreements = agreements;
        self.billing_events.extend(pot.rows);
        let reference = self.ids.reference();
        self.billing_events.push(BillingEvent {
            id: pot.disbursement.clone(),
            at: now,
            action: "DISBURSED",
            transaction_type: "DISBURSEMENT",
            recipient: seller.to_owned(),
            from_account: MARKETPLACE_ACCOUNT.to_owned(),
            to_account: seller.to_owned(),
            amount: pot.amount,
            currency: currency.to_owned(),
            balance_impacting: false,
            parent: None,
            disbursement: None,
            bank_trace_id: Some(bank_trace_id.clone()),
            disbursement_reference: Some(reference),
            charge_variant: "",
            charge_side: "",
            subject: None,
        });
        Ok(Some(Deposit {
            disbursement_id: pot.disbursement,
            bank_trace_id,
            account: seller.to_owned(),
            currency: currency.to_owned(),
            amount: pot.amount,
            invoices: pot.invoices,
        }))
    }

    /// Puts what the pot's recipient has earned of an agreement, and not got yet, into the pot.
    fn settle(
        &mut self,
        now: DateTime<Utc>,
        agreement: &mut Agreement,
        pot: &mut Pot,
    ) -> Result<(), Denied> {
        let parties = agreement.clone();
        let currency = &parties.schedule.currency;
        for (place, invoice) in parties.invoices.iter().enumerate() {
            let mut touched = false;
            for (index, line) in invoice.lines.iter().enumerate() {
                let mut due = invoice.earned(line, currency) - line.settled;
                if line.recipient != pot.recipient || due.is_zero() {
                    continue;
                }
                if !pot.short.is_zero() && is_revenue(line, &pot.recipient, &parties) {
                    if pot.short >= due || pot.short < Decimal::ZERO {
                        let message = format!("shortBy {} is not below {due}.", pot.short);
                        return Err(Denied::new("WRONG_AMOUNT", message));
                    }
                    due -= std::mem::take(&mut pot.short);
                }
                let paid = row(now, "DISBURSED", &parties, invoice, None, line, -due);
                self.mirror(line, due, paid, pot);
                agreement.invoices[place].lines[index].settled += due;
                touched = true;
            }
            if touched {
                pot.invoices.push(invoice.id.clone());
            }
        }
        for (place, credit) in parties.credits.iter().enumerate() {
            let Some(invoice) = parties
                .invoices
                .iter()
                .find(|invoice| invoice.id == credit.original_invoice_id)
                .filter(|invoice| invoice.open().is_zero())
            else {
                continue;
            };
            for (index, line) in credit.lines.iter().enumerate() {
                let due = line.full - line.settled;
                if line.recipient != pot.recipient || due.is_zero() {
                    continue;
                }
                let paid = row(
                    now,
                    "DISBURSED",
                    &parties,
                    invoice,
                    Some(credit),
                    line,
                    -due,
                );
                self.mirror(line, due, paid, pot);
                agreement.credits[place].lines[index].settled += due;
            }
        }
        Ok(())
    }

    fn mirror(&mut self, line: &Line, due: Decimal, paid: BillingEvent, pot: &mut Pot) {
        pot.amount += due;
        pot.rows.push(BillingEvent {
            id: self.ids.billing_event(),
            parent: Some(line.event.clone()),
            disbursement: Some(pot.disbursement.clone()),
            ..paid
        });
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
            account: deposit.recipient,
            currency: deposit.currency,
            amount: -deposit.amount,
            invoices,
        })
    }

    fn give_back(&mut self, row: &BillingEvent) {
        let lines = self.agreements.iter_mut().flat_map(|agreement| {
            let invoices = agreement.invoices.iter_mut();
            let credits = agreement.credits.iter_mut();
            let of_invoices = invoices.flat_map(|invoice| &mut invoice.lines);
            of_invoices.chain(credits.flat_map(|credit| &mut credit.lines))
        });
        for line in lines {
            if row.parent.as_ref() == Some(&line.event) {
                line.settled += row.amount;
            }
        }
    }
}

/// The line that is the recipient's income of an invoice.
fn is_revenue(line: &Line, recipient: &str, agreement: &Agreement) -> bool {
    if agreement.proposer == recipient {
        line.kind == LineKind::Purchase
    } else {
        line.kind == LineKind::ResaleSelling
    }
}

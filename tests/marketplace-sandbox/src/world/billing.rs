//! Money coming in: invoices, what the buyer pays, and credits (facts §6.2, §6.6).
//!
//! `amount` is the change in what is owed to the recipient of a row. An invoice is +, its listing fee −, a
//! partner's wholesale cost −. [`super::disbursing`] pays out.

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use rust_decimal::Decimal;

use super::World;
use super::agreements::Denied;
use super::invoices::{Credit, Invoice, Line, LineKind, row};
use super::model::{Agreement, BillingEvent, Charge};
use super::money;
use super::term_inputs::payment_days;

/// The account on the other side of fees, taxes and deposits.
pub(crate) const MARKETPLACE_ACCOUNT: &str = "888877776666";

impl World {
    /// Invoices every charge that is due at `now` and not yet invoiced. Returns the new invoices.
    pub(crate) fn bill(
        &mut self,
        now: DateTime<Utc>,
        agreement_id: &str,
    ) -> Result<Vec<Invoice>, Denied> {
        let position = self.agreement_position(agreement_id)?;
        Ok(self.bill_at(now, position, |_| now))
    }

    /// Invoices every due charge of every agreement, each at the instant it fell due.
    pub(crate) fn bill_all(&mut self, now: DateTime<Utc>) {
        for position in 0..self.agreements.len() {
            self.bill_at(now, position, |due| due);
        }
    }

    fn bill_at(
        &mut self,
        now: DateTime<Utc>,
        position: usize,
        at: impl Fn(DateTime<Utc>) -> DateTime<Utc>,
    ) -> Vec<Invoice> {
        let agreement = self.agreements[position].clone();
        let mut issued = Vec::new();
        for (index, (charge, due)) in agreement.dues().enumerate() {
            let invoiced = agreement
                .invoices
                .iter()
                .any(|invoice| invoice.charge == index);
            if !invoiced && due <= now && !agreement.is_over_at(due) && !charge.amount.is_zero() {
                issued.push(self.invoice(at(due), &agreement, index, charge));
            }
        }
        self.agreements[position]
            .invoices
            .extend(issued.iter().cloned());
        issued
    }

    fn invoice(
        &mut self,
        now: DateTime<Utc>,
        agreement: &Agreement,
        index: usize,
        charge: &Charge,
    ) -> Invoice {
        let currency = &agreement.schedule.currency;
        let amount = money::round(charge.amount, currency);
        let owed = agreement
            .wholesale
            .as_ref()
            .and_then(|schedule| schedule.charges.get(index));
        let wholesale = owed.map(|owed| money::round(owed.amount, currency));
        let fee = self.fee(agreement, wholesale, amount);
        let days = agreement
            .net_payment
            .as_deref()
            .map_or(self.facts.billing_terms_days, payment_days);
        let id = self.ids.invoice();
        let fee_invoice_id = self.ids.invoice();
        let mut invoice = Invoice {
            id,
            fee_invoice_id,
            wholesale_invoice_id: wholesale.map(|_| self.ids.invoice()),
            charge: index,
            amount,
            fee,
            wholesale: wholesale.unwrap_or_default(),
            collected: Decimal::ZERO,
            credited: Decimal::ZERO,
            buyer_reference: self.ids.reference(),
            fee_reference: self.ids.reference(),
            invoiced_at: now,
            due_at: now + TimeDelta::days(days.into()),
            lines: Vec::new(),
        };
        invoice.lines = self.lines(agreement, amount, wholesale, fee);
        for line in &invoice.lines {
            self.billing_events.push(BillingEvent {
                id: line.event.clone(),
                ..row(now, "INVOICED", agreement, &invoice, None, line, line.full)
            });
        }
        self.tax(now, agreement, &invoice);
        invoice
    }

    /// The listing fee of a sale: the manufacturer pays it, on the wholesale amount where there is one. What
    /// was marked as a renewal has a fee of its own (facts §6.1).
    fn fee(&self, agreement: &Agreement, wholesale: Option<Decimal>, amount: Decimal) -> Decimal {
        let currency = &agreement.schedule.currency;
        let direct = if agreement.renews {
            self.facts.renewal_fee
        } else {
            self.facts.listing_fee
        };
        match wholesale {
            Some(wholesale) => money::share(wholesale, direct + self.facts.resale_fee, currency),
            None => money::share(amount, direct, currency),
        }
    }

    /// The lines of an amount that the buyer owes, or of its reversal.
    fn lines(
        &mut self,
        agreement: &Agreement,
        amount: Decimal,
        wholesale: Option<Decimal>,
        fee: Decimal,
    ) -> Vec<Line> {
        let (seller, maker) = (&agreement.proposer, &agreement.manufacturer);
        let parts: Vec<(&String, LineKind, Decimal)> = match wholesale {
            None => vec![
                (seller, LineKind::Purchase, amount),
                (seller, LineKind::ListingFee, -fee),
            ],
            Some(wholesale) => vec![
                (seller, LineKind::Purchase, amount),
                (seller, LineKind::ResaleBuying, -wholesale),
                (maker, LineKind::ResaleSelling, wholesale),
                (maker, LineKind::ListingFee, -fee),
            ],
        };
        parts
            .into_iter()
            .map(|(recipient, kind, full)| Line {
                recipient: recipient.clone(),
                kind,
                event: self.ids.billing_event(),
                full,
                settled: Decimal::ZERO,
            })
            .collect()
    }

    /// What AWS collects and remits: informational.
    fn tax(&mut self, now: DateTime<Utc>, agreement: &Agreement, invoice: &Invoice) {
        let tax = money::share(
            invoice.amount,
            self.facts.tax_rate,
            &agreement.schedule.currency,
        );
        let Some(line) = invoice.lines.first().filter(|_| !tax.is_zero()) else {
            return;
        };
        let revenue = row(now, "INVOICED", agreement, invoice, None, line, tax);
        let id = self.ids.billing_event();
        self.billing_events.push(BillingEvent {
            id,
            to_account: MARKETPLACE_ACCOUNT.to_owned(),
            transaction_type: "AWS_TAX_SHARE",
            balance_impacting: false,
            ..revenue
        });
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
        let open: Decimal = agreement.invoices.iter().map(Invoice::open).sum();
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
            let part = left.min(invoice.open());
            if part.is_zero() {
                continue;
            }
            left -= part;
            self.collected(now, &agreement, invoice, part);
            invoice.collected += part;
        }
        self.agreements[position].invoices = invoices;
        Ok(total)
    }

    fn collected(
        &mut self,
        now: DateTime<Utc>,
        agreement: &Agreement,
        invoice: &Invoice,
        part: Decimal,
    ) {
        let currency = &agreement.schedule.currency;
        for line in &invoice.lines {
            if !matches!(line.kind, LineKind::Purchase | LineKind::ResaleSelling) {
                continue;
            }
            let share = money::proportion(line.full, part, invoice.amount, currency);
            let paid = row(now, "COLLECTED", agreement, invoice, None, line, share);
            let id = self.ids.billing_event();
            let parent = Some(line.event.clone());
            self.billing_events
                .push(BillingEvent { id, parent, ..paid });
        }
    }

    /// Takes `amount` of an invoice back, fee and wholesale with it.
    pub(crate) fn credit(
        &mut self,
        now: DateTime<Utc>,
        position: usize,
        invoice_id: &str,
        amount: Decimal,
    ) {
        let agreement = self.agreements[position].clone();
        let Some(place) = agreement
            .invoices
            .iter()
            .position(|invoice| invoice.id == invoice_id)
        else {
            return;
        };
        let invoice = &agreement.invoices[place];
        let currency = &agreement.schedule.currency;
        let part = |whole: Decimal| money::proportion(whole, amount, invoice.amount, currency);
        let wholesale = invoice
            .wholesale_invoice_id
            .as_ref()
            .map(|_| -part(invoice.wholesale));
        let lines = self.lines(&agreement, -amount, wholesale, -part(invoice.fee));
        let credit = Credit {
            id: self.ids.invoice(),
            original_invoice_id: invoice_id.to_owned(),
            amount,
            issued_at: now,
            lines,
        };
        for line in &credit.lines {
            let refund = row(
                now,
                "INVOICED",
                &agreement,
                invoice,
                Some(&credit),
                line,
                line.full,
            );
            self.billing_events.push(BillingEvent {
                id: line.event.clone(),
                ..refund
            });
        }
        let kept = &mut self.agreements[position];
        kept.invoices[place].credited += amount;
        kept.credits.push(credit);
    }

    pub(crate) fn agreement_position(&self, id: &str) -> Result<usize, Denied> {
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

impl Agreement {
    /// Every charge there is or will be: the schedule's, then approved payment requests'.
    pub(crate) fn charges(&self) -> impl Iterator<Item = &Charge> {
        self.dues().map(|(charge, _)| charge)
    }

    /// The same with the instant at which each falls due: 00:00 UTC of its day, on acceptance when that day
    /// had begun by then, on approval for a payment request.
    pub(super) fn dues(&self) -> impl Iterator<Item = (&Charge, DateTime<Utc>)> {
        let scheduled = self.schedule.charges.iter().map(|charge| {
            let day = charge.date.and_time(NaiveTime::MIN).and_utc();
            (charge, day.max(self.accepted_at))
        });
        let requested = self.approved.iter();
        let requested = requested.map(|approved| (&approved.charge, approved.at));
        scheduled.chain(requested)
    }

    /// Whether a charge that falls due at `at` is no longer made: the agreement was ended before.
    pub(super) fn is_over_at(&self, at: DateTime<Utc>) -> bool {
        self.ended_at.is_some_and(|end| end <= at)
    }
}

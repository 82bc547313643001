//! What each charge has come to: figures and state, in the words of AWS's own report (R3, R4).

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use countersign_kernel::Money;
use countersign_kernel::chrono::NaiveDate;
use countersign_kernel::money::MoneyError;

use super::billing_event::{Action, BillingEvent, Effect};
use super::book::Book;
use super::ids::InvoiceId;
use super::terms::{ExpectedCharge, Terms};
use super::turns::Turns;

/// The figures of one charge. Amounts are changes in what AWS owes the seller, so a fee is below
/// zero; what was paid out is above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChargeCash {
    pub(crate) expected: ExpectedCharge,
    /// The buyer's: AWS invoices its fee to the seller by another.
    pub(crate) invoices: BTreeSet<InvoiceId>,
    /// Prices invoiced to the buyer, before anything was given back.
    pub(crate) gross: Money,
    /// Refunds and credits to the buyer: at or below zero.
    pub(crate) returned: Money,
    /// Listing fees as charged: at or below zero.
    pub(crate) fee: Money,
    /// What AWS gave back of them.
    pub(crate) fee_returned: Money,
    /// What went to the manufacturer of what is resold: at or below zero.
    pub(crate) wholesale: Money,
    /// What came back of it.
    pub(crate) wholesale_returned: Money,
    pub(crate) tax: Money,
    pub(crate) adjustments: Money,
    /// What AWS let the buyer off, net of its fee.
    pub(crate) forgiven: Money,
    /// Of the prices, what the buyer has paid to AWS.
    pub(crate) collected: Money,
    /// What AWS paid or is to pay: everything above but `collected`, added up.
    pub(crate) owed: Money,
    /// What the paid-out rows say, of deposits that are known and did not fail.
    pub(crate) paid_out: Money,
    /// What those deposits held more (above zero) or less than their rows say.
    pub(crate) deposit_difference: Money,
    /// `paid_out` + `deposit_difference`: the money that arrived.
    pub(crate) disbursed: Money,
    invoice_due: Option<NaiveDate>,
    invoiced_rows: u32,
    fee_rows: u32,
    wholesale_rows: u32,
    payouts: u32,
    failed_payouts: u32,
}

/// The state of a charge (R4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ChargeState {
    /// Not invoiced yet.
    NotDue,
    /// Invoiced, and the buyer still has time.
    Invoiced,
    Overdue(OverdueBucket),
    /// AWS has the buyer's money, the seller does not.
    Collected,
    PartiallyDisbursed,
    Disbursed,
    OverDisbursed,
    /// Paid and taken back, or given back to the buyer before it was paid.
    Reversed,
    /// The deposit came back.
    Failed,
    /// AWS let the buyer off.
    Forgiven,
    /// Never invoiced: the agreement ended before its day (O15).
    Dropped,
}

/// Days past the payment due date, in AWS's buckets (facts §6.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum OverdueBucket {
    Days1To30,
    Days31To60,
    Days61To90,
    Days91To120,
    Days121Plus,
}

impl OverdueBucket {
    /// All of them, the youngest first.
    pub(crate) const ALL: [Self; 5] = [
        Self::Days1To30,
        Self::Days31To60,
        Self::Days61To90,
        Self::Days91To120,
        Self::Days121Plus,
    ];

    /// How AWS's own report has it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Days1To30 => "1-30",
            Self::Days31To60 => "31-60",
            Self::Days61To90 => "61-90",
            Self::Days91To120 => "91-120",
            Self::Days121Plus => "121+",
        }
    }

    /// The first and the last day that it holds.
    pub(crate) const fn days(self) -> RangeInclusive<i32> {
        match self {
            Self::Days1To30 => 1..=30,
            Self::Days31To60 => 31..=60,
            Self::Days61To90 => 61..=90,
            Self::Days91To120 => 91..=120,
            Self::Days121Plus => 121..=i32::MAX,
        }
    }

    /// The one that holds what is so many days old; none for what is not a day old yet.
    fn of(days: i64) -> Option<Self> {
        let holds = |bucket: &Self| {
            let (first, last) = bucket.days().into_inner();
            (i64::from(first)..=i64::from(last)).contains(&days)
        };
        Self::ALL.into_iter().find(holds)
    }
}

/// The figures of every charge of an agreement, in the order of its charges.
pub(crate) fn charges(terms: &Terms, book: &Book) -> Result<Vec<ChargeCash>, MoneyError> {
    let deposits = book.deposits()?;
    let turns = Turns::of(terms, book);
    let mut charges: Vec<ChargeCash> = terms
        .charges
        .iter()
        .map(|charge| ChargeCash::nothing(*charge))
        .collect();
    for event in book.own(terms) {
        let number = turns.charge_of(event);
        let charge = charges
            .iter_mut()
            .find(|charge| Some(charge.expected.number) == number);
        let Some(charge) = charge else { continue };
        match event.action {
            Action::Invoiced => charge.invoiced(event)?,
            Action::Collected => charge.collected(event)?,
            Action::Forgiven => charge.forgiven(event)?,
            Action::Disbursed => {
                // Without its deposit a paid-out row is a promise: it counts when both are there.
                let deposit = event.disbursement.as_ref().and_then(|id| deposits.get(id));
                match deposit {
                    Some(deposit) if deposit.failed => charge.failed_payouts += 1,
                    Some(deposit) => {
                        charge.paid_out(event, deposit.difference_borne_by(event))?;
                    }
                    None => {}
                }
            }
        }
    }
    Ok(charges)
}

impl ChargeCash {
    fn nothing(expected: ExpectedCharge) -> Self {
        let zero = Money::zero(expected.amount.currency());
        Self {
            expected,
            invoices: BTreeSet::new(),
            gross: zero,
            returned: zero,
            fee: zero,
            fee_returned: zero,
            wholesale: zero,
            wholesale_returned: zero,
            tax: zero,
            adjustments: zero,
            forgiven: zero,
            collected: zero,
            owed: zero,
            paid_out: zero,
            deposit_difference: zero,
            disbursed: zero,
            invoice_due: None,
            invoiced_rows: 0,
            fee_rows: 0,
            wholesale_rows: 0,
            payouts: 0,
            failed_payouts: 0,
        }
    }

    fn invoiced(&mut self, event: &BillingEvent) -> Result<(), MoneyError> {
        match event.effect() {
            Effect::Revenue if event.kind.is_original() => {
                self.invoice_due = self.invoice_due.max(event.payment_due);
                self.invoices.extend(event.invoice.clone());
                self.invoiced_rows += 1;
                add(&mut self.gross, event.amount)?;
            }
            Effect::Revenue => add(&mut self.returned, event.amount)?,
            Effect::Fee if event.kind.is_original() => {
                self.fee_rows += 1;
                add(&mut self.fee, event.amount)?;
            }
            Effect::Fee => add(&mut self.fee_returned, event.amount)?,
            Effect::Wholesale if event.kind.is_original() => {
                self.wholesale_rows += 1;
                add(&mut self.wholesale, event.amount)?;
            }
            Effect::Wholesale => add(&mut self.wholesale_returned, event.amount)?,
            Effect::Tax => add(&mut self.tax, event.amount)?,
            Effect::Adjustment => add(&mut self.adjustments, event.amount)?,
            Effect::Informational | Effect::Deposit | Effect::DepositFailure => return Ok(()),
        }
        add(&mut self.owed, event.amount)
    }

    /// AWS's texts do not say which sign a COLLECTED row has, so only its size is read: the buyer
    /// pays for a charge, and gets a refund paid.
    fn collected(&mut self, event: &BillingEvent) -> Result<(), MoneyError> {
        if event.effect() != Effect::Revenue {
            return Ok(());
        }
        let size = event.amount.abs();
        add(
            &mut self.collected,
            if event.kind.is_original() {
                size
            } else {
                size.negated()
            },
        )
    }

    fn forgiven(&mut self, event: &BillingEvent) -> Result<(), MoneyError> {
        add(&mut self.forgiven, event.amount)?;
        add(&mut self.owed, event.amount)
    }

    fn paid_out(&mut self, event: &BillingEvent, difference: Money) -> Result<(), MoneyError> {
        self.payouts += 1;
        let paid = event.amount.negated();
        add(&mut self.paid_out, paid)?;
        add(&mut self.deposit_difference, difference)?;
        add(&mut self.disbursed, paid)?;
        add(&mut self.disbursed, difference)
    }

    /// As on the latest invoice; as expected until AWS names a date.
    pub(crate) fn payment_due(&self) -> NaiveDate {
        self.invoice_due.unwrap_or(self.expected.payment_due)
    }

    /// Whether AWS has invoiced it.
    pub(crate) const fn is_invoiced(&self) -> bool {
        self.invoiced_rows > 0
    }

    /// Whether it is no longer expected: the agreement ended before AWS invoiced it.
    pub(crate) const fn is_dropped(&self) -> bool {
        self.expected.dropped && !self.is_invoiced()
    }

    /// Whether AWS has charged a listing fee.
    pub(crate) const fn has_fee(&self) -> bool {
        self.fee_rows > 0
    }

    /// Whether AWS has taken what goes to the manufacturer.
    pub(crate) const fn has_wholesale(&self) -> bool {
        self.wholesale_rows > 0
    }

    /// Whether a deposit holds any of it.
    pub(crate) const fn is_paid(&self) -> bool {
        self.payouts > 0
    }

    /// Whether its deposits came back, all of them.
    pub(crate) const fn is_failed(&self) -> bool {
        self.payouts == 0 && self.failed_payouts > 0
    }

    /// Whether AWS holds everything that the buyer owes.
    pub(crate) fn is_collected(&self) -> Result<bool, MoneyError> {
        let short = self.price_left()?.checked_sub(self.collected)?;
        Ok(self.collected.is_positive() && !short.is_positive())
    }

    /// Prices invoiced, less what was given back to the buyer.
    fn price_left(&self) -> Result<Money, MoneyError> {
        self.gross.checked_add(self.returned)
    }

    /// What AWS still owes, when `accepted` is what people have accepted as more (above zero) or
    /// less than owed.
    pub(crate) fn residual(&self, accepted: Money) -> Result<Money, MoneyError> {
        self.owed.checked_add(accepted)?.checked_sub(self.disbursed)
    }

    /// The state on `today` (R4). `accepted` as in [`Self::residual`].
    pub(crate) fn state(
        &self,
        accepted: Money,
        today: NaiveDate,
    ) -> Result<ChargeState, MoneyError> {
        if self.is_dropped() {
            return Ok(ChargeState::Dropped);
        }
        if !self.is_invoiced() {
            return Ok(ChargeState::NotDue);
        }
        let nothing_moves = self.owed.is_zero() && self.disbursed.is_zero();
        if !self.forgiven.is_zero() && nothing_moves {
            return Ok(ChargeState::Forgiven);
        }
        if self.is_paid() {
            return Ok(paid_state(self.disbursed, self.residual(accepted)?));
        }
        if self.is_failed() {
            return Ok(ChargeState::Failed);
        }
        // Who owes nothing is not overdue.
        if !self.price_left()?.is_positive() {
            return Ok(ChargeState::Reversed);
        }
        if self.is_collected()? {
            return Ok(ChargeState::Collected);
        }
        let days = today.signed_duration_since(self.payment_due()).num_days();
        Ok(OverdueBucket::of(days).map_or(ChargeState::Invoiced, ChargeState::Overdue))
    }
}

fn paid_state(disbursed: Money, residual: Money) -> ChargeState {
    if residual.is_zero() {
        ChargeState::Disbursed
    } else if disbursed.is_zero() {
        ChargeState::Reversed
    } else if residual.is_negative() {
        ChargeState::OverDisbursed
    } else {
        ChargeState::PartiallyDisbursed
    }
}

fn add(to: &mut Money, amount: Money) -> Result<(), MoneyError> {
    *to = to.checked_add(amount)?;
    Ok(())
}

//! The double-entry ledger (R5): accounts, postings, balanced transactions.
//!
//! | account | normal balance | what it holds |
//! |---|---|---|
//! | `receivable:unbilled` | debit | prices of accepted charges that AWS has not invoiced yet |
//! | `receivable:aws` | debit | invoiced for the seller, less fees, and not yet paid out: what AWS owes |
//! | `cash:bank` | debit | deposits that AWS made, each agreement's part of them |
//! | `clearing:disbursement` | zero | between the paid-out rows of a deposit and the deposit: a penny, or nothing |
//! | `revenue:deferred` | credit | prices of accepted agreements; when they become revenue is for the books of account to say |
//! | `expense:listing-fee` | debit | AWS's listing fee, expected on acceptance, corrected when charged |
//! | `accrued:listing-fee` | credit | fee that is expected and not charged yet |
//! | `expense:wholesale` | debit | what goes to the manufacturer of what is resold, expected on acceptance (O5) |
//! | `accrued:wholesale` | credit | of that, what AWS has not taken yet |
//! | `liability:seller-tax` | credit | tax that AWS hands over and the seller remits |
//! | `adjustment:aws` | either | balance adjustments and infrastructure shares |
//! | `rounding:penny-difference` | either | differences within the tolerance, accepted by a person |
//! | `expense:payment-difference` | debit | larger differences in payment, accepted by a person |
//!
//! The life of the handbook deal (all amounts in USD):
//!
//! | cause | debit | credit |
//! |---|---|---|
//! | accepted | `receivable:unbilled` 102 500.00, `expense:listing-fee` 2 562.50 | `revenue:deferred` 102 500.00, `accrued:listing-fee` 2 562.50 |
//! | INVOICED, price | `receivable:aws` 102 500.00 | `receivable:unbilled` 102 500.00 |
//! | INVOICED, fee | `accrued:listing-fee` 2 562.50 | `receivable:aws` 2 562.50 |
//! | COLLECTED | none: what AWS owes does not change | |
//! | DISBURSED, price | `clearing:disbursement` 102 500.00 | `receivable:aws` 102 500.00 |
//! | DISBURSED, fee | `receivable:aws` 2 562.50 | `clearing:disbursement` 2 562.50 |
//! | DISBURSEMENT | `cash:bank` 99 937.50 | `clearing:disbursement` 99 937.50 |
//!
//! A transaction is never changed. Each names its source; when what the source should have posted
//! changes (a deposit fails, a late row explains it), a further transaction of the same source
//! posts the difference.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use countersign_kernel::money::MoneyError;
use countersign_kernel::{Currency, Money};

use super::billing_event::UnknownWord;
use super::discrepancy::CaseId;
use super::ids::BillingEventId;

/// An account of the module's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Account {
    UnbilledReceivable,
    AwsReceivable,
    Cash,
    DisbursementClearing,
    DeferredRevenue,
    ListingFeeExpense,
    AccruedListingFee,
    WholesaleCost,
    AccruedWholesale,
    SellerTax,
    AwsAdjustments,
    PennyDifference,
    PaymentDifference,
}

impl Account {
    const ALL: [Self; 13] = [
        Self::UnbilledReceivable,
        Self::AwsReceivable,
        Self::Cash,
        Self::DisbursementClearing,
        Self::DeferredRevenue,
        Self::ListingFeeExpense,
        Self::AccruedListingFee,
        Self::WholesaleCost,
        Self::AccruedWholesale,
        Self::SellerTax,
        Self::AwsAdjustments,
        Self::PennyDifference,
        Self::PaymentDifference,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::UnbilledReceivable => "receivable:unbilled",
            Self::AwsReceivable => "receivable:aws",
            Self::Cash => "cash:bank",
            Self::DisbursementClearing => "clearing:disbursement",
            Self::DeferredRevenue => "revenue:deferred",
            Self::ListingFeeExpense => "expense:listing-fee",
            Self::AccruedListingFee => "accrued:listing-fee",
            Self::WholesaleCost => "expense:wholesale",
            Self::AccruedWholesale => "accrued:wholesale",
            Self::SellerTax => "liability:seller-tax",
            Self::AwsAdjustments => "adjustment:aws",
            Self::PennyDifference => "rounding:penny-difference",
            Self::PaymentDifference => "expense:payment-difference",
        }
    }
}

impl FromStr for Account {
    type Err = UnknownWord;

    fn from_str(name: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|account| account.name() == name);
        found.ok_or_else(|| UnknownWord(name.to_owned()))
    }
}

/// Why a transaction was written: at most one source per cause, so that nothing posts twice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// The expectation of a charge, by its number.
    Charge(u32),
    /// A row of the billing feed.
    BillingEvent(BillingEventId),
    /// The agreement's part of a deposit.
    Deposit(BillingEventId),
    /// A person's resolution of a difference.
    Resolution(CaseId),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Charge(number) => write!(f, "charge:{number}"),
            Self::BillingEvent(id) => write!(f, "billing-event:{id}"),
            Self::Deposit(id) => write!(f, "deposit:{id}"),
            Self::Resolution(id) => write!(f, "resolution:{id}"),
        }
    }
}

impl FromStr for Source {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let parsed = match text.split_once(':') {
            Some(("charge", number)) => number.parse().ok().map(Self::Charge),
            Some(("billing-event", id)) => id.parse().ok().map(Self::BillingEvent),
            Some(("deposit", id)) => id.parse().ok().map(Self::Deposit),
            Some(("resolution", id)) => id.parse().ok().map(Self::Resolution),
            Some(_) | None => None,
        };
        parsed.ok_or_else(|| UnknownWord(text.to_owned()))
    }
}

/// Signed amounts per account, debits above zero. Made of transfers only, so that it is always
/// balanced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Posting(BTreeMap<Account, Money>);

impl Posting {
    /// Debits one account and credits another with `amount`; the other way round below zero.
    pub(crate) fn transfer(
        mut self,
        debit: Account,
        credit: Account,
        amount: Money,
    ) -> Result<Self, MoneyError> {
        self.add(debit, amount)?;
        self.add(credit, amount.negated())?;
        Ok(self)
    }

    /// Takes entries of a written transaction back in.
    pub(crate) fn with(mut self, entries: &Transaction) -> Result<Self, MoneyError> {
        for entry in entries.entries() {
            let signed = match entry.side {
                Side::Debit => entry.amount,
                Side::Credit => entry.amount.negated(),
            };
            self.add(entry.account, signed)?;
        }
        Ok(self)
    }

    /// What must still be posted so that `posted` becomes `self`; `None` when nothing.
    pub(crate) fn beyond(&self, posted: &Self) -> Result<Option<Transaction>, LedgerError> {
        let mut rest = self.clone();
        for (account, amount) in &posted.0 {
            rest.add(*account, amount.negated())?;
        }
        let entries: Vec<Entry> = rest
            .0
            .into_iter()
            .filter_map(|(account, amount)| Entry::signed(account, amount))
            .collect();
        if entries.is_empty() {
            Ok(None)
        } else {
            Transaction::new(entries).map(Some)
        }
    }

    /// The balance of an account: debits − credits.
    pub(crate) fn balance(&self, account: Account, currency: Currency) -> Money {
        self.0
            .get(&account)
            .copied()
            .unwrap_or_else(|| Money::zero(currency))
    }

    fn add(&mut self, account: Account, amount: Money) -> Result<(), MoneyError> {
        let balance = self
            .0
            .entry(account)
            .or_insert_with(|| Money::zero(amount.currency()));
        *balance = balance.checked_add(amount)?;
        Ok(())
    }
}

/// Which side of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Debit,
    Credit,
}

/// One line of a transaction; the amount is above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) account: Account,
    pub(crate) side: Side,
    pub(crate) amount: Money,
}

impl Entry {
    fn signed(account: Account, amount: Money) -> Option<Self> {
        let side = if amount.is_negative() {
            Side::Credit
        } else {
            Side::Debit
        };
        (!amount.is_zero()).then_some(Self {
            account,
            side,
            amount: amount.abs(),
        })
    }
}

/// Entries whose debits equal their credits in each currency: there is no other way to have one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transaction(Vec<Entry>);

/// Why entries are no transaction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LedgerError {
    #[error("a transaction has no entries")]
    Empty,
    #[error("an entry of {0} is not above zero")]
    NotPositive(Money),
    #[error("debits and credits differ by {0}")]
    Unbalanced(Money),
    #[error("the entries cannot be added up")]
    Money(#[from] MoneyError),
}

impl Transaction {
    /// Refuses what does not balance (R5).
    pub(crate) fn new(entries: Vec<Entry>) -> Result<Self, LedgerError> {
        if entries.is_empty() {
            return Err(LedgerError::Empty);
        }
        let mut sums: BTreeMap<Currency, Money> = BTreeMap::new();
        for entry in &entries {
            if !entry.amount.is_positive() {
                return Err(LedgerError::NotPositive(entry.amount));
            }
            let currency = entry.amount.currency();
            let sum = sums
                .entry(currency)
                .or_insert_with(|| Money::zero(currency));
            *sum = match entry.side {
                Side::Debit => sum.checked_add(entry.amount)?,
                Side::Credit => sum.checked_sub(entry.amount)?,
            };
        }
        match sums.into_values().find(|sum| !sum.is_zero()) {
            Some(difference) => Err(LedgerError::Unbalanced(difference)),
            None => Ok(Self(entries)),
        }
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::usd;
    use super::*;

    fn entry(account: Account, side: Side, amount: &str) -> Entry {
        Entry {
            account,
            side,
            amount: usd(amount),
        }
    }

    /// R5: what does not balance cannot be made.
    #[test]
    fn only_balanced_entries_are_a_transaction() {
        let debit = entry(Account::Cash, Side::Debit, "1.00");
        let credit = entry(Account::AwsReceivable, Side::Credit, "1.00");
        assert!(Transaction::new(vec![debit, credit]).is_ok());
        assert_eq!(Transaction::new(vec![]), Err(LedgerError::Empty));
        assert_eq!(
            Transaction::new(vec![debit]),
            Err(LedgerError::Unbalanced(usd("1.00")))
        );
        assert_eq!(
            Transaction::new(vec![
                debit,
                entry(Account::AwsReceivable, Side::Credit, "0.99")
            ]),
            Err(LedgerError::Unbalanced(usd("0.01")))
        );
        let zero = entry(Account::Cash, Side::Debit, "0.00");
        assert_eq!(
            Transaction::new(vec![zero]),
            Err(LedgerError::NotPositive(usd("0")))
        );
    }

    /// R5: each currency balances by itself.
    #[test]
    fn currencies_do_not_make_up_for_each_other() {
        let euro = Money::parse("1.00", Currency::Eur).unwrap();
        let credit = Entry {
            account: Account::AwsReceivable,
            side: Side::Credit,
            amount: euro,
        };
        let debit = entry(Account::Cash, Side::Debit, "1.00");
        assert!(matches!(
            Transaction::new(vec![debit, credit]),
            Err(LedgerError::Unbalanced(_))
        ));
    }

    #[test]
    fn only_what_is_missing_is_posted() {
        let posting = |amount: &str| {
            Posting::default()
                .transfer(Account::Cash, Account::DisbursementClearing, usd(amount))
                .unwrap()
        };
        let first = posting("10.00")
            .beyond(&Posting::default())
            .unwrap()
            .unwrap();
        let posted = Posting::default().with(&first).unwrap();
        assert_eq!(posting("10.00").beyond(&posted).unwrap(), None);
        let reversal = Posting::default().beyond(&posted).unwrap().unwrap();
        assert_eq!(
            reversal.entries(),
            [
                entry(Account::Cash, Side::Credit, "10.00"),
                entry(Account::DisbursementClearing, Side::Debit, "10.00"),
            ]
        );
        assert_eq!(
            posted
                .with(&reversal)
                .unwrap()
                .balance(Account::Cash, Currency::Usd),
            usd("0")
        );
    }

    #[test]
    fn names_round_trip() {
        for account in Account::ALL {
            assert_eq!(account.name().parse(), Ok(account));
        }
        for source in [
            Source::Charge(2),
            Source::BillingEvent("a:b".parse().unwrap()),
            Source::Deposit("d".parse().unwrap()),
        ] {
            assert_eq!(source.to_string().parse(), Ok(source));
        }
        assert!("deposit".parse::<Source>().is_err());
        assert!("charge:x".parse::<Source>().is_err());
    }
}

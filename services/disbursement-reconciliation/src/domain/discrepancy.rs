//! Differences between expectation and cash, as cases that a person closes (R3, R8).
//!
//! | topic | expected | actual | asked |
//! |---|---|---|---|
//! | price | the charge's amount | prices invoiced | once invoiced |
//! | fee | the fee share of what was invoiced | fee charged | once a fee is charged, or the charge is paid |
//! | wholesale | what goes to the manufacturer of what is resold | what AWS took for it | once it is taken, or the charge is paid |
//! | payment | what AWS owes after invoices, fees, refunds | money that arrived | once a deposit holds any of it |
//!
//! A difference within the tolerance is a `PENNY_DIFFERENCE`, whatever its topic. A part payment is
//! no difference while AWS still waits for the buyer. No case is closed but by a person with a
//! reason; when later rows leave no difference at all, the case is cleared: there is nothing to close.

use std::fmt;
use std::str::FromStr;

use countersign_kernel::chrono::{DateTime, Utc};
use countersign_kernel::money::MoneyError;
use countersign_kernel::{DigestBuilder, Money, Principal};

use super::billing_event::UnknownWord;
use super::cash::ChargeCash;
use super::ids::AgreementId;
use super::ledger::{Account, Posting};
use super::terms::{ExpectedCharge, Terms};

/// How many hexadecimal digits of the digest name a case.
const CASE_ID_DIGITS: usize = 32;

/// A case's name: made of what differs, so that the same difference found twice is one case; and of
/// how many were accepted before it, so that one that comes back after it was accepted is another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CaseId(String);

impl CaseId {
    fn of(agreement: &AgreementId, finding: &Finding, earlier: usize) -> Self {
        let digest = DigestBuilder::new("discrepancy case")
            .field("agreement", agreement)
            .field("charge", finding.charge)
            .field("topic", finding.topic)
            .field("kind", finding.kind)
            .field("expected", finding.expected)
            .field("actual", finding.actual)
            .field("earlier", earlier)
            .finish();
        Self(digest.to_string().chars().take(CASE_ID_DIGITS).collect())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for CaseId {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let hexadecimal = text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if hexadecimal && text.len() == CASE_ID_DIGITS {
            return Ok(Self(text.to_owned()));
        }
        Err(UnknownWord(text.to_owned()))
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum $type { $($(#[$variant_doc])* $variant),+ }

        impl $type {
            /// Every one there is.
            pub(crate) const ALL: &[Self] = &[$(Self::$variant),+];

            const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }

        impl FromStr for $type {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                let found = Self::ALL.iter().copied().find(|one| one.word() == word);
                found.ok_or_else(|| UnknownWord(word.to_owned()))
            }
        }
    };
}

words!(
    /// What is compared.
    Topic { Price = "PRICE", Fee = "FEE", Wholesale = "WHOLESALE", Payment = "PAYMENT" }
);
words!(
    /// What kind of difference it is.
    Kind {
        /// Within the tolerance.
        PennyDifference = "PENNY_DIFFERENCE",
        ShortPaid = "SHORT_PAID",
        /// The deposit came back, and nothing was paid since: as a rule the bank details are wrong.
        DepositFailed = "DEPOSIT_FAILED",
        OverPaid = "OVER_PAID",
        FeeRate = "FEE_RATE",
        Price = "PRICE",
        /// AWS took another amount for the manufacturer than was agreed.
        Wholesale = "WHOLESALE",
    }
);

/// A difference as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) charge: u32,
    pub(crate) topic: Topic,
    pub(crate) kind: Kind,
    /// As corrected by what people have accepted.
    pub(crate) expected: Money,
    pub(crate) actual: Money,
    /// actual − expected; never zero.
    pub(crate) difference: Money,
}

/// A difference as a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) id: CaseId,
    pub(crate) finding: Finding,
    pub(crate) opened_at: DateTime<Utc>,
    pub(crate) status: CaseStatus,
}

/// Where a case stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CaseStatus {
    Open,
    /// A person accepted the difference, and the ledger wrote it off.
    Resolved {
        by: Principal,
        reason: String,
        at: DateTime<Utc>,
    },
    /// Later rows left no such difference.
    Cleared {
        at: DateTime<Utc>,
    },
}

impl Case {
    /// `earlier`: how many cases of the same topic of the same charge were resolved before.
    pub(crate) fn open(
        agreement: &AgreementId,
        finding: Finding,
        earlier: usize,
        at: DateTime<Utc>,
    ) -> Self {
        Self {
            id: CaseId::of(agreement, &finding, earlier),
            finding,
            opened_at: at,
            status: CaseStatus::Open,
        }
    }

    pub(crate) const fn is_open(&self) -> bool {
        matches!(self.status, CaseStatus::Open)
    }

    /// What was accepted of a topic of a charge by closing this case.
    pub(crate) fn accepted(&self, charge: u32, topic: Topic) -> Option<Money> {
        let about = self.finding.charge == charge && self.finding.topic == topic;
        let resolved = matches!(self.status, CaseStatus::Resolved { .. });
        (about && resolved).then_some(self.finding.difference)
    }
}

/// What people have accepted for one charge, per topic: above zero when more came than was expected.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Accepted {
    pub(crate) price: Money,
    pub(crate) fee: Money,
    pub(crate) wholesale: Money,
    pub(crate) payment: Money,
}

/// The differences of a charge, at most one per topic.
pub(crate) fn findings(
    terms: &Terms,
    cash: &ChargeCash,
    accepted: Accepted,
) -> Result<Vec<Finding>, MoneyError> {
    let mut found = Vec::new();
    if cash.is_invoiced() {
        let expected = cash.expected.amount.checked_add(accepted.price)?;
        found.extend(compare(terms, cash, Topic::Price, expected, cash.gross)?);
    }
    if cash.is_invoiced() && (cash.has_fee() || cash.is_paid()) {
        let expected = fee_at(terms, &cash.expected, cash.gross)
            .negated()
            .checked_add(accepted.fee)?;
        found.extend(compare(terms, cash, Topic::Fee, expected, cash.fee)?);
    }
    if cash.is_invoiced() && (cash.has_wholesale() || cash.is_paid()) {
        let expected = cash.expected.wholesale.negated();
        let expected = expected.checked_add(accepted.wholesale)?;
        found.extend(compare(
            terms,
            cash,
            Topic::Wholesale,
            expected,
            cash.wholesale,
        )?);
    }
    if cash.is_paid() || cash.is_failed() {
        let expected = cash.owed.checked_add(accepted.payment)?;
        found.extend(compare(
            terms,
            cash,
            Topic::Payment,
            expected,
            cash.disbursed,
        )?);
    }
    Ok(found)
}

/// The fee that belongs to `price` of a charge, at or above zero: its share when invoiced as agreed,
/// else the rate on what was invoiced.
fn fee_at(terms: &Terms, charge: &ExpectedCharge, price: Money) -> Money {
    if price == charge.amount {
        charge.fee
    } else {
        terms.fee_rate.of(price)
    }
}

fn compare(
    terms: &Terms,
    cash: &ChargeCash,
    topic: Topic,
    expected: Money,
    actual: Money,
) -> Result<Option<Finding>, MoneyError> {
    let difference = actual.checked_sub(expected)?;
    let kind = if difference.is_zero() {
        return Ok(None);
    } else if terms.policy.is_penny(difference) {
        Kind::PennyDifference
    } else {
        match topic {
            Topic::Price => Kind::Price,
            Topic::Fee => Kind::FeeRate,
            Topic::Wholesale => Kind::Wholesale,
            Topic::Payment if difference.is_positive() => Kind::OverPaid,
            Topic::Payment if cash.is_failed() => Kind::DepositFailed,
            // AWS pays on as the buyer pays: that is late, not short.
            Topic::Payment if !cash.is_collected()? => return Ok(None),
            Topic::Payment => Kind::ShortPaid,
        }
    };
    let charge = cash.expected.number;
    Ok(Some(Finding {
        charge,
        topic,
        kind,
        expected,
        actual,
        difference,
    }))
}

/// The entries that accept a difference: what is left over on the account that shows it goes to the
/// account that bears it. `clearing` is what of a payment's difference stands in
/// `clearing:disbursement` rather than in `receivable:aws`, as a balance.
pub(crate) fn write_off(
    terms: &Terms,
    charge: &ExpectedCharge,
    finding: &Finding,
    clearing: Money,
) -> Result<Posting, MoneyError> {
    let penny = finding.kind == Kind::PennyDifference;
    let bearer = |account: Account| {
        if penny {
            Account::PennyDifference
        } else {
            account
        }
    };
    let missing = finding.difference.negated();
    let nothing = Posting::default();
    match finding.topic {
        Topic::Price => {
            // A fee that was expected on money never invoiced is not coming either.
            let fee_gone = fee_at(terms, charge, finding.expected).checked_sub(fee_at(
                terms,
                charge,
                finding.actual,
            ))?;
            nothing
                .transfer(
                    bearer(Account::DeferredRevenue),
                    Account::UnbilledReceivable,
                    missing,
                )?
                .transfer(
                    Account::AccruedListingFee,
                    Account::ListingFeeExpense,
                    fee_gone,
                )
        }
        Topic::Fee => nothing.transfer(
            bearer(Account::ListingFeeExpense),
            Account::AccruedListingFee,
            missing,
        ),
        Topic::Wholesale => nothing.transfer(
            bearer(Account::WholesaleCost),
            Account::AccruedWholesale,
            missing,
        ),
        Topic::Payment => nothing
            .transfer(
                bearer(Account::PaymentDifference),
                Account::DisbursementClearing,
                clearing,
            )?
            .transfer(
                bearer(Account::PaymentDifference),
                Account::AwsReceivable,
                missing.checked_sub(clearing)?,
            ),
    }
}

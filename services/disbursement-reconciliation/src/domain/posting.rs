//! What each source should have posted, given everything that is known (R5).

use std::collections::BTreeMap;

use countersign_kernel::Money;
use countersign_kernel::chrono::NaiveDate;
use countersign_kernel::money::MoneyError;

use super::billing_event::{Action, BillingEvent, Effect};
use super::book::{Book, Deposit};
use super::cash::charges;
use super::ids::BillingEventId;
use super::ledger::{Account, Posting, Source};
use super::terms::{ChargedBy, ExpectedCharge, Terms};

/// What a source should have posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) posting: Posting,
    /// When it took effect.
    pub(crate) effective: NaiveDate,
    pub(crate) description: String,
}

/// What every charge, row and deposit of an agreement should have posted; resolutions are not
/// derived, they stand as they were written.
pub(crate) fn wanted(terms: &Terms, book: &Book) -> Result<BTreeMap<Source, Wanted>, MoneyError> {
    let deposits = book.deposits()?;
    let mut wanted = BTreeMap::new();
    for cash in charges(terms, book)? {
        let charge = &cash.expected;
        // What was booked of a dropped charge is taken back by a further entry (R5).
        if !cash.is_dropped() {
            wanted.insert(Source::Charge(charge.number), expectation(terms, charge)?);
        }
    }
    let mut parts: BTreeMap<&BillingEventId, Money> = BTreeMap::new();
    for event in book.own(terms) {
        match event.action {
            Action::Invoiced | Action::Forgiven => {
                wanted.insert(Source::BillingEvent(event.id.clone()), owed(event)?);
            }
            // What AWS owes does not change when the buyer pays AWS.
            Action::Collected => {}
            Action::Disbursed => {
                let deposit = event.disbursement.as_ref().and_then(|id| deposits.get(id));
                let Some(deposit) = deposit.filter(|deposit| !deposit.failed) else {
                    continue;
                };
                wanted.insert(Source::BillingEvent(event.id.clone()), payout(event)?);
                let part = parts
                    .entry(&deposit.row.id)
                    .or_insert_with(|| Money::zero(terms.currency()));
                *part = part
                    .checked_sub(event.amount)?
                    .checked_add(deposit.difference_borne_by(event))?;
            }
        }
    }
    for (id, part) in parts {
        if let Some(deposit) = deposits.get(id) {
            wanted.insert(Source::Deposit(id.clone()), deposited(deposit, part)?);
        }
    }
    Ok(wanted)
}

fn expectation(terms: &Terms, charge: &ExpectedCharge) -> Result<Wanted, MoneyError> {
    Ok(Wanted {
        posting: Posting::default()
            .transfer(
                Account::UnbilledReceivable,
                Account::DeferredRevenue,
                charge.amount,
            )?
            .transfer(
                Account::ListingFeeExpense,
                Account::AccruedListingFee,
                charge.fee,
            )?
            .transfer(
                Account::WholesaleCost,
                Account::AccruedWholesale,
                charge.wholesale,
            )?,
        effective: match terms.charged_by {
            ChargedBy::Schedule => terms.accepted_at.date_naive(),
            ChargedBy::Requests | ChargedBy::EndedRequests => charge.on,
        },
        description: format!("Charge {} of {} expected", charge.number, terms.agreement),
    })
}

/// An invoiced or forgiven row: what AWS owes changes by its amount. First charges use up the
/// expectation; what is given back goes against what the expectation had booked.
fn owed(event: &BillingEvent) -> Result<Wanted, MoneyError> {
    let first_charge = event.action == Action::Invoiced && event.kind.is_original();
    let against = match event.effect() {
        Effect::Revenue if first_charge => Account::UnbilledReceivable,
        Effect::Revenue => Account::DeferredRevenue,
        Effect::Fee if first_charge => Account::AccruedListingFee,
        Effect::Fee => Account::ListingFeeExpense,
        Effect::Wholesale if first_charge => Account::AccruedWholesale,
        Effect::Wholesale => Account::WholesaleCost,
        Effect::Tax => Account::SellerTax,
        Effect::Adjustment => Account::AwsAdjustments,
        Effect::Informational | Effect::Deposit | Effect::DepositFailure => Account::AwsReceivable,
    };
    Ok(Wanted {
        posting: Posting::default().transfer(Account::AwsReceivable, against, event.amount)?,
        // A forgiven row names the invoice that it takes back: it takes effect when it happens.
        effective: match event.action {
            Action::Forgiven => event.acted_at.date_naive(),
            Action::Invoiced | Action::Collected | Action::Disbursed => event.charged_on(),
        },
        description: describe(event),
    })
}

fn payout(event: &BillingEvent) -> Result<Wanted, MoneyError> {
    Ok(Wanted {
        posting: Posting::default().transfer(
            Account::AwsReceivable,
            Account::DisbursementClearing,
            event.amount,
        )?,
        effective: event.acted_at.date_naive(),
        description: describe(event),
    })
}

fn deposited(deposit: &Deposit<'_>, part: Money) -> Result<Wanted, MoneyError> {
    let trace = deposit.row.bank_trace.as_deref().unwrap_or("none");
    Ok(Wanted {
        posting: Posting::default().transfer(Account::Cash, Account::DisbursementClearing, part)?,
        effective: deposit.row.acted_at.date_naive(),
        description: format!("Deposit of {}, bank trace id {trace}", deposit.row.amount),
    })
}

fn describe(event: &BillingEvent) -> String {
    match &event.invoice {
        Some(invoice) => format!("{} {}, invoice {invoice}", event.action, event.kind),
        None => format!("{} {}", event.action, event.kind),
    }
}

#[cfg(test)]
mod tests {
    use countersign_kernel::Currency;

    use super::super::samples::{Row, handbook, usd};
    use super::*;

    /// O5: what goes to the manufacturer uses up what was accrued for it; what comes back lowers the cost.
    #[test]
    fn wholesale_goes_against_its_own_accounts() {
        for (kind, amount, against) in [
            ("SELLER_REV_SHARE", "-0.50", Account::AccruedWholesale),
            ("SELLER_REV_SHARE_REFUND", "0.50", Account::WholesaleCost),
        ] {
            let row = Row::new("row", "INVOICED", kind, amount)
                .wholesale()
                .build();
            let book = [row.clone()].into_iter().collect();
            let all = wanted(&handbook(), &book).unwrap();
            let found = &all[&Source::BillingEvent(row.id)];
            let balance = |account| found.posting.balance(account, Currency::Usd);
            assert_eq!(balance(Account::AwsReceivable), usd(amount), "{kind}");
            assert_eq!(balance(against), usd(amount).negated(), "{kind}");
        }
    }

    /// R5: what each kind of row goes against; the other side is what AWS owes.
    #[test]
    fn each_row_goes_against_its_account() {
        use Account::{
            AccruedListingFee, AwsAdjustments, DeferredRevenue, ListingFeeExpense, SellerTax,
            UnbilledReceivable,
        };
        for (action, kind, amount, against) in [
            ("INVOICED", "SELLER_REV_SHARE", "9.00", UnbilledReceivable),
            (
                "INVOICED",
                "SELLER_REV_SHARE_REFUND",
                "-9.00",
                DeferredRevenue,
            ),
            (
                "INVOICED",
                "SELLER_REV_SHARE_CREDIT",
                "-9.00",
                DeferredRevenue,
            ),
            ("FORGIVEN", "SELLER_REV_SHARE", "-9.00", DeferredRevenue),
            ("INVOICED", "AWS_REV_SHARE", "-9.00", AccruedListingFee),
            (
                "INVOICED",
                "AWS_REV_SHARE_REFUND",
                "9.00",
                ListingFeeExpense,
            ),
            ("FORGIVEN", "AWS_REV_SHARE", "9.00", ListingFeeExpense),
            ("INVOICED", "SELLER_TAX_SHARE", "9.00", SellerTax),
            ("INVOICED", "OTHER_SELLER_TAX_SHARE", "9.00", SellerTax),
            ("INVOICED", "BALANCE_ADJUSTMENT", "-9.00", AwsAdjustments),
            ("INVOICED", "AWS_INFRA_SHARE", "-9.00", AwsAdjustments),
        ] {
            let row = Row::new("row", action, kind, amount).build();
            let book = [row.clone()].into_iter().collect();
            let all = wanted(&handbook(), &book).unwrap();
            let found = &all[&Source::BillingEvent(row.id)];
            let balance = |account| found.posting.balance(account, Currency::Usd);
            assert_eq!(balance(Account::AwsReceivable), usd(amount), "{kind}");
            assert_eq!(balance(against), usd(amount).negated(), "{action} {kind}");
            let description = format!("{action} {kind}, invoice inv-1");
            assert_eq!(found.description, description);
        }
    }
}

//! The set of billing events that an agreement is reconciled from (R3).
//!
//! A set: the same row twice is one row, and order does not exist. Whatever is asked of it is
//! computed from all of it, so rows may arrive in any order, months late, and again.

use std::collections::{BTreeMap, BTreeSet};

use countersign_kernel::Money;
use countersign_kernel::money::MoneyError;

use super::billing_event::{Action, BillingEvent, Effect};
use super::ids::BillingEventId;
use super::terms::Terms;

/// How many parents are followed from a row to the invoice that it goes back to: AWS's chains have
/// one link, two for a refund that is paid out.
const MAX_PARENTS: usize = 8;

/// The billing events that may touch an agreement: its own, the deposits that paid them, and the
/// other agreements' rows in those deposits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Book {
    events: BTreeMap<BillingEventId, BillingEvent>,
}

impl FromIterator<BillingEvent> for Book {
    fn from_iter<I: IntoIterator<Item = BillingEvent>>(events: I) -> Self {
        let events = events.into_iter().map(|event| (event.id.clone(), event));
        Self {
            events: events.collect(),
        }
    }
}

/// One deposit: what AWS says it paid, and what the paid-out rows in it add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deposit<'a> {
    pub(crate) row: &'a BillingEvent,
    /// AWS reported that it came back.
    pub(crate) failed: bool,
    /// Deposited − explained by paid-out rows of any agreement: a penny, as a rule nothing.
    pub(crate) difference: Money,
    /// The paid-out row that the difference is laid to: the largest, since a penny cannot be split;
    /// the first by id among equals.
    bearer: Option<&'a BillingEventId>,
}

impl Deposit<'_> {
    /// The part of the difference that is laid to `event`.
    pub(crate) fn difference_borne_by(&self, event: &BillingEvent) -> Money {
        if self.bearer == Some(&event.id) {
            self.difference
        } else {
            Money::zero(self.difference.currency())
        }
    }
}

impl Book {
    /// The rows of the agreement itself that are in its currency: by agreement id where AWS gives
    /// one, else by offer. Rows in another currency stay unmatched: they cannot be its money.
    pub(crate) fn own<'a>(&'a self, terms: &'a Terms) -> impl Iterator<Item = &'a BillingEvent> {
        self.events
            .values()
            .filter(|event| event.moves_balance() && owns(terms, event))
    }

    /// The row that a row goes back to: as a rule the invoiced one.
    pub(crate) fn root<'a>(&'a self, event: &'a BillingEvent) -> &'a BillingEvent {
        let root = (0..MAX_PARENTS).try_fold(event, |row, _| {
            row.parent
                .as_ref()
                .and_then(|id| self.events.get(id))
                .ok_or(row)
        });
        root.unwrap_or_else(|row| row)
    }

    /// Every deposit in the set, by the id of its row.
    pub(crate) fn deposits(&self) -> Result<BTreeMap<&BillingEventId, Deposit<'_>>, MoneyError> {
        let failed: BTreeSet<&BillingEventId> = self
            .events
            .values()
            .filter(|event| event.effect() == Effect::DepositFailure)
            .filter_map(|event| event.parent.as_ref())
            .collect();
        let deposits = self
            .events
            .values()
            .filter(|event| event.effect() == Effect::Deposit && event.action == Action::Disbursed);
        deposits
            .map(|row| Ok((&row.id, self.deposit(row, failed.contains(&row.id))?)))
            .collect()
    }

    fn deposit<'a>(
        &'a self,
        row: &'a BillingEvent,
        failed: bool,
    ) -> Result<Deposit<'a>, MoneyError> {
        let payouts = || {
            self.events.values().filter(|event| {
                event.is_payout()
                    && event.disbursement.as_ref() == Some(&row.id)
                    && event.amount.currency() == row.amount.currency()
            })
        };
        // A paid-out row lowers what is owed, so it is below zero where the deposit is above.
        let difference =
            payouts().try_fold(row.amount, |rest, event| rest.checked_add(event.amount))?;
        let bearer = payouts()
            .max_by(|a, b| {
                let size = |event: &BillingEvent| event.amount.abs().minor_units();
                size(a).cmp(&size(b)).then_with(|| b.id.cmp(&a.id))
            })
            .map(|event| &event.id);
        Ok(Deposit {
            row,
            failed,
            difference,
            bearer,
        })
    }
}

fn owns(terms: &Terms, event: &BillingEvent) -> bool {
    let named = match (&event.agreement, &event.offer) {
        (Some(agreement), _) => *agreement == terms.agreement,
        (None, Some(offer)) => *offer == terms.offer,
        (None, None) => false,
    };
    named && event.amount.currency() == terms.currency()
}

#[cfg(test)]
mod tests {
    use super::super::samples::{Row, handbook, handbook_rows, usd};
    use super::*;

    #[test]
    fn a_row_twice_is_one_row() {
        let once: Book = handbook_rows("99937.50").into_iter().collect();
        let twice: Book = handbook_rows("99937.50")
            .into_iter()
            .chain(handbook_rows("99937.50"))
            .collect();
        assert_eq!(once, twice);
    }

    #[test]
    fn rows_are_owned_by_agreement_else_by_offer_and_only_in_its_currency() {
        let terms = handbook();
        let book: Book = [
            Row::new("by-agreement", "INVOICED", "SELLER_REV_SHARE", "1.00").build(),
            Row::new("by-offer", "INVOICED", "SELLER_REV_SHARE", "1.00")
                .agreement(None)
                .build(),
            Row::new("other", "INVOICED", "SELLER_REV_SHARE", "1.00")
                .agreement(Some("agmt-9"))
                .build(),
            Row::new("nobody", "INVOICED", "SELLER_REV_SHARE", "1.00")
                .agreement(None)
                .offer(None)
                .build(),
            Row::new("yen", "INVOICED", "SELLER_REV_SHARE", "1")
                .currency("JPY")
                .build(),
            Row::new("remark", "INVOICED", "AWS_TAX_SHARE", "1.00").build(),
        ]
        .into_iter()
        .collect();
        let own: Vec<_> = book.own(&terms).map(|event| event.id.as_str()).collect();
        assert_eq!(own, ["by-agreement", "by-offer"]);
    }

    /// R3: one deposit over many invoices; its penny is laid to the largest row, once.
    #[test]
    fn a_deposit_s_difference_is_borne_once() {
        let payout = |id: &str, amount: &str, agreement: &str| {
            Row::new(id, "DISBURSED", "SELLER_REV_SHARE", amount)
                .agreement(Some(agreement))
                .disbursement("dep")
                .build()
        };
        let rows = [
            Row::new("dep", "DISBURSED", "DISBURSEMENT", "299.99")
                .agreement(None)
                .build(),
            payout("a", "-100.00", "agmt-1"),
            payout("b", "-200.00", "agmt-2"),
            // AWS remits it: it is in no deposit.
            Row::new("tax", "DISBURSED", "AWS_TAX_SHARE", "-900.00")
                .disbursement("dep")
                .build(),
        ];
        let book: Book = rows.iter().cloned().collect();
        let deposits = book.deposits().unwrap();
        let deposit = deposits.values().next().unwrap();
        assert_eq!(deposit.difference, usd("-0.01"));
        assert_eq!(deposit.difference_borne_by(&rows[1]), usd("0"));
        assert_eq!(deposit.difference_borne_by(&rows[2]), usd("-0.01"));
    }

    #[test]
    fn a_failure_fails_its_deposit_whichever_came_first() {
        let deposit = Row::new("dep", "DISBURSED", "DISBURSEMENT", "1.00").build();
        let failure = Row::new("fail", "DISBURSED", "DISBURSEMENT_FAILURE", "-1.00")
            .parent("dep")
            .build();
        let book: Book = [failure, deposit].into_iter().collect();
        assert!(
            book.deposits()
                .unwrap()
                .values()
                .all(|deposit| deposit.failed)
        );
    }
}

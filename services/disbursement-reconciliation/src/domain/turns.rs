//! Which charge a row belongs to (R3). The feed names no charge, so it is found by what both sides know.
//!
//! | charged by | an invoiced row belongs to |
//! |---|---|
//! | a schedule | the charge whose turn it was on the row's day |
//! | payment requests (O17) | the first charge of its amount, or for a fee of its fee, that no row has yet; else the charge of a row of the same day; else by its day |
//!
//! A day decides nothing between two requests that were approved on one day, or when AWS invoices some
//! days after the approval. Every other row goes back to an invoiced one: by its parent, else by its
//! invoice.

use std::collections::{BTreeMap, BTreeSet};

use countersign_kernel::Money;
use countersign_kernel::chrono::NaiveDate;

use super::billing_event::{Action, BillingEvent, Effect};
use super::book::Book;
use super::ids::{BillingEventId, InvoiceId};
use super::terms::{ChargedBy, ExpectedCharge, Terms};

/// The rows of an agreement, each laid to its charge.
#[derive(Debug)]
pub(crate) struct Turns<'a> {
    terms: &'a Terms,
    book: &'a Book,
    by_row: BTreeMap<&'a BillingEventId, u32>,
    by_invoice: BTreeMap<&'a InvoiceId, u32>,
}

impl<'a> Turns<'a> {
    pub(crate) fn of(terms: &'a Terms, book: &'a Book) -> Self {
        let mut turns = Self {
            terms,
            book,
            by_row: BTreeMap::new(),
            by_invoice: BTreeMap::new(),
        };
        match terms.charged_by {
            ChargedBy::Schedule => {}
            ChargedBy::Requests | ChargedBy::EndedRequests => {
                let days = turns.lay(Effect::Revenue, |charge| charge.amount, &BTreeMap::new());
                turns.lay(Effect::Fee, |charge| charge.fee.negated(), &days);
            }
        }
        turns
    }

    /// Lays the first invoiced rows of one effect to charges; `days` are those of rows that were laid
    /// before. Returns the days of these.
    fn lay(
        &mut self,
        effect: Effect,
        wanted: fn(&ExpectedCharge) -> Money,
        days: &BTreeMap<NaiveDate, u32>,
    ) -> BTreeMap<NaiveDate, u32> {
        let first = |event: &&BillingEvent| {
            event.action == Action::Invoiced
                && event.effect() == effect
                && event.kind.is_original()
                && event.parent.is_none()
        };
        let mut rows: Vec<&'a BillingEvent> = self.book.own(self.terms).filter(first).collect();
        rows.sort_by_key(|row| (row.charged_on(), &row.id));
        let mut taken = BTreeSet::new();
        let mut laid = BTreeMap::new();
        for row in rows {
            let free = |charge: &&ExpectedCharge| {
                wanted(charge) == row.amount && !taken.contains(&charge.number)
            };
            let fits = self.terms.charges.iter().find(free);
            let number = fits.map(|charge| charge.number);
            let of_day = || days.get(&row.charged_on()).copied();
            let Some(number) = number.or_else(of_day).or_else(|| self.by_day(row)) else {
                continue;
            };
            taken.insert(number);
            laid.insert(row.charged_on(), number);
            self.by_row.insert(&row.id, number);
            if let Some(invoice) = &row.invoice {
                self.by_invoice.entry(invoice).or_insert(number);
            }
        }
        laid
    }

    fn by_day(&self, row: &BillingEvent) -> Option<u32> {
        let charge = self.terms.charge_on(row.charged_on());
        charge.map(|charge| charge.number)
    }

    /// The number of the charge that a row belongs to; none while no charge is expected.
    pub(crate) fn charge_of(&self, event: &BillingEvent) -> Option<u32> {
        let root = self.book.root(event);
        let by_row = self.by_row.get(&root.id);
        let by_invoice = || self.by_invoice.get(root.invoice.as_ref()?);
        let laid = by_row.or_else(by_invoice).copied();
        laid.or_else(|| self.by_day(root))
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{Row, accepted, requested};
    use super::*;

    /// A paid-out row dated in a later charge's turn still belongs to the charge it pays.
    #[test]
    fn a_payout_belongs_to_the_charge_of_its_invoice() {
        let terms = accepted(&[("2027-01-05", "10.00"), ("2027-02-05", "10.00")], "0.50");
        let invoiced = Row::new("i", "INVOICED", "SELLER_REV_SHARE", "10.00")
            .on("2027-01-06")
            .build();
        let paid = Row::new("p", "DISBURSED", "SELLER_REV_SHARE", "-10.00")
            .on("2027-02-20")
            .parent("i")
            .build();
        let book: Book = [invoiced, paid.clone()].into_iter().collect();
        assert_eq!(Turns::of(&terms, &book).charge_of(&paid), Some(1));
        let alone: Book = [paid.clone()].into_iter().collect();
        assert_eq!(Turns::of(&terms, &alone).charge_of(&paid), Some(2));
    }

    fn row(id: &str, kind: &str, amount: &str, day: &str) -> Row {
        Row::new(id, "INVOICED", kind, amount)
            .on(day)
            .invoice(&format!("inv-{id}"))
    }

    /// O17: approved on one day, invoiced on others, in the other order.
    #[test]
    fn requests_are_told_apart_by_their_amounts() {
        let terms = requested(&[
            ("2027-01-10", "300.00"),
            ("2027-01-10", "500.00"),
            ("2027-01-12", "200.00"),
        ]);
        let rows = [
            row("b", "SELLER_REV_SHARE", "500.00", "2027-01-10"),
            row("a", "SELLER_REV_SHARE", "300.00", "2027-01-13"),
            row("c", "SELLER_REV_SHARE", "200.00", "2027-01-13"),
            row("bf", "AWS_REV_SHARE", "-12.50", "2027-01-10"),
            row("af", "AWS_REV_SHARE", "-7.50", "2027-01-13"),
            // Another fee than expected: of the day, where one charge has rows of that day only.
            row("odd", "AWS_REV_SHARE", "-9.99", "2027-01-10"),
            Row::new("ap", "DISBURSED", "SELLER_REV_SHARE", "-300.00")
                .on("2027-03-01")
                .parent("a"),
            Row::new("refund", "INVOICED", "SELLER_REV_SHARE_REFUND", "-50.00")
                .on("2027-03-01")
                .invoice("inv-b"),
            // Nothing is expected of it: the last charge's, where a person sees it.
            row("more", "SELLER_REV_SHARE", "77.00", "2027-01-20"),
        ];
        let rows: Vec<BillingEvent> = rows.into_iter().map(Row::build).collect();
        let book: Book = rows.iter().cloned().collect();
        let turns = Turns::of(&terms, &book);
        let found: Vec<_> = rows
            .iter()
            .map(|row| (row.id.as_str(), turns.charge_of(row).unwrap()))
            .collect();
        let expected = [
            ("b", 2),
            ("a", 1),
            ("c", 3),
            ("bf", 2),
            ("af", 1),
            ("odd", 2),
            ("ap", 1),
            ("refund", 2),
            ("more", 3),
        ];
        assert_eq!(found, expected);
    }

    /// Two of one amount: each row has its own charge, whichever.
    #[test]
    fn requests_of_one_amount_have_a_row_each() {
        let terms = requested(&[("2027-01-10", "300.00"), ("2027-01-11", "300.00")]);
        let rows = [
            row("a", "SELLER_REV_SHARE", "300.00", "2027-01-11"),
            row("b", "SELLER_REV_SHARE", "300.00", "2027-01-11"),
            row("af", "AWS_REV_SHARE", "-7.50", "2027-01-11"),
            row("bf", "AWS_REV_SHARE", "-7.50", "2027-01-11"),
        ];
        let rows: Vec<BillingEvent> = rows.into_iter().map(Row::build).collect();
        let book: Book = rows.iter().cloned().collect();
        let turns = Turns::of(&terms, &book);
        let numbers: Vec<_> = rows.iter().map(|row| turns.charge_of(row)).collect();
        assert_eq!(numbers, [Some(1), Some(2), Some(1), Some(2)]);
    }

    /// A row that comes before the approval is heard of waits for it.
    #[test]
    fn while_nothing_is_expected_a_row_has_no_charge() {
        let terms = requested(&[]);
        let early = row("a", "SELLER_REV_SHARE", "300.00", "2027-01-11").build();
        let book: Book = [early.clone()].into_iter().collect();
        assert_eq!(Turns::of(&terms, &book).charge_of(&early), None);
    }
}

//! What a row of the billing event feed says (facts §6.6).

use std::str::FromStr;

use super::csv_file::Cells;
use super::values::{self, BadValue};
use crate::domain::billing_event::BillingEvent;

/// Reads a row; every wrong column is named at once.
pub(crate) fn parse(cells: &Cells<'_>) -> Result<BillingEvent, BadValue> {
    if let Some(deleted) = cells.get("delete_date") {
        return Err(BadValue(format!(
            "AWS deleted it: delete_date is {deleted}"
        )));
    }
    let mut wrong = Vec::new();
    let event = Reader {
        cells,
        wrong: &mut wrong,
    }
    .event();
    match event {
        Some(event) if wrong.is_empty() => Ok(event),
        Some(_) | None => Err(BadValue(wrong.join("; "))),
    }
}

struct Reader<'c, 'w> {
    cells: &'c Cells<'c>,
    wrong: &'w mut Vec<String>,
}

impl Reader<'_, '_> {
    fn event(&mut self) -> Option<BillingEvent> {
        let id = self.required("billing_event_id", parse_text);
        let action = self.required("action", parse_text);
        let kind = self.required("transaction_type", parse_text);
        let currency = self.required("currency", |code| Ok(code.to_owned()));
        let amount = self.required("amount", |text| {
            values::money(text, currency.as_deref().unwrap_or_default())
        });
        let acted_at = self.required("action_date", values::timestamp);
        let agreement = self.optional("agreement_id", parse_text);
        let offer = self.optional("offer_id", parse_text);
        let invoice = self.optional("invoice_id", parse_text);
        let invoiced_on = self.optional("invoice_date", values::timestamp);
        let payment_due = self.optional("payment_due_date", values::timestamp);
        let parent = self.optional("parent_billing_event_id", parse_text);
        let disbursement = self.optional("disbursement_billing_event_id", parse_text);
        let says = |column: &str, word: &str| self.cells.get(column) == Some(word);
        let wholesale = says("charge_variant", "RESALE") && says("charge_side", "BUYING");
        Some(BillingEvent {
            id: id?,
            agreement,
            offer,
            action: action?,
            kind: kind?,
            wholesale,
            amount: amount?,
            invoice,
            invoiced_on: invoiced_on.map(|time| time.date_naive()),
            payment_due: payment_due.map(|time| time.date_naive()),
            acted_at: acted_at?,
            parent,
            disbursement,
            bank_trace: self.cells.get("bank_trace_id").and_then(values::bank_trace),
        })
    }

    fn required<T>(
        &mut self,
        column: &str,
        read: impl FnOnce(&str) -> Result<T, BadValue>,
    ) -> Option<T> {
        let value = self.cells.required(column);
        self.keep(column, value.and_then(read))
    }

    fn optional<T>(
        &mut self,
        column: &str,
        read: impl FnOnce(&str) -> Result<T, BadValue>,
    ) -> Option<T> {
        let read = self.cells.get(column).map(read)?;
        self.keep(column, read)
    }

    fn keep<T>(&mut self, column: &str, read: Result<T, BadValue>) -> Option<T> {
        read.map_err(|BadValue(why)| self.wrong.push(format!("{column}: {why}")))
            .ok()
    }
}

fn parse_text<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, BadValue> {
    text.parse().map_err(|error| BadValue(format!("{error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::billing_event::Effect;

    #[test]
    fn a_deposit_names_its_bank_trace_and_nothing_else() {
        let event = parse(&Cells::of(&[
            ("billing_event_id", "be-9"),
            ("action", "DISBURSED"),
            ("transaction_type", "DISBURSEMENT"),
            ("currency", "USD"),
            ("amount", "99937.50"),
            ("action_date", "2027-02-06T00:00:00Z"),
            ("invoice_date", "2027-02-06T00:00:00Z"),
            ("bank_trace_id", "TRACE-1"),
        ]))
        .unwrap();
        assert_eq!(event.bank_trace.as_deref(), Some("TRACE-1"));
        assert_eq!(
            (event.agreement, event.offer, event.invoice),
            (None, None, None)
        );
    }

    /// R3: of the two sides of a resale only the buying one is owed to the manufacturer.
    #[test]
    fn a_row_is_wholesale_when_it_is_the_buying_side_of_a_resale() {
        for (variant, side, wholesale) in [
            ("RESALE", "BUYING", true),
            ("RESALE", "SELLING", false),
            ("LISTING_FEE", "BUYING", false),
            ("", "", false),
        ] {
            let event = parse(&Cells::of(&[
                ("billing_event_id", "be-9"),
                ("action", "INVOICED"),
                ("transaction_type", "SELLER_REV_SHARE"),
                ("currency", "USD"),
                ("amount", "-0.50"),
                ("action_date", "2027-02-06T00:00:00Z"),
                ("charge_variant", variant),
                ("charge_side", side),
            ]))
            .unwrap();
            let effect = if wholesale {
                Effect::Wholesale
            } else {
                Effect::Revenue
            };
            assert_eq!((event.wholesale, event.effect()), (wholesale, effect));
        }
    }

    #[test]
    fn every_wrong_column_is_named_at_once() {
        let refused = parse(&Cells::of(&[
            ("billing_event_id", "be-9"),
            ("action", "PAID"),
            ("transaction_type", "GIFT"),
            ("currency", "USD"),
            ("amount", "0.005"),
            ("payment_due_date", "soon"),
        ]));
        assert_eq!(
            refused.unwrap_err().0,
            "action: \"PAID\" is not known; transaction_type: \"GIFT\" is not known; \
             amount: 0.005 has more than the 2 decimal digits of USD; \
             action_date: action_date is empty; payment_due_date: \"soon\" is no timestamp"
        );
    }
}

//! Feed files as AWS writes them (facts §6.6).

use std::collections::BTreeMap;

/// The columns of the billing feed, in AWS's order.
pub(crate) const COLUMNS: [&str; 41] = [
    "billing_event_id",
    "from_account_id",
    "to_account_id",
    "end_user_account_id",
    "product_id",
    "action",
    "transaction_type",
    "parent_billing_event_id",
    "disbursement_billing_event_id",
    "currency",
    "amount",
    "disbursement_currency",
    "disbursement_amount",
    "balance_impacting",
    "invoice_date",
    "payment_due_date",
    "usage_period_start_date",
    "usage_period_end_date",
    "invoice_id",
    "billing_address_id",
    "transaction_reference_id",
    "bank_trace_id",
    "broker_id",
    "buyer_transaction_reference_id",
    "action_date",
    "recipient_account_id",
    "offer_id",
    "buyer_invoice_date",
    "line_item_id",
    "buyer_line_item_id",
    "charge_variant",
    "charge_side",
    "agreement_id",
    "buyer_invoice_id",
    "invoice_variant",
    "disbursement_reference_number",
    "catalog",
    "valid_from",
    "insert_date",
    "update_date",
    "delete_date",
];

/// A row of the billing feed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row(BTreeMap<&'static str, String>);

impl Row {
    /// A row of the handbook agreement, done on this day.
    pub(crate) fn new(id: &str, on: &str, action: &str, kind: &str, amount: &str) -> Self {
        Self::default()
            .with("billing_event_id", id)
            .with("action", action)
            .with("transaction_type", kind)
            .with("amount", amount)
            .with("currency", "USD")
            .with("action_date", &format!("{on}T06:00:00Z"))
            .with("invoice_date", "2027-01-05T06:00:00Z")
            .with("payment_due_date", "2027-02-04T06:00:00Z")
            .with("invoice_id", "000123")
            .with("agreement_id", "agmt-1")
            .with("offer_id", "offer-1")
            .with("balance_impacting", "1")
            .with("valid_from", &format!("{on}T06:00:00Z"))
            .with("update_date", &format!("{on}T23:59:59Z"))
    }

    pub(crate) fn with(mut self, column: &'static str, value: &str) -> Self {
        assert!(COLUMNS.contains(&column), "{column}");
        self.0.insert(column, value.to_owned());
        self
    }

    pub(crate) fn cells(&self, columns: &[&str]) -> String {
        let cell = |column: &&str| self.0.get(*column).cloned().unwrap_or_default();
        columns.iter().map(cell).collect::<Vec<_>>().join(",")
    }
}

/// A whole file with these columns.
pub(crate) fn file_of(columns: &[&str], rows: &[Row]) -> String {
    let mut text = columns.join(",") + "\n";
    for row in rows {
        text.push_str(&row.cells(columns));
        text.push('\n');
    }
    text
}

/// A whole file as AWS writes it.
pub(crate) fn file(rows: &[Row]) -> String {
    file_of(&COLUMNS, rows)
}

/// What AWS invoiced.
pub(crate) fn invoiced() -> Vec<Row> {
    let day = "2027-01-05";
    vec![
        Row::new("be-1", day, "INVOICED", "SELLER_REV_SHARE", "102500.00"),
        Row::new("be-2", day, "INVOICED", "AWS_REV_SHARE", "-2562.50").with("invoice_id", "000456"),
    ]
}

/// What the buyer paid.
pub(crate) fn collected() -> Row {
    Row::new(
        "be-3",
        "2027-02-03",
        "COLLECTED",
        "SELLER_REV_SHARE",
        "102500.00",
    )
    .with("parent_billing_event_id", "be-1")
}

/// What AWS paid out: the price, the fee, the deposit of both.
pub(crate) fn disbursed(price: &str, deposit: &str) -> Vec<Row> {
    let row = |id: &str, kind: &str, amount: &str| {
        Row::new(id, "2027-02-05", "DISBURSED", kind, amount).with("balance_impacting", "0")
    };
    vec![
        row("be-4", "SELLER_REV_SHARE", &format!("-{price}"))
            .with("parent_billing_event_id", "be-1")
            .with("disbursement_billing_event_id", "be-6"),
        row("be-5", "AWS_REV_SHARE", "2562.50")
            .with("parent_billing_event_id", "be-2")
            .with("disbursement_billing_event_id", "be-6"),
        row("be-6", "DISBURSEMENT", deposit)
            .with("agreement_id", "")
            .with("offer_id", "")
            .with("invoice_id", "")
            .with("payment_due_date", "")
            .with("invoice_date", "2027-02-05T06:00:00Z")
            .with("bank_trace_id", "TRACE-1"),
    ]
}

/// The whole life of the handbook deal.
pub(crate) fn handbook() -> Vec<Row> {
    let mut rows = invoiced();
    rows.push(collected());
    rows.extend(disbursed("102500.00", "99937.50"));
    rows
}

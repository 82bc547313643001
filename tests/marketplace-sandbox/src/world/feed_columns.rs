//! The columns of every feed (facts §6.6), the documented ones and those that only AWS's SQL reads.

/// A feed: its folder name with version, and its columns without the history columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Feed {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [&'static str],
}

/// Every feed ends with these.
pub(crate) const HISTORY: [&str; 4] = ["valid_from", "insert_date", "update_date", "delete_date"];

pub(crate) const BILLING_EVENT: Feed = Feed {
    name: "billingeventfeed_v1",
    columns: &[
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
    ],
};

pub(crate) const AGREEMENT: Feed = Feed {
    name: "agreementfeed_v1",
    columns: &[
        "agreement_id",
        "status",
        "status_reason_code",
        "currency_code",
        "estimated_agreement_value",
        "license_ids",
        "proposer_account_id",
        "acceptor_account_id",
        "offer_id",
        "offer_revision_at_acceptance",
        "offer_set_id",
        "start_time",
        "end_time",
        "acceptance_time",
        "intent",
        "preceding_agreement_id",
        "recipient_account_id",
        "catalog",
    ],
};

pub(crate) const AGREEMENT_TERM: Feed = Feed {
    name: "agreementtermfeed_v1",
    columns: &["term_id", "agreement_id", "term_type", "term_configuration"],
};

pub(crate) const OFFER: Feed = Feed {
    name: "offerfeed_v1",
    columns: &[
        "offer_id",
        "offer_revision",
        "name",
        "expiration_date",
        "opportunity_id",
        "opportunity_name",
        "opportunity_description",
        "seller_account_id",
        "recipient_account_id",
    ],
};

pub(crate) const OFFER_PRODUCT: Feed = Feed {
    name: "offerproductfeed_v1",
    columns: &["offer_id", "offer_revision", "product_id"],
};

pub(crate) const OFFER_TARGET: Feed = Feed {
    name: "offertargetfeed_v1",
    columns: &[
        "offer_target_id",
        "offer_id",
        "offer_revision",
        "target_type",
        "polarity",
        "value",
    ],
};

pub(crate) const PRODUCT: Feed = Feed {
    name: "productfeed_v1",
    columns: &[
        "product_id",
        "manufacturer_account_id",
        "product_code",
        "title",
    ],
};

pub(crate) const ACCOUNT: Feed = Feed {
    name: "accountfeed_v1",
    columns: &[
        "account_id",
        "aws_account_id",
        "encrypted_account_id",
        "mailing_address_id",
        "tax_address_id",
        "tax_registration_number",
        "tax_legal_name",
    ],
};

pub(crate) const ADDRESS: Feed = Feed {
    name: "addressfeed_v1",
    columns: &[
        "address_id",
        "email_domain",
        "company_name",
        "country_code",
        "state_or_region",
        "city",
        "postal_code",
        "address_line_1",
        "address_line_2",
        "address_line_3",
    ],
};

/// All feeds that the sandbox writes.
pub(crate) const FEEDS: [Feed; 9] = [
    BILLING_EVENT,
    AGREEMENT,
    AGREEMENT_TERM,
    OFFER,
    OFFER_PRODUCT,
    OFFER_TARGET,
    PRODUCT,
    ACCOUNT,
    ADDRESS,
];

//! The seller data feeds as rows (facts §6.6, R2).
//!
//! A cut takes what became true since the last one and appends it to the log of rows, stamped with the
//! cut's time as `insert_date`; a row's file is the month of its `insert_date`. Rows never change afterwards:
//! a later revision is a new row with a later `valid_from`.

use chrono::{DateTime, Datelike, Utc};

use super::feed_columns::{
    ACCOUNT, ADDRESS, AGREEMENT, AGREEMENT_TERM, BILLING_EVENT, Feed, OFFER, OFFER_PRODUCT,
    OFFER_TARGET, PRODUCT,
};
use super::ids::account_guid;
use super::model::{Agreement, BillingEvent, Document, Offer, OfferState};
use super::{World, timestamp};

/// One row as handed to the seller; cells in the order of the feed's columns, history included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FeedRow {
    pub(crate) feed: &'static str,
    /// (year, month) of the file that it is in.
    pub(crate) month: (i32, u32),
    pub(crate) cells: Vec<String>,
}

/// `(year, month)` of the file that a row inserted at `at` belongs to.
pub(crate) fn month_of(at: DateTime<Utc>) -> (i32, u32) {
    (at.year(), at.month())
}

type Named = (&'static str, String);

impl World {
    /// Appends the rows that are new at `now`. Doing it again at once appends nothing.
    pub(crate) fn cut_feeds(&mut self, now: DateTime<Utc>) {
        let mut rows: Vec<(Feed, String, DateTime<Utc>, Vec<Named>)> = Vec::new();
        for product in &self.products {
            let start = DateTime::UNIX_EPOCH;
            rows.push((
                PRODUCT,
                product.id.clone(),
                start,
                self.product_row(&product.id, &product.title),
            ));
        }
        for account in self.accounts() {
            rows.push((
                ACCOUNT,
                account.clone(),
                DateTime::UNIX_EPOCH,
                account_row(&account),
            ));
            rows.push((
                ADDRESS,
                account.clone(),
                DateTime::UNIX_EPOCH,
                address_row(&account),
            ));
        }
        for offer in self
            .offer_history
            .iter()
            .filter(|offer| self.is_reported(offer))
        {
            let key = format!("{}@{}", offer.id, offer.revision);
            rows.push((OFFER, key.clone(), offer.modified_at, offer_row(offer)));
            rows.push((
                OFFER_PRODUCT,
                key,
                offer.modified_at,
                offer_product_row(offer),
            ));
            for (index, buyer) in offer.buyers().iter().enumerate() {
                let key = format!("{}@{}#{index}", offer.id, offer.revision);
                rows.push((
                    OFFER_TARGET,
                    key.clone(),
                    offer.modified_at,
                    offer_target_row(offer, &key, buyer),
                ));
            }
        }
        for agreement in self
            .agreements
            .iter()
            .filter(|agreement| agreement.proposer == self.seller)
        {
            let key = format!("{}@{}", agreement.id, agreement.status.as_str());
            rows.push((
                AGREEMENT,
                key,
                agreement.updated_at,
                agreement_row(agreement),
            ));
            for (id, kind, configuration) in term_rows(agreement) {
                let cells = vec![
                    ("term_id", id.clone()),
                    ("agreement_id", agreement.id.clone()),
                    ("term_type", kind.to_owned()),
                    ("term_configuration", configuration),
                ];
                rows.push((AGREEMENT_TERM, id, agreement.accepted_at, cells));
            }
        }
        for event in &self.billing_events {
            rows.push((
                BILLING_EVENT,
                event.id.clone(),
                event.at,
                self.billing_row(event),
            ));
        }
        for (feed, key, valid_from, cells) in rows {
            self.append(now, feed, &key, valid_from, &cells);
        }
    }

    fn append(
        &mut self,
        now: DateTime<Utc>,
        feed: Feed,
        key: &str,
        valid_from: DateTime<Utc>,
        named: &[Named],
    ) {
        if !self.feed_keys.insert(format!("{}/{key}", feed.name)) {
            return;
        }
        let mut cells: Vec<String> = feed
            .columns
            .iter()
            .map(|column| {
                named
                    .iter()
                    .find(|(name, _)| name == column)
                    .map(|(_, value)| value.clone())
                    .unwrap_or_default()
            })
            .collect();
        let inserted = timestamp(now);
        cells.extend([
            timestamp(valid_from),
            inserted.clone(),
            inserted,
            String::new(),
        ]);
        self.feed_rows.push(FeedRow {
            feed: feed.name,
            month: month_of(now),
            cells,
        });
    }

    /// Buyers see released offers; so does the feed.
    fn is_reported(&self, offer: &Offer) -> bool {
        offer.owner == self.seller && offer.state == OfferState::Released
    }

    fn accounts(&self) -> Vec<String> {
        let mut accounts = vec![
            self.seller.clone(),
            super::billing::MARKETPLACE_ACCOUNT.to_owned(),
        ];
        for agreement in &self.agreements {
            accounts.push(agreement.acceptor.clone());
            accounts.push(agreement.payer.clone());
        }
        accounts.sort();
        accounts.dedup();
        accounts
    }

    fn product_row(&self, id: &str, title: &str) -> Vec<Named> {
        vec![
            ("product_id", id.to_owned()),
            ("manufacturer_account_id", account_guid(&self.seller)),
            ("product_code", id.trim_start_matches("prod-").to_owned()),
            ("title", title.to_owned()),
        ]
    }

    fn billing_row(&self, event: &BillingEvent) -> Vec<Named> {
        let mut row = vec![
            ("billing_event_id", event.id.clone()),
            ("from_account_id", account_guid(&event.from_account)),
            ("to_account_id", account_guid(&event.to_account)),
            ("action", event.action.to_owned()),
            ("transaction_type", event.transaction_type.to_owned()),
            (
                "parent_billing_event_id",
                event.parent.clone().unwrap_or_default(),
            ),
            (
                "disbursement_billing_event_id",
                event.disbursement.clone().unwrap_or_default(),
            ),
            ("currency", event.currency.clone()),
            ("amount", event.amount.to_string()),
            (
                "balance_impacting",
                if event.balance_impacting { "1" } else { "0" }.to_owned(),
            ),
            (
                "bank_trace_id",
                event.bank_trace_id.clone().unwrap_or_default(),
            ),
            ("broker_id", "AWS_INC".to_owned()),
            ("action_date", timestamp(event.at)),
            ("recipient_account_id", account_guid(&self.seller)),
            (
                "disbursement_reference_number",
                event.disbursement_reference.clone().unwrap_or_default(),
            ),
            ("catalog", "AWSMarketplace".to_owned()),
        ];
        match &event.subject {
            // A deposit has no invoice; AWS dates it in invoice_date.
            None => row.push(("invoice_date", timestamp(event.at))),
            Some(subject) => row.extend([
                ("invoice_date", timestamp(subject.invoiced_at)),
                ("payment_due_date", timestamp(subject.due_at)),
                ("invoice_id", subject.invoice_id.clone()),
                (
                    "transaction_reference_id",
                    subject.transaction_reference.clone(),
                ),
                (
                    "buyer_transaction_reference_id",
                    subject.buyer_reference.clone(),
                ),
                ("buyer_invoice_date", timestamp(subject.invoiced_at)),
                ("line_item_id", subject.line.to_string()),
                ("buyer_line_item_id", subject.line.to_string()),
                ("agreement_id", subject.agreement_id.clone()),
                ("buyer_invoice_id", subject.buyer_invoice_id.clone()),
                ("invoice_variant", subject.invoice_variant.to_owned()),
            ]),
        }
        if event.transaction_type == "AWS_REV_SHARE" {
            row.push(("charge_variant", "LISTING_FEE".to_owned()));
        }
        let agreement = event.subject.as_ref().and_then(|subject| {
            self.agreements
                .iter()
                .find(|agreement| agreement.id == subject.agreement_id)
        });
        if let Some(agreement) = agreement {
            row.extend([
                ("end_user_account_id", account_guid(&agreement.acceptor)),
                ("product_id", agreement.product_id.clone()),
                ("offer_id", agreement.offer_id.clone()),
                ("usage_period_start_date", timestamp(agreement.accepted_at)),
                ("usage_period_end_date", timestamp(agreement.ends_at)),
                ("billing_address_id", address_id(&agreement.payer)),
            ]);
        }
        row
    }
}

fn address_id(account: &str) -> String {
    account_guid(&format!("address/{account}"))
}

fn account_row(account: &str) -> Vec<Named> {
    vec![
        ("account_id", account_guid(account)),
        ("aws_account_id", account.to_owned()),
        (
            "encrypted_account_id",
            account_guid(&format!("encrypted/{account}")),
        ),
        ("mailing_address_id", address_id(account)),
        ("tax_address_id", address_id(account)),
        ("tax_legal_name", format!("Company, of \"{account}\"")),
    ]
}

/// A name with a comma and quotes, so that nobody reads these files by splitting at commas.
fn address_row(account: &str) -> Vec<Named> {
    vec![
        ("address_id", address_id(account)),
        ("email_domain", format!("a{account}.example")),
        ("company_name", format!("Company, of \"{account}\"")),
        ("country_code", "US".to_owned()),
        ("state_or_region", "WA".to_owned()),
        ("city", "Seattle".to_owned()),
        ("postal_code", "01234".to_owned()),
        ("address_line_1", "1 Example Street".to_owned()),
    ]
}

fn offer_row(offer: &Offer) -> Vec<Named> {
    let expires = offer.availability_end.map_or_else(
        || "9999-01-01T00:00:00Z".to_owned(),
        |day| format!("{day}T23:59:59Z"),
    );
    vec![
        ("offer_id", offer.id.clone()),
        ("offer_revision", offer.revision.to_string()),
        ("name", offer.name.clone().unwrap_or_default()),
        ("expiration_date", expires),
        ("seller_account_id", account_guid(&offer.owner)),
        ("recipient_account_id", account_guid(&offer.owner)),
    ]
}

fn offer_product_row(offer: &Offer) -> Vec<Named> {
    vec![
        ("offer_id", offer.id.clone()),
        ("offer_revision", offer.revision.to_string()),
        ("product_id", offer.product_id.clone()),
    ]
}

fn offer_target_row(offer: &Offer, key: &str, buyer: &str) -> Vec<Named> {
    vec![
        ("offer_target_id", account_guid(key)),
        ("offer_id", offer.id.clone()),
        ("offer_revision", offer.revision.to_string()),
        ("target_type", "BuyerAccounts".to_owned()),
        ("polarity", "PositiveTargeting".to_owned()),
        ("value", buyer.to_owned()),
    ]
}

fn agreement_row(agreement: &Agreement) -> Vec<Named> {
    vec![
        ("agreement_id", agreement.id.clone()),
        ("status", agreement.status.as_str().to_owned()),
        ("currency_code", agreement.schedule.currency.clone()),
        (
            "estimated_agreement_value",
            agreement.schedule.total().to_string(),
        ),
        ("proposer_account_id", account_guid(&agreement.proposer)),
        ("acceptor_account_id", account_guid(&agreement.acceptor)),
        ("offer_id", agreement.offer_id.clone()),
        (
            "offer_revision_at_acceptance",
            agreement.offer_revision.to_string(),
        ),
        ("start_time", timestamp(agreement.accepted_at)),
        ("end_time", timestamp(agreement.ends_at)),
        ("acceptance_time", timestamp(agreement.accepted_at)),
        ("intent", "NEW".to_owned()),
        ("recipient_account_id", account_guid(&agreement.proposer)),
        ("catalog", "AWSMarketplace".to_owned()),
    ]
}

fn term_rows(agreement: &Agreement) -> Vec<(String, &'static str, String)> {
    let [legal, pricing, validity, schedule] = &agreement.term_ids;
    let documents: Vec<serde_json::Value> = agreement
        .legal
        .iter()
        .map(|document| match document {
            Document::CustomEula { url, .. } => {
                serde_json::json!({ "type": "CustomEula", "url": url })
            }
            Document::StandardEula { version } => {
                serde_json::json!({ "type": "StandardEula", "version": version })
            }
        })
        .collect();
    let charges: Vec<serde_json::Value> = agreement
        .schedule
        .charges
        .iter()
        .map(|charge| serde_json::json!({ "chargeDate": charge.date, "chargeAmount": charge.amount.to_string() }))
        .collect();
    let price = serde_json::json!({
        "currencyCode": agreement.pricing.currency, "price": agreement.pricing.price.to_string(),
    });
    let schedule_json =
        serde_json::json!({ "currencyCode": agreement.schedule.currency, "schedule": charges });
    let mut rows = vec![
        (
            legal.clone(),
            "LegalTerm",
            serde_json::json!({ "documents": documents }).to_string(),
        ),
        (
            pricing.clone(),
            "FixedUpfrontPricingTerm",
            price.to_string(),
        ),
        (
            schedule.clone(),
            "PaymentScheduleTerm",
            schedule_json.to_string(),
        ),
    ];
    if let Some(term) = &agreement.validity {
        let json = serde_json::json!({ "agreementDuration": term.duration });
        rows.push((validity.clone(), "ValidityTerm", json.to_string()));
    }
    rows
}

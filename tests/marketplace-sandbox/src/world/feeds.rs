//! The seller data feeds as rows (facts §6.6, R2).
//!
//! A cut takes what became true since the last one and appends it to the log of rows, stamped with the
//! cut's time as `insert_date`; a row's file is the month of its `insert_date`. Rows never change afterwards:
//! a later revision is a new row with a later `valid_from`.

use chrono::{DateTime, Datelike, Utc};
use serde_json::{Value, json};

use super::feed_columns::{
    ACCOUNT, ADDRESS, AGREEMENT, AGREEMENT_TERM, BILLING_EVENT, Feed, OFFER, OFFER_PRODUCT,
    OFFER_TARGET, PRODUCT,
};
use super::ids::account_guid;
use super::model::{Agreement, BillingEvent, Document, Offer, OfferState};
use super::pricing::Pricing;
use super::{World, authorizations, timestamp};
use crate::config::Product;

/// One row as handed to the seller; cells in the order of the feed's columns, history included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FeedRow {
    /// The seller whose feed it is in.
    pub(crate) recipient: String,
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
/// A row that may be new: its feed, its key, since when it holds, its cells.
type Row = (Feed, String, DateTime<Utc>, Vec<Named>);

impl World {
    /// Appends the rows that are new at `now`, to every seller's feeds. Doing it again at once appends
    /// nothing.
    pub(crate) fn cut_feeds(&mut self, now: DateTime<Utc>) {
        for recipient in self.sellers.clone() {
            for (feed, key, valid_from, cells) in self.rows_for(&recipient) {
                self.append(now, &recipient, feed, &key, valid_from, &cells);
            }
        }
    }

    fn rows_for(&self, recipient: &str) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        let start = DateTime::UNIX_EPOCH;
        for product in self.products_known_to(recipient) {
            rows.push((
                PRODUCT,
                product.id.clone(),
                start,
                self.product_row(product),
            ));
        }
        for account in self.accounts_known_to(recipient) {
            rows.push((ACCOUNT, account.clone(), start, account_row(&account)));
            rows.push((ADDRESS, account.clone(), start, address_row(&account)));
        }
        for offer in self
            .offer_history
            .iter()
            .filter(|offer| self.is_reported_to(recipient, offer))
        {
            let at = offer.modified_at;
            let key = format!("{}@{}", offer.id, offer.revision);
            rows.push((OFFER, key.clone(), at, self.offer_row(offer, recipient)));
            rows.push((OFFER_PRODUCT, key.clone(), at, offer_product_row(offer)));
            // Whom a partner targets is not the manufacturer's to know.
            let targets = if offer.owner == recipient {
                offer.buyers()
            } else {
                &[]
            };
            for (index, buyer) in targets.iter().enumerate() {
                let key = format!("{key}#{index}");
                let cells = offer_target_row(offer, &key, buyer);
                rows.push((OFFER_TARGET, key, at, cells));
            }
        }
        for agreement in self.agreements_of(recipient) {
            let key = format!("{}@{}", agreement.id, agreement.status.as_str());
            let cells = agreement_row(agreement, recipient);
            rows.push((AGREEMENT, key, agreement.updated_at, cells));
            if agreement.proposer != recipient {
                continue;
            }
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
            if event.recipient == recipient {
                rows.push((
                    BILLING_EVENT,
                    event.id.clone(),
                    event.at,
                    self.billing_row(event),
                ));
            }
        }
        rows
    }

    fn agreements_of<'a>(&'a self, recipient: &'a str) -> impl Iterator<Item = &'a Agreement> {
        self.agreements.iter().filter(move |agreement| {
            agreement.proposer == recipient || agreement.manufacturer == recipient
        })
    }

    fn append(
        &mut self,
        now: DateTime<Utc>,
        recipient: &str,
        feed: Feed,
        key: &str,
        valid_from: DateTime<Utc>,
        named: &[Named],
    ) {
        if !self
            .feed_keys
            .insert(format!("{recipient}/{}/{key}", feed.name))
        {
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
            recipient: recipient.to_owned(),
            feed: feed.name,
            month: month_of(now),
            cells,
        });
    }

    /// Buyers see released offers; so do the feeds of who sells and whose product it is.
    fn is_reported_to(&self, recipient: &str, offer: &Offer) -> bool {
        let maker = self.product_owner(&offer.product_id) == Some(recipient);
        offer.state == OfferState::Released && (offer.owner == recipient || maker)
    }

    fn products_known_to<'a>(&'a self, recipient: &'a str) -> impl Iterator<Item = &'a Product> {
        self.products.iter().filter(move |product| {
            let own = self.product_owner(&product.id) == Some(recipient);
            own || self
                .agreements_of(recipient)
                .any(|agreement| agreement.product_id == product.id)
        })
    }

    fn accounts_known_to(&self, recipient: &str) -> Vec<String> {
        let mut accounts = vec![
            recipient.to_owned(),
            super::billing::MARKETPLACE_ACCOUNT.to_owned(),
        ];
        for agreement in self.agreements_of(recipient) {
            accounts.push(agreement.acceptor.clone());
            accounts.push(agreement.payer.clone());
            accounts.push(agreement.proposer.clone());
            accounts.push(agreement.manufacturer.clone());
        }
        accounts.sort();
        accounts.dedup();
        accounts
    }

    fn product_row(&self, product: &Product) -> Vec<Named> {
        let maker = self.product_owner(&product.id).unwrap_or_default();
        vec![
            ("product_id", product.id.clone()),
            ("manufacturer_account_id", account_guid(maker)),
            (
                "product_code",
                product.id.trim_start_matches("prod-").to_owned(),
            ),
            ("title", product.title.clone()),
        ]
    }

    /// An opportunity is what feeds call a resale authorization.
    fn offer_row(&self, offer: &Offer, recipient: &str) -> Vec<Named> {
        let expires = offer.availability_end.map_or_else(
            || "9999-01-01T00:00:00Z".to_owned(),
            |day| format!("{day}T23:59:59Z"),
        );
        let mut row = vec![
            ("offer_id", offer.id.clone()),
            ("offer_revision", offer.revision.to_string()),
            ("name", offer.name.clone().unwrap_or_default()),
            ("expiration_date", expires),
            ("seller_account_id", account_guid(&offer.owner)),
            ("recipient_account_id", account_guid(recipient)),
        ];
        let authorization = offer
            .resale
            .as_ref()
            .and_then(|resale| self.authorization(&resale.authorization_id));
        if let Some(found) = authorization {
            row.push(("opportunity_id", found.id.clone()));
            row.push(("opportunity_name", found.name.clone()));
            let description = found.description.clone().unwrap_or_default();
            row.push(("opportunity_description", description));
        }
        row
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
            ("recipient_account_id", account_guid(&event.recipient)),
            ("charge_variant", event.charge_variant.to_owned()),
            ("charge_side", event.charge_side.to_owned()),
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
        ("tax_legal_name", authorizations::legal_name(account)),
    ]
}

/// A name with a comma and quotes, so that nobody reads these files by splitting at commas.
fn address_row(account: &str) -> Vec<Named> {
    vec![
        ("address_id", address_id(account)),
        ("email_domain", format!("a{account}.example")),
        ("company_name", authorizations::legal_name(account)),
        ("country_code", "US".to_owned()),
        ("state_or_region", "WA".to_owned()),
        ("city", "Seattle".to_owned()),
        ("postal_code", "01234".to_owned()),
        ("address_line_1", "1 Example Street".to_owned()),
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

/// The manufacturer sees the wholesale value of a partner's sale.
fn agreement_row(agreement: &Agreement, recipient: &str) -> Vec<Named> {
    let value = match &agreement.wholesale {
        Some(wholesale) if agreement.proposer != recipient => wholesale.total(),
        _ => agreement.value(),
    };
    vec![
        ("agreement_id", agreement.id.clone()),
        ("status", agreement.status.as_str().to_owned()),
        ("currency_code", agreement.schedule.currency.clone()),
        ("estimated_agreement_value", value.to_string()),
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
        (
            "intent",
            if agreement.preceding.is_some() {
                "RENEW"
            } else {
                "NEW"
            }
            .to_owned(),
        ),
        (
            "preceding_agreement_id",
            agreement.preceding.clone().unwrap_or_default(),
        ),
        ("recipient_account_id", account_guid(recipient)),
        ("catalog", "AWSMarketplace".to_owned()),
    ]
}

fn term_rows(agreement: &Agreement) -> Vec<(String, &'static str, String)> {
    agreement
        .terms
        .iter()
        .map(|(kind, id)| {
            (
                id.clone(),
                *kind,
                term_configuration(agreement, kind).to_string(),
            )
        })
        .collect()
}

fn term_configuration(agreement: &Agreement, kind: &str) -> Value {
    let currency = &agreement.schedule.currency;
    match kind {
        "LegalTerm" => {
            let documents: Vec<Value> = agreement.legal.iter().map(document_json).collect();
            json!({ "documents": documents })
        }
        "FixedUpfrontPricingTerm" => {
            let price = agreement.pricing.as_ref().and_then(Pricing::fixed_price);
            json!({ "currencyCode": currency, "price": price.map(|price| price.to_string()) })
        }
        "ConfigurableUpfrontPricingTerm" => {
            let duration = agreement.pricing.as_ref().and_then(Pricing::duration);
            let dimensions = json!([{ "dimensionKey": agreement.chosen, "dimensionValue": 1 }]);
            json!({ "currencyCode": currency, "selectorValue": duration, "dimensions": dimensions })
        }
        "PaymentScheduleTerm" => {
            let rows: Vec<Value> = agreement
                .schedule
                .charges
                .iter()
                .map(|charge| {
                    json!({ "chargeDate": charge.date, "chargeAmount": charge.amount.to_string() })
                })
                .collect();
            json!({ "currencyCode": currency, "schedule": rows })
        }
        "ValidityTerm" => {
            let duration = agreement.validity.as_ref().map(|term| &term.duration);
            json!({ "agreementDuration": duration })
        }
        "VariablePaymentTerm" => {
            let cap = agreement.value().to_string();
            json!({ "currencyCode": currency, "maxTotalChargeAmount": cap })
        }
        "NetPaymentTerm" => json!({ "paymentDuePeriod": agreement.net_payment }),
        _ => json!({ "lockoutPeriod": agreement.renewal.as_ref().map(|term| term.lockout) }),
    }
}

fn document_json(document: &Document) -> Value {
    match document {
        Document::CustomEula { url, .. } => json!({ "type": "CustomEula", "url": url }),
        Document::StandardEula { version } => json!({ "type": "StandardEula", "version": version }),
    }
}

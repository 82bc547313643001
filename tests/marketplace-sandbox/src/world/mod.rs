//! P7: the marketplace as values. Every function is of (state, now, input); nothing here waits, reads a
//! clock, or knows a protocol.
//!
//! | what | where |
//! |---|---|
//! | what a change may say, at once | [`changes`], [`authorization_changes`], [`term_inputs`], [`renewal_inputs`], [`fields`] |
//! | change sets: queued, shown, moved by the clock | [`change_sets`], [`change_set_views`], [`apply`] |
//! | asynchronous rules | [`rules`], [`release_rules`], [`resale_offers`], [`renewal_rules`], [`validity_rules`], [`authorization_rules`], [`unavailable`] |
//! | entities described and listed | [`entities`], [`authorizations`], [`listing`], [`filters`], [`sorting`] |
//! | tags and policies of entities | [`tags`] |
//! | agreements: accepted, found, read, renewed, ended | [`agreements`], [`search`], [`agreement_terms`], [`entitlements`], [`renewing`], [`endings`], [`parties`] |
//! | the buyer's own way to them | [`agreement_requests`], [`agreement_request_views`], [`proposals`], [`purchase_orders`], [`contacts`] |
//! | what the buyer's organisation says to it | [`approval_plans`], [`approvals`], [`approval_levels`], [`approval_views`] |
//! | requests between the parties | [`payment_requests`], [`cancellations`], [`adjustments`], [`input`] |
//! | sellers before AWS | [`sellers`] |
//! | money | [`billing`], [`invoices`], [`disbursing`] |
//! | what sellers are told | [`feeds`], [`events`], [`queue`] |

pub(crate) mod adjustments;
pub(crate) mod agreement_request_views;
pub(crate) mod agreement_requests;
pub(crate) mod agreement_terms;
pub(crate) mod agreement_value;
pub(crate) mod agreements;
pub(crate) mod apply;
pub(crate) mod approval_levels;
pub(crate) mod approval_plans;
pub(crate) mod approval_views;
pub(crate) mod approvals;
pub(crate) mod assessments;
pub(crate) mod authorization_changes;
pub(crate) mod authorization_rules;
pub(crate) mod authorizations;
pub(crate) mod billing;
pub(crate) mod cancellations;
pub(crate) mod change_set_views;
pub(crate) mod change_sets;
pub(crate) mod changes;
pub(crate) mod contacts;
pub(crate) mod disbursing;
pub(crate) mod endings;
pub(crate) mod entities;
pub(crate) mod entitlements;
pub(crate) mod events;
pub(crate) mod feed_columns;
pub(crate) mod feeds;
pub(crate) mod fields;
pub(crate) mod filters;
pub(crate) mod ids;
pub(crate) mod input;
pub(crate) mod invoices;
pub(crate) mod listing;
pub(crate) mod model;
pub(crate) mod money;
pub(crate) mod paging;
pub(crate) mod parties;
pub(crate) mod payment_requests;
pub(crate) mod period;
pub(crate) mod pricing;
pub(crate) mod pricing_inputs;
pub(crate) mod pricing_rules;
pub(crate) mod proposals;
pub(crate) mod purchase_orders;
pub(crate) mod queue;
pub(crate) mod release_rules;
pub(crate) mod renewal_inputs;
pub(crate) mod renewal_rules;
pub(crate) mod renewing;
pub(crate) mod resale_offers;
pub(crate) mod rules;
pub(crate) mod search;
pub(crate) mod sellers;
pub(crate) mod sorting;
pub(crate) mod tags;
pub(crate) mod term_inputs;
pub(crate) mod unavailable;
pub(crate) mod validity_rules;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use rust_decimal::Decimal;
use serde_json::Value;

use crate::config::{Config, Product, Settings};
use adjustments::Adjustment;
use agreement_requests::AgreementRequest;
use approval_levels::Approval;
use approval_plans::Policy;
use authorizations::Authorization;
use cancellations::Cancellation;
use events::Events;
use feeds::FeedRow;
use ids::Ids;
use model::{Agreement, BillingEvent, ChangeSet, Offer};
use parties::Remembered;
use payment_requests::PaymentRequest;
use sellers::{Standing, Verification};
use tags::Tags;

/// Why an operation of either API was refused, before it has a protocol's status and code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// `reason` is the Agreement API's enum, `field` the Catalog's `ChangeType`.
    Validation {
        message: String,
        reason: Option<&'static str>,
        field: Option<String>,
    },
    /// `kind` is the Agreement API's `ResourceType`.
    NotFound {
        message: String,
        resource: String,
        kind: &'static str,
    },
    /// Only the Agreement API has it: the thing is in the wrong state.
    Conflict {
        message: String,
        resource: String,
        kind: &'static str,
    },
    InUse {
        message: String,
    },
    /// Only the Catalog's `DescribeEntity` has it: the thing is there, and is no entity to be described.
    NotSupported {
        message: String,
    },
    Quota {
        message: String,
    },
    AccessDenied {
        message: String,
    },
    Throttled,
    Fault,
    /// SQS's own errors.
    Queue {
        code: &'static str,
        message: String,
    },
}

impl Refusal {
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::Validation {
            message: message.into(),
            reason: None,
            field: None,
        }
    }

    pub(crate) fn reasoned(reason: &'static str, message: impl Into<String>) -> Self {
        Self::Validation {
            message: message.into(),
            reason: Some(reason),
            field: None,
        }
    }

    pub(crate) fn not_found(message: impl Into<String>, resource: &str) -> Self {
        Self::absent("Agreement", resource, message)
    }

    /// Something of the Agreement API that is not there, or not the caller's.
    pub(crate) fn absent(kind: &'static str, resource: &str, message: impl Into<String>) -> Self {
        Self::NotFound {
            message: message.into(),
            resource: resource.to_owned(),
            kind,
        }
    }

    pub(crate) fn conflict(kind: &'static str, resource: &str, message: impl Into<String>) -> Self {
        Self::Conflict {
            message: message.into(),
            resource: resource.to_owned(),
            kind,
        }
    }
}

/// What the configuration says about money, parties and rules; it does not change while it runs.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) listing_fee: Decimal,
    /// In place of it for what is marked as a renewal.
    pub(crate) renewal_fee: Decimal,
    /// Added to the fee for what a partner resells; the manufacturer pays it.
    pub(crate) resale_fee: Decimal,
    pub(crate) tax_rate: Decimal,
    pub(crate) billing_terms_days: u16,
    /// Of every seller, until it is changed for one.
    pub(crate) standing: Standing,
    pub(crate) unknown_accounts: Vec<String>,
}

/// The feed files that were written last, and the month that was current then.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) month: (i32, u32),
    pub(crate) files: BTreeMap<PathBuf, Vec<u8>>,
    /// The partners' files, each under its account.
    pub(crate) partner_files: BTreeMap<PathBuf, Vec<u8>>,
}

/// The whole marketplace of one sandbox.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) seller: String,
    /// The seller and every partner.
    pub(crate) sellers: Vec<String>,
    /// By account, where it is not [`Facts::standing`].
    pub(crate) standings: BTreeMap<String, Standing>,
    pub(crate) authorizations: Vec<Authorization>,
    pub(crate) facts: Facts,
    pub(crate) settings: Settings,
    pub(crate) products: Vec<Product>,
    pub(crate) offers: Vec<Offer>,
    /// Every revision that any offer ever had, oldest first.
    pub(crate) offer_history: Vec<Offer>,
    pub(crate) change_sets: Vec<ChangeSet>,
    pub(crate) agreements: Vec<Agreement>,
    pub(crate) agreement_requests: Vec<AgreementRequest>,
    /// By buyer account; who is not there buys without being approved.
    pub(crate) approval_policies: BTreeMap<String, Policy>,
    pub(crate) approvals: Vec<Approval>,
    pub(crate) payment_requests: Vec<PaymentRequest>,
    pub(crate) cancellations: Vec<Cancellation>,
    pub(crate) adjustments: Vec<Adjustment>,
    /// By ARN.
    pub(crate) tags: BTreeMap<String, Tags>,
    pub(crate) policies: BTreeMap<String, String>,
    /// (account, kind of request, `clientToken`) → what it made.
    pub(crate) agreement_tokens: HashMap<(String, &'static str, String), Remembered>,
    pub(crate) billing_events: Vec<BillingEvent>,
    /// The marketplace's own copies of legal documents, by SHA-256.
    pub(crate) legal_copies: BTreeMap<String, Bytes>,
    /// Rows already handed to the seller, oldest first, and their keys.
    pub(crate) feed_rows: Vec<FeedRow>,
    pub(crate) feed_keys: BTreeSet<String>,
    pub(crate) last_delivery: Option<Delivery>,
    pub(crate) events: Events,
    /// (account, `ClientRequestToken`) → the body it came with, and the change set it started.
    pub(crate) tokens: HashMap<(String, String), (Value, String)>,
    /// The next change set ends FAILED with `SERVER_FAULT` (an injected failure).
    pub(crate) doom_next: bool,
    /// The next change set does not end before `POST /sandbox/change-sets/end` (an injected failure).
    pub(crate) stick_next: bool,
    /// The next payment, cancellation or adjustment request ends `VALIDATION_FAILED` (an injected failure).
    pub(crate) invalidate_next: bool,
    pub(crate) ids: Ids,
}

impl World {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            seller: config.seller_account.clone(),
            sellers: std::iter::once(&config.seller_account)
                .chain(&config.partner_accounts)
                .cloned()
                .collect(),
            standings: BTreeMap::new(),
            authorizations: Vec::new(),
            facts: Facts {
                listing_fee: config.listing_fee,
                renewal_fee: config.renewal_fee,
                resale_fee: config.resale_fee,
                tax_rate: config.tax_rate,
                billing_terms_days: config.billing_terms_days,
                standing: Standing {
                    verification: Verification::Verified,
                    tax_information_complete: config.tax_information_complete,
                    disbursement_currencies: config.disbursement_currencies.clone(),
                },
                unknown_accounts: config.unknown_accounts.clone(),
            },
            settings: config.settings,
            products: config.products.clone(),
            offers: Vec::new(),
            offer_history: Vec::new(),
            change_sets: Vec::new(),
            agreements: Vec::new(),
            agreement_requests: Vec::new(),
            approval_policies: BTreeMap::new(),
            approvals: Vec::new(),
            payment_requests: Vec::new(),
            cancellations: Vec::new(),
            adjustments: Vec::new(),
            tags: BTreeMap::new(),
            policies: BTreeMap::new(),
            agreement_tokens: HashMap::new(),
            billing_events: Vec::new(),
            legal_copies: BTreeMap::new(),
            feed_rows: Vec::new(),
            feed_keys: BTreeSet::new(),
            last_delivery: None,
            events: Events::default(),
            tokens: HashMap::new(),
            doom_next: false,
            stick_next: false,
            invalidate_next: false,
            ids: Ids::new(&config.seed),
        }
    }

    pub(crate) fn product(&self, id: &str) -> Option<&Product> {
        self.products.iter().find(|product| product.id == id)
    }

    /// The seller whose product it is: the manufacturer of every agreement about it.
    pub(crate) fn product_owner(&self, id: &str) -> Option<&str> {
        let product = self.product(id)?;
        Some(product.owner.as_deref().unwrap_or(&self.seller))
    }

    /// The caller's own offer; somebody else's does not exist for them.
    pub(crate) fn offer_of(&self, caller: &str, id: &str) -> Result<&Offer, Refusal> {
        self.offers
            .iter()
            .find(|offer| offer.id == id && offer.owner == caller)
            .ok_or_else(|| Refusal::not_found(format!("Entity '{id}' was not found."), id))
    }
}

/// `arn:aws:aws-marketplace:us-east-1:<account>:AWSMarketplace/<kind>/<id>`.
pub(crate) fn arn(account: &str, kind: &str, id: &str) -> String {
    format!("arn:aws:aws-marketplace:us-east-1:{account}:AWSMarketplace/{kind}/{id}")
}

/// The Catalog's and the feeds' form: `YYYY-MM-DDThh:mm:ssZ`, 20 characters.
pub(crate) fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

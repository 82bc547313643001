//! What a sandbox is started with. Every field has a default that fits a rehearsal.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Seller account of the default configuration.
pub const DEFAULT_SELLER_ACCOUNT: &str = "111122223333";
/// Access key id that the default configuration knows; it stands for [`DEFAULT_SELLER_ACCOUNT`].
pub const DEFAULT_ACCESS_KEY_ID: &str = "AKIACOUNTERSIGN00001";
/// Account of the default configuration's channel partner.
pub const DEFAULT_PARTNER_ACCOUNT: &str = "222233334444";
/// Access key id of [`DEFAULT_PARTNER_ACCOUNT`].
pub const DEFAULT_PARTNER_ACCESS_KEY_ID: &str = "AKIACOUNTERSIGN00002";
/// Secret that goes with the built-in keys. It protects nothing but a rehearsal.
pub const DEFAULT_SECRET_ACCESS_KEY: &str = "countersign-sandbox-secret";
/// The one product of the default configuration: "Handbook Professional Services".
pub const DEFAULT_PRODUCT_ID: &str = "prod-hndbkprofserv1";

/// Everything a [`crate::Sandbox`] can be told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address to listen on; port 0 takes any free port.
    pub listen: SocketAddr,
    /// Account that owns [`Config::products`] and for which feeds are written.
    pub seller_account: String,
    /// Other accounts registered as sellers: channel partners, or manufacturers of their own products.
    pub partner_accounts: Vec<String>,
    /// Keys that may sign. Requests of any other key are refused with 403.
    pub access_keys: Vec<AccessKey>,
    /// Products that offers can be made for.
    pub products: Vec<Product>,
    /// Folder served at `GET /bucket/<key>`; none: the route answers 404.
    pub bucket: Option<PathBuf>,
    /// Folder that the seller data feeds are written to; none: writing feeds is refused.
    pub feeds: Option<PathBuf>,
    /// Folder for the partners' feeds, each under its account; none: only the seller's are written.
    pub partner_feeds: Option<PathBuf>,
    /// File with the rehearsal clock's offset (P8); none: system time.
    pub clock_file: Option<PathBuf>,
    /// Where the clock stands until it is moved; none: it runs with the system's time.
    pub frozen_at: Option<DateTime<Utc>>,
    /// What can also be changed while it runs (`POST /sandbox/settings`).
    pub settings: Settings,
    /// Listing fee rate on the amount before tax, 0.025 = 2.5 %.
    pub listing_fee: Decimal,
    /// Listing fee rate of what is marked as a renewal, 0.015 = 1.5 %.
    pub renewal_fee: Decimal,
    /// Added to [`Config::listing_fee`] for what a partner resells, 0.005 = half a point.
    pub resale_fee: Decimal,
    /// Tax that AWS collects and remits, on top of the amount; informational rows only.
    pub tax_rate: Decimal,
    /// Days from an invoice to its due date.
    pub billing_terms_days: u16,
    /// Currencies for which every seller has a disbursement method, until `POST /sandbox/sellers`.
    pub disbursement_currencies: Vec<String>,
    /// Whether every seller's tax interview for professional services (DAC7) is complete, until then too.
    pub tax_information_complete: bool,
    /// Accounts that do not exist: targeting one fails with `INVALID_BUYER_ACCOUNTS`.
    pub unknown_accounts: Vec<String>,
    /// Largest legal document accepted, in bytes.
    pub document_limit: usize,
    /// How long one legal document may take to download, real time.
    pub document_timeout: Duration,
    /// Makes the ids of two sandboxes differ; the same seed gives the same ids in the same order.
    pub seed: String,
}

/// Behaviour that a rehearsal may change while the sandbox runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// Clock milliseconds that a change set stays PREPARING (and can be cancelled).
    pub preparing_ms: u64,
    /// Clock milliseconds that it then stays APPLYING, at least.
    pub applying_ms: u64,
    /// Clock milliseconds from a buyer's acceptance until the Agreement API shows the agreement.
    pub agreement_visible_ms: u64,
    /// Whether the requests per second of AWS's quota pages are enforced, on the sandbox's clock.
    pub rate_limit: bool,
    /// Whether charges are invoiced by themselves at the instant they fall due; otherwise
    /// `POST /sandbox/bill` does it.
    pub auto_bill: bool,
    /// Clock milliseconds from a billing adjustment request until it is completed.
    pub adjustment_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            preparing_ms: 300,
            applying_ms: 700,
            agreement_visible_ms: 0,
            rate_limit: true,
            auto_bill: false,
            adjustment_ms: 0,
        }
    }
}

/// A key that may sign requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// The access key id, as in a request's credential scope.
    pub id: String,
    /// With a secret the signature is recomputed and compared; without one only its shape is checked.
    pub secret: Option<String>,
    /// The 12-digit account that the key belongs to.
    pub account: String,
}

impl std::str::FromStr for AccessKey {
    type Err = String;

    /// Parses `ID=ACCOUNT` or `ID:SECRET=ACCOUNT`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, account) = text
            .rsplit_once('=')
            .ok_or_else(|| format!("`{text}` is not ID=ACCOUNT or ID:SECRET=ACCOUNT"))?;
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("`{account}` is not a 12-digit account"));
        }
        let (id, secret) = match key.split_once(':') {
            Some((id, secret)) => (id, Some(secret.to_owned())),
            None => (key, None),
        };
        Ok(Self {
            id: id.to_owned(),
            secret,
            account: account.to_owned(),
        })
    }
}

/// A product as the seller's portal would have made it: read-only input to the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Product {
    /// `prod-…`.
    pub id: String,
    /// The account whose product it is; none: [`Config::seller_account`].
    #[serde(default)]
    pub owner: Option<String>,
    /// Title of the listing.
    pub title: String,
    /// Limited or Public products can be offered; Draft and Restricted ones cannot.
    #[serde(default)]
    pub state: ProductState,
    /// Named packages that a pricing term's grants refer to.
    pub dimensions: Vec<Dimension>,
}

/// Visibility of a product, in AWS's words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProductState {
    /// Not published.
    Draft,
    /// Published to the seller's own accounts; professional services may be offered in this state.
    #[default]
    Limited,
    /// Published to all.
    Public,
    /// Withdrawn from sale.
    Restricted,
}

/// One package of a professional-services product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Dimension {
    /// The key that grants name.
    pub key: String,
    /// The buyer's words for it.
    pub name: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            seller_account: DEFAULT_SELLER_ACCOUNT.to_owned(),
            partner_accounts: vec![DEFAULT_PARTNER_ACCOUNT.to_owned()],
            access_keys: vec![
                AccessKey {
                    id: DEFAULT_ACCESS_KEY_ID.to_owned(),
                    secret: Some(DEFAULT_SECRET_ACCESS_KEY.to_owned()),
                    account: DEFAULT_SELLER_ACCOUNT.to_owned(),
                },
                AccessKey {
                    id: DEFAULT_PARTNER_ACCESS_KEY_ID.to_owned(),
                    secret: Some(DEFAULT_SECRET_ACCESS_KEY.to_owned()),
                    account: DEFAULT_PARTNER_ACCOUNT.to_owned(),
                },
            ],
            products: vec![handbook_product()],
            bucket: None,
            feeds: None,
            partner_feeds: None,
            clock_file: None,
            frozen_at: None,
            settings: Settings::default(),
            listing_fee: Decimal::new(25, 3),
            renewal_fee: Decimal::new(15, 3),
            resale_fee: Decimal::new(5, 3),
            tax_rate: Decimal::new(6, 2),
            billing_terms_days: 30,
            disbursement_currencies: ["USD", "EUR", "GBP", "AUD", "JPY"]
                .map(str::to_owned)
                .into(),
            tax_information_complete: true,
            unknown_accounts: vec!["000000000000".to_owned()],
            document_limit: 60 * 1024 * 1024,
            document_timeout: Duration::from_secs(10),
            seed: "countersign".to_owned(),
        }
    }
}

fn handbook_product() -> Product {
    let dimension = |key: &str, name: &str| Dimension {
        key: key.to_owned(),
        name: name.to_owned(),
    };
    Product {
        id: DEFAULT_PRODUCT_ID.to_owned(),
        owner: None,
        title: "Handbook Professional Services".to_owned(),
        state: ProductState::Limited,
        dimensions: vec![
            dimension("professional_services", "Professional services"),
            dimension("assessment", "Assessment"),
            dimension("implementation", "Implementation"),
            dimension("training", "Training"),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_key_with_and_without_secret() {
        let plain: AccessKey = "AKIA1=111122223333".parse().unwrap();
        assert_eq!((plain.id.as_str(), plain.secret), ("AKIA1", None));
        let full: AccessKey = "AKIA1:se=cret=111122223333".parse().unwrap();
        assert_eq!(
            (full.secret.as_deref(), full.account.as_str()),
            (Some("se=cret"), "111122223333")
        );
        assert!("AKIA1".parse::<AccessKey>().is_err());
        assert!("AKIA1=12".parse::<AccessKey>().is_err());
    }
}

//! The marketplace sandbox as a process. Prints `{"listening":"127.0.0.1:NNN"}` once it listens.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Parser;
use countersign_marketplace_sandbox::{
    AccessKey, Config, DEFAULT_ACCESS_KEY_ID, DEFAULT_PARTNER_ACCESS_KEY_ID,
    DEFAULT_PARTNER_ACCOUNT, DEFAULT_SECRET_ACCESS_KEY, DEFAULT_SELLER_ACCOUNT, Product, Sandbox,
    Settings,
};
use rust_decimal::Decimal;
use tokio::signal::unix::{SignalKind, signal};

/// An AWS Marketplace of one's own: Catalog and Agreement API, data feeds, and the buyer's side.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Address to listen on; port 0 takes any free port.
    #[arg(
        long,
        env = "COUNTERSIGN_SANDBOX_LISTEN",
        default_value = "127.0.0.1:0"
    )]
    listen: SocketAddr,
    /// Folder served at /bucket/<key>.
    #[arg(long, env = "COUNTERSIGN_SANDBOX_BUCKET")]
    bucket: Option<PathBuf>,
    /// Folder that seller data feeds are written to.
    #[arg(long, env = "COUNTERSIGN_SANDBOX_FEEDS")]
    feeds: Option<PathBuf>,
    /// File with the rehearsal clock's offset in milliseconds.
    #[arg(long, env = "COUNTERSIGN_CLOCK_FILE")]
    clock_file: Option<PathBuf>,
    /// Instant (RFC 3339) at which the clock stands until it is moved.
    #[arg(long, env = "COUNTERSIGN_SANDBOX_FROZEN_AT")]
    frozen_at: Option<chrono::DateTime<chrono::Utc>>,
    /// Account that owns the products.
    #[arg(long, env = "COUNTERSIGN_SANDBOX_SELLER_ACCOUNT", default_value = DEFAULT_SELLER_ACCOUNT)]
    seller_account: String,
    /// Key that may sign, as ID=ACCOUNT or ID:SECRET=ACCOUNT; with a secret the signature is verified.
    /// May be repeated. Default: the built-in keys of the seller and of the first partner.
    #[arg(long, env = "COUNTERSIGN_SANDBOX_ACCESS_KEYS", value_delimiter = ',')]
    access_key: Vec<AccessKey>,
    /// JSON file with the products: [{"id", "title", "state", "dimensions": [{"key", "name"}]}].
    #[arg(long, env = "COUNTERSIGN_SANDBOX_PRODUCTS")]
    products: Option<PathBuf>,
    /// Clock milliseconds that a change set is PREPARING.
    #[arg(long, env = "COUNTERSIGN_SANDBOX_PREPARING_MS", default_value_t = Settings::default().preparing_ms)]
    preparing_ms: u64,
    /// Clock milliseconds that a change set is then APPLYING.
    #[arg(long, env = "COUNTERSIGN_SANDBOX_APPLYING_MS", default_value_t = Settings::default().applying_ms)]
    applying_ms: u64,
    /// Clock milliseconds until an accepted agreement shows in the Agreement API.
    #[arg(
        long,
        env = "COUNTERSIGN_SANDBOX_AGREEMENT_VISIBLE_MS",
        default_value_t = 0
    )]
    agreement_visible_ms: u64,
    /// Listing fee rate: 0.025 is 2.5 %.
    #[arg(long, env = "COUNTERSIGN_SANDBOX_LISTING_FEE", default_value = "0.025")]
    listing_fee: Decimal,
    /// Rate of the tax that AWS collects and remits.
    #[arg(long, env = "COUNTERSIGN_SANDBOX_TAX_RATE", default_value = "0.06")]
    tax_rate: Decimal,
    /// Makes the ids of two sandboxes differ.
    #[arg(long, env = "COUNTERSIGN_SANDBOX_SEED", default_value = "countersign")]
    seed: String,
    /// Invoice charges by themselves at the instant they fall due.
    #[arg(long, env = "COUNTERSIGN_SANDBOX_AUTO_BILL")]
    auto_bill: bool,
    /// Other accounts registered as sellers, which may resell. May be repeated.
    #[arg(long, env = "COUNTERSIGN_SANDBOX_PARTNER_ACCOUNTS", value_delimiter = ',', default_value = DEFAULT_PARTNER_ACCOUNT)]
    partner_account: Vec<String>,
    /// Folder for the partners' data feeds, each under its account.
    #[arg(long, env = "COUNTERSIGN_SANDBOX_PARTNER_FEEDS")]
    partner_feeds: Option<PathBuf>,
    /// Do not enforce AWS's requests per second.
    #[arg(long, env = "COUNTERSIGN_SANDBOX_NO_RATE_LIMIT")]
    no_rate_limit: bool,
}

impl Arguments {
    fn config(self) -> anyhow::Result<Config> {
        let mut config = Config {
            listen: self.listen,
            bucket: self.bucket,
            feeds: self.feeds,
            partner_feeds: self.partner_feeds,
            clock_file: self.clock_file,
            frozen_at: self.frozen_at,
            access_keys: self.access_key,
            settings: Settings {
                preparing_ms: self.preparing_ms,
                applying_ms: self.applying_ms,
                agreement_visible_ms: self.agreement_visible_ms,
                rate_limit: !self.no_rate_limit,
                auto_bill: self.auto_bill,
                ..Settings::default()
            },
            listing_fee: self.listing_fee,
            tax_rate: self.tax_rate,
            seed: self.seed,
            ..Config::default()
        };
        if config.access_keys.is_empty() {
            config.access_keys.push(AccessKey {
                id: DEFAULT_ACCESS_KEY_ID.to_owned(),
                secret: Some(DEFAULT_SECRET_ACCESS_KEY.to_owned()),
                account: self.seller_account.clone(),
            });
            let partner = self.partner_account.first();
            config.access_keys.extend(partner.map(|account| AccessKey {
                id: DEFAULT_PARTNER_ACCESS_KEY_ID.to_owned(),
                secret: Some(DEFAULT_SECRET_ACCESS_KEY.to_owned()),
                account: account.clone(),
            }));
        }
        config.partner_accounts = self.partner_account;
        config.seller_account = self.seller_account;
        if let Some(file) = self.products {
            let text = std::fs::read_to_string(&file)
                .with_context(|| format!("reading {}", file.display()))?;
            config.products = serde_json::from_str::<Vec<Product>>(&text)
                .with_context(|| format!("reading products from {}", file.display()))?;
        }
        Ok(config)
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter =
        tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .json()
        .with_writer(std::io::stderr)
        .init();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let running = Sandbox::start(Arguments::parse().config()?)
        .await
        .context("starting the sandbox")?;
    writeln!(
        std::io::stdout(),
        "{}",
        serde_json::json!({ "listening": running.addr.to_string() })
    )?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    running.stop().await;
    Ok(())
}

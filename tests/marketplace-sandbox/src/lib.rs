//! P7: an AWS Marketplace of one's own, which the official SDKs drive through their endpoint URL.
//!
//! | module | what it is |
//! |---|---|
//! | `world` | the marketplace as values: functions of (state, now, input) |
//! | `gateway` | what every API request goes through: signature, injected failure, rate, errors |
//! | `catalog` | Catalog API, rest-json |
//! | `agreement`, `wire` | Agreement API, Smithy RPC v2 CBOR and AWS JSON 1.0 |
//! | `queue_api` | SQS, AWS JSON 1.0: each seller's queue of EventBridge events |
//! | `portal` | `/sandbox/portal`: what sellers do in the Management Portal, for which there is no API |
//! | `admin` | `/sandbox`: the buyer's and AWS's acts, feeds, injected failures |
//! | `views` | `GET /sandbox/…`: what there is |
//! | `files`, `documents` | the seller's bucket, and reading legal documents from it |
//! | `feed_files` | seller data feeds as CSV |
//!
//! The README tells what it does as AWS does, what it simplifies, and what nobody knows.

mod admin;
mod agreement;
mod catalog;
mod clock;
mod config;
mod documents;
mod feed_files;
mod files;
mod gateway;
mod inject;
mod limits;
mod portal;
mod portal_offers;
mod portal_resale;
mod queue_api;
mod server;
mod settings_api;
mod sigv4;
mod views;
mod wire;
mod world;

pub use config::{
    AccessKey, Config, DEFAULT_ACCESS_KEY_ID, DEFAULT_PARTNER_ACCESS_KEY_ID,
    DEFAULT_PARTNER_ACCOUNT, DEFAULT_PRODUCT_ID, DEFAULT_SECRET_ACCESS_KEY, DEFAULT_SELLER_ACCOUNT,
    Dimension, Product, ProductState, Settings,
};
pub use server::{Running, Sandbox};

//! Pure words that every service shares. Nothing here reads a clock, makes an id, or does I/O.
//!
//! | module | what |
//! |---|---|
//! | [`currency`], [`money`] | exact decimal money in an ISO 4217 currency (E4, E9) |
//! | [`rate`] | fractions such as a mark-up or a listing fee, and the one rounding rule (E3, E4) |
//! | [`allocation`] | splitting a total so that the parts add up exactly (E4) |
//! | [`digest`] | SHA-256 of documents and of canonical fields: what an approval binds (A4) |
//! | [`id`] | validated names: seller, engagement, principal, AWS account |
//! | [`role`] | what a caller may be (P5) |
//! | [`duration`] | ISO 8601 durations of whole years, months and days (E7) |
//! | [`webhook`] | messages signed by the Standard Webhooks scheme: signing and checking (N5, P5) |
//! | `excerpt` | how much of a refused text its error repeats |

pub mod allocation;
pub mod currency;
pub mod digest;
pub mod duration;
mod excerpt;
pub mod id;
pub mod money;
pub mod rate;
pub mod role;
pub mod webhook;

pub use currency::Currency;
pub use digest::{Digest, DigestBuilder};
pub use duration::IsoDuration;
pub use id::{AwsAccountId, EngagementId, Principal, SellerId};
pub use money::Money;
pub use rate::Rate;

pub use chrono;
pub use rust_decimal::Decimal;

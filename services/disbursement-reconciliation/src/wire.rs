//! Domain → protobuf for the words that both replies and events say: money, time.

use chrono::{DateTime, SecondsFormat, Utc};
use countersign_kernel::Money;
use countersign_proto::common::v1 as common;

/// Money, with all digits of its currency.
pub(crate) fn money(money: Money) -> common::Money {
    common::Money {
        currency_code: money.currency().code().to_owned(),
        amount: money.amount_text(),
    }
}

/// RFC 3339, UTC.
pub(crate) fn timestamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

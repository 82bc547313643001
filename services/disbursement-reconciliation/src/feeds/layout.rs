//! Which feeds are read, where their files lie, and which columns they have (facts §6.6).

use std::fmt;
use std::str::FromStr;

/// A feed that this service reads. AWS writes more; those are left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Feed {
    Account,
    Agreement,
    Offer,
    BillingEvent,
}

/// What a feed's header may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns {
    /// What a row is about. Required.
    pub(crate) key: &'static [&'static str],
    /// Without these nothing of the file is taken.
    pub(crate) required: &'static [&'static str],
    /// Known; read when there.
    pub(crate) optional: &'static [&'static str],
}

/// The columns that every feed ends with: when a row was valid, written and changed.
pub(crate) const HISTORY: [&str; 4] = ["valid_from", "insert_date", "update_date", "delete_date"];

impl Feed {
    /// What others point to comes first.
    pub(crate) const ALL: [Self; 4] = [
        Self::Account,
        Self::Agreement,
        Self::Offer,
        Self::BillingEvent,
    ];

    /// The folder.
    pub(crate) const fn folder(self) -> &'static str {
        match self {
            Self::Account => "accountfeed_v1",
            Self::Agreement => "agreementfeed_v1",
            Self::Offer => "offerfeed_v1",
            Self::BillingEvent => "billingeventfeed_v1",
        }
    }

    /// Whether a row, once written, is never written otherwise. In the other feeds a key has a row
    /// for each time it changed.
    pub(crate) const fn is_immutable(self) -> bool {
        matches!(self, Self::BillingEvent)
    }

    pub(crate) const fn columns(self) -> Columns {
        match self {
            Self::Account => Columns {
                key: &["account_id"],
                required: &["aws_account_id", "valid_from", "update_date"],
                optional: &[
                    "encrypted_account_id",
                    "mailing_address_id",
                    "tax_address_id",
                    "tax_registration_number",
                    "tax_legal_name",
                ],
            },
            Self::Agreement => Columns {
                key: &["agreement_id"],
                required: &["status", "valid_from", "update_date"],
                optional: &[
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
            },
            Self::Offer => Columns {
                key: &["offer_id", "offer_revision"],
                required: &["valid_from", "update_date"],
                optional: &[
                    "name",
                    "expiration_date",
                    "opportunity_id",
                    "opportunity_name",
                    "opportunity_description",
                    "seller_account_id",
                    "recipient_account_id",
                ],
            },
            Self::BillingEvent => Columns {
                key: &["billing_event_id"],
                required: &[
                    "action",
                    "transaction_type",
                    "parent_billing_event_id",
                    "disbursement_billing_event_id",
                    "amount",
                    "currency",
                    "invoice_date",
                    "invoice_id",
                    "bank_trace_id",
                    "action_date",
                    "offer_id",
                ],
                optional: &[
                    "from_account_id",
                    "to_account_id",
                    "end_user_account_id",
                    "product_id",
                    "disbursement_amount",
                    "disbursement_currency",
                    "balance_impacting",
                    "payment_due_date",
                    "usage_period_start_date",
                    "usage_period_end_date",
                    "billing_address_id",
                    "transaction_reference_id",
                    "broker_id",
                    "buyer_transaction_reference_id",
                    "recipient_account_id",
                    "buyer_invoice_date",
                    "line_item_id",
                    "buyer_line_item_id",
                    "charge_variant",
                    "charge_side",
                    // Only AWS's own SQL knows of these (facts §0 row 13).
                    "agreement_id",
                    "buyer_invoice_id",
                    "invoice_variant",
                    "disbursement_reference_number",
                    "catalog",
                ],
            },
        }
    }
}

impl fmt::Display for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.folder())
    }
}

/// A feed's file: `<feed>/year=YYYY/month=MM/data.csv`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FeedFile {
    pub(crate) year: u16,
    pub(crate) month: u8,
    pub(crate) feed: Feed,
}

/// The path is none of a feed that is read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OtherFile;

impl FromStr for FeedFile {
    type Err = OtherFile;

    fn from_str(path: &str) -> Result<Self, OtherFile> {
        let [folder, year, month, "data.csv"] = path.split('/').collect::<Vec<_>>()[..] else {
            return Err(OtherFile);
        };
        let feed = Feed::ALL
            .into_iter()
            .find(|feed| feed.folder() == folder)
            .ok_or(OtherFile)?;
        let number = |text: &str, name: &str, digits: usize| {
            let number = text
                .strip_prefix(name)
                .filter(|number| number.len() == digits);
            number
                .and_then(|number| number.parse::<u16>().ok())
                .ok_or(OtherFile)
        };
        let month = u8::try_from(number(month, "month=", 2)?).map_err(|_| OtherFile)?;
        if !(1..=12).contains(&month) {
            return Err(OtherFile);
        }
        Ok(Self {
            year: number(year, "year=", 4)?,
            month,
            feed,
        })
    }
}

impl fmt::Display for FeedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/year={:04}/month={:02}/data.csv",
            self.feed, self.year, self.month
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_round_trip_and_others_are_left_alone() {
        let path = "billingeventfeed_v1/year=2027/month=01/data.csv";
        let file: FeedFile = path.parse().unwrap();
        assert_eq!(
            (file.feed, file.year, file.month),
            (Feed::BillingEvent, 2027, 1)
        );
        assert_eq!(file.to_string(), path);
        for other in [
            "taxitemfeed_v1/year=2027/month=01/data.csv",
            "billingeventfeed_v1/year=2027/month=13/data.csv",
            "billingeventfeed_v1/year=2027/month=1/data.csv",
            "billingeventfeed_v1/year=2027/data.csv",
            "billingeventfeed_v1/year=2027/month=01/data.csv.part",
            "data.csv",
        ] {
            assert_eq!(other.parse::<FeedFile>(), Err(OtherFile), "{other}");
        }
    }

    /// Older months first; within a month, what others point to first.
    #[test]
    fn files_are_read_in_order() {
        let parse = |path: &str| path.parse::<FeedFile>().unwrap();
        assert!(
            parse("billingeventfeed_v1/year=2026/month=12/data.csv")
                < parse("accountfeed_v1/year=2027/month=01/data.csv")
        );
        assert!(
            parse("agreementfeed_v1/year=2027/month=01/data.csv")
                < parse("billingeventfeed_v1/year=2027/month=01/data.csv")
        );
    }
}

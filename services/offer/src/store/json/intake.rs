//! The checked intake, with the listing as it was then.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{StoredMoney, Unreadable, from_value, parse, to_value};
use crate::domain::intake::Intake;
use crate::domain::listing::{Listing, ReleaseWay};

#[derive(Serialize, Deserialize)]
pub(super) struct StoredIntake {
    billing_terms_days: u32,
    buyer_account: String,
    contact_name: String,
    contact_email: String,
    total_price: StoredMoney,
    scope_duration: String,
    product_id: String,
    product_title: String,
    dimension_keys: Vec<String>,
    #[serde(default)]
    by_portal: bool,
}

impl StoredIntake {
    pub(super) fn of(intake: &Intake) -> Self {
        Self {
            billing_terms_days: intake.billing_terms_days,
            buyer_account: intake.buyer_account.to_string(),
            contact_name: intake.contact_name.clone(),
            contact_email: intake.contact_email.clone(),
            total_price: StoredMoney::of(intake.total_price),
            scope_duration: intake.scope_duration.to_string(),
            product_id: intake.listing.product_id.to_string(),
            product_title: intake.listing.title.clone(),
            dimension_keys: intake.listing.dimension_keys.clone(),
            by_portal: intake.listing.release_way == ReleaseWay::Portal,
        }
    }

    pub(super) fn read(self) -> Result<Intake, Unreadable> {
        Ok(Intake {
            billing_terms_days: self.billing_terms_days,
            buyer_account: parse(&self.buyer_account, "buyer account")?,
            contact_name: self.contact_name,
            contact_email: self.contact_email,
            total_price: self.total_price.read()?,
            scope_duration: parse(&self.scope_duration, "scope duration")?,
            listing: Listing {
                product_id: parse(&self.product_id, "product id")?,
                title: self.product_title,
                dimension_keys: self.dimension_keys,
                release_way: if self.by_portal {
                    ReleaseWay::Portal
                } else {
                    ReleaseWay::Api
                },
            },
        })
    }
}

pub(crate) fn intake(intake: &Intake) -> Value {
    to_value(&StoredIntake::of(intake))
}

pub(crate) fn intake_from(value: Value) -> Result<Intake, Unreadable> {
    from_value::<StoredIntake>(value)?.read()
}

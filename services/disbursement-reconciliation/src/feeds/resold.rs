//! What the rows of the feeds tell of the sales of resellers: texts → what they say (O2).

use super::values::{self, BadValue};
use crate::domain::authorization::Sale;
use crate::domain::ids::AgreementId;
use crate::store::authorization::{FoundEnd, FoundSale};

/// A sale.
pub(super) fn sale(found: &FoundSale) -> Result<Sale, BadValue> {
    Ok(Sale {
        authorization: name(&found.authorization_id)?,
        agreement: name(&found.agreement_id)?,
        offer: name(&found.aws_offer_id)?,
        accepted_at: values::timestamp(&found.acceptance_time)?,
    })
}

/// An agreement that is over, and the day since when.
pub(super) fn end(found: &FoundEnd) -> Result<(AgreementId, chrono::NaiveDate), BadValue> {
    let since = values::timestamp(&found.valid_from)?;
    Ok((name(&found.agreement_id)?, since.date_naive()))
}

fn name<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, BadValue> {
    text.parse().map_err(|error| BadValue(format!("{error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(acceptance_time: &str) -> FoundSale {
        FoundSale {
            authorization_id: "resaleauthz-1".into(),
            agreement_id: "agmt-1".into(),
            aws_offer_id: "offer-1".into(),
            acceptance_time: acceptance_time.into(),
        }
    }

    #[test]
    fn a_sale_is_read_as_leniently_as_its_feed() {
        let read = sale(&found("2027-01-03 21:00:00.0")).unwrap();
        assert_eq!(read.accepted_at.to_rfc3339(), "2027-01-03T21:00:00+00:00");
        assert!(sale(&found("soon")).is_err());
    }
}

//! A reseller types what its authorization says. What AWS has is what counts: an offer is released only
//! from an authorization that AWS shows as it was typed, so that the split that was approved is the split
//! that AWS pays out (O5).
//!
//! Whether the authorization carries a EULA and a reseller contract is compared too: on what was typed of
//! them depends whether the contract must be accepted, and whether the offer needs a EULA of its own. That
//! the contract *was* accepted is not shown by AWS's API (facts §1.4): it is accepted in AWS's portal, and
//! AWS refuses an offer from an authorization whose contract is not. The EULA's text is not merged here: AWS
//! puts the documents of the offer behind it by itself (facts §1.2).

use std::str::FromStr;

use countersign_kernel::{Currency, Money};

use super::{AUTHORIZATION, Shown, joined, listed, plain, text, told};
use crate::domain::deal::DatedAmount;
use crate::domain::id::AwsOfferId;
use crate::domain::offer::AwsError;
use crate::domain::resale::{NetTerms, Received};

/// For what an authorization is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// An offer is to be made from it: it must be active.
    ToMake,
    /// A person made one from it, which stands, whatever became of the authorization since (O10, facts §1.5).
    Made,
}

/// Every difference between what was typed and what AWS has.
pub(crate) fn authorization_differences(
    received: &Received,
    shown: &Shown,
    reading: Reading,
) -> Vec<AwsError> {
    let typed = received
        .schedule
        .iter()
        .map(|owed| (owed.date.to_string(), owed.amount.amount_text()));
    let typed: Vec<_> = typed.collect();
    // The price stands on the schedule, where there is one.
    let price = if typed.is_empty() {
        plain(&received.total.amount_text())
    } else {
        "0".to_owned()
    };
    let active = |is: bool| if is { "active" } else { "not active" }.to_owned();
    let carried = |is: bool| if is { "carried" } else { "none" }.to_owned();
    let buyers: Vec<String> = received.buyers.iter().map(ToString::to_string).collect();
    told(
        "typed",
        [
            (
                "AUTHORIZATION_KIND_DIFFERS",
                AUTHORIZATION.to_owned(),
                shown.entity_type.clone(),
            ),
            (
                "AUTHORIZATION_STATUS_DIFFERS",
                active(true),
                active(shown.is_released() || reading == Reading::Made),
            ),
            (
                "AUTHORIZATION_PRODUCT_DIFFERS",
                received.product_id.to_string(),
                text(shown.product_id.as_ref()),
            ),
            (
                "AUTHORIZATION_DURATION_DIFFERS",
                received.duration.to_string(),
                text(shown.duration.as_ref()),
            ),
            (
                "AUTHORIZATION_CURRENCY_DIFFERS",
                received.total.currency().code().to_owned(),
                text(shown.currency.as_ref()),
            ),
            (
                "AUTHORIZATION_PRICE_DIFFERS",
                price,
                plain(&text(shown.price.as_ref())),
            ),
            (
                "AUTHORIZATION_SCHEDULE_DIFFERS",
                listed(&typed),
                listed(&shown.schedule),
            ),
            (
                "AUTHORIZATION_BUYERS_DIFFER",
                joined(&buyers),
                joined(&shown.buyer_accounts),
            ),
            (
                "AUTHORIZATION_END_DIFFERS",
                text(received.until),
                text(shown.available_until.as_ref()),
            ),
            (
                "AUTHORIZATION_NET_TERMS_DIFFER",
                text(received.net_terms),
                text(shown.net_terms.as_ref()),
            ),
            (
                "AUTHORIZATION_EULA_DIFFERS",
                carried(received.has_eula),
                carried(!shown.legal.is_empty()),
            ),
            (
                "AUTHORIZATION_CONTRACT_DIFFERS",
                carried(received.has_contract),
                carried(!shown.reseller_contract.is_empty()),
            ),
        ],
    )
}

/// The authorization that AWS shows under `id`, as a reseller would have typed it (O12).
///
/// # Errors
/// What of it cannot be read.
pub(crate) fn received(id: &AwsOfferId, shown: &Shown) -> Result<Received, String> {
    if shown.entity_type != AUTHORIZATION {
        return Err(format!(
            "it is no authorization but {:?}",
            shown.entity_type
        ));
    }
    let currency: Currency = parsed("currency", shown.currency.as_deref())?;
    let charges = shown.schedule.iter().map(|(date, amount)| {
        Ok(DatedAmount {
            date: parsed("charge date", Some(date))?,
            amount: money(amount, currency)?,
        })
    });
    let schedule = charges.collect::<Result<Vec<_>, String>>()?;
    let total = if schedule.is_empty() {
        money(&text(shown.price.as_ref()), currency)?
    } else {
        let amounts = schedule.iter().map(|charge| charge.amount);
        Money::sum(amounts, currency).map_err(|wrong| wrong.to_string())?
    };
    let buyers = shown.buyer_accounts.iter();
    let buyers = buyers.map(|account| parsed("buyer", Some(account)));
    let until = shown.available_until.as_deref();
    let net_terms = shown.net_terms.as_deref();
    Ok(Received {
        id: id.clone(),
        product_id: parsed("product", shown.product_id.as_deref())?,
        duration: parsed("duration", shown.duration.as_deref())?,
        total,
        schedule,
        buyers: buyers.collect::<Result<_, _>>()?,
        until: until.map(|day| parsed("end", Some(day))).transpose()?,
        has_eula: !shown.legal.is_empty(),
        has_contract: !shown.reseller_contract.is_empty(),
        net_terms: net_terms.map(terms).transpose()?,
    })
}

fn parsed<T: FromStr>(what: &str, shown: Option<&str>) -> Result<T, String> {
    let shown = shown.unwrap_or_default();
    shown.parse().map_err(|_| format!("{what} {shown:?}"))
}

/// AWS writes it with more zeros than the currency has digits, at times.
fn money(shown: &str, currency: Currency) -> Result<Money, String> {
    Money::parse(&plain(shown), currency).map_err(|wrong| wrong.to_string())
}

fn terms(shown: &str) -> Result<NetTerms, String> {
    NetTerms::of_period(shown).ok_or_else(|| format!("net terms {shown:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::portal::Status;
    use crate::domain::sample;

    fn shown() -> Shown {
        let received = sample::received();
        Shown {
            status: Status::Released,
            entity_type: "ResaleAuthorization".into(),
            product_id: Some(received.product_id.to_string()),
            buyer_accounts: received.buyers.iter().map(ToString::to_string).collect(),
            currency: Some("USD".into()),
            schedule: ["2026-03-17", "2026-03-18"]
                .map(|day| (day.into(), "0.50".into()))
                .into(),
            price: Some("0.00".into()),
            duration: Some(received.duration.to_string()),
            available_until: received.until.map(|day| day.to_string()),
            legal: vec!["CustomEula https://aws.example/eula.pdf".into()],
            reseller_contract: vec!["StandardResellerContract".into()],
            ..Shown::default()
        }
    }

    fn codes(shown: &Shown) -> Vec<String> {
        let found = authorization_differences(&sample::received(), shown, Reading::ToMake);
        found.into_iter().map(|error| error.code).collect()
    }

    #[test]
    fn every_difference_from_what_was_typed_is_told() {
        type Change = fn(&mut Shown);
        let cases: [(Change, &str); 12] = [
            (
                |shown| shown.entity_type = "Offer".into(),
                "AUTHORIZATION_KIND_DIFFERS",
            ),
            (
                |shown| shown.status = Status::Draft,
                "AUTHORIZATION_STATUS_DIFFERS",
            ),
            (
                |shown| shown.product_id = None,
                "AUTHORIZATION_PRODUCT_DIFFERS",
            ),
            (
                |shown| shown.duration = Some("P91D".into()),
                "AUTHORIZATION_DURATION_DIFFERS",
            ),
            (
                |shown| shown.currency = Some("EUR".into()),
                "AUTHORIZATION_CURRENCY_DIFFERS",
            ),
            (
                |shown| shown.price = Some("1.00".into()),
                "AUTHORIZATION_PRICE_DIFFERS",
            ),
            (
                |shown| shown.schedule[1].1 = "0.51".into(),
                "AUTHORIZATION_SCHEDULE_DIFFERS",
            ),
            (
                |shown| shown.buyer_accounts.push("1".into()),
                "AUTHORIZATION_BUYERS_DIFFER",
            ),
            (
                |shown| shown.available_until = None,
                "AUTHORIZATION_END_DIFFERS",
            ),
            (
                |shown| shown.net_terms = Some("P30D".into()),
                "AUTHORIZATION_NET_TERMS_DIFFER",
            ),
            (|shown| shown.legal.clear(), "AUTHORIZATION_EULA_DIFFERS"),
            (
                |shown| shown.reseller_contract.clear(),
                "AUTHORIZATION_CONTRACT_DIFFERS",
            ),
        ];
        assert_eq!(codes(&shown()), [""; 0]);
        for (change, code) in cases {
            let mut other = shown();
            change(&mut other);
            assert_eq!(codes(&other), [code]);
        }
    }

    /// O10: what was made from it is ours, though nothing more can be made from it.
    #[test]
    fn what_was_made_from_an_authorization_outlives_it() {
        let over = Shown {
            status: Status::Restricted,
            ..shown()
        };
        let made = authorization_differences(&sample::received(), &over, Reading::Made);
        assert_eq!(made, []);
        assert_eq!(codes(&over), ["AUTHORIZATION_STATUS_DIFFERS"]);
    }

    /// O12: what is read of AWS's authorization is what a reseller would have typed of it.
    #[test]
    fn what_aws_shows_is_read_as_it_would_have_been_typed() {
        let id = sample::received().id;
        assert_eq!(received(&id, &shown()), Ok(sample::received()));
        let at_one_price = Shown {
            schedule: Vec::new(),
            price: Some("1.0000".into()),
            net_terms: Some("P30D".into()),
            available_until: None,
            buyer_accounts: Vec::new(),
            ..shown()
        };
        let read = received(&id, &at_one_price).unwrap();
        assert_eq!(
            authorization_differences(&read, &at_one_price, Reading::Made),
            []
        );
        assert_eq!(read.total, sample::usd("1.00"));
        assert_eq!(read.net_terms, NetTerms::of_days(30).ok());
    }

    #[test]
    fn what_of_an_authorization_cannot_be_read_is_told() {
        type Change = fn(&mut Shown);
        let cases: [(Change, &str); 9] = [
            (
                |it| it.entity_type = "Offer".into(),
                "it is no authorization but \"Offer\"",
            ),
            (|it| it.currency = Some("DOGE".into()), "currency \"DOGE\""),
            (
                |it| it.schedule[0].0 = "soon".into(),
                "charge date \"soon\"",
            ),
            (
                |it| it.schedule[0].1 = "0.501".into(),
                "0.501 has more than the 2 decimal digits of USD",
            ),
            (|it| it.buyer_accounts = vec!["all".into()], "buyer \"all\""),
            (
                |it| it.available_until = Some("soon".into()),
                "end \"soon\"",
            ),
            (
                |it| it.net_terms = Some("P31D".into()),
                "net terms \"P31D\"",
            ),
            (|it| it.product_id = None, "product \"\""),
            (|it| it.duration = None, "duration \"\""),
        ];
        for (change, problem) in cases {
            let mut other = shown();
            change(&mut other);
            let refused = received(&sample::received().id, &other);
            assert_eq!(refused, Err(problem.to_owned()));
        }
    }

    #[test]
    fn without_a_schedule_the_price_is_compared() {
        let mut received = sample::received();
        received.schedule.clear();
        let mut shown = shown();
        shown.schedule.clear();
        shown.price = Some("1".into());
        let differences =
            |shown: &Shown| authorization_differences(&received, shown, Reading::ToMake);
        assert_eq!(differences(&shown), []);
        shown.price = Some("1.01".into());
        let found = differences(&shown);
        assert_eq!(found[0].code, "AUTHORIZATION_PRICE_DIFFERS");
        assert_eq!(found[0].message, "typed is \"1\", AWS has \"1.01\"");
    }
}

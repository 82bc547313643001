//! An agreement's terms read into the domain's agreement (O13): who accepted, and what is charged when.

use aws_sdk_marketplaceagreement::operation::describe_agreement::DescribeAgreementOutput;
use aws_sdk_marketplaceagreement::types::{
    AcceptedTerm, ConfigurableUpfrontPricingTerm, PaymentRequestApprovalStrategy,
    PaymentScheduleTerm, VariablePaymentTerm, VariablePaymentTermConfiguration,
};
use chrono::{DateTime, Utc};
use countersign_kernel::{Currency, Decimal, Money};

use super::time;
use crate::domain::agreement::{Acceptance, Agreement, VariablePayments};
use crate::domain::deal::DatedAmount;
use crate::domain::id::AgreementId;

/// How long the buyer may be silent where AWS does not say it (facts §2).
const APPROVES_AFTER: &str = "P10D";

/// Who accepted when, whatever the terms (O14); `None` where AWS does not say.
pub(super) fn acceptance(
    id: &AgreementId,
    described: &DescribeAgreementOutput,
) -> Option<Acceptance> {
    let charges = described.estimated_charges();
    let total = charges.map(|charges| money(charges.agreement_value(), charges.currency_code()));
    Some(Acceptance {
        agreement_id: id.clone(),
        at: described.acceptance_time().and_then(time)?,
        acceptor: described.acceptor()?.account_id()?.parse().ok()?,
        total: total.and_then(Result::ok),
    })
}

/// The agreement with its charges, or why it cannot be read.
pub(super) fn read(
    id: &AgreementId,
    described: &DescribeAgreementOutput,
    terms: &[AcceptedTerm],
) -> Result<Agreement, String> {
    let accepted_at = described
        .acceptance_time()
        .and_then(time)
        .ok_or("no acceptance time")?;
    let acceptor = described
        .acceptor()
        .and_then(|acceptor| acceptor.account_id());
    let acceptor = acceptor.ok_or("no acceptor")?;
    let schedule = terms
        .iter()
        .find_map(|term| term.as_payment_schedule_term().ok());
    let variable = terms
        .iter()
        .find_map(|term| term.as_variable_payment_term().ok());
    let variable = variable.map(payments).transpose()?;
    Ok(Agreement {
        id: id.clone(),
        accepted_at,
        starts_at: described.start_time().and_then(time).unwrap_or(accepted_at),
        ends_at: described.end_time().and_then(time),
        acceptor: acceptor
            .parse()
            .map_err(|_| format!("acceptor {acceptor:?}"))?,
        charges: match (schedule, &variable) {
            (Some(schedule), _) => charges(schedule)?,
            (None, Some(_)) => Vec::new(),
            (None, None) => vec![upfront(terms, accepted_at)?],
        },
        variable,
    })
}

/// A strategy that is not known here is waited for: nothing is said to approve itself that may not.
fn payments(term: &VariablePaymentTerm) -> Result<VariablePayments, String> {
    let chosen = term.configuration();
    let strategy = chosen.map(VariablePaymentTermConfiguration::payment_request_approval_strategy);
    let automatic = strategy == Some(&PaymentRequestApprovalStrategy::AutoApproveOnExpiration);
    let after = chosen.and_then(VariablePaymentTermConfiguration::expiration_duration);
    let after = after.unwrap_or(APPROVES_AFTER);
    let after = after
        .parse()
        .map_err(|_| format!("time of silence {after:?}"))?;
    Ok(VariablePayments {
        term_id: term.id().ok_or("a term without id")?.to_owned(),
        cap: money(term.max_total_charge_amount(), term.currency_code())?,
        approves_after: automatic.then_some(after),
    })
}

/// Without a schedule the price of the fixed term is charged on acceptance, or what the buyer chose of a
/// configurable one. An agreement that shows neither is read again: no charges at all would be no expected
/// cash (O13).
fn upfront(terms: &[AcceptedTerm], accepted_at: DateTime<Utc>) -> Result<DatedAmount, String> {
    let fixed = terms
        .iter()
        .find_map(|term| term.as_fixed_upfront_pricing_term().ok());
    let configurable = terms
        .iter()
        .find_map(|term| term.as_configurable_upfront_pricing_term().ok());
    let amount = match (fixed, configurable) {
        (Some(fixed), _) => charged(decimal(fixed.price())?, fixed.currency_code())?,
        (None, Some(configurable)) => configured(configurable)?,
        (None, None) => return Err("neither a schedule nor a fixed price".to_owned()),
    };
    if amount.amount().is_zero() {
        return Err("a fixed price of zero without a schedule".to_owned());
    }
    Ok(DatedAmount {
        date: accepted_at.date_naive(),
        amount,
    })
}

/// What the buyer chose of a rate card: of each dimension its number, at the card's rate.
fn configured(term: &ConfigurableUpfrontPricingTerm) -> Result<Money, String> {
    let chosen = term
        .configuration()
        .ok_or("nothing chosen of a rate card")?;
    let cards = term.rate_cards().iter();
    let card = cards.clone().find(|card| {
        let selector = card.selector().and_then(|selector| selector.value());
        selector == Some(chosen.selector_value())
    });
    let rates = card.ok_or("no rate card of what was chosen")?.rate_card();
    let mut total = Decimal::ZERO;
    for dimension in chosen.dimensions() {
        let key = dimension.dimension_key();
        let rate = rates.iter().find(|rate| rate.dimension_key() == Some(key));
        let rate = decimal(rate.and_then(|rate| rate.price()))?;
        let part = rate.checked_mul(dimension.dimension_value().into());
        total = part
            .and_then(|part| total.checked_add(part))
            .ok_or("a price beyond what money can be")?;
    }
    charged(total, term.currency_code())
}

/// A price can have a part of a cent, as a mark-up leaves it; nobody can be charged one. AWS does not say how
/// it rounds: half-even, as the offer was reckoned (E4).
fn charged(price: Decimal, code: Option<&str>) -> Result<Money, String> {
    Money::rounded(price, currency(code)?).map_err(|wrong| wrong.to_string())
}

fn money(text: Option<&str>, code: Option<&str>) -> Result<Money, String> {
    of_currency(decimal(text)?, code)
}

/// AWS writes prices with up to 6 digits behind the point (facts §1.2): zeros among them say nothing.
fn decimal(text: Option<&str>) -> Result<Decimal, String> {
    let text = text.unwrap_or_default();
    Decimal::from_str_exact(text).map_err(|_| format!("amount {text:?}"))
}

fn of_currency(amount: Decimal, code: Option<&str>) -> Result<Money, String> {
    Money::new(amount.normalize(), currency(code)?).map_err(|wrong| wrong.to_string())
}

fn currency(code: Option<&str>) -> Result<Currency, String> {
    let code = code.unwrap_or_default();
    code.parse().map_err(|_| format!("currency {code:?}"))
}

fn charges(schedule: &PaymentScheduleTerm) -> Result<Vec<DatedAmount>, String> {
    let code = schedule.currency_code();
    let mut charges = schedule
        .schedule()
        .iter()
        .map(|item| {
            let date = item
                .charge_date()
                .and_then(time)
                .ok_or("a charge without date")?;
            Ok(DatedAmount {
                date: date.date_naive(),
                amount: money(item.charge_amount(), code)?,
            })
        })
        .collect::<Result<Vec<_>, String>>()?;
    charges.sort_by_key(|charge| charge.date);
    Ok(charges)
}

#[cfg(test)]
mod tests {
    use aws_sdk_marketplaceagreement::types::{
        Acceptor, ConfigurableUpfrontPricingTermConfiguration, ConfigurableUpfrontRateCardItem,
        Dimension, EstimatedCharges, FixedUpfrontPricingTerm, RateCardItem, ScheduleItem, Selector,
    };

    use aws_sdk_marketplaceagreement::primitives::DateTime as AwsDateTime;

    use super::*;
    use crate::domain::sample;

    fn at(text: &str) -> AwsDateTime {
        AwsDateTime::from_secs(sample::at(text).timestamp())
    }

    fn described() -> DescribeAgreementOutput {
        DescribeAgreementOutput::builder()
            .acceptance_time(at("2026-03-05T12:00:00Z"))
            .end_time(at("2026-06-03T23:59:59Z"))
            .acceptor(Acceptor::builder().account_id("210987654321").build())
            .build()
    }

    fn schedule(amounts: &[(&str, &str)]) -> AcceptedTerm {
        let items = amounts.iter().map(|(date, amount)| {
            ScheduleItem::builder()
                .charge_date(at(date))
                .charge_amount(*amount)
                .build()
        });
        let term = PaymentScheduleTerm::builder()
            .currency_code("USD")
            .set_schedule(Some(items.collect()))
            .build();
        AcceptedTerm::PaymentScheduleTerm(term)
    }

    #[test]
    fn charges_come_by_date_and_exact() {
        let terms = schedule(&[
            ("2026-04-02T00:00:00Z", "50000.10"),
            ("2026-03-02T00:00:00Z", "52499.9"),
        ]);
        let agreement = read(&"agmt-1".parse().unwrap(), &described(), &[terms]).unwrap();
        let amounts: Vec<String> = agreement
            .charges
            .iter()
            .map(|charge| charge.amount.to_string())
            .collect();
        assert_eq!(amounts, ["52499.90 USD", "50000.10 USD"]);
        assert_eq!(agreement.starts_at, agreement.accepted_at);
    }

    fn fixed(price: &str) -> AcceptedTerm {
        let term = FixedUpfrontPricingTerm::builder()
            .currency_code("USD")
            .price(price)
            .build();
        AcceptedTerm::FixedUpfrontPricingTerm(term)
    }

    #[test]
    fn without_a_schedule_the_fixed_price_is_charged_on_acceptance() {
        let id: AgreementId = "agmt-1".parse().unwrap();
        let agreement = read(&id, &described(), &[fixed("1.1")]).unwrap();
        assert_eq!(agreement.charges, [sample::dated("2026-03-05", "1.10")]);
        let both = [fixed("0"), schedule(&[("2026-03-17T00:00:00Z", "0.55")])];
        let agreement = read(&id, &described(), &both).unwrap();
        assert_eq!(agreement.charges, [sample::dated("2026-03-17", "0.55")]);
        let cases = [
            (vec![], "neither a schedule nor a fixed price"),
            (vec![fixed("0.0")], "a fixed price of zero"),
            (vec![fixed("")], "\"\""),
        ];
        for (terms, why) in cases {
            let wrong = read(&id, &described(), &terms).unwrap_err();
            assert!(wrong.contains(why), "{wrong}");
        }
    }

    /// O5: a mark-up on a rate card, with AWS's digits behind the point.
    #[test]
    fn what_the_buyer_chose_of_a_rate_card_is_charged_on_acceptance() {
        let id: AgreementId = "agmt-1".parse().unwrap();
        let prices = [("P30D", "9.00"), ("P90D", "0.550000"), ("P1Y", "1.000005")];
        let cards = prices.map(|(duration, price)| {
            let selector = Selector::builder().r#type("Duration").value(duration);
            let rate = RateCardItem::builder()
                .dimension_key("landing_zone")
                .price(price);
            ConfigurableUpfrontRateCardItem::builder()
                .selector(selector.build())
                .rate_card(rate.build())
                .build()
        });
        let chosen = |duration: &str, key: &str, quantity| {
            let dimension = Dimension::builder()
                .dimension_key(key)
                .dimension_value(quantity);
            let configuration = ConfigurableUpfrontPricingTermConfiguration::builder()
                .selector_value(duration)
                .dimensions(dimension.build().unwrap());
            let term = ConfigurableUpfrontPricingTerm::builder()
                .currency_code("USD")
                .set_rate_cards(Some(cards.to_vec()))
                .configuration(configuration.build().unwrap());
            AcceptedTerm::ConfigurableUpfrontPricingTerm(term.build())
        };
        for (duration, quantity, expected) in [
            ("P90D", 2, "1.10"),
            // 3 × 0.000005 more than whole cents.
            ("P1Y", 3, "3.00"),
        ] {
            let terms = [chosen(duration, "landing_zone", quantity)];
            let agreement = read(&id, &described(), &terms).unwrap();
            assert_eq!(agreement.charges, [sample::dated("2026-03-05", expected)]);
        }
        for (term, why) in [
            (chosen("P60D", "landing_zone", 1), "no rate card"),
            (chosen("P90D", "other", 1), "amount"),
        ] {
            let wrong = read(&id, &described(), &[term]).unwrap_err();
            assert!(wrong.contains(why), "{wrong}");
        }
    }

    /// O14: terms that are not understood hide no order.
    #[test]
    fn who_accepted_is_known_whatever_the_terms() {
        let id: AgreementId = "agmt-1".parse().unwrap();
        let charges = EstimatedCharges::builder()
            .currency_code("USD")
            .agreement_value("5000.0")
            .build();
        let mut shown = described();
        assert_eq!(acceptance(&id, &shown).unwrap().total, None);
        shown.estimated_charges = Some(charges);
        assert!(read(&id, &shown, &[]).is_err());
        let known = acceptance(&id, &shown).unwrap();
        assert_eq!(known.total, Some(sample::usd("5000.00")));
        assert_eq!(known.acceptor.as_str(), "210987654321");
        shown.acceptor = None;
        assert_eq!(acceptance(&id, &shown), None);
    }

    fn variable(strategy: &str, after: Option<&str>) -> AcceptedTerm {
        let chosen = VariablePaymentTermConfiguration::builder()
            .payment_request_approval_strategy(strategy.into())
            .set_expiration_duration(after.map(str::to_owned))
            .build()
            .unwrap();
        let term = VariablePaymentTerm::builder()
            .id("term-1")
            .currency_code("USD")
            .max_total_charge_amount("102500")
            .configuration(chosen)
            .build();
        AcceptedTerm::VariablePaymentTerm(term)
    }

    /// O17: nothing is charged yet, also where AWS shows a fixed price of zero beside it.
    #[test]
    fn payment_requests_charge_in_place_of_a_schedule() {
        let id: AgreementId = "agmt-1".parse().unwrap();
        for (strategy, after, expected) in [
            ("AUTO_APPROVE_ON_EXPIRATION", Some("P10D"), Some("P10D")),
            ("AUTO_APPROVE_ON_EXPIRATION", None, Some("P10D")),
            ("WAIT_FOR_APPROVAL", None, None),
            ("ASK_TWICE", Some("P3D"), None),
        ] {
            let terms = [fixed("0"), variable(strategy, after)];
            let agreement = read(&id, &described(), &terms).unwrap();
            let variable = agreement.variable.unwrap();
            assert_eq!(agreement.charges, []);
            assert_eq!(variable.cap, sample::usd("102500.00"));
            let after = variable.approves_after.map(|after| after.to_string());
            assert_eq!(after.as_deref(), expected, "{strategy}");
        }
        let wrong = [variable("AUTO_APPROVE_ON_EXPIRATION", Some("ten days"))];
        let wrong = read(&id, &described(), &wrong).unwrap_err();
        assert!(wrong.contains("ten days"), "{wrong}");
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let id: AgreementId = "agmt-1".parse().unwrap();
        let terms = [schedule(&[("2026-03-02T00:00:00Z", "1.005")])];
        assert!(
            read(&id, &described(), &terms)
                .unwrap_err()
                .contains("more than the 2")
        );
        let nobody = DescribeAgreementOutput::builder()
            .acceptance_time(at("2026-03-05T12:00:00Z"))
            .build();
        assert_eq!(read(&id, &nobody, &[]).unwrap_err(), "no acceptor");
    }
}

//! The expected cash of an accepted agreement: charges, fees, dates (R1).

use std::collections::BTreeSet;

use countersign_kernel::allocation::{AllocationError, allocate};
use countersign_kernel::chrono::{DateTime, Days, NaiveDate, Utc};
use countersign_kernel::money::MoneyError;
use countersign_kernel::{Currency, EngagementId, Money, Rate};

use super::ids::{AgreementId, AuthorizationId, AwsOfferId};
use super::policy::CashPolicy;

/// The longest billing terms that are believed: beyond a year it is a unit mistaken.
pub(crate) const MAX_BILLING_TERMS_DAYS: u32 = 365;

/// One charge as the agreement's terms give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Charge {
    pub(crate) number: u32,
    pub(crate) on: NaiveDate,
    pub(crate) amount: Money,
    /// What of it a reseller owes its manufacturer; zero when the seller's own product is sold.
    pub(crate) wholesale: Money,
}

/// What charges the buyer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChargedBy {
    /// The agreement's own: every charge is known when it is accepted.
    Schedule,
    /// Payment requests, with the price as their cap: a charge is known when its request is approved
    /// (O17).
    Requests,
    /// The same, of an agreement that is over: what was approved is all that comes.
    EndedRequests,
}

/// An accepted agreement: as the offer service tells of it, or as a reseller made it from an authorization
/// that the offer service told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AcceptedAgreement {
    pub(crate) agreement: AgreementId,
    pub(crate) engagement: EngagementId,
    pub(crate) offer: AwsOfferId,
    /// The seller's own authorization, where a reseller sold it: then every amount is of the wholesale price.
    pub(crate) authorization: Option<AuthorizationId>,
    pub(crate) accepted_at: DateTime<Utc>,
    pub(crate) charges: Vec<Charge>,
    /// What payment requests may charge in all, where they do in place of the charges.
    pub(crate) cap: Option<Money>,
    pub(crate) base_total: Money,
    pub(crate) price_total: Money,
    pub(crate) fee_rate: Rate,
    pub(crate) expected_fee: Money,
    pub(crate) billing_terms_days: u32,
}

/// One charge with everything that is expected of it (R1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExpectedCharge {
    pub(crate) number: u32,
    pub(crate) on: NaiveDate,
    pub(crate) amount: Money,
    /// This charge's share of the expected listing fee, at or above zero.
    pub(crate) fee: Money,
    /// What of it goes to the manufacturer of what is resold, at or above zero (O5).
    pub(crate) wholesale: Money,
    /// amount − fee − wholesale.
    pub(crate) net: Money,
    /// The charge's date + the buyer's billing terms.
    pub(crate) payment_due: NaiveDate,
    /// When AWS should pay it out.
    pub(crate) disbursement_expected: NaiveDate,
    /// The agreement ended before its day: AWS no longer invoices it (facts §3.1). What AWS invoices
    /// after all counts all the same.
    pub(crate) dropped: bool,
}

/// The expectation: fixed when the agreement is accepted. Only charges of approved payment requests come
/// in later; none is ever changed, but that an agreement's end drops those whose day had not come (O15).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) agreement: AgreementId,
    pub(crate) engagement: EngagementId,
    pub(crate) offer: AwsOfferId,
    /// As in [`AcceptedAgreement`].
    pub(crate) authorization: Option<AuthorizationId>,
    pub(crate) accepted_at: DateTime<Utc>,
    pub(crate) base_total: Money,
    pub(crate) price_total: Money,
    pub(crate) fee_rate: Rate,
    pub(crate) expected_fee: Money,
    /// Of all charges.
    pub(crate) expected_wholesale: Money,
    pub(crate) expected_net: Money,
    pub(crate) billing_terms_days: u32,
    pub(crate) policy: CashPolicy,
    pub(crate) charged_by: ChargedBy,
    /// In the order of their dates, then numbers; empty only before the first request is approved.
    pub(crate) charges: Vec<ExpectedCharge>,
}

/// Why an accepted agreement makes no sense as an expectation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TermsError {
    #[error("the agreement has no charges")]
    NoCharges,
    #[error("charge {0} is not above zero")]
    ChargeNotPositive(u32),
    #[error("charge number {0} is given twice")]
    ChargeTwice(u32),
    #[error("an agreement with payment requests has charges before any is approved")]
    ChargesBeforeRequests,
    #[error("the charges add up to {sum}, not to the price of {price}")]
    ChargesDoNotAddUp { sum: Money, price: Money },
    #[error("the expected fee of {fee} is not between zero and the price of {price}")]
    FeeOutOfRange { fee: Money, price: Money },
    #[error("charge {0} owes the manufacturer less than nothing, or more than the buyer pays")]
    WholesaleOutOfRange(u32),
    #[error("billing terms of {0} days are not believed")]
    BillingTerms(u32),
    #[error("amounts cannot be added up")]
    Money(#[from] MoneyError),
    #[error("the fee cannot be split over the charges")]
    Allocation(#[from] AllocationError),
    #[error("a date lies past the calendar's end")]
    Calendar,
}

impl Terms {
    /// Works out what is expected (R1): the fee is split over the charges by largest remainder.
    pub(crate) fn expect(
        mut accepted: AcceptedAgreement,
        policy: CashPolicy,
    ) -> Result<Self, TermsError> {
        accepted
            .charges
            .sort_by_key(|charge| (charge.on, charge.number));
        let charged_by = check(&accepted)?;
        let weights: Vec<_> = accepted
            .charges
            .iter()
            .map(|charge| charge.amount.amount())
            .collect();
        let fees = match charged_by {
            ChargedBy::Schedule => allocate(accepted.expected_fee, &weights)?,
            ChargedBy::Requests | ChargedBy::EndedRequests => Vec::new(),
        };
        let wholesale = accepted.charges.iter().map(|charge| charge.wholesale);
        let expected_wholesale = Money::sum(wholesale, accepted.price_total.currency())?;
        let charges = accepted
            .charges
            .iter()
            .zip(fees)
            .map(|(charge, fee)| expected(*charge, fee, accepted.billing_terms_days, policy))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            expected_net: accepted
                .price_total
                .checked_sub(accepted.expected_fee)?
                .checked_sub(expected_wholesale)?,
            expected_wholesale,
            agreement: accepted.agreement,
            engagement: accepted.engagement,
            offer: accepted.offer,
            authorization: accepted.authorization,
            accepted_at: accepted.accepted_at,
            base_total: accepted.base_total,
            price_total: accepted.price_total,
            fee_rate: accepted.fee_rate,
            expected_fee: accepted.expected_fee,
            billing_terms_days: accepted.billing_terms_days,
            policy,
            charged_by,
            charges,
        })
    }

    /// What is expected of the charge of an approved payment request. AWS takes its fee per invoice, so
    /// that it is the rate on the amount, not a part of the whole fee (O17, R1).
    pub(crate) fn expect_request(&self, charge: Charge) -> Result<ExpectedCharge, TermsError> {
        if !charge.amount.is_positive() {
            return Err(TermsError::ChargeNotPositive(charge.number));
        }
        let fee = self.fee_rate.of(charge.amount);
        expected(charge, fee, self.billing_terms_days, self.policy)
    }

    /// Takes in the charge of an approved payment request.
    pub(crate) fn add(&mut self, charge: ExpectedCharge) {
        self.charges.push(charge);
        self.charges
            .sort_by_key(|charge| (charge.on, charge.number));
    }

    /// Those of the charges that AWS no longer invoices.
    pub(crate) fn drop_charges(&mut self, numbers: &BTreeSet<u32>) {
        for charge in &mut self.charges {
            charge.dropped |= numbers.contains(&charge.number);
        }
    }

    /// Whether no further charge can come: of a schedule, or once the cap is used up or the agreement over.
    pub(crate) fn is_complete(&self) -> Result<bool, MoneyError> {
        match self.charged_by {
            ChargedBy::Schedule | ChargedBy::EndedRequests => Ok(true),
            ChargedBy::Requests => {
                let amounts = self.charges.iter().map(|charge| charge.amount);
                let charged = Money::sum(amounts, self.currency())?;
                Ok(!self.price_total.checked_sub(charged)?.is_positive())
            }
        }
    }

    pub(crate) fn currency(&self) -> Currency {
        self.price_total.currency()
    }

    /// The charge whose turn it was on `date`: the last one due by then, or the first of all.
    pub(crate) fn charge_on(&self, date: NaiveDate) -> Option<&ExpectedCharge> {
        let due = self.charges.iter().filter(|charge| charge.on <= date);
        due.max_by_key(|charge| (charge.on, std::cmp::Reverse(charge.number)))
            .or(self.charges.first())
    }
}

fn check(accepted: &AcceptedAgreement) -> Result<ChargedBy, TermsError> {
    let price = accepted.price_total;
    let mut numbers = BTreeSet::new();
    for charge in &accepted.charges {
        if !charge.amount.is_positive() {
            return Err(TermsError::ChargeNotPositive(charge.number));
        }
        let margin = charge.amount.checked_sub(charge.wholesale)?;
        if charge.wholesale.is_negative() || margin.is_negative() {
            return Err(TermsError::WholesaleOutOfRange(charge.number));
        }
        if !numbers.insert(charge.number) {
            return Err(TermsError::ChargeTwice(charge.number));
        }
    }
    let charged_by = match (accepted.cap, numbers.is_empty()) {
        (None, true) => return Err(TermsError::NoCharges),
        (Some(_), false) => return Err(TermsError::ChargesBeforeRequests),
        (None, false) => ChargedBy::Schedule,
        (Some(_), true) => ChargedBy::Requests,
    };
    let amounts = accepted.charges.iter().map(|charge| charge.amount);
    let sum = Money::sum(amounts.chain(accepted.cap), price.currency())?;
    if sum != price {
        return Err(TermsError::ChargesDoNotAddUp { sum, price });
    }
    // Subtracting also refuses a fee or a base in another currency.
    price.checked_sub(accepted.base_total)?;
    let fee = accepted.expected_fee;
    if fee.is_negative() || price.checked_sub(fee)?.is_negative() {
        return Err(TermsError::FeeOutOfRange { fee, price });
    }
    if accepted.billing_terms_days > MAX_BILLING_TERMS_DAYS {
        return Err(TermsError::BillingTerms(accepted.billing_terms_days));
    }
    Ok(charged_by)
}

fn expected(
    charge: Charge,
    fee: Money,
    terms_days: u32,
    policy: CashPolicy,
) -> Result<ExpectedCharge, TermsError> {
    let payment_due = charge
        .on
        .checked_add_days(Days::new(u64::from(terms_days)))
        .ok_or(TermsError::Calendar)?;
    Ok(ExpectedCharge {
        number: charge.number,
        on: charge.on,
        amount: charge.amount,
        fee,
        wholesale: charge.wholesale,
        net: charge
            .amount
            .checked_sub(fee)?
            .checked_sub(charge.wholesale)?,
        payment_due,
        disbursement_expected: policy.disbursement_after(payment_due),
        dropped: false,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::samples::{accepted, date, handbook, resold, usd};
    use super::*;

    /// S0's figures: 102 500.00, fee 2 562.50, net 99 937.50, one charge, NET 30 (R1).
    #[test]
    fn the_handbook_deal() {
        let terms = handbook();
        assert_eq!(terms.expected_net, usd("99937.50"));
        let [charge] = terms.charges.as_slice() else {
            panic!("one charge")
        };
        assert_eq!((charge.fee, charge.net), (usd("2562.50"), usd("99937.50")));
        assert_eq!(charge.payment_due, date("2027-02-04"));
        assert_eq!(charge.disbursement_expected, date("2027-02-05"));
    }

    /// R1: the fee's pennies go to the largest remainders, and nothing is lost.
    #[test]
    fn the_fee_is_split_over_the_charges() {
        let terms = accepted(
            &[
                ("2027-01-05", "33.33"),
                ("2027-02-05", "33.33"),
                ("2027-03-05", "33.34"),
            ],
            "2.50",
        );
        let fees: Vec<_> = terms
            .charges
            .iter()
            .map(|charge| charge.fee.amount_text())
            .collect();
        assert_eq!(fees, ["0.83", "0.83", "0.84"]);
    }

    #[test]
    fn nonsense_is_no_expectation() {
        let good = || AcceptedAgreement {
            agreement: "agmt-1".parse().unwrap(),
            engagement: "eng-1".parse().unwrap(),
            offer: "offer-1".parse().unwrap(),
            authorization: None,
            accepted_at: DateTime::UNIX_EPOCH,
            charges: vec![Charge {
                number: 1,
                on: date("2027-01-05"),
                amount: usd("100.00"),
                wholesale: usd("0.00"),
            }],
            cap: None,
            base_total: usd("98.00"),
            price_total: usd("100.00"),
            fee_rate: Rate::ZERO,
            expected_fee: usd("2.50"),
            billing_terms_days: 30,
        };
        let refused = |change: fn(&mut AcceptedAgreement)| {
            let mut agreement = good();
            change(&mut agreement);
            Terms::expect(agreement, CashPolicy::default()).unwrap_err()
        };
        let mut longest = good();
        longest.billing_terms_days = 365;
        for agreement in [good(), longest] {
            assert!(Terms::expect(agreement, CashPolicy::default()).is_ok());
        }
        assert_eq!(refused(|a| a.charges.clear()), TermsError::NoCharges);
        assert!(matches!(
            refused(|a| a.price_total = usd("100.01")),
            TermsError::ChargesDoNotAddUp { .. }
        ));
        assert_eq!(
            refused(|a| a.charges[0].amount = usd("0")),
            TermsError::ChargeNotPositive(1)
        );
        assert_eq!(
            refused(|a| {
                a.charges.push(a.charges[0]);
            }),
            TermsError::ChargeTwice(1)
        );
        assert!(matches!(
            refused(|a| a.expected_fee = usd("100.01")),
            TermsError::FeeOutOfRange { .. }
        ));
        assert!(matches!(
            refused(|a| a.expected_fee = Money::zero(Currency::Eur)),
            TermsError::Money(_)
        ));
        for wholesale in ["-0.01", "100.01"] {
            let mut agreement = good();
            agreement.charges[0].wholesale = usd(wholesale);
            let refused = Terms::expect(agreement, CashPolicy::default());
            assert_eq!(
                refused,
                Err(TermsError::WholesaleOutOfRange(1)),
                "{wholesale}"
            );
        }
        assert_eq!(
            refused(|a| a.cap = Some(a.price_total)),
            TermsError::ChargesBeforeRequests
        );
        let by_requests = |cap: &str| {
            let mut agreement = good();
            agreement.charges.clear();
            agreement.cap = Some(usd(cap));
            Terms::expect(agreement, CashPolicy::default())
        };
        let terms = by_requests("100.00").unwrap();
        assert_eq!(
            (terms.charged_by, terms.charges.len()),
            (ChargedBy::Requests, 0)
        );
        assert!(matches!(
            by_requests("100.01"),
            Err(TermsError::ChargesDoNotAddUp { .. })
        ));
        assert_eq!(
            refused(|a| a.billing_terms_days = 366),
            TermsError::BillingTerms(366)
        );
    }

    /// S1: the reseller keeps 0.05 of each 0.55, and pays no fee.
    #[test]
    fn what_goes_to_the_manufacturer_is_not_kept() {
        let terms = resold();
        let nets: Vec<_> = terms
            .charges
            .iter()
            .map(|charge| (charge.wholesale.amount_text(), charge.net.amount_text()))
            .collect();
        let row = ("0.50".to_owned(), "0.05".to_owned());
        assert_eq!(nets, [row.clone(), row]);
        assert_eq!(terms.expected_wholesale, usd("1.00"));
        assert_eq!(
            (terms.expected_fee, terms.expected_net),
            (usd("0.00"), usd("0.10"))
        );
    }

    /// An invoice belongs to the charge whose turn it is; before the first, to the first.
    #[test]
    fn the_charge_of_a_date() {
        let terms = accepted(&[("2027-01-05", "10.00"), ("2027-02-05", "10.00")], "0.50");
        for (on, number) in [
            ("2027-01-01", 1),
            ("2027-01-05", 1),
            ("2027-02-04", 1),
            ("2027-02-05", 2),
            ("2030-01-01", 2),
        ] {
            assert_eq!(terms.charge_on(date(on)).unwrap().number, number, "{on}");
        }
    }

    proptest! {
        /// E4, R1: shares of the fee add up to the fee; nets add up to the net.
        #[test]
        fn shares_add_up(amounts in prop::collection::vec(1_i64..100_000_000, 1..60), fee_share in 0_i64..1_000) {
            let usd = Currency::Usd;
            let total: i64 = amounts.iter().sum();
            let charges = (1..).zip(&amounts).map(|(number, amount)| Charge {
                number,
                on: date("2027-01-05") + Days::new(u64::from(number)),
                amount: Money::from_minor_units(*amount, usd).unwrap(),
                wholesale: Money::zero(usd),
            });
            let terms = Terms::expect(AcceptedAgreement {
                agreement: "agmt-1".parse().unwrap(),
                engagement: "eng-1".parse().unwrap(),
                offer: "offer-1".parse().unwrap(),
                authorization: None,
                accepted_at: DateTime::UNIX_EPOCH,
                charges: charges.collect(),
                cap: None,
                base_total: Money::from_minor_units(total, usd).unwrap(),
                price_total: Money::from_minor_units(total, usd).unwrap(),
                fee_rate: Rate::ZERO,
                expected_fee: Money::from_minor_units(total * fee_share / 1_000, usd).unwrap(),
                billing_terms_days: 30,
            }, CashPolicy::default()).unwrap();
            let sum = |of: fn(&ExpectedCharge) -> Money| {
                Money::sum(terms.charges.iter().map(of), usd).unwrap()
            };
            prop_assert_eq!(sum(|charge| charge.fee), terms.expected_fee);
            prop_assert_eq!(sum(|charge| charge.net), terms.expected_net);
        }
    }
}

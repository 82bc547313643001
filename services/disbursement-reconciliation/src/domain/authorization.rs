//! The manufacturer's side of a resale (O2, R1): what a resale authorization lets expect of each sale.
//!
//! The agreement is between the reseller and the buyer, and AWS's Agreement API shows it to its parties only
//! (facts §3). What the manufacturer sees of it is in its feeds: the agreement, the reseller's offer with the
//! authorization that it was made from, and the wholesale price of each invoice, less the listing fee, which
//! is the manufacturer's to pay (facts §6.1, §6.6). So a sale is an agreement like any other, whose price is
//! the wholesale price.
//!
//! Who the two are makes no difference here: the four scenarios of S1 (ISV or channel partner, reselling an
//! ISV's or a channel partner's services) are paid out alike.

use countersign_kernel::chrono::{DateTime, Utc};
use countersign_kernel::money::MoneyError;
use countersign_kernel::rate::RateError;
use countersign_kernel::{EngagementId, Money, Rate};

use super::ids::{AgreementId, AuthorizationId, AwsOfferId};
use super::policy::ResaleFee;
use super::terms::{AcceptedAgreement, Charge};

/// AWS's words for an agreement that is over; one that is not known here is not taken for an end.
pub(crate) const OVER: [&str; 8] = [
    "ARCHIVED",
    "CANCELLED",
    "EXPIRED",
    "RENEWED",
    "REPLACED",
    "ROLLED_BACK",
    "SUPERSEDED",
    "TERMINATED",
];

/// A resale authorization as it was released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authorization {
    pub(crate) id: AuthorizationId,
    pub(crate) engagement: EngagementId,
    pub(crate) base_total: Money,
    /// The wholesale price.
    pub(crate) price_total: Money,
    /// Of the seller's own offers.
    pub(crate) fee_rate: Rate,
    /// At that rate.
    pub(crate) expected_fee: Money,
    /// What the reseller owes when, which its buyer's charges follow; empty: all of it on acceptance.
    pub(crate) charges: Vec<Charge>,
    pub(crate) billing_terms_days: u32,
}

/// A buyer accepted an offer that a reseller made from the authorization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sale {
    pub(crate) authorization: AuthorizationId,
    pub(crate) agreement: AgreementId,
    /// The reseller's.
    pub(crate) offer: AwsOfferId,
    pub(crate) accepted_at: DateTime<Utc>,
}

/// Why nothing can be expected of a sale.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unsellable {
    #[error("the listing fee's rate with what is added for a resale: {0}")]
    Rate(#[from] RateError),
    #[error("the fees cannot be added up: {0}")]
    Money(#[from] MoneyError),
}

impl Authorization {
    /// What is expected of a sale, before it is checked. AWS takes its fee, with what it adds for a partner's
    /// sale, from each invoice: what is expected of the whole is the sum of the charges' fees.
    pub(crate) fn sold(
        self,
        sale: Sale,
        added: ResaleFee,
    ) -> Result<AcceptedAgreement, Unsellable> {
        let currency = self.price_total.currency();
        let whole = Charge {
            number: 1,
            on: sale.accepted_at.date_naive(),
            amount: self.price_total,
            wholesale: Money::zero(currency),
        };
        let charges = if self.charges.is_empty() {
            vec![whole]
        } else {
            self.charges
        };
        let fee_rate = added.on_top_of(self.fee_rate)?;
        let fees = charges.iter().map(|charge| fee_rate.of(charge.amount));
        let expected_fee = Money::sum(fees, currency)?;
        Ok(AcceptedAgreement {
            agreement: sale.agreement,
            engagement: self.engagement,
            offer: sale.offer,
            authorization: Some(self.id),
            accepted_at: sale.accepted_at,
            charges,
            cap: None,
            base_total: self.base_total,
            price_total: self.price_total,
            fee_rate,
            expected_fee,
            billing_terms_days: self.billing_terms_days,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::policy::CashPolicy;
    use super::super::samples::{date, usd};
    use super::super::terms::Terms;
    use super::*;

    fn sold(charges: &[(&str, &str)]) -> Terms {
        let charges = (1..).zip(charges).map(|(number, (on, amount))| Charge {
            number,
            on: date(on),
            amount: usd(amount),
            wholesale: usd("0.00"),
        });
        let authorization = Authorization {
            id: "resaleauthz-1".parse().unwrap(),
            engagement: "eng-1".parse().unwrap(),
            base_total: usd("0.97"),
            price_total: usd("1.00"),
            fee_rate: Rate::parse("0.025").unwrap(),
            expected_fee: usd("0.02"),
            charges: charges.collect(),
            billing_terms_days: 30,
        };
        let sale = Sale {
            authorization: "resaleauthz-1".parse().unwrap(),
            agreement: "agmt-1".parse().unwrap(),
            offer: "offer-1".parse().unwrap(),
            accepted_at: "2027-01-03T21:00:00Z".parse().unwrap(),
        };
        let sold = authorization.sold(sale, ResaleFee::AWS).unwrap();
        Terms::expect(sold, CashPolicy::default()).unwrap()
    }

    /// S1 as the manufacturer has it: 0.50 and 0.50, less the fee, whatever the reseller asks for them. AWS
    /// takes 3 % of each invoice, which is 0.02 of 0.50, and not 0.03 of the whole.
    #[test]
    fn a_sale_brings_the_wholesale_price_less_the_fee() {
        let terms = sold(&[("2027-01-17", "0.50"), ("2027-01-18", "0.50")]);
        let fees: Vec<_> = terms.charges.iter().map(|charge| charge.fee).collect();
        assert_eq!(fees, [usd("0.02"), usd("0.02")]);
        assert_eq!(terms.expected_net, usd("0.96"));
        assert_eq!(terms.expected_wholesale, usd("0.00"));
        let days: Vec<_> = terms.charges.iter().map(|charge| charge.on).collect();
        assert_eq!(days, [date("2027-01-17"), date("2027-01-18")]);
    }

    #[test]
    fn without_installments_all_of_it_is_due_on_acceptance() {
        let terms = sold(&[]);
        let [charge] = terms.charges.as_slice() else {
            panic!("one charge")
        };
        assert_eq!(
            (charge.on, charge.amount),
            (date("2027-01-03"), usd("1.00"))
        );
        assert_eq!(charge.net, usd("0.97"));
    }
}

//! What an agreement that was cancelled leaves unpaid, and what of it the offer that takes its place does not carry
//! (O15).

use std::cmp::Ordering;
use std::fmt;

use countersign_kernel::Money;
use countersign_kernel::chrono::{DateTime, NaiveDate, Utc};

use super::agreement::Agreement;
use super::deal::DatedAmount;
use super::id::AgreementId;

/// The installments that AWS no longer invoices, by their days; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unpaid {
    pub(crate) agreement_id: AgreementId,
    pub(crate) charges: Vec<DatedAmount>,
}

/// An installment of which less is charged on its day, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Short {
    unpaid: DatedAmount,
    charged: Option<Money>,
}

impl Unpaid {
    /// `None` when AWS invoiced everything until the agreement was over.
    pub(crate) fn of(agreement: &Agreement, over_at: DateTime<Utc>) -> Option<Self> {
        let dropped = agreement.dropped(over_at).map(|(_, charge)| *charge);
        let mut charges: Vec<DatedAmount> = dropped.collect();
        charges.sort_by_key(|charge| charge.date);
        (!charges.is_empty()).then(|| Self {
            agreement_id: agreement.id.clone(),
            charges,
        })
    }

    /// What a schedule of `today` would have to charge: what was due before is due today.
    fn due(&self, today: NaiveDate) -> Vec<DatedAmount> {
        let mut due: Vec<DatedAmount> = Vec::new();
        for charge in &self.charges {
            let date = charge.date.max(today);
            let same_day = due.last().filter(|last| last.date == date);
            let sum = same_day.and_then(|last| last.amount.checked_add(charge.amount).ok());
            match (due.last_mut(), sum) {
                (Some(last), Some(sum)) => last.amount = sum,
                _ => due.push(DatedAmount { date, ..*charge }),
            }
        }
        due
    }

    /// What of it this schedule does not charge on its day. More may be charged: the work may have grown.
    pub(crate) fn left_out(&self, schedule: &[DatedAmount], today: NaiveDate) -> Vec<Short> {
        let short = self.due(today).into_iter().filter_map(|unpaid| {
            let charge = schedule.iter().find(|charge| charge.date == unpaid.date);
            let charged = charge.map(|charge| charge.amount);
            let order = charged.and_then(|charged| charged.compare(unpaid.amount));
            let carried = matches!(order, Some(Ordering::Equal | Ordering::Greater));
            (!carried).then_some(Short { unpaid, charged })
        });
        short.collect()
    }

    /// All of it; `None` while amounts do not add up.
    pub(crate) fn total(&self) -> Option<Money> {
        let amounts = self.charges.iter().map(|charge| charge.amount);
        let currency = amounts.clone().next()?.currency();
        Money::sum(amounts, currency).ok()
    }
}

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DatedAmount { date, amount } = self.unpaid;
        match self.charged {
            Some(charged) => write!(f, "on {date} {charged} in place of {amount}"),
            None => write!(f, "on {date} nothing in place of {amount}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample::{self, day, usd};

    fn charges(charges: &[(&str, &str)]) -> Vec<DatedAmount> {
        let charges = charges.iter();
        charges
            .map(|(date, amount)| sample::dated(date, amount))
            .collect()
    }

    /// Of an agreement that was over in the middle of March.
    fn unpaid() -> Unpaid {
        let agreement = Agreement {
            charges: charges(&[
                ("2026-05-01", "30.00"),
                ("2026-03-01", "10.00"),
                ("2026-04-01", "20.00"),
                ("2026-04-02", "5.00"),
            ]),
            ..sample::agreement()
        };
        Unpaid::of(&agreement, sample::at("2026-03-15T12:00:00Z")).unwrap()
    }

    fn told(today: &str, schedule: &[(&str, &str)]) -> Vec<String> {
        let short = unpaid().left_out(&charges(schedule), day(today));
        short.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_aws_invoiced_is_not_unpaid() {
        assert_eq!(unpaid().total(), Some(usd("55.00")));
        let over_at = sample::at("2026-03-15T12:00:00Z");
        assert_eq!(Unpaid::of(&sample::agreement(), over_at), None);
    }

    #[test]
    fn each_installment_is_charged_on_its_day_or_told() {
        let all = [
            ("2026-04-01", "20.00"),
            ("2026-04-02", "5.00"),
            ("2026-05-01", "30.00"),
        ];
        assert_eq!(told("2026-03-20", &all), [""; 0]);
        let grown = [
            ("2026-03-20", "7.00"),
            ("2026-04-01", "20.01"),
            ("2026-04-02", "5.00"),
            ("2026-05-01", "30.00"),
        ];
        assert_eq!(told("2026-03-20", &grown), [""; 0]);
        let less = [("2026-04-01", "19.99"), ("2026-05-02", "35.01")];
        assert_eq!(
            told("2026-03-20", &less),
            [
                "on 2026-04-01 19.99 USD in place of 20.00 USD",
                "on 2026-04-02 nothing in place of 5.00 USD",
                "on 2026-05-01 nothing in place of 30.00 USD",
            ]
        );
    }

    /// As the estimate of a replacement is prefilled (E11).
    #[test]
    fn what_was_due_meanwhile_is_one_charge_of_today() {
        let carried = [("2026-04-10", "25.00"), ("2026-05-01", "30.00")];
        assert_eq!(told("2026-04-10", &carried), [""; 0]);
        let less = [("2026-04-10", "24.99"), ("2026-05-01", "30.00")];
        assert_eq!(
            told("2026-04-10", &less),
            ["on 2026-04-10 24.99 USD in place of 25.00 USD"]
        );
    }

    #[test]
    fn another_currency_carries_nothing() {
        let mut schedule = charges(&[("2026-05-01", "30.00")]);
        schedule[0].amount = Money::parse("30.00", countersign_kernel::Currency::Eur).unwrap();
        let short = unpaid().left_out(&schedule, day("2026-04-30"));
        assert_eq!(short.len(), 2);
        assert!(short[1].to_string().contains("30.00 EUR in place of"));
    }
}

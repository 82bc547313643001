//! Rows and terms that the tests of this domain share.

use countersign_kernel::chrono::{NaiveDate, NaiveTime};
use countersign_kernel::{Currency, Money, Rate};

use super::billing_event::BillingEvent;
use super::policy::{CashPolicy, Schedule};
use super::terms::{AcceptedAgreement, Charge, Terms};

pub(crate) fn usd(text: &str) -> Money {
    Money::parse(text, Currency::Usd).unwrap()
}

pub(crate) fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// S0's deal: 102 500.00, fee 2.5 %, prepaid, NET 30, accepted on 5 January 2027, paid out daily.
pub(crate) fn handbook() -> Terms {
    accepted(&[("2027-01-05", "102500.00")], "2562.50")
}

/// S1's sale of a reseller: 0.50 of each 0.55 is the manufacturer's; a reseller pays no listing fee.
pub(crate) fn resold() -> Terms {
    let charges = [
        ("2027-01-05", "0.55", "0.50"),
        ("2027-02-05", "0.55", "0.50"),
    ];
    agreed(&charges, "0.00", "0")
}

/// An agreement with these charges, paid out daily.
pub(crate) fn accepted(charges: &[(&str, &str)], fee: &str) -> Terms {
    let charges: Vec<_> = charges
        .iter()
        .map(|(on, amount)| (*on, *amount, "0.00"))
        .collect();
    agreed(&charges, fee, "0.025")
}

fn agreed(charges: &[(&str, &str, &str)], fee: &str, rate: &str) -> Terms {
    let charges: Vec<Charge> = (1..)
        .zip(charges)
        .map(|(number, (on, amount, wholesale))| Charge {
            number,
            on: date(on),
            amount: usd(amount),
            wholesale: usd(wholesale),
        })
        .collect();
    let price = Money::sum(charges.iter().map(|charge| charge.amount), Currency::Usd).unwrap();
    let accepted_at = charges[0].on.and_time(NaiveTime::MIN).and_utc();
    let agreement = AcceptedAgreement {
        agreement: "agmt-1".parse().unwrap(),
        engagement: "eng-1".parse().unwrap(),
        offer: "offer-1".parse().unwrap(),
        authorization: None,
        accepted_at,
        charges,
        cap: None,
        base_total: usd("0.00"),
        price_total: price,
        fee_rate: Rate::parse(rate).unwrap(),
        expected_fee: usd(fee),
        billing_terms_days: 30,
    };
    Terms::expect(agreement, CashPolicy::new(Schedule::Daily, 1).unwrap()).unwrap()
}

/// An agreement with a cap of 1 000.00 and these approved payment requests; fee 2.5 %, NET 30 (O17).
pub(crate) fn requested(charges: &[(&str, &str)]) -> Terms {
    let agreement = AcceptedAgreement {
        agreement: "agmt-1".parse().unwrap(),
        engagement: "eng-1".parse().unwrap(),
        offer: "offer-1".parse().unwrap(),
        authorization: None,
        accepted_at: date("2027-01-05").and_time(NaiveTime::MIN).and_utc(),
        charges: Vec::new(),
        cap: Some(usd("1000.00")),
        base_total: usd("0.00"),
        price_total: usd("1000.00"),
        fee_rate: Rate::parse("0.025").unwrap(),
        expected_fee: usd("25.00"),
        billing_terms_days: 30,
    };
    let policy = CashPolicy::new(Schedule::Daily, 1).unwrap();
    let mut terms = Terms::expect(agreement, policy).unwrap();
    for (number, (on, amount)) in (1..).zip(charges) {
        let charge = terms.expect_request(request(number, on, amount)).unwrap();
        terms.add(charge);
    }
    terms
}

/// The charge of an approved payment request.
pub(crate) fn request(number: u32, on: &str, amount: &str) -> Charge {
    Charge {
        number,
        on: date(on),
        amount: usd(amount),
        wholesale: usd("0.00"),
    }
}

/// A billing event under construction; of the handbook agreement unless told otherwise.
#[derive(Clone)]
pub(crate) struct Row {
    event: BillingEvent,
    amount: String,
}

impl Row {
    pub(crate) fn new(id: &str, action: &str, kind: &str, amount: &str) -> Self {
        let event = BillingEvent {
            id: id.parse().unwrap(),
            agreement: Some("agmt-1".parse().unwrap()),
            offer: Some("offer-1".parse().unwrap()),
            action: action.parse().unwrap(),
            kind: kind.parse().unwrap(),
            wholesale: false,
            amount: Money::zero(Currency::Usd),
            invoice: Some("inv-1".parse().unwrap()),
            invoiced_on: Some(date("2027-01-05")),
            payment_due: None,
            acted_at: date("2027-01-05").and_time(NaiveTime::MIN).and_utc(),
            parent: None,
            disbursement: None,
            bank_trace: None,
        };
        Self {
            event,
            amount: amount.to_owned(),
        }
        .currency("USD")
    }

    pub(crate) fn currency(mut self, code: &str) -> Self {
        self.event.amount = Money::parse(&self.amount, code.parse().unwrap()).unwrap();
        self
    }

    pub(crate) fn agreement(mut self, agreement: Option<&str>) -> Self {
        self.event.agreement = agreement.map(|text| text.parse().unwrap());
        self
    }

    pub(crate) fn offer(mut self, offer: Option<&str>) -> Self {
        self.event.offer = offer.map(|text| text.parse().unwrap());
        self
    }

    pub(crate) fn invoice(mut self, id: &str) -> Self {
        self.event.invoice = Some(id.parse().unwrap());
        self
    }

    /// Invoiced and done on this day.
    pub(crate) fn on(mut self, day: &str) -> Self {
        self.event.invoiced_on = Some(date(day));
        self.event.acted_at = date(day).and_time(NaiveTime::MIN).and_utc();
        self
    }

    /// What a reseller owes its manufacturer.
    pub(crate) fn wholesale(mut self) -> Self {
        self.event.wholesale = true;
        self
    }

    pub(crate) fn parent(mut self, id: &str) -> Self {
        self.event.parent = Some(id.parse().unwrap());
        self
    }

    pub(crate) fn disbursement(mut self, id: &str) -> Self {
        self.event.disbursement = Some(id.parse().unwrap());
        self
    }

    pub(crate) fn bank_trace(mut self, id: &str) -> Self {
        self.event.bank_trace = Some(id.to_owned());
        self
    }

    pub(crate) fn build(self) -> BillingEvent {
        self.event
    }
}

/// The handbook deal's rows: invoiced (2), collected, paid out (2), the deposit of this much.
pub(crate) fn handbook_rows(deposited: &str) -> Vec<BillingEvent> {
    [
        Row::new("inv-rev", "INVOICED", "SELLER_REV_SHARE", "102500.00"),
        Row::new("inv-fee", "INVOICED", "AWS_REV_SHARE", "-2562.50"),
        Row::new("col-rev", "COLLECTED", "SELLER_REV_SHARE", "102500.00").parent("inv-rev"),
        Row::new("pay-rev", "DISBURSED", "SELLER_REV_SHARE", "-102500.00")
            .parent("inv-rev")
            .disbursement("dep"),
        Row::new("pay-fee", "DISBURSED", "AWS_REV_SHARE", "2562.50")
            .parent("inv-fee")
            .disbursement("dep"),
        Row::new("dep", "DISBURSED", "DISBURSEMENT", deposited)
            .agreement(None)
            .offer(None)
            .bank_trace("TRACE-1"),
    ]
    .into_iter()
    .map(Row::build)
    .collect()
}

/// The deposit came back.
pub(crate) fn deposit_failed(deposit: &str) -> BillingEvent {
    let id = format!("{deposit}-failed");
    Row::new(&id, "DISBURSED", "DISBURSEMENT_FAILURE", "-99937.50")
        .agreement(None)
        .offer(None)
        .parent(deposit)
        .build()
}

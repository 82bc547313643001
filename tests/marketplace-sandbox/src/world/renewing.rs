//! What the clock does to agreements: silence that is an answer, expiry, automatic renewal (facts §4).

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, TimeDelta, Utc};
use rust_decimal::Decimal;

use super::World;
use super::model::{
    Agreement, AgreementStatus, Charge, Offer, PriceIncrease, Renewal, RenewalRow, Schedule,
};
use super::payment_requests::{APPROVAL_DAYS, RequestStatus};
use super::{cancellations::SILENCE_DAYS, money};

/// Days before its end at which the marketplace reminds the seller of an agreement.
const REMINDERS: [i64; 5] = [180, 120, 90, 60, 30];

impl World {
    /// Everything that happens to agreements by `now`, in the order in which it happens.
    pub(super) fn advance_agreements(&mut self, now: DateTime<Utc>) {
        // Each turn settles what is due at its instant, and an agreement lasts a day at least.
        while let Some(at) = self.next_instant(now) {
            self.approve_by_silence(at);
            self.cancel_by_silence(at);
            self.remind(at);
            self.end_agreements(at);
        }
        if self.settings.auto_bill {
            self.bill_all(now);
        }
        self.complete_adjustments(now);
    }

    /// The next instant up to `now` at which silence or the calendar does something.
    fn next_instant(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let approvals = self
            .payment_requests
            .iter()
            .filter(|request| request.status == RequestStatus::Pending)
            .filter(|request| self.approves_by_silence(&request.agreement_id))
            .map(|request| request.created_at + TimeDelta::days(APPROVAL_DAYS));
        let cancellations = self
            .cancellations
            .iter()
            .filter(|request| request.status == RequestStatus::Pending)
            .map(|request| request.created_at + TimeDelta::days(SILENCE_DAYS));
        let ends = self
            .agreements
            .iter()
            .filter(|agreement| agreement.status == AgreementStatus::Active)
            .map(|agreement| agreement.ends_at);
        let reminders = self
            .agreements
            .iter()
            .filter(|agreement| agreement.status == AgreementStatus::Active)
            .filter_map(next_reminder);
        approvals
            .chain(cancellations)
            .chain(reminders)
            .chain(ends)
            .filter(|at| *at <= now)
            .min()
    }

    fn remind(&mut self, now: DateTime<Utc>) {
        for position in 0..self.agreements.len() {
            let agreement = &mut self.agreements[position];
            let due = next_reminder(agreement).filter(|at| *at <= now);
            let (AgreementStatus::Active, Some(at)) = (agreement.status, due) else {
                continue;
            };
            let days = agreement.reminders.remove(0);
            let ending = agreement.clone();
            self.agreement_ending(at, &ending, days);
        }
    }

    fn end_agreements(&mut self, now: DateTime<Utc>) {
        for position in 0..self.agreements.len() {
            let agreement = &self.agreements[position];
            if agreement.status != AgreementStatus::Active || agreement.ends_at > now {
                continue;
            }
            let at = agreement.ends_at;
            let renewal = agreement.renewing().cloned();
            if let Some(term) = renewal {
                self.end_agreement(at, position, AgreementStatus::Renewed);
                let ended = self.agreements[position].clone();
                self.renew(at, &ended, &term);
            } else {
                self.end_agreement(at, position, AgreementStatus::Expired);
            }
        }
    }

    /// The marketplace makes an offer of its own, at the higher price, and accepts it for the buyer.
    fn renew(&mut self, at: DateTime<Utc>, ended: &Agreement, term: &Renewal) {
        let factor = Decimal::ONE + percentage(term) / Decimal::ONE_HUNDRED;
        let mut next = Agreement {
            id: self.ids.agreement(),
            offer_id: self.ids.offer(),
            offer_revision: 1,
            status: AgreementStatus::Active,
            accepted_at: at,
            ends_at: at + (ended.ends_at - ended.accepted_at),
            updated_at: at,
            visible_at: at,
            schedule: renewed_schedule(ended, term, at.date_naive(), factor),
            preceding: Some(ended.id.clone()),
            renewal: Some(Renewal {
                max: term.max.map(|max| max.saturating_sub(1)),
                ..term.clone()
            }),
            approved: Vec::new(),
            orders: BTreeMap::new(),
            reminders: reminders(at, at + (ended.ends_at - ended.accepted_at)),
            invoices: Vec::new(),
            credits: Vec::new(),
            ..ended.clone()
        };
        for (_, id) in &mut next.terms {
            *id = self.ids.term();
        }
        let offer = self.offers.iter().find(|offer| offer.id == ended.offer_id);
        if let Some(offer) = offer.cloned() {
            let offer = Offer {
                id: next.offer_id.clone(),
                revision: 1,
                schedule: Some(next.schedule.clone()),
                renews: Some(ended.id.clone()),
                released_at: Some(at),
                modified_at: at,
                ..offer
            };
            self.offer_history.push(offer.clone());
            self.offers.push(offer);
        }
        self.agreement_created(at, &next, "RENEW");
        self.agreements.push(next);
    }
}

/// The reminders that an agreement's length leaves room for.
pub(super) fn reminders(starts_at: DateTime<Utc>, ends_at: DateTime<Utc>) -> Vec<i64> {
    let fits = |days: &i64| ends_at - TimeDelta::days(*days) > starts_at;
    REMINDERS.into_iter().filter(fits).collect()
}

fn next_reminder(agreement: &Agreement) -> Option<DateTime<Utc>> {
    let days = agreement.reminders.first()?;
    Some(agreement.ends_at - TimeDelta::days(*days))
}

fn percentage(term: &Renewal) -> Decimal {
    match &term.increase {
        Some(PriceIncrease::Fixed(value)) => *value,
        Some(PriceIncrease::Range { default, .. }) => *default,
        None => Decimal::ZERO,
    }
}

/// The template's shares of the higher total; without a template the whole of it on the first day.
fn renewed_schedule(
    ended: &Agreement,
    term: &Renewal,
    start: NaiveDate,
    factor: Decimal,
) -> Schedule {
    let currency = &ended.schedule.currency;
    let total = money::round(ended.schedule.total() * factor, currency);
    let rows = term.template.as_deref().unwrap_or_default();
    let mut left = total;
    let mut charges: Vec<Charge> = rows
        .iter()
        .map(|row| {
            let share = row.percentage / Decimal::ONE_HUNDRED;
            let amount = money::share(total, share, currency).min(left);
            left -= amount;
            Charge {
                date: date_of(row, start),
                amount,
            }
        })
        .collect();
    match charges.last_mut() {
        Some(last) => last.amount += left,
        None => charges.push(Charge {
            date: start,
            amount: total,
        }),
    }
    Schedule {
        currency: currency.clone(),
        charges,
    }
}

/// The row's day: so many months or days after the start, on the day of the month that it names.
fn date_of(row: &RenewalRow, start: NaiveDate) -> NaiveDate {
    let number = |unit: char| -> Option<u32> {
        let rest = row.offset.strip_prefix('P')?.strip_suffix(unit)?;
        rest.parse().ok()
    };
    let date = number('M')
        .and_then(|months| start.checked_add_months(Months::new(months)))
        .or_else(|| start.checked_add_days(Days::new(number('D')?.into())))
        .unwrap_or(start);
    row.day_of_month
        .and_then(|day| date.with_day(day))
        .unwrap_or(date)
}

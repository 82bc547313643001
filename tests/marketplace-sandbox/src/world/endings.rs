//! How an agreement ends: by its calendar, by a cancellation, or because AWS ends it (facts §3).

use chrono::{DateTime, Utc};

use super::World;
use super::agreements::Denied;
use super::model::{Agreement, AgreementStatus};

impl World {
    /// AWS ends an agreement, as when its buyer does not pay: nothing more is charged, what was invoiced stays.
    pub(crate) fn terminate(&mut self, now: DateTime<Utc>, id: &str) -> Result<&Agreement, Denied> {
        let position = self.agreement_position(id)?;
        if self.agreements[position].status != AgreementStatus::Active {
            return Err(Denied::new("NOT_ACTIVE", format!("{id} is over already.")));
        }
        self.end_agreement(now, position, AgreementStatus::Terminated);
        Ok(&self.agreements[position])
    }

    /// The agreement is over, and with it whatever one party had asked of the other.
    pub(super) fn end_agreement(
        &mut self,
        at: DateTime<Utc>,
        position: usize,
        status: AgreementStatus,
    ) {
        let agreement = &mut self.agreements[position];
        agreement.status = status;
        agreement.updated_at = at;
        agreement.ended_at = (at < agreement.ends_at).then_some(at);
        let ended = agreement.clone();
        self.drop_payment_requests(at, &ended.id);
        self.drop_cancellations(at, &ended.id);
        self.agreement_ended(at, &ended);
    }
}

//! What an offer must carry that takes the place of an agreement which was cancelled (O15). A change order may change
//! the price: what was approved and signed stands, and whoever releases it sees what of the old schedule it leaves out.

use countersign_kernel::Money;

use super::{Candidate, Kinds, Rule};

/// How many installments a finding tells one by one.
const TOLD: usize = 20;

pub(super) const RULES: &[Rule] = &[Rule::error(
    "UNPAID_INSTALLMENTS_CARRIED",
    Kinds::OFFERS,
    "schedule",
    "",
    "have the deal approved anew with the unpaid installments, or release it if what differs was agreed",
    carried,
)
.warning()];

fn carried(candidate: &Candidate) -> Option<String> {
    let unpaid = candidate.unpaid.as_ref()?;
    let plan = &candidate.plan;
    let short = unpaid.left_out(&plan.schedule, candidate.today);
    if short.is_empty() {
        return None;
    }
    let text =
        |sum: Option<Money>| sum.map_or("amounts that do not add up".into(), |sum| sum.to_string());
    let (left, charged) = (text(unpaid.total()), text(plan.total()));
    let mut told: Vec<String> = short.iter().take(TOLD).map(ToString::to_string).collect();
    if let Some(more) = short.len().checked_sub(TOLD).filter(|more| *more > 0) {
        told.push(format!("and {more} more"));
    }
    let (agreement, told) = (&unpaid.agreement_id, told.join(", "));
    Some(format!(
        "agreement {agreement} left {left} unpaid, this offer charges {charged}: {told}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample;

    /// The handbook's deal is one charge of 2026-03-02, by when none of the 25 installments was due.
    #[test]
    fn both_sums_and_the_first_of_many_installments_are_told() {
        let mut candidate = sample::candidate();
        let days: Vec<String> = (1..=25).map(|day| format!("2026-05-{day:02}")).collect();
        let charges: Vec<_> = days.iter().map(|day| (day.as_str(), "2.00")).collect();
        candidate.unpaid = Some(sample::unpaid(&charges));
        let problem = carried(&candidate).unwrap();
        let said = "agreement agmt-1 left 50.00 USD unpaid, this offer charges 102500.00 USD: \
                    on 2026-05-01 nothing in place of 2.00 USD, ";
        assert!(problem.starts_with(said), "{problem}");
        let end = "on 2026-05-20 nothing in place of 2.00 USD, and 5 more";
        assert!(problem.ends_with(end), "{problem}");
    }
}

//! Requests → domain: parse, don't validate; every wrong field at once (P4).

use countersign_kernel::{EngagementId, Rate};
use countersign_platform::{Page, Rejection, Violations};
use countersign_proto::disbursement_reconciliation::v1 as proto;

use super::page;
use crate::domain::discrepancy::CaseId;
use crate::domain::ids::AgreementId;
use crate::domain::policy::{CashPolicy, Policy, PolicyError, ResaleFee, Schedule};
use crate::store::discrepancy::Filter;

/// The longest reason for a resolution, in bytes: it stands in the ledger and in the audit trail.
const MAX_REASON: usize = 2_000;

/// An engagement, and one of its agreements where one is named.
pub(super) fn cash_of(
    request: &proto::GetEngagementCashRequest,
) -> Result<(EngagementId, Option<AgreementId>), Rejection> {
    let mut wrong = Violations::default();
    let engagement = wrong
        .required("engagement_id", &request.engagement_id)
        .and_then(|text| wrong.check("engagement_id", "NOT_AN_ENGAGEMENT_ID", text.parse()));
    let named = Some(request.agreement_id.as_str()).filter(|text| !text.is_empty());
    let agreement =
        named.and_then(|text| wrong.check("agreement_id", "NOT_AN_AGREEMENT_ID", text.parse()));
    wrong.finish(engagement.map(|engagement| (engagement, agreement)))
}

pub(super) fn optional_engagement(text: &str) -> Result<Option<EngagementId>, Rejection> {
    let mut wrong = Violations::default();
    let engagement = filter_by(&mut wrong, text);
    wrong.finish(Some(engagement))
}

/// `None` when it is not asked for; or when it is wrong, which is noted.
fn filter_by(wrong: &mut Violations, text: &str) -> Option<EngagementId> {
    if text.is_empty() {
        return None;
    }
    wrong.check("engagement_id", "NOT_AN_ENGAGEMENT_ID", text.parse())
}

pub(super) fn ledger_page(
    request: &proto::ListLedgerEntriesRequest,
) -> Result<(Option<EngagementId>, Page<i64>), Rejection> {
    let mut wrong = Violations::default();
    let engagement = filter_by(&mut wrong, &request.engagement_id);
    let page = page::within(&mut wrong, request.page_size, &request.page_token);
    wrong.finish(page.map(|page| (engagement, page)))
}

pub(super) fn discrepancy_page(
    request: &proto::ListDiscrepanciesRequest,
) -> Result<(Filter, Page<i64>), Rejection> {
    use proto::discrepancy::State;
    let mut wrong = Violations::default();
    let engagement = filter_by(&mut wrong, &request.engagement_id);
    let page = page::within(&mut wrong, request.page_size, &request.page_token);
    let state = match State::try_from(request.state) {
        Ok(State::Unspecified) => None,
        Ok(State::Open) => Some("open"),
        Ok(State::Resolved) => Some("resolved"),
        Ok(State::Cleared) => Some("cleared"),
        Err(unknown) => wrong.check("state", "STATE_UNKNOWN", Err(unknown)),
    };
    let filter = Filter { engagement, state };
    wrong.finish(page.map(|page| (filter, page)))
}

pub(super) fn resolution(
    request: &proto::ResolveDiscrepancyRequest,
) -> Result<(CaseId, String), Rejection> {
    let mut wrong = Violations::default();
    let case = wrong
        .required("case_id", &request.case_id)
        .and_then(|text| wrong.check("case_id", "NOT_A_CASE_ID", text.parse()));
    let reason = wrong
        .required("reason", request.reason.trim())
        .map(str::to_owned);
    if reason
        .as_ref()
        .is_some_and(|reason| reason.len() > MAX_REASON)
    {
        wrong.add("reason", "TOO_LONG", format!("at most {MAX_REASON} bytes"));
    }
    wrong.finish(case.zip(reason))
}

pub(super) fn policy(request: &proto::PutCashPolicyRequest) -> Result<Policy, Rejection> {
    let mut wrong = Violations::default();
    let Some(policy) = wrong.present("policy", request.policy.as_ref()) else {
        return Err(wrong.into_rejection());
    };
    let schedule = if policy.daily_disbursement {
        Schedule::Daily
    } else {
        Schedule::Monthly(policy.monthly_day)
    };
    let cash = CashPolicy::new(schedule, policy.penny_tolerance_minor_units);
    let resale_fee = resale_fee(&policy.resale_fee_rate);
    let errors = cash.as_ref().err().into_iter().flatten();
    for error in errors.chain(resale_fee.as_ref().err()) {
        let (field, reason) = match error {
            PolicyError::MonthlyDay => ("policy.monthly_day", "NOT_A_DISBURSEMENT_DAY"),
            PolicyError::Tolerance => ("policy.penny_tolerance_minor_units", "TOO_LARGE"),
            PolicyError::ResaleFee => ("policy.resale_fee_rate", "NOT_A_RESALE_FEE"),
        };
        wrong.add(field, reason, error.to_string());
    }
    let parsed = cash.ok().zip(resale_fee.ok());
    wrong.finish(parsed.map(|(cash, resale_fee)| Policy { cash, resale_fee }))
}

fn resale_fee(text: &str) -> Result<ResaleFee, PolicyError> {
    if text.is_empty() {
        return Ok(ResaleFee::AWS);
    }
    let rate = Rate::parse(text).map_err(|_| PolicyError::ResaleFee)?;
    ResaleFee::new(rate.fraction())
}

//! What estimate and approval tell.

use countersign_proto::approval::v1 as approval;
use countersign_proto::estimate::v1 as estimate;

use super::told::{Malformed, Told, given, line, record};
use crate::domain::cause::CauseKind;

pub(super) fn estimate_expired(event: &estimate::EstimateExpired) -> Told {
    Told::new(CauseKind::EstimateExpired)
        .internal("estimate_id", &event.estimate_id)
        .internal("estimate_version", event.version.to_string())
        .internal("valid_until", &event.valid_until)
}

pub(super) fn changes_requested(event: &approval::ChangesRequested) -> Told {
    Told::new(CauseKind::ChangesRequested)
        .internal("case_id", &event.case_id)
        .internal("estimate_id", &event.estimate_id)
        .internal("estimate_version", event.estimate_version.to_string())
        .internal("step", &event.step)
        .internal("decided_by", &event.requested_by)
        .paragraph("comment", &event.comment)
}

pub(super) fn case_rejected(event: &approval::CaseRejected) -> Told {
    Told::new(CauseKind::CaseRejected)
        .internal("case_id", &event.case_id)
        .internal("estimate_id", &event.estimate_id)
        .internal("estimate_version", event.estimate_version.to_string())
        .internal("step", &event.step)
        .internal("decided_by", &event.rejected_by)
        .paragraph("comment", &event.comment)
}

pub(super) fn stamp_voided(event: &approval::StampVoided) -> Told {
    Told::new(CauseKind::StampVoided)
        .internal("case_id", &event.case_id)
        .internal("digest", &event.digest)
        .internal("reason", &event.reason)
}

pub(super) fn sow_signed(event: &approval::SowSigned) -> Result<Told, Malformed> {
    let deal = given("deal", event.deal.as_ref())?;
    let estimate = given("deal.estimate", deal.estimate.as_ref())?;
    let sow = given("signed_sow", event.signed_sow.as_ref())?;
    let price = estimate
        .economics
        .as_ref()
        .and_then(|economics| economics.price_total.as_ref());
    let signatures = event.signatures.iter().map(|signature| {
        record([
            ("party", line(&signature.party)),
            ("signatory", line(&signature.signatory)),
            ("signed_at", line(&signature.signed_at)),
        ])
    });
    Told::new(CauseKind::SowSigned)
        .engagement(&estimate.engagement_id)
        .internal("signed_sow_file", &sow.file_name)
        .internal("signed_sow_digest", &sow.digest)
        .list("signatures", signatures.collect())
        .internal("case_id", &deal.case_id)
        .internal("digest", &deal.digest)
        .internal("customer_name", &estimate.customer_name)
        .internal("scope_duration", &estimate.scope_duration)
        .money("price_total", price)
}

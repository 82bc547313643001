//! What must hold of the approval behind the offer, and of its intake: rules of ours.

use super::{Candidate, Kinds, Rule, when};

pub(super) const RULES: &[Rule] = &[
    Rule::error(
        super::STAMP_INVALID,
        Kinds::ALL,
        "approved_digest",
        "",
        "have the deal stamped again",
        stamp,
    ),
    Rule::error(
        super::DIGEST_MISMATCH,
        Kinds::ALL,
        "approved_digest",
        "",
        "cancel this draft and draft the offer from the deal that is approved now",
        digest,
    ),
    Rule::error(
        super::SOW_NOT_SIGNED,
        Kinds::ALL,
        "approved_digest",
        "",
        "have both sides sign what is stamped now",
        signatures,
    ),
    Rule::error(
        super::CHECKLIST_OPEN,
        Kinds::ALL,
        "engagement_id",
        "",
        "close or waive every item",
        checklist,
    ),
    Rule::error(
        "INTAKE_CHANGED",
        Kinds::ALL,
        "buyer_account_id",
        "",
        "cancel this draft and draft the offer again: a draft keeps the intake that it was made from",
        intake,
    ),
];

fn stamp(candidate: &Candidate) -> Option<String> {
    when(!candidate.standing.stamp_valid, || {
        "legal's stamp does not hold".into()
    })
}

fn digest(candidate: &Candidate) -> Option<String> {
    let approved = candidate.standing.approved_digest;
    when(approved != Some(candidate.offer_digest), || {
        let approved = approved.map_or_else(|| "nothing".into(), |digest| digest.to_string());
        let carried = candidate.offer_digest;
        format!("the offer carries {carried}, approved is {approved}")
    })
}

fn signatures(candidate: &Candidate) -> Option<String> {
    let standing = candidate.standing;
    when(standing.stamp_valid && !standing.sow_signed, || {
        "the SOW is not signed by both sides as it is stamped now".into()
    })
}

fn checklist(candidate: &Candidate) -> Option<String> {
    when(!candidate.standing.checklist_completed, || {
        "the checklist of the engagement is open".into()
    })
}

fn intake(candidate: &Candidate) -> Option<String> {
    when(!candidate.intake_current, || {
        "the intake was completed anew since the offer was drafted".into()
    })
}

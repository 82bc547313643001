//! State → replies.

use chrono::NaiveDate;
use countersign_proto::offer::v1 as pb;

use super::parse;
use crate::domain::engagement::Engagement;
use crate::domain::listing::Listing;
use crate::domain::offer::{LegalDocument, Offer, Stage};
use crate::domain::preflight::{Finding, Severity};
use crate::store::offer::Position;
use crate::wire;

pub(super) fn listing(listing: &Listing) -> pb::Listing {
    pb::Listing {
        product_id: listing.product_id.to_string(),
        title: listing.title.clone(),
        dimension_keys: listing.dimension_keys.clone(),
    }
}

pub(super) fn engagement(engagement: &Engagement) -> pb::Engagement {
    let deal = engagement.deal();
    let intake = deal.zip(engagement.intake.as_ref());
    pb::Engagement {
        engagement_id: engagement.id.to_string(),
        deal: deal.filter(|_| engagement.sow_signed()).map(wire::deal),
        sow_signed: engagement.sow_signed(),
        checklist_completed: engagement.checklist_completed(),
        stamp_valid: engagement.stamp_valid(),
        intake: intake.map(|(deal, intake)| wire::data_elements(deal, intake)),
    }
}

/// The offer; a draft's charges are as if it were released `today` (UTC).
pub(super) fn offer(offer: &Offer, today: NaiveDate) -> pb::Offer {
    let overdue = matches!(&offer.stage, Stage::Releasing(release) if release.overdue);
    pb::Offer {
        offer_id: offer.id.to_string(),
        revision: offer.revision,
        state: state(&offer.stage).into(),
        summary: Some(wire::summary(offer)),
        name: offer.terms.name.clone(),
        description: offer.terms.description.clone(),
        approved_digest: offer.basis.deal.digest.to_string(),
        legal_document: Some(legal_document(offer)),
        change_set_id: offer
            .change_set_id
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        errors: wire::aws_errors(&offer.last_errors),
        publish_overdue: overdue,
        agreement_id: offer
            .agreement()
            .map(|held| held.id.to_string())
            .unwrap_or_default(),
        charges: wire::charges(&offer.charges(today)),
    }
}

const fn state(stage: &Stage) -> pb::offer::State {
    match stage {
        Stage::Draft => pb::offer::State::Draft,
        Stage::Releasing(_) => pb::offer::State::Releasing,
        Stage::Published { .. } => pb::offer::State::Published,
        Stage::Accepted { .. } => pb::offer::State::Accepted,
        Stage::Cancelled { .. } => pb::offer::State::Cancelled,
        Stage::Expired(_) => pb::offer::State::Expired,
    }
}

fn legal_document(offer: &Offer) -> pb::LegalDocument {
    use pb::legal_document::State;
    let sources = offer.basis.deal.documents_in_merge_order();
    let mut document = pb::LegalDocument {
        sources: sources.into_iter().map(wire::document).collect(),
        ..pb::LegalDocument::default()
    };
    match &offer.document {
        LegalDocument::Assembling => document.set_state(State::Assembling),
        LegalDocument::Ready(ready) => {
            document.set_state(State::Ready);
            document.digest = ready.digest.to_string();
            document.page_count = ready.pages;
            document.size_bytes = i64::try_from(ready.size_bytes).unwrap_or(i64::MAX);
        }
        LegalDocument::Failed { reason } => {
            document.set_state(State::Failed);
            document.failure.clone_from(reason);
        }
    }
    document
}

pub(super) fn findings(findings: &[Finding]) -> pb::PreflightResponse {
    let severity = |severity| match severity {
        Severity::Error => pb::finding::Severity::Error,
        Severity::Warning => pb::finding::Severity::Warning,
    };
    let findings = findings.iter().map(|finding| pb::Finding {
        rule: finding.rule.to_owned(),
        field: finding.field.to_owned(),
        aws_error_code: finding.aws_error_code.to_owned(),
        problem: finding.problem.clone(),
        fix: finding.fix.to_owned(),
        severity: severity(finding.severity).into(),
    });
    pb::PreflightResponse {
        findings: findings.collect(),
    }
}

/// One page; `found` holds one more than `size` when there is a next.
pub(super) fn page(
    found: &[(Position, Offer)],
    size: i64,
    today: NaiveDate,
) -> pb::ListOffersResponse {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let more = found.len() > size;
    let shown = &found[..found.len().min(size)];
    let last = shown.last().filter(|_| more);
    pb::ListOffersResponse {
        offers: shown.iter().map(|(_, one)| offer(one, today)).collect(),
        next_page_token: last
            .map(|(position, _)| parse::token(position))
            .unwrap_or_default(),
    }
}

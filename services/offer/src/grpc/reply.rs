//! State → replies.

use chrono::NaiveDate;
use countersign_proto::offer::v1 as pb;

use super::parse;
use crate::domain::engagement::Engagement;
use crate::domain::listing::{Listing, ReleaseWay};
use crate::domain::offer::{LegalDocument, Offer, Origin, Stage};
use crate::domain::plan::Plan;
use crate::domain::portal;
use crate::domain::preflight::prerequisite::{self, Confirmation, Prerequisite};
use crate::domain::preflight::{Finding, Severity};
use crate::domain::resale::Kind;
use crate::store::Position;
use crate::wire;

pub(super) fn listing(listing: &Listing) -> pb::Listing {
    pb::Listing {
        product_id: listing.product_id.to_string(),
        title: listing.title.clone(),
        dimension_keys: listing.dimension_keys.clone(),
        release_way: match listing.release_way {
            ReleaseWay::Api => pb::ReleaseWay::Unspecified,
            ReleaseWay::Portal => pb::ReleaseWay::Portal,
        }
        .into(),
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
        kind: kind(&offer.basis.kind).into(),
        authorization: wire::authorization(offer),
        awaits_portal: offer.waits_for_portal(),
        portal_offer_id: offer
            .portal_offer()
            .map(ToString::to_string)
            .unwrap_or_default(),
        cloned_from_offer_id: match &offer.basis.origin {
            Origin::Cloned { from } => from.to_string(),
            Origin::Drafted | Origin::Associated => String::new(),
        },
        associated: offer.basis.origin == Origin::Associated,
        aws_status: offer.aws_status.clone().unwrap_or_default(),
        net_terms_days: net_terms(&offer.basis.kind),
    }
}

fn net_terms(kind: &Kind) -> u32 {
    let terms = match kind {
        Kind::Direct => None,
        Kind::Authorization(allowed) => allowed.net_terms,
        Kind::Partner(partner) => partner.net_terms,
    };
    terms.map_or(0, |terms| terms.days().into())
}

const fn kind(kind: &Kind) -> pb::OfferKind {
    match kind {
        Kind::Direct => pb::OfferKind::Direct,
        Kind::Authorization(_) => pb::OfferKind::ResaleAuthorization,
        Kind::Partner(_) => pb::OfferKind::Partner,
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
            document.reseller_contract_digest = ready
                .reseller_contract
                .map(|digest| digest.to_string())
                .unwrap_or_default();
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

pub(super) fn preflight(found: &[Finding], confirmed: &[Confirmation]) -> pb::PreflightResponse {
    let severity = |severity| match severity {
        Severity::Error => pb::finding::Severity::Error,
        Severity::Warning => pb::finding::Severity::Warning,
    };
    let findings = found.iter().map(|finding| pb::Finding {
        rule: finding.rule.to_owned(),
        field: finding.field.to_owned(),
        aws_error_code: finding.aws_error_code.to_owned(),
        problem: finding.problem.clone(),
        fix: finding.fix.to_owned(),
        severity: severity(finding.severity).into(),
    });
    let items = prerequisite::CHECKLIST.iter().map(|item| {
        let confirmation = confirmed.iter().find(|one| one.id == item.id);
        checklist_item(item, confirmation)
    });
    pb::PreflightResponse {
        findings: findings.collect(),
        checklist: items.collect(),
    }
}

pub(super) fn checklist_item(
    item: &Prerequisite,
    confirmed: Option<&Confirmation>,
) -> pb::ChecklistItem {
    pb::ChecklistItem {
        item: item.id.to_owned(),
        aws_error_code: item.aws_error_code.to_owned(),
        what: item.what.to_owned(),
        confirmed_by: confirmed.map(|one| one.by.to_string()).unwrap_or_default(),
        confirmed_at: confirmed.map(|one| wire::time(one.at)).unwrap_or_default(),
    }
}

/// The sheet of a release that waits for AWS's portal (O10).
pub(super) fn portal_sheet(offer: &Offer, today: NaiveDate) -> pb::PortalSheet {
    let day = offer.released_at().map_or(today, |at| at.date_naive());
    let plan = Plan::of(offer, day);
    let document = plan.legal_document.map(|digest| format!("{digest}.pdf"));
    let sections = portal::sheet(&plan, document.as_deref().unwrap_or_default());
    let title = format!("Offer {} of engagement {}", offer.id, offer.engagement_id());
    pb::PortalSheet {
        offer_id: offer.id.to_string(),
        printable: portal::printable(&title, &sections),
        sections: sections.into_iter().map(portal_section).collect(),
    }
}

fn portal_section(section: portal::Section) -> pb::PortalSection {
    let fields = section.fields.into_iter();
    pb::PortalSection {
        title: section.title.to_owned(),
        fields: fields
            .map(|(name, value)| pb::PortalField { name, value })
            .collect(),
    }
}

/// One page of what was `found`.
pub(super) fn page(
    page: &parse::Page,
    found: Vec<(Position, Offer)>,
    today: NaiveDate,
) -> pb::ListOffersResponse {
    let (shown, next_page_token) = page.cut(found, |(position, _)| {
        parse::cursor(position.at, &position.id)
    });
    pb::ListOffersResponse {
        offers: shown.iter().map(|(_, one)| offer(one, today)).collect(),
        next_page_token,
    }
}

//! Change sets moving with the clock: PREPARING → APPLYING → SUCCEEDED or FAILED.

use chrono::{DateTime, Utc};

use super::authorizations::{Authorization, AuthorizationStatus};
use super::changes::Details;
use super::model::{
    Change, ChangeSet, ChangeSetStatus, Content, Document, Finding, Offer, OfferState, Verdict,
};
use super::unavailable::Unavailable;
use super::{World, authorization_changes, authorization_rules, resale_offers, rules};

impl World {
    /// Brings everything to `now`. Called before every request, so nothing needs a timer.
    pub(crate) fn advance(&mut self, now: DateTime<Utc>) {
        self.advance_agreements(now);
        self.close_agreement_requests(now);
        self.advance_change_sets(now);
    }

    fn advance_change_sets(&mut self, now: DateTime<Utc>) {
        let mut sets = std::mem::take(&mut self.change_sets);
        for set in sets.iter_mut().filter(|set| set.status.is_open()) {
            if set.status == ChangeSetStatus::Preparing && set.applying_at <= now {
                set.status = ChangeSetStatus::Applying;
            }
            let fetched = set.documents.iter().all(|(_, verdict)| verdict.is_some());
            if set.status == ChangeSetStatus::Applying && set.due_at <= now && fetched && !set.stuck
            {
                let at = set
                    .documents_at
                    .map_or(set.due_at, |documents| documents.max(set.due_at));
                self.finish(set, at);
                self.change_set_ended(at, set);
            }
        }
        self.change_sets = sets;
    }

    /// Takes the answer about one legal document of a change set.
    pub(crate) fn document_read(
        &mut self,
        now: DateTime<Utc>,
        set_id: &str,
        url: &str,
        verdict: &Verdict,
    ) {
        for set in self.change_sets.iter_mut().filter(|set| set.id == set_id) {
            for (known, slot) in &mut set.documents {
                if known == url {
                    *slot = Some(verdict.clone());
                }
            }
            set.documents_at = Some(now);
        }
    }

    /// All or nothing: the offers change only if no rule has anything to say.
    fn finish(&mut self, set: &mut ChangeSet, at: DateTime<Utc>) {
        set.ended_at = Some(at);
        if set.doomed {
            set.status = ChangeSetStatus::Failed;
            set.failure = Some(("SERVER_FAULT", "An internal error occurred. Try again."));
            return;
        }
        let mut ids: Vec<String> = set
            .changes
            .iter()
            .map(|change| change.entity_id.clone())
            .collect();
        ids.sort();
        ids.dedup();
        let mut after = After::default();
        let mut findings = Vec::new();
        for id in &ids {
            findings.extend(self.offer_after(set, id, at, &mut after));
            findings.extend(self.authorization_after(set, id, at, &mut after));
        }
        if findings.is_empty() {
            self.commit(set, after);
        } else {
            set.status = ChangeSetStatus::Failed;
            set.failure = Some((
                "CLIENT_ERROR",
                "One or more changes are not valid; see ErrorDetailList.",
            ));
            for (index, finding) in findings {
                set.changes[index].errors.push(finding);
            }
        }
    }

    fn offer_after(
        &self,
        set: &ChangeSet,
        id: &str,
        at: DateTime<Utc>,
        after: &mut After,
    ) -> Vec<(usize, Finding)> {
        let changes: Vec<(usize, &Details)> = of_entity(&set.changes, id)
            .filter_map(|(index, change)| match &change.content {
                Content::Offer(details) => Some((index, details)),
                Content::Authorization(_) => None,
            })
            .collect();
        let before = self.offers.iter().find(|offer| offer.id == *id);
        let made = match before {
            Some(offer) => Some(Offer {
                revision: offer.revision + 1,
                ..offer.clone()
            }),
            None => changes
                .iter()
                .find_map(|(_, details)| self.created(details, &set.owner, id, at)),
        };
        let Some(mut offer) = made else {
            return Vec::new();
        };
        changed(&mut offer, &changes, &set.documents, at);
        let authorization = offer
            .resale
            .as_ref()
            .and_then(|resale| self.authorization(&resale.authorization_id));
        let findings = rules::check(&rules::Case {
            before,
            after: &offer,
            changes: &changes,
            product: self.product(&offer.product_id),
            authorization,
            offers_made: authorization.map_or(0, |found| self.offers_made_of(&found.id)),
            documents: &set.documents,
            unknown_accounts: &self.facts.unknown_accounts,
            standing: self.standing(&offer.owner),
            now: at,
        });
        after.offers.push(offer);
        findings
    }

    fn created(
        &self,
        details: &Details,
        owner: &str,
        id: &str,
        at: DateTime<Utc>,
    ) -> Option<Offer> {
        match details {
            Details::CreateOffer { product_id, name } => {
                Some(direct_draft(product_id, name.clone(), owner, id, at))
            }
            Details::CreateOfferUsingResaleAuthorization {
                authorization_id,
                name,
                description,
            } => {
                let authorization = self.authorization(authorization_id)?;
                let (name, description) = (name.as_ref(), description.as_ref());
                Some(resale_offers::created(
                    authorization,
                    id,
                    name,
                    description,
                    at,
                ))
            }
            // Only to be refused with the rest.
            Details::Unavailable(Unavailable::Replacement { agreement_id, .. }) => {
                let mut agreements = self.agreements.iter();
                let replaced = agreements.find(|agreement| agreement.id == *agreement_id)?;
                Some(direct_draft(&replaced.product_id, None, owner, id, at))
            }
            _ => None,
        }
    }

    fn authorization_after(
        &self,
        set: &ChangeSet,
        id: &str,
        at: DateTime<Utc>,
        after: &mut After,
    ) -> Vec<(usize, Finding)> {
        let changes: Vec<(usize, &authorization_changes::Details)> = of_entity(&set.changes, id)
            .filter_map(|(index, change)| match &change.content {
                Content::Authorization(details) => Some((index, details)),
                Content::Offer(_) => None,
            })
            .collect();
        let before = self.authorization(id);
        let made = match before {
            Some(found) => Some(Authorization {
                revision: found.revision + 1,
                ..found.clone()
            }),
            None => changes
                .iter()
                .find_map(|(_, details)| Authorization::created(details, &set.owner, id, at)),
        };
        let Some(mut made) = made else {
            return Vec::new();
        };
        made.modified_at = at;
        for (_, details) in &changes {
            made.apply(details);
        }
        made.legal = made
            .legal
            .map(|document| with_copy(&document, &set.documents));
        made.contract = made
            .contract
            .map(|document| with_copy(&document, &set.documents));
        let released = |details: &authorization_changes::Details| {
            matches!(details, authorization_changes::Details::Release)
        };
        if changes.iter().any(|(_, details)| released(details)) {
            made.status = AuthorizationStatus::Active;
        }
        let findings = authorization_rules::check(&authorization_rules::Case {
            before,
            after: &made,
            changes: &changes,
            product: self.product(&made.product_id),
            documents: &set.documents,
            sellers: &self.sellers,
            unknown_accounts: &self.facts.unknown_accounts,
            disbursement_currencies: &self.standing(&made.owner).disbursement_currencies,
            now: at,
        });
        after.authorizations.push(made);
        findings
    }

    fn commit(&mut self, set: &mut ChangeSet, after: After) {
        set.status = ChangeSetStatus::Succeeded;
        for change in &set.changes {
            let kind = match change.content {
                Content::Offer(_) => "Offer",
                Content::Authorization(_) => "ResaleAuthorization",
            };
            self.tag(&set.owner, kind, &change.entity_id, &change.tags);
        }
        for (_, verdict) in &mut set.documents {
            if let Some(Verdict::Good { digest, bytes }) = verdict {
                self.legal_copies.insert(digest.clone(), bytes.clone());
            }
        }
        for offer in after.offers {
            stamp(set, &offer.id, offer.revision);
            if offer.released_at == Some(offer.modified_at) {
                self.offer_released(offer.modified_at, &offer);
            }
            self.offer_history.push(offer.clone());
            match self.offers.iter_mut().find(|known| known.id == offer.id) {
                Some(known) => *known = offer,
                None => self.offers.push(offer),
            }
        }
        for found in after.authorizations {
            stamp(set, &found.id, found.revision);
            let known = self
                .authorizations
                .iter_mut()
                .find(|known| known.id == found.id);
            match known {
                Some(known) => *known = found,
                None => self.authorizations.push(found),
            }
        }
    }
}

/// What a change set makes of the entities that it names.
#[derive(Default)]
struct After {
    offers: Vec<Offer>,
    authorizations: Vec<Authorization>,
}

fn of_entity<'a>(changes: &'a [Change], id: &'a str) -> impl Iterator<Item = (usize, &'a Change)> {
    changes
        .iter()
        .enumerate()
        .filter(move |(_, change)| change.entity_id == id)
}

fn stamp(set: &mut ChangeSet, id: &str, revision: u32) {
    for change in set
        .changes
        .iter_mut()
        .filter(|change| change.entity_id == id)
    {
        change.revision = Some(revision);
    }
}

/// The offer as the changes leave it. AWS decides the order itself: create first, release last.
fn changed(
    offer: &mut Offer,
    changes: &[(usize, &Details)],
    documents: &[(String, Option<Verdict>)],
    at: DateTime<Utc>,
) {
    offer.modified_at = at;
    for (_, details) in changes {
        apply(offer, details, documents);
    }
    resale_offers::reprice(offer);
    let released = |details: &Details| matches!(details, Details::ReleaseOffer);
    if changes.iter().any(|(_, details)| released(details)) && offer.state == OfferState::Draft {
        offer.state = OfferState::Released;
        offer.released_at = Some(at);
    }
}

/// A draft offer of the seller's own product.
pub(crate) fn direct_draft(
    product_id: &str,
    name: Option<String>,
    owner: &str,
    id: &str,
    at: DateTime<Utc>,
) -> Offer {
    Offer {
        id: id.to_owned(),
        owner: owner.to_owned(),
        product_id: product_id.to_owned(),
        revision: 1,
        state: OfferState::Draft,
        name,
        description: None,
        pre_existing_agreement: None,
        targeting: None,
        legal: None,
        pricing: None,
        schedule: None,
        validity: None,
        net_payment: None,
        renewal: None,
        variable: None,
        resale: None,
        renews: None,
        availability_end: None,
        released_at: None,
        modified_at: at,
    }
}

fn apply(offer: &mut Offer, details: &Details, documents: &[(String, Option<Verdict>)]) {
    match details {
        Details::UpdateInformation(information) => {
            if let Some(name) = &information.name {
                offer.name = Some(name.clone());
            }
            if let Some(description) = &information.description {
                offer.description = Some(description.clone());
            }
            if let Some(pre_existing) = &information.pre_existing_agreement {
                offer.pre_existing_agreement =
                    Some(pre_existing.clone()).filter(|value| !value.is_null());
            }
        }
        Details::UpdateTargeting(targeting) => offer.targeting = Some(targeting.clone()),
        Details::UpdateLegalTerms(legal) => {
            // A partner adds documents to the manufacturer's.
            let inherited = offer.resale.iter().flat_map(|resale| resale.legal.clone());
            let own = legal.iter().map(|document| with_copy(document, documents));
            offer.legal = Some(inherited.chain(own).collect());
        }
        Details::UpdatePricingTerms(pricing) => offer.pricing.clone_from(pricing),
        Details::UpdatePaymentScheduleTerms(schedule) => {
            offer.schedule.clone_from(schedule);
            if let Some(resale) = &mut offer.resale {
                resale.explicit = true;
            }
        }
        Details::UpdateNetPaymentTerms(period) => offer.net_payment.clone_from(period),
        Details::UpdateRenewalTerms(renewal) => offer.renewal.clone_from(renewal),
        Details::UpdateMarkup(percentage) => {
            if let Some(resale) = &mut offer.resale {
                resale.markup = Some(*percentage);
            }
        }
        Details::UpdateAvailability(end) => offer.availability_end = Some(*end),
        Details::UpdateValidityTerms(validity) => offer.validity.clone_from(validity),
        Details::CreateOffer { .. }
        | Details::CreateOfferUsingResaleAuthorization { .. }
        | Details::ReleaseOffer
        | Details::Unavailable(_) => {}
    }
}

/// AWS keeps its own copy of a legal document and shows that copy's URL, not the one submitted.
fn with_copy(document: &Document, documents: &[(String, Option<Verdict>)]) -> Document {
    let Document::CustomEula { url, .. } = document else {
        return document.clone();
    };
    // Only the documents of this set were read now.
    if !documents.iter().any(|(known, _)| known == url) {
        return document.clone();
    }
    let copy = documents
        .iter()
        .find(|(known, _)| known == url)
        .and_then(|(_, verdict)| match verdict {
            Some(Verdict::Good { digest, .. }) => Some(digest.clone()),
            Some(Verdict::Bad { .. } | Verdict::TooLarge { .. }) | None => None,
        });
    Document::CustomEula {
        url: url.clone(),
        copy,
    }
}

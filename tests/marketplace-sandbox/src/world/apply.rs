//! Change sets moving with the clock: PREPARING → APPLYING → SUCCEEDED or FAILED.

use chrono::{DateTime, Utc};

use super::World;
use super::changes::Details;
use super::model::{
    AgreementStatus, Change, ChangeSet, ChangeSetStatus, Document, Finding, Offer, OfferState,
    Verdict,
};
use super::rules;

impl World {
    /// Brings everything to `now`. Called before every request, so nothing needs a timer.
    pub(crate) fn advance(&mut self, now: DateTime<Utc>) {
        for agreement in &mut self.agreements {
            if agreement.status == AgreementStatus::Active && agreement.ends_at <= now {
                agreement.status = AgreementStatus::Expired;
                agreement.updated_at = agreement.ends_at;
            }
        }
        let mut sets = std::mem::take(&mut self.change_sets);
        for set in sets.iter_mut().filter(|set| set.status.is_open()) {
            if set.status == ChangeSetStatus::Preparing && set.applying_at <= now {
                set.status = ChangeSetStatus::Applying;
            }
            let fetched = set.documents.iter().all(|(_, verdict)| verdict.is_some());
            if set.status == ChangeSetStatus::Applying && set.due_at <= now && fetched {
                let at = set
                    .documents_at
                    .map_or(set.due_at, |documents| documents.max(set.due_at));
                self.finish(set, at);
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
        let mut offers = Vec::new();
        let mut findings = Vec::new();
        for id in &ids {
            let before = self.offers.iter().find(|offer| offer.id == *id);
            let Some(after) = after(before, &set.owner, id, &set.changes, &set.documents, at)
            else {
                continue;
            };
            findings.extend(self.check(before, &after, set, at));
            offers.push(after);
        }
        if findings.is_empty() {
            self.commit(set, offers);
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

    fn check(
        &self,
        before: Option<&Offer>,
        after: &Offer,
        set: &ChangeSet,
        at: DateTime<Utc>,
    ) -> Vec<(usize, Finding)> {
        let changes: Vec<(usize, &Details)> = set
            .changes
            .iter()
            .enumerate()
            .filter(|(_, change)| change.entity_id == after.id)
            .map(|(index, change)| (index, &change.details))
            .collect();
        rules::check(&rules::Case {
            before,
            after,
            changes: &changes,
            product: self.product(&after.product_id),
            documents: &set.documents,
            unknown_accounts: &self.facts.unknown_accounts,
            disbursement_currencies: &self.facts.disbursement_currencies,
            tax_information_complete: self.facts.tax_information_complete,
            now: at,
        })
    }

    fn commit(&mut self, set: &mut ChangeSet, offers: Vec<Offer>) {
        set.status = ChangeSetStatus::Succeeded;
        for (_, verdict) in &mut set.documents {
            if let Some(Verdict::Good { digest, bytes }) = verdict {
                self.legal_copies.insert(digest.clone(), bytes.clone());
            }
        }
        for offer in offers {
            for change in set
                .changes
                .iter_mut()
                .filter(|change| change.entity_id == offer.id)
            {
                change.revision = Some(offer.revision);
            }
            self.offer_history.push(offer.clone());
            match self.offers.iter_mut().find(|known| known.id == offer.id) {
                Some(known) => *known = offer,
                None => self.offers.push(offer),
            }
        }
    }
}

/// The offer as the changes leave it. AWS decides the order itself: create first, release last.
fn after(
    before: Option<&Offer>,
    owner: &str,
    id: &str,
    changes: &[Change],
    documents: &[(String, Option<Verdict>)],
    at: DateTime<Utc>,
) -> Option<Offer> {
    let own = || {
        changes
            .iter()
            .filter(|change| change.entity_id == id)
            .map(|change| &change.details)
    };
    let mut offer = match before {
        Some(offer) => Offer {
            revision: offer.revision + 1,
            ..offer.clone()
        },
        None => own().find_map(|details| created(details, owner, id, at))?,
    };
    offer.modified_at = at;
    for details in own() {
        apply(&mut offer, details, documents);
    }
    if own().any(|details| matches!(details, Details::ReleaseOffer))
        && offer.state == OfferState::Draft
    {
        offer.state = OfferState::Released;
        offer.released_at = Some(at);
    }
    Some(offer)
}

fn created(details: &Details, owner: &str, id: &str, at: DateTime<Utc>) -> Option<Offer> {
    let Details::CreateOffer { product_id, name } = details else {
        return None;
    };
    Some(Offer {
        id: id.to_owned(),
        owner: owner.to_owned(),
        product_id: product_id.clone(),
        revision: 1,
        state: OfferState::Draft,
        name: name.clone(),
        description: None,
        pre_existing_agreement: None,
        targeting: None,
        legal: None,
        pricing: None,
        schedule: None,
        validity: None,
        availability_end: None,
        released_at: None,
        modified_at: at,
    })
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
            offer.legal = Some(
                legal
                    .iter()
                    .map(|document| with_copy(document, documents))
                    .collect(),
            );
        }
        Details::UpdatePricingTerms(pricing) => offer.pricing.clone_from(pricing),
        Details::UpdatePaymentScheduleTerms(schedule) => offer.schedule.clone_from(schedule),
        Details::UpdateAvailability(end) => offer.availability_end = Some(*end),
        Details::UpdateValidityTerms(validity) => offer.validity.clone_from(validity),
        Details::CreateOffer { .. } | Details::ReleaseOffer => {}
    }
}

/// AWS keeps its own copy of a legal document and shows that copy's URL, not the one submitted.
fn with_copy(document: &Document, documents: &[(String, Option<Verdict>)]) -> Document {
    let Document::CustomEula { url, .. } = document else {
        return document.clone();
    };
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

//! An offer that was made elsewhere, in AWS's portal or with another tool, becomes ours (O12): what AWS has
//! is laid beside what the engagement's approval says, field by field, and only what was looked at is
//! adopted. From then on it is an offer like any other.
//!
//! What approval binds must be equal (O3, A4): product, buyers, currency, price, cap, schedule, duration,
//! payment terms. What a person chooses is AWS's: name, description, expiry. AWS shows its own copy of the
//! legal document (facts §1.2), whose bytes need not be ours: that there is exactly one, of the seller's own,
//! is checked, and that it says what was signed somebody must have read. Offers of a seller to a buyer are
//! associated; one that resells, or an authorization, differs in its kind, and is not.

use std::fmt::Write as _;

use countersign_kernel::chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use countersign_kernel::{Digest, EngagementId};

use super::agreement::Agreement;
use super::command;
use super::deal::PaymentPlan;
use super::engagement::Engagement;
use super::id::{AwsOfferId, OfferId};
use super::offer::{Basis, Event, Origin, Publication, Terms};
use super::plan::Plan;
use super::portal::{self, Compared, Shown};
use super::rejection::{Rejection, Violation};
use super::resale::Kind;

/// How one field stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// AWS has what was approved.
    Same,
    /// Not approved but chosen: AWS's counts.
    Adopted,
    /// A person must have read it.
    ToRead,
    /// AWS has something else than what was approved.
    Differs,
}

/// One field of an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    /// The reason code where it differs.
    pub(crate) code: &'static str,
    /// Empty where nothing was approved.
    pub(crate) approved: String,
    /// Empty where AWS shows nothing.
    pub(crate) at_aws: String,
    pub(crate) verdict: Verdict,
}

/// What AWS has beside what was approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Comparison {
    pub(crate) fields: Vec<Field>,
    /// Binds every field of the comparison, of this offer with this approval.
    pub(crate) digest: Digest,
    /// The buyer can accept it, or could.
    pub(crate) released: bool,
    basis: Basis,
    terms: Terms,
    released_at: DateTime<Utc>,
}

impl Comparison {
    /// Whether nothing of it stops the association.
    pub(crate) fn adoptable(&self) -> bool {
        let fits = |field: &Field| field.verdict != Verdict::Differs;
        self.released && self.fields.iter().all(fits)
    }

    fn differences(&self) -> Vec<Violation> {
        let differ = self
            .fields
            .iter()
            .filter(|one| one.verdict == Verdict::Differs);
        let told = differ.map(|field| {
            let problem = format!(
                "approved is {:?}, AWS has {:?}",
                field.approved, field.at_aws
            );
            Violation::new(field.name, field.code, problem)
        });
        told.collect()
    }
}

/// Fields that nobody approves: who makes the offer chooses them.
const CHOSEN: [&str; 2] = ["name", "expires_on"];

/// Lays what AWS has under `aws_offer_id` beside what is approved of `engagement`.
///
/// # Errors
/// There is nothing approved to compare with: no stamp that holds, no signatures, no intake that fits.
pub(crate) fn compare(
    aws_offer_id: &AwsOfferId,
    engagement: &Engagement,
    shown: &Shown,
    now: DateTime<Utc>,
) -> Result<Comparison, Rejection> {
    let basis = command::basis(engagement, Kind::Direct, Origin::Associated)?;
    let terms = Terms {
        name: shown.name.clone().unwrap_or_default(),
        description: shown.description.clone().unwrap_or_default(),
        expires_on: shown
            .available_until
            .as_deref()
            .and_then(|day| day.parse().ok()),
    };
    let day = charged_on(&basis.deal.estimate.payment_plan, shown, &terms);
    let day = day.unwrap_or_else(|| now.date_naive());
    let plan = Plan::of_terms(&basis, &terms, None, day);
    let mut fields: Vec<Field> = portal::compared(&plan, shown)
        .into_iter()
        .map(field)
        .collect();
    fields.push(Field {
        name: "description",
        code: "",
        approved: String::new(),
        at_aws: terms.description.clone(),
        verdict: Verdict::Adopted,
    });
    fields.push(legal(&basis, shown));
    Ok(Comparison {
        digest: digest(&engagement.id, aws_offer_id, &basis, &fields),
        fields,
        released: shown.is_released(),
        basis,
        terms,
        released_at: day.and_time(NaiveTime::MIN).and_utc(),
    })
}

/// A prepaid deal is one charge on acceptance, on whatever day it was entered: AWS invoices what is dated on
/// or before the expiry at once (facts §1.3).
fn charged_on(plan: &PaymentPlan, shown: &Shown, terms: &Terms) -> Option<NaiveDate> {
    let (PaymentPlan::Prepaid, [(date, _)]) = (plan, shown.schedule.as_slice()) else {
        return None;
    };
    let date = date.parse().ok()?;
    (date <= terms.expires_on?).then_some(date)
}

fn field(compared: Compared) -> Field {
    let Compared {
        field: name,
        code,
        own,
        has,
    } = compared;
    let chosen = CHOSEN.contains(&name);
    let verdict = match (own == has, chosen) {
        // What a buyer accepts has a name, and an end.
        (_, true) if has.is_empty() => Verdict::Differs,
        (true, true) => Verdict::Adopted,
        (true, false) => Verdict::Same,
        (false, _) => Verdict::Differs,
    };
    Field {
        name,
        code,
        approved: if chosen { String::new() } else { own },
        at_aws: has,
        verdict,
    }
}

fn legal(basis: &Basis, shown: &Shown) -> Field {
    let documents = basis.deal.documents_in_merge_order();
    let names = documents.iter().map(|document| document.file_name.as_str());
    let one_of_ours =
        matches!(shown.legal.as_slice(), [one] if one.starts_with(portal::CUSTOM_EULA));
    Field {
        name: "legal_document",
        code: "LEGAL_DOCUMENT_DIFFERS",
        approved: names.collect::<Vec<_>>().join(", "),
        at_aws: shown.legal.join(", "),
        verdict: if one_of_ours {
            Verdict::ToRead
        } else {
            Verdict::Differs
        },
    }
}

/// Each text with its length before it, so that no two comparisons read the same.
fn digest(
    engagement: &EngagementId,
    aws_offer_id: &AwsOfferId,
    basis: &Basis,
    fields: &[Field],
) -> Digest {
    let approved = basis.deal.digest.to_string();
    let head = [engagement.as_str(), aws_offer_id.as_str(), &approved];
    let rows = fields
        .iter()
        .flat_map(|field| [field.name, &field.approved, &field.at_aws]);
    let mut all = String::new();
    for text in head.into_iter().chain(rows) {
        // Writing to a string cannot fail.
        let _ = write!(all, "{}:{text}", text.len());
    }
    Digest::of(all.as_bytes())
}

/// What the caller says with an association.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) engagement_id: EngagementId,
    pub(crate) aws_offer_id: AwsOfferId,
    /// The comparison that was looked at.
    pub(crate) seen: Digest,
    /// Somebody read AWS's copy of the legal document, and it says what was signed.
    pub(crate) legal_document_read: bool,
}

/// What a decision needs beside the comparison.
#[derive(Debug, Clone)]
pub(crate) struct Facts<'a> {
    pub(crate) id: OfferId,
    pub(crate) engagement: &'a Engagement,
    /// The engagement's offer that is not over.
    pub(crate) open_offer: Option<&'a OfferId>,
    /// Our offer that is that one of AWS's already.
    pub(crate) namesake: Option<&'a OfferId>,
    /// What a buyer accepted under it, as far as that was seen.
    pub(crate) agreement: Option<&'a Agreement>,
    /// Where the buyer accepts it.
    pub(crate) url: String,
    pub(crate) now: DateTime<Utc>,
}

/// Adopts AWS's offer: drafted and published at once, and accepted if it was.
///
/// # Errors
/// It is ours already, or the engagement has another; the checklist is open (A8); AWS has not released it; a
/// field differs from what was approved; the comparison is another one than was looked at; nobody read the
/// legal document.
pub(crate) fn associate(
    comparison: Comparison,
    asked: &Asked,
    facts: Facts<'_>,
) -> Result<Vec<Event>, Rejection> {
    if let Some(offer_id) = facts.namesake {
        let offer_id = offer_id.clone();
        return Err(Rejection::AwsOfferTaken { offer_id });
    }
    if let Some(offer_id) = facts.open_offer {
        let offer_id = offer_id.clone();
        return Err(Rejection::OfferOpen { offer_id });
    }
    if !facts.engagement.checklist_completed() {
        let findings = Vec::new();
        return Err(Rejection::ChecklistOpen { findings });
    }
    if !comparison.released {
        return Err(Rejection::AwsOfferNotReleased);
    }
    let differences = comparison.differences();
    if !differences.is_empty() {
        return Err(Rejection::AwsOfferDiffers { differences });
    }
    if comparison.digest != asked.seen {
        let digest = comparison.digest;
        return Err(Rejection::ComparisonOutdated { digest });
    }
    if !asked.legal_document_read {
        return Err(Rejection::LegalDocumentNotRead);
    }
    let mut events = vec![
        Event::Drafted {
            id: facts.id,
            basis: Box::new(comparison.basis),
            terms: comparison.terms,
        },
        Event::Published(Publication {
            aws_offer_id: asked.aws_offer_id.clone(),
            url: facts.url,
            released_at: comparison.released_at,
            published_at: facts.now,
        }),
    ];
    let accepted = facts.agreement.cloned();
    events.extend(accepted.map(Event::AgreementRecorded));
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::engagement::Approval;
    use crate::domain::offer::{Offer, evolve};
    use crate::domain::portal::Status;
    use crate::domain::sample;

    const NOW: &str = "2026-03-10T10:00:00Z";

    /// The handbook's offer, as another tool made it on 5 March.
    fn shown() -> Shown {
        Shown {
            status: Status::Released,
            entity_type: "Offer".into(),
            product_id: Some("prod-landingzone1".into()),
            name: Some("Made elsewhere".into()),
            description: Some("By another tool".into()),
            buyer_accounts: vec!["123456789012".into()],
            currency: Some("USD".into()),
            schedule: vec![("2026-03-05".into(), "102500".into())],
            duration: Some("P90D".into()),
            available_until: Some("2026-04-15".into()),
            price: Some("0".into()),
            legal: vec!["CustomEula https://aws.example/copy.pdf".into()],
            granted: vec!["landing_zone".into()],
            ..Shown::default()
        }
    }

    fn aws_id() -> AwsOfferId {
        "offer-elsewhere".parse().unwrap()
    }

    fn compared(shown: &Shown) -> Comparison {
        compare(&aws_id(), &sample::engagement(), shown, sample::at(NOW)).unwrap()
    }

    fn asked(seen: Digest) -> Asked {
        Asked {
            engagement_id: sample::engagement_id(),
            aws_offer_id: aws_id(),
            seen,
            legal_document_read: true,
        }
    }

    fn facts(engagement: &Engagement) -> Facts<'_> {
        Facts {
            id: "offer-1".parse().unwrap(),
            engagement,
            open_offer: None,
            namesake: None,
            agreement: None,
            url: "https://aws.example/offer-elsewhere".into(),
            now: sample::at(NOW),
        }
    }

    fn ask(shown: &Shown) -> Result<Vec<Event>, Rejection> {
        let comparison = compared(shown);
        let asked = asked(comparison.digest);
        associate(comparison, &asked, facts(&sample::engagement()))
    }

    #[test]
    fn what_is_equal_is_adopted_with_aws_name_description_and_expiry() {
        let comparison = compared(&shown());
        assert!(comparison.adoptable());
        let adopted: Vec<_> = comparison
            .fields
            .iter()
            .filter(|field| field.verdict == Verdict::Adopted)
            .map(|field| (field.name, field.at_aws.as_str()))
            .collect();
        let expected = [
            ("name", "Made elsewhere"),
            ("expires_on", "2026-04-15"),
            ("description", "By another tool"),
        ];
        assert_eq!(adopted, expected);
        let events = ask(&shown()).unwrap();
        let offer: Offer = events.iter().fold(None, evolve).unwrap();
        assert_eq!(offer.stage.name(), "published");
        assert_eq!(offer.terms.name, "Made elsewhere");
        assert_eq!(offer.terms.expires_on, Some(sample::day("2026-04-15")));
        assert_eq!(offer.basis.origin, Origin::Associated);
        assert_eq!(offer.publication().unwrap().aws_offer_id, aws_id());
        let charges = offer.charges(sample::day("2026-03-20"));
        assert_eq!(charges, [sample::dated("2026-03-05", "102500.00")]);
    }

    /// O3: each field that approval binds.
    #[test]
    fn what_differs_from_what_was_approved_is_refused() {
        type Change = fn(&mut Shown);
        let cases: [(Change, &str); 13] = [
            (
                |it| it.entity_type = "ResaleAuthorization".into(),
                "KIND_DIFFERS",
            ),
            (
                |it| it.product_id = Some("prod-other".into()),
                "PRODUCT_DIFFERS",
            ),
            (
                |it| it.buyer_accounts = vec!["999988887777".into()],
                "BUYERS_DIFFER",
            ),
            (|it| it.buyer_accounts = Vec::new(), "BUYERS_DIFFER"),
            (|it| it.currency = Some("EUR".into()), "CURRENCY_DIFFERS"),
            (|it| it.price = Some("1".into()), "PRICE_DIFFERS"),
            (
                |it| it.schedule[0].1 = "102500.01".into(),
                "SCHEDULE_DIFFERS",
            ),
            // After the expiry it is no charge on acceptance.
            (
                |it| it.schedule[0].0 = "2026-04-16".into(),
                "SCHEDULE_DIFFERS",
            ),
            (|it| it.duration = Some("P91D".into()), "DURATION_DIFFERS"),
            (
                |it| it.legal = vec!["StandardEula 2022-07-14".into()],
                "LEGAL_DOCUMENT_DIFFERS",
            ),
            (|it| it.legal = Vec::new(), "LEGAL_DOCUMENT_DIFFERS"),
            (|it| it.name = None, "NAME_DIFFERS"),
            (
                |it| it.authorization_id = Some("resaleauthz-1".into()),
                "AUTHORIZATION_DIFFERS",
            ),
        ];
        for (change, code) in cases {
            let mut other = shown();
            change(&mut other);
            assert!(!compared(&other).adoptable(), "{code}");
            let refused = ask(&other).unwrap_err();
            let Rejection::AwsOfferDiffers { differences } = &refused else {
                panic!("{code}: {refused:?}")
            };
            let codes: Vec<_> = differences.iter().map(|one| one.reason).collect();
            assert_eq!(codes, [code], "{other:?}");
        }
    }

    #[test]
    fn only_what_was_looked_at_is_adopted() {
        let seen = compared(&shown()).digest;
        let mut renamed = shown();
        renamed.name = Some("Renamed since".into());
        let now = compared(&renamed);
        let digest = now.digest;
        assert_ne!(seen, digest);
        let refused = associate(now, &asked(seen), facts(&sample::engagement()));
        assert_eq!(refused, Err(Rejection::ComparisonOutdated { digest }));
        let unread = Asked {
            legal_document_read: false,
            ..asked(seen)
        };
        let refused = associate(compared(&shown()), &unread, facts(&sample::engagement()));
        assert_eq!(refused, Err(Rejection::LegalDocumentNotRead));
    }

    /// O13: what was accepted before is accepted from the first.
    #[test]
    fn an_offer_that_was_accepted_is_adopted_as_such() {
        let engagement = sample::engagement();
        let comparison = compared(&shown());
        let asked = asked(comparison.digest);
        let agreement = sample::agreement();
        let accepted = Facts {
            agreement: Some(&agreement),
            ..facts(&engagement)
        };
        let events = associate(comparison, &asked, accepted).unwrap();
        let offer: Option<Offer> = events.iter().fold(None, evolve);
        assert_eq!(offer.unwrap().agreement(), Some(&agreement));
    }

    #[test]
    fn it_must_be_free_released_and_all_processes_complete() {
        let comparison = compared(&shown());
        let asked = asked(comparison.digest);
        let engagement = sample::engagement();
        let other: OfferId = "offer-0".parse().unwrap();
        let offer_id = other.clone();
        let taken = Facts {
            namesake: Some(&other),
            ..facts(&engagement)
        };
        let refused = associate(comparison.clone(), &asked, taken);
        assert_eq!(refused, Err(Rejection::AwsOfferTaken { offer_id }));
        let offer_id = other.clone();
        let open = Facts {
            open_offer: Some(&other),
            ..facts(&engagement)
        };
        let refused = associate(comparison.clone(), &asked, open);
        assert_eq!(refused, Err(Rejection::OfferOpen { offer_id }));
        let unchecked = Engagement {
            checklist: None,
            ..engagement
        };
        let refused = associate(comparison, &asked, facts(&unchecked));
        assert_eq!(refused.unwrap_err().reason(), "CHECKLIST_OPEN");
        let mut draft = shown();
        draft.status = Status::Draft;
        assert_eq!(ask(&draft), Err(Rejection::AwsOfferNotReleased));
    }

    /// O3, O1: there must be something approved to compare with.
    #[test]
    fn without_approval_or_intake_there_is_nothing_to_compare() {
        let of = |engagement: &Engagement| {
            let compared = compare(&aws_id(), engagement, &shown(), sample::at(NOW));
            compared.unwrap_err().reason()
        };
        let mut engagement = sample::engagement();
        engagement.intake = None;
        assert_eq!(of(&engagement), "INTAKE_MISSING");
        engagement.approval = Approval::Stamped(sample::deal());
        assert_eq!(of(&engagement), "SOW_NOT_SIGNED");
    }
}

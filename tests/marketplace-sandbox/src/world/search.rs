//! The Agreement API's reading side: `SearchAgreements`, `DescribeAgreement`, `GetAgreementTerms`.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::change_sets::optional_text;
use super::input::{page, page_size};
use super::model::Agreement;
use super::{Refusal, World, agreement_terms, paging};
use crate::wire::{Wire, map};

const FILTERS_MAX: usize = 10;
/// The one type of agreement there is.
pub(super) const AGREEMENT_TYPE: &str = "PurchaseAgreement";
/// Every status of the model; agreements here come to have a part of them.
const STATUSES: [&str; 9] = [
    "ACTIVE",
    "ARCHIVED",
    "CANCELLED",
    "EXPIRED",
    "RENEWED",
    "REPLACED",
    "ROLLED_BACK",
    "SUPERSEDED",
    "TERMINATED",
];
pub(super) const RESOURCE_TYPE: &str = "ProfessionalServicesProduct";

impl World {
    /// `SearchAgreements`: filters with exactly one value each, `EndTime` descending by default.
    pub(crate) fn search_agreements(
        &self,
        now: DateTime<Utc>,
        caller: &str,
        input: &Value,
    ) -> Result<Wire, Refusal> {
        if optional_text(input, "catalog")?.is_some_and(|catalog| catalog != "AWSMarketplace") {
            return Err(Refusal::reasoned(
                "INVALID_CATALOG",
                "catalog must be AWSMarketplace.",
            ));
        }
        let filters = read_filters(input)?;
        let mut found: Vec<&Agreement> = self
            .agreements
            .iter()
            .filter(|agreement| agreement.visible_at <= now)
            .filter(|agreement| {
                filters
                    .iter()
                    .all(|filter| filter.matches(agreement, caller))
            })
            .collect();
        let acceptor = filters
            .iter()
            .any(|filter| matches!(filter, Filter::Acceptor));
        sort(&mut found, input, acceptor)?;
        let size = page_size(input)?;
        let token = optional_text(input, "nextToken")?;
        let (page, next) = paging::cut(found, size, token, &paging::scope(input, "nextToken"))
            .ok_or_else(|| Refusal::reasoned("INVALID_NEXT_TOKEN", "nextToken is not valid."))?;
        let summaries = page.into_iter().map(summary).collect();
        Ok(map([
            ("agreementViewSummaries", Some(Wire::List(summaries))),
            ("nextToken", next.map(Wire::Text)),
        ]))
    }

    /// `DescribeAgreement`. Somebody else's agreement is answered like one that does not exist.
    pub(crate) fn describe_agreement(
        &self,
        now: DateTime<Utc>,
        caller: &str,
        input: &Value,
    ) -> Result<Wire, Refusal> {
        let agreement = self.agreement_of(now, caller, input)?;
        let charges = map([
            (
                "currencyCode",
                Some(Wire::text(&agreement.schedule.currency)),
            ),
            (
                "agreementValue",
                Some(Wire::text(agreement.value().to_string())),
            ),
        ]);
        Ok(map([
            ("agreementId", Some(Wire::text(&agreement.id))),
            ("acceptor", Some(party(&agreement.acceptor))),
            ("proposer", Some(party(&agreement.proposer))),
            ("startTime", Some(Wire::Time(agreement.accepted_at))),
            ("endTime", Some(Wire::Time(agreement.ends_at))),
            ("acceptanceTime", Some(Wire::Time(agreement.accepted_at))),
            ("agreementType", Some(Wire::text(AGREEMENT_TYPE))),
            ("estimatedCharges", Some(charges)),
            ("proposalSummary", Some(proposal(agreement))),
            ("status", Some(Wire::text(agreement.status.as_str()))),
            ("initialAgreementId", Some(Wire::text(&agreement.initial))),
            ("endTimeBehavior", Some(end_behaviour(agreement))),
        ]))
    }

    /// `GetAgreementTerms`: the terms as they stood when the buyer accepted.
    pub(crate) fn agreement_terms(
        &self,
        now: DateTime<Utc>,
        caller: &str,
        input: &Value,
        base: &str,
    ) -> Result<Wire, Refusal> {
        let agreement = self.agreement_of(now, caller, input)?;
        let terms = agreement_terms::terms(agreement, base);
        page(input, "acceptedTerms", terms)
    }
}

enum Filter {
    Proposer,
    Acceptor,
    Everything,
    AcceptorAccount(String),
    Offer(String),
    Resource(String),
    ResourceType(String),
    Status(String),
    Initial(String),
    EndBehaviour(String),
    EndReason(String),
    /// Offer sets, licences and contacts do not exist here: such a filter finds nothing.
    Nothing,
    After(fn(&Agreement) -> DateTime<Utc>, DateTime<Utc>),
    Before(fn(&Agreement) -> DateTime<Utc>, DateTime<Utc>),
}

impl Filter {
    fn matches(&self, agreement: &Agreement, caller: &str) -> bool {
        match self {
            Self::Proposer => agreement.proposer == caller,
            Self::Acceptor => agreement.acceptor == caller,
            Self::Everything => true,
            Self::AcceptorAccount(account) => agreement.acceptor == *account,
            Self::Offer(id) => agreement.offer_id == *id,
            Self::Resource(id) => agreement.product_id == *id,
            Self::ResourceType(kind) => kind == RESOURCE_TYPE,
            Self::Status(status) => agreement.status.as_str() == status,
            Self::Initial(id) => agreement.initial == *id,
            Self::EndBehaviour(kind) => end_behaviour_of(agreement).0 == kind,
            Self::EndReason(code) => end_behaviour_of(agreement).1 == Some(code),
            Self::Nothing => false,
            Self::After(field, bound) => field(agreement) > *bound,
            Self::Before(field, bound) => field(agreement) < *bound,
        }
    }
}

fn read_filters(input: &Value) -> Result<Vec<Filter>, Refusal> {
    let sent = input
        .get("filters")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    if sent.len() > FILTERS_MAX {
        return Err(Refusal::reasoned(
            "INVALID_FILTERS",
            "At most 10 filters can be given.",
        ));
    }
    let mut filters = Vec::with_capacity(sent.len());
    let mut names = Vec::with_capacity(sent.len());
    for filter in sent {
        let name = optional_text(filter, "name")?
            .ok_or_else(|| Refusal::reasoned("MISSING_FILTER_NAME", "A filter needs a name."))?;
        let values = filter
            .get("values")
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        let [Value::String(value)] = values else {
            let reason = if values.is_empty() {
                "MISSING_FILTER_VALUES"
            } else {
                "INVALID_FILTER_VALUES"
            };
            return Err(Refusal::reasoned(
                reason,
                format!("Filter {name} takes exactly one value."),
            ));
        };
        names.push(name);
        filters.push(read_filter(name, value)?);
    }
    if !filters
        .iter()
        .any(|filter| matches!(filter, Filter::Proposer | Filter::Acceptor))
    {
        return Err(Refusal::reasoned(
            "MISSING_PARTY_TYPE",
            "The filter PartyType is required.",
        ));
    }
    if !names.contains(&"AgreementType") {
        return Err(Refusal::reasoned(
            "INVALID_FILTERS",
            "The filter AgreementType is required.",
        ));
    }
    let proposer = filters
        .iter()
        .any(|filter| matches!(filter, Filter::Proposer));
    if !proposer && !combines(&names) {
        return Err(Refusal::reasoned(
            "UNSUPPORTED_FILTERS",
            format!("An acceptor cannot combine {}.", names.join(", ")),
        ));
    }
    Ok(filters)
}

/// An acceptor's filters come in fixed combinations: one thing at most, by status and by end time; a
/// resource's type not by status. A proposer may combine what they like.
fn combines(names: &[&str]) -> bool {
    let (mut things, mut status) = (Vec::new(), false);
    for name in names {
        match *name {
            "PartyType" | "AgreementType" | "BeforeEndTime" | "AfterEndTime" => {}
            "Status" => status = true,
            "ResourceIdentifier" | "ResourceType" | "OfferId" | "OfferSetId" => things.push(*name),
            _ => return false,
        }
    }
    things.len() <= 1 && !(status && things == ["ResourceType"])
}

fn read_filter(name: &str, value: &str) -> Result<Filter, Refusal> {
    let wrong = |reason: &'static str| {
        Refusal::reasoned(reason, format!("{name}: '{value}' is not a valid value."))
    };
    let time = || {
        DateTime::parse_from_rfc3339(value)
            .map(|time| time.with_timezone(&Utc))
            .map_err(|_| wrong("INVALID_FILTER_VALUES"))
    };
    Ok(match (name, value) {
        ("PartyType", "Proposer") => Filter::Proposer,
        ("PartyType", "Acceptor") => Filter::Acceptor,
        ("PartyType", _) => return Err(wrong("INVALID_PARTY_TYPE")),
        ("AgreementType", AGREEMENT_TYPE) => Filter::Everything,
        ("AgreementType", _) => return Err(wrong("INVALID_AGREEMENT_TYPE")),
        ("AcceptorAccountId", _) => Filter::AcceptorAccount(value.to_owned()),
        ("OfferId", _) => Filter::Offer(value.to_owned()),
        ("ResourceIdentifier", _) => Filter::Resource(value.to_owned()),
        ("ResourceType", _) => Filter::ResourceType(value.to_owned()),
        ("Status", _) if !STATUSES.contains(&value) => {
            return Err(wrong("INVALID_FILTER_VALUES"));
        }
        ("Status", _) => Filter::Status(value.to_owned()),
        ("InitialAgreementId", _) => Filter::Initial(value.to_owned()),
        ("EndTimeBehaviorType", _) => Filter::EndBehaviour(value.to_owned()),
        ("EndTimeBehaviorReasonCode", _) => Filter::EndReason(value.to_owned()),
        ("OfferSetId" | "LicenseArn" | "IncludesContactOfType", _) => Filter::Nothing,
        ("AfterLastUpdateTime", _) => Filter::After(|agreement| agreement.updated_at, time()?),
        ("BeforeLastUpdateTime", _) => Filter::Before(|agreement| agreement.updated_at, time()?),
        ("AfterStartTime", _) => Filter::After(|agreement| agreement.accepted_at, time()?),
        ("BeforeStartTime", _) => Filter::Before(|agreement| agreement.accepted_at, time()?),
        ("AfterEndTime", _) => Filter::After(|agreement| agreement.ends_at, time()?),
        ("BeforeEndTime", _) => Filter::Before(|agreement| agreement.ends_at, time()?),
        _ => {
            return Err(Refusal::reasoned(
                "INVALID_FILTER_NAME",
                format!("Filter '{name}' is not supported."),
            ));
        }
    })
}

fn sort(found: &mut [&Agreement], input: &Value, acceptor: bool) -> Result<(), Refusal> {
    let sort = input.get("sort").unwrap_or(&Value::Null);
    let field: fn(&Agreement) -> DateTime<Utc> = match optional_text(sort, "sortBy")? {
        None | Some("EndTime") => |agreement| agreement.ends_at,
        Some("StartTime" | "LastUpdateTime") if acceptor => {
            return Err(Refusal::reasoned(
                "INVALID_SORT_BY",
                "An acceptor can sort by EndTime only.",
            ));
        }
        Some("StartTime") => |agreement| agreement.accepted_at,
        Some("LastUpdateTime") => |agreement| agreement.updated_at,
        Some(_) => {
            return Err(Refusal::reasoned(
                "INVALID_SORT_BY",
                "sortBy is not supported.",
            ));
        }
    };
    found.sort_by(|a, b| (field(a), &a.id).cmp(&(field(b), &b.id)));
    match optional_text(sort, "sortOrder")? {
        Some("ASCENDING") => Ok(()),
        None | Some("DESCENDING") => {
            found.reverse();
            Ok(())
        }
        Some(_) => Err(Refusal::reasoned(
            "INVALID_SORT_ORDER",
            "sortOrder must be ASCENDING or DESCENDING.",
        )),
    }
}

fn summary(agreement: &Agreement) -> Wire {
    let (kind, reason) = end_behaviour_of(agreement);
    map([
        ("agreementId", Some(Wire::text(&agreement.id))),
        ("acceptanceTime", Some(Wire::Time(agreement.accepted_at))),
        ("startTime", Some(Wire::Time(agreement.accepted_at))),
        ("endTime", Some(Wire::Time(agreement.ends_at))),
        ("lastUpdateTime", Some(Wire::Time(agreement.updated_at))),
        ("agreementType", Some(Wire::text(AGREEMENT_TYPE))),
        ("acceptor", Some(party(&agreement.acceptor))),
        ("proposer", Some(party(&agreement.proposer))),
        ("proposalSummary", Some(proposal(agreement))),
        ("status", Some(Wire::text(agreement.status.as_str()))),
        ("initialAgreementId", Some(Wire::text(&agreement.initial))),
        ("endTimeBehaviorType", Some(Wire::text(kind))),
        ("endTimeBehaviorReasonCode", reason.map(Wire::text)),
    ])
}

/// What happens at its end: automatic renewal, or nothing more.
fn end_behaviour(agreement: &Agreement) -> Wire {
    let (kind, reason) = end_behaviour_of(agreement);
    map([
        ("type", Some(Wire::text(kind))),
        ("reasonCode", reason.map(Wire::text)),
    ])
}

fn end_behaviour_of(agreement: &Agreement) -> (&'static str, Option<&'static str>) {
    match &agreement.renewal {
        None => ("EXPIRE", Some("NO_RENEWAL_TERM")),
        Some(term) if term.max == Some(0) => ("EXPIRE", Some("RENEWAL_LIMIT_EXHAUSTED")),
        Some(_) if agreement.renewal_declined => ("EXPIRE", Some("ACCEPTOR_RENEW_OPTED_OUT")),
        Some(_) => ("RENEW", None),
    }
}

/// An account as a party of an agreement.
pub(super) fn party(account: &str) -> Wire {
    map([("accountId", Some(Wire::text(account)))])
}

/// The product that an agreement is about.
pub(super) fn resource(agreement: &Agreement) -> Wire {
    map([
        ("id", Some(Wire::text(&agreement.product_id))),
        ("type", Some(Wire::text(RESOURCE_TYPE))),
    ])
}

/// `proposalSummary`.
pub(super) fn proposal(agreement: &Agreement) -> Wire {
    map([
        ("resources", Some(Wire::List(vec![resource(agreement)]))),
        ("offerId", Some(Wire::text(&agreement.offer_id))),
    ])
}

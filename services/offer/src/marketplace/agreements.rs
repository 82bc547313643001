//! The Agreement API: what changed since, and each agreement as it stands (O13). A value that the SDK
//! does not know is passed on as text, never an error.

mod terms;

use aws_sdk_marketplaceagreement::operation::describe_agreement::DescribeAgreementOutput;
use aws_sdk_marketplaceagreement::primitives::DateTime as AwsDateTime;
use aws_sdk_marketplaceagreement::types::{
    AgreementStatus, AgreementViewSummary, Filter, ProposalSummary, Resource,
};
use chrono::{DateTime, SecondsFormat, Utc};

use super::{CallError, MAX_PAGES, Marketplace, too_many_pages};
use crate::domain::agreement::{Acceptance, Agreement, Line, Standing, is_over};
use crate::domain::id::AgreementId;
use terms::{acceptance, read};

/// The most that one page of AWS's holds.
const PAGE: i32 = 50;

/// One page of a search.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) lines: Vec<Line>,
    pub(crate) next_token: Option<String>,
}

/// An agreement as far as it could be read.
#[derive(Debug)]
pub(crate) struct Read {
    /// The agreement with its charges, or why it cannot be read.
    pub(crate) details: Result<Agreement, String>,
    /// Who accepted when, whatever the terms; `None` where AWS does not say.
    pub(crate) acceptance: Option<Acceptance>,
    /// AWS's; `None` where AWS does not say, or shows several.
    pub(crate) product_id: Option<String>,
}

impl Marketplace {
    /// One page of our agreements as proposer, of those that changed after `since`.
    pub(crate) async fn search(
        &self,
        since: Option<DateTime<Utc>>,
        next_token: Option<String>,
    ) -> Result<Page, CallError> {
        let since = since.map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true));
        let mut filters = vec![
            filter("PartyType", "Proposer"),
            filter("AgreementType", "PurchaseAgreement"),
        ];
        filters.extend(since.map(|since| filter("AfterLastUpdateTime", &since)));
        let call = self
            .agreements
            .search_agreements()
            .catalog("AWSMarketplace")
            .set_filters(Some(filters))
            .max_results(PAGE)
            .set_next_token(next_token);
        let found = self
            .calls
            .make("SearchAgreements", || call.clone().send())
            .await?;
        Ok(Page {
            lines: found
                .agreement_view_summaries()
                .iter()
                .filter_map(line)
                .collect(),
            next_token: found.next_token().map(str::to_owned),
        })
    }

    /// The agreement without its terms.
    async fn describe_agreement(
        &self,
        id: &AgreementId,
    ) -> Result<DescribeAgreementOutput, CallError> {
        let call = self
            .agreements
            .describe_agreement()
            .agreement_id(id.as_str());
        self.calls
            .make("DescribeAgreement", || call.clone().send())
            .await
    }

    /// Whether the agreement was over at this time, or is.
    pub(super) async fn is_over(
        &self,
        id: &AgreementId,
        at: DateTime<Utc>,
    ) -> Result<bool, CallError> {
        let described = self.describe_agreement(id).await?;
        let status = described.status().map_or("", AgreementStatus::as_str);
        let ends_at = described.end_time().and_then(time);
        Ok(is_over(status) || ends_at.is_some_and(|ends_at| ends_at <= at))
    }

    /// The agreement with its charges.
    pub(crate) async fn agreement(&self, id: &AgreementId) -> Result<Read, CallError> {
        let described = self.describe_agreement(id).await?;
        let mut terms = Vec::new();
        let mut next_token = None;
        for _ in 0..MAX_PAGES {
            let call = self
                .agreements
                .get_agreement_terms()
                .agreement_id(id.as_str())
                .set_next_token(next_token);
            let page = self
                .calls
                .make("GetAgreementTerms", || call.clone().send())
                .await?;
            terms.extend_from_slice(page.accepted_terms());
            next_token = page.next_token().map(str::to_owned);
            if next_token.is_none() {
                return Ok(Read {
                    details: read(id, &described, &terms),
                    acceptance: acceptance(id, &described),
                    product_id: product(&described),
                });
            }
        }
        Err(too_many_pages("terms"))
    }
}

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

fn product(described: &DescribeAgreementOutput) -> Option<String> {
    match described.proposal_summary()?.resources() {
        [product] => product.id().map(str::to_owned),
        _ => None,
    }
}

/// AWS's word for what is sold here.
const SERVICES: &str = "ProfessionalServicesProduct";

/// Whether AWS says that all of it is of other types: the same account may sell software, whose agreements
/// are none of a deal's, and no orders of services.
fn is_other_product(proposal: &ProposalSummary) -> bool {
    let types = proposal.resources().iter().map(Resource::r#type);
    let other = |kind: Option<&str>| kind.is_some_and(|kind| kind != SERVICES);
    types.len() > 0 && types.into_iter().all(other)
}

fn line(found: &AgreementViewSummary) -> Option<Line> {
    let proposal = found.proposal_summary();
    if proposal.is_some_and(is_other_product) {
        return None;
    }
    Some(Line {
        id: found.agreement_id()?.parse().ok()?,
        aws_offer_id: proposal
            .and_then(|proposal| proposal.offer_id())
            .unwrap_or_default()
            .to_owned(),
        standing: Standing {
            status: found
                .status()
                .map_or("", AgreementStatus::as_str)
                .to_owned(),
            updated_at: found.last_update_time().and_then(time),
        },
    })
}

pub(super) fn time(at: &AwsDateTime) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(at.secs(), at.subsec_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// O13, O14: of an account that sells software too, only agreements of services are looked at; one of
    /// which AWS does not say what it is of, is.
    #[test]
    fn agreements_of_other_products_are_not_looked_at() {
        for (types, taken) in [
            (vec![], true),
            (vec![None], true),
            (vec![Some("ProfessionalServicesProduct")], true),
            (vec![Some("SaaSProduct")], false),
            (
                vec![Some("SaaSProduct"), Some("ProfessionalServicesProduct")],
                true,
            ),
        ] {
            let resources = types.iter().map(|kind| {
                Resource::builder()
                    .set_type(kind.map(str::to_owned))
                    .build()
            });
            let proposal = ProposalSummary::builder()
                .offer_id("offer-1")
                .set_resources(Some(resources.collect()));
            let found = AgreementViewSummary::builder()
                .agreement_id("agmt-1")
                .proposal_summary(proposal.build())
                .build();
            assert_eq!(line(&found).is_some(), taken, "{types:?}");
        }
    }

    #[test]
    fn an_unknown_status_is_taken_as_it_is() {
        let found = AgreementViewSummary::builder()
            .agreement_id("agmt-1")
            .status(AgreementStatus::from("PAUSED"))
            .build();
        assert_eq!(line(&found).unwrap().standing.status, "PAUSED");
    }
}

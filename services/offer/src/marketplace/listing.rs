//! `ListEntities`: the seller's offers, whoever made them, the authorizations that it gave, and those that it
//! received, which AWS shares with it (O12). What the SDK does not know is passed on as AWS's text.

use aws_sdk_marketplacecatalog::types::{
    EntitySummary, EntityTypeFilters, OfferFilters, OfferLastModifiedDateFilter,
    OfferLastModifiedDateFilterDateRange, OfferStateString, OfferSummary, OwnershipType,
    ResaleAuthorizationEntityIdFilter, ResaleAuthorizationFilters,
    ResaleAuthorizationLastModifiedDateFilter, ResaleAuthorizationLastModifiedDateFilterDateRange,
    ResaleAuthorizationStatusString, ResaleAuthorizationSummary,
};
use chrono::{DateTime, SecondsFormat, Utc};

use super::{CallError, Marketplace};
use crate::domain::id::AwsOfferId;
use crate::domain::import::{List, Listed, ListedKind};

const CATALOG: &str = "AWSMarketplace";
/// The most that one page of AWS's holds (facts §1.1).
const PAGE: i32 = 50;

/// One page of a list.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) offers: Vec<Listed>,
    pub(crate) next_token: Option<String>,
}

impl Marketplace {
    /// One page of what changed after `since`, the newest change first.
    pub(crate) async fn list(
        &self,
        list: List,
        since: Option<DateTime<Utc>>,
        next_token: Option<String>,
    ) -> Result<Page, CallError> {
        self.page(
            list,
            since.map(|since| changed_after(list, since)),
            next_token,
        )
        .await
    }

    /// Whether the seller itself gave the authorization: AWS shows those too that it was given.
    pub(crate) async fn gave(&self, id: &AwsOfferId) -> Result<bool, CallError> {
        let this = ResaleAuthorizationEntityIdFilter::builder().value_list(id.as_str());
        let filters = ResaleAuthorizationFilters::builder().entity_id(this.build());
        let filters = EntityTypeFilters::ResaleAuthorizationFilters(filters.build());
        let found = self.page(List::Given, Some(filters), None).await?;
        Ok(!found.offers.is_empty())
    }

    async fn page(
        &self,
        list: List,
        filters: Option<EntityTypeFilters>,
        next_token: Option<String>,
    ) -> Result<Page, CallError> {
        let (entity_type, ownership) = match list {
            List::Offers => ("Offer", OwnershipType::SelfValue),
            List::Given => ("ResaleAuthorization", OwnershipType::SelfValue),
            List::Received => ("ResaleAuthorization", OwnershipType::Shared),
        };
        let call = self
            .catalog
            .list_entities()
            .catalog(CATALOG)
            .entity_type(entity_type)
            .ownership_type(ownership)
            .set_entity_type_filters(filters)
            .max_results(PAGE)
            .set_next_token(next_token);
        // The answer has room for every kind of entity: boxed, it does not weigh on every caller.
        let found = self
            .calls
            .make("ListEntities", || Box::pin(call.clone().send()))
            .await?;
        let summaries = found.entity_summary_list().iter();
        Ok(Page {
            offers: summaries.filter_map(|found| listed(list, found)).collect(),
            next_token: found.next_token().map(str::to_owned),
        })
    }
}

/// Each type of entity has a filter of its own for the same.
fn changed_after(list: List, since: DateTime<Utc>) -> EntityTypeFilters {
    let since = since.to_rfc3339_opts(SecondsFormat::Secs, true);
    match list {
        List::Offers => {
            let range = OfferLastModifiedDateFilterDateRange::builder().after_value(since);
            let changed = OfferLastModifiedDateFilter::builder().date_range(range.build());
            let filters = OfferFilters::builder().last_modified_date(changed.build());
            EntityTypeFilters::OfferFilters(filters.build())
        }
        List::Given | List::Received => {
            let range =
                ResaleAuthorizationLastModifiedDateFilterDateRange::builder().after_value(since);
            let changed =
                ResaleAuthorizationLastModifiedDateFilter::builder().date_range(range.build());
            let filters = ResaleAuthorizationFilters::builder().last_modified_date(changed.build());
            EntityTypeFilters::ResaleAuthorizationFilters(filters.build())
        }
    }
}

fn listed(list: List, found: &EntitySummary) -> Option<Listed> {
    let common = Listed {
        kind: match list {
            List::Offers => ListedKind::Offer,
            List::Given => ListedKind::Given,
            List::Received => ListedKind::Received,
        },
        aws_offer_id: found.entity_id()?.to_owned(),
        name: text(found.name()),
        modified_at: text(found.last_modified_date()),
        ..Listed::default()
    };
    let offer = found.offer_summary();
    Some(match (offer, found.resale_authorization_summary()) {
        (Some(offer), _) => of_offer(common, offer),
        (None, Some(authorization)) => of_authorization(common, authorization),
        (None, None) => common,
    })
}

fn of_offer(common: Listed, offer: &OfferSummary) -> Listed {
    let authorization_id = text(offer.resale_authorization_id());
    Listed {
        kind: if authorization_id.is_empty() {
            common.kind
        } else {
            ListedKind::Partner
        },
        product_id: text(offer.product_id()),
        state: text(offer.state().map(OfferStateString::as_str)),
        buyer_accounts: offer.buyer_accounts().to_vec(),
        available_until: text(offer.availability_end_date()),
        released_at: text(offer.release_date()),
        authorization_id,
        ..common
    }
}

fn of_authorization(common: Listed, summary: &ResaleAuthorizationSummary) -> Listed {
    let status = summary.status();
    Listed {
        product_id: text(summary.product_id()),
        state: text(status.map(ResaleAuthorizationStatusString::as_str)),
        available_until: text(summary.availability_end_date()),
        reseller_account: text(summary.reseller_account_id()),
        manufacturer_account: text(summary.manufacturer_account_id()),
        used: text(summary.offer_extended_status()),
        ..common
    }
}

fn text(given: Option<&str>) -> String {
    given.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A state that came after this SDK, an authorization of which AWS says nothing more.
    #[test]
    fn unknown_words_of_aws_are_kept() {
        let offer = OfferSummary::builder()
            .state(OfferStateString::from("Paused"))
            .build();
        let found = || {
            let named = EntitySummary::builder().entity_id("offer-abc");
            named.name("Made elsewhere")
        };
        let read = listed(List::Offers, &found().offer_summary(offer).build()).unwrap();
        assert_eq!(
            (read.state.as_str(), read.product_id.as_str()),
            ("Paused", "")
        );
        assert_eq!(read.kind, ListedKind::Offer);
        let given = ResaleAuthorizationSummary::builder()
            .status(ResaleAuthorizationStatusString::from("Paused"))
            .build();
        let given = found().resale_authorization_summary(given).build();
        let read = listed(List::Received, &given).unwrap();
        assert_eq!(
            (read.state.as_str(), read.kind),
            ("Paused", ListedKind::Received)
        );
        let bare = listed(List::Given, &found().build()).unwrap();
        assert_eq!(
            (bare.name.as_str(), bare.kind),
            ("Made elsewhere", ListedKind::Given)
        );
        let nameless = EntitySummary::builder().build();
        assert_eq!(listed(List::Given, &nameless), None);
    }

    #[test]
    fn an_offer_that_was_made_from_an_authorization_is_a_resellers() {
        let offer = OfferSummary::builder().resale_authorization_id("resaleauthz-1");
        let found = EntitySummary::builder()
            .entity_id("offer-abc")
            .offer_summary(offer.build())
            .build();
        let read = listed(List::Offers, &found).unwrap();
        assert_eq!(read.kind, ListedKind::Partner);
        assert_eq!(read.authorization_id, "resaleauthz-1");
    }
}

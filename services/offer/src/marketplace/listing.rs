//! `ListEntities`: the seller's offers, whoever made them (O12). What the SDK does not know is passed on as
//! AWS's text.

use aws_sdk_marketplacecatalog::types::{
    EntitySummary, EntityTypeFilters, OfferFilters, OfferLastModifiedDateFilter,
    OfferLastModifiedDateFilterDateRange, OfferStateString,
};
use chrono::{DateTime, SecondsFormat, Utc};

use super::{CallError, Marketplace};
use crate::domain::import::Listed;

const CATALOG: &str = "AWSMarketplace";
/// The most that one page of AWS's holds (facts §1.1).
const PAGE: i32 = 50;

/// One page of the list.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) offers: Vec<Listed>,
    pub(crate) next_token: Option<String>,
}

impl Marketplace {
    /// One page of the offers that changed after `since`, the newest change first.
    pub(crate) async fn offers(
        &self,
        since: Option<DateTime<Utc>>,
        next_token: Option<String>,
    ) -> Result<Page, CallError> {
        let call = self
            .catalog
            .list_entities()
            .catalog(CATALOG)
            .entity_type("Offer")
            .set_entity_type_filters(since.map(changed_after))
            .max_results(PAGE)
            .set_next_token(next_token);
        // The answer has room for every kind of entity: boxed, it does not weigh on every caller.
        let found = self
            .calls
            .make("ListEntities", || Box::pin(call.clone().send()))
            .await?;
        let summaries = found.entity_summary_list();
        Ok(Page {
            offers: summaries.iter().filter_map(listed).collect(),
            next_token: found.next_token().map(str::to_owned),
        })
    }
}

fn changed_after(since: DateTime<Utc>) -> EntityTypeFilters {
    let range = OfferLastModifiedDateFilterDateRange::builder()
        .after_value(since.to_rfc3339_opts(SecondsFormat::Secs, true))
        .build();
    let changed = OfferLastModifiedDateFilter::builder().date_range(range);
    let filters = OfferFilters::builder().last_modified_date(changed.build());
    EntityTypeFilters::OfferFilters(filters.build())
}

fn listed(found: &EntitySummary) -> Option<Listed> {
    let text = |given: Option<&str>| given.unwrap_or_default().to_owned();
    let offer = found.offer_summary();
    Some(Listed {
        aws_offer_id: found.entity_id()?.to_owned(),
        name: text(found.name()),
        product_id: text(offer.and_then(|offer| offer.product_id())),
        state: text(
            offer
                .and_then(|offer| offer.state())
                .map(OfferStateString::as_str),
        ),
        buyer_accounts: offer
            .map(|offer| offer.buyer_accounts().to_vec())
            .unwrap_or_default(),
        available_until: text(offer.and_then(|offer| offer.availability_end_date())),
        released_at: text(offer.and_then(|offer| offer.release_date())),
        modified_at: text(found.last_modified_date()),
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_marketplacecatalog::types::OfferSummary;

    use super::*;

    /// A state that came after this SDK.
    #[test]
    fn unknown_words_of_aws_are_kept() {
        let offer = OfferSummary::builder()
            .state(OfferStateString::from("Paused"))
            .build();
        let found = EntitySummary::builder()
            .entity_id("offer-abc")
            .name("Made elsewhere")
            .offer_summary(offer)
            .build();
        let listed = listed(&found).unwrap();
        assert_eq!(
            (listed.state.as_str(), listed.product_id.as_str()),
            ("Paused", "")
        );
        assert_eq!(super::listed(&EntitySummary::builder().build()), None);
    }
}

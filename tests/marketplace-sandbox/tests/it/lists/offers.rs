//! The filters of offers and of products.

use aws_sdk_marketplacecatalog::types::{self, EntityTypeFilters, Filter};
use countersign_marketplace_sandbox::DEFAULT_PRODUCT_ID;
use serde_json::json;

use super::{OTHER_PRODUCT, another_product, by, check, found, range, text};
use crate::clients::flow::Party;
use crate::market::{BUYER, Market};
use crate::money::{self, installments, renewal, wait};

/// Between the last days of the offer that was sold and of the draft.
const LATER: &str = "2027-02-01T00:00:00Z";

/// The offers that there are to find: bought and renewed; a draft for a country, of another product; a draft
/// with nothing in it; the marketplace's renewal.
struct Offers<'a> {
    sold: &'a str,
    draft: &'a str,
    bare: &'a str,
    renewed: &'a str,
}

/// By what an offer is and names.
fn by_text<'a>(of: &Offers<'a>, agreement: &str) -> Vec<(EntityTypeFilters, Vec<&'a str>)> {
    vec![
        (
            by!(OfferFilters.entity_id(OfferEntityIdFilter.value_list(of.sold))),
            vec![of.sold],
        ),
        (
            by!(OfferFilters.name(OfferNameFilter.value_list("Handbook deal"))),
            vec![of.sold, of.renewed],
        ),
        (
            by!(OfferFilters.name(OfferNameFilter.value_list("Handbook"))),
            vec![],
        ),
        (
            by!(OfferFilters.name(OfferNameFilter.wild_card_value("er wo"))),
            vec![of.draft],
        ),
        (
            by!(OfferFilters.product_id(OfferProductIdFilter.value_list(DEFAULT_PRODUCT_ID))),
            vec![of.sold, of.bare, of.renewed],
        ),
        (
            by!(OfferFilters.product_id(OfferProductIdFilter.value_list(OTHER_PRODUCT))),
            vec![of.draft],
        ),
        (
            by!(OfferFilters.resale_authorization_id(
                OfferResaleAuthorizationIdFilter.value_list("resaleauthz-none")
            )),
            vec![],
        ),
        (
            by!(OfferFilters.offer_set_id(OfferSetIdFilter.value_list("offerset-none"))),
            vec![],
        ),
        (
            by!(OfferFilters.buyer_accounts(OfferBuyerAccountsFilter.wild_card_value(BUYER))),
            vec![of.sold, of.renewed],
        ),
        (
            by!(OfferFilters.buyer_accounts(OfferBuyerAccountsFilter.wild_card_value("4455"))),
            vec![of.sold, of.renewed],
        ),
        (
            by!(OfferFilters.buyer_accounts(OfferBuyerAccountsFilter.wild_card_value("999"))),
            vec![],
        ),
        (
            by!(OfferFilters
                .target_agreement_id(OfferTargetAgreementIdFilter.value_list(agreement))),
            vec![of.renewed],
        ),
    ]
}

/// By its times: the renewal was made and the drafts were after `between`.
fn by_time<'a>(of: &Offers<'a>, between: &str) -> Vec<(EntityTypeFilters, Vec<&'a str>)> {
    vec![
        (
            by!(OfferFilters.release_date(
                OfferReleaseDateFilter
                    .date_range(range!(OfferReleaseDateFilterDateRange.after_value(between)))
            )),
            vec![of.renewed],
        ),
        (
            by!(
                OfferFilters.release_date(OfferReleaseDateFilter.date_range(range!(
                    OfferReleaseDateFilterDateRange.before_value(between)
                )))
            ),
            vec![of.sold],
        ),
        (
            by!(
                OfferFilters.availability_end_date(OfferAvailabilityEndDateFilter.date_range(
                    range!(OfferAvailabilityEndDateFilterDateRange.after_value(LATER))
                ))
            ),
            vec![of.draft],
        ),
        (
            by!(
                OfferFilters.availability_end_date(OfferAvailabilityEndDateFilter.date_range(
                    range!(OfferAvailabilityEndDateFilterDateRange.before_value(LATER))
                ))
            ),
            vec![of.sold, of.renewed],
        ),
        (
            by!(
                OfferFilters.last_modified_date(OfferLastModifiedDateFilter.date_range(range!(
                    OfferLastModifiedDateFilterDateRange.after_value(between)
                )))
            ),
            vec![of.draft, of.bare, of.renewed],
        ),
        (
            by!(OfferFilters.last_modified_date(
                OfferLastModifiedDateFilter.date_range(
                    types::OfferLastModifiedDateFilterDateRange::builder()
                        .after_value(between)
                        .before_value(LATER)
                        .build()
                )
            )),
            vec![of.draft, of.bare],
        ),
    ]
}

/// By the words of an enumeration.
fn by_word<'a>(of: &Offers<'a>) -> Vec<(EntityTypeFilters, Vec<&'a str>)> {
    vec![
        (
            by!(OfferFilters.state(OfferStateFilter.value_list(types::OfferStateString::Draft))),
            vec![of.draft, of.bare],
        ),
        (
            by!(OfferFilters.state(OfferStateFilter.value_list(types::OfferStateString::Released))),
            vec![of.sold, of.renewed],
        ),
        (
            by!(OfferFilters.targeting(
                OfferTargetingFilter.value_list(types::OfferTargetingString::BuyerAccounts)
            )),
            vec![of.sold, of.renewed],
        ),
        (
            by!(OfferFilters.targeting(
                OfferTargetingFilter.value_list(types::OfferTargetingString::CountryCodes)
            )),
            vec![of.draft],
        ),
        (
            by!(OfferFilters
                .targeting(OfferTargetingFilter.value_list(types::OfferTargetingString::None))),
            vec![of.bare],
        ),
        (
            by!(OfferFilters.target_agreement_intent(
                OfferTargetAgreementIntentFilter
                    .value_list(types::OfferTargetAgreementIntentString::Renew)
            )),
            vec![of.renewed],
        ),
        (
            by!(OfferFilters.created_by_source(
                OfferCreatedBySourceFilter
                    .value_list(types::OfferCreatedBySourceString::AwsMarketplace)
            )),
            vec![of.renewed],
        ),
        (
            by!(OfferFilters.created_by_source(
                OfferCreatedBySourceFilter.value_list(types::OfferCreatedBySourceString::Seller)
            )),
            vec![of.sold, of.draft, of.bare],
        ),
    ]
}

#[tokio::test]
async fn each_filter_of_offers_finds_what_it_names() {
    let market = money::market().await;
    let isv = Party::isv(&market);
    another_product(&market).await;
    let agreement = installments(&market, &[renewal()]).await;
    let sold = market.get("/sandbox/offers").await[0]["offerId"].clone();
    let sold = sold.as_str().unwrap();
    wait(&market, 1).await;
    let between = text(market.now().await);
    wait(&market, 1).await;
    let countries = json!({ "PositiveTargeting": { "CountryCodes": ["US"] } });
    let draft = market
        .succeed(&vec![
            (
                "CreateOffer",
                json!({ "ProductId": OTHER_PRODUCT, "Name": "Other work" }),
            ),
            ("UpdateTargeting", countries),
            (
                "UpdateAvailability",
                json!({ "AvailabilityEndDate": "2027-03-01" }),
            ),
        ])
        .await;
    let bare = vec![("CreateOffer", json!({ "ProductId": DEFAULT_PRODUCT_ID }))];
    let bare = market.succeed(&bare).await;
    wait(&market, 91).await;
    let offers = market.get("/sandbox/offers").await;
    let renewed = offers[3]["offerId"].as_str().unwrap();
    let (draft, bare) = (draft.as_str(), bare.as_str());

    let of = Offers {
        sold,
        draft,
        bare,
        renewed,
    };
    let rows = [
        by_text(&of, &agreement),
        by_time(&of, &between),
        by_word(&of),
    ];
    let rows = rows.into_iter().flatten().collect();
    check(&isv, "Offer", rows).await;

    let ids = Filter::builder().name("EntityId");
    let ids = ids.value_list(sold).value_list(draft).build();
    let listed = found(&isv, "Offer", None, Some(ids.clone())).await;
    assert_eq!(listed.unwrap(), [draft, sold], "newest change first");
    let drafts =
        by!(OfferFilters.state(OfferStateFilter.value_list(types::OfferStateString::Draft)));
    let both = found(&isv, "Offer", Some(drafts), Some(ids)).await;
    assert_eq!(both.unwrap(), [draft], "every filter must match");
    let product = Filter::builder().name("EntityId");
    let product = product.value_list(OTHER_PRODUCT).build();
    let listed = found(&isv, "ProfessionalServicesProduct", None, Some(product)).await;
    assert_eq!(listed.unwrap(), [OTHER_PRODUCT]);
}

#[tokio::test]
async fn a_wrong_filter_is_refused_where_there_is_nothing_to_find() {
    let market = Market::open().await;
    let isv = Party::isv(&market);
    let ids = (0..11).map(|number| format!("offer-{number}")).collect();
    let ids = types::OfferEntityIdFilter::builder().set_value_list(Some(ids));
    let many = types::OfferFilters::builder()
        .entity_id(ids.build())
        .build();
    let active = by!(ResaleAuthorizationFilters.status(
        ResaleAuthorizationStatusFilter.value_list(types::ResaleAuthorizationStatusString::Active)
    ));
    let nobody = types::OfferCreatedBySourceString::from("Nobody");
    let empty = types::OfferReleaseDateFilterDateRange::builder().build();
    for (kind, filter) in [
        (
            "Offer",
            by!(OfferFilters.state(OfferStateFilter.value_list("Sold".into()))),
        ),
        (
            "Offer",
            by!(OfferFilters.targeting(OfferTargetingFilter.value_list("Any".into()))),
        ),
        (
            "Offer",
            by!(OfferFilters.created_by_source(OfferCreatedBySourceFilter.value_list(nobody))),
        ),
        (
            "Offer",
            by!(OfferFilters.release_date(
                OfferReleaseDateFilter
                    .date_range(range!(OfferReleaseDateFilterDateRange.after_value("today")))
            )),
        ),
        (
            "Offer",
            by!(OfferFilters.release_date(OfferReleaseDateFilter.date_range(empty))),
        ),
        ("Offer", EntityTypeFilters::OfferFilters(many)),
        ("Offer", active),
        (
            "ProfessionalServicesProduct",
            by!(OfferFilters.name(OfferNameFilter.wild_card_value("a"))),
        ),
    ] {
        let shown = format!("{filter:?}");
        let refused = found(&isv, kind, Some(filter), None).await.unwrap_err();
        assert!(
            refused.starts_with("ValidationException"),
            "{shown}: {refused}"
        );
    }
    let by_name = Filter::builder().name("Name").value_list("a").build();
    let refused = found(&isv, "Offer", None, Some(by_name)).await.unwrap_err();
    assert!(refused.starts_with("ValidationException"), "{refused}");
}

//! The filters of resale authorizations, and of the offers made of one.

use aws_sdk_marketplacecatalog::types::{self, EntityTypeFilters};
use countersign_marketplace_sandbox::{
    DEFAULT_PARTNER_ACCOUNT, DEFAULT_PRODUCT_ID, DEFAULT_SELLER_ACCOUNT,
};
use serde_json::json;

use super::{OTHER_PRODUCT, another_product, by, check, range, text};
use crate::clients::flow::Party;
use crate::market::Market;
use crate::money::wait;
use crate::resale::{authorization, day, markup, offer, partner, released};

const OTHER_PARTNER: &str = "555566667777";

/// By what an authorization is and where it stands.
fn by_what_it_is<'a>(used: &'a str, draft: &'a str) -> Vec<(EntityTypeFilters, Vec<&'a str>)> {
    vec![
        (
            by!(ResaleAuthorizationFilters
                .entity_id(ResaleAuthorizationEntityIdFilter.value_list(used))),
            vec![used],
        ),
        (
            by!(ResaleAuthorizationFilters.name(ResaleAuthorizationNameFilter.value_list("Later"))),
            vec![draft],
        ),
        (
            by!(ResaleAuthorizationFilters.name(ResaleAuthorizationNameFilter.wild_card_value("S"))),
            vec![used],
        ),
        (
            by!(ResaleAuthorizationFilters
                .product_id(ResaleAuthorizationProductIdFilter.value_list(DEFAULT_PRODUCT_ID))),
            vec![used],
        ),
        (
            by!(ResaleAuthorizationFilters
                .product_id(ResaleAuthorizationProductIdFilter.wild_card_value("another"))),
            vec![draft],
        ),
        (
            by!(ResaleAuthorizationFilters
                .product_name(ResaleAuthorizationProductNameFilter.value_list("Another listing"))),
            vec![draft],
        ),
        (
            by!(ResaleAuthorizationFilters
                .product_name(ResaleAuthorizationProductNameFilter.wild_card_value("Handbook"))),
            vec![used],
        ),
        (
            by!(ResaleAuthorizationFilters.status(
                ResaleAuthorizationStatusFilter
                    .value_list(types::ResaleAuthorizationStatusString::Active)
            )),
            vec![used],
        ),
        (
            by!(ResaleAuthorizationFilters.status(
                ResaleAuthorizationStatusFilter
                    .value_list(types::ResaleAuthorizationStatusString::Draft)
            )),
            vec![draft],
        ),
        (
            by!(ResaleAuthorizationFilters.offer_extended_status(
                ResaleAuthorizationOfferExtendedStatusFilter.value_list("Completed-Used")
            )),
            vec![used],
        ),
        (
            by!(ResaleAuthorizationFilters.source_authorization(
                ResaleAuthorizationSourceAuthorizationFilter.value_list(used)
            )),
            vec![],
        ),
    ]
}

/// By its parties.
fn by_party<'a>(used: &'a str, draft: &'a str) -> Vec<(EntityTypeFilters, Vec<&'a str>)> {
    vec![
        (
            by!(ResaleAuthorizationFilters.manufacturer_account_id(
                ResaleAuthorizationManufacturerAccountIdFilter.value_list(DEFAULT_SELLER_ACCOUNT)
            )),
            vec![used, draft],
        ),
        (
            by!(ResaleAuthorizationFilters.manufacturer_legal_name(
                ResaleAuthorizationManufacturerLegalNameFilter.wild_card_value(OTHER_PARTNER)
            )),
            vec![],
        ),
        (
            by!(ResaleAuthorizationFilters.reseller_account_id(
                ResaleAuthorizationResellerAccountIdFilter.value_list(DEFAULT_PARTNER_ACCOUNT)
            )),
            vec![used],
        ),
        (
            by!(ResaleAuthorizationFilters.reseller_legal_name(
                ResaleAuthorizationResellerLegalNameFilter.wild_card_value(OTHER_PARTNER)
            )),
            vec![draft],
        ),
        (
            by!(ResaleAuthorizationFilters.reseller_role(
                ResaleAuthorizationResellerRoleFilter
                    .value_list(types::ResaleAuthorizationResellerRoleString::ChannelPartner)
            )),
            vec![used, draft],
        ),
        (
            by!(ResaleAuthorizationFilters.reseller_role(
                ResaleAuthorizationResellerRoleFilter
                    .value_list(types::ResaleAuthorizationResellerRoleString::Distributor)
            )),
            vec![],
        ),
        (
            by!(ResaleAuthorizationFilters.issuer_account_id(
                ResaleAuthorizationIssuerAccountIdFilter.value_list(DEFAULT_SELLER_ACCOUNT)
            )),
            vec![],
        ),
    ]
}

/// By its times: the draft was made after `between`, `end` is past the last day of the other.
fn by_time<'a>(
    used: &'a str,
    draft: &'a str,
    between: &str,
    end: &str,
) -> Vec<(EntityTypeFilters, Vec<&'a str>)> {
    vec![
        (
            by!(ResaleAuthorizationFilters.created_date(
                ResaleAuthorizationCreatedDateFilter.date_range(range!(
                    ResaleAuthorizationCreatedDateFilterDateRange.after_value(between)
                ))
            )),
            vec![draft],
        ),
        (
            by!(ResaleAuthorizationFilters.created_date(
                ResaleAuthorizationCreatedDateFilter.value_list("2027-01-04T10:00:00Z")
            )),
            vec![used],
        ),
        (
            by!(ResaleAuthorizationFilters.last_modified_date(
                ResaleAuthorizationLastModifiedDateFilter.date_range(range!(
                    ResaleAuthorizationLastModifiedDateFilterDateRange.before_value(between)
                ))
            )),
            vec![used],
        ),
        (
            by!(ResaleAuthorizationFilters.availability_end_date(
                ResaleAuthorizationAvailabilityEndDateFilter.date_range(range!(
                    ResaleAuthorizationAvailabilityEndDateFilterDateRange.before_value(end)
                ))
            )),
            vec![used],
        ),
        (
            by!(ResaleAuthorizationFilters.availability_end_date(
                ResaleAuthorizationAvailabilityEndDateFilter.date_range(range!(
                    ResaleAuthorizationAvailabilityEndDateFilterDateRange.after_value(end)
                ))
            )),
            vec![],
        ),
    ]
}

#[tokio::test]
async fn each_filter_of_authorizations_finds_what_it_names() {
    let market = Market::with(|config| {
        config.settings.preparing_ms = 0;
        config.settings.applying_ms = 0;
        config.settings.rate_limit = false;
        config.frozen_at = Some("2027-01-04T10:00:00Z".parse().unwrap());
        config.partner_accounts.push(OTHER_PARTNER.to_owned());
    })
    .await;
    another_product(&market).await;
    let today = market.today().await;
    let used = released(&market, &authorization(&market, today)).await;
    let partner = partner(&market);
    let resold = partner
        .run("Offer@1.0", &offer(&used, today, markup("10")))
        .await;
    let resold = resold.change_set()[0]
        .entity()
        .unwrap()
        .identifier()
        .unwrap();
    let resold = resold.split('@').next().unwrap();
    wait(&market, 1).await;
    let between = text(market.now().await);
    wait(&market, 1).await;
    let later = json!({ "ProductId": OTHER_PRODUCT, "Name": "Later", "Description": "Draft",
        "ResellerAccountId": OTHER_PARTNER });
    let draft = released(&market, &vec![("CreateResaleAuthorization", later)]).await;
    let (used, draft) = (used.as_str(), draft.as_str());
    let end = format!("{}T00:00:00Z", day(today, 31));

    let rows = [
        by_what_it_is(used, draft),
        by_party(used, draft),
        by_time(used, draft, &between, &end),
    ];
    let rows = rows.into_iter().flatten().collect();
    let isv = Party::isv(&market);
    check(&isv, "ResaleAuthorization", rows).await;
    let of = |id: &str| {
        by!(OfferFilters.resale_authorization_id(OfferResaleAuthorizationIdFilter.value_list(id)))
    };
    let rows = vec![(of(used), vec![resold]), (of(draft), vec![])];
    check(&partner, "Offer", rows).await;
}

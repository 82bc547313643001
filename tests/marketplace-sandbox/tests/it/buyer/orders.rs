//! Purchase orders: with the acceptance, with a payment, and changed later.

use aws_sdk_marketplaceagreement::Client;
use aws_sdk_marketplaceagreement::operation::update_purchase_orders::UpdatePurchaseOrdersError as Wrong;
use aws_sdk_marketplaceagreement::types::PurchaseOrder;
use serde_json::json;

use super::{client, quote, two_charges};
use crate::money;
use crate::reasons::reason;

fn order(agreement: &str, charge: &str, revision: i64, reference: &str) -> PurchaseOrder {
    let order = PurchaseOrder::builder().agreement_id(agreement);
    let order = order.charge_id(charge).charge_revision(revision);
    order.purchase_order_reference(reference).build().unwrap()
}

/// Id, revision and order of each charge.
async fn charges(buyer: &Client, agreement: &str) -> Vec<(String, i64, Option<String>)> {
    let listed = buyer.list_agreement_charges().agreement_id(agreement);
    let listed = listed.send().await.unwrap();
    let read = listed.items().iter().map(|charge| {
        let order = charge.purchase_order_reference();
        (
            charge.id().unwrap().to_owned(),
            charge.revision().unwrap(),
            order.map(str::to_owned),
        )
    });
    read.collect()
}

#[tokio::test]
async fn an_order_may_come_with_the_acceptance_and_change_until_three_hours_before() {
    let market = money::market().await;
    let offer = market.succeed(&two_charges(&market).await).await;
    let quote = quote(&market, &offer).await;
    let told = quote.charge_summary().unwrap().expected_charges();
    let (first, second) = (told[0].id().unwrap(), told[1].id().unwrap());
    let buyer = client(&market);
    let with = PurchaseOrder::builder().charge_id(first);
    let with = with.purchase_order_reference("PO-1").build().unwrap();
    let accept = buyer.accept_agreement_request().purchase_orders(with);
    let accept = accept.agreement_request_id(quote.agreement_request_id().unwrap());
    let id = accept.send().await.unwrap().agreement_id.unwrap();
    let row = |charge: &str, revision: i64, order: Option<&str>| {
        (charge.to_owned(), revision, order.map(str::to_owned))
    };
    let now = [row(first, 1, Some("PO-1")), row(second, 1, None)];
    assert_eq!(charges(&buyer, &id).await, now);

    let update = |client: &Client, orders: Vec<PurchaseOrder>| {
        let request = client.update_purchase_orders();
        request.set_purchase_orders(Some(orders)).send()
    };
    let conflict = |error: Wrong| {
        let Wrong::ConflictException(error) = error else {
            panic!("{error:?}")
        };
        let kind = error.resource_type().unwrap().as_str().to_owned();
        (kind, error.resource_id().unwrap().to_owned())
    };
    let of = |charge: &str| ("Charge".to_owned(), charge.to_owned());
    let both = vec![order(&id, second, 1, "PO-2"), order(&id, first, 1, "PO-3")];
    let late = update(&buyer, both).await.unwrap_err();
    assert_eq!(conflict(late.into_service_error()), of(first), "it is due");
    assert_eq!(charges(&buyer, &id).await, now, "all or nothing");

    let change = |revision, reference| vec![order(&id, second, revision, reference)];
    update(&buyer, change(1, "PO-2")).await.unwrap();
    let stale = update(&buyer, change(1, "PO-3")).await.unwrap_err();
    assert_eq!(conflict(stale.into_service_error()), of(second));
    update(&buyer, change(2, "PO-3")).await.unwrap();
    let now = [row(first, 1, Some("PO-1")), row(second, 3, Some("PO-3"))];
    assert_eq!(charges(&buyer, &id).await, now);

    let seller = update(&market.agreement, change(3, "PO-4")).await;
    let seller = seller.unwrap_err().into_service_error();
    assert!(seller.is_access_denied_exception(), "{seller:?}");
    let foreign = order("agmt-none", second, 3, "PO-4");
    let foreign = update(&buyer, vec![foreign]).await.unwrap_err();
    let foreign = foreign.into_service_error();
    assert!(foreign.is_resource_not_found_exception(), "{foreign:?}");
    let bare = buyer.update_purchase_orders().send().await;
    assert_eq!(reason(bare), "MISSING_PURCHASE_ORDERS");
    let only = PurchaseOrder::builder().charge_id(second);
    let only = only.purchase_order_reference("PO-4");
    let sent = update(&buyer, vec![only.clone().build().unwrap()]).await;
    assert_eq!(reason(sent), "MISSING_AGREEMENT_ID");
    let sent = update(&buyer, vec![only.agreement_id(&id).build().unwrap()]).await;
    assert_eq!(reason(sent), "MISSING_CHARGE_REVISION");
    let sent = update(&buyer, vec![order(&id, "ch-none", 1, "PO-4")]).await;
    assert_eq!(reason(sent), "INVALID_CHARGE_ID");

    // The second charge falls due in 29 days and 14 hours.
    let until = (29 * 24 + 11) * 3600;
    market
        .act("clock", json!({ "advanceSeconds": until - 1 }))
        .await;
    update(&buyer, change(3, "PO-4")).await.unwrap();
    market.act("clock", json!({ "advanceSeconds": 1 })).await;
    let late = update(&buyer, change(4, "PO-5")).await.unwrap_err();
    assert_eq!(conflict(late.into_service_error()), of(second));
    money::wait(&market, 91).await;
    let over = update(&buyer, change(4, "PO-5")).await;
    assert_eq!(reason(over), "INACTIVE_AGREEMENT");
}

#[tokio::test]
async fn a_payment_is_accepted_with_its_order() {
    let market = money::market().await;
    let (id, term) = money::milestones(&market, "WAIT_FOR_APPROVAL").await;
    let buyer = client(&market);
    let request = market.agreement.send_agreement_payment_request();
    let request = request.agreement_id(&id).term_id(&term).name("Milestone 1");
    let sent = request.charge_amount("10.00").send().await.unwrap();
    let accept = || {
        let accept = buyer.accept_agreement_payment_request().agreement_id(&id);
        accept.payment_request_id(sent.payment_request_id().unwrap())
    };
    let empty = accept().purchase_order_reference("").send().await;
    assert_eq!(reason(empty), "INVALID_PURCHASE_ORDER_REFERENCE");
    let accept = accept().purchase_order_reference("PO-9").send();
    accept.await.unwrap();
    let charges = charges(&buyer, &id).await;
    assert_eq!(charges.len(), 1);
    assert_eq!((charges[0].1, charges[0].2.as_deref()), (1, Some("PO-9")));
}

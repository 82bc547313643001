//! Each reason of the Agreement API's `ValidationException` that a client can bring about, and what its other
//! errors say (facts §3).

use std::error::Error;
use std::fmt::Debug;

use aws_sdk_marketplaceagreement::config::http::HttpResponse;
use aws_sdk_marketplaceagreement::error::SdkError;
use aws_sdk_marketplaceagreement::operation::accept_agreement_cancellation_request::AcceptAgreementCancellationRequestError as Own;
use aws_sdk_marketplaceagreement::operation::get_agreement_payment_request::GetAgreementPaymentRequestError as Absent;
use aws_sdk_marketplaceagreement::operation::send_agreement_cancellation_request::SendAgreementCancellationRequestError as Again;
use aws_sdk_marketplaceagreement::types::error::ValidationException;
use aws_sdk_marketplaceagreement::types::{
    AgreementCancellationRequestReasonCode as Reason, BatchCreateBillingAdjustmentRequestEntry,
    BillingAdjustmentReasonCode, Filter, Sort, SortOrder,
};

use crate::deal::filter;
use crate::market::{Market, agreement_client};
use crate::money::{self, installments, milestones, wait};

/// The reason of a refusal, or what happened instead.
pub(crate) fn reason<T: Debug, E: Error + 'static>(
    sent: Result<T, SdkError<E, HttpResponse>>,
) -> String {
    let error = match sent {
        Ok(answer) => return format!("not refused: {answer:?}"),
        Err(error) => error,
    };
    let status = error.raw_response().unwrap().status().as_u16();
    let error = error.as_service_error().unwrap();
    let Some(refused) = error
        .source()
        .and_then(|source| source.downcast_ref::<ValidationException>())
    else {
        return format!("{status}: {error:?}");
    };
    assert_eq!(status, 400);
    refused.reason().unwrap().as_str().to_owned()
}

#[tokio::test]
async fn of_reading() {
    let market = money::market().await;
    let id = installments(&market, &[]).await;
    let sdk = &market.agreement;
    let sent = sdk.describe_agreement().send().await;
    assert_eq!(reason(sent), "MISSING_AGREEMENT_ID");
    let terms = || sdk.get_agreement_terms().agreement_id(&id);
    for size in [0, 51] {
        let sent = terms().max_results(size).send().await;
        assert_eq!(reason(sent), "INVALID_MAX_RESULTS", "{size}");
    }
    let sent = terms().next_token("nonsense").send().await;
    assert_eq!(reason(sent), "INVALID_NEXT_TOKEN");
    let lines = sdk.list_agreement_invoice_line_items().agreement_id(&id);
    assert_eq!(reason(lines.send().await), "OTHER", "groupBy is missing");
}

#[tokio::test]
async fn of_searching() {
    let market = Market::open().await;
    let own = filter("PartyType", "Proposer");
    let kind = filter("AgreementType", "PurchaseAgreement");
    let search = |filters: Vec<Filter>| {
        let request = market.agreement.search_agreements();
        request.set_filters(Some(filters))
    };
    let with = |other: Filter| search(vec![own.clone(), kind.clone(), other]).send();
    let usual = || search(vec![own.clone(), kind.clone()]);

    let sent = usual().catalog("Other").send().await;
    assert_eq!(reason(sent), "INVALID_CATALOG");
    let sent = search(vec![filter("AgreementType", "Vendor"), own.clone()]);
    assert_eq!(reason(sent.send().await), "INVALID_AGREEMENT_TYPE");
    let sent = search(vec![own.clone()]).send().await;
    assert_eq!(reason(sent), "INVALID_FILTERS", "AgreementType is missing");
    let many = vec![filter("Status", "ACTIVE"); 9];
    let many = [vec![own.clone(), kind.clone()], many].concat();
    assert_eq!(reason(search(many).send().await), "INVALID_FILTERS");
    let sent = with(Filter::builder().values("ACTIVE").build()).await;
    assert_eq!(reason(sent), "MISSING_FILTER_NAME");
    let sent = with(Filter::builder().name("Status").build()).await;
    assert_eq!(reason(sent), "MISSING_FILTER_VALUES");
    let two = Filter::builder()
        .name("Status")
        .values("ACTIVE")
        .values("EXPIRED");
    assert_eq!(reason(with(two.build()).await), "INVALID_FILTER_VALUES");
    let sent = with(filter("Status", "DONE")).await;
    assert_eq!(reason(sent), "INVALID_FILTER_VALUES");
    let sort = |by: &str, order: SortOrder| Sort::builder().sort_by(by).sort_order(order).build();
    let sent = usual()
        .sort(sort("Colour", SortOrder::Ascending))
        .send()
        .await;
    assert_eq!(reason(sent), "INVALID_SORT_BY");
    let sent = usual()
        .sort(sort("EndTime", SortOrder::from("SIDEWAYS")))
        .send()
        .await;
    assert_eq!(reason(sent), "INVALID_SORT_ORDER");
    let acceptor = search(vec![filter("PartyType", "Acceptor"), kind.clone()]);
    let sent = acceptor
        .sort(sort("StartTime", SortOrder::Ascending))
        .send()
        .await;
    assert_eq!(
        reason(sent),
        "INVALID_SORT_BY",
        "an acceptor sorts by EndTime only"
    );
    assert!(usual().send().await.is_ok());
}

#[tokio::test]
async fn of_payment_requests() {
    let market = money::market().await;
    let (id, term) = milestones(&market, "WAIT_FOR_APPROVAL").await;
    let sdk = &market.agreement;
    let bare = || sdk.send_agreement_payment_request().agreement_id(&id);
    let named = || bare().term_id(&term).name("Milestone 1");
    let good = || named().charge_amount("1.00");

    let sent = bare()
        .name("Milestone 1")
        .charge_amount("1.00")
        .send()
        .await;
    assert_eq!(reason(sent), "MISSING_TERM_ID");
    let sent = good().term_id("term-other").send().await;
    assert_eq!(reason(sent), "INVALID_TERM_ID");
    let sent = bare().term_id(&term).charge_amount("1.00").send().await;
    assert_eq!(reason(sent), "MISSING_NAME");
    let sent = good().name("M1").send().await;
    assert_eq!(reason(sent), "INVALID_NAME");
    assert_eq!(reason(named().send().await), "MISSING_CHARGE_AMOUNT");
    for amount in ["0", "-1.00", "1.001", "1000.01", "much"] {
        let sent = named().charge_amount(amount).send().await;
        assert_eq!(reason(sent), "INVALID_CHARGE_AMOUNT", "{amount}");
    }
    let sent = good().description("d".repeat(2001)).send().await;
    assert_eq!(reason(sent), "INVALID_DESCRIPTION");
    for token in ["a b", &"t".repeat(65)] {
        let sent = good().client_token(token).send().await;
        assert_eq!(reason(sent), "INVALID_CLIENT_TOKEN", "{token}");
    }

    let request = good().send().await.unwrap();
    let request = request.payment_request_id().unwrap();
    let sent = sdk
        .get_agreement_payment_request()
        .agreement_id(&id)
        .send()
        .await;
    assert_eq!(reason(sent), "MISSING_PAYMENT_REQUEST_ID");
    let sent = sdk
        .cancel_agreement_payment_request()
        .agreement_id(&id)
        .send()
        .await;
    assert_eq!(reason(sent), "MISSING_PAYMENT_REQUEST_ID");
    let buyer = agreement_client(&market.url, "AKIABUYER", "any");
    let answer = buyer.reject_agreement_payment_request().agreement_id(&id);
    let answer = answer.payment_request_id(request);
    let sent = answer.rejection_reason("r".repeat(251)).send().await;
    assert_eq!(reason(sent), "INVALID_REJECTION_REASON");

    let list = || sdk.list_agreement_payment_requests();
    assert_eq!(reason(list().send().await), "MISSING_PARTY_TYPE");
    let sent = list().party_type("Nobody").send().await;
    assert_eq!(reason(sent), "INVALID_PARTY_TYPE");
    let own = || list().party_type("Proposer");
    let sent = own().catalog("Other").send().await;
    assert_eq!(reason(sent), "INVALID_CATALOG");
    let sent = own().agreement_type("Other").send().await;
    assert_eq!(reason(sent), "INVALID_AGREEMENT_TYPE");
    let sent = own().status("DONE".into()).send().await;
    assert_eq!(reason(sent), "INVALID_STATUS");
    let waiting = own().status("VALIDATING".into()).send().await.unwrap();
    assert!(waiting.items().is_empty());
    let pending = own()
        .status("PENDING_APPROVAL".into())
        .send()
        .await
        .unwrap();
    assert_eq!(pending.items().len(), 1);

    wait(&market, 91).await;
    assert_eq!(reason(good().send().await), "INACTIVE_AGREEMENT");
}

#[tokio::test]
async fn of_cancellation_requests() {
    let market = money::market().await;
    let id = installments(&market, &[]).await;
    let sdk = &market.agreement;
    let ask = || sdk.send_agreement_cancellation_request().agreement_id(&id);
    assert_eq!(reason(ask().send().await), "MISSING_REASON_CODE");
    let sent = ask().reason_code(Reason::from("BORED")).send().await;
    assert_eq!(reason(sent), "INVALID_REASON_CODE");
    let good = || ask().reason_code(Reason::Other);
    let sent = good().description("d".repeat(2001)).send().await;
    assert_eq!(reason(sent), "INVALID_DESCRIPTION");
    let sent = good().client_token("a b").send().await;
    assert_eq!(reason(sent), "INVALID_CLIENT_TOKEN");

    let request = good().send().await.unwrap();
    let request = request.agreement_cancellation_request_id().unwrap();
    let get = sdk.get_agreement_cancellation_request().agreement_id(&id);
    let missing = "MISSING_AGREEMENT_CANCELLATION_REQUEST_ID";
    assert_eq!(reason(get.send().await), missing);
    let withdraw = || {
        let request = sdk
            .cancel_agreement_cancellation_request()
            .agreement_id(&id);
        request.cancellation_reason("mistake")
    };
    assert_eq!(reason(withdraw().send().await), missing);
    let named = || withdraw().agreement_cancellation_request_id(request);
    let sent = named().set_cancellation_reason(None).send().await;
    assert_eq!(reason(sent), "MISSING_REASON");
    let sent = named().cancellation_reason("r".repeat(2001)).send().await;
    assert_eq!(reason(sent), "INVALID_REASON");
    let buyer = agreement_client(&market.url, "AKIABUYER", "any");
    let answer = buyer
        .reject_agreement_cancellation_request()
        .agreement_id(&id);
    let answer = answer.agreement_cancellation_request_id(request);
    let sent = answer.clone().send().await;
    assert_eq!(reason(sent), "INVALID_REJECTION_REASON", "it must be there");
    let sent = answer.rejection_reason("r".repeat(2001)).send().await;
    assert_eq!(reason(sent), "INVALID_REJECTION_REASON");
    let list = || sdk.list_agreement_cancellation_requests();
    assert_eq!(reason(list().send().await), "MISSING_PARTY_TYPE");
    let validating = list().party_type("Proposer").status("VALIDATING".into());
    assert_eq!(reason(validating.send().await), "INVALID_STATUS");

    wait(&market, 8).await;
    assert_eq!(reason(good().send().await), "INACTIVE_AGREEMENT");
}

fn entry(agreement: &str, token: &str) -> BatchCreateBillingAdjustmentRequestEntry {
    let entry = BatchCreateBillingAdjustmentRequestEntry::builder().agreement_id(agreement);
    let entry = entry.original_invoice_id("0000000000").client_token(token);
    let entry = entry.adjustment_amount("1.00").currency_code("USD");
    let reason = BillingAdjustmentReasonCode::Other;
    entry.adjustment_reason_code(reason).build().unwrap()
}

#[tokio::test]
async fn of_billing_adjustments() {
    let market = money::market().await;
    let id = installments(&market, &[]).await;
    let sdk = &market.agreement;
    let create = |entries: Vec<BatchCreateBillingAdjustmentRequestEntry>| {
        let request = sdk.batch_create_billing_adjustment_request();
        request
            .set_billing_adjustment_request_entries(Some(entries))
            .send()
    };
    let sent = create(vec![]).await;
    assert_eq!(reason(sent), "MISSING_BILLING_ADJUSTMENT_REQUEST_ENTRY");
    let six = (0..6)
        .map(|number| entry(&id, &format!("t{number}")))
        .collect();
    assert_eq!(
        reason(create(six).await),
        "BILLING_ADJUSTMENTS_LIMIT_EXCEEDED"
    );
    let sent = create(vec![entry(&id, "one"), entry("agmt-other", "two")]).await;
    assert_eq!(reason(sent), "MULTIPLE_AGREEMENT_IDS");
    let sent = create(vec![entry(&id, "a b")]).await;
    assert_eq!(reason(sent), "INVALID_CLIENT_TOKEN");
    let get = sdk.get_billing_adjustment_request().agreement_id(&id);
    assert_eq!(reason(get.send().await), "OTHER", "the id is missing");
    let list = || sdk.list_billing_adjustment_requests();
    let sent = list().status("REJECTED".into()).send().await;
    assert_eq!(reason(sent), "INVALID_STATUS");
    let sent = list().catalog("Other").send().await;
    assert_eq!(reason(sent), "INVALID_CATALOG");
}

/// What the errors say that are no validation: who may not, what is not there, what is in the wrong state.
#[tokio::test]
async fn of_access_absence_and_conflict() {
    let market = money::market().await;
    let id = installments(&market, &[]).await;
    let sdk = &market.agreement;
    let ask = || sdk.send_agreement_cancellation_request().agreement_id(&id);
    let asked = ask().reason_code(Reason::Other).send().await.unwrap();
    let request = asked.agreement_cancellation_request_id().unwrap();

    let answer = sdk
        .accept_agreement_cancellation_request()
        .agreement_id(&id);
    let answer = answer.agreement_cancellation_request_id(request);
    let own = answer.send().await.unwrap_err().into_service_error();
    let Own::AccessDeniedException(own) = own else {
        panic!("{own:?}")
    };
    assert_eq!(own.reason().unwrap().as_str(), "INVALID_ACCESS");

    let again = ask().reason_code(Reason::Other).send().await.unwrap_err();
    let Again::ConflictException(again) = again.into_service_error() else {
        panic!("a second open request")
    };
    assert_eq!(again.resource_id(), Some(request));
    let kind = again.resource_type().unwrap().as_str();
    assert_eq!(kind, "AgreementCancellationRequest");

    let get = sdk.get_agreement_payment_request().agreement_id(&id);
    let absent = get.payment_request_id("pr-none").send().await.unwrap_err();
    let Absent::ResourceNotFoundException(absent) = absent.into_service_error() else {
        panic!("no such request")
    };
    assert_eq!(absent.resource_id(), Some("pr-none"));
    assert_eq!(absent.resource_type().unwrap().as_str(), "PaymentRequest");
}

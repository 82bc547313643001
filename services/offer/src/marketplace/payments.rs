//! Payment requests of the Agreement API (O17): send, take back, look. A status that the SDK does not
//! know is passed on as text.

use aws_sdk_marketplaceagreement::Client;
use aws_sdk_marketplaceagreement::operation::get_agreement_payment_request::GetAgreementPaymentRequestOutput;
use aws_sdk_marketplaceagreement::operation::send_agreement_payment_request::builders::SendAgreementPaymentRequestFluentBuilder;
use aws_sdk_marketplaceagreement::types::{PaymentRequestStatus, PaymentRequestSummary};
use countersign_kernel::{Currency, Money};

use super::agreements::time;
use super::{CallError, Later, MAX_PAGES, Marketplace, too_many_pages};
use crate::domain::id::{AgreementId, AwsPaymentRequestId};
use crate::domain::payment::{PaymentRequest, Seen};

/// The most that one page of AWS's holds.
const PAGE: i32 = 50;

impl Marketplace {
    /// Sends the request, or finds the one that was sent with the same token while AWS remembers that.
    pub(crate) async fn send_payment_request(
        &self,
        request: &PaymentRequest,
    ) -> Result<Seen, CallError> {
        let call = sending(&self.agreements, request);
        let taken = self
            .calls
            .make("SendAgreementPaymentRequest", || call.clone().send())
            .await?;
        Ok(Seen {
            id: id(taken.payment_request_id())?,
            status: status(taken.status()),
            charge_id: None,
            message: None,
            created_at: taken.created_at().and_then(time),
            updated_at: None,
        })
    }

    /// The request of this name and amount, if AWS has one: ours are each named once per agreement. It
    /// tells what became of a request whose answer was lost, however long ago.
    pub(crate) async fn find_payment_request(
        &self,
        request: &PaymentRequest,
    ) -> Result<Option<Seen>, CallError> {
        let mut next_token = None;
        for _ in 0..MAX_PAGES {
            let call = self
                .agreements
                .list_agreement_payment_requests()
                .party_type("Proposer")
                .agreement_type("PurchaseAgreement")
                .catalog("AWSMarketplace")
                .agreement_id(request.agreement_id.as_str())
                .max_results(PAGE)
                .set_next_token(next_token);
            let page = self
                .calls
                .make("ListAgreementPaymentRequests", || call.clone().send())
                .await?;
            let mut items = page.items().iter();
            if let Some(found) = items.find(|item| is(request, item)) {
                return Ok(Some(listed(found)?));
            }
            next_token = page.next_token().map(str::to_owned);
            if next_token.is_none() {
                return Ok(None);
            }
        }
        Err(too_many_pages("payment requests"))
    }

    /// How AWS's request stands; the inner error says what it is instead of ours.
    pub(crate) async fn payment_request(
        &self,
        request: &PaymentRequest,
        id: &AwsPaymentRequestId,
    ) -> Result<Result<Seen, String>, CallError> {
        let call = self
            .agreements
            .get_agreement_payment_request()
            .agreement_id(request.agreement_id.as_str())
            .payment_request_id(id.as_str());
        let found = self
            .calls
            .make("GetAgreementPaymentRequest", || call.clone().send())
            .await?;
        Ok(read(request, id, &found))
    }

    /// Takes the request back.
    pub(crate) async fn cancel_payment_request(
        &self,
        agreement: &AgreementId,
        id: &AwsPaymentRequestId,
    ) -> Result<(), CallError> {
        let call = self
            .agreements
            .cancel_agreement_payment_request()
            .agreement_id(agreement.as_str())
            .payment_request_id(id.as_str());
        let cancelled = self
            .calls
            .make("CancelAgreementPaymentRequest", || call.clone().send());
        cancelled.await.map(drop)
    }
}

/// The request as AWS is sent it.
pub(super) fn sending(
    agreements: &Client,
    request: &PaymentRequest,
) -> SendAgreementPaymentRequestFluentBuilder {
    let description = Some(request.description.clone()).filter(|text| !text.is_empty());
    agreements
        .send_agreement_payment_request()
        .client_token(request.id.as_str())
        .agreement_id(request.agreement_id.as_str())
        .term_id(&request.term_id)
        .name(request.name())
        .charge_amount(request.amount.amount_text())
        .set_description(description)
}

/// An answer without an id is no answer: whether AWS took it is looked for.
fn id(text: Option<&str>) -> Result<AwsPaymentRequestId, CallError> {
    let parsed = text.unwrap_or_default().parse();
    parsed.map_err(|_| CallError::Later(Later::fault("the answer has no payment request id")))
}

fn status(status: Option<&PaymentRequestStatus>) -> String {
    let status = status.map(PaymentRequestStatus::as_str);
    status.unwrap_or_default().to_owned()
}

/// Whether the amount is the one that was asked for, however AWS writes it.
fn same_amount(asked: Money, text: Option<&str>, code: Option<&str>) -> bool {
    let currency = code.unwrap_or_default().parse::<Currency>();
    let shown = currency.map(|currency| Money::parse(text.unwrap_or_default(), currency));
    shown.is_ok_and(|shown| shown == Ok(asked))
}

fn is(request: &PaymentRequest, item: &PaymentRequestSummary) -> bool {
    item.name() == Some(request.name().as_str())
        && same_amount(request.amount, item.charge_amount(), item.currency_code())
}

fn listed(item: &PaymentRequestSummary) -> Result<Seen, CallError> {
    Ok(Seen {
        id: id(item.payment_request_id())?,
        status: status(item.status()),
        charge_id: item.charge_id().map(str::to_owned),
        message: None,
        created_at: item.created_at().and_then(time),
        updated_at: item.updated_at().and_then(time),
    })
}

fn read(
    request: &PaymentRequest,
    id: &AwsPaymentRequestId,
    found: &GetAgreementPaymentRequestOutput,
) -> Result<Seen, String> {
    let (amount, code) = (found.charge_amount(), found.currency_code());
    if !same_amount(request.amount, amount, code) {
        return Err(format!(
            "{id} is about {} {}, asked for were {}",
            amount.unwrap_or_default(),
            code.unwrap_or_default(),
            request.amount
        ));
    }
    Ok(Seen {
        id: id.clone(),
        status: status(found.status()),
        charge_id: found.charge_id().map(str::to_owned),
        message: found.status_message().map(str::to_owned),
        created_at: found.created_at().and_then(time),
        updated_at: found.updated_at().and_then(time),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample;

    fn found(status: &str, amount: &str, currency: &str) -> GetAgreementPaymentRequestOutput {
        GetAgreementPaymentRequestOutput::builder()
            .payment_request_id("pr-1")
            .status(status.into())
            .charge_amount(amount)
            .currency_code(currency)
            .build()
    }

    /// AWS writes an amount as it likes; another amount is not our request.
    #[test]
    fn what_is_not_the_amount_asked_for_says_so() {
        let request = sample::payment_request();
        let id = "pr-1".parse().unwrap();
        for (amount, currency, fits) in [
            ("30000.00", "USD", true),
            ("30000", "USD", true),
            ("30000.01", "USD", false),
            ("30000.00", "EUR", false),
            ("30000.00", "", false),
            ("", "USD", false),
        ] {
            let read = read(&request, &id, &found("APPROVED", amount, currency));
            assert_eq!(read.is_ok(), fits, "{amount} {currency}");
        }
    }

    #[test]
    fn an_unknown_status_is_taken_as_it_is() {
        let request = sample::payment_request();
        let seen = found("UNDER_REVIEW", "30000.00", "USD");
        let seen = read(&request, &"pr-1".parse().unwrap(), &seen).unwrap();
        assert_eq!(seen.status, "UNDER_REVIEW");
    }

    /// A request of the same milestone under another number is another one.
    #[test]
    fn a_request_is_found_by_name_and_amount() {
        let request = sample::payment_request();
        let item = |name: &str, amount: &str| {
            PaymentRequestSummary::builder()
                .name(name)
                .charge_amount(amount)
                .currency_code("USD")
                .build()
        };
        for (name, amount, ours) in [
            ("Design accepted #1", "30000", true),
            ("Design accepted #2", "30000", false),
            ("Design accepted", "30000", false),
            ("Design accepted #1", "3000", false),
        ] {
            assert_eq!(is(&request, &item(name, amount)), ours, "{name} {amount}");
        }
    }
}

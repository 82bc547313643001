//! Cancellation requests of the Agreement API (O15, facts §3.1): send, take back, look. A status that the SDK
//! does not know is passed on as text.

use aws_sdk_marketplaceagreement::types::{
    AgreementCancellationRequestReasonCode as Reason, AgreementCancellationRequestStatus as Status,
    AgreementCancellationRequestSummary as Summary,
};
use chrono::{DateTime, TimeDelta, Utc};

use super::agreements::time;
use super::{CallError, Later, MAX_PAGES, Marketplace, too_many_pages};
use crate::domain::change_order::{ChangeOrder, Seen};
use crate::domain::id::AwsCancellationId;

/// The most that one page of AWS's holds.
const PAGE: i32 = 50;
/// How far AWS's clock may be behind ours: what it took before that is not what was asked for here.
const SKEW: TimeDelta = TimeDelta::minutes(5);

impl Marketplace {
    /// Sends the request, or finds the one that was sent with the same token while AWS remembers that.
    pub(crate) async fn send_cancellation(&self, order: &ChangeOrder) -> Result<Seen, CallError> {
        let call = self
            .agreements
            .send_agreement_cancellation_request()
            .client_token(order.id.as_str())
            .agreement_id(order.agreement_id.as_str())
            .reason_code(Reason::ReplacingAgreement)
            .description(&order.reason);
        let operation = "SendAgreementCancellationRequest";
        let taken = self.calls.make(operation, || call.clone().send()).await?;
        Ok(Seen {
            id: id(taken.agreement_cancellation_request_id())?,
            status: status(taken.status()),
            message: None,
            created_at: taken.created_at().and_then(time),
            updated_at: taken.updated_at().and_then(time),
            agreement_over: false,
        })
    }

    /// The change order's request, if AWS has it: the newest of the agreement since it was asked for, or that
    /// waits for the buyer, and is no other change order's. An agreement has one open request at a time
    /// (facts §3.1), so that one which was made elsewhere meanwhile is taken for ours: AWS would refuse a
    /// second.
    pub(crate) async fn find_cancellation(
        &self,
        order: &ChangeOrder,
        asked_at: DateTime<Utc>,
        others: &[AwsCancellationId],
    ) -> Result<Option<Seen>, CallError> {
        let mut next_token = None;
        let mut newest: Option<Seen> = None;
        for _ in 0..MAX_PAGES {
            let call = self
                .agreements
                .list_agreement_cancellation_requests()
                .party_type("Proposer")
                .agreement_type("PurchaseAgreement")
                .catalog("AWSMarketplace")
                .agreement_id(order.agreement_id.as_str())
                .max_results(PAGE)
                .set_next_token(next_token);
            let operation = "ListAgreementCancellationRequests";
            let page = self.calls.make(operation, || call.clone().send()).await?;
            for item in page.items() {
                let seen = listed(item)?;
                let newer = newest
                    .as_ref()
                    .is_none_or(|known| known.created_at < seen.created_at);
                if newer && may_be_ours(&seen, asked_at, others) {
                    newest = Some(seen);
                }
            }
            next_token = page.next_token().map(str::to_owned);
            if next_token.is_none() {
                return match newest {
                    Some(seen) => self.told_apart(order, seen).await.map(Some),
                    None => Ok(None),
                };
            }
        }
        Err(too_many_pages("cancellation requests"))
    }

    /// How AWS's request stands.
    pub(crate) async fn cancellation(
        &self,
        order: &ChangeOrder,
        id: &AwsCancellationId,
    ) -> Result<Seen, CallError> {
        let call = self
            .agreements
            .get_agreement_cancellation_request()
            .agreement_id(order.agreement_id.as_str())
            .agreement_cancellation_request_id(id.as_str());
        let found = self
            .calls
            .make("GetAgreementCancellationRequest", || call.clone().send())
            .await?;
        let seen = Seen {
            id: id.clone(),
            status: status(found.status()),
            message: found.status_message().map(str::to_owned),
            created_at: found.created_at().and_then(time),
            updated_at: found.updated_at().and_then(time),
            agreement_over: false,
        };
        self.told_apart(order, seen).await
    }

    /// AWS closes a request with one word when it is taken back and when its agreement ends: the agreement tells
    /// which it was.
    async fn told_apart(&self, order: &ChangeOrder, seen: Seen) -> Result<Seen, CallError> {
        if seen.status != Status::Cancelled.as_str() {
            return Ok(seen);
        }
        let closed_at = seen.updated_at.unwrap_or(DateTime::<Utc>::MIN_UTC);
        let agreement_over = self.is_over(&order.agreement_id, closed_at).await?;
        Ok(Seen {
            agreement_over,
            ..seen
        })
    }

    /// Takes the request back.
    pub(crate) async fn withdraw_cancellation(
        &self,
        order: &ChangeOrder,
        id: &AwsCancellationId,
        reason: &str,
    ) -> Result<(), CallError> {
        let call = self
            .agreements
            .cancel_agreement_cancellation_request()
            .agreement_id(order.agreement_id.as_str())
            .agreement_cancellation_request_id(id.as_str())
            .cancellation_reason(reason);
        let operation = "CancelAgreementCancellationRequest";
        self.calls
            .make(operation, || call.clone().send())
            .await
            .map(drop)
    }
}

/// An answer without an id is no answer: whether AWS took it is looked for.
fn id(text: Option<&str>) -> Result<AwsCancellationId, CallError> {
    let parsed = text.unwrap_or_default().parse();
    parsed.map_err(|_| CallError::Later(Later::fault("the answer has no cancellation request id")))
}

fn status(status: Option<&Status>) -> String {
    status.map_or_else(String::new, |status| status.as_str().to_owned())
}

fn listed(item: &Summary) -> Result<Seen, CallError> {
    Ok(Seen {
        id: id(item.agreement_cancellation_request_id())?,
        status: status(item.status()),
        message: None,
        created_at: item.created_at().and_then(time),
        updated_at: item.updated_at().and_then(time),
        agreement_over: false,
    })
}

fn may_be_ours(seen: &Seen, asked_at: DateTime<Utc>, others: &[AwsCancellationId]) -> bool {
    let since = seen.created_at.is_some_and(|at| at >= asked_at - SKEW);
    let waits = seen.status == Status::PendingApproval.as_str();
    (since || waits) && !others.contains(&seen.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_ours_since_it_was_asked_for_or_while_it_waits() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let asked_at = at("2026-02-01T12:00:00Z");
        let others = ["acr-other".parse().unwrap()];
        for (id, status, created_at, ours) in [
            ("acr-1", "PENDING_APPROVAL", "2026-02-01T12:00:01Z", true),
            ("acr-1", "REJECTED", "2026-02-01T12:00:01Z", true),
            ("acr-1", "REJECTED", "2026-02-01T11:56:00Z", true),
            ("acr-1", "REJECTED", "2026-02-01T11:54:00Z", false),
            ("acr-1", "PENDING_APPROVAL", "2026-01-30T12:00:00Z", true),
            (
                "acr-other",
                "PENDING_APPROVAL",
                "2026-02-01T12:00:01Z",
                false,
            ),
        ] {
            let seen = Seen {
                id: id.parse().unwrap(),
                status: status.to_owned(),
                message: None,
                created_at: Some(at(created_at)),
                updated_at: None,
                agreement_over: false,
            };
            assert_eq!(may_be_ours(&seen, asked_at, &others), ours, "{seen:?}");
        }
    }
}

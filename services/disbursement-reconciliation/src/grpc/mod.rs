//! gRPC: parse, call, convert.
//!
//! | file | what |
//! |---|---|
//! | [`parse`] | requests → domain; every wrong field at once |
//! | [`page`] | which page of a list |
//! | [`convert`] | domain and store views → replies |

mod convert;
mod page;
mod parse;

use countersign_platform::{
    CallContext, Cause, Commands, Failure, Lifecycle, Page, Reader, Rejection,
};
use countersign_proto::disbursement_reconciliation::v1 as proto;
use proto::disbursement_reconciliation_service_server::DisbursementReconciliationService;
use tonic::{Request, Response, Status, async_trait};

use crate::commands;
use crate::domain::ids::AgreementId;
use crate::feeds::ingest::{Because, Feeds};
use crate::store;
use crate::store::agreement::Unseen;

/// Serves the calls.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    commands: Commands,
    feeds: Feeds,
    lifecycle: Lifecycle,
}

impl Server {
    pub(crate) const fn new(commands: Commands, feeds: Feeds, lifecycle: Lifecycle) -> Self {
        Self {
            commands,
            feeds,
            lifecycle,
        }
    }

    async fn reading(&self, call: &CallContext) -> Result<Reader, Failure> {
        self.commands.database().reading(&call.seller).await
    }

    /// A turn over the caller's feeds. It goes on when the caller hangs up: what it does is
    /// idempotent, and a later turn would do the same.
    async fn ingest(&self, call: &CallContext) -> Result<proto::IngestFeedsResponse, Status> {
        let seller = call.seller.clone();
        if !self.feeds.has(&seller) {
            let message = "no place is configured from which this seller's feeds are read";
            return Err(Rejection::failed_precondition("NO_FEEDS_CONFIGURED", message).into());
        }
        let cause = Cause::Command {
            principal: call.principal.clone(),
            key: call.idempotency_key.clone(),
        };
        let because = Because {
            cause,
            trace: call.trace,
        };
        let feeds = self.feeds.clone();
        let turn = self
            .lifecycle
            .spawn(async move { feeds.ingest(&seller, &because).await });
        let reports = turn
            .await
            .map_err(|error| Failure::internal("reading feeds", error))??;
        Ok(proto::IngestFeedsResponse {
            reports: reports.iter().map(convert::report).collect(),
        })
    }
}

#[async_trait]
impl DisbursementReconciliationService for Server {
    async fn ingest_feeds(
        &self,
        request: Request<proto::IngestFeedsRequest>,
    ) -> Result<Response<proto::IngestFeedsResponse>, Status> {
        let call = self.commands.call(&request)?;
        let reply = self.ingest(&call).await?;
        // Outside first; then the answer is kept under the caller's key, like every command's.
        self.commands
            .execute(&call, "IngestFeeds", &request.into_inner(), move |_| {
                let reply = reply.clone();
                Box::pin(async move { Ok(reply) })
            })
            .await
    }

    async fn list_feed_reports(
        &self,
        request: Request<proto::ListFeedReportsRequest>,
    ) -> Result<Response<proto::ListFeedReportsResponse>, Status> {
        let call = self.commands.query(&request)?;
        let page = page::parse(request.get_ref().page_size, &request.get_ref().page_token)?;
        let mut reader = self.reading(&call).await?;
        let rows = store::feed::page(&mut reader, &call.seller, &page::place(&page)).await?;
        let (reports, next_page_token) = page.cut(rows, |report| report.id.to_string());
        let reports = reports.iter().map(convert::report).collect();
        Ok(Response::new(proto::ListFeedReportsResponse {
            reports,
            next_page_token,
        }))
    }

    async fn get_engagement_cash(
        &self,
        request: Request<proto::GetEngagementCashRequest>,
    ) -> Result<Response<proto::EngagementCash>, Status> {
        let call = self.commands.query(&request)?;
        let (engagement, agreement) = parse::cash_of(request.get_ref())?;
        let mut reader = self.reading(&call).await?;
        let named = agreement.as_ref();
        let view = store::agreement::view(&mut reader, &call.seller, &engagement, named).await?;
        drop(reader);
        let view = view.map_err(|unseen| match unseen {
            Unseen::Engagement => {
                Rejection::not_found("ENGAGEMENT_UNKNOWN", "engagement", engagement.as_str())
            }
            Unseen::Agreement => {
                let id = named.map(AgreementId::as_str).unwrap_or_default();
                Rejection::not_found("AGREEMENT_UNKNOWN", "agreement", id)
            }
        })?;
        let today = self.commands.database().clock().now().date_naive();
        Ok(Response::new(convert::engagement_cash(&view, today)?))
    }

    async fn list_ledger_entries(
        &self,
        request: Request<proto::ListLedgerEntriesRequest>,
    ) -> Result<Response<proto::ListLedgerEntriesResponse>, Status> {
        let call = self.commands.query(&request)?;
        let (engagement, page) = parse::ledger_page(request.get_ref())?;
        let engagement = engagement.as_ref();
        let mut reader = self.reading(&call).await?;
        let place = page::place(&page);
        let rows = store::ledger::page(&mut reader, &call.seller, engagement, &place).await?;
        let (rows, next_page_token) = page.cut(rows, |written| written.id.to_string());
        let transactions = rows.iter().map(convert::transaction).collect();
        Ok(Response::new(proto::ListLedgerEntriesResponse {
            transactions,
            next_page_token,
        }))
    }

    async fn get_trial_balance(
        &self,
        request: Request<proto::GetTrialBalanceRequest>,
    ) -> Result<Response<proto::TrialBalance>, Status> {
        let call = self.commands.query(&request)?;
        let engagement = parse::optional_engagement(&request.get_ref().engagement_id)?;
        let mut reader = self.reading(&call).await?;
        let sums = store::ledger::sums(&mut reader, &call.seller, engagement.as_ref()).await?;
        Ok(Response::new(convert::trial_balance(&sums)?))
    }

    async fn list_discrepancies(
        &self,
        request: Request<proto::ListDiscrepanciesRequest>,
    ) -> Result<Response<proto::ListDiscrepanciesResponse>, Status> {
        let call = self.commands.query(&request)?;
        let (filter, page) = parse::discrepancy_page(request.get_ref())?;
        let mut reader = self.reading(&call).await?;
        let place = page::place(&page);
        let rows = store::discrepancy::page(&mut reader, &call.seller, &filter, &place).await?;
        let (rows, next_page_token) = page.cut(rows, |listed| listed.id.to_string());
        let discrepancies = rows.iter().map(convert::listed).collect();
        Ok(Response::new(proto::ListDiscrepanciesResponse {
            discrepancies,
            next_page_token,
        }))
    }

    async fn resolve_discrepancy(
        &self,
        request: Request<proto::ResolveDiscrepancyRequest>,
    ) -> Result<Response<proto::Discrepancy>, Status> {
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let (case, reason) = parse::resolution(&request)?;
        let (seller, by) = (call.seller.clone(), call.principal.clone());
        self.commands
            .execute(&call, "ResolveDiscrepancy", &request, move |uow| {
                let (seller, by, case, reason) =
                    (seller.clone(), by.clone(), case.clone(), reason.clone());
                Box::pin(async move {
                    commands::agreement::resolve(uow, &seller, &case, &by, &reason).await?;
                    let resolved =
                        store::discrepancy::get(uow.connection(), &seller, &case).await?;
                    Ok(convert::listed(&resolved))
                })
            })
            .await
    }

    async fn list_unmatched_events(
        &self,
        request: Request<proto::ListUnmatchedEventsRequest>,
    ) -> Result<Response<proto::ListUnmatchedEventsResponse>, Status> {
        let call = self.commands.query(&request)?;
        let request = request.get_ref();
        let page = Page::parse(request.page_size, &request.page_token, |id| id.parse().ok())?;
        let after = page.after.as_ref();
        let mut reader = self.reading(&call).await?;
        let rows =
            store::billing::unmatched(&mut reader, &call.seller, after, page.limit()).await?;
        let (rows, next_page_token) = page.cut(rows, |event| event.id.to_string());
        let events = rows.iter().map(convert::unmatched).collect();
        Ok(Response::new(proto::ListUnmatchedEventsResponse {
            events,
            next_page_token,
        }))
    }

    async fn put_cash_policy(
        &self,
        request: Request<proto::PutCashPolicyRequest>,
    ) -> Result<Response<proto::CashPolicy>, Status> {
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let policy = parse::policy(&request)?;
        let seller = call.seller.clone();
        self.commands
            .execute(&call, "PutCashPolicy", &request, move |uow| {
                let seller = seller.clone();
                Box::pin(async move {
                    commands::policy::put(uow, &seller, policy).await?;
                    Ok(convert::policy(policy))
                })
            })
            .await
    }

    async fn get_cash_policy(
        &self,
        request: Request<proto::GetCashPolicyRequest>,
    ) -> Result<Response<proto::CashPolicy>, Status> {
        let call = self.commands.query(&request)?;
        let mut reader = self.reading(&call).await?;
        let policy = store::policy::load(&mut *reader, &call.seller).await?;
        Ok(Response::new(convert::policy(policy)))
    }
}

//! The gRPC service: a handler parses, calls and converts. Errors become statuses in the harness.

mod read;
mod write;

use countersign_kernel::SellerId;
use countersign_kernel::chrono::DateTime;
use countersign_platform::{CallContext, Commands, Failure, Page, async_trait};
use countersign_proto::estimate::v1 as proto;
use countersign_proto::estimate::v1::estimate_service_server::EstimateService;
use prost::Message;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::commands::refusal::{refusal, refused, version_not_found};
use crate::commands::renewal::FollowForm;
use crate::commands::{self, CloneForm};
use crate::domain::difference::differences;
use crate::domain::estimate::Head;
use crate::domain::pricing::Version;
use crate::domain::{Command, Rejection, State};
use crate::store::views::Place;
use crate::store::{self, views};

/// The service, over the command shell.
#[derive(Debug, Clone)]
pub(crate) struct Estimates {
    shell: Commands,
}

impl Estimates {
    pub(crate) const fn new(shell: Commands) -> Self {
        Self { shell }
    }

    /// Runs a command on an estimate that is there.
    async fn change<R: Message>(
        &self,
        call: &CallContext,
        rpc: &'static str,
        request: &R,
        estimate_id: Uuid,
        command: Command,
    ) -> Result<Response<proto::Estimate>, Status> {
        let seller = call.seller.clone();
        self.shell
            .execute(call, rpc, request, move |uow| {
                let (seller, command) = (seller.clone(), command.clone());
                Box::pin(async move {
                    let changed = commands::change(uow, &seller, estimate_id, &command).await?;
                    newest(&changed.state)
                })
            })
            .await
    }

    /// Where an estimate stands, and one of its versions: 0 for the newest.
    async fn version(
        &self,
        seller: &SellerId,
        estimate_id: &str,
        number: u32,
    ) -> Result<(State, Version), Status> {
        let estimate_id = read::estimate_id(estimate_id)?;
        let mut reader = self.shell.database().reading(seller).await?;
        let state = views::estimate(&mut *reader, seller, estimate_id).await?;
        let latest = &known(&state)?.latest;
        if number == 0 || number == latest.number {
            let latest = latest.clone();
            return Ok((state, latest));
        }
        let version = views::version(&mut *reader, seller, estimate_id, number).await?;
        Ok((
            state,
            version.ok_or_else(|| version_not_found(estimate_id, number))?,
        ))
    }
}

fn known(state: &State) -> Result<&Head, Failure> {
    state.head().ok_or_else(|| refused(Rejection::NotFound))
}

fn newest(state: &State) -> Result<proto::Estimate, Failure> {
    let head = known(state)?;
    Ok(write::estimate(state, head, &head.latest))
}

const CREATE: &str = "countersign.estimate.v1.EstimateService/CreateEstimate";
const REVISE: &str = "countersign.estimate.v1.EstimateService/ReviseEstimate";
const SUBMIT: &str = "countersign.estimate.v1.EstimateService/SubmitEstimate";
const WITHDRAW: &str = "countersign.estimate.v1.EstimateService/WithdrawEstimate";
const RENEW: &str = "countersign.estimate.v1.EstimateService/StartRenewal";
const REPLACE: &str = "countersign.estimate.v1.EstimateService/StartReplacement";
const CLONE: &str = "countersign.estimate.v1.EstimateService/CloneEstimate";
const PUT_POLICY: &str = "countersign.estimate.v1.EstimateService/PutPricingPolicy";
const ADD_FEE: &str = "countersign.estimate.v1.EstimateService/AddListingFee";

#[async_trait]
impl EstimateService for Estimates {
    async fn create_estimate(
        &self,
        request: Request<proto::CreateEstimateRequest>,
    ) -> Result<Response<proto::Estimate>, Status> {
        let call = self.shell.call(&request)?;
        let (seller, form) = (call.seller.clone(), request.into_inner());
        self.shell
            .execute(&call, CREATE, &form.clone(), move |uow| {
                let (seller, form) = (seller.clone(), form.clone());
                let content = read::content(form.content.as_ref());
                Box::pin(async move {
                    let (engagement, customer) = (&form.engagement_id, &form.customer_name);
                    newest(&commands::create(uow, &seller, engagement, customer, content).await?)
                })
            })
            .await
    }

    async fn revise_estimate(
        &self,
        request: Request<proto::ReviseEstimateRequest>,
    ) -> Result<Response<proto::Estimate>, Status> {
        let call = self.shell.call(&request)?;
        let request = request.into_inner();
        let estimate_id = read::estimate_id(&request.estimate_id)?;
        let command = Command::Revise {
            expected_version: request.expected_version,
            content: read::content(request.content.as_ref()),
        };
        self.change(&call, REVISE, &request, estimate_id, command)
            .await
    }

    async fn submit_estimate(
        &self,
        request: Request<proto::SubmitEstimateRequest>,
    ) -> Result<Response<proto::Estimate>, Status> {
        let call = self.shell.call(&request)?;
        let request = request.into_inner();
        let estimate_id = read::estimate_id(&request.estimate_id)?;
        let command = Command::Submit {
            expected_version: request.expected_version,
        };
        self.change(&call, SUBMIT, &request, estimate_id, command)
            .await
    }

    async fn withdraw_estimate(
        &self,
        request: Request<proto::WithdrawEstimateRequest>,
    ) -> Result<Response<proto::Estimate>, Status> {
        let call = self.shell.call(&request)?;
        let request = request.into_inner();
        let estimate_id = read::estimate_id(&request.estimate_id)?;
        let command = Command::Withdraw {
            reason: request.reason.clone(),
        };
        self.change(&call, WITHDRAW, &request, estimate_id, command)
            .await
    }

    async fn start_renewal(
        &self,
        request: Request<proto::StartRenewalRequest>,
    ) -> Result<Response<proto::Estimate>, Status> {
        let call = self.shell.call(&request)?;
        let (seller, request) = (call.seller.clone(), request.into_inner());
        let form = FollowForm {
            agreement_id: request.agreement_id.clone(),
            engagement_id: request.engagement_id.clone(),
            customer_name: request.customer_name.clone(),
            valid_until: request.valid_until.clone(),
        };
        self.shell
            .execute(&call, RENEW, &request, move |uow| {
                let (seller, form) = (seller.clone(), form.clone());
                Box::pin(
                    async move { newest(&commands::renewal::start(uow, &seller, &form).await?) },
                )
            })
            .await
    }

    async fn start_replacement(
        &self,
        request: Request<proto::StartReplacementRequest>,
    ) -> Result<Response<proto::Estimate>, Status> {
        let call = self.shell.call(&request)?;
        let (seller, request) = (call.seller.clone(), request.into_inner());
        let form = FollowForm {
            agreement_id: request.agreement_id.clone(),
            engagement_id: request.engagement_id.clone(),
            customer_name: request.customer_name.clone(),
            valid_until: request.valid_until.clone(),
        };
        self.shell
            .execute(&call, REPLACE, &request, move |uow| {
                let (seller, form) = (seller.clone(), form.clone());
                Box::pin(
                    async move { newest(&commands::renewal::replace(uow, &seller, &form).await?) },
                )
            })
            .await
    }

    async fn clone_estimate(
        &self,
        request: Request<proto::CloneEstimateRequest>,
    ) -> Result<Response<proto::Estimate>, Status> {
        let call = self.shell.call(&request)?;
        let (seller, request) = (call.seller.clone(), request.into_inner());
        let form = CloneForm {
            estimate_id: read::estimate_id(&request.estimate_id)?,
            version: request.version,
            engagement_id: request.engagement_id.clone(),
            customer_name: request.customer_name.clone(),
            valid_until: request.valid_until.clone(),
        };
        self.shell
            .execute(&call, CLONE, &request, move |uow| {
                let (seller, form) = (seller.clone(), form.clone());
                Box::pin(
                    async move { newest(&commands::clone_version(uow, &seller, &form).await?) },
                )
            })
            .await
    }

    async fn get_estimate(
        &self,
        request: Request<proto::GetEstimateRequest>,
    ) -> Result<Response<proto::Estimate>, Status> {
        let call = self.shell.query(&request)?;
        let request = request.into_inner();
        let (state, version) = self
            .version(&call.seller, &request.estimate_id, request.version)
            .await?;
        Ok(Response::new(write::estimate(
            &state,
            known(&state)?,
            &version,
        )))
    }

    async fn list_estimates(
        &self,
        request: Request<proto::ListEstimatesRequest>,
    ) -> Result<Response<proto::ListEstimatesResponse>, Status> {
        let call = self.shell.query(&request)?;
        let request = request.into_inner();
        let page = Page::parse(request.page_size, &request.page_token, place)?;
        let engagement = Some(request.engagement_id.as_str()).filter(|id| !id.is_empty());
        let mut reader = self.shell.database().reading(&call.seller).await?;
        let (seller, limit) = (&call.seller, page.limit());
        let rows = views::list(&mut *reader, seller, engagement, page.after, limit).await?;
        let (rows, next_page_token) = page.cut(rows, |(place, _)| cursor(place));
        let estimates = rows
            .iter()
            .map(|(_, state)| newest(state))
            .collect::<Result<_, _>>()?;
        Ok(Response::new(proto::ListEstimatesResponse {
            estimates,
            next_page_token,
        }))
    }

    async fn get_customer_view(
        &self,
        request: Request<proto::GetEstimateRequest>,
    ) -> Result<Response<proto::CustomerView>, Status> {
        let call = self.shell.query(&request)?;
        let request = request.into_inner();
        let (state, version) = self
            .version(&call.seller, &request.estimate_id, request.version)
            .await?;
        Ok(Response::new(write::customer_view(
            known(&state)?,
            &version,
        )))
    }

    async fn compare_versions(
        &self,
        request: Request<proto::CompareVersionsRequest>,
    ) -> Result<Response<proto::CompareVersionsResponse>, Status> {
        let call = self.shell.query(&request)?;
        let request = request.into_inner();
        let estimate_id = &request.estimate_id;
        let (_, before) = self
            .version(&call.seller, estimate_id, request.from_version)
            .await?;
        let (_, after) = self
            .version(&call.seller, estimate_id, request.to_version)
            .await?;
        let differences = differences(&before, &after)
            .into_iter()
            .map(write::difference)
            .collect();
        Ok(Response::new(proto::CompareVersionsResponse {
            differences,
        }))
    }

    async fn solve(
        &self,
        request: Request<proto::SolveRequest>,
    ) -> Result<Response<proto::SolveResponse>, Status> {
        self.shell.query(&request)?;
        let solution = read::solve(request.get_ref()).solve().map_err(refusal)?;
        Ok(Response::new(write::solution(solution)))
    }

    async fn get_pricing_policy(
        &self,
        request: Request<proto::GetPricingPolicyRequest>,
    ) -> Result<Response<proto::PricingPolicy>, Status> {
        let call = self.shell.query(&request)?;
        let mut reader = self.shell.database().reading(&call.seller).await?;
        let policy = store::pricing::policy(&mut *reader, &call.seller).await?;
        Ok(Response::new(write::policy(&policy)))
    }

    async fn put_pricing_policy(
        &self,
        request: Request<proto::PutPricingPolicyRequest>,
    ) -> Result<Response<proto::PricingPolicy>, Status> {
        let call = self.shell.call(&request)?;
        let (seller, request) = (call.seller.clone(), request.into_inner());
        let form = read::policy(request.policy.as_ref());
        self.shell
            .execute(&call, PUT_POLICY, &request, move |uow| {
                let (seller, form) = (seller.clone(), form.clone());
                Box::pin(async move {
                    let policy = commands::pricing::put_policy(uow, &seller, &form).await?;
                    Ok(write::policy(&policy))
                })
            })
            .await
    }

    async fn list_listing_fees(
        &self,
        request: Request<proto::ListListingFeesRequest>,
    ) -> Result<Response<proto::ListListingFeesResponse>, Status> {
        let call = self.shell.query(&request)?;
        let mut reader = self.shell.database().reading(&call.seller).await?;
        let fees = store::pricing::fees(&mut *reader, &call.seller).await?;
        let fees = fees.iter().map(write::listing_fee).collect();
        Ok(Response::new(proto::ListListingFeesResponse { fees }))
    }

    async fn add_listing_fee(
        &self,
        request: Request<proto::AddListingFeeRequest>,
    ) -> Result<Response<proto::ListingFee>, Status> {
        let call = self.shell.call(&request)?;
        let (seller, request) = (call.seller.clone(), request.into_inner());
        let form = read::listing_fee(request.fee.as_ref());
        self.shell
            .execute(&call, ADD_FEE, &request, move |uow| {
                let (seller, form) = (seller.clone(), form.clone());
                Box::pin(async move {
                    let fee = commands::pricing::add_listing_fee(uow, &seller, &form).await?;
                    Ok(write::listing_fee(&fee))
                })
            })
            .await
    }
}

/// Where a page ended, as text.
fn cursor(place: &Place) -> String {
    format!(
        "{}/{}",
        place.created_at.timestamp_micros(),
        place.estimate_id
    )
}

fn place(cursor: &str) -> Option<Place> {
    let (micros, estimate_id) = cursor.split_once('/')?;
    Some(Place {
        created_at: DateTime::from_timestamp_micros(micros.parse().ok()?)?,
        estimate_id: estimate_id.parse().ok()?,
    })
}

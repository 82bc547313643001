//! The Catalog API: start a change set, and see what became of it.

use aws_sdk_marketplacecatalog::operation::describe_change_set::DescribeChangeSetOutput;
use aws_sdk_marketplacecatalog::types::{ChangeStatus, FailureCode, Filter};

use super::{CallError, ChangeSetRequest, Later, MAX_PAGES, Marketplace, too_many_pages};
use crate::domain::id::{AwsOfferId, ChangeSetId};
use crate::domain::offer::AwsError;

const CATALOG: &str = "AWSMarketplace";
/// What a release makes.
const MADE: [&str; 2] = ["Offer@", "ResaleAuthorization@"];

/// Where a change set stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Progress {
    /// PREPARING or APPLYING.
    UnderWay,
    /// No status, or one that is not known here: it may be one of an end.
    Unknown(String),
    /// SUCCEEDED; the offer or authorization that it was about.
    Succeeded { offer_id: Option<AwsOfferId> },
    /// FAILED or CANCELLED, with every error.
    Failed(Vec<AwsError>),
    /// FAILED by a fault of AWS's own, and to be sent again (facts §1.1).
    Faulted(Vec<AwsError>),
}

impl Marketplace {
    /// Starts the change set, or finds the one that was started with the same token.
    pub(crate) async fn start(&self, request: &ChangeSetRequest) -> Result<ChangeSetId, CallError> {
        let unusable = |message: String| {
            CallError::Refused(AwsError {
                code: "INVALID_REQUEST".to_owned(),
                message,
            })
        };
        let changes = request
            .sdk_changes()
            .map_err(|wrong| unusable(wrong.to_string()))?;
        let call = self
            .catalog
            .start_change_set()
            .catalog(CATALOG)
            .set_change_set(Some(changes))
            .change_set_name(&request.name)
            .client_request_token(&request.client_request_token);
        let started = self
            .calls
            .make("StartChangeSet", || call.clone().send())
            .await?;
        let id = started.change_set_id().unwrap_or_default();
        id.parse()
            .map_err(|_| CallError::Later(Later::fault("the answer has no change set id")))
    }

    /// The change set of this name, if AWS has one: ours are each named once (facts §1.1). It tells
    /// what became of a request whose answer was lost, however long ago: how long AWS remembers a
    /// token is not documented.
    pub(crate) async fn find(&self, name: &str) -> Result<Option<ChangeSetId>, CallError> {
        let filter = Filter::builder().name("ChangeSetName").value_list(name);
        let filter = filter.build();
        let mut next_token = None;
        for _ in 0..MAX_PAGES {
            let call = self
                .catalog
                .list_change_sets()
                .catalog(CATALOG)
                .filter_list(filter.clone())
                .set_next_token(next_token);
            let page = self
                .calls
                .make("ListChangeSets", || call.clone().send())
                .await?;
            let mut named = page
                .change_set_summary_list()
                .iter()
                .filter(|found| found.change_set_name() == Some(name));
            if let Some(id) = named.find_map(|found| found.change_set_id()?.parse().ok()) {
                return Ok(Some(id));
            }
            next_token = page.next_token().map(str::to_owned);
            if next_token.is_none() {
                return Ok(None);
            }
        }
        Err(too_many_pages("change sets"))
    }

    /// Where the change set stands.
    pub(crate) async fn describe(&self, id: &ChangeSetId) -> Result<Progress, CallError> {
        let call = self
            .catalog
            .describe_change_set()
            .catalog(CATALOG)
            .change_set_id(id.as_str());
        let described = self
            .calls
            .make("DescribeChangeSet", || call.clone().send())
            .await?;
        Ok(progress(&described))
    }
}

fn progress(described: &DescribeChangeSetOutput) -> Progress {
    match described.status() {
        Some(ChangeStatus::Succeeded) => Progress::Succeeded {
            offer_id: offer_id(described),
        },
        Some(ChangeStatus::Failed)
            if described.failure_code() == Some(&FailureCode::ServerFault) =>
        {
            Progress::Faulted(errors(described))
        }
        Some(ChangeStatus::Failed | ChangeStatus::Cancelled) => Progress::Failed(errors(described)),
        Some(ChangeStatus::Preparing | ChangeStatus::Applying) => Progress::UnderWay,
        other => Progress::Unknown(
            other
                .map_or("without status", ChangeStatus::as_str)
                .to_owned(),
        ),
    }
}

/// The identifier carries `@revision` at times: ours is without.
fn offer_id(described: &DescribeChangeSetOutput) -> Option<AwsOfferId> {
    let entities = described
        .change_set()
        .iter()
        .filter_map(|change| change.entity());
    let made = |name: &str| MADE.iter().any(|entity| name.starts_with(entity));
    let mut offers = entities.filter(|entity| made(entity.r#type()));
    let identifier = offers.find_map(|entity| entity.identifier())?;
    identifier.split('@').next()?.parse().ok()
}

/// Each change's errors; else what the set as a whole says.
fn errors(described: &DescribeChangeSetOutput) -> Vec<AwsError> {
    let mut errors: Vec<AwsError> = described
        .change_set()
        .iter()
        .flat_map(aws_sdk_marketplacecatalog::types::ChangeSummary::error_detail_list)
        .map(|detail| AwsError {
            code: detail.error_code().unwrap_or_default().to_owned(),
            message: detail.error_message().unwrap_or_default().to_owned(),
        })
        .collect();
    if errors.is_empty() {
        let status = described.status().map_or("FAILED", ChangeStatus::as_str);
        errors.push(AwsError {
            code: described
                .failure_code()
                .map_or(status, FailureCode::as_str)
                .to_owned(),
            message: described
                .failure_description()
                .unwrap_or_default()
                .to_owned(),
        });
    }
    errors
}

#[cfg(test)]
mod tests {
    use aws_sdk_marketplacecatalog::types::{ChangeSummary, Entity, ErrorDetail};

    use super::*;

    fn entity(identifier: &str) -> Entity {
        Entity::builder()
            .r#type("Offer@1.0")
            .identifier(identifier)
            .build()
            .unwrap()
    }

    #[test]
    fn a_success_names_the_offer_without_its_revision() {
        for identifier in ["offer-abc", "offer-abc@1"] {
            let change = ChangeSummary::builder().entity(entity(identifier)).build();
            let described = DescribeChangeSetOutput::builder()
                .status(ChangeStatus::Succeeded)
                .change_set(change)
                .build();
            let offer_id = Some("offer-abc".parse().unwrap());
            assert_eq!(progress(&described), Progress::Succeeded { offer_id });
        }
    }

    #[test]
    fn a_failure_tells_every_error() {
        let detail = |code: &str| {
            ErrorDetail::builder()
                .error_code(code)
                .error_message("m")
                .build()
        };
        let change = |code: &str| {
            ChangeSummary::builder()
                .error_detail_list(detail(code))
                .build()
        };
        let described = DescribeChangeSetOutput::builder()
            .status(ChangeStatus::Failed)
            .change_set(change("ONE"))
            .change_set(change("TWO"))
            .build();
        let Progress::Failed(errors) = progress(&described) else {
            panic!("{described:?}")
        };
        assert_eq!(
            errors
                .iter()
                .map(|error| error.code.as_str())
                .collect::<Vec<_>>(),
            ["ONE", "TWO"]
        );
    }

    /// Facts §1.1: only what AWS itself broke is worth sending again.
    #[test]
    fn a_fault_of_aws_s_own_is_told_from_a_failure() {
        let failed = |code: FailureCode| {
            let described = DescribeChangeSetOutput::builder()
                .status(ChangeStatus::Failed)
                .failure_code(code.clone())
                .build();
            let code = code.as_str().to_owned();
            let message = String::new();
            (progress(&described), vec![AwsError { code, message }])
        };
        let (ended, errors) = failed(FailureCode::ServerFault);
        assert_eq!(ended, Progress::Faulted(errors));
        let (ended, errors) = failed(FailureCode::ClientError);
        assert_eq!(ended, Progress::Failed(errors));
    }

    #[test]
    fn an_unknown_status_is_waited_for() {
        let status = ChangeStatus::from("RESTING");
        let described = DescribeChangeSetOutput::builder().status(status).build();
        assert_eq!(
            progress(&described),
            Progress::Unknown("RESTING".to_owned())
        );
    }
}

//! What the flows share: a party's clients, change sets, and what was seen.

use std::error::Error;

use agreement::config::http::HttpResponse as Response;
use agreement::error::ProvideErrorMetadata;
use agreement::error::SdkError;
use agreement::primitives::DateTime;
use agreement::types::error::{
    AccessDeniedException, ConflictException, ResourceNotFoundException, ValidationException,
};
use aws_sdk_marketplaceagreement as agreement;
use aws_sdk_marketplacecatalog as catalog;
use catalog::operation::describe_change_set::DescribeChangeSetOutput;
use catalog::types::ChangeStatus;
use countersign_marketplace_sandbox::{
    AccessKey, DEFAULT_ACCESS_KEY_ID, DEFAULT_SECRET_ACCESS_KEY,
};
use serde_json::{Value, json};

use crate::market::{self, BUYER, Market, agreement_client, catalog_client, errors};

/// The buyer's, which a sandbox does not know by itself.
pub(crate) fn buyer_key() -> AccessKey {
    let key = format!("AKIACOUNTERSIGN00003:{DEFAULT_SECRET_ACCESS_KEY}={BUYER}");
    key.parse().unwrap()
}

/// One account's clients.
pub(crate) struct Party {
    pub(crate) catalog: catalog::Client,
    pub(crate) agreement: agreement::Client,
}

impl Party {
    pub(crate) fn isv(market: &Market) -> Self {
        Self::of(market, DEFAULT_ACCESS_KEY_ID, DEFAULT_SECRET_ACCESS_KEY)
    }

    pub(crate) fn buyer(market: &Market) -> Self {
        let key = buyer_key();
        Self::of(market, &key.id, &key.secret.unwrap())
    }

    pub(crate) fn of(market: &Market, key: &str, secret: &str) -> Self {
        Self {
            catalog: catalog_client(&market.url, key, secret),
            agreement: agreement_client(&market.url, key, secret),
        }
    }

    /// Starts a change set whose first change makes the entity; its description once it has ended.
    pub(crate) async fn run(
        &self,
        entity_type: &str,
        changes: &[(&str, Value)],
    ) -> DescribeChangeSetOutput {
        let changes = changes
            .iter()
            .enumerate()
            .map(|(index, (kind, details))| {
                let (entity, name) = if index == 0 {
                    (None, Some("New"))
                } else {
                    (Some("$New.Entity.Identifier"), None)
                };
                market::typed_change(entity_type, kind, details, entity, name)
            })
            .collect();
        let request = self
            .catalog
            .start_change_set()
            .catalog("AWSMarketplace")
            .set_change_set(Some(changes));
        let id = request.send().await.unwrap().change_set_id.unwrap();
        self.ended(&id).await
    }

    pub(crate) async fn ended(&self, id: &str) -> DescribeChangeSetOutput {
        for _ in 0..500 {
            let request = self
                .catalog
                .describe_change_set()
                .catalog("AWSMarketplace")
                .change_set_id(id);
            let described = request.send().await.unwrap();
            if !matches!(
                described.status(),
                Some(ChangeStatus::Preparing | ChangeStatus::Applying)
            ) {
                return described;
            }
        }
        panic!("change set {id} does not end")
    }
}

/// What a flow saw, a line a step.
#[derive(Debug, Default)]
pub(crate) struct Seen(pub(crate) Vec<Value>);

impl Seen {
    pub(crate) fn see(&mut self, step: &str, mut facts: Value) {
        facts["step"] = json!(step);
        self.0.push(facts);
    }

    /// Runs a change set and shows how it ended; the id of the entity it made.
    pub(crate) async fn make(
        &mut self,
        party: &Party,
        step: &str,
        entity_type: &str,
        changes: &[(&str, Value)],
    ) -> String {
        let ended = party.run(entity_type, changes).await;
        let entity = ended.change_set()[0]
            .entity()
            .and_then(|entity| entity.identifier());
        let failure = ended
            .failure_code()
            .map(catalog::types::FailureCode::as_str);
        self.see(
            step,
            json!({ "id": ended.change_set_id(), "status": ended.status().map(ChangeStatus::as_str),
                "failure": failure, "entity": entity, "errors": errors(&ended) }),
        );
        let id = entity.unwrap_or_default().split('@').next();
        id.unwrap_or_default().to_owned()
    }

    /// A call that must have been refused: its code, status, reason and resource.
    pub(crate) fn refused<T, E>(&mut self, step: &str, result: Result<T, SdkError<E, Response>>)
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let Err(error) = result else {
            self.see(step, json!({ "code": "not refused" }));
            return;
        };
        let status = error.raw_response().unwrap().status().as_u16();
        let error = error.as_service_error().unwrap();
        let (mut reason, mut resource, mut kind) = (None, None, None);
        if let Some(source) = error.source() {
            if let Some(error) = source.downcast_ref::<ValidationException>() {
                reason = error.reason().map(|reason| reason.as_str().to_owned());
            } else if let Some(error) = source.downcast_ref::<AccessDeniedException>() {
                reason = error.reason().map(|reason| reason.as_str().to_owned());
            } else if let Some(error) = source.downcast_ref::<ResourceNotFoundException>() {
                resource = error.resource_id().map(str::to_owned);
                kind = error.resource_type().map(|kind| kind.as_str().to_owned());
            } else if let Some(error) = source.downcast_ref::<ConflictException>() {
                resource = error.resource_id().map(str::to_owned);
                kind = error.resource_type().map(|kind| kind.as_str().to_owned());
            }
        }
        self.see(
            step,
            json!({ "code": error.code(), "status": status, "reason": reason, "resource": resource, "kind": kind }),
        );
    }
}

/// Milliseconds since 1970.
pub(crate) fn millis(time: Option<&DateTime>) -> Option<i64> {
    time.map(|time| time.to_millis().unwrap())
}

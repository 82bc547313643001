//! What AWS shows of an offer or an authorization, through the SDK.

use aws_sdk_marketplacecatalog::Client;
use aws_sdk_marketplacecatalog::config::{BehaviorVersion, Config, Credentials, Region};
use countersign_marketplace_sandbox as sandbox;
use serde_json::Value;

use crate::world::World;

/// The details of an entity of the seller's.
pub(crate) async fn described(world: &World, id: &str) -> Value {
    let credentials = Credentials::new(
        sandbox::DEFAULT_ACCESS_KEY_ID,
        sandbox::DEFAULT_SECRET_ACCESS_KEY,
        None,
        None,
        "the seller",
    );
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(world.aws())
        .credentials_provider(credentials)
        .build();
    let asked = Client::from_conf(config).describe_entity();
    let shown = asked.catalog("AWSMarketplace").entity_id(id).send().await;
    serde_json::from_str(shown.unwrap().details().unwrap()).unwrap()
}

/// The one of the entity's `Terms` or `Rules` that is of this type; null without one.
pub(crate) fn part(details: &Value, kind: &str) -> Value {
    let parts = ["Terms", "Rules"]
        .into_iter()
        .filter_map(|key| details[key].as_array());
    let mut of_kind = parts.flatten().filter(|part| part["Type"] == kind);
    let found = of_kind.next().cloned().unwrap_or_default();
    assert!(of_kind.next().is_none(), "{kind}: {details:#}");
    found
}

//! AWS's SDKs as somebody else uses them with the seller's account: a person in the portal, or another tool.

use aws_sdk_marketplaceagreement as agreement;
use aws_sdk_marketplacecatalog as catalog;
use countersign_marketplace_sandbox as sandbox;

use crate::world::World;

const REGION: &str = "us-east-1";

pub(crate) fn catalog(world: &World) -> catalog::Client {
    catalog_with(world, sandbox::DEFAULT_ACCESS_KEY_ID)
}

/// The same of the seller whose key this is.
pub(crate) fn catalog_with(world: &World, id: &str) -> catalog::Client {
    use catalog::config::{BehaviorVersion, Config, Credentials, Region};
    let secret = sandbox::DEFAULT_SECRET_ACCESS_KEY;
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(world.aws())
        .credentials_provider(Credentials::new(id, secret, None, None, "the seller"));
    catalog::Client::from_conf(config.build())
}

pub(crate) fn agreement(world: &World) -> agreement::Client {
    use agreement::config::{BehaviorVersion, Config, Credentials, Region};
    let (id, secret) = (
        sandbox::DEFAULT_ACCESS_KEY_ID,
        sandbox::DEFAULT_SECRET_ACCESS_KEY,
    );
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(world.aws())
        .credentials_provider(Credentials::new(id, secret, None, None, "the seller"));
    agreement::Client::from_conf(config.build())
}

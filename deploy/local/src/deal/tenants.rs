//! That `tenants.yaml`, where another tenant calls everything with our ids, forgets no RPC (P5).

use std::collections::BTreeSet;

use prost_reflect::{Kind, MessageDescriptor};

use super::file::{Action, Deal};
use super::wire::Methods;
use crate::environment::workspace;

/// How deep in a request an id is looked for.
const DEPTH: u32 = 3;

/// Whether a request names something that is there: an id, or a digest of it.
fn names_an_id(message: &MessageDescriptor, depth: u32) -> bool {
    message.fields().any(|field| {
        let name = field.name();
        name.ends_with("_id")
            || name.ends_with("digest")
            || match field.kind() {
                Kind::Message(inner) if depth > 0 => names_an_id(&inner, depth - 1),
                _ => false,
            }
    })
}

#[test]
fn another_tenant_calls_every_rpc_that_takes_an_id() {
    let deal = Deal::read(&workspace().join("deploy/local/deals/tenants.yaml")).unwrap();
    let called: BTreeSet<String> = deal.steps[deal.followed..]
        .iter()
        .filter_map(|step| match &step.action {
            Action::Call(call) if call.seller.is_some() => Some(call.method.full_name().to_owned()),
            _ => None,
        })
        .collect();
    let known: BTreeSet<String> = Methods::known()
        .unwrap()
        .all()
        .filter(|method| names_an_id(&method.input(), DEPTH))
        .map(|method| method.full_name().to_owned())
        .collect();
    assert!(known.len() > 30, "{known:?}");
    let forgotten: Vec<_> = known.difference(&called).collect();
    assert!(forgotten.is_empty(), "not in tenants.yaml: {forgotten:?}");
}

//! The product that is sold, and what of it is granted.

use super::{Candidate, Kinds, REFUSED_AT_ONCE, Rule, when};
use crate::domain::id::ProductId;
use crate::domain::resale::Kind;

const KEY_LENGTH: usize = 100;
/// AWS takes less of an authorization (DG/work-with-resale-authorizations).
const AUTHORIZATION_KEY_LENGTH: usize = 60;

pub(super) const RULES: &[Rule] = &[
    Rule::error(
        "PRODUCT_ID_VALID",
        Kinds::ALL,
        "product_id",
        REFUSED_AT_ONCE,
        "register the listing under the id that AWS shows, such as prod-abc",
        id_valid,
    ),
    Rule::error(
        "DIMENSION_EXISTS",
        Kinds::ALL,
        "listing.dimension_keys",
        "INCOMPATIBLE_PRODUCT",
        "register the listing with the dimension keys that the product has",
        dimension_exists,
    ),
    Rule::error(
        "DIMENSION_KEY_LENGTH",
        Kinds::ALL,
        "listing.dimension_keys",
        REFUSED_AT_ONCE,
        "a key has 1 to 100 characters, in an authorization 60: register the listing as AWS shows it",
        key_length,
    ),
];

fn id_valid(candidate: &Candidate) -> Option<String> {
    candidate
        .plan
        .product_id
        .parse::<ProductId>()
        .err()
        .map(|wrong| wrong.to_string())
}

fn dimension_exists(candidate: &Candidate) -> Option<String> {
    match &candidate.plan.dimension_key {
        None => Some("the listing has no dimension to grant".into()),
        Some(key) => when(!candidate.product_dimensions.contains(key), || {
            format!("the product has no dimension {key:?}")
        }),
    }
}

fn key_length(candidate: &Candidate) -> Option<String> {
    let length = candidate.plan.dimension_key.as_ref()?.chars().count();
    let most = match candidate.plan.kind {
        Kind::Authorization(_) => AUTHORIZATION_KEY_LENGTH,
        Kind::Direct | Kind::Partner(_) => KEY_LENGTH,
    };
    when(!(1..=most).contains(&length), || {
        format!("{length} characters, 1 to {most} are taken")
    })
}

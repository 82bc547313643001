//! What the Catalog API has and professional services have not: support terms in private offers, and offers
//! that replace an agreement (facts §1.2, §4). AWS takes such changes and tells with the set's other errors.

use serde::Deserialize;
use serde_json::Value;

use super::changes::{Details, Kind};
use super::fields::{length, offer_name, term_type};
use super::rules::{Case, Findings};
use super::term_inputs::{Terms, from};

/// A change that is well formed and cannot succeed.
#[derive(Debug, Clone)]
pub(crate) enum Unavailable {
    /// `UpdateSupportTerms`; without a term it says what is so already.
    Support { given: bool },
    /// `CreateReplacementOffer`, or the same of a resale authorization.
    Replacement {
        agreement_id: String,
        authorization_id: Option<String>,
    },
}

/// The change types that [`parse`] reads.
pub(super) const CREATING: [&str; 2] = [
    "CreateReplacementOffer",
    "CreateReplacementOfferUsingResaleAuthorization",
];

pub(super) fn parse(change_type: &str, document: &Value) -> Result<Unavailable, String> {
    if change_type == "UpdateSupportTerms" {
        support(from(document)?)
    } else {
        replacement(change_type, from(document)?)
    }
}

const REFUND_POLICY_MAX: usize = 500;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct SupportInput {
    r#type: String,
    refund_policy: String,
}

fn support(input: Terms<SupportInput>) -> Result<Unavailable, String> {
    let Some(term) = input.at_most_one()? else {
        return Ok(Unavailable::Support { given: false });
    };
    term_type(&term.r#type, "SupportTerm")?;
    let policy = &term.refund_policy;
    length("RefundPolicy", policy, 1, REFUND_POLICY_MAX)?;
    if policy.trim() != policy {
        return Err("RefundPolicy must not start or end with a space.".to_owned());
    }
    Ok(Unavailable::Support { given: true })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct ReplacementInput {
    agreement_id: String,
    resale_authorization_id: Option<String>,
    name: Option<String>,
}

fn replacement(change_type: &str, input: ReplacementInput) -> Result<Unavailable, String> {
    length("AgreementId", &input.agreement_id, 1, 64)?;
    input.name.as_deref().map_or(Ok(()), offer_name)?;
    let resale = change_type == CREATING[1];
    match &input.resale_authorization_id {
        Some(id) if resale => length("ResaleAuthorizationId", id, 1, 50)?,
        None if !resale => {}
        _ => {
            return Err(format!("ResaleAuthorizationId does not fit {change_type}."));
        }
    }
    Ok(Unavailable::Replacement {
        agreement_id: input.agreement_id,
        authorization_id: input.resale_authorization_id,
    })
}

/// No page names the codes for professional services: those of the nearest rule are taken.
pub(super) fn check(case: &Case<'_>, found: &mut Findings<'_>) {
    for (_, details) in case.changes {
        match details {
            Details::Unavailable(Unavailable::Support { given: true }) => found.add(
                Kind::Support,
                "INCOMPATIBLE_TERMS",
                "SupportTerm isn't supported in private offers for the product.",
            ),
            Details::Unavailable(Unavailable::Replacement { .. }) => found.add(
                Kind::Creation,
                "INCOMPATIBLE_AGREEMENT",
                "An agreement for professional services cannot be replaced; cancel it first.",
            ),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_refused_at_once() {
        let support =
            |policy: &str| json!({ "Terms": [{ "Type": "SupportTerm", "RefundPolicy": policy }] });
        let (agreement, authorization) = ("agmt-1", "resaleauthz-1");
        let both = json!({ "AgreementId": agreement, "ResaleAuthorizationId": authorization });
        let one = json!({ "AgreementId": agreement });
        let long = json!({ "AgreementId": "a".repeat(65) });
        let (own, resold) = (CREATING[0], CREATING[1]);
        for (change_type, document, good) in [
            ("UpdateSupportTerms", json!({ "Terms": [] }), true),
            ("UpdateSupportTerms", support("No refunds."), true),
            ("UpdateSupportTerms", support(" No refunds."), false),
            ("UpdateSupportTerms", support(""), false),
            ("UpdateSupportTerms", support(&"a".repeat(501)), false),
            (own, one.clone(), true),
            (own, both.clone(), false),
            (own, long, false),
            (own, json!({}), false),
            (resold, both, true),
            (resold, one, false),
        ] {
            let read = parse(change_type, &document);
            assert_eq!(read.is_ok(), good, "{change_type} {document}");
        }
    }
}

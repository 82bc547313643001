//! Assessments of the Catalog API: what AWS checked of an entity against a framework. Every framework that is known
//! is about software, such as `AMISecurity`, so that of services nothing was ever assessed.

use serde_json::{Value, json};

use super::Refusal;
use super::change_sets::require_catalog;

/// `ListAssessments`.
pub(crate) fn list(input: &Value) -> Result<Value, Refusal> {
    require_catalog(input["Catalog"].as_str())?;
    match &input["MaxResults"] {
        Value::Null => {}
        most if most.as_i64().is_some_and(|most| (1..=100).contains(&most)) => {}
        other => {
            let message = format!("MaxResults is {other}, and must be from 1 to 100.");
            return Err(Refusal::validation(message));
        }
    }
    Ok(json!({ "AssessmentSummaryList": [] }))
}

/// `DescribeAssessment`.
pub(crate) fn describe(input: &Value) -> Result<Value, Refusal> {
    require_catalog(input["Catalog"].as_str())?;
    let id = input["AssessmentIdentifier"].as_str();
    let id = id.ok_or_else(|| Refusal::validation("AssessmentIdentifier is required."))?;
    let message = format!("Assessment '{id}' was not found.");
    Err(Refusal::not_found(message, id))
}

//! Change sets as AWS shows them: `DescribeChangeSet` and `ListChangeSets`.

use serde_json::{Value, json};

use super::change_sets::{optional_text, require_catalog};
use super::model::{Change, ChangeSet, ChangeSetStatus};
use super::{Refusal, World, arn, paging, timestamp};

impl World {
    /// `DescribeChangeSet`.
    pub(crate) fn describe_change_set(&self, caller: &str, id: &str) -> Result<Value, Refusal> {
        let set = self.change_set_of(caller, id)?;
        let changes: Vec<Value> = set
            .changes
            .iter()
            .map(|change| change_json(set, change))
            .collect();
        let mut reply = summary_json(set);
        if let Value::Object(fields) = &mut reply {
            fields.insert("Intent".to_owned(), json!("APPLY"));
            fields.insert("ChangeSet".to_owned(), json!(changes));
            if let Some((_, description)) = set.failure {
                fields.insert("FailureDescription".to_owned(), json!(description));
            }
        }
        Ok(reply)
    }

    /// `ListChangeSets`: newest first, filters entityId, `ChangeSetName` and status.
    pub(crate) fn list_change_sets(&self, caller: &str, body: &Value) -> Result<Value, Refusal> {
        require_catalog(optional_text(body, "Catalog")?)?;
        let mut found = Vec::new();
        for set in self
            .change_sets
            .iter()
            .rev()
            .filter(|set| set.owner == caller)
        {
            if matches_filters(set, body)? {
                let mut entities: Vec<&str> = set
                    .changes
                    .iter()
                    .map(|change| change.entity_id.as_str())
                    .collect();
                entities.dedup();
                let mut summary = summary_json(set);
                if let Value::Object(fields) = &mut summary {
                    fields.insert("EntityIdList".to_owned(), json!(entities));
                }
                found.push(summary);
            }
        }
        paging::page(found, body, "ChangeSetSummaryList", 20, 20)
    }
}

fn matches_filters(set: &ChangeSet, body: &Value) -> Result<bool, Refusal> {
    let filters = body
        .get("FilterList")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    for filter in filters {
        let values: Vec<&str> = filter
            .get("ValueList")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let matches = match optional_text(filter, "Name")?.unwrap_or_default() {
            "entityId" => set
                .changes
                .iter()
                .any(|change| values.contains(&change.entity_id.as_str())),
            "ChangeSetName" => set
                .name
                .as_deref()
                .is_some_and(|name| values.contains(&name)),
            "status" => values.contains(&set.status.as_str()),
            other => {
                return Err(Refusal::validation(format!(
                    "Filter '{other}' is not supported."
                )));
            }
        };
        if !matches {
            return Ok(false);
        }
    }
    Ok(true)
}

fn summary_json(set: &ChangeSet) -> Value {
    let mut fields = serde_json::Map::new();
    fields.insert("ChangeSetId".to_owned(), json!(set.id));
    fields.insert(
        "ChangeSetArn".to_owned(),
        json!(arn(&set.owner, "ChangeSet", &set.id)),
    );
    if let Some(name) = &set.name {
        fields.insert("ChangeSetName".to_owned(), json!(name));
    }
    fields.insert("StartTime".to_owned(), json!(timestamp(set.started_at)));
    if let Some(ended) = set.ended_at {
        fields.insert("EndTime".to_owned(), json!(timestamp(ended)));
    }
    fields.insert("Status".to_owned(), json!(set.status.as_str()));
    if let Some((code, _)) = set.failure {
        fields.insert("FailureCode".to_owned(), json!(code));
    }
    Value::Object(fields)
}

fn change_json(set: &ChangeSet, change: &Change) -> Value {
    let mut entity = serde_json::Map::new();
    entity.insert("Type".to_owned(), json!(change.entity_type));
    // A made entity's id shows once the set is being applied, with its revision.
    let made = change.content.creates();
    let shown = matches!(
        set.status,
        ChangeSetStatus::Applying | ChangeSetStatus::Succeeded
    );
    if !made || shown {
        let identifier = match change.revision {
            Some(revision) => format!("{}@{revision}", change.entity_id),
            None => change.entity_id.clone(),
        };
        entity.insert("Identifier".to_owned(), json!(identifier));
    }
    let errors: Vec<Value> = change
        .errors
        .iter()
        .map(|error| json!({ "ErrorCode": error.code, "ErrorMessage": error.message }))
        .collect();
    let mut fields = serde_json::Map::new();
    fields.insert("ChangeType".to_owned(), json!(change.type_name));
    fields.insert("Entity".to_owned(), Value::Object(entity));
    fields.insert("Details".to_owned(), json!(change.document.to_string()));
    fields.insert("DetailsDocument".to_owned(), change.document.clone());
    fields.insert("ErrorDetailList".to_owned(), json!(errors));
    if let Some(name) = &change.name {
        fields.insert("ChangeName".to_owned(), json!(name));
    }
    Value::Object(fields)
}

//! Change sets as AWS shows them: `DescribeChangeSet` and `ListChangeSets`.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::change_sets::{optional_text, require_catalog};
use super::model::{Change, ChangeSet, ChangeSetStatus};
use super::sorting::Order;
use super::{Refusal, World, arn, filters, paging, timestamp};

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

    /// `ListChangeSets`: those that every filter finds, newest first unless it is asked otherwise.
    pub(crate) fn list_change_sets(&self, caller: &str, body: &Value) -> Result<Value, Refusal> {
        require_catalog(optional_text(body, "Catalog")?)?;
        let filters = filters::listed(body)?.into_iter().map(Filter::read);
        let filters: Vec<Filter> = filters.collect::<Result<_, _>>()?;
        let sort = body.get("Sort").unwrap_or(&Value::Null);
        let order = Order::read(sort, &["StartTime", "EndTime"])?;
        let own = self.change_sets.iter();
        let own = own.filter(|set| set.owner == caller);
        let found = own.filter(|set| filters.iter().all(|filter| filter.matches(set)));
        // Of the same instant, in the order in which they came.
        let mut found: Vec<_> = found.enumerate().collect();
        order.sort(&mut found, |(place, set)| {
            let at = match order.by {
                // Those that have not ended will end last.
                "EndTime" => set.ended_at.unwrap_or(DateTime::<Utc>::MAX_UTC),
                _ => set.started_at,
            };
            (at, *place)
        });
        let shown = found.into_iter().map(|(_, set)| listed_json(set));
        paging::page(shown.collect(), body, "ChangeSetSummaryList", 20, 20)
    }
}

fn listed_json(set: &ChangeSet) -> Value {
    let changes = set.changes.iter();
    let mut entities: Vec<&str> = changes.map(|change| change.entity_id.as_str()).collect();
    entities.dedup();
    let mut summary = summary_json(set);
    summary["EntityIdList"] = json!(entities);
    summary
}

/// One filter of `ListChangeSets`. Its sources spell the names in both ways.
enum Filter {
    Entity(Vec<String>),
    Name(Vec<String>),
    Status(Vec<String>),
    Started(Side, DateTime<Utc>),
    /// Finds no set that has not ended.
    Ended(Side, DateTime<Utc>),
}

#[derive(Clone, Copy)]
enum Side {
    Before,
    After,
}

impl Side {
    fn holds(self, at: DateTime<Utc>, bound: DateTime<Utc>) -> bool {
        match self {
            Self::Before => at < bound,
            Self::After => at > bound,
        }
    }
}

impl Filter {
    fn read((name, filter): (&str, &Value)) -> Result<Self, Refusal> {
        let values = || filters::values(name, filter, &[]);
        let time = || match &values()?[..] {
            [text] => filters::instant(name, text),
            _ => Err(Refusal::validation(format!(
                "Filter {name} takes one time."
            ))),
        };
        Ok(match name {
            "EntityId" | "entityId" => Self::Entity(values()?),
            "ChangeSetName" => Self::Name(values()?),
            "Status" | "status" => {
                Self::Status(filters::values(name, filter, &ChangeSetStatus::WORDS)?)
            }
            "BeforeStartTime" => Self::Started(Side::Before, time()?),
            "AfterStartTime" => Self::Started(Side::After, time()?),
            "BeforeEndTime" => Self::Ended(Side::Before, time()?),
            "AfterEndTime" => Self::Ended(Side::After, time()?),
            other => return Err(filters::unsupported(other)),
        })
    }

    fn matches(&self, set: &ChangeSet) -> bool {
        let listed = |values: &[String], text: &str| values.iter().any(|value| value == text);
        match self {
            Self::Entity(ids) => {
                let mut changes = set.changes.iter();
                changes.any(|change| listed(ids, &change.entity_id))
            }
            Self::Name(names) => set.name.as_ref().is_some_and(|name| listed(names, name)),
            Self::Status(words) => listed(words, set.status.as_str()),
            Self::Started(side, bound) => side.holds(set.started_at, *bound),
            Self::Ended(side, bound) => set.ended_at.is_some_and(|at| side.holds(at, *bound)),
        }
    }
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

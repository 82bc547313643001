//! Change sets: starting (synchronous rules), reading, cancelling.

use std::collections::BTreeSet;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde_json::{Value, json};

use super::changes::{self, Details};
use super::model::{Change, ChangeSet, ChangeSetStatus, Content, Document};
use super::unavailable::{self, Unavailable};
use super::{Refusal, World, arn, authorization_changes, tags};

const OFFER_TYPE: &str = "Offer@1.0";
const AUTHORIZATION_TYPE: &str = "ResaleAuthorization@1.0";
const CHANGES_MAX: usize = 20;
const OPEN_CHANGE_SETS_MAX: usize = 250;
const OFFERS_AT_ONCE_MAX: usize = 20;

/// A `StartChangeSet` that was taken, and the documents that somebody must now fetch for it.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) reply: Value,
    pub(crate) change_set_id: String,
    pub(crate) documents: Vec<String>,
}

/// A change that makes an entity: its place in the set, its `ChangeName`, the id allotted.
struct Creator {
    index: usize,
    name: Option<String>,
    id: String,
}

impl World {
    /// `StartChangeSet`. The same token with the same body answers as before and starts nothing.
    pub(crate) fn start_change_set(
        &mut self,
        now: DateTime<Utc>,
        caller: &str,
        body: &Value,
    ) -> Result<Started, Refusal> {
        let token = optional_text(body, "ClientRequestToken")?;
        if let Some(token) = token {
            let printable = token.bytes().all(|byte| (0x20..0x7f).contains(&byte));
            if !(1..=64).contains(&token.len()) || !printable {
                return Err(Refusal::validation(
                    "ClientRequestToken must be 1 to 64 printable characters.",
                ));
            }
            if let Some((earlier, id)) = self.tokens.get(&(caller.to_owned(), token.to_owned())) {
                if earlier != body {
                    return Err(Refusal::validation(
                        "ClientRequestToken was used for a request with another body.",
                    ));
                }
                return Ok(Started {
                    reply: started_reply(caller, id),
                    change_set_id: id.clone(),
                    documents: vec![],
                });
            }
        }
        let tags = tags::read(body.get("ChangeSetTags"))?;
        let set = self.plan(now, caller, body)?;
        self.tag(caller, "ChangeSet", &set.id, &tags);
        if let Some(token) = token {
            self.tokens.insert(
                (caller.to_owned(), token.to_owned()),
                (body.clone(), set.id.clone()),
            );
        }
        let started = Started {
            reply: started_reply(caller, &set.id),
            change_set_id: set.id.clone(),
            documents: set.documents.iter().map(|(url, _)| url.clone()).collect(),
        };
        self.change_sets.push(set);
        Ok(started)
    }

    /// Everything that can refuse a change set at once. Changes nothing but the id counter.
    fn plan(
        &mut self,
        now: DateTime<Utc>,
        caller: &str,
        body: &Value,
    ) -> Result<ChangeSet, Refusal> {
        require_catalog(optional_text(body, "Catalog")?)?;
        if optional_text(body, "Intent")?.is_some_and(|intent| intent != "APPLY") {
            return Err(Refusal::validation(
                "Intent VALIDATE is documented for AMI versions only.",
            ));
        }
        let name = optional_text(body, "ChangeSetName")?;
        if name.is_some_and(|name| name.is_empty() || name.chars().count() > 100) {
            return Err(Refusal::validation(
                "ChangeSetName must be 1 to 100 characters.",
            ));
        }
        let sent = body
            .get("ChangeSet")
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        if !(1..=CHANGES_MAX).contains(&sent.len()) {
            return Err(Refusal::validation("ChangeSet must have 1 to 20 changes."));
        }
        let mut changes: Vec<Change> = Vec::with_capacity(sent.len());
        let creators = self.allot(sent);
        for (index, change) in sent.iter().enumerate() {
            let change = self.read_change(caller, index, change, &creators)?;
            let same = |earlier: &Change| {
                earlier.type_name == change.type_name && earlier.entity_id == change.entity_id
            };
            if change.name.is_some() && changes.iter().any(|earlier| earlier.name == change.name) {
                return Err(Refusal::validation(
                    "ChangeName must be unique in a change set.",
                ));
            }
            if changes.iter().any(same) {
                return Err(Refusal::validation(format!(
                    "{} appears more than once for {}.",
                    change.type_name, change.entity_id
                )));
            }
            changes.push(change);
        }
        self.check_locks_and_quotas(caller, &changes)?;
        let started_at = now.trunc_subsecs(0);
        let applying_at = now + millis(self.settings.preparing_ms);
        Ok(ChangeSet {
            id: self.ids.change_set(),
            owner: caller.to_owned(),
            name: name.map(str::to_owned),
            status: ChangeSetStatus::Preparing,
            started_at,
            applying_at,
            due_at: applying_at + millis(self.settings.applying_ms),
            ended_at: None,
            failure: None,
            documents: documents_of(&changes),
            documents_at: None,
            doomed: std::mem::take(&mut self.doom_next),
            stuck: std::mem::take(&mut self.stick_next),
            changes,
        })
    }

    /// New ids for the entities that the set makes.
    fn allot(&mut self, sent: &[Value]) -> Vec<Creator> {
        let mut creators = Vec::new();
        for (index, change) in sent.iter().enumerate() {
            let id = match change.get("ChangeType").and_then(Value::as_str) {
                Some("CreateOffer" | "CreateOfferUsingResaleAuthorization") => {
                    Some(self.ids.offer())
                }
                Some(kind) if unavailable::CREATING.contains(&kind) => Some(self.ids.offer()),
                Some("CreateResaleAuthorization") => Some(self.ids.authorization()),
                _ => None,
            };
            if let Some(id) = id {
                let name = change
                    .get("ChangeName")
                    .and_then(Value::as_str)
                    .map(str::to_owned);
                creators.push(Creator { index, name, id });
            }
        }
        creators
    }

    fn read_change(
        &self,
        caller: &str,
        index: usize,
        sent: &Value,
        creators: &[Creator],
    ) -> Result<Change, Refusal> {
        let change_type = optional_text(sent, "ChangeType")?
            .ok_or_else(|| Refusal::validation("ChangeType is required."))?;
        let entity = sent.get("Entity").unwrap_or(&Value::Null);
        let entity_type = optional_text(entity, "Type")?.unwrap_or_default();
        let name = optional_text(sent, "ChangeName")?;
        if name.is_some_and(|name| name.is_empty() || name.chars().count() > 72) {
            return Err(Refusal::validation(
                "ChangeName must be 1 to 72 characters.",
            ));
        }
        let document = details_document(sent)?;
        let parsed = match entity_type {
            OFFER_TYPE => changes::parse(change_type, &document).map(Content::Offer),
            AUTHORIZATION_TYPE => {
                authorization_changes::parse(change_type, &document).map(Content::Authorization)
            }
            _ => Err(format!(
                "Entity type '{entity_type}' is not supported in this sandbox."
            )),
        };
        let content = parsed.map_err(|message| Refusal::Validation {
            message,
            reason: None,
            field: Some(change_type.to_owned()),
        })?;
        let identifier = optional_text(entity, "Identifier")?;
        let (entity_id, revision) = if content.creates() {
            if identifier.is_some() {
                return Err(Refusal::validation(format!(
                    "{change_type} takes no Entity.Identifier."
                )));
            }
            self.check_creation(caller, &content)?;
            let own = creators.iter().find(|creator| creator.index == index);
            (
                own.map(|creator| creator.id.clone()).unwrap_or_default(),
                None,
            )
        } else {
            self.resolve(caller, entity_type, identifier, creators)?
        };
        Ok(Change {
            type_name: change_type.to_owned(),
            entity_type: entity_type.to_owned(),
            entity_id,
            revision,
            name: name.map(str::to_owned),
            document,
            content,
            tags: tags::read(sent.get("EntityTags"))?,
            errors: Vec::new(),
        })
    }

    /// What a creating change is made of must be there for the caller.
    fn check_creation(&self, caller: &str, content: &Content) -> Result<(), Refusal> {
        let product = match content {
            Content::Offer(Details::CreateOffer { product_id, .. })
            | Content::Authorization(authorization_changes::Details::Create {
                product_id, ..
            }) => product_id,
            Content::Offer(Details::CreateOfferUsingResaleAuthorization {
                authorization_id,
                ..
            }) => return self.shared_authorization(caller, authorization_id),
            Content::Offer(Details::Unavailable(Unavailable::Replacement {
                agreement_id,
                authorization_id,
            })) => {
                if let Some(id) = authorization_id {
                    self.shared_authorization(caller, id)?;
                }
                let found = self.is_party(agreement_id, caller, true);
                let absent = || not_found("Agreement", agreement_id);
                return found.then_some(()).ok_or_else(absent);
            }
            Content::Offer(_) | Content::Authorization(_) => return Ok(()),
        };
        if self.product_owner(product) == Some(caller) {
            Ok(())
        } else {
            Err(not_found("Product", product))
        }
    }

    fn shared_authorization(&self, caller: &str, id: &str) -> Result<(), Refusal> {
        let shared = self
            .authorization(id)
            .is_some_and(|found| found.is_shared_with(caller));
        let absent = || not_found("Resale authorization", id);
        shared.then_some(()).ok_or_else(absent)
    }

    /// An identifier of an existing entity, or a reference to one that the set makes.
    fn resolve(
        &self,
        caller: &str,
        entity_type: &str,
        identifier: Option<&str>,
        creators: &[Creator],
    ) -> Result<(String, Option<u32>), Refusal> {
        let identifier =
            identifier.ok_or_else(|| Refusal::validation("Entity.Identifier is required."))?;
        if let Some(reference) = identifier.strip_prefix('$') {
            let name = reference
                .strip_suffix(".Entity.Identifier")
                .unwrap_or_default();
            let made = creators
                .iter()
                .find(|creator| creator.name.as_deref() == Some(name));
            return made
                .map(|creator| (creator.id.clone(), None))
                .ok_or_else(|| {
                    Refusal::validation(format!(
                        "'{identifier}' refers to no change of this set that makes an entity."
                    ))
                });
        }
        let (id, revision) = match identifier.split_once('@') {
            Some((id, revision)) => (id, Some(revision)),
            None => (identifier, None),
        };
        let latest = if entity_type == AUTHORIZATION_TYPE {
            self.authorization(id)
                .filter(|found| found.owner == caller)
                .map(|found| found.revision)
                .ok_or_else(|| not_found("Entity", id))?
        } else {
            self.offer_of(caller, id)?.revision
        };
        if let Some(revision) = revision
            && revision != latest.to_string()
        {
            return Err(Refusal::validation(format!(
                "The revision of '{identifier}' is not the latest; the latest is {id}@{latest}."
            )));
        }
        Ok((id.to_owned(), Some(latest)))
    }

    fn check_locks_and_quotas(&self, caller: &str, changes: &[Change]) -> Result<(), Refusal> {
        let open: Vec<&ChangeSet> = self
            .change_sets
            .iter()
            .filter(|set| set.status.is_open() && set.owner == caller)
            .collect();
        for change in changes {
            let holder = open.iter().find(|set| {
                set.changes
                    .iter()
                    .any(|other| other.entity_id == change.entity_id)
            });
            if let Some(holder) = holder {
                return Err(Refusal::InUse {
                    message: format!(
                        "{} is locked by change set {}.",
                        change.entity_id, holder.id
                    ),
                });
            }
        }
        if open.len() >= OPEN_CHANGE_SETS_MAX {
            return Err(Refusal::Quota {
                message: "Too many open change sets.".to_owned(),
            });
        }
        let offers: BTreeSet<&str> = open
            .iter()
            .flat_map(|set| &set.changes)
            .chain(changes)
            .filter(|change| change.entity_type == OFFER_TYPE)
            .map(|change| change.entity_id.as_str())
            .collect();
        if offers.len() > OFFERS_AT_ONCE_MAX {
            return Err(Refusal::Quota {
                message: format!("More than {OFFERS_AT_ONCE_MAX} offers would be changed at once."),
            });
        }
        Ok(())
    }

    /// `CancelChangeSet`: only while PREPARING.
    pub(crate) fn cancel_change_set(
        &mut self,
        now: DateTime<Utc>,
        caller: &str,
        id: &str,
    ) -> Result<Value, Refusal> {
        let status = self.change_set_of(caller, id)?.status;
        if status != ChangeSetStatus::Preparing {
            return Err(Refusal::InUse {
                message: format!(
                    "Change set {id} is {} and can no longer be cancelled.",
                    status.as_str()
                ),
            });
        }
        let mut cancelled = None;
        for set in self.change_sets.iter_mut().filter(|set| set.id == id) {
            set.status = ChangeSetStatus::Cancelled;
            set.ended_at = Some(now);
            cancelled = Some(set.clone());
        }
        if let Some(set) = cancelled {
            self.change_set_ended(now, &set);
        }
        Ok(started_reply(caller, id))
    }

    pub(super) fn change_set_of(&self, caller: &str, id: &str) -> Result<&ChangeSet, Refusal> {
        self.change_sets
            .iter()
            .find(|set| set.id == id && set.owner == caller)
            .ok_or_else(|| not_found("Change set", id))
    }
}

fn not_found(what: &str, id: &str) -> Refusal {
    Refusal::not_found(format!("{what} '{id}' was not found."), id)
}

fn started_reply(caller: &str, id: &str) -> Value {
    json!({ "ChangeSetId": id, "ChangeSetArn": arn(caller, "ChangeSet", id) })
}

fn millis(value: u64) -> TimeDelta {
    TimeDelta::milliseconds(i64::try_from(value).unwrap_or(i64::MAX / 2))
}

/// The field as text; absent and null are the same, another type is refused.
pub(super) fn optional_text<'a>(value: &'a Value, field: &str) -> Result<Option<&'a str>, Refusal> {
    match value.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Refusal::validation(format!("{field} must be a string."))),
    }
}

pub(crate) fn require_catalog(catalog: Option<&str>) -> Result<(), Refusal> {
    match catalog {
        Some("AWSMarketplace") => Ok(()),
        _ => Err(Refusal::validation("Catalog must be AWSMarketplace.")),
    }
}

/// Details are a JSON string or a JSON value, exactly one of them.
fn details_document(sent: &Value) -> Result<Value, Refusal> {
    let wrong = |text: &str| Refusal::validation(text.to_owned());
    match (optional_text(sent, "Details")?, sent.get("DetailsDocument")) {
        (Some(text), None) if (2..=16384).contains(&text.len()) => {
            serde_json::from_str(text).map_err(|_| wrong("Details is not JSON."))
        }
        (Some(_), None) => Err(wrong("Details must be 2 to 16384 characters.")),
        (None, Some(document)) => Ok(document.clone()),
        _ => Err(wrong("Provide either Details or DetailsDocument.")),
    }
}

fn documents_of(changes: &[Change]) -> Vec<(String, Option<super::model::Verdict>)> {
    let mut urls = Vec::new();
    for change in changes {
        let documents: Vec<&Document> = match &change.content {
            Content::Offer(Details::UpdateLegalTerms(documents)) => documents.iter().collect(),
            Content::Authorization(authorization_changes::Details::UpdateLegalTerms {
                buyer,
                contract,
            }) => buyer.iter().chain(contract).collect(),
            Content::Offer(_) | Content::Authorization(_) => Vec::new(),
        };
        for document in documents {
            if let Document::CustomEula { url, .. } = document {
                urls.push((url.clone(), None));
            }
        }
    }
    urls
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, DEFAULT_PRODUCT_ID, DEFAULT_SELLER_ACCOUNT};

    fn start(change: Value) -> Result<Started, Refusal> {
        let mut world = World::new(&Config::default());
        let mut change = change;
        change["ChangeType"] = json!("CreateOffer");
        change["Entity"] = json!({ "Type": "Offer@1.0" });
        let body = json!({ "Catalog": "AWSMarketplace", "ChangeSet": [change] });
        world.start_change_set(DateTime::UNIX_EPOCH, DEFAULT_SELLER_ACCOUNT, &body)
    }

    #[test]
    fn details_come_as_a_string_or_as_a_value_but_not_as_both() {
        let details = json!({ "ProductId": DEFAULT_PRODUCT_ID });
        let text = details.to_string();
        assert!(start(json!({ "Details": text })).is_ok());
        assert!(start(json!({ "DetailsDocument": details })).is_ok());
        assert!(start(json!({ "Details": text, "DetailsDocument": details })).is_err());
        assert!(start(json!({})).is_err());
        assert!(start(json!({ "Details": "not json" })).is_err());
    }
}

//! Tags and resource policies of what a seller has in the Catalog (facts §1.1).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::change_sets::optional_text;
use super::entities::PRODUCT_KIND;
use super::{Refusal, World, arn};

/// Keys and values, as AWS's tags are.
pub(crate) type Tags = BTreeMap<String, String>;

/// The model's limit of a request, and here of a resource as well.
const TAGS_MAX: usize = 200;
const KEY_MAX: usize = 128;
const VALUE_MAX: usize = 256;
const POLICY_MAX: usize = 10_240;

impl World {
    /// `TagResource`: a key that is there gets the new value.
    pub(crate) fn tag_resource(&mut self, caller: &str, body: &Value) -> Result<Value, Refusal> {
        let resource = self.own_resource(caller, optional_text(body, "ResourceArn")?)?;
        let tags = read(body.get("Tags"))?;
        if tags.is_empty() {
            return Err(Refusal::validation("Tags must have at least one tag."));
        }
        let mut all = self.tags.get(&resource).cloned().unwrap_or_default();
        all.extend(tags);
        limited(&all)?;
        self.tags.insert(resource, all);
        Ok(json!({}))
    }

    /// `UntagResource`: a key that is not there is no error.
    pub(crate) fn untag_resource(&mut self, caller: &str, body: &Value) -> Result<Value, Refusal> {
        let resource = self.own_resource(caller, optional_text(body, "ResourceArn")?)?;
        let sent = body.get("TagKeys").and_then(Value::as_array);
        let keys: Option<Vec<&str>> = sent
            .map_or(&[][..], Vec::as_slice)
            .iter()
            .map(Value::as_str)
            .collect();
        let keys = keys.filter(|keys| (1..=TAGS_MAX).contains(&keys.len()));
        let keys = keys.ok_or_else(|| {
            Refusal::validation(format!("TagKeys must have 1 to {TAGS_MAX} keys."))
        })?;
        for key in &keys {
            sound_key(key)?;
        }
        if let Some(tags) = self.tags.get_mut(&resource) {
            tags.retain(|key, _| !keys.contains(&key.as_str()));
        }
        Ok(json!({}))
    }

    /// `ListTagsForResource`.
    pub(crate) fn list_tags(&self, caller: &str, body: &Value) -> Result<Value, Refusal> {
        let resource = self.own_resource(caller, optional_text(body, "ResourceArn")?)?;
        let tags = self.tags.get(&resource).into_iter().flatten();
        let tags: Vec<Value> = tags
            .map(|(key, value)| json!({ "Key": key, "Value": value }))
            .collect();
        Ok(json!({ "ResourceArn": resource, "Tags": tags }))
    }

    /// `PutResourcePolicy`. It is kept and shown; nobody is let in by it.
    pub(crate) fn put_policy(&mut self, caller: &str, body: &Value) -> Result<Value, Refusal> {
        let resource = self.own_entity(caller, optional_text(body, "ResourceArn")?)?;
        let policy = optional_text(body, "Policy")?.unwrap_or_default();
        if !(1..=POLICY_MAX).contains(&policy.len()) {
            let message = format!("Policy must be 1 to {POLICY_MAX} characters.");
            return Err(Refusal::validation(message));
        }
        let read: Option<Value> = serde_json::from_str(policy).ok();
        if read.is_none_or(|policy| policy.get("Statement").is_none()) {
            let message = "Policy must be a JSON document with a Statement.";
            return Err(Refusal::validation(message));
        }
        self.policies.insert(resource, policy.to_owned());
        Ok(json!({}))
    }

    /// `GetResourcePolicy`.
    pub(crate) fn get_policy(
        &self,
        caller: &str,
        resource: Option<&str>,
    ) -> Result<Value, Refusal> {
        let resource = self.own_entity(caller, resource)?;
        let policy = self.policies.get(&resource);
        policy
            .map(|policy| json!({ "Policy": policy }))
            .ok_or_else(|| no_policy(&resource))
    }

    /// `DeleteResourcePolicy`.
    pub(crate) fn delete_policy(
        &mut self,
        caller: &str,
        resource: Option<&str>,
    ) -> Result<Value, Refusal> {
        let resource = self.own_entity(caller, resource)?;
        let policy = self.policies.remove(&resource);
        policy
            .map(|_| json!({}))
            .ok_or_else(|| no_policy(&resource))
    }

    /// Somebody else's resource is answered like one that does not exist.
    fn own_resource(&self, caller: &str, resource: Option<&str>) -> Result<String, Refusal> {
        let resource = resource.ok_or_else(|| Refusal::validation("ResourceArn is required."))?;
        let (account, kind, id) = parts(resource).ok_or_else(|| {
            Refusal::validation(format!("'{resource}' is no ARN of AWS Marketplace."))
        })?;
        let there = match kind {
            "Offer" => self.offer_of(caller, id).is_ok(),
            "ResaleAuthorization" => self
                .authorization(id)
                .is_some_and(|found| found.owner == caller),
            "ChangeSet" => self.change_set_of(caller, id).is_ok(),
            PRODUCT_KIND => self.product_owner(id) == Some(caller),
            _ => false,
        };
        if there && account == caller {
            Ok(resource.to_owned())
        } else {
            let message = format!("Resource '{resource}' was not found.");
            Err(Refusal::not_found(message, resource))
        }
    }

    /// A change set has no policy.
    fn own_entity(&self, caller: &str, resource: Option<&str>) -> Result<String, Refusal> {
        if resource
            .and_then(parts)
            .is_some_and(|(_, kind, _)| kind == "ChangeSet")
        {
            return Err(Refusal::validation("A change set has no resource policy."));
        }
        self.own_resource(caller, resource)
    }

    /// Tags that a change set brings, for itself or for the entities of its changes.
    pub(super) fn tag(&mut self, owner: &str, kind: &str, id: &str, tags: &Tags) {
        if !tags.is_empty() {
            let all = self.tags.entry(arn(owner, kind, id)).or_default();
            all.extend(tags.clone());
        }
    }
}

fn no_policy(resource: &str) -> Refusal {
    Refusal::not_found(format!("'{resource}' has no policy."), resource)
}

/// Account, kind and id of an [`arn`].
fn parts(resource: &str) -> Option<(&str, &str, &str)> {
    let rest = resource.strip_prefix("arn:aws:aws-marketplace:us-east-1:")?;
    let (account, path) = rest.split_once(':')?;
    let (kind, id) = path.strip_prefix("AWSMarketplace/")?.split_once('/')?;
    Some((account, kind, id))
}

/// The `Tags` of a request, each key once.
pub(super) fn read(sent: Option<&Value>) -> Result<Tags, Refusal> {
    let Some(sent) = sent.filter(|sent| !sent.is_null()) else {
        return Ok(Tags::new());
    };
    let list = sent.as_array();
    let list = list.ok_or_else(|| Refusal::validation("Tags must be a list."))?;
    let mut tags = Tags::new();
    for tag in list {
        let key = optional_text(tag, "Key")?.unwrap_or_default();
        sound_key(key)?;
        let value = optional_text(tag, "Value")?
            .ok_or_else(|| Refusal::validation(format!("Tag '{key}' needs a Value.")))?;
        if value.chars().count() > VALUE_MAX {
            let message = format!("A tag's Value has up to {VALUE_MAX} characters.");
            return Err(Refusal::validation(message));
        }
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(Refusal::validation(format!("Tag '{key}' appears twice.")));
        }
    }
    limited(&tags)?;
    Ok(tags)
}

fn limited(tags: &Tags) -> Result<(), Refusal> {
    if tags.len() > TAGS_MAX {
        let message = format!("A resource has up to {TAGS_MAX} tags.");
        return Err(Refusal::validation(message));
    }
    Ok(())
}

/// `aws:` is AWS's own.
fn sound_key(key: &str) -> Result<(), Refusal> {
    let known = |letter: char| {
        letter.is_alphanumeric() || letter.is_whitespace() || "_.:/=+-@".contains(letter)
    };
    let length = (1..=KEY_MAX).contains(&key.chars().count());
    if length && key.chars().all(known) && !key.to_lowercase().starts_with("aws:") {
        Ok(())
    } else {
        Err(Refusal::validation(format!("'{key}' is no key for a tag.")))
    }
}

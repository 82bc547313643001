//! `${…}` in a deal file: what earlier steps saved, and the date and time of the rehearsal clock.
//!
//! `${offer_id}`, `${case.subject_digest}`, `${run}`, `${today}`, `${today + P30D}`, `${now - PT1H}`.
//! A string that is nothing but one variable takes the variable's own type.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow, bail};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;

use super::duration;
use super::path::{find, text};

/// The variables of one play.
#[derive(Debug, Clone, Default)]
pub(super) struct Variables {
    values: BTreeMap<String, Value>,
}

impl Variables {
    pub(super) fn set(&mut self, name: impl Into<String>, value: Value) {
        self.values.insert(name.into(), value);
    }

    /// `value` with every variable in it replaced; `now` is what the rehearsal clock shows.
    pub(super) fn expand(&self, value: &Value, now: DateTime<Utc>) -> Result<Value> {
        Ok(match value {
            Value::String(text) => self.expand_text(text, now)?,
            Value::Array(items) => Value::Array(
                items
                    .iter()
                    .map(|item| self.expand(item, now))
                    .collect::<Result<_>>()?,
            ),
            Value::Object(fields) => {
                let expanded = fields.iter().map(|(key, value)| {
                    let key = text(&self.expand_text(key, now)?);
                    Ok((key, self.expand(value, now)?))
                });
                Value::Object(expanded.collect::<Result<_>>()?)
            }
            other => other.clone(),
        })
    }

    /// As [`expand`](Self::expand), for a value that must end as text.
    pub(super) fn expand_str(&self, value: &str, now: DateTime<Utc>) -> Result<String> {
        self.expand_text(value, now).map(|value| text(&value))
    }

    fn expand_text(&self, whole: &str, now: DateTime<Utc>) -> Result<Value> {
        let mut expanded = String::new();
        let mut rest = whole;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after
                .split_once('}')
                .ok_or_else(|| anyhow!("`${{` without `}}` in {whole:?}"))?;
            let value = self.value(name.trim(), now)?;
            if before.is_empty() && after.is_empty() && expanded.is_empty() {
                return Ok(value);
            }
            expanded.push_str(before);
            expanded.push_str(&text(&value));
            rest = after;
        }
        expanded.push_str(rest);
        Ok(Value::String(expanded))
    }

    fn value(&self, expression: &str, now: DateTime<Utc>) -> Result<Value> {
        let mut words = expression.split_whitespace();
        let name = words.next().unwrap_or_default();
        if name == "today" || name == "now" {
            let instant = moved(now, words.next(), words.next())
                .with_context(|| format!("in ${{{expression}}}"))?;
            let shown = match name {
                "today" => instant.date_naive().to_string(),
                _ => instant.to_rfc3339_opts(SecondsFormat::Secs, true),
            };
            return Ok(Value::String(shown));
        }
        let (root, path) = name.split_at(name.find(['.', '[']).unwrap_or(name.len()));
        let value = self.values.get(root).and_then(|value| find(value, path));
        value
            .cloned()
            .ok_or_else(|| anyhow!("nothing was saved as `{expression}`"))
    }
}

fn moved(now: DateTime<Utc>, sign: Option<&str>, length: Option<&str>) -> Result<DateTime<Utc>> {
    let by = match (sign, length) {
        (None, None) => return Ok(now),
        (Some("+"), Some(length)) => duration::parse(length)?,
        (Some("-"), Some(length)) => -duration::parse(length)?,
        _ => bail!("after the name comes nothing, or + or - and a duration such as P30D"),
    };
    now.checked_add_signed(by)
        .ok_or_else(|| anyhow!("past the calendar"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn expand(value: &Value) -> Result<Value> {
        let mut variables = Variables::default();
        variables.set("run", json!("7f3a"));
        variables.set("offer", json!({ "id": "o-1", "revision": 3 }));
        variables.expand(value, "2026-12-30T23:59:30Z".parse().unwrap())
    }

    #[test]
    fn variables_are_replaced_wherever_they_stand() {
        let cases = [
            (json!("006-${run}-a"), json!("006-7f3a-a")),
            (json!("${offer.revision}"), json!(3)),
            (json!("r${offer.revision}"), json!("r3")),
            (
                json!({ "a": ["${run}", 1, null] }),
                json!({ "a": ["7f3a", 1, null] }),
            ),
            (json!("${today}"), json!("2026-12-30")),
            (json!("${today + P2D}"), json!("2027-01-01")),
            (json!("${now + PT45S}"), json!("2026-12-31T00:00:15Z")),
            (json!("${now - P1D}"), json!("2026-12-29T23:59:30Z")),
            (json!("$ { no }"), json!("$ { no }")),
        ];
        for (value, expected) in cases {
            assert_eq!(expand(&value).unwrap(), expected, "{value}");
        }
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        for text in [
            "${nobody}",
            "${offer.name}",
            "${today + 3}",
            "${today * P1D}",
            "${run",
        ] {
            assert!(expand(&json!(text)).is_err(), "{text}");
        }
    }
}

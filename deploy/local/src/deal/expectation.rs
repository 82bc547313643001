//! What must hold of an answer: a path and the value that must lie there.
//!
//! A value is compared as it stands (a number and a string of the same digits are the same: protobuf
//! writes some numbers as strings). Instead of a value there may be one of
//! `{contains: text}`, `{count: n}`, `{present: true|false}`, `{one_of: [...]}`, `{not: value}`,
//! `{sum: [path, path]}` (whole numbers that lie elsewhere in the same answer).

use std::collections::BTreeMap;

use serde_json::Value;

use super::path::{find, text};

/// Paths and what must lie there.
pub(super) type Expectations = BTreeMap<String, Value>;

/// The first thing that does not hold, as a sentence; `None` when all holds.
pub(super) fn mismatch(answer: &Value, expectations: &Expectations) -> Option<String> {
    expectations.iter().find_map(|(path, expected)| {
        let found = find(answer, path);
        let holds = holds(answer, found, expected);
        (!holds).then(|| {
            let found = found.map_or_else(|| "nothing".to_owned(), Value::to_string);
            let place = if path.is_empty() { "the answer" } else { path };
            format!("{place} should be {expected} but is {found}")
        })
    })
}

fn holds(answer: &Value, found: Option<&Value>, expected: &Value) -> bool {
    let Some((matcher, operand)) = matcher(expected) else {
        return found.is_some_and(|found| same(found, expected));
    };
    let found = found.filter(|found| !found.is_null());
    match matcher {
        "present" => found.is_some() == operand.as_bool().unwrap_or(true),
        "contains" => found.is_some_and(|found| contains(found, operand)),
        "count" => found.map_or(Some(0), count) == operand.as_u64(),
        "sum" => found.is_some_and(|found| {
            found.as_u64().is_some() && found.as_u64() == sum(answer, operand)
        }),
        "one_of" => found.is_some_and(|found| any_of(operand, |choice| same(found, choice))),
        _ => !found.is_some_and(|found| same(found, operand)),
    }
}

/// `{matcher: operand}`, if `expected` is one.
fn matcher(expected: &Value) -> Option<(&str, &Value)> {
    const MATCHERS: [&str; 6] = ["present", "contains", "count", "sum", "one_of", "not"];
    let object = expected.as_object().filter(|object| object.len() == 1)?;
    let (name, operand) = object.iter().next()?;
    MATCHERS.contains(&name.as_str()).then_some((name, operand))
}

fn contains(found: &Value, part: &Value) -> bool {
    match found {
        Value::Array(items) => items.iter().any(|item| same(item, part)),
        other => text(other).contains(&text(part)),
    }
}

fn count(found: &Value) -> Option<u64> {
    u64::try_from(found.as_array()?.len()).ok()
}

/// What the whole numbers at `paths` add up to; `None` if one is none.
fn sum(answer: &Value, paths: &Value) -> Option<u64> {
    let mut numbers = paths
        .as_array()?
        .iter()
        .map(|path| find(answer, path.as_str()?)?.as_u64());
    numbers.try_fold(0_u64, |total, number| total.checked_add(number?))
}

fn any_of(choices: &Value, test: impl Fn(&Value) -> bool) -> bool {
    choices
        .as_array()
        .is_some_and(|choices| choices.iter().any(test))
}

/// Equal; an object need only have what is expected of it.
fn same(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => expected
            .iter()
            .all(|(key, expected)| found.get(key).is_some_and(|found| same(found, expected))),
        (Value::Array(found), Value::Array(expected)) => {
            found.len() == expected.len()
                && found
                    .iter()
                    .zip(expected)
                    .all(|(found, expected)| same(found, expected))
        }
        (Value::Number(_), Value::String(_)) | (Value::String(_), Value::Number(_)) => {
            text(found) == text(expected)
        }
        _ => found == expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_way_of_saying_what_must_hold() {
        let answer = json!({
            "state": "STATE_OPEN", "size": 12, "ten": 10, "note": "", "gone": null,
            "lines": [{ "n": 1, "x": 2 }, { "n": 2 }], "tags": ["a", "b"],
        });
        let cases = [
            ("state", json!("STATE_OPEN"), true),
            ("state", json!("STATE"), false),
            ("size", json!("12"), true),
            ("size", json!(13), false),
            ("lines", json!([{ "n": 1 }, { "n": 2 }]), true),
            ("lines", json!([{ "n": 1 }]), false),
            ("lines", json!({ "count": 2 }), true),
            ("nothing", json!({ "count": 0 }), true),
            ("tags", json!({ "contains": "b" }), true),
            ("tags", json!({ "contains": "c" }), false),
            ("state", json!({ "contains": "OPEN" }), true),
            (
                "state",
                json!({ "one_of": ["STATE_SHUT", "STATE_OPEN"] }),
                true,
            ),
            ("state", json!({ "not": "STATE_OPEN" }), false),
            ("nothing", json!({ "not": "STATE_OPEN" }), true),
            ("gone", json!({ "present": false }), true),
            ("note", json!({ "present": true }), true),
            ("nothing", json!("x"), false),
            ("size", json!({ "sum": ["ten", "lines[1].n"] }), true),
            ("size", json!({ "sum": ["ten", "lines[0].n"] }), false),
            ("size", json!({ "sum": ["ten", "missing"] }), false),
        ];
        for (path, expected, holds) in cases {
            let expectations = Expectations::from([(path.to_owned(), expected.clone())]);
            assert_eq!(
                mismatch(&answer, &expectations).is_none(),
                holds,
                "{path}: {expected}"
            );
        }
    }

    #[test]
    fn a_mismatch_names_place_wanted_and_found() {
        let expectations = Expectations::from([("a.b".to_owned(), json!(1))]);
        let said = mismatch(&json!({ "a": { "b": 2 } }), &expectations);
        assert_eq!(said.as_deref(), Some("a.b should be 1 but is 2"));
    }
}

//! Paths into an answer: `snapshot.economics.price_total`, `charges[0].amount`,
//! `steps[name=legal].state`. An empty path is the whole.

use serde_json::Value;

/// What lies at `path`; `None` if there is nothing.
pub(super) fn find<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    split(path)
        .into_iter()
        .try_fold(value, |value, segment| match segment {
            Segment::Field(name) => value.get(name),
            Segment::Index(index) => value.get(index),
            Segment::Where { field, equals } => value
                .as_array()?
                .iter()
                .find(|item| find(item, field).is_some_and(|v| text(v) == equals)),
        })
}

/// A value as a person writes it: strings without quotes.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

enum Segment<'a> {
    Field(&'a str),
    Index(usize),
    Where { field: &'a str, equals: &'a str },
}

fn split(path: &str) -> Vec<Segment<'_>> {
    let mut segments = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        rest = rest.strip_prefix('.').unwrap_or(rest);
        if let Some((inside, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'))
        {
            segments.push(bracket(inside));
            rest = after;
        } else {
            let end = rest
                .find(['.', '['])
                .filter(|end| *end > 0)
                .unwrap_or(rest.len());
            segments.push(Segment::Field(&rest[..end]));
            rest = &rest[end..];
        }
    }
    segments
}

fn bracket(inside: &str) -> Segment<'_> {
    match (inside.split_once('='), inside.parse()) {
        (Some((field, equals)), _) => Segment::Where { field, equals },
        (None, Ok(index)) => Segment::Index(index),
        (None, Err(_)) => Segment::Field(inside),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_places_and_conditions_lead_on() {
        let answer = json!({
            "total": { "amount": "102500.00" },
            "steps": [
                { "name": "leadership", "state": "APPROVED", "number": 1 },
                { "name": "legal", "state": "OPEN", "number": 2, "by": { "who": "lea" } },
            ],
        });
        let cases = [
            ("total.amount", json!("102500.00")),
            ("steps[0].state", json!("APPROVED")),
            ("steps[name=legal].state", json!("OPEN")),
            ("steps[number=2].name", json!("legal")),
            ("steps[by.who=lea].name", json!("legal")),
        ];
        for (path, expected) in cases {
            assert_eq!(find(&answer, path), Some(&expected), "{path}");
        }
        assert_eq!(find(&answer, ""), Some(&answer));
        for path in [
            "nothing",
            "steps[7]",
            "steps[name=revenue].state",
            "total.amount.x",
            "[",
            ".",
        ] {
            assert_eq!(find(&answer, path), None, "{path}");
        }
    }
}

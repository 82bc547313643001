//! Paths into an answer: `snapshot.economics.price_total`, `charges[0].amount`,
//! `steps[name=legal].state`. An empty path is the whole. What stands in a bracket may itself hold
//! brackets (`differences[field=packages[1].price]`) or be quoted (`files[path="a]b"]`).

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
        if let Some((inside, after)) = rest.strip_prefix('[').and_then(bracketed) {
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

/// What stands before the bracket that closes, and what follows it.
fn bracketed(rest: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    let mut quoted = false;
    let closing = rest.find(|letter: char| {
        match letter {
            '"' => quoted = !quoted,
            '[' if !quoted => depth += 1,
            ']' if !quoted && depth == 0 => return true,
            ']' if !quoted => depth -= 1,
            _ => {}
        }
        false
    })?;
    Some((&rest[..closing], &rest[closing + 1..]))
}

fn bracket(inside: &str) -> Segment<'_> {
    match (inside.split_once('='), inside.parse()) {
        (Some((field, equals)), _) => Segment::Where {
            field,
            equals: unquoted(equals),
        },
        (None, Ok(index)) => Segment::Index(index),
        (None, Err(_)) => Segment::Field(inside),
    }
}

fn unquoted(text: &str) -> &str {
    let inside = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inside.unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_stands_in_a_bracket_may_hold_brackets_or_be_quoted() {
        let answer = json!({ "differences": [
            { "field": "packages[0].price", "after": "1.00" },
            { "field": "packages[1].price", "after": "2.00" },
            { "field": "odd]one", "after": { "amount": "3.00" } },
        ]});
        let cases = [
            ("differences[field=packages[1].price].after", json!("2.00")),
            (
                "differences[field=\"packages[0].price\"].after",
                json!("1.00"),
            ),
            ("differences[field=\"odd]one\"].after.amount", json!("3.00")),
        ];
        for (path, expected) in cases {
            assert_eq!(find(&answer, path), Some(&expected), "{path}");
        }
        assert_eq!(find(&answer, "differences[field=packages[1"), None);
    }

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

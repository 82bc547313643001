//! Filters of the Catalog's lists (facts §1.1, §1.3): read whole before anything is looked at, so that a
//! wrong one is refused even where there is nothing to find.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::change_sets::optional_text;
use super::{Refusal, timestamp};

const FILTERS_MAX: usize = 8;
const VALUES_MAX: usize = 10;

/// How a filter of `EntityTypeFilters` may be given.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// `ValueList`.
    Values,
    /// `ValueList` of these words only.
    Words(&'static [&'static str]),
    /// `ValueList` or `WildCardValue`.
    Text,
    /// `WildCardValue`.
    Wildcard,
    /// `DateRange`.
    Dates,
    /// `DateRange` or `ValueList`.
    DatesOrValues,
}

impl Form {
    fn members(self) -> &'static [&'static str] {
        match self {
            Self::Values | Self::Words(_) => &["ValueList"],
            Self::Text => &["ValueList", "WildCardValue"],
            Self::Wildcard => &["WildCardValue"],
            Self::Dates => &["DateRange"],
            Self::DatesOrValues => &["DateRange", "ValueList"],
        }
    }

    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Words(words) => words,
            Self::Values | Self::Text | Self::Wildcard | Self::Dates | Self::DatesOrValues => &[],
        }
    }
}

/// What an entity has under a name: to be found by it, and sorted.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Actual {
    /// Any of them may be what is looked for; none: nothing finds it.
    Texts(Vec<String>),
    At(Option<DateTime<Utc>>),
}

/// One filter, and what it looks for.
#[derive(Debug, Default)]
pub(super) struct Filter {
    pub(super) name: String,
    values: Vec<String>,
    like: Option<String>,
    after: Option<DateTime<Utc>>,
    before: Option<DateTime<Utc>>,
}

impl Filter {
    pub(super) fn matches(&self, actual: &Actual) -> bool {
        let listed = |text: &str| self.values.iter().any(|value| value == text);
        let like = |text: &str| self.like.as_ref().is_some_and(|part| text.contains(part));
        match actual {
            Actual::Texts(texts) => texts.iter().any(|text| listed(text) || like(text)),
            Actual::At(at) => at.is_some_and(|at| {
                (self.values.is_empty() || listed(&timestamp(at)))
                    && self.after.is_none_or(|after| at > after)
                    && self.before.is_none_or(|before| at < before)
            }),
        }
    }
}

/// The filters of one entity type, each by its form. All must match.
pub(super) fn read(sent: &Value, forms: &[(&str, Form)]) -> Result<Vec<Filter>, Refusal> {
    let sent = sent
        .as_object()
        .ok_or_else(|| Refusal::validation("EntityTypeFilters must name filters."))?;
    let filters = sent.iter().map(|(name, filter)| {
        let known = forms.iter().find(|(known, _)| known == name);
        let (_, form) = known.ok_or_else(|| unsupported(name))?;
        one(name, filter, *form)
    });
    filters.collect()
}

fn one(name: &str, sent: &Value, form: Form) -> Result<Filter, Refusal> {
    let members = sent.as_object().filter(|members| !members.is_empty());
    let members =
        members.ok_or_else(|| Refusal::validation(format!("Filter {name} looks for nothing.")))?;
    if let Some(member) = members
        .keys()
        .find(|member| !form.members().contains(&member.as_str()))
    {
        return Err(Refusal::validation(format!(
            "Filter {name} takes no {member}."
        )));
    }
    let mut filter = Filter {
        name: name.to_owned(),
        ..Filter::default()
    };
    if members.contains_key("ValueList") {
        filter.values = values(name, sent, form.words())?;
    }
    filter.like = optional_text(sent, "WildCardValue")?.map(str::to_owned);
    if let Some(range) = members.get("DateRange") {
        let bound = |field| -> Result<_, Refusal> {
            let text = optional_text(range, field)?;
            text.map(|text| instant(name, text)).transpose()
        };
        (filter.after, filter.before) = (bound("AfterValue")?, bound("BeforeValue")?);
        if filter.after.is_none() && filter.before.is_none() {
            return Err(Refusal::validation(format!(
                "Filter {name}: DateRange needs AfterValue or BeforeValue."
            )));
        }
    }
    Ok(filter)
}

/// Name and filter of each entry of a request's `FilterList`.
pub(super) fn listed(body: &Value) -> Result<Vec<(&str, &Value)>, Refusal> {
    let sent = body.get("FilterList").and_then(Value::as_array);
    let sent = sent.map_or(&[][..], Vec::as_slice);
    if sent.len() > FILTERS_MAX {
        return Err(Refusal::validation(format!(
            "FilterList takes up to {FILTERS_MAX} filters."
        )));
    }
    let named = sent.iter().map(|filter| {
        let name = optional_text(filter, "Name")?
            .ok_or_else(|| Refusal::validation("A filter needs a Name."))?;
        Ok((name, filter))
    });
    named.collect()
}

/// The `ValueList` of a filter; with `words`, of nothing else.
pub(super) fn values(name: &str, filter: &Value, words: &[&str]) -> Result<Vec<String>, Refusal> {
    let sent = filter.get("ValueList").and_then(Value::as_array);
    let texts = sent.map_or(&[][..], Vec::as_slice).iter();
    let texts: Option<Vec<&str>> = texts.map(Value::as_str).collect();
    let texts = texts.filter(|texts| (1..=VALUES_MAX).contains(&texts.len()));
    let texts = texts.ok_or_else(|| {
        Refusal::validation(format!("Filter {name} takes 1 to {VALUES_MAX} texts."))
    })?;
    if let Some(wrong) = texts
        .iter()
        .find(|text| !words.is_empty() && !words.contains(text))
    {
        return Err(Refusal::validation(format!(
            "Filter {name}: '{wrong}' is none of {}.",
            words.join(", ")
        )));
    }
    Ok(texts.into_iter().map(str::to_owned).collect())
}

/// A time that a filter of that name compares with.
pub(super) fn instant(name: &str, text: &str) -> Result<DateTime<Utc>, Refusal> {
    text.parse()
        .map_err(|_| Refusal::validation(format!("Filter {name}: '{text}' is no time.")))
}

pub(super) fn unsupported(name: &str) -> Refusal {
    Refusal::validation(format!("Filter '{name}' is not supported."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const FORMS: [(&str, Form); 6] = [
        ("EntityId", Form::Values),
        ("State", Form::Words(&["Draft", "Released"])),
        ("Name", Form::Text),
        ("BuyerAccounts", Form::Wildcard),
        ("ReleaseDate", Form::Dates),
        ("CreatedDate", Form::DatesOrValues),
    ];

    #[test]
    fn each_form_takes_its_own_members_only() {
        let list = json!({ "ValueList": ["Draft"] });
        let part = json!({ "WildCardValue": "a" });
        let dates = json!({ "DateRange": { "AfterValue": "2027-01-01T00:00:00Z" } });
        for (name, taken) in [
            ("EntityId", [true, false, false]),
            ("State", [true, false, false]),
            ("Name", [true, true, false]),
            ("BuyerAccounts", [false, true, false]),
            ("ReleaseDate", [false, false, true]),
            ("CreatedDate", [true, false, true]),
            ("Colour", [false, false, false]),
        ] {
            for (filter, taken) in [&list, &part, &dates].into_iter().zip(taken) {
                let read = read(&json!({ name: filter }), &FORMS);
                assert_eq!(read.is_ok(), taken, "{name} {filter}");
            }
            assert!(read(&json!({ name: {} }), &FORMS).is_err(), "{name}");
            let number = json!({ name: { "ValueList": [1] } });
            assert!(read(&number, &FORMS).is_err(), "{number}");
        }
    }

    #[test]
    fn a_range_leaves_its_bounds_out() {
        let day = |day: u32| format!("2027-01-{day:02}T00:00:00Z");
        let range = json!({ "ReleaseDate": { "DateRange": { "AfterValue": day(2), "BeforeValue": day(5) } } });
        let filter = read(&range, &FORMS).unwrap().remove(0);
        let at = |text: String| filter.matches(&Actual::At(text.parse().ok()));
        let found = (1..=6).map(|number| at(day(number)));
        assert_eq!(
            found.collect::<Vec<_>>(),
            [false, false, true, true, false, false]
        );
        assert!(!filter.matches(&Actual::At(None)), "not there, not found");
    }
}

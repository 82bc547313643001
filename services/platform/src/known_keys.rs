//! What the environment may say: a variable that no setting is named by is a misspelt one, and
//! would be passed over in silence.

use std::fmt;

use serde::de::value::Error as Unread;
use serde::de::{DeserializeOwned, Deserializer, Error, Visitor};
use serde::forward_to_deserialize_any;

use crate::config::Settings;

/// What every variable begins with.
pub(crate) const PREFIX: &str = "COUNTERSIGN_";
/// Between a section and its key.
const SEPARATOR: &str = "__";
/// Variables of the harness that are no settings: the TOML file, and where tests let it die.
const BESIDE: [&str; 2] = ["config", "fault"];
/// Names less alike than this (Jaro-Winkler, 0 to 1) are not offered for each other.
const ALIKE: f64 = 0.8;

/// Variables that no setting is named by, each with the nearest that one is.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) struct UnknownKeys(Vec<(String, Option<String>)>);

impl fmt::Display for UnknownKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the environment names what is no setting:")?;
        for (unknown, nearest) in &self.0 {
            write!(f, " {unknown}")?;
            if let Some(nearest) = nearest {
                write!(f, " (is it {nearest}?)")?;
            }
        }
        Ok(())
    }
}

/// Whether every one of `given`, names behind [`PREFIX`], is a setting, or in the section that `S`
/// is.
///
/// # Errors
/// Those that are not, by name.
pub(crate) fn are_known<S: DeserializeOwned>(
    section: &str,
    given: impl Iterator<Item = String>,
) -> Result<(), UnknownKeys> {
    let settings = fields::<Settings>().unwrap_or_default();
    let own = fields::<S>();
    let is_known = |name: &str| match name.split_once(SEPARATOR) {
        None => settings.contains(&name) || BESIDE.contains(&name),
        Some((of, key)) => {
            let key = key.split(SEPARATOR).next().unwrap_or(key);
            of == section && own.is_none_or(|own| own.contains(&key))
        }
    };
    let unknown = given.filter(|name| !is_known(&name.to_ascii_lowercase()));
    let mut known: Vec<String> = [settings, &BESIDE]
        .concat()
        .into_iter()
        .map(variable)
        .collect();
    let own = own.unwrap_or_default().iter();
    known.extend(own.map(|key| variable(&format!("{section}{SEPARATOR}{key}"))));
    let unknown: Vec<_> = unknown
        .map(|name| variable(&name))
        .map(|name| (name.clone(), nearest(&name, &known)))
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(UnknownKeys(unknown))
}

fn variable(name: &str) -> String {
    format!("{PREFIX}{}", name.to_ascii_uppercase())
}

fn nearest(name: &str, known: &[String]) -> Option<String> {
    let behind = |name: &str| name.trim_start_matches(PREFIX).to_owned();
    let alike = |other: &String| strsim::jaro_winkler(&behind(name), &behind(other));
    let nearest = known.iter().max_by(|a, b| alike(a).total_cmp(&alike(b)))?;
    (alike(nearest) >= ALIKE).then(|| nearest.clone())
}

/// The names of a struct's fields, as its `Deserialize` says them; nothing of what is no struct.
fn fields<T: DeserializeOwned>() -> Option<&'static [&'static str]> {
    let mut names = None;
    // It fails always: the names are all that is asked for.
    let _ = T::deserialize(Names(&mut names));
    names
}

struct Names<'a>(&'a mut Option<&'static [&'static str]>);

impl<'de> Deserializer<'de> for Names<'_> {
    type Error = Unread;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Unread> {
        *self.0 = Some(fields);
        Err(Unread::custom("nothing is read here"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Unread> {
        Err(Unread::custom("nothing is read here"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::config::NoSection;

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its names are asked for")]
    struct Section {
        publish_limit: u32,
        feeds: Vec<String>,
    }

    #[test]
    fn a_variable_is_a_setting_s_or_refused() {
        for (name, nearest) in [
            ("DATABASE_URL", None),
            ("CONFIG", None),
            ("FAULT", None),
            ("TWO_WORDS__PUBLISH_LIMIT", None),
            ("TWO_WORDS__FEEDS__0", None),
            ("two_words__feeds", None),
            ("NATS_ULR", Some("COUNTERSIGN_NATS_URL")),
            ("TASK_CONCURENCY", Some("COUNTERSIGN_TASK_CONCURRENCY")),
            (
                "TWO_WORDS__PUBLISHLIMIT",
                Some("COUNTERSIGN_TWO_WORDS__PUBLISH_LIMIT"),
            ),
            (
                "TWO_WORD__PUBLISH_LIMIT",
                Some("COUNTERSIGN_TWO_WORDS__PUBLISH_LIMIT"),
            ),
            ("PUBLISH_LIMIT", Some("")),
            ("", Some("")),
        ] {
            let told = are_known::<Section>("two_words", [name.to_owned()].into_iter());
            let expected = nearest.map(|nearest| {
                let nearest = (!nearest.is_empty()).then(|| nearest.to_owned());
                UnknownKeys(vec![(format!("COUNTERSIGN_{name}"), nearest)])
            });
            assert_eq!(told.err(), expected, "{name}");
        }
        let other = are_known::<NoSection>("other", ["OTHER__KEY".to_owned()].into_iter());
        let said = other.unwrap_err().to_string();
        assert!(said.contains(" COUNTERSIGN_OTHER__KEY"), "{said}");
    }
}

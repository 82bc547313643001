//! What the environment and the file may say: a name that is no setting's is a misspelt one, and would
//! be passed over in silence.

use std::fmt;
use std::path::Path;

use figment::value::{Dict, Value};
use serde::de::value::Error as Unread;
use serde::de::{DeserializeOwned, Deserializer, Error, Visitor};
use serde::forward_to_deserialize_any;

use crate::config::Settings;

/// What every variable begins with.
pub(crate) const PREFIX: &str = "COUNTERSIGN_";
/// Between a section and its key in a variable.
const SEPARATOR: &str = "__";
/// Variables of the harness that are no settings: the TOML file, and where tests let it die.
const BESIDE: [&str; 2] = ["config", "fault"];
/// Names less alike than this (Jaro-Winkler, 0 to 1) are not offered for each other.
const ALIKE: f64 = 0.8;

/// Where names stand, which is also how they are spelt.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place<'a> {
    /// `COUNTERSIGN_OFFER__SELLER`, in any case.
    Environment,
    /// `offer.seller`, as it stands.
    File(&'a Path),
}

/// Names that are no setting's, each with the nearest that is one.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) struct UnknownKeys {
    place: String,
    found: Vec<(String, Option<String>)>,
}

impl fmt::Display for UnknownKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} names what is no setting:", self.place)?;
        for (unknown, nearest) in &self.found {
            write!(f, " {unknown}")?;
            if let Some(nearest) = nearest {
                write!(f, " (is it {nearest}?)")?;
            }
        }
        Ok(())
    }
}

impl Place<'_> {
    fn spelt(self, path: &[String]) -> String {
        match self {
            Self::Environment => format!("{PREFIX}{}", path.join(SEPARATOR).to_ascii_uppercase()),
            Self::File(_) => path.join("."),
        }
    }

    /// Names that stand here and are no settings.
    const fn beside(self) -> &'static [&'static str] {
        match self {
            Self::Environment => &BESIDE,
            Self::File(_) => &[],
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => f.write_str("the environment"),
            Self::File(file) => write!(f, "the file {}", file.display()),
        }
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
    let paths = given.map(|name| {
        let name = name.to_ascii_lowercase();
        name.split(SEPARATOR).map(str::to_owned).collect()
    });
    look::<S>(Place::Environment, section, paths)
}

/// The same of what a file says.
///
/// # Errors
/// Those that are not, by name, and the file.
pub(crate) fn are_known_in<S: DeserializeOwned>(
    file: &Path,
    section: &str,
    said: &Dict,
) -> Result<(), UnknownKeys> {
    let mut paths = Vec::new();
    for (name, value) in said {
        match value {
            // A table: the section, or it is named by what stands in it.
            Value::Dict(_, below) if name == section || !below.is_empty() => {
                paths.extend(below.keys().map(|key| vec![name.clone(), key.clone()]));
            }
            _ => paths.push(vec![name.clone()]),
        }
    }
    look::<S>(Place::File(file), section, paths.into_iter())
}

fn look<S: DeserializeOwned>(
    place: Place<'_>,
    section: &str,
    given: impl Iterator<Item = Vec<String>>,
) -> Result<(), UnknownKeys> {
    let settings = fields::<Settings>().unwrap_or_default();
    let own = fields::<S>();
    let beside = place.beside();
    let is_known = |path: &[String]| match path {
        [name] => settings.contains(&name.as_str()) || beside.contains(&name.as_str()),
        // What stands deeper, the section's own type refuses.
        [of, key, ..] => of == section && own.is_none_or(|own| own.contains(&key.as_str())),
        [] => false,
    };
    let top = settings
        .iter()
        .chain(beside)
        .map(|name| vec![(*name).to_owned()]);
    let below = own.unwrap_or_default().iter();
    let below = below.map(|key| vec![section.to_owned(), (*key).to_owned()]);
    let known: Vec<String> = top.chain(below).map(|path| place.spelt(&path)).collect();
    let found: Vec<_> = given
        .filter(|path| !is_known(path))
        .map(|path| place.spelt(&path))
        .map(|name| (name.clone(), nearest(&name, &known)))
        .collect();
    if found.is_empty() {
        return Ok(());
    }
    Err(UnknownKeys {
        place: place.to_string(),
        found,
    })
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
                UnknownKeys {
                    place: "the environment".to_owned(),
                    found: vec![(format!("COUNTERSIGN_{name}"), nearest)],
                }
            });
            assert_eq!(told.err(), expected, "{name}");
        }
        let other = are_known::<NoSection>("other", ["OTHER__KEY".to_owned()].into_iter());
        let said = other.unwrap_err().to_string();
        assert!(said.contains(" COUNTERSIGN_OTHER__KEY"), "{said}");
    }

    /// A case per row: what a file says, and what is refused of it.
    #[test]
    fn a_file_s_key_is_a_setting_s_or_refused() {
        use figment::Provider;
        use figment::providers::{Format, Toml};

        let rows = [
            ("", None),
            ("listen = '127.0.0.1:1'", None),
            ("[two_words]", None),
            ("[two_words]\npublish_limit = 1\nfeeds = ['x']", None),
            (
                "nats_ulr = 'x'",
                Some("the file c.toml names what is no setting: nats_ulr (is it nats_url?)"),
            ),
            (
                "[two_words]\npublishlimit = 1",
                Some(
                    "the file c.toml names what is no setting: two_words.publishlimit (is it \
                     two_words.publish_limit?)",
                ),
            ),
            (
                "config = 'other.toml'\n[zzz]",
                Some("the file c.toml names what is no setting: config zzz"),
            ),
            (
                "LISTEN = 'x'\n[other]\nkey = 1",
                Some("the file c.toml names what is no setting: LISTEN other.key"),
            ),
        ];
        for (text, expected) in rows {
            let said = Toml::string(text).data().unwrap();
            let said = &said[&figment::Profile::Default];
            let told = are_known_in::<Section>(Path::new("c.toml"), "two_words", said);
            let told = told.err().map(|unknown| unknown.to_string());
            assert_eq!(told.as_deref(), expected, "{text}");
        }
    }
}

//! Settings from a folder with a file each, as Docker and Kubernetes mount secrets: the file's name
//! is the key, its content the value, word for word.

use std::fs;
use std::path::{Path, PathBuf};

use figment::value::{Dict, Map, Tag, Value};
use figment::{Error, Metadata, Profile, Provider};

/// The largest file that can be a setting.
const MAX_BYTES: u64 = 64 * 1024;
/// Between a section and its key, as in the environment.
const SEPARATOR: &str = "__";

/// A folder of settings.
#[derive(Debug)]
pub(crate) struct SecretFiles(pub(crate) PathBuf);

impl Provider for SecretFiles {
    fn metadata(&self) -> Metadata {
        Metadata::from("secrets_dir", self.0.as_path())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let unreadable = |error| Error::from(format!("reading {}: {error}", self.0.display()));
        let mut settings = Dict::new();
        for entry in fs::read_dir(&self.0).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            // Kubernetes keeps the files in a hidden folder, and links to them.
            let Some(name) = name.filter(|name| !name.starts_with('.')) else {
                continue;
            };
            let Some(text) = read(&path).map_err(Error::from)? else {
                continue;
            };
            insert(&mut settings, &name.to_ascii_lowercase(), text);
        }
        Ok(Map::from([(Profile::Default, settings)]))
    }
}

/// The text of a file, without the newline that editors leave; none if it is no file. An error tells
/// nothing of what is in it.
fn read(path: &Path) -> Result<Option<String>, String> {
    let failed = |what: &dyn std::fmt::Display| format!("reading {}: {what}", path.display());
    let about = fs::metadata(path).map_err(|error| failed(&error))?;
    if !about.is_file() {
        return Ok(None);
    }
    if about.len() > MAX_BYTES {
        return Err(failed(&"it is too large for a setting"));
    }
    let bytes = fs::read(path).map_err(|error| failed(&error))?;
    let text = String::from_utf8(bytes).map_err(|_| failed(&"it is no text"))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Some(text.strip_suffix('\r').unwrap_or(text).to_owned()))
}

/// Puts `section__key` under its section.
fn insert(settings: &mut Dict, name: &str, text: String) {
    let Some((section, key)) = name.split_once(SEPARATOR) else {
        // A text whatever it looks like: a password of digits keeps its zeros.
        settings.insert(name.to_owned(), Value::String(Tag::Default, text));
        return;
    };
    let below = settings
        .entry(section.to_owned())
        .or_insert_with(|| Value::Dict(Tag::Default, Dict::new()));
    if let Value::Dict(_, below) = below {
        insert(below, key, text);
    }
}

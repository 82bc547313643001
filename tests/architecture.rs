//! The arrows of the house, checked over `cargo metadata` and the sources (P1 and the layout that
//! README.md draws): who may depend on whom, which room of a service may name which, that the
//! domain is pure and that the platform knows no word of the trade.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const SERVICES: [&str; 5] = [
    "estimate",
    "approval",
    "offer",
    "notification",
    "disbursement-reconciliation",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap()
}

/// Our own crates that each of our crates depends on to run.
fn own_dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .unwrap();
    let own: BTreeSet<String> = metadata
        .packages
        .iter()
        .map(|package| package.name.to_string())
        .collect();
    let normal = |package: &cargo_metadata::Package| {
        package
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind == cargo_metadata::DependencyKind::Normal)
            .map(|dependency| dependency.name.clone())
            .filter(|name| own.contains(name))
            .collect()
    };
    metadata
        .packages
        .iter()
        .map(|package| (package.name.to_string(), normal(package)))
        .collect()
}

#[test]
fn crates_depend_only_along_the_arrows() {
    let dependencies = own_dependencies();
    let allowed = |names: &[&str]| -> BTreeSet<String> {
        names
            .iter()
            .map(|name| format!("countersign-{name}"))
            .collect()
    };
    let mut rules = vec![
        ("kernel".to_owned(), allowed(&[])),
        ("proto".to_owned(), allowed(&[])),
        ("platform".to_owned(), allowed(&["kernel"])),
    ];
    for service in SERVICES {
        rules.push((
            service.to_owned(),
            allowed(&["kernel", "platform", "proto"]),
        ));
    }
    for (name, allowed) in rules {
        let found = &dependencies[&format!("countersign-{name}")];
        let forbidden: Vec<_> = found.difference(&allowed).collect();
        assert!(forbidden.is_empty(), "{name} depends on {forbidden:?}");
    }
}

/// A source file: its path below the repository, its room, and its code without comments.
struct Source {
    path: String,
    room: String,
    code: String,
}

/// Every source file of a folder; the room of `src/store/views.rs` is `store`, that of
/// `src/events/inbound.rs` is `events::inbound`.
fn sources(folder: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let below = path.strip_prefix(folder).unwrap().with_extension("");
            let parts: Vec<_> = below
                .iter()
                .map(|part| part.to_string_lossy().into_owned())
                .collect();
            let room = match parts.as_slice() {
                [events, direction, ..] if events == "events" => format!("events::{direction}"),
                [first, ..] => first.clone(),
                [] => continue,
            };
            let code = without_comments(&fs::read_to_string(&path).unwrap());
            let path = path.strip_prefix(root()).unwrap().display().to_string();
            found.push(Source { path, room, code });
        }
    }
    assert!(!found.is_empty(), "no sources below {}", folder.display());
    found
}

fn without_comments(text: &str) -> String {
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    text.lines().filter(is_code).collect::<Vec<_>>().join("\n")
}

/// The rooms of its own crate that the code names, `crate::{a, b::c}` included.
fn rooms_named(code: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            for part in top_level_parts(group) {
                rooms.extend(room_of_path(part.trim()));
            }
        } else {
            rooms.extend(room_of_path(rest));
        }
    }
    rooms
}

/// The comma-separated parts of a `{…}` group whose opening brace is already taken.
fn top_level_parts(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => {
                parts.push(&group[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts
}

fn room_of_path(path: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        text.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let first = name(path);
    if first != "events" {
        return if first.is_empty() {
            vec![]
        } else {
            vec![first]
        };
    }
    let rest = path["events".len()..].trim_start_matches("::");
    let below = rest
        .strip_prefix('{')
        .map_or_else(|| vec![rest], top_level_parts);
    below
        .into_iter()
        .map(|part| format!("events::{}", name(part.trim())))
        .collect()
}

/// Rooms that meet the outside world, one folder or file each.
const EDGES: [&str; 6] = [
    "channels",
    "documents",
    "feeds",
    "marketplace",
    "templates",
    "expiry",
];

/// Which rooms of its service a room may name besides itself; `None`: any. `wire` is what requests,
/// replies and events say of the same words; `tasks` does what is due.
fn allowed_rooms(room: &str) -> Option<Vec<&'static str>> {
    let with_edges = |rooms: &[&'static str]| [rooms, &EDGES].concat();
    match room {
        "lib" | "main" => None,
        "domain" | "permissions" => Some(vec![]),
        "store" | "config" | "wire" => Some(vec!["domain"]),
        "events::outbound" => Some(vec!["wire", "domain"]),
        "commands" => Some(vec!["store", "domain", "events::outbound"]),
        // A call may need the outside before its command: a command never does.
        "grpc" => Some(with_edges(&[
            "wire",
            "commands",
            "store",
            "domain",
            "config",
            "permissions",
        ])),
        "events::inbound" | "events::mod" => Some(vec![
            "events::inbound",
            "wire",
            "commands",
            "store",
            "domain",
        ]),
        "tasks" => Some(with_edges(&["commands", "store", "domain", "config"])),
        edge => {
            assert!(
                EDGES.contains(&edge),
                "{edge} is a room that the house does not have"
            );
            Some(vec!["commands", "store", "domain", "config"])
        }
    }
}

#[test]
fn rooms_name_only_the_rooms_they_may() {
    let mut wrong = Vec::new();
    for service in SERVICES {
        for source in sources(&root().join("services").join(service).join("src")) {
            let Some(allowed) = allowed_rooms(&source.room) else {
                continue;
            };
            for named in rooms_named(&source.code) {
                let own_item = named.chars().next().is_some_and(char::is_uppercase);
                if named != source.room && !own_item && !allowed.contains(&named.as_str()) {
                    wrong.push(format!("{} ({}) names {named}", source.path, source.room));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Words that a room may not contain: what its arrow does not reach.
fn forbidden_words(room: &str) -> &'static [&'static str] {
    match room {
        "domain" => &[
            "countersign_proto",
            "countersign_platform",
            "async ",
            ".await",
            "serde::",
            "serde_json",
            "sqlx",
            "tonic",
            "prost",
            "tokio",
            "std::env",
            "rand::",
            "::now(",
            "new_v4",
            "now_v7",
            "std::fs",
            "std::net",
            "SystemTime",
            "f32",
            "f64",
        ],
        "store" => &["countersign_proto", "tonic", "prost", "async_nats"],
        "commands" => &["tonic", "async_nats", "sqlx::query"],
        "grpc" | "events::inbound" => &["sqlx::query", "async_nats"],
        "wire" | "events::outbound" => &["sqlx", "tonic", "async_nats", ".await"],
        _ => &[],
    }
}

#[test]
fn rooms_contain_no_word_beyond_their_arrows() {
    let mut wrong = Vec::new();
    for service in SERVICES {
        for source in sources(&root().join("services").join(service).join("src")) {
            for word in forbidden_words(&source.room) {
                if source.code.contains(word) {
                    wrong.push(format!(
                        "{} ({}) contains {word:?}",
                        source.path, source.room
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_service_names_another() {
    let crate_name = |service: &str| format!("countersign_{}", service.replace('-', "_"));
    for service in SERVICES {
        for source in sources(&root().join("services").join(service).join("src")) {
            for other in SERVICES.into_iter().filter(|other| *other != service) {
                let name = format!("{}::", crate_name(other));
                assert!(!source.code.contains(&name), "{} names {name}", source.path);
            }
        }
    }
}

#[test]
fn the_kernel_is_pure_and_the_platform_knows_no_word_of_the_trade() {
    for source in sources(&root().join("services/kernel/src")) {
        for word in ["async ", "std::fs", "std::env", "::now(", "f64", "f32"] {
            assert!(
                !source.code.contains(word),
                "{} contains {word:?}",
                source.path
            );
        }
    }
    let trade = [
        "estimate",
        "approval",
        "offer",
        "disbursement",
        "invoice",
        "marketplace",
        "agreement",
    ];
    for source in sources(&root().join("services/platform/src")) {
        // Tests need names of services to try the naming on.
        let code = source.code.split("#[cfg(test)]").next().unwrap_or_default();
        let words: BTreeSet<String> = code
            .split(|c: char| !c.is_alphabetic())
            .map(|word| word.to_lowercase().trim_end_matches('s').to_owned())
            .collect();
        for word in trade {
            assert!(!words.contains(word), "{} contains {word:?}", source.path);
        }
    }
}

#[test]
fn the_top_level_is_what_the_readme_says() {
    let visible: BTreeSet<String> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.') && name != "target")
        .collect();
    let expected = [
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "README.md",
        "deploy",
        "justfile",
        "proto",
        "services",
        "tests",
    ];
    assert_eq!(visible, expected.into_iter().map(str::to_owned).collect());
}

/// The scan itself is a parser, so it is tried on what it must understand.
#[test]
fn the_scan_sees_grouped_and_nested_names() {
    let named = |code: &str| rooms_named(code).into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(named("use crate::domain::State;"), "domain");
    assert_eq!(named("use crate::{domain::{A, B}, store};"), "domain store");
    assert_eq!(
        named("crate::events::outbound::x(); countersign_crate::y"),
        "events::outbound"
    );
    assert_eq!(
        named("use crate::events::{inbound, outbound};"),
        "events::inbound events::outbound"
    );
}

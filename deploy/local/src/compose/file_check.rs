//! What must hold of compose.yaml whoever edits it.

use std::collections::BTreeSet;
use std::path::Path;

use countersign_platform::Settings;
use serde_json::Value;

use super::prepare::Prepared;
use super::system::GRACE_SECONDS;
use crate::environment::Service;

fn compose() -> Value {
    let text = std::fs::read_to_string(super::file()).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

fn services(compose: &Value) -> impl Iterator<Item = (&String, &Value)> {
    compose["services"].as_object().unwrap().iter()
}

fn texts(list: &Value) -> Vec<&str> {
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(Value::as_str).collect()
}

/// P1: nothing writes to its image, has a capability, or can gain one.
#[test]
fn every_container_is_hardened() {
    let compose = compose();
    for (name, service) in services(&compose) {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(texts(&service["cap_drop"]), ["ALL"], "{name}");
        assert_eq!(
            texts(&service["security_opt"]),
            ["no-new-privileges:true"],
            "{name}"
        );
        assert!(service.get("cap_add").is_none() && service.get("privileged").is_none());
    }
}

#[test]
fn nothing_listens_beyond_this_machine() {
    let compose = compose();
    for (name, service) in services(&compose) {
        assert!(service.get("network_mode").is_none(), "{name}");
        for port in texts(&service["ports"]) {
            assert!(port.starts_with("127.0.0.1:"), "{name} publishes {port}");
        }
    }
}

#[test]
fn every_secret_is_made_by_prepare_and_no_other_is_made_for_the_containers() {
    let folder = tempfile::tempdir().unwrap();
    Prepared::write(folder.path()).unwrap();
    let compose = compose();
    let declared: BTreeSet<_> = compose["secrets"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    for name in &declared {
        assert!(
            folder.path().join("secrets").join(name).is_file(),
            "{name} is not made"
        );
        let place = format!("${{COUNTERSIGN_RUN:-./run}}/secrets/{name}");
        assert_eq!(compose["secrets"][name]["file"], place.as_str());
    }
    let made = std::fs::read_dir(folder.path().join("secrets")).unwrap();
    let made: BTreeSet<_> = made
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let unused: Vec<_> = made.difference(&declared).map(String::as_str).collect();
    assert_eq!(
        unused,
        ["issuer_key", "operator_nats_password"],
        "for the one who looks from outside"
    );
}

/// P1: a service holds its own way into the database and NATS, not its owner's nor another's.
#[test]
fn a_running_service_holds_only_its_own_secrets() {
    let compose = compose();
    for service in Service::ALL {
        let definition = &compose["services"][service.name()];
        let held = definition["secrets"].as_array().unwrap();
        let held: BTreeSet<_> = held.iter().map(|s| s["source"].as_str().unwrap()).collect();
        let schema = service.schema();
        let mut expected = BTreeSet::from([
            format!("{schema}_database_url"),
            format!("{schema}_nats_password"),
        ]);
        if service == Service::Offer {
            expected.insert("marketplace_secret_access_key".to_owned());
            expected.insert("approval_token".to_owned());
        }
        assert_eq!(held, expected.iter().map(String::as_str).collect());
        let program = format!("/usr/local/bin/{}", service.program());
        assert_eq!(texts(&definition["entrypoint"]), [program.as_str()]);
        assert_eq!(texts(&definition["command"]), ["serve"]);
    }
}

/// A service that is asked to stop is not killed before it has, nor by the one who rolls them.
#[test]
fn a_service_is_given_the_time_to_stop() {
    let settings = Settings::default();
    let compose = compose();
    for service in Service::ALL {
        let grace = &compose["services"][service.name()]["stop_grace_period"];
        let grace = grace.as_str().unwrap().strip_suffix('s').unwrap();
        assert_eq!(grace, GRACE_SECONDS, "{service}");
        let grace: u64 = grace.parse().unwrap();
        assert!(grace * 1000 > settings.drain_timeout_ms, "{service}");
    }
}

/// The names that images made without a registry get are those that compose.yaml asks for.
#[test]
fn the_offline_script_makes_what_is_asked_for() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../images/offline");
    let script = std::fs::read_to_string(script).unwrap();
    let compose = compose();
    for (name, service) in services(&compose) {
        let image = service["image"].as_str().unwrap();
        let (_, default) = image.trim_end_matches('}').split_once(":-").unwrap();
        if name != "otel-collector" {
            let made = script.replace("$POSTGRES", "15").contains(default);
            assert!(made, "{name}: {default}");
        }
    }
}

//! The promise of the events: a sample of every one, as bytes and as text, decodes for ever, and no
//! landed field changes its number, type or name.
//!
//! `cargo test -p countersign-proto -- --ignored` writes the samples that are missing and the
//! descriptor set; a sample that exists is never written again.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use prost::Message as _;
use prost_reflect::{
    Cardinality, DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value,
};

const LANDED: &str = "landed.binpb";

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

fn pool() -> DescriptorPool {
    DescriptorPool::decode(countersign_proto::FILE_DESCRIPTOR_SET).unwrap()
}

/// Every top-level message of an `events.proto` that no other message holds: what is published.
fn events(pool: &DescriptorPool) -> Vec<MessageDescriptor> {
    let held: BTreeSet<String> = pool
        .all_messages()
        .flat_map(|message| message.fields().collect::<Vec<_>>())
        .filter_map(|field| {
            field
                .kind()
                .as_message()
                .map(|held| held.full_name().to_owned())
        })
        .collect();
    pool.all_messages()
        .filter(|message| message.parent_file().name().ends_with("events.proto"))
        .filter(|message| !held.contains(message.full_name()))
        .collect()
}

/// The samples of an event: `<full name>.<n>.binpb` and `.json` for n from 1.
fn samples(event: &MessageDescriptor) -> Vec<(PathBuf, PathBuf)> {
    let path = |n: usize, kind: &str| golden().join(format!("{}.{n}.{kind}", event.full_name()));
    (1..)
        .map(|n| (path(n, "binpb"), path(n, "json")))
        .take_while(|(bytes, _)| bytes.exists())
        .collect()
}

fn read_json(event: &MessageDescriptor, path: &Path) -> DynamicMessage {
    let text = fs::read_to_string(path).unwrap();
    let mut deserializer = serde_json::Deserializer::from_str(&text);
    DynamicMessage::deserialize(event.clone(), &mut deserializer).unwrap()
}

#[test]
fn every_sample_decodes_to_its_text() {
    for event in events(&pool()) {
        let samples = samples(&event);
        assert!(
            !samples.is_empty(),
            "{} has no sample in proto/golden",
            event.full_name()
        );
        for (bytes, text) in samples {
            let raw = fs::read(&bytes).unwrap();
            let decoded = DynamicMessage::decode(event.clone(), raw.as_slice()).unwrap();
            assert_eq!(decoded.unknown_fields().count(), 0, "{}", bytes.display());
            assert_eq!(decoded, read_json(&event, &text), "{}", bytes.display());
            assert_eq!(decoded.encode_to_vec(), raw, "{}", bytes.display());
        }
    }
}

/// Adding a field means adding a sample that sets it.
#[test]
fn the_samples_of_an_event_set_every_field() {
    for event in events(&pool()) {
        let mut set = BTreeSet::new();
        for (bytes, _) in samples(&event) {
            let raw = fs::read(bytes).unwrap();
            let decoded = DynamicMessage::decode(event.clone(), raw.as_slice()).unwrap();
            collect_set_fields(&decoded, &mut set);
        }
        let mut all = BTreeSet::new();
        collect_all_fields(&event, &mut all);
        let missing: Vec<_> = all.difference(&set).collect();
        assert!(
            missing.is_empty(),
            "no sample of {} sets {missing:?}",
            event.full_name()
        );
    }
}

/// Additive change stays in v1; anything else is v2.
#[test]
fn nothing_that_landed_was_changed_or_removed() {
    let now = pool();
    let landed = fs::read(golden().join(LANDED)).unwrap();
    let landed = DescriptorPool::decode(landed.as_slice()).unwrap();
    let mut broken = Vec::new();
    for message in landed.all_messages() {
        let Some(today) = now.get_message_by_name(message.full_name()) else {
            broken.push(format!("{} is gone", message.full_name()));
            continue;
        };
        for field in message.fields() {
            let same = today
                .get_field(field.number())
                .is_some_and(|f| shape(&f) == shape(&field));
            if !same {
                broken.push(format!("{} changed or is gone", field.full_name()));
            }
        }
    }
    for value in landed
        .all_enums()
        .flat_map(|e| e.values().collect::<Vec<_>>())
    {
        let parent = now.get_enum_by_name(value.parent_enum().full_name());
        let today = parent.and_then(|e| e.get_value(value.number()));
        if today.is_none_or(|today| today.name() != value.name()) {
            broken.push(format!("{} changed or is gone", value.full_name()));
        }
    }
    for method in landed
        .services()
        .flat_map(|s| s.methods().collect::<Vec<_>>())
    {
        let service = now.get_service_by_name(method.parent_service().full_name());
        let same = service.is_some_and(|s| {
            s.methods().any(|m| {
                m.name() == method.name()
                    && m.input().full_name() == method.input().full_name()
                    && m.output().full_name() == method.output().full_name()
            })
        });
        if !same {
            broken.push(format!("{} changed or is gone", method.full_name()));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

fn shape(field: &FieldDescriptor) -> (String, Cardinality, String, bool) {
    let oneof = field.containing_oneof().is_some();
    (
        field.name().to_owned(),
        field.cardinality(),
        format!("{:?}", field.kind()),
        oneof,
    )
}

fn collect_set_fields(message: &DynamicMessage, set: &mut BTreeSet<String>) {
    for (field, value) in message.fields() {
        set.insert(field.full_name().to_owned());
        let held: Vec<&Value> = value
            .as_list()
            .map_or_else(|| vec![value], |l| l.iter().collect());
        for message in held.into_iter().filter_map(Value::as_message) {
            collect_set_fields(message, set);
        }
    }
}

fn collect_all_fields(message: &MessageDescriptor, all: &mut BTreeSet<String>) {
    for field in message.fields() {
        let new = all.insert(field.full_name().to_owned());
        if let Some(held) = field.kind().as_message().filter(|_| new) {
            collect_all_fields(held, all);
        }
    }
}

#[test]
#[ignore = "writes proto/golden: run it when an event or a field was added"]
fn write_what_is_missing() {
    fs::write(
        golden().join(LANDED),
        countersign_proto::FILE_DESCRIPTOR_SET,
    )
    .unwrap();
    for event in events(&pool()) {
        let first = samples(&event).len() + 1;
        let mut set = BTreeSet::new();
        for (bytes, _) in samples(&event) {
            let raw = fs::read(bytes).unwrap();
            let old = DynamicMessage::decode(event.clone(), raw.as_slice()).unwrap();
            collect_set_fields(&old, &mut set);
        }
        let mut all = BTreeSet::new();
        collect_all_fields(&event, &mut all);
        if all.is_subset(&set) {
            continue;
        }
        for variant in 0..most_variants(&event) {
            let sample = sample(&event, variant);
            let path = |kind: &str| {
                golden().join(format!("{}.{}.{kind}", event.full_name(), first + variant))
            };
            fs::write(path("binpb"), sample.encode_to_vec()).unwrap();
            let text = serde_json::to_string_pretty(&sample).unwrap();
            fs::write(path("json"), text + "\n").unwrap();
        }
    }
}

/// The most alternatives that any oneof within has: one sample each.
fn most_variants(message: &MessageDescriptor) -> usize {
    let own = message
        .oneofs()
        .map(|oneof| oneof.fields().count())
        .max()
        .unwrap_or(1);
    let held = message
        .fields()
        .filter_map(|f| f.kind().as_message().map(most_variants))
        .max();
    own.max(held.unwrap_or(1))
}

fn sample(message: &MessageDescriptor, variant: usize) -> DynamicMessage {
    let mut sample = DynamicMessage::new(message.clone());
    for field in message.fields() {
        if let Some(oneof) = field.containing_oneof() {
            let place = oneof.fields().position(|other| other == field).unwrap();
            if place != variant % oneof.fields().count() {
                continue;
            }
        }
        let value = sample_value(&field, variant);
        let value = if field.is_list() {
            Value::List(vec![value])
        } else {
            value
        };
        sample.set_field(&field, value);
    }
    sample
}

fn sample_value(field: &FieldDescriptor, variant: usize) -> Value {
    match field.kind() {
        Kind::Message(held) => Value::Message(sample(&held, variant)),
        Kind::Enum(held) => Value::EnumNumber(held.values().nth(1).unwrap().number()),
        Kind::String => Value::String(sample_text(field.name())),
        Kind::Bool => Value::Bool(true),
        Kind::Uint32 => Value::U32(30),
        Kind::Int32 => Value::I32(30),
        Kind::Uint64 => Value::U64(4_096),
        Kind::Int64 => Value::I64(4_096),
        Kind::Bytes => Value::Bytes(b"bytes".to_vec().into()),
        other => panic!("{other:?} is not used in events"),
    }
}

/// What a field of this name looks like in a real deal.
fn sample_text(name: &str) -> String {
    let text = match name {
        "currency_code" => "USD",
        "amount" => "102500.00",
        "markup" | "gross_up" | "listing_fee_rate" => "0.025",
        "scope_duration" => "P90D",
        "digest" | "approved_digest" => {
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        }
        "media_type" => "application/pdf",
        "buyer_account_id" | "acceptor_account_id" => "000123456789",
        "reseller_account_id" => "000987654321",
        "buyer_account_ids" => "000123456789",
        "authorization_id" => "resaleauthz-abcdefghijklm",
        "contact_email" | "reseller_contact_email" => "procurement@example.com",
        "aws_offer_id" => "offer-abcdefghijklm",
        "agreement_id" => "agmt-abcdefghijklmnopqrstuvwxy",
        "product_id" => "prod-abcdefghijklm",
        name if name.ends_with("_at") => "2026-11-22T12:00:00Z",
        name if name.ends_with("_on") || name.ends_with("_date") || name == "valid_until" => {
            "2026-12-31"
        }
        name => return format!("a {}", name.replace('_', " ")),
    };
    text.to_owned()
}

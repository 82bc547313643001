use std::collections::BTreeSet;

use uuid::Uuid;

use super::*;
use crate::domain::cause::CauseKind;
use crate::domain::notices;
use crate::domain::subscription::Audience;

fn cause() -> Cause {
    let text = |text: &str| Value::Text(text.to_owned());
    Cause {
        event_id: Uuid::from_u128(15),
        seller: "acme".parse().unwrap(),
        engagement: "OPP-1".parse().unwrap(),
        kind: CauseKind::EngagementSettled,
        occurred_at: "2026-11-22T10:15:00Z".parse().unwrap(),
        buyer: None,
        shared: Fields::from([("agreement_id", text("agmt-abc"))]),
        internal: Fields::from([
            ("disbursed", text("99937.50 USD")),
            ("bank_trace_ids", Value::List(vec![text("trace-1")])),
        ]),
    }
}

fn planned(template: &'static str, channel: Channel) -> Planned {
    Planned {
        template,
        reader: Reader::Audience(Audience::Finance),
        channel,
        recipient: String::new(),
        recipient_name: None,
        subscription: None,
    }
}

/// No template file lies about unused, none is missing.
#[test]
fn files_and_notices_match() {
    let told: BTreeSet<&str> = CauseKind::ALL
        .into_iter()
        .flat_map(notices::of)
        .map(|notice| notice.template)
        .collect();
    let suffixes = [".subject.jinja", ".txt.jinja", ".html.jinja"];
    let expected: BTreeSet<String> = told
        .iter()
        .flat_map(|name| suffixes.map(|suffix| format!("{name}{suffix}")))
        .chain(PART_FILES.iter().map(|(name, _)| (*name).to_owned()))
        .collect();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/templates");
    let found: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "jinja")
        })
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(found, expected);
}

/// N7: a template that names what its cause does not hold is refused, not blank.
#[test]
fn an_unknown_name_is_an_error() {
    let templates = Templates::embedded().unwrap();
    let foreign = planned("offer-published", Channel::Email);
    let error = templates.write(&foreign, &cause()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "offer-published.subject.jinja cannot be written"
    );
}

/// E5: what is internal is not even in reach of the buyer's templates.
#[test]
fn the_buyer_s_templates_cannot_name_internal_figures() {
    let names = |reader| context(reader, &cause()).into_iter().map(|(name, _)| name);
    let common = ["agreement_id", "engagement_id", "occurred_at", "seller"];
    let buyer: BTreeSet<String> = names(Reader::Buyer).collect();
    assert_eq!(buyer, common.map(str::to_owned).into());
    assert!(names(Reader::Audience(Audience::Finance)).any(|name| name == "disbursed"));
}

/// What webhook subscribers program against.
#[test]
fn a_webhook_s_body_has_type_time_and_data() {
    let templates = Templates::embedded().unwrap();
    let planned = planned("engagement-settled", Channel::Webhook);
    let content = templates.write(&planned, &cause()).unwrap();
    assert_eq!(
        (content.subject.as_str(), content.html),
        ("disbursement.engagement_settled", None)
    );
    let body: Json = serde_json::from_str(&content.text).unwrap();
    let expected = json!({
        "type": "disbursement.engagement_settled",
        "timestamp": "2026-11-22T10:15:00Z",
        "data": {
            "seller": "acme",
            "engagement_id": "OPP-1",
            "event_id": "00000000-0000-0000-0000-00000000000f",
            "notice": "engagement-settled",
            "agreement_id": "agmt-abc",
            "disbursed": "99937.50 USD",
            "bank_trace_ids": ["trace-1"],
        }
    });
    assert_eq!(body, expected);
}

//! Who may say what on NATS (P1): the table, and its rendering as nats-server's configuration.
//!
//! A service publishes its own events, reads the streams that it hears, and answers requests to send
//! its events again. It cannot publish another's events, nor delete any stream.

use std::fmt::Write;

use super::services::Service;

/// What one user may publish and subscribe to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Permissions {
    pub(crate) publish: Vec<String>,
    pub(crate) subscribe: Vec<String>,
}

/// A user with its password; no permissions means: everything.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) password: String,
    pub(crate) permissions: Option<Permissions>,
}

/// The table.
pub(crate) fn of(service: Service) -> Permissions {
    let name = service.schema();
    let own = service.stream();
    let mut publish = vec![
        format!("countersign.{name}.>"),
        "countersign-replay.*".to_owned(),
        // Answering whether JetStream is there, and acknowledging what was delivered.
        "$JS.API.INFO".to_owned(),
        "$JS.ACK.>".to_owned(),
        format!("$JS.API.STREAM.CREATE.{own}"),
        format!("$JS.API.STREAM.UPDATE.{own}"),
        format!("$JS.API.STREAM.INFO.{own}"),
        format!("$JS.API.STREAM.MSG.GET.{own}"),
    ];
    for heard in service.hears() {
        let stream = heard.stream();
        publish.push(format!("$JS.API.STREAM.INFO.{stream}"));
        publish.push(format!("$JS.API.STREAM.MSG.GET.{stream}"));
        // The name of a consumer stands at another place in each of these, so all are named.
        for operation in ["CREATE", "DURABLE.CREATE", "INFO", "DELETE", "MSG.NEXT"] {
            publish.push(format!("$JS.API.CONSUMER.{operation}.{stream}.>"));
        }
        publish.push(format!("$JS.API.CONSUMER.CREATE.{stream}"));
        publish.push(format!("$JS.API.CONSUMER.NAMES.{stream}"));
        publish.push(format!("$JS.API.CONSUMER.LIST.{stream}"));
    }
    let subscribe = vec![inbox_pattern(service), format!("countersign-replay.{name}")];
    Permissions { publish, subscribe }
}

/// The prefix of a service's own inboxes, so that it cannot listen to another's answers.
pub(crate) fn inbox_prefix(service: Service) -> String {
    format!("_INBOX.{}", service.schema())
}

fn inbox_pattern(service: Service) -> String {
    format!("{}.>", inbox_prefix(service))
}

/// The `authorization` block of nats-server's configuration.
pub(crate) fn render(users: &[User]) -> String {
    let mut text = String::from("authorization {\n  users = [\n");
    for user in users {
        let _ = write!(
            text,
            "    {{ user: \"{}\", password: \"{}\"",
            user.name, user.password
        );
        if let Some(permissions) = &user.permissions {
            let publish = quoted(&permissions.publish);
            let subscribe = quoted(&permissions.subscribe);
            // `allow_responses`: answering a request is publishing to the asker's inbox.
            let _ = write!(
                text,
                ",\n      permissions: {{\n        publish: {{ allow: [{publish}] }}\n        \
                 subscribe: {{ allow: [{subscribe}] }}\n        allow_responses: true\n      }}"
            );
        }
        text.push_str(" }\n");
    }
    text.push_str("  ]\n}\n");
    text
}

fn quoted(subjects: &[String]) -> String {
    subjects
        .iter()
        .map(|subject| format!("\"{subject}\""))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_service_publishes_its_own_events_and_nobody_elses() {
        for service in Service::ALL {
            let publish = of(service).publish;
            let events: Vec<_> = publish
                .iter()
                .filter(|s| s.starts_with("countersign."))
                .collect();
            assert_eq!(events, [&format!("countersign.{}.>", service.schema())]);
            let whole_api = ["$JS.API.>", "$JS.API.STREAM.>", ">"];
            assert!(
                publish
                    .iter()
                    .all(|subject| !whole_api.contains(&subject.as_str()))
            );
            assert!(
                publish
                    .iter()
                    .all(|subject| !subject.contains("STREAM.DELETE"))
            );
            assert!(
                publish
                    .iter()
                    .all(|subject| !subject.contains("STREAM.PURGE"))
            );
        }
    }

    #[test]
    fn a_service_reads_the_streams_that_it_hears_and_no_other() {
        let publish = of(Service::Approval).publish;
        assert!(publish.contains(&"$JS.API.CONSUMER.MSG.NEXT.ESTIMATE.>".to_owned()));
        assert!(
            !publish
                .iter()
                .any(|subject| subject.contains("CONSUMER") && subject.contains("OFFER"))
        );
        assert_eq!(
            of(Service::Offer).subscribe,
            ["_INBOX.offer.>", "countersign-replay.offer"]
        );
    }

    /// The users of `deploy/kubernetes` are this table; their passwords come from the environment.
    #[test]
    fn kubernetes_has_this_table() {
        let variable = |name: &str| format!("$NATS_{}_PASSWORD", name.to_uppercase());
        let operator = User {
            name: super::super::nats::OPERATOR.to_owned(),
            password: variable("operator"),
            permissions: None,
        };
        let services = Service::ALL.map(|service| User {
            name: service.schema().to_owned(),
            password: variable(service.schema()),
            permissions: Some(of(service)),
        });
        let users: Vec<_> = std::iter::once(operator).chain(services).collect();
        // A variable stands without quotes; one permission a line is easier to review.
        let table = render(&users)
            .replace("_PASSWORD\"", "_PASSWORD")
            .replace("\"$NATS_", "$NATS_")
            .replace("[\"", "[\n          \"")
            .replace("\", \"", "\"\n          \"")
            .replace("\"] }", "\"\n        ] }");
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kubernetes/base/nats/users.conf");
        let written = std::fs::read_to_string(&file).unwrap_or_default();
        let rules: Vec<_> = written
            .lines()
            .filter(|line| !line.starts_with('#'))
            .collect();
        let table: Vec<_> = table.lines().collect();
        assert_eq!(
            rules,
            table,
            "{} should be\n{}",
            file.display(),
            table.join("\n")
        );
    }

    #[test]
    fn rendered_as_nats_server_reads_it() {
        let users = [
            User {
                name: "operator".into(),
                password: "p".into(),
                permissions: None,
            },
            User {
                name: "offer".into(),
                password: "q".into(),
                permissions: Some(Permissions {
                    publish: vec!["a.>".into()],
                    subscribe: vec!["b".into()],
                }),
            },
        ];
        let text = render(&users);
        assert!(
            text.contains("{ user: \"operator\", password: \"p\" }"),
            "{text}"
        );
        assert!(text.contains("publish: { allow: [\"a.>\"] }"), "{text}");
        assert!(text.contains("subscribe: { allow: [\"b\"] }"), "{text}");
    }
}

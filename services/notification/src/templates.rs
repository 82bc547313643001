//! Cause → the words of a notice: templates for people, a JSON body for webhooks (N1–N3, N5, N7).
//!
//! A template is three data files in `templates/`: subject, text and HTML. A name that the cause
//! does not hold is an error, never a blank; the HTML ones escape every value. They are embedded,
//! so that a build carries exactly the templates that its tests have seen.

use chrono::{DateTime, SecondsFormat, Utc};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value as Context};
use serde_json::{Map, Value as Json, json};

use crate::domain::address::one_line;
use crate::domain::cause::{Cause, Fields, Value};
use crate::domain::notices::Reader;
use crate::domain::plan::{Content, Planned, Unwritable, Writer};
use crate::domain::subscription::Channel;

macro_rules! notice_files {
    ($($name:literal)*) => {
        &[$(
            (concat!($name, ".subject.jinja"), include_str!(concat!("templates/", $name, ".subject.jinja"))),
            (concat!($name, ".txt.jinja"), include_str!(concat!("templates/", $name, ".txt.jinja"))),
            (concat!($name, ".html.jinja"), include_str!(concat!("templates/", $name, ".html.jinja"))),
        )*]
    };
}

const NOTICE_FILES: &[(&str, &str)] = notice_files!(
    "agreement-accepted" "buyer-expiry-changed" "buyer-offer" "buyer-offer-cancelled"
    "cancellation-ended" "cancellation-requested" "case-rejected" "cash-disbursed"
    "changes-requested" "clock-breached" "data-elements"
    "discrepancy-found" "engagement-settled" "estimate-expired" "expected-cash" "offer-cancelled"
    "offer-expired" "offer-expiry-changed" "offer-publish-overdue" "offer-published"
    "offer-release-failed" "order-refund-advised" "order-registered" "payment-request-approved"
    "payment-request-failed" "payment-request-rejected" "public-order" "sow-signed" "stamp-voided"
);

macro_rules! part_files {
    ($($name:literal)*) => { &[$(($name, include_str!(concat!("templates/", $name)))),*] };
}

const PART_FILES: &[(&str, &str)] = part_files!(
    "buyer-foot.html.jinja" "buyer-foot.txt.jinja" "foot.html.jinja" "foot.txt.jinja"
    "head.html.jinja" "rows.html.jinja" "rows.txt.jinja"
);

/// Every template, parsed.
#[derive(Debug)]
pub(crate) struct Templates {
    environment: Environment<'static>,
}

impl Templates {
    /// Parses the embedded templates: a service with a broken one does not start (N7).
    pub(crate) fn embedded() -> Result<Self, Unwritable> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_syntax(syntax()?);
        for (name, source) in NOTICE_FILES.iter().chain(PART_FILES) {
            environment
                .add_template(name, source)
                .map_err(|source| unwritable(name, source))?;
        }
        Ok(Self { environment })
    }

    /// A mail's subject, text and HTML.
    fn mail(&self, planned: &Planned, cause: &Cause) -> Result<Content, Unwritable> {
        let context = Context::from(Serde(context(planned.reader, cause)));
        let part = |kind| self.part(planned.template, kind, &context);
        Ok(Content {
            subject: one_line(&part("subject")?),
            text: part("txt")?,
            html: Some(part("html")?),
        })
    }

    fn part(&self, template: &str, kind: &str, context: &Context) -> Result<String, Unwritable> {
        let name = format!("{template}.{kind}.jinja");
        self.environment
            .get_template(&name)
            .and_then(|template| template.render(context))
            .map_err(|source| unwritable(&name, source))
    }
}

impl Writer for Templates {
    fn write(&self, planned: &Planned, cause: &Cause) -> Result<Content, Unwritable> {
        match planned.channel {
            Channel::Email => self.mail(planned, cause),
            Channel::Webhook => Ok(webhook_content(planned.template, cause)),
        }
    }
}

fn unwritable(template: &str, source: minijinja::Error) -> Unwritable {
    Unwritable {
        template: template.to_owned(),
        source: source.into(),
    }
}

/// A line that holds only a tag leaves no line behind.
fn syntax() -> Result<SyntaxConfig, Unwritable> {
    SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
        .map_err(|source| unwritable("syntax", source))
}

/// What a template may name: for the buyer nothing internal (E5).
fn context(reader: Reader, cause: &Cause) -> Map<String, Json> {
    let mut context = Map::new();
    context.insert("seller".into(), cause.seller.as_str().into());
    context.insert("engagement_id".into(), cause.engagement.as_str().into());
    let occurred_at = cause
        .occurred_at
        .format("%Y-%m-%d %H:%M:%S UTC")
        .to_string();
    context.insert("occurred_at".into(), occurred_at.into());
    context.extend(object(&cause.shared));
    match reader {
        Reader::Buyer => {}
        Reader::Audience(_) => context.extend(object(&cause.internal)),
    }
    context
}

/// Standard Webhooks: `type`, `timestamp`, `data`; the same bytes for the same cause.
fn webhook_content(template: &str, cause: &Cause) -> Content {
    let mut data = object(&cause.shared);
    data.extend(object(&cause.internal));
    data.insert("seller".into(), cause.seller.as_str().into());
    data.insert("engagement_id".into(), cause.engagement.as_str().into());
    data.insert("event_id".into(), cause.event_id.to_string().into());
    data.insert("notice".into(), template.into());
    let kind = cause.kind.webhook_type();
    let body = json!({ "type": kind, "timestamp": rfc3339(cause.occurred_at), "data": data });
    Content {
        subject: kind.to_owned(),
        text: body.to_string(),
        html: None,
    }
}

fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn object(fields: &Fields) -> Map<String, Json> {
    fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json_of(value)))
        .collect()
}

fn json_of(value: &Value) -> Json {
    match value {
        Value::Text(text) => Json::String(text.clone()),
        Value::List(items) => items.iter().map(json_of).collect(),
        Value::Record(fields) => Json::Object(object(fields)),
    }
}

#[cfg(test)]
mod tests;

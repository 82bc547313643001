//! E-mail over SMTP (N5).

use lettre::address::AddressError;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::response::Response;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use super::{Answer, ChannelError, report};
use crate::config::NotificationConfig;
use crate::domain::address::one_line;
use crate::domain::delivery::{Letter, Outcome};

/// 5xx replies that speak of this service's credentials, not of the mail: a person corrects the
/// configuration, and the mail goes out then.
const ABOUT_US: [u16; 4] = [530, 534, 535, 538];

#[derive(Debug)]
pub(super) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Mailer {
    pub(super) fn new(config: &NotificationConfig) -> Result<Self, ChannelError> {
        let wrong = |key, source| ChannelError { key, source };
        let from = config.mail_from.parse().map_err(|_: AddressError| {
            let like = "not an address such as Acme Deals <deals@acme.example>";
            wrong("notification.mail_from", like.into())
        })?;
        // The error is not passed on: it may repeat a URL that holds a password.
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(config.smtp_url.expose())
            .map_err(|_| {
                wrong(
                    "notification.smtp_url",
                    "not an smtp:// or smtps:// URL".into(),
                )
            })?
            .timeout(Some(config.smtp_timeout()))
            .build();
        Ok(Self { transport, from })
    }

    pub(super) async fn send(&self, letter: &Letter) -> Answer {
        let message = match self.message(letter) {
            Ok(message) => message,
            Err(error) => return Answer::new(Outcome::Refused, report(error.as_ref())),
        };
        match self.transport.send(message).await {
            Ok(response) => Answer::new(Outcome::Accepted, said(&response)),
            Err(error) => answer_of(&error),
        }
    }

    /// The mail. Its Message-ID and date come from the delivery, so that one sent twice (a crash
    /// between the server's acceptance and our commit) can be recognised and shown once.
    fn message(&self, letter: &Letter) -> Result<Message, Box<dyn std::error::Error>> {
        let address: Address = letter.recipient.parse()?;
        // lettre panics on a name with a line break in it; none should come this far.
        let name = letter.recipient_name.as_deref().map(one_line);
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(name, address))
            .subject(one_line(&letter.content.subject))
            .message_id(Some(format!(
                "<{}@{}>",
                letter.id,
                self.from.email.domain()
            )))
            .date(letter.queued_at.into())
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()));
        let html = letter.content.html.clone().unwrap_or_default();
        Ok(message.multipart(MultiPart::alternative_plain_html(
            letter.content.text.clone(),
            html,
        ))?)
    }
}

fn said(response: &Response) -> String {
    let words: Vec<&str> = response.message().collect();
    format!("{} {}", response.code(), words.join(" "))
}

/// RFC 5321: 5xx is for good, 4xx and everything about the connection may pass.
fn answer_of(error: &SmtpError) -> Answer {
    let about_us = error
        .status()
        .is_some_and(|code| ABOUT_US.contains(&code.into()));
    if error.is_permanent() && !about_us {
        return Answer::new(Outcome::Refused, report(error));
    }
    Answer::deferred(error)
}

#[cfg(test)]
mod tests {
    use countersign_platform::Secret;
    use mail_parser::{Message as Parsed, MessageParser};
    use uuid::Uuid;

    use super::*;
    use crate::domain::plan::Content;
    use crate::domain::subscription::Channel;

    fn config(smtp_url: &str, mail_from: &str) -> NotificationConfig {
        NotificationConfig {
            smtp_url: Secret::new(smtp_url),
            mail_from: mail_from.to_owned(),
            ..NotificationConfig::default()
        }
    }

    fn letter(name: &str, recipient: &str, subject: &str) -> Letter {
        Letter {
            id: Uuid::from_u128(7),
            engagement: "OPP-1".parse().unwrap(),
            template: "buyer-offer".to_owned(),
            channel: Channel::Email,
            recipient: recipient.to_owned(),
            recipient_name: Some(name.to_owned()),
            subscription: None,
            content: Content {
                subject: subject.to_owned(),
                text: "Grüße".to_owned(),
                html: Some("<p>Grüße</p>".to_owned()),
            },
            queued_at: "2026-11-22T10:15:00Z".parse().unwrap(),
        }
    }

    fn mailer() -> Mailer {
        Mailer::new(&config(
            "smtp://127.0.0.1:1",
            "Acme Deals <deals@acme.example>",
        ))
        .unwrap()
    }

    fn parsed(letter: &Letter) -> Parsed<'static> {
        let bytes = mailer().message(letter).unwrap().formatted();
        MessageParser::default().parse(&bytes).unwrap().into_owned()
    }

    /// N6: two sends of one delivery have one Message-ID and date, and say that a machine wrote them.
    #[test]
    fn a_delivery_is_one_message_however_often_it_is_sent() {
        let letter = letter("Béa", "bea@buyer.example", "Offre privée");
        for message in [parsed(&letter), parsed(&letter)] {
            let id = "00000000-0000-0000-0000-000000000007@acme.example";
            assert_eq!(message.message_id(), Some(id));
            assert_eq!(message.date().unwrap().to_rfc3339(), "2026-11-22T10:15:00Z");
            assert_eq!(message.subject(), Some("Offre privée"));
            assert_eq!(
                message.header("Auto-Submitted").unwrap().as_text(),
                Some("auto-generated")
            );
            let to = message.to().unwrap().first().unwrap();
            assert_eq!(
                (to.name(), to.address()),
                (Some("Béa"), Some("bea@buyer.example"))
            );
            assert_eq!(message.body_text(0).unwrap().trim(), "Grüße");
            assert_eq!(message.body_html(0).unwrap().trim(), "<p>Grüße</p>");
        }
    }

    /// No header can be smuggled in, even past the texts' own cleaning.
    #[test]
    fn line_breaks_end_no_header() {
        let name = "Bea\r\nBcc: all@evil.example\r\n\r\nbody";
        let message = parsed(&letter(name, "bea@buyer.example", name));
        assert!(message.bcc().is_none());
        assert_eq!(message.to().unwrap().iter().count(), 1);
        assert_eq!(message.body_text(0).unwrap().trim(), "Grüße");
        let smuggled = letter("Bea", "bea@buyer.example\r\nBcc: x@evil.example", "x");
        assert!(mailer().message(&smuggled).is_err());
    }

    #[test]
    fn a_wrong_configuration_names_its_key_and_no_password() {
        for (url, from, key) in [
            ("", "deals@acme.example", "notification.smtp_url"),
            (
                "http://u:hunter2@h",
                "deals@acme.example",
                "notification.smtp_url",
            ),
            ("smtp://127.0.0.1:1", "nobody", "notification.mail_from"),
            ("smtp://127.0.0.1:1", "", "notification.mail_from"),
        ] {
            let error = Mailer::new(&config(url, from)).unwrap_err();
            assert!(error.to_string().contains(key), "{error}");
            assert!(!format!("{error:?}").contains("hunter2"));
        }
        assert!(Mailer::new(&config("smtps://u:p@mail.example", "a@b.example")).is_ok());
    }
}

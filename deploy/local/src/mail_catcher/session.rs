//! One SMTP conversation.

use anyhow::{Result, bail};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::{MAX_MESSAGE_BYTES, Refusal, Shared};

/// Longer command lines than any client sends.
const MAX_LINE_BYTES: u64 = 2048;
const MAX_RECIPIENTS: usize = 100;

struct Session {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    sender: Option<String>,
    recipients: Vec<String>,
}

pub(super) async fn run(stream: TcpStream, shared: &Shared) -> Result<()> {
    let (reader, writer) = stream.into_split();
    let reader = BufReader::new(reader);
    let mut session = Session {
        reader,
        writer,
        sender: None,
        recipients: Vec::new(),
    };
    session
        .say("220 localhost countersign mail catcher")
        .await?;
    while let Some(line) = session.line().await? {
        let (verb, argument) = line.split_once(' ').unwrap_or((&line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "HELO" => session.say("250 localhost").await?,
            "EHLO" => session.greet().await?,
            "MAIL" => session.mail(argument).await?,
            "RCPT" => session.recipient(argument, shared).await?,
            "DATA" => session.data(shared).await?,
            "RSET" => {
                session.reset();
                session.say("250 forgotten").await?;
            }
            "NOOP" => session.say("250 OK").await?,
            "VRFY" => session.say("252 send it and see").await?,
            "QUIT" => return session.say("221 bye").await,
            _ => session.say("502 not known here").await?,
        }
    }
    Ok(())
}

impl Session {
    async fn greet(&mut self) -> Result<()> {
        self.say("250-localhost").await?;
        self.say("250-PIPELINING").await?;
        self.say("250-8BITMIME").await?;
        self.say("250-SMTPUTF8").await?;
        self.say(&format!("250 SIZE {MAX_MESSAGE_BYTES}")).await
    }

    async fn mail(&mut self, argument: &str) -> Result<()> {
        if self.sender.is_some() {
            return self.say("503 one message at a time").await;
        }
        match path(argument, "FROM:") {
            Some((_, parameters)) if declared_size(parameters) > MAX_MESSAGE_BYTES => {
                self.say("552 too large").await
            }
            Some((sender, _)) => {
                self.sender = Some(sender.to_owned());
                self.say("250 OK").await
            }
            None => self.say("501 MAIL FROM:<address>").await,
        }
    }

    async fn recipient(&mut self, argument: &str, shared: &Shared) -> Result<()> {
        if self.sender.is_none() {
            return self.say("503 MAIL first").await;
        }
        match path(argument, "TO:") {
            Some((recipient, _)) if recipient.contains('@') => match shared.refusal() {
                Some(Refusal::Later) => self.say("451 try again later").await,
                Some(Refusal::Never) => self.say("550 no such mailbox").await,
                None if self.recipients.len() == MAX_RECIPIENTS => self.say("452 too many").await,
                None => {
                    self.recipients.push(recipient.to_owned());
                    self.say("250 OK").await
                }
            },
            _ => self.say("501 RCPT TO:<address>").await,
        }
    }

    async fn data(&mut self, shared: &Shared) -> Result<()> {
        let Some(sender) = self.sender.clone().filter(|_| !self.recipients.is_empty()) else {
            return self.say("503 RCPT first").await;
        };
        self.say("354 end with a dot on a line of its own").await?;
        let answer = match self.body().await? {
            None => "552 too large",
            Some(data) => match shared.keep(&sender, &self.recipients, &data) {
                Ok(()) => "250 kept",
                Err(_) => "451 could not be kept",
            },
        };
        self.reset();
        self.say(answer).await
    }

    /// The message with its dots unstuffed; `None` if it is too large (it is read to its end).
    async fn body(&mut self) -> Result<Option<Vec<u8>>> {
        let mut data = Vec::new();
        let mut line = Vec::new();
        let mut too_large = false;
        loop {
            line.clear();
            let limit = u64::try_from(MAX_MESSAGE_BYTES)?;
            if (&mut self.reader)
                .take(limit)
                .read_until(b'\n', &mut line)
                .await?
                == 0
            {
                bail!("the client left in the middle of a message");
            }
            if line == b".\r\n" {
                return Ok((!too_large).then_some(data));
            }
            too_large = too_large || data.len() + line.len() > MAX_MESSAGE_BYTES;
            if !too_large {
                data.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            }
        }
    }

    fn reset(&mut self) {
        self.sender = None;
        self.recipients.clear();
    }

    async fn line(&mut self) -> Result<Option<String>> {
        let mut line = Vec::new();
        let read = (&mut self.reader)
            .take(MAX_LINE_BYTES)
            .read_until(b'\n', &mut line)
            .await?;
        if read == 0 {
            return Ok(None);
        }
        if !line.ends_with(b"\n") {
            bail!("a line without an end");
        }
        Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned()))
    }

    async fn say(&mut self, line: &str) -> Result<()> {
        self.writer
            .write_all(format!("{line}\r\n").as_bytes())
            .await?;
        Ok(())
    }
}

/// The address in `FROM:<address> parameters`, and the parameters.
fn path<'a>(argument: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let start = argument.get(..keyword.len())?;
    let rest = argument.get(keyword.len()..)?.trim_start();
    if !start.eq_ignore_ascii_case(keyword) {
        return None;
    }
    rest.strip_prefix('<')?.split_once('>')
}

fn declared_size(parameters: &str) -> usize {
    let size = parameters
        .split_whitespace()
        .find_map(|word| word.strip_prefix("SIZE=")?.parse().ok());
    size.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart() {
        let cases = [
            ("FROM:<a@b.example>", Some(("a@b.example", ""))),
            (
                "from: <a@b.example> SIZE=12",
                Some(("a@b.example", " SIZE=12")),
            ),
            ("FROM:<>", Some(("", ""))),
            ("FROM:a@b.example", None),
            ("TO:<a@b.example>", None),
            ("", None),
        ];
        for (argument, expected) in cases {
            assert_eq!(path(argument, "FROM:"), expected, "{argument}");
        }
        assert_eq!(declared_size(" BODY=8BITMIME SIZE=12"), 12);
        assert_eq!(declared_size(""), 0);
    }
}

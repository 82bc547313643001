//! A mail server that answers as it is told.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use mail_parser::{Message, MessageParser};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What happens to a mail; without instructions it is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// 451 to the recipient.
    Later,
    /// 550 to the recipient.
    Never,
    /// 535 to the recipient: what a server says of a client that it does not know.
    NotYou,
    /// Taken, and the connection cut before the answer.
    TakenWithoutAnswer,
}

#[derive(Debug, Default)]
struct Shared {
    fates: Mutex<VecDeque<Fate>>,
    taken: Mutex<Vec<Vec<u8>>>,
}

/// Dropping it stops it.
#[derive(Debug)]
pub(crate) struct Smtp {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    _server: JoinSet<()>,
}

impl Smtp {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Shared>::default();
        let mut server = JoinSet::new();
        let sessions_of = Arc::clone(&shared);
        server.spawn(async move {
            let mut sessions = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&sessions_of);
                sessions.spawn(async move { session(stream, &shared).await.unwrap_or_default() });
            }
        });
        Self {
            address,
            shared,
            _server: server,
        }
    }

    /// What happens to the next mails.
    pub(crate) fn then(&self, fates: &[Fate]) {
        self.shared.fates.lock().unwrap().extend(fates);
    }

    /// The mails taken so far.
    pub(crate) fn taken(&self) -> Vec<Message<'static>> {
        let taken = self.shared.taken.lock().unwrap();
        let parse = |bytes: &Vec<u8>| MessageParser::default().parse(bytes).unwrap().into_owned();
        taken.iter().map(parse).collect()
    }

    /// The mails taken for one recipient.
    pub(crate) fn taken_for(&self, recipient: &str) -> Vec<Message<'static>> {
        let mut taken = self.taken();
        let to =
            |mail: &Message<'_>| mail.to().unwrap().first().unwrap().address() == Some(recipient);
        taken.retain(to);
        taken
    }
}

async fn session(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 test ESMTP\r\n").await?;
    let mut fate = None;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let answer: &[u8] = match line.split([' ', '\r']).next().unwrap_or_default() {
            "RCPT" => {
                fate = shared.fates.lock().unwrap().pop_front();
                match fate {
                    Some(Fate::Later) => b"451 4.7.1 try again later\r\n",
                    Some(Fate::Never) => b"550 5.1.1 no such mailbox\r\n",
                    Some(Fate::NotYou) => b"535 5.7.8 authentication failed\r\n",
                    Some(Fate::TakenWithoutAnswer) | None => b"250 ok\r\n",
                }
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                let data = data(&mut stream).await?;
                shared.taken.lock().unwrap().push(data);
                if fate.take() == Some(Fate::TakenWithoutAnswer) {
                    return Ok(());
                }
                b"250 2.0.0 taken as 4711\r\n"
            }
            "QUIT" => return stream.write_all(b"221 bye\r\n").await,
            _ => b"250 ok\r\n",
        };
        stream.write_all(answer).await?;
    }
}

async fn data(stream: &mut BufReader<TcpStream>) -> std::io::Result<Vec<u8>> {
    let mut data = Vec::new();
    loop {
        let start = data.len();
        if stream.read_until(b'\n', &mut data).await? == 0 || data[start..] == *b".\r\n" {
            data.truncate(start);
            return Ok(data);
        }
    }
}

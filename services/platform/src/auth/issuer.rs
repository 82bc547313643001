//! An issuer of keys for tests, which answers over HTTP whatever it is told to.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// What a connection is answered.
pub(super) enum Answer {
    /// These bytes, and the end.
    Says(Vec<u8>),
    /// These bytes, and then nothing, for ever.
    Hangs(Vec<u8>),
}

impl Answer {
    /// A whole answer; behind its status may be headers.
    pub(super) fn says(status: &str, body: &[u8]) -> Self {
        let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\n\r\n");
        Self::Says([head.as_bytes(), body].concat())
    }
}

/// Serves until it is dropped.
pub(super) struct Issuer {
    pub(super) url: String,
    _serving: JoinSet<()>,
}

impl Issuer {
    /// Gives an answer for each connection, and the last one to every further.
    pub(super) async fn answering(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut kept = Vec::new();
            let last = answers.len() - 1;
            for number in 0.. {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut request = [0; 4_096];
                let _ = socket.read(&mut request).await;
                match &answers[last.min(number)] {
                    Answer::Says(bytes) => drop(socket.write_all(bytes).await),
                    Answer::Hangs(bytes) => {
                        drop(socket.write_all(bytes).await);
                        kept.push(socket);
                    }
                }
            }
        });
        Self {
            url,
            _serving: serving,
        }
    }
}

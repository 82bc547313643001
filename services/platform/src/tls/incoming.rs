//! Connections over TLS: shaken hands with before gRPC sees them, many at a time.

use std::future::ready;
use std::io;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::TcpIncoming;

use super::HANDSHAKE_TIMEOUT;
use super::server::ServerTls;

/// Handshakes under way at a time; more connections wait in the system's queue.
const MAX_HANDSHAKES: usize = 1_024;

/// The connections of `tcp` whose handshake succeeded. One that fails is told so by TLS and closed;
/// the others do not wait for it.
pub(crate) fn incoming(
    tcp: TcpIncoming,
    tls: ServerTls,
) -> impl Stream<Item = io::Result<TlsStream<TcpStream>>> {
    let tls = Arc::new(tls);
    tcp.map(move |accepted| shake_hands(accepted, Arc::clone(&tls)))
        .buffer_unordered(MAX_HANDSHAKES)
        .filter_map(ready)
}

async fn shake_hands(
    accepted: io::Result<TcpStream>,
    tls: Arc<ServerTls>,
) -> Option<io::Result<TlsStream<TcpStream>>> {
    let tcp = match accepted {
        Ok(tcp) => tcp,
        Err(error) => return Some(Err(error)),
    };
    let from = tcp.peer_addr().ok().map(tracing::field::display);
    // It looks at files.
    let config = tokio::task::spawn_blocking(move || tls.current()).await;
    let acceptor = TlsAcceptor::from(config.ok()?);
    match timeout(HANDSHAKE_TIMEOUT, acceptor.accept(tcp)).await {
        Ok(Ok(connection)) => return Some(Ok(connection)),
        // Whoever only looks whether the port is there says nothing.
        Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
            tracing::debug!(from, "a connection ended in its handshake");
        }
        Ok(Err(error)) => tracing::info!(from, %error, "a connection was refused by TLS"),
        Err(_) => tracing::info!(
            from,
            "a connection was refused: its handshake took too long"
        ),
    }
    None
}

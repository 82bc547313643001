//! A webhook receiver that answers as it is told.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// One POST.
#[derive(Debug, Clone)]
pub(crate) struct Hook {
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

#[derive(Debug, Default)]
struct Shared {
    answers: Mutex<VecDeque<u16>>,
    hooks: Mutex<Vec<Hook>>,
}

/// Dropping it stops it.
#[derive(Debug)]
pub(crate) struct Hooks {
    address: SocketAddr,
    shared: Arc<Shared>,
    _server: JoinSet<()>,
}

impl Hooks {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Shared>::default();
        let router = Router::new().fallback(take).with_state(Arc::clone(&shared));
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await.unwrap_or_default() });
        Self {
            address,
            shared,
            _server: server,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// The status codes of the next answers; 204 after them.
    pub(crate) fn then(&self, answers: &[u16]) {
        self.shared.answers.lock().unwrap().extend(answers);
    }

    pub(crate) fn taken(&self) -> Vec<Hook> {
        self.shared.hooks.lock().unwrap().clone()
    }
}

async fn take(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: String) -> Response {
    shared.hooks.lock().unwrap().push(Hook { headers, body });
    let status = shared.answers.lock().unwrap().pop_front().unwrap_or(204);
    let location = [(header::LOCATION, "/elsewhere")];
    (StatusCode::from_u16(status).unwrap(), location, "said").into_response()
}

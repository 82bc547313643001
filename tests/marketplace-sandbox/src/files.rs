//! Files by URL: the bucket that sellers put legal documents into, and the marketplace's own copies.

use std::path::{Component, PathBuf};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::server::App;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/bucket/{*key}", get(object))
        .route("/legal/{digest}", get(legal_copy))
}

/// An object of the bucket folder. Query parameters (a signature) are taken and not looked at.
async fn object(State(app): State<App>, Path(key): Path<String>) -> Response {
    let key = PathBuf::from(key);
    let plain = key
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    let Some(folder) = app.config.bucket.as_ref().filter(|_| plain) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match tokio::fs::read(folder.join(key)).await {
        Ok(bytes) => pdf(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            StatusCode::NOT_FOUND.into_response()
        }
        Err(error) => {
            tracing::warn!(%error, "an object could not be read");
            StatusCode::FORBIDDEN.into_response()
        }
    }
}

async fn legal_copy(State(app): State<App>, Path(digest): Path<String>) -> Response {
    let copy = app.world().legal_copies.get(&digest).cloned();
    copy.map_or_else(|| StatusCode::NOT_FOUND.into_response(), pdf)
}

fn pdf(bytes: impl IntoResponse) -> Response {
    ([(header::CONTENT_TYPE, "application/pdf")], bytes).into_response()
}

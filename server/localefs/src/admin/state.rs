//! The state of the control plane over the socket.

use std::collections::BTreeMap;

use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use super::faults::Refusal;
use super::server::Source;

/// Octets of a document.
pub(super) const LONGEST: usize = 64 << 20;

/// How a document is to be imported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Import {
    /// Whether it replaces what is there.
    #[serde(default)]
    pub replace: bool,
}

/// The answer to an import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportAnswer {
    /// How many records there are.
    pub records: usize,
    /// Mount targets that can't be listened on at their own addresses, by id, and why.
    pub not_served: BTreeMap<String, String>,
}

pub(super) fn router() -> Router<Source> {
    Router::new()
        .route("/export", get(export))
        .route("/import", post(import))
        .layer(DefaultBodyLimit::max(LONGEST))
}

async fn export(State(source): State<Source>) -> Response {
    match source.state.export().await {
        Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(error) => {
            let error = error.to_string();
            (StatusCode::INTERNAL_SERVER_ERROR, Json(Refusal { error })).into_response()
        }
    }
}

async fn import(
    State(source): State<Source>,
    Query(how): Query<Import>,
    document: String,
) -> Result<Json<ImportAnswer>, Refusal> {
    let imported = source.state.import(&document, how.replace).await;
    let imported = imported.map_err(|error| Refusal {
        error: error.to_string(),
    })?;
    Ok(Json(ImportAnswer {
        records: imported.records,
        not_served: imported.not_served,
    }))
}

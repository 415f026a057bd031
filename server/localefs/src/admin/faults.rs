//! Faults over the socket.

use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use hyper::body::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::server::Source;
use crate::faults::{Fault, FaultError, FaultStatus, MountTargets};

/// Octets of a request.
const LONGEST: usize = 16 << 10;

/// The answer to a fault that was put to work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Added {
    /// Its number.
    pub id: u64,
}

/// The answer where faults were ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cleared {
    /// How many.
    pub cleared: usize,
}

/// The connections that are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Those of which mount targets; of all without it.
    #[serde(default)]
    pub mount_target: Option<MountTargets>,
}

/// The answer where connections were reset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResetNow {
    /// How many.
    pub connections: usize,
}

/// The answer to what is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Why.
    pub error: String,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, Json(self)).into_response()
    }
}

impl From<FaultError> for Refusal {
    fn from(error: FaultError) -> Self {
        Self {
            error: error.to_string(),
        }
    }
}

pub(super) fn router() -> Router<Source> {
    Router::new()
        .route("/faults", get(list).post(add).delete(clear_all))
        .route("/faults/{id}", delete(clear))
        .route("/faults/reset", post(reset))
        .layer(DefaultBodyLimit::max(LONGEST))
}

async fn list(State(source): State<Source>) -> Json<Vec<FaultStatus>> {
    Json(source.faults.list())
}

async fn add(State(source): State<Source>, body: Bytes) -> Result<Json<Added>, Refusal> {
    let fault: Fault = parse(&body)?;
    let id = source.faults.add(fault)?;
    Ok(Json(Added { id }))
}

async fn clear_all(State(source): State<Source>) -> Json<Cleared> {
    let cleared = source.faults.clear_all();
    Json(Cleared { cleared })
}

async fn clear(State(source): State<Source>, Path(id): Path<String>) -> Response {
    let known = id.parse().is_ok_and(|id| source.faults.clear(id));
    if known {
        return Json(Cleared { cleared: 1 }).into_response();
    }
    let error = format!("there is no fault {id:?}");
    (StatusCode::NOT_FOUND, Json(Refusal { error })).into_response()
}

async fn reset(State(source): State<Source>, body: Bytes) -> Result<Json<ResetNow>, Refusal> {
    let target: Target = parse(&body)?;
    let connections = source.faults.reset(target.mount_target.as_ref())?;
    Ok(Json(ResetNow { connections }))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal {
        error: error.to_string(),
    })
}

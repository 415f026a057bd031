//! Names and addresses.

use std::net::Ipv4Addr;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::Refusal;
use super::server::Source;

/// Mount targets by name, and what clients can be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Mount targets that are available, by file system and zone.
    pub mount_targets: Vec<MountTargetAddress>,
    /// Interfaces that clients can be, by address in the VPC.
    pub instances: Vec<InstanceAddress>,
}

/// The name and the address of a mount target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountTargetAddress {
    /// `fsmt-` and 17 hexadecimal digits.
    pub id: String,
    /// The file system's id.
    pub file_system: String,
    /// The file system's name, the same for all its mount targets.
    pub name: String,
    /// The name of this one alone.
    pub zone_name: String,
    /// The zone that it is in.
    pub zone: String,
    /// Its address in the VPC, as the API says it.
    pub ip_address: Ipv4Addr,
    /// Where it is reached on this machine.
    pub address: Ipv4Addr,
    /// Its security groups.
    pub security_groups: Vec<String>,
}

/// The address of an interface that a client can be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceAddress {
    /// `eni-` and 17 hexadecimal digits.
    pub network_interface: String,
    /// The instance that it is of, `i-…`.
    pub instance: Option<String>,
    /// What its tag `Name` says.
    pub name: Option<String>,
    /// The zone that it is in.
    pub zone: String,
    /// Its address in the VPC.
    pub ip_address: Ipv4Addr,
    /// What its connections come from on this machine; nothing if there is no room for its VPC.
    pub address: Option<Ipv4Addr>,
}

pub(super) async fn network(State(source): State<Source>) -> Response {
    match source.names.network() {
        Ok(network) => Json(network).into_response(),
        Err(error) => {
            let error = error.to_string();
            (StatusCode::INTERNAL_SERVER_ERROR, Json(Refusal { error })).into_response()
        }
    }
}

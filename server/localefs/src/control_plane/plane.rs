//! The data plane, as the control plane calls it.

use std::time::{Duration, SystemTime};

use localefs_control::data_plane::{
    AssertedUser, ConnectedClient, DataPlane as Interface, DataPlaneError as Failure,
    DeniedConnection, FaultRequest, FileStep, FileWish, Metered, MountTargetActivity,
};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::directories;
use crate::admin::{self, Added, Cleared, ClientStatus, ResetNow, Target};
use crate::data_plane::{DataPlane, DataPlaneError};
use crate::faults::Faults;

/// The data plane of this process.
#[derive(Debug)]
pub(super) struct Plane {
    data_plane: DataPlane,
    faults: Faults,
    runtime: Handle,
}

impl Plane {
    /// Within the server's runtime.
    pub(super) fn new(data_plane: DataPlane, faults: Faults) -> Self {
        Self {
            data_plane,
            faults,
            runtime: Handle::current(),
        }
    }
}

fn failure(error: impl std::fmt::Display) -> Failure {
    Failure(error.to_string())
}

fn client(client: ClientStatus) -> ConnectedClient {
    ConnectedClient {
        clientid: client.clientid,
        owner: client.owner,
        hostname: client.hostname,
        address: client.address,
        users: client.users.into_iter().map(user).collect(),
        other_calls: client.other_calls,
        operations: client.operations,
        idle_seconds: client.idle_seconds,
        expired: client.expired,
        opens: client.opens,
        locks: client.locks,
    }
}

fn user(user: admin::AssertedUser) -> AssertedUser {
    let admin::AssertedUser { uid, gid, calls } = user;
    AssertedUser { uid, gid, calls }
}

fn denied(denied: admin::DeniedConnection) -> DeniedConnection {
    DeniedConnection {
        address: denied.address,
        was_served: denied.was_served,
        seconds: denied.seconds,
        because: denied.because,
    }
}

impl Interface for Plane {
    fn create_tree(&self, file_system: &str) -> Result<(), Failure> {
        let created = self.data_plane.create_unsettled(file_system);
        self.runtime.block_on(created).map_err(failure)
    }

    fn remove_tree(&self, file_system: &str) -> Result<(), Failure> {
        let deleted = self.data_plane.delete_file_system(file_system);
        match self.runtime.block_on(deleted) {
            Ok(()) | Err(DataPlaneError::FileSystemNotFound(_)) => Ok(()),
            Err(error) => Err(failure(error)),
        }
    }

    fn metered(&self, file_system: &str) -> Result<Metered, Failure> {
        let metered = self.data_plane.metered_size(file_system).map_err(failure)?;
        let seconds = u64::try_from(metered.at.seconds).unwrap_or_default();
        Ok(Metered {
            bytes: metered.bytes,
            at: SystemTime::UNIX_EPOCH + Duration::new(seconds, metered.at.nanoseconds),
        })
    }

    fn activity(&self) -> Vec<MountTargetActivity> {
        let all = self.data_plane.file_systems().into_iter();
        let targets = all.flat_map(|file_system| file_system.mount_targets);
        let activity = targets.map(|target| MountTargetActivity {
            id: target.id,
            addresses: target.addresses,
            clients: target.clients.into_iter().map(client).collect(),
            denied: target.denied.into_iter().map(denied).collect(),
        });
        activity.collect()
    }

    fn explain(&self, file_system: &str, wish: &FileWish) -> Result<Vec<FileStep>, Failure> {
        self.data_plane.explain(file_system, wish).map_err(failure)
    }

    fn is_empty(&self, file_system: &str) -> Result<bool, Failure> {
        self.data_plane.is_empty(file_system).map_err(failure)
    }

    fn make_directory(
        &self,
        file_system: &str,
        path: &str,
        owner: (u32, u32),
        mode: u32,
    ) -> Result<(), Failure> {
        let files = self.data_plane.files(file_system).map_err(failure)?;
        directories::make(&files, path, owner, mode)
            .map_err(|error| Failure(format!("cannot make {path}: {error}")))
    }

    fn lead(&self, file_system: &str, mount_target: Option<&str>) -> Result<(), Failure> {
        let led = self.data_plane.lead(file_system, mount_target);
        self.runtime.block_on(led).map_err(failure)
    }

    fn fault(&self, request: FaultRequest) -> Result<Value, Failure> {
        let answer = match request {
            FaultRequest::List => json!(self.faults.list()),
            FaultRequest::Add(fault) => {
                let fault = serde_json::from_value(fault).map_err(failure)?;
                let id = self.faults.add(fault).map_err(failure)?;
                json!(Added { id })
            }
            FaultRequest::Clear(None) => json!(Cleared {
                cleared: self.faults.clear_all()
            }),
            FaultRequest::Clear(Some(id)) if self.faults.clear(id) => json!(Cleared { cleared: 1 }),
            FaultRequest::Clear(Some(id)) => {
                return Err(failure(format!("there is no fault {id}")));
            }
            FaultRequest::ResetConnections(target) => {
                let target: Target = serde_json::from_value(target).map_err(failure)?;
                let reset = self.faults.reset(target.mount_target.as_ref());
                let connections = reset.map_err(failure)?;
                json!(ResetNow { connections })
            }
        };
        Ok(answer)
    }

    fn reset(&self, file_systems: &[String]) -> Result<(), Failure> {
        let reset = self.data_plane.reset(file_systems);
        self.runtime.block_on(reset).map_err(failure)
    }
}

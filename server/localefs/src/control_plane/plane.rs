//! The data plane, as the control plane calls it.

use std::time::{Duration, SystemTime};

use localefs_control::data_plane::{
    ConnectedClient, DataPlane as Interface, DataPlaneError as Failure, FaultRequest, Metered,
};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::directories;
use crate::admin::{Added, Cleared, ResetNow, Target};
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

    fn clients(&self, file_system: &str) -> Vec<ConnectedClient> {
        let all = self.data_plane.file_systems().into_iter();
        let of = all.filter(|of| of.id == file_system);
        let targets = of.flat_map(|of| of.mount_targets);
        let clients = targets.flat_map(|target| {
            target
                .clients
                .into_iter()
                .map(move |client| ConnectedClient {
                    mount_target: target.id.clone(),
                    owner: client.owner,
                    address: client.address.to_string(),
                })
        });
        clients.collect()
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

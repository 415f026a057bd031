//! A picture of what is served.

use std::time::Instant;

use localefs_engine::OperationCount;

use super::served::Served;
use crate::admin::{
    ClientStatus, DeniedConnection, MountTargetStatus, ServedFileSystem, seconds_left,
};
use crate::transport::{Shut, State};

/// The file systems in the order of their ids.
pub(super) fn of(served: &Served) -> Vec<ServedFileSystem> {
    let now = Instant::now();
    // What takes long is asked once the table is free.
    let (file_systems, mount_targets) = {
        let table = served.table();
        let file_systems: Vec<_> = table.file_systems.values().cloned().collect();
        let targets = table.mount_targets.iter().map(|(id, target)| {
            let file_system = target.file_system.identity.id.clone();
            let server = std::sync::Arc::clone(&target.server);
            (file_system, id.clone(), server, target.group)
        });
        (file_systems, targets.collect::<Vec<_>>())
    };
    let of_file_system = |file_system: &str| {
        let own = mount_targets.iter().filter(|(of, ..)| of == file_system);
        let status = own.map(|(_, id, server, group)| {
            let mut clients: Vec<_> = server.status(now).into_iter().map(client).collect();
            clients.sort_by(|one, other| one.clientid.cmp(&other.clientid));
            MountTargetStatus {
                id: id.clone(),
                addresses: served.transport.addresses(*group),
                ip_address: None,
                security_groups: Vec::new(),
                clients,
                denied: served.transport.shut(*group).iter().map(denied).collect(),
            }
        });
        status.collect()
    };
    let status = file_systems.iter().map(|file_system| ServedFileSystem {
        id: file_system.identity.id.clone(),
        root: file_system.root.clone(),
        grace_seconds: file_system.engine.grace_left(now).map(seconds_left),
        mount_targets: of_file_system(&file_system.identity.id),
    });
    status.collect()
}

/// How often each operation was executed, over the mount targets of a file system or of all.
pub(super) fn operations(served: &Served, of: Option<&str>) -> Vec<OperationCount> {
    let table = served.table();
    let mut sum: Vec<OperationCount> = Vec::new();
    for target in table.mount_targets.values() {
        if of.is_some_and(|of| target.file_system.identity.id != of) {
            continue;
        }
        let counts = target.server.operations();
        if sum.is_empty() {
            sum = counts;
            continue;
        }
        for (sum, count) in sum.iter_mut().zip(counts) {
            sum.succeeded += count.succeeded;
            sum.failed += count.failed;
        }
    }
    sum
}

fn client(client: localefs_engine::ClientStatus) -> ClientStatus {
    ClientStatus::new(client)
}

fn denied(shut: &Shut) -> DeniedConnection {
    DeniedConnection {
        address: shut.peer,
        was_served: shut.state != State::Waiting,
        seconds: shut.since.elapsed().as_secs(),
        because: shut.because.to_string(),
    }
}

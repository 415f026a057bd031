//! The operations of EFS, called by clients that sign: what takes too long with a real server.

mod permissions;
mod quotas;

use serde_json::{Value, json};

use crate::records::{FileSystem, Subnet};
use crate::testing::{Client, World};

/// A new file system.
async fn file_system(client: &Client, token: &str) -> String {
    let made = client
        .efs("POST", "file-systems", &json!({"CreationToken": token}))
        .await
        .ok();
    made.json()["FileSystemId"].as_str().unwrap().to_owned()
}

/// The input of CreateMountTarget.
fn mount_target(file_system: &str, subnet: &str) -> Value {
    json!({"FileSystemId": file_system, "SubnetId": subnet})
}

/// The subnets, by zone.
fn subnets(world: &World) -> Vec<Subnet> {
    let mut subnets = world.control.store.view().unwrap().all::<Subnet>().unwrap();
    subnets.sort_by(|one, other| one.zone.cmp(&other.zone));
    subnets
}

/// A file system on record.
fn record(world: &World, id: &str) -> FileSystem {
    let view = world.control.store.view().unwrap();
    view.get::<FileSystem>(id).unwrap().unwrap()
}

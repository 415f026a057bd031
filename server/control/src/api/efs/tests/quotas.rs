//! The quotas of EFS, at their real size.

use ipnet::Ipv4Net;
use serde_json::json;

use super::super::limits;
use super::{file_system, mount_target, record, subnets};
use crate::ids;
use crate::records::{AccessPoint, FileSystem, MountTarget, NetworkInterface, Subnet};
use crate::store::Record;
use crate::testing::World;

/// Puts copies of a record on record, all in one change.
async fn put<R: Record + Clone + Send + 'static>(
    world: &World,
    count: usize,
    copy: impl Fn(usize) -> R + Send + 'static,
) {
    let copies = move |change: &mut crate::store::Change| -> crate::api::Result<()> {
        for number in 0..count {
            change.put(&copy(number))?;
        }
        Ok(())
    };
    world.control.store.change(copies).await.unwrap();
}

#[tokio::test]
async fn an_account_has_a_thousand_file_systems() {
    let world = World::new();
    let root = world.root();
    let one = record(&world, &file_system(&root, "one").await);
    let of = one.clone();
    put(&world, limits::FILE_SYSTEMS - 2, move |number| FileSystem {
        id: ids::random("fs-"),
        creation_token: format!("copy-{number}"),
        ..of.clone()
    })
    .await;
    let last = file_system(&root, "last").await;
    let full = json!({"CreationToken": "more"});
    root.efs("POST", "file-systems", &full).await.fails(
        403,
        "FileSystemLimitExceeded",
        "number of file systems",
    );
    let path = format!("file-systems/{}/replication-configuration", one.id);
    let here = json!({"Destinations": [{"Region": "us-east-1"}]});
    root.efs("POST", &path, &here).await.fails(
        403,
        "FileSystemLimitExceeded",
        "number of file systems",
    );
    root.efs("DELETE", &format!("file-systems/{last}"), &json!(null))
        .await
        .ok();
    root.efs("POST", &path, &here).await.ok();
}

#[tokio::test]
async fn a_file_system_has_ten_thousand_access_points() {
    let world = World::new();
    let root = world.root();
    let of = file_system(&root, "one").await;
    let create = |token: &str| json!({"FileSystemId": of, "ClientToken": token});
    let made = root
        .efs("POST", "access-points", &create("one"))
        .await
        .ok()
        .json();
    let view = world.control.store.view().unwrap();
    let id = made["AccessPointId"].as_str().unwrap();
    let one = view.get::<AccessPoint>(id).unwrap().unwrap();
    drop(view);
    put(&world, limits::ACCESS_POINTS - 2, move |number| {
        AccessPoint {
            id: ids::random("fsap-"),
            client_token: format!("copy-{number}"),
            ..one.clone()
        }
    })
    .await;
    root.efs("POST", "access-points", &create("last"))
        .await
        .ok();
    root.efs("POST", "access-points", &create("more"))
        .await
        .fails(403, "AccessPointLimitExceeded", "");
}

#[tokio::test]
async fn a_vpc_has_1400_mount_targets() {
    let world = World::new();
    let root = world.root();
    let subnet = subnets(&world).swap_remove(0).id;
    let first = file_system(&root, "first").await;
    let create = mount_target(&first, &subnet);
    let made = root.efs("POST", "mount-targets", &create).await.ok().json();
    let id = made["MountTargetId"].as_str().unwrap().to_owned();
    let one = {
        let view = world.control.store.view().unwrap();
        view.get::<MountTarget>(&id).unwrap().unwrap()
    };
    put(&world, limits::MOUNT_TARGETS_IN_VPC - 1, move |number| {
        MountTarget {
            id: ids::random("fsmt-"),
            file_system: format!("fs-{number:017x}"),
            ..one.clone()
        }
    })
    .await;
    let second = file_system(&root, "second").await;
    let more = mount_target(&second, &subnet);
    root.efs("POST", "mount-targets", &more).await.fails(
        409,
        "NetworkInterfaceLimitExceeded",
        "VPC",
    );
    root.efs("DELETE", &format!("mount-targets/{id}"), &json!(null))
        .await
        .ok();
    root.efs("POST", "mount-targets", &more).await.ok();
}

#[tokio::test]
async fn the_smallest_subnet_has_eleven_free_addresses() {
    let world = World::new();
    let root = world.root();
    let small = Subnet {
        id: "subnet-0123456789abcdef0".to_owned(),
        cidr: "172.31.255.240/28".parse::<Ipv4Net>().unwrap(),
        ..subnets(&world).swap_remove(0)
    };
    let id = small.id.clone();
    put(&world, 1, move |_| small.clone()).await;
    for number in 0..11 {
        let of = file_system(&root, &number.to_string()).await;
        let create = mount_target(&of, &id);
        root.efs("POST", "mount-targets", &create).await.ok();
    }
    let more = mount_target(&file_system(&root, "more").await, &id);
    root.efs("POST", "mount-targets", &more).await.fails(
        409,
        "NoFreeAddressesInSubnet",
        "no free addresses",
    );
    let taken = {
        let view = world.control.store.view().unwrap();
        let interfaces = view.all::<NetworkInterface>().unwrap();
        interfaces.iter().filter(|one| one.subnet == id).count()
    };
    assert_eq!(taken, 11);
}

#[tokio::test]
async fn a_mount_target_is_in_the_vpc_and_zone_of_its_file_system() {
    let world = World::new();
    let root = world.root();
    let all = subnets(&world);
    let elsewhere = Subnet {
        id: "subnet-0123456789abcdef0".to_owned(),
        vpc: "vpc-0123456789abcdef0".to_owned(),
        ..all[1].clone()
    };
    let other = elsewhere.id.clone();
    put(&world, 1, move |_| elsewhere.clone()).await;
    let of = file_system(&root, "one").await;
    let create = |subnet: &str| mount_target(&of, subnet);
    root.efs("POST", "mount-targets", &create(&all[0].id))
        .await
        .ok();
    root.efs("POST", "mount-targets", &create(&all[0].id))
        .await
        .fails(409, "MountTargetConflict", "already exists in this AZ");
    root.efs("POST", "mount-targets", &create(&other))
        .await
        .fails(409, "MountTargetConflict", "not in the same VPC");
    root.efs("POST", "mount-targets", &create(&all[1].id))
        .await
        .ok();
    let one_zone = json!({"CreationToken": "zone", "AvailabilityZoneName": all[2].zone});
    let one_zone = root
        .efs("POST", "file-systems", &one_zone)
        .await
        .ok()
        .json();
    let of = one_zone["FileSystemId"].as_str().unwrap();
    root.efs("POST", "mount-targets", &mount_target(of, &all[3].id))
        .await
        .fails(400, "AvailabilityZonesMismatch", "");
    root.efs("POST", "mount-targets", &mount_target(of, &all[2].id))
        .await
        .ok();
}

#[tokio::test]
async fn a_mount_target_that_does_not_go_is_said_to_take_too_long() {
    let world = World::unserved();
    let root = world.root();
    let of = file_system(&root, "one").await;
    let subnet = subnets(&world).swap_remove(0);
    let create = mount_target(&of, &subnet.id);
    root.efs("POST", "mount-targets", &create)
        .await
        .fails(500, "InternalServerError", "");
    let left = format!("mount-targets?FileSystemId={of}");
    let left = root.efs("GET", &left, &json!(null)).await.ok().json();
    assert_eq!(left["MountTargets"], json!([]), "nothing half-way is left");
    let file_system = record(&world, &of);
    let id = "fsmt-0123456789abcdef0";
    world
        .control
        .store
        .change(move |change| {
            super::super::put_mount_target(change, (&file_system, &subnet), id, Vec::new(), 0)
        })
        .await
        .unwrap();
    root.efs("DELETE", &format!("mount-targets/{id}"), &json!(null))
        .await
        .fails(504, "DependencyTimeout", "try again");
}

//! File systems of a seed, with mount targets, access points and directories.

use std::time::Duration;

use serde_json::{Value, json};

use super::document::{AccessPoint, Directory, FileSystem, MountTarget};
use super::error::{At, Result, Trouble};
use super::sower::{Sower, gone, has_tags, pairs, same};
use crate::api::Service::Efs;
use crate::control::now;
use crate::iam::file_system_policy;
use crate::records::{
    AccessPoint as PointRecord, FileSystem as Record, MountTarget as TargetRecord,
    NetworkInterface, Subnet, Tag,
};

impl FileSystem {
    /// What errors and references call it.
    pub(super) fn label(&self) -> String {
        let label = self.creation_token.as_ref().or(self.name.as_ref());
        label.cloned().unwrap_or_default()
    }
}

impl Sower<'_> {
    /// Has a file system be there with all that belongs to it but its policy, and gives its id.
    pub(super) async fn file_system(&mut self, wanted: &FileSystem) -> Result<String> {
        let (id, is_new) = match self.find(wanted)? {
            Some(there) => {
                self.adjust(wanted, &there).await?;
                (there.id, false)
            }
            None => (self.create(wanted).await?, true),
        };
        let (label, settings) = (wanted.label(), &self.control.settings);
        let (region, account) = (&settings.region, &settings.account_id);
        let arn = format!("arn:aws:elasticfilesystem:{region}:{account}:file-system/{id}");
        self.name("FileSystems", &label, "FileSystemId", &id);
        self.name("FileSystems", &label, "FileSystemArn", arn);
        self.until_available(&id).await?;
        if let Some(policies) = &wanted.lifecycle_policies {
            let input = json!({"FileSystemId": id, "LifecyclePolicies": policies});
            let put = self.call(Efs, "PutLifecycleConfiguration", input).await;
            put.member("LifecyclePolicies")?;
        }
        if let Some(policy) = &wanted.backup_policy {
            let input = json!({"FileSystemId": id, "BackupPolicy": policy});
            let put = self.call(Efs, "PutBackupPolicy", input).await;
            put.member("BackupPolicy")?;
        }
        if let Some(protection) = &wanted.file_system_protection {
            let protection = &protection.replication_overwrite_protection;
            let there = self.view()?.get::<Record>(&id)?;
            if is_new || there.is_none_or(|there| there.protection != *protection) {
                let input = json!({
                    "FileSystemId": id,
                    "ReplicationOverwriteProtection": protection,
                });
                let put = self.call(Efs, "UpdateFileSystemProtection", input).await;
                put.member("FileSystemProtection")?;
            }
        }
        for (number, target) in wanted.mount_targets.iter().enumerate() {
            let place = target.subnet_id.as_ref();
            let place = place.or(target.availability_zone_name.as_ref());
            let made = self.mount_target(&id, target).await;
            match place {
                Some(place) => made.at("MountTargets", place)?,
                None => made.member(&format!("MountTargets[{number}]"))?,
            }
        }
        for point in &wanted.access_points {
            let made = self.access_point(&id, point).await;
            made.at("AccessPoints", &point.client_token)?;
        }
        for directory in &wanted.directories {
            let made = self.directory(&id, directory).await;
            made.at("Directories", &directory.path)?;
        }
        Ok(id)
    }

    /// The file system that is meant, if it is there.
    fn find(&self, wanted: &FileSystem) -> Result<Option<Record>> {
        let view = self.view()?;
        let alive = |found: &Record| found.life_cycle.state(now()).is_some();
        match (&wanted.creation_token, &wanted.name) {
            (Some(token), None) => {
                let found = view.all_by::<Record>(("creation-token", token))?;
                Ok(found.into_iter().find(alive))
            }
            (None, Some(name)) => {
                let all = view.all::<Record>()?.into_iter().filter(alive);
                let mut named = all.filter(|found| found.name() == Some(name));
                match (named.next(), named.next()) {
                    (Some(found), None) => Ok(Some(found)),
                    (None, _) => Err(Trouble::new(
                        "no file system has this tag Name; one that is to be made needs a \
                         CreationToken",
                    )),
                    (Some(_), Some(_)) => {
                        Err(Trouble::new("more than one file system has this tag Name"))
                    }
                }
            }
            _ => Err(Trouble::new(
                "a file system has either a CreationToken, or the Name of one that is there",
            )),
        }
    }

    async fn create(&self, wanted: &FileSystem) -> Result<String> {
        let input = json!({
            "CreationToken": wanted.creation_token,
            "PerformanceMode": wanted.performance_mode,
            "Encrypted": wanted.encrypted,
            "KmsKeyId": wanted.kms_key_id,
            "ThroughputMode": wanted.throughput_mode,
            "ProvisionedThroughputInMibps": wanted.provisioned_throughput_in_mibps,
            "AvailabilityZoneName": wanted.availability_zone_name,
            "Backup": wanted.backup,
            "Tags": wanted.tags,
        });
        self.call(Efs, "CreateFileSystem", input).await?;
        let made = self.find(wanted)?;
        Ok(made.ok_or_else(gone)?.id)
    }

    /// Changes what differs, as far as EFS can change it.
    async fn adjust(&self, wanted: &FileSystem, there: &Record) -> Result<()> {
        let mode = Some(there.performance_mode.as_str());
        same("PerformanceMode", mode, wanted.performance_mode.as_deref())?;
        let encrypted = wanted.encrypted.map(|encrypted| encrypted.to_string());
        let is_encrypted = there.encrypted.to_string();
        same("Encrypted", Some(&is_encrypted), encrypted.as_deref())?;
        if let Some(key) = wanted.kms_key_id.as_deref() {
            // It is kept as an ARN, however it was given.
            let kept = there.kms_key_id.as_deref();
            let is_same = kept.is_some_and(|kept| {
                kept == key
                    || kept.ends_with(&format!(":{key}"))
                    || kept.ends_with(&format!("/{key}"))
            });
            if !is_same {
                same("KmsKeyId", kept, Some(key))?;
            }
        }
        let zone = wanted.availability_zone_name.as_deref();
        same("AvailabilityZoneName", there.zone.as_deref(), zone)?;
        let mode = wanted.throughput_mode.as_ref();
        let differs = mode.is_some_and(|mode| *mode != there.throughput_mode)
            || (wanted.provisioned_throughput_in_mibps.is_some()
                && wanted.provisioned_throughput_in_mibps != there.provisioned);
        if differs {
            let input = json!({
                "FileSystemId": there.id,
                "ThroughputMode": mode,
                "ProvisionedThroughputInMibps": wanted.provisioned_throughput_in_mibps,
            });
            let updated = self.call(Efs, "UpdateFileSystem", input).await;
            updated.member("ThroughputMode")?;
        }
        self.tags_of(&there.id, &there.tags, &wanted.tags).await?;
        Ok(())
    }

    async fn tags_of(&self, id: &str, there: &[Tag], wanted: &[Tag]) -> Result<()> {
        if has_tags(&pairs(there), wanted) {
            return Ok(());
        }
        let input = json!({"ResourceId": id, "Tags": wanted});
        let tagged = self.call(Efs, "TagResource", input).await;
        tagged.member("Tags").map(drop)
    }

    /// Has the policy of a file system be what the seed says.
    pub(super) async fn file_system_policy(&self, wanted: &FileSystem, id: &str) -> Result<()> {
        let Some(policy) = &wanted.file_system_policy else {
            return Ok(());
        };
        let put = async {
            let policy = self.policy(policy)?;
            let there = self.view()?.get::<Record>(id)?;
            let there = there.and_then(|there| there.policy);
            if there.is_some_and(|there| self.is_kept_as(&policy, &there, id)) {
                return Ok(());
            }
            let input = json!({"FileSystemId": id, "Policy": policy});
            let put = self.call(Efs, "PutFileSystemPolicy", input).await;
            put.map(drop)
        };
        put.await.member("FileSystemPolicy")
    }

    /// Whether a policy is kept as another text already: EFS gives ids to those that have none.
    fn is_kept_as(&self, policy: &str, there: &str, id: &str) -> bool {
        let settings = &self.control.settings;
        let (region, account) = (&settings.region, &settings.account_id);
        let arn = format!("arn:aws:elasticfilesystem:{region}:{account}:file-system/{id}");
        let normalised = file_system_policy::normalise(policy, &arn, String::new);
        normalised.is_ok_and(|normalised| without_ids(&normalised) == without_ids(there))
    }

    /// Waits until a file system may get mount targets: at once, unless its life is slowed down.
    async fn until_available(&self, id: &str) -> Result<()> {
        while let Some(found) = self.view()?.get::<Record>(id)? {
            match found.life_cycle.changes(now()) {
                Some(at) => {
                    tokio::time::sleep(Duration::from_millis(at.saturating_sub(now()))).await;
                }
                None => return Ok(()),
            }
        }
        Err(gone())
    }

    async fn mount_target(&self, file_system: &str, wanted: &MountTarget) -> Result<()> {
        let subnet = self.subnet_of(wanted)?;
        let groups = match &wanted.security_groups {
            None => None,
            Some(names) => {
                let ids = self.group_ids(names, &subnet.vpc);
                Some(ids.member("SecurityGroups")?)
            }
        };
        let view = self.view()?;
        let all = view.all_by::<TargetRecord>(("file-system", file_system))?;
        let in_zone = |there: &TargetRecord| {
            there.zone == subnet.zone && there.life_cycle.state(now()).is_some()
        };
        let Some(there) = all.into_iter().find(in_zone) else {
            let input = json!({
                "FileSystemId": file_system,
                "SubnetId": subnet.id,
                "IpAddress": wanted.ip_address,
                "SecurityGroups": groups,
            });
            self.call(Efs, "CreateMountTarget", input).await?;
            return Ok(());
        };
        same("SubnetId", Some(&there.subnet), Some(&subnet.id))?;
        let address = there.ip_address.to_string();
        same("IpAddress", Some(&address), wanted.ip_address.as_deref())?;
        let Some(groups) = groups else {
            return Ok(());
        };
        let interface = view.get::<NetworkInterface>(&there.network_interface)?;
        if interface.is_none_or(|interface| interface.groups != groups) {
            let input = json!({"MountTargetId": there.id, "SecurityGroups": groups});
            let modified = self
                .call(Efs, "ModifyMountTargetSecurityGroups", input)
                .await;
            modified.member("SecurityGroups")?;
        }
        Ok(())
    }

    fn subnet_of(&self, wanted: &MountTarget) -> Result<Subnet> {
        let view = self.view()?;
        match (&wanted.subnet_id, &wanted.availability_zone_name) {
            (Some(word), None) => self.meant::<Subnet>(word, None),
            (None, Some(zone)) => {
                let mut all = view.all::<Subnet>()?.into_iter();
                let found = all.find(|subnet| subnet.is_default && subnet.zone == *zone);
                found.ok_or_else(|| Trouble::new("this zone has no default subnet"))
            }
            _ => Err(Trouble::new(
                "a mount target has either a SubnetId or an AvailabilityZoneName",
            )),
        }
    }

    async fn access_point(&mut self, file_system: &str, wanted: &AccessPoint) -> Result<()> {
        let token = &wanted.client_token;
        let find = |view: &crate::store::View| -> Result<Option<PointRecord>> {
            let all = view.all_by::<PointRecord>(("client-token", token))?;
            let alive = |found: &PointRecord| found.life_cycle.state(now()).is_some();
            Ok(all.into_iter().find(alive))
        };
        if let Some(there) = find(&self.view()?)? {
            let (posix, root) = (&wanted.posix_user, wanted.root_directory.clone());
            let kept = |value: Value| Some(value.to_string());
            same("FileSystemId", Some(&there.file_system), Some(file_system))?;
            if there.posix_user != *posix {
                let (there, posix) = (kept(json!(there.posix_user)), kept(json!(posix)));
                same("PosixUser", there.as_deref(), posix.as_deref())?;
            }
            let root = root.unwrap_or_default();
            if there.root_directory != root {
                let (there, root) = (kept(json!(there.root_directory)), kept(json!(root)));
                same("RootDirectory", there.as_deref(), root.as_deref())?;
            }
            self.tags_of(&there.id, &there.tags, &wanted.tags).await?;
        } else {
            let tags = (!wanted.tags.is_empty()).then_some(&wanted.tags);
            let input = json!({
                "ClientToken": token,
                "FileSystemId": file_system,
                "PosixUser": wanted.posix_user,
                "RootDirectory": wanted.root_directory,
                "Tags": tags,
            });
            self.call(Efs, "CreateAccessPoint", input).await?;
        }
        let made = find(&self.view()?)?.ok_or_else(gone)?;
        let settings = &self.control.settings;
        let (region, account) = (&settings.region, &settings.account_id);
        let id = &made.id;
        let arn = format!("arn:aws:elasticfilesystem:{region}:{account}:access-point/{id}");
        self.name("AccessPoints", token, "AccessPointId", id);
        self.name("AccessPoints", token, "AccessPointArn", arn);
        Ok(())
    }

    async fn directory(&self, file_system: &str, wanted: &Directory) -> Result<()> {
        let octal = wanted.permissions.len() <= 4
            && wanted
                .permissions
                .bytes()
                .all(|digit| (b'0'..=b'7').contains(&digit));
        let mode = u32::from_str_radix(&wanted.permissions, 8).ok();
        let Some(mode) = mode.filter(|_| octal) else {
            let why = "three or four octal digits are needed, as in \"0755\"";
            return Err(Trouble::new(why)).member("Permissions");
        };
        let (id, directory) = (file_system.to_owned(), wanted.clone());
        let made = self.control.with_data_plane(move |plane| {
            let owner = (directory.owner_uid, directory.owner_gid);
            plane.make_directory(&id, &directory.path, owner, mode)
        });
        Ok(made.await?)
    }
}

/// A policy without the UUIDs that EFS has put into it.
fn without_ids(policy: &str) -> String {
    const PREFIX: &str = "\"efs-statement-";
    const UUID: usize = 36;
    let mut parts = policy.split(PREFIX);
    let mut without = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        without.push_str(PREFIX);
        let end = part.find('"').unwrap_or_default();
        without.push_str(part.get(end.min(UUID)..).unwrap_or(part));
    }
    without
}

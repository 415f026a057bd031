//! What a server says on stdout when it is ready.

use std::fmt::{self, Display, Formatter};

use localefs::LocalEfs;

/// The text for people: what is served, where, and how to mount it.
pub(super) struct Banner<'a>(pub(super) &'a LocalEfs);

impl Display for Banner<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let server = self.0;
        let addresses: Vec<_> = server
            .nfs_addresses()
            .iter()
            .map(ToString::to_string)
            .collect();
        let id = server.file_system_id();
        let file_systems = server.data_plane().file_systems();
        let is_there = file_systems.iter().any(|of| of.id == id);
        let what = if is_there { id } else { "what AWS's API makes" };
        writeln!(out, "localefs {} serves {what}", env!("CARGO_PKG_VERSION"))?;
        writeln!(out, "  NFSv4.1  {}", addresses.join(", "))?;
        writeln!(out, "  AWS API  http://{}", server.api_address())?;
        if let Some(dns) = server.dns_address() {
            writeln!(out, "  DNS      {dns}")?;
        }
        if is_there {
            writeln!(out, "  root     {}", server.root().display())?;
        }
        let gone = if server.is_ephemeral() {
            " (gone at exit)"
        } else {
            ""
        };
        writeln!(out, "  data     {}{gone}", server.data().display())?;
        if server.has_shadow_ownership() {
            writeln!(out, "  owners   in the data directory (shadow ownership)")?;
        }
        writeln!(out, "  warning  whoever can connect is root here")?;
        let front_door = server.data_plane().behind_front_doors();
        if front_door.is_some_and(|(_, mount_target)| mount_target.is_none()) {
            return writeln!(out, "Its mount target was deleted; AWS's API makes others.");
        }
        writeln!(out, "Mount it:")?;
        writeln!(out, "  sudo {}", server.mount_command("/mnt/efs"))
    }
}

//! `localefs status` and `localefs health`.

use std::fmt::{self, Display, Formatter, Write};
use std::process::ExitCode;

use localefs::admin::{self, ClientError, ClientStatus, DeniedConnection, Status};

use super::arguments::{RunningServer, StatusArguments};
use super::{FAILED, NOT_RUNNING, complain, fail};

/// Shows a running server.
pub(super) async fn status(arguments: StatusArguments) -> ExitCode {
    let status = match admin::status(&arguments.server.data).await {
        Ok(status) => status,
        Err(error) => {
            complain(&error);
            let running = !matches!(error, ClientError::NotRunning { .. });
            return if running { FAILED } else { NOT_RUNNING }.into();
        }
    };
    if !arguments.json {
        print!("{}", ForPeople(&status));
        return ExitCode::SUCCESS;
    }
    match serde_json::to_string_pretty(&status) {
        Ok(text) => println!("{text}"),
        Err(error) => return fail(error),
    }
    ExitCode::SUCCESS
}

/// Tells whether a server is well.
pub(super) async fn health(server: RunningServer) -> ExitCode {
    match admin::health(&server.data).await {
        Ok(health) => {
            println!("{}", health.status);
            ExitCode::SUCCESS
        }
        Err(error) => fail(error),
    }
}

struct ForPeople<'a>(&'a Status);

impl Display for ForPeople<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let status = self.0;
        let addresses: Vec<_> = status.nfs.iter().map(ToString::to_string).collect();
        let gone = if status.ephemeral {
            " (gone at exit)"
        } else {
            ""
        };
        writeln!(
            out,
            "localefs {}, process {}, up {}",
            status.version,
            status.pid,
            duration(status.uptime_seconds)
        )?;
        let first = &status.file_system;
        let is_there = status.file_systems.iter().any(|of| of.id == first.id);
        let id = if is_there {
            &first.id
        } else {
            "the first was deleted"
        };
        writeln!(out, "  file system  {id}")?;
        writeln!(out, "  NFSv4.1      {}", addresses.join(", "))?;
        if let Some(api) = status.api {
            writeln!(out, "  AWS API      http://{api}")?;
        }
        if let Some(dns) = status.dns {
            writeln!(out, "  DNS          {dns}")?;
        }
        if is_there {
            writeln!(out, "  root         {}", first.root.display())?;
        }
        writeln!(out, "  data         {}{gone}", status.data.display())?;
        writeln!(out, "  lease        {}", duration(status.lease_seconds))?;
        if let Some(left) = status.grace_seconds {
            writeln!(
                out,
                "  grace        {} left to reclaim state",
                duration(left)
            )?;
        }
        writeln!(out, "  connections  {}", status.connections)?;
        if status.faults > 0 {
            writeln!(
                out,
                "  faults       {} at work (localefs fault list)",
                status.faults
            )?;
        }
        if is_plain(status) {
            table(out, &status.clients)?;
            let all = status.file_systems.iter().flat_map(|of| &of.mount_targets);
            return all.into_iter().try_for_each(|of| denied(out, &of.denied));
        }
        for file_system in &status.file_systems {
            writeln!(out)?;
            writeln!(out, "{}  {}", file_system.id, file_system.root.display())?;
            if let Some(left) = file_system.grace_seconds {
                writeln!(out, "  {} left to reclaim state", duration(left))?;
            }
            if file_system.mount_targets.is_empty() {
                writeln!(out, "No mount targets.")?;
            }
            for target in &file_system.mount_targets {
                let addresses: Vec<_> = target.addresses.iter().map(ToString::to_string).collect();
                writeln!(out, "{}  {}", target.id, addresses.join(", "))?;
                if let Some(address) = target.ip_address {
                    let groups = target.security_groups.join(", ");
                    writeln!(out, "  {address} in the VPC, security groups: {groups}")?;
                }
                table(out, &target.clients)?;
                denied(out, &target.denied)?;
            }
        }
        Ok(())
    }
}

/// Whether there is nothing but the file system that was there from the start, at the addresses
/// that the server was told.
fn is_plain(status: &Status) -> bool {
    match status.file_systems.as_slice() {
        [only] => match only.mount_targets.as_slice() {
            [target] => target.addresses == status.nfs,
            _ => false,
        },
        _ => false,
    }
}

fn table(out: &mut Formatter<'_>, clients: &[ClientStatus]) -> fmt::Result {
    if clients.is_empty() {
        return writeln!(out, "No clients.");
    }
    let heads = ["CLIENT", "ADDRESS", "LEASE", "SESSIONS", "OPENS", "LOCKS"];
    let mut rows = vec![heads.map(str::to_owned)];
    rows.extend(clients.iter().map(|client| {
        [
            printable(client.hostname.as_deref().unwrap_or(&client.owner)),
            client.address.to_string(),
            lease(client),
            client.sessions.to_string(),
            client.opens.to_string(),
            client.locks.to_string(),
        ]
    }));
    let mut widths = [0; 6];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            write!(line, "{cell:width$}  ")?;
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// The most denied connections that people are shown.
const MOST_DENIED: usize = 20;

fn denied(out: &mut Formatter<'_>, denied: &[DeniedConnection]) -> fmt::Result {
    for connection in denied.iter().take(MOST_DENIED) {
        let what = if connection.was_served {
            "suspended"
        } else {
            "waits in silence"
        };
        writeln!(
            out,
            "DENIED  {} {what}, {}: {}",
            connection.address,
            duration(connection.seconds),
            connection.because
        )?;
    }
    match denied.len().saturating_sub(MOST_DENIED) {
        0 => Ok(()),
        more => writeln!(out, "DENIED  and {more} more (--json has all)"),
    }
}

fn lease(client: &ClientStatus) -> String {
    let age = duration(client.idle_seconds);
    if client.expired {
        format!("expired ({age})")
    } else {
        format!("renewed {age} ago")
    }
}

/// Clients choose their names; those must not reach a terminal as they are.
fn printable(name: &str) -> String {
    const LONGEST: usize = 40;
    let mut shown: String = name
        .chars()
        .take(LONGEST)
        .map(|letter| if letter.is_control() { '?' } else { letter })
        .collect();
    if name.chars().count() > LONGEST {
        shown.push('…');
    }
    shown
}

fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use localefs::admin::{FileSystemStatus, MountTargetStatus, ServedFileSystem};

    fn status() -> Status {
        Status {
            version: "0.1.0".into(),
            pid: 7,
            uptime_seconds: 3725,
            nfs: vec![
                "127.0.0.1:2049".parse().unwrap(),
                "[::1]:2049".parse().unwrap(),
            ],
            api: None,
            dns: None,
            data: "/srv/data".into(),
            ephemeral: false,
            lease_seconds: 90,
            grace_seconds: None,
            connections: 2,
            faults: 0,
            file_system: FileSystemStatus {
                id: "fs-0123456789abcdef0".into(),
                root: "/srv/data/fs/fs-0123456789abcdef0".into(),
            },
            file_systems: vec![ServedFileSystem {
                id: "fs-0123456789abcdef0".into(),
                root: "/srv/data/fs/fs-0123456789abcdef0".into(),
                grace_seconds: None,
                mount_targets: vec![MountTargetStatus {
                    id: "fsmt-0123456789abcdef0".into(),
                    addresses: vec![
                        "127.0.0.1:2049".parse().unwrap(),
                        "[::1]:2049".parse().unwrap(),
                    ],
                    ip_address: None,
                    security_groups: Vec::new(),
                    clients: Vec::new(),
                    denied: Vec::new(),
                }],
            }],
            clients: Vec::new(),
        }
    }

    fn client(hostname: Option<&str>, owner: &str, expired: bool) -> ClientStatus {
        ClientStatus {
            clientid: "0000000000000001".into(),
            owner: owner.into(),
            hostname: hostname.map(str::to_owned),
            address: "127.0.0.1:700".parse().unwrap(),
            idle_seconds: 75,
            expired,
            sessions: 1,
            opens: 10,
            locks: 0,
            operations: 7,
            users: Vec::new(),
            other_calls: 0,
        }
    }

    #[test]
    fn without_clients() {
        let expected = "\
localefs 0.1.0, process 7, up 1 h 2 min
  file system  fs-0123456789abcdef0
  NFSv4.1      127.0.0.1:2049, [::1]:2049
  root         /srv/data/fs/fs-0123456789abcdef0
  data         /srv/data
  lease        1 min 30 s
  connections  2
No clients.
";
        assert_eq!(ForPeople(&status()).to_string(), expected);
    }

    #[test]
    fn with_clients() {
        let mut status = status();
        status.ephemeral = true;
        status.grace_seconds = Some(12);
        status.faults = 3;
        status.clients = vec![
            client(Some("web-1"), "Linux NFSv4.1 web-1", false),
            client(None, "evil\u{1b}[2J name", true),
        ];
        let text = ForPeople(&status).to_string();
        let lines: Vec<_> = text.lines().collect();
        assert!(
            lines.contains(&"  data         /srv/data (gone at exit)"),
            "{text}"
        );
        assert!(
            lines.contains(&"  grace        12 s left to reclaim state"),
            "{text}"
        );
        assert!(
            lines.contains(&"  faults       3 at work (localefs fault list)"),
            "{text}"
        );
        let table = [
            "CLIENT         ADDRESS        LEASE                   SESSIONS  OPENS  LOCKS",
            "web-1          127.0.0.1:700  renewed 1 min 15 s ago  1         10     0",
            "evil?[2J name  127.0.0.1:700  expired (1 min 15 s)    1         10     0",
        ];
        assert_eq!(lines[lines.len() - 3..], table);
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn each_mount_target_with_its_clients() {
        let mut status = status();
        let mount_target = |id: &str, address: &str, clients| MountTargetStatus {
            id: id.into(),
            addresses: vec![address.parse().unwrap()],
            ip_address: Some([172, 31, 0, 5].into()),
            security_groups: vec!["sg-1".into(), "sg-2".into()],
            clients,
            denied: vec![DeniedConnection {
                address: "127.31.16.5:700".parse().unwrap(),
                was_served: false,
                seconds: 75,
                because: "security groups of the mount target, inbound: none".into(),
            }],
        };
        let web = client(Some("web-1"), "Linux NFSv4.1 web-1", false);
        status.file_systems[0].mount_targets.push(mount_target(
            "fsmt-1",
            "127.31.0.5:2049",
            vec![web.clone()],
        ));
        status.file_systems.push(ServedFileSystem {
            id: "fs-fffffffffffffffff".into(),
            root: "/srv/data/fs/fs-fffffffffffffffff".into(),
            grace_seconds: Some(3),
            mount_targets: Vec::new(),
        });
        status.clients = vec![web];
        let text = ForPeople(&status).to_string();
        let expected = "
fs-0123456789abcdef0  /srv/data/fs/fs-0123456789abcdef0
fsmt-0123456789abcdef0  127.0.0.1:2049, [::1]:2049
No clients.
fsmt-1  127.31.0.5:2049
  172.31.0.5 in the VPC, security groups: sg-1, sg-2
CLIENT  ADDRESS        LEASE                   SESSIONS  OPENS  LOCKS
web-1   127.0.0.1:700  renewed 1 min 15 s ago  1         10     0
DENIED  127.31.16.5:700 waits in silence, 1 min 15 s: security groups of the mount target, inbound: none

fs-fffffffffffffffff  /srv/data/fs/fs-fffffffffffffffff
  3 s left to reclaim state
No mount targets.
";
        assert!(text.ends_with(expected), "{text}");
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!(printable(&"n".repeat(100)).chars().count(), 41);
    }
}

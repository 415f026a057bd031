//! A server and its data on a disk that can lose its power.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::os::fd::AsFd;

use super::model::Owners;
use crate::guest::{Guest, ORDINARY};
use crate::lab::{Lab, Place};
use crate::namespace::Namespace;
use crate::server::{binary, tail};

/// A program that runs another, to which every sync only seems to be done.
const UNSYNCED: &str = include_str!("../../guest/unsynced.py");

/// How large the disk is, in bytes; a hole until it is used.
const SIZE: u64 = 512 << 20;

/// Lease and grace period, in seconds.
const LEASE: u32 = 20;

/// The port of AWS's API.
const API: u16 = 4599;

/// The data directory, in the machine.
pub(super) const DATA: &str = "/srv/disk/site/data";

/// What kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// `--ownership`; with shadow the server is an ordinary user.
    pub owners: Owners,
    /// `--durability strict`.
    pub strict: bool,
}

/// Whether what the server asks the disk to keep is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syncs {
    /// As it must be.
    Done,
    /// Every sync is answered at once, and not done.
    Ignored,
}

/// When a guest's kernel writes by itself what it has in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writeback {
    /// After as long as Linux takes, half a minute.
    Usual,
    /// After some tenths of a second, so that of what was written lately some is on the disk.
    Eager,
}

/// The server's machine, on or off.
#[derive(Debug)]
pub struct Site {
    guest: Option<Guest>,
    place: Place,
    disk: PathBuf,
    kind: Kind,
    /// The network.
    pub lab: Lab,
}

impl Site {
    /// A new disk, and a machine that is off.
    pub fn new(kind: Kind) -> Result<Self> {
        let lab = Lab::new()?;
        let disk = lab.directory().join("disk");
        File::create(&disk)?.set_len(SIZE)?;
        execute(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&disk))?;
        lab.connect_guests()?;
        let place = lab.place();
        Ok(Self {
            guest: None,
            place,
            disk,
            kind,
            lab,
        })
    }

    /// What kind of server it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where the server listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((self.place.address(), 2049))
    }

    /// Where AWS's API is.
    #[must_use]
    pub fn api(&self) -> SocketAddr {
        SocketAddr::from((self.place.address(), API))
    }

    /// The machine, which must be on.
    pub fn guest(&self) -> Result<&Guest> {
        self.guest.as_ref().context("the machine is off")
    }

    /// Switches the machine on, and waits until its server serves.
    pub fn start(&mut self, syncs: Syncs, writeback: Writeback) -> Result<()> {
        ensure!(self.guest.is_none(), "the machine is on");
        let guest = self.lab.boot_with_disk(&self.place, "site", &self.disk)?;
        if writeback == Writeback::Eager {
            guest.succeed(
                "cd /proc/sys/vm; echo 5 > dirty_writeback_centisecs; echo 10 > dirty_expire_centisecs",
            )?;
        }
        let unsynced = guest.share("unsynced.py", UNSYNCED.as_bytes())?;
        let through = match syncs {
            Syncs::Done => String::new(),
            Syncs::Ignored => format!("/usr/bin/python3 -I {unsynced}"),
        };
        let (user, ownership, change) = match self.kind.owners {
            Owners::Native => (0, "native", ""),
            Owners::Shadow => (
                65534,
                "shadow",
                "setpriv --reuid 65534 --regid 65534 --clear-groups",
            ),
        };
        let durability = if self.kind.strict {
            "strict"
        } else {
            "ordinary"
        };
        let binary = binary()?;
        let script = format!(
            "
set -e
mkdir -p /srv/disk /run/server
# Changes go to the journal's disk after a second, instead of five.
mount -t ext4 -o commit=1 /dev/ubda /srv/disk
mkdir -p /srv/disk/site
chown {user}:{user} /srv/disk/site /run/server
cp {binary} /run/localefs
cd /run/server
{change} {through} /run/localefs serve --data {DATA} --listen 0.0.0.0:2049 \
    --api 0.0.0.0:{API} \
    --lease {LEASE} --durability {durability} --ownership {ownership} \
    --ready-file /run/server/ready < /dev/null > /mnt/lab/server.log 2>&1 &
for i in $(seq 400); do
    [ -s ready ] && exit 0
    kill -0 $! || exit 1
    sleep 0.05
done
exit 1
",
            binary = binary.display()
        );
        let started = guest
            .start(&script)?
            .succeed(ORDINARY)
            .with_context(|| tail(&guest.directory().join("server.log")));
        self.guest = Some(guest);
        started.map(drop)
    }

    /// Cuts the power, and looks whether the disk's file system is one after its journal was
    /// replayed.
    pub fn cut(&mut self) -> Result<()> {
        let mut guest = self.guest.take().context("the machine is off")?;
        guest.cut_power()?;
        drop(guest);
        // Replays the journal, as the next mount would, and corrects nothing.
        let replayed = Command::new("e2fsck").arg("-p").arg(&self.disk).output()?;
        let code = replayed.status.code().unwrap_or(-1);
        ensure!((0..=1).contains(&code), "e2fsck -p: {replayed:?}");
        execute(Command::new("e2fsck").args(["-f", "-n"]).arg(&self.disk))
    }

    /// The end of the server's log.
    #[must_use]
    pub fn log(&self) -> String {
        match &self.guest {
            Some(guest) => tail(&guest.directory().join("server.log")),
            None => "the machine is off".to_owned(),
        }
    }

    /// Runs something on a thread of its own within the lab's network.
    pub fn within<T: Send>(&self, action: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let namespace = self.lab.namespace();
        thread::scope(|scope| {
            let thread = scope.spawn(move || {
                enter(namespace)?;
                action()
            });
            thread.join().map_err(|_| anyhow!("a thread panicked"))?
        })
    }
}

/// Moves this thread into the network of a lab.
pub fn enter(namespace: &Namespace) -> Result<()> {
    let file = File::open(Path::new("/run/netns").join(namespace.name()))?;
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))?;
    Ok(())
}

fn execute(command: &mut Command) -> Result<()> {
    let output = command
        .output()
        .with_context(|| format!("{command:?} (Debian: e2fsprogs)"))?;
    ensure!(output.status.success(), "{command:?}: {output:?}");
    Ok(())
}

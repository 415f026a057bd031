//! A lab: a network of its own with a server and guests that mount it.
//!
//! A process of its own, the reaper, holds one end of a pipe; when the lab goes
//! away in whatever manner, it kills what is left in the namespace and removes
//! it with the lab's directory.

use std::ffi::OsStr;
use std::fs::DirBuilder;
use std::io::Read;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, ensure};

use crate::guest::{Guest, Plan};
use crate::namespace::{Namespace, lab_directory, remove, sweep};
use crate::proxy::Proxy;
use crate::server::{Server, ServerOptions};
use crate::wire::Boot;

/// The server's address in every lab.
pub const SERVER: &str = "10.77.0.1";

/// The port of [`Lab::proxy`].
pub const PROXY: u16 = 2050;

/// A namespace with its directory, its reaper and the guests' addresses.
#[derive(Debug)]
pub struct Lab {
    namespace: Namespace,
    directory: PathBuf,
    reaper: Child,
    places: AtomicU32,
    boots: AtomicU32,
}

/// A place in a lab's network, with an address that outlives the guest there.
#[derive(Debug, Clone)]
pub struct Place(u32);

impl Place {
    /// The address of the guest in this place.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        Ipv4Addr::from([10, 77, u8::try_from(self.0).unwrap_or(u8::MAX), 2])
    }
}

impl Lab {
    /// Makes a lab without a server and without guests.
    pub fn new() -> Result<Self> {
        sweep()?;
        let namespace = Namespace::create()?;
        let directory = lab_directory(namespace.name());
        let reaper = Command::new(lab_binary()?)
            .args(["reap", namespace.name()])
            .stdin(Stdio::piped())
            .spawn()
            .context("cannot start the reaper")?;
        let lab = Self {
            namespace,
            directory,
            reaper,
            places: AtomicU32::new(0),
            boots: AtomicU32::new(0),
        };
        DirBuilder::new().mode(0o700).create(&lab.directory)?;
        lab.namespace
            .ip(&["addr", "add", &format!("{SERVER}/32"), "dev", "lo"])?;
        // A guest is cut off by a rule that must come before the one for local addresses.
        lab.namespace
            .ip(&["rule", "add", "pref", "100", "lookup", "local"])?;
        lab.namespace.ip(&["rule", "del", "pref", "0"])?;
        Ok(lab)
    }

    /// The network.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// A directory that goes away with the lab.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Starts a server that the guests reach.
    pub fn serve(&self, options: ServerOptions) -> Result<Server> {
        let directory = self.directory.join("server");
        Server::start(
            &self.namespace,
            &directory,
            &format!("{SERVER}:2049"),
            options,
        )
    }

    /// Starts a proxy before the server, at another port of its address.
    pub fn proxy(&self) -> Result<Proxy> {
        let at = |port| -> Result<SocketAddr> { Ok(SocketAddr::new(SERVER.parse()?, port)) };
        Proxy::start(Some(&self.namespace), at(PROXY)?, at(2049)?)
    }

    /// Boots a guest of that host name, with a network card of its own.
    pub fn boot(&self, name: &str) -> Result<Guest> {
        self.boot_at(name, None)
    }

    /// Boots a guest whose console is a terminal of the machine.
    pub fn boot_at(&self, name: &str, terminal: Option<&Path>) -> Result<Guest> {
        self.boot_in(&self.place(), name, terminal, None)
    }

    /// A place in the network for a guest that is booted more than once.
    pub fn place(&self) -> Place {
        Place(self.places.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Boots a guest with this file as its disk, `/dev/ubda`.
    pub fn boot_with_disk(&self, place: &Place, name: &str, disk: &Path) -> Result<Guest> {
        self.boot_in(place, name, None, Some(disk))
    }

    fn boot_in(
        &self,
        place: &Place,
        name: &str,
        terminal: Option<&Path>,
        disk: Option<&Path>,
    ) -> Result<Guest> {
        let boot = self.boots.fetch_add(1, Ordering::Relaxed) + 1;
        let tap = format!("tap{}", place.0);
        let gateway = format!("10.77.{}.1", place.0);
        self.namespace.ip(&["tuntap", "add", &tap, "mode", "tap"])?;
        self.namespace
            .ip(&["addr", "add", &format!("{gateway}/24"), "dev", &tap])?;
        self.namespace.ip(&["link", "set", &tap, "up"])?;
        Guest::boot(Plan {
            namespace: &self.namespace,
            directory: self.directory.join(format!("guest-{boot}")),
            boot: Boot {
                hostname: name.to_owned(),
                address: format!("{}/24", place.address()),
                gateway,
            },
            tap,
            server: SERVER.to_owned(),
            terminal: terminal.map(Path::to_owned),
            disk: disk.map(Path::to_owned),
        })
    }

    /// Lets guests reach each other.
    pub fn connect_guests(&self) -> Result<()> {
        let script = "echo 1 > /proc/sys/net/ipv4/ip_forward";
        let mut shell = self.namespace.command("sh");
        let status = shell.args(["-c", script]).status()?;
        ensure!(status.success(), "{script}: {status}");
        Ok(())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        drop(self.reaper.stdin.take());
        let _ = self.reaper.wait();
    }
}

/// The life of the reaper: waits until the lab's process closes the pipe or is
/// gone, then cleans up.
pub fn reap(name: &str) -> Result<()> {
    // A signal from the terminal is meant for the lab, not for who cleans up after it.
    rustix::process::setsid().context("cannot leave the session")?;
    let mut nothing = Vec::new();
    std::io::stdin().read_to_end(&mut nothing)?;
    if std::env::var_os("LOCALEFS_KEEP").is_some() {
        return Namespace::named(name.to_owned()).destroy();
    }
    remove(name)
}

/// The lab's own binary, which is also the reaper's and the guests' init.
pub(crate) fn lab_binary() -> Result<PathBuf> {
    let executable = std::env::current_exe()?;
    let name = OsStr::new("localefs-lab");
    executable
        .ancestors()
        .skip(1)
        .take(2)
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.exists())
        .with_context(|| format!("no localefs-lab beside {}", executable.display()))
}

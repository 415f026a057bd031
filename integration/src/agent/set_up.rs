//! From the start of the guest's kernel to its first job.
//!
//! The guest's root is the machine's own tree, read-only. Directories that
//! programs expect to write get an overlay in memory, so that a guest script
//! may do what it likes and the machine never notices.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use rustix::mount::{MountFlags, mount};

use crate::guest::MOUNT_POINT;
use crate::wire::{Boot, DIRECTORY, SHARED};

/// Users that every guest has beside root, with a group of the same name and number.
const USERS: [(&str, u32); 5] = [
    ("alice", 1001),
    ("mark", 1002),
    ("carol", 1003),
    ("tests", 1101),
    ("pjdfstest", 1102),
];

/// Directories that get an overlay.
const WRITABLE: [&str; 8] = [
    "/etc", "/home", "/mnt", "/opt", "/root", "/srv", "/tmp", "/var",
];

/// A home without anybody's configuration.
const HOME: &str = "/run/home";

/// Everything between the kernel's start and the first job.
pub(super) fn set_up() -> Result<()> {
    let directory = std::env::var(DIRECTORY).context("no guest directory on the command line")?;
    let boot: Boot = serde_json::from_slice(&fs::read(Path::new(&directory).join("boot"))?)?;
    mount_new("proc", "/proc", "")?;
    mount_new("sysfs", "/sys", "")?;
    mount_new("tmpfs", "/run", "mode=755")?;
    for (kind, path) in [("devpts", "/dev/pts"), ("tmpfs", "/dev/shm")] {
        fs::create_dir_all(path)?;
        mount_new(kind, path, "")?;
    }
    fs::write("/proc/sys/kernel/hostname", &boot.hostname)?;
    load_modules()?;
    overlay()?;
    for path in [SHARED, MOUNT_POINT, HOME] {
        fs::create_dir_all(path)?;
    }
    mount_new("hostfs", SHARED, &directory)?;
    add_users()?;
    network(&boot)
}

fn mount_new(kind: &str, path: &str, options: &str) -> Result<()> {
    let options = std::ffi::CString::new(options)?;
    mount(kind, path, kind, MountFlags::empty(), options.as_c_str())
        .with_context(|| format!("cannot mount {kind} on {path}"))
}

/// Loads the NFS client, and lets the kernel find whatever it wants later:
/// its modules are not where modprobe looks.
fn load_modules() -> Result<()> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let release = release.trim();
    let modules = PathBuf::from("/run/modules/lib/modules");
    fs::create_dir_all(&modules)?;
    symlink(
        Path::new("/usr/lib/uml/modules").join(release),
        modules.join(release),
    )?;
    let wrapper = "/run/modprobe";
    fs::write(
        wrapper,
        "#!/bin/sh\nexec /sbin/modprobe -d /run/modules \"$@\"\n",
    )?;
    fs::set_permissions(wrapper, fs::Permissions::from_mode(0o755))?;
    fs::write("/proc/sys/kernel/modprobe", wrapper)?;
    execute(Command::new(wrapper).args(["-a", "nfsv4", "overlay"]))
}

fn overlay() -> Result<()> {
    for path in WRITABLE.iter().filter(|path| Path::new(path).is_dir()) {
        let base = PathBuf::from("/run/overlay").join(&path[1..]);
        let (upper, work) = (base.join("upper"), base.join("work"));
        fs::create_dir_all(&upper)?;
        fs::create_dir_all(&work)?;
        fs::set_permissions(&upper, fs::metadata(path)?.permissions())?;
        let options = format!(
            "lowerdir={path},upperdir={},workdir={}",
            upper.display(),
            work.display()
        );
        mount_new("overlay", path, &options)?;
    }
    Ok(())
}

fn add_users() -> Result<()> {
    let mut passwd = OpenOptions::new().append(true).open("/etc/passwd")?;
    let mut group = OpenOptions::new().append(true).open("/etc/group")?;
    for (name, number) in USERS {
        writeln!(passwd, "{name}:x:{number}:{number}::/:/bin/sh")?;
        writeln!(group, "{name}:x:{number}:")?;
    }
    Ok(())
}

fn network(boot: &Boot) -> Result<()> {
    let commands = format!(
        "link set lo up\naddr add {} dev vec0\nlink set vec0 up\nroute add default via {}\n",
        boot.address, boot.gateway
    );
    let batch = "/run/network";
    fs::write(batch, commands)?;
    execute(Command::new("ip").args(["-batch", batch]))
}

fn execute(command: &mut Command) -> Result<()> {
    command.env_clear().envs(environment());
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{command:?}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{command:?}: {} {errors}",
        output.status
    );
    Ok(())
}

/// What every program in the guest finds around it.
pub(super) fn environment() -> [(&'static str, &'static str); 7] {
    [
        (
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ),
        ("HOME", HOME),
        ("PS1", "\\h:\\w\\$ "),
        ("USER", "root"),
        ("TERM", "xterm"),
        ("LANG", "C.UTF-8"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
    ]
}

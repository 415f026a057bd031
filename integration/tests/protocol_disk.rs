//! Data directories on a disk that is full or mounted read-only, at the first start and at later
//! ones: everything is served, or nothing is and the error names the path and a way out; and
//! whatever happened, the next start with room serves all that there was. And a tree on a disk that
//! answers nobody for a while. Needs root.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use localefs_integration::attempt::{self, Running};
use localefs_integration::bench::amount;
use localefs_integration::client::names::*;
use localefs_integration::client::{ClientOptions, Open, PATIENCE, Session, binary};
use localefs_protocol::nfs4::{Attributes, Stateid4};
use tempfile::TempDir;

const CONTENT: &[u8] = b"what must not be lost";
const OWNER: &str = "1234";
const MODE: u32 = 0o640;

/// More than a server ever needs, in KiB.
const ROOMY: u64 = 16 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum User {
    /// Native ownership.
    Root,
    /// Without any privilege, also if it is called root: shadow ownership, and an index of names.
    Unprivileged,
}

/// A tmpfs in a mount namespace that goes away with this value.
struct Disk {
    holder: Child,
    mount: PathBuf,
    user: User,
    scratch: TempDir,
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

impl Disk {
    /// With room for so many KiB and so many objects.
    fn new(user: User, kib: u64, objects: u64) -> Self {
        let options = format!("size={kib}k,nr_inodes={objects},mode=700");
        Self::mounted(user, &format!("mount -t tmpfs -o {options} tmpfs \"$0\""))
    }

    /// An ext4 of so many MiB.
    fn ext4(mib: u64) -> Self {
        let script = format!(
            "truncate -s {mib}M \"$0.image\" && mkfs.ext4 -q -m 0 -F \"$0.image\" &&
             mount -o loop \"$0.image\" \"$0\" && chmod 700 \"$0\""
        );
        Self::mounted(User::Root, &script)
    }

    /// What a shell script mounts on `$0`.
    fn mounted(user: User, script: &str) -> Self {
        assert!(rustix::process::geteuid().is_root(), "needs root");
        let scratch = TempDir::with_prefix("localefs-disk-").unwrap();
        let mount = scratch.path().join("mount");
        fs::create_dir(&mount).unwrap();
        let script = format!("{script} && echo mounted && read -r _");
        let mut holder = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", &script])
            .arg(&mount)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = holder.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        assert_eq!(line, "mounted\n");
        Self {
            holder,
            mount,
            user,
            scratch,
        }
    }

    fn within(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        let namespace = format!("--mount=/proc/{}/ns/mnt", self.holder.id());
        command.arg(namespace).arg("--").arg(program);
        command
    }

    /// Mounts it again with other options.
    fn remount(&self, options: &str) {
        let mut command = self.within("mount");
        command.args(["-o", &format!("remount,{options}")]);
        let status = command.arg(&self.mount).status().unwrap();
        assert!(status.success(), "{options}");
    }

    /// Makes whatever changes something wait, until the result is dropped.
    fn freeze(&self) -> Frozen<'_> {
        let status = self.within("fsfreeze").arg("-f").arg(&self.mount).status();
        assert!(status.unwrap().success());
        Frozen(self)
    }

    /// What is used of it, in KiB.
    fn used(&self) -> u64 {
        let found = rustix::fs::statvfs(self.outside(&self.mount)).unwrap();
        (found.f_blocks - found.f_bfree) * found.f_frsize / 1024
    }

    /// How this process reaches what is there.
    fn outside(&self, path: &Path) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(path.strip_prefix("/").unwrap())
    }

    fn data(&self) -> PathBuf {
        self.mount.join("data")
    }

    /// Starts a server, or gives what it said when it ended.
    fn start(&self) -> Result<Running, String> {
        self.launch(&["--data".as_ref(), &self.data()])
    }

    fn launch(&self, arguments: &[&Path]) -> Result<Running, String> {
        let mut command = self.within("sh");
        // So that modes are those that the server has chosen.
        command.args(["-c", "umask 077; exec \"$@\"", "sh", "setpriv"]);
        if self.user == User::Unprivileged {
            command.arg("--bounding-set=-all");
        }
        command.arg(binary().unwrap());
        attempt::start(command, arguments, self.scratch.path()).unwrap()
    }

    /// Starts a server where nothing is in its way.
    fn served(&self, what: &str) -> Running {
        self.start()
            .unwrap_or_else(|error| panic!("{:?}, {what}: {error}", self.user))
    }

    /// What a server that doesn't start has to say.
    fn told(&self, message: &str, what: &str) {
        let path = self.data();
        let named = message.contains(path.to_str().unwrap());
        let told = named && WAYS_OUT.iter().any(|way| message.contains(way));
        assert!(told, "{:?}, {what}: {message}", self.user);
    }
}

/// A disk that does not answer for a while. Nothing that waits for it can be killed.
struct Frozen<'a>(&'a Disk);

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        let mut command = self.0.within("fsfreeze");
        let _ = command.arg("-u").arg(&self.0.mount).status();
    }
}

/// What a message may offer.
const WAYS_OUT: [&str; 3] = [
    "make room",
    "mount it writable",
    "choose another with --data",
];

/// A file and its directory, as a client knows them.
struct Made {
    file: Vec<u8>,
    directory: Vec<u8>,
}

impl Made {
    fn new(running: &Running) -> Self {
        let mut session =
            Session::establish(running.address, &ClientOptions::new("maker")).unwrap();
        let root = session.root();
        let asked = [FATTR4_MODE, FATTR4_OWNER];
        let reply = session.compound().putfh(&root).getattr(&asked).ok();
        let found = reply.attributes();
        assert_eq!(found.owner.unwrap().as_slice(), b"0");
        assert_eq!(found.mode, Some(0o755));
        let directory = session.make_directory(&root, "directory");
        let file = session.make_file(&directory, "file", CONTENT);
        let set = Attributes {
            mode: Some(MODE),
            owner: Some(OWNER.into()),
            ..Attributes::default()
        };
        let compound = session.compound().putfh(&file);
        compound.setattr(Stateid4::ANONYMOUS, &set).ok();
        Self { file, directory }
    }

    /// Whether a client sees all that it saw before, by the handles that it has.
    fn is_served(&self, running: &Running) {
        let mut session =
            Session::establish(running.address, &ClientOptions::new("reader")).unwrap();
        let end = Instant::now() + PATIENCE;
        let reply = loop {
            let compound = session.compound().putfh(&self.file);
            let compound = compound.getattr(&[FATTR4_MODE, FATTR4_OWNER]);
            let reply = compound.read(Stateid4::ANONYMOUS, 0, 100).send();
            let later = [NFS4ERR_DELAY, NFS4ERR_GRACE].contains(&reply.status());
            if !later || Instant::now() > end {
                break reply.assert(NFS4_OK);
            }
            sleep(Duration::from_millis(5));
        };
        let found = reply.attributes();
        assert_eq!(found.owner.unwrap().as_slice(), OWNER.as_bytes());
        assert_eq!(found.mode, Some(MODE));
        assert_eq!(reply.read().data.as_slice(), CONTENT);
        let compound = session.compound().putfh(&self.directory);
        assert_eq!(compound.lookup("file").getfh().ok().handle(), self.file);
    }
}

/// Some of the numbers up to `last`, with the first and the last ones.
fn some(last: u64, step: u64, count: u32) -> Vec<u64> {
    let apart = (last / step / u64::from(count)).max(1) * step;
    let mut some: Vec<u64> = (step..=last).step_by(apart.try_into().unwrap()).collect();
    some.extend([2 * step, last.saturating_sub(step), last, last + step]);
    some.retain(|number| *number > 0);
    some
}

/// A first start on that disk, and one after there is room.
fn begins(disk: &Disk, what: &str) -> bool {
    let served = match disk.start() {
        Ok(_) => true,
        Err(message) => {
            disk.told(&message, what);
            false
        }
    };
    disk.remount(&format!("size={ROOMY}k,nr_inodes=10000"));
    let running = disk.served(&format!("{what}, then room"));
    let made = Made::new(&running);
    drop(running);
    made.is_served(&disk.served(&format!("{what}, then room, again")));
    served
}

#[test]
fn a_first_start_where_the_disk_is_full_at_any_moment_is_told_and_the_next_serves() {
    for user in [User::Root, User::Unprivileged] {
        let roomy = Disk::new(user, ROOMY, 10_000);
        drop(roomy.served("room"));
        let sizes = some(roomy.used(), 4, amount(8, 400));
        let served = sizes.iter().filter(|size| {
            let disk = Disk::new(user, **size, 10_000);
            begins(&disk, &format!("{size} KiB"))
        });
        let served = served.count();
        assert!((1..sizes.len()).contains(&served), "{served} were served");
    }
}

#[test]
fn a_first_start_where_no_object_can_be_made_is_told_and_the_next_serves() {
    for user in [User::Root, User::Unprivileged] {
        let served = (1..=24).filter(|objects| {
            let disk = Disk::new(user, ROOMY, *objects);
            begins(&disk, &format!("{objects} objects"))
        });
        let served = served.count();
        assert!((1..24).contains(&served), "{served} were served");
    }
}

#[test]
fn a_restart_on_a_full_disk_serves_all_or_is_told() {
    for user in [User::Root, User::Unprivileged] {
        let disk = Disk::new(user, ROOMY, 10_000);
        let running = disk.served("room");
        let made = Made::new(&running);
        drop(running);
        for (left, objects) in [(0, true), (4, true), (16, true), (64, true), (ROOMY, false)] {
            let what = format!("{left} KiB left, objects left: {objects}");
            let found = rustix::fs::statvfs(disk.outside(&disk.mount)).unwrap();
            let used = found.f_files - found.f_ffree;
            let all = if objects { 10_000 } else { used };
            disk.remount(&format!("size={}k,nr_inodes={all}", disk.used() + left));
            match disk.start() {
                Ok(running) => made.is_served(&running),
                Err(message) => disk.told(&message, &what),
            }
            disk.remount(&format!("size={ROOMY}k,nr_inodes=10000"));
            made.is_served(&disk.served(&format!("{what}, then room")));
        }
    }
}

#[test]
fn a_start_where_the_disk_is_read_only_is_told_and_changes_nothing() {
    for user in [User::Root, User::Unprivileged] {
        let disk = Disk::new(user, ROOMY, 10_000);
        disk.remount("ro");
        let message = disk.start().map(drop).unwrap_err();
        disk.told(&message, "read-only, and nothing there");
        disk.remount("rw");
        let running = disk.served("writable");
        let made = Made::new(&running);
        drop(running);
        disk.remount("ro");
        let message = disk.start().map(drop).unwrap_err();
        disk.told(&message, "read-only");
        assert!(message.contains("mount it writable"), "{message}");
        disk.remount("rw");
        made.is_served(&disk.served("writable again"));
    }
}

#[test]
fn a_tree_may_be_read_only() {
    for user in [User::Root, User::Unprivileged] {
        let disk = Disk::new(user, ROOMY, 10_000);
        fs::write(disk.outside(&disk.mount).join("file"), CONTENT).unwrap();
        disk.remount("ro");
        let data = disk.scratch.path().join("data");
        let arguments = [
            "--data".as_ref(),
            data.as_path(),
            "--root".as_ref(),
            &disk.mount,
        ];
        let running = disk.launch(&arguments).unwrap();
        let mut session =
            Session::establish(running.address, &ClientOptions::new("reader")).unwrap();
        let root = session.root();
        let open = Open::read("file");
        let (stateid, file) = session.open(&root, &open);
        let reply = session.compound().putfh(&file).read(stateid, 0, 100).ok();
        assert_eq!(reply.read().data.as_slice(), CONTENT);
        let compound = session.compound().putfh(&root).remove("file");
        compound.expect(NFS4ERR_ROFS);
        let new = Open::both("new").create();
        session
            .compound()
            .putfh(&root)
            .open(&new)
            .expect(NFS4ERR_ROFS);
    }
}

#[test]
fn a_disk_that_does_not_answer_keeps_nobody_waiting_who_changes_nothing() {
    const MAKERS: usize = 40;
    let disk = Disk::ext4(32);
    let data = disk.scratch.path().join("data");
    let running = disk
        .launch(&[
            "--data".as_ref(),
            data.as_path(),
            "--root".as_ref(),
            &disk.mount,
        ])
        .unwrap();
    let session = |name: &str| {
        let options = ClientOptions::new(name);
        Session::establish(running.address, &options).unwrap()
    };
    let mut reader = session("reader");
    let root = reader.root();
    let file = reader.make_file(&root, "file", CONTENT);
    let mut makers: Vec<Session> = (0..MAKERS).map(|at| session(&format!("{at}"))).collect();
    let homes: Vec<_> = (0..MAKERS)
        .map(|at| reader.make_directory(&root, &format!("home-{at}")))
        .collect();

    let frozen = disk.freeze();
    let posted: Vec<u32> = makers
        .iter_mut()
        .zip(&homes)
        .enumerate()
        .map(|(at, (maker, home))| {
            let compound = maker.compound().putfh(home);
            let change = match at % 3 {
                0 => compound.mkdir("made", 0o755),
                1 => compound.open(&Open::both("made").create()),
                _ => compound.symlink("target", "made"),
            };
            change.post().unwrap()
        })
        .collect();
    for _ in 0..200 {
        let compound = reader.compound().putfh(&file).getattr(&[FATTR4_SIZE]);
        let reply = compound.read(Stateid4::ANONYMOUS, 0, 100).ok();
        assert_eq!(reply.read().data.as_slice(), CONTENT);
    }
    for maker in &mut makers {
        let silence = Duration::from_millis(1);
        assert!(maker.connection.stays_silent(silence).unwrap());
    }
    session("newcomer").root();

    drop(frozen);
    for (maker, posted) in makers.iter_mut().zip(posted) {
        let reply = maker.connection.compound_reply(posted).unwrap();
        reply.assert(NFS4_OK);
    }
    for home in &homes {
        reader.compound().putfh(home).lookup("made").ok();
    }
}

//! Suites that others wrote, run over the mount: pjdfstest and fsx.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use localefs_integration::bench::{Bench, amount};
use localefs_integration::server::ServerOptions;

/// Cases that cannot pass, each with its reason; beside them fail only those of
/// device nodes, which EFS does not have.
const FAILING: [(&str, &str); 3] = [
    (
        "unlink::open_file_not_freed",
        "the client renames an open file instead of removing it, so that its link count is not 0",
    ),
    (
        "rename::preserve_metadata::regular",
        "EFS meters an empty file as 4 KiB, and the client shows 0 from close until it asks again",
    ),
    (
        "utimensat::utime_omit",
        "on EFS every change of an attribute moves the time of access, also that of another time",
    ),
];

/// How many cases want a block or character device.
const DEVICES: usize = 86;

/// Cases that the suite itself leaves out, each with its reason.
const SKIPPED: [(&str, &str); 14] = [
    (
        "link::link_count_max",
        "the client does not tell programs the limit of the server",
    ),
    ("chmod::erofs_named", READ_ONLY),
    ("chown::erofs_named", READ_ONLY),
    ("chown::lchown::erofs_named", READ_ONLY),
    ("link::erofs_named", READ_ONLY),
    ("mkdir::erofs_new_file", READ_ONLY),
    ("mkfifo::erofs_new_file", READ_ONLY),
    ("open::erofs_named", READ_ONLY),
    ("open::erofs_new_file", READ_ONLY),
    ("rename::erofs_named", READ_ONLY),
    ("rmdir::erofs_named", READ_ONLY),
    ("symlink::erofs_new_file", READ_ONLY),
    ("truncate::erofs_named", READ_ONLY),
    ("unlink::erofs_named", READ_ONLY),
];

const READ_ONLY: &str = "a read-only mount is the client's own affair, and it often refuses to \
                         become one while it still closes files of earlier cases";

const PJDFSTEST: &str = r#"
[features]
posix_fallocate = {}
rename_ctime = {}
utime_now = {}
utimensat = {}
[settings]
naptime = 0.02
[dummy_auth]
entries = [["nobody", "nogroup"], ["tests", "tests"], ["pjdfstest", "pjdfstest"]]
"#;

const FSX: &str = "
flen = 500000
[opsize]
max = 80000
[weights]
close_open = 0.3
invalidate = 0.3
mapread = 1
mapwrite = 1
read = 1
write = 1
truncate = 0.5
fsync = 0.1
fdatasync = 0.1
sendfile = 0.2
posix_fadvise = 0.1
copy_file_range = 0.2
";

/// A tool that `scripts/test` installs: in `LOCALEFS_TOOLS`, else in `tools`
/// beside the build.
fn tool(name: &str) -> Result<PathBuf> {
    let directories = match std::env::var_os("LOCALEFS_TOOLS") {
        Some(directory) => vec![PathBuf::from(directory)],
        None => std::env::current_exe()?
            .ancestors()
            .map(|path| path.join("tools"))
            .collect(),
    };
    directories
        .iter()
        .map(|directory| directory.join("bin").join(name))
        .find(|path| path.exists())
        .with_context(|| format!("{name} is not installed; scripts/test does that"))
}

#[derive(Debug, Default)]
struct Verdicts {
    passed: Vec<String>,
    /// With what was said about them.
    failed: BTreeMap<String, String>,
    skipped: Vec<String>,
}

/// Reads what pjdfstest prints: a name and a verdict a line, remarks indented.
fn verdicts(output: &str) -> Verdicts {
    let mut verdicts = Verdicts::default();
    let mut last = None;
    for line in output.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [name, "ok"] => verdicts.passed.push(name.to_owned()),
            [name, "skipped"] => verdicts.skipped.push(name.to_owned()),
            [name, "FAILED"] => {
                last = Some(name.to_owned());
                verdicts.failed.insert(name.to_owned(), String::new());
                continue;
            }
            _ => {
                if let Some(remarks) = last.as_ref().and_then(|name| verdicts.failed.get_mut(name))
                {
                    remarks.push_str(line.trim());
                    remarks.push('\n');
                }
                continue;
            }
        }
        last = None;
    }
    verdicts
}

#[test]
fn pjdfstest_passes_but_for_what_efs_lacks() -> Result<()> {
    pjdfstest(ServerOptions::default())
}

/// Clients can't tell where owners are kept.
#[test]
fn pjdfstest_gives_the_same_with_shadow_ownership() -> Result<()> {
    pjdfstest(ServerOptions {
        arguments: vec!["--ownership".into(), "shadow".into()],
        ..ServerOptions::default()
    })
}

fn pjdfstest(options: ServerOptions) -> Result<()> {
    let bench = Bench::start(options, 1)?;
    let guest = bench.guest();
    let configuration = guest.share("pjdfstest.toml", PJDFSTEST.as_bytes())?;
    let script = format!(
        "mkdir /run/second; {} -p /mnt/efs -s /run/second -c {configuration}",
        tool("pjdfstest")?.display()
    );
    let output = guest.start(&script)?.wait(Duration::from_secs(600))?;
    let verdicts = verdicts(&output.stdout);
    let total = verdicts.passed.len() + verdicts.failed.len() + verdicts.skipped.len();
    ensure!(
        total == 398,
        "{total} cases: {} {}",
        output.stdout,
        output.stderr
    );
    let device = |name: &str| name.ends_with("::block") || name.ends_with("::char");
    let unexpected: Vec<_> = verdicts
        .failed
        .iter()
        .filter(|(name, _)| !device(name) && FAILING.iter().all(|(known, _)| known != name))
        .collect();
    ensure!(unexpected.is_empty(), "{unexpected:#?}");
    let better: Vec<_> = verdicts
        .passed
        .iter()
        .filter(|name| device(name) || FAILING.iter().any(|(known, _)| known == name))
        .collect();
    ensure!(
        better.is_empty(),
        "these pass and are on the list of failures: {better:?}"
    );
    let skipped: Vec<_> = verdicts
        .skipped
        .iter()
        .filter(|name| SKIPPED.iter().all(|(known, _)| known != name))
        .collect();
    ensure!(skipped.is_empty(), "left out without a reason: {skipped:?}");
    // All of them for the one reason that no device can be made.
    let devices: Vec<_> = verdicts
        .failed
        .iter()
        .filter(|(name, _)| device(name))
        .collect();
    assert_eq!(devices.len(), DEVICES);
    for (name, remarks) in devices {
        // The kernel passes the server's error on by a number that has no name.
        let refused = remarks.contains("UnknownErrno") || remarks.contains("failed: mknod(");
        ensure!(refused, "{name}: {remarks}");
    }
    assert_eq!(verdicts.skipped.len(), SKIPPED.len());
    println!("{} cases of pjdfstest pass", verdicts.passed.len());
    Ok(())
}

#[test]
fn fsx_finds_no_difference() -> Result<()> {
    let bench = Bench::one()?;
    let guest = bench.guest();
    let configuration = guest.share("fsx.toml", FSX.as_bytes())?;
    let fsx = tool("fsx")?;
    let count = amount(10_000, 100_000);
    let command = format!(
        "{} -f {configuration} -N {count} -S 1 -P /mnt/lab file 2>&1",
        fsx.display()
    );
    let output = guest.start(&command)?.wait(Duration::from_secs(3000))?;
    ensure!(output.status == 0, "{}", output.stdout);
    Ok(())
}

//! docs/fidelity.md, and the proof that its tests can fail.
//!
//! For every row `fidelity.toml` has an edit of the sources which takes the behaviour away. A
//! server built with it must fail the row's test, which the true server passes.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;

/// How long a test may take on a server that lacks something: a client may wait for what never
/// comes.
const PATIENCE: Duration = Duration::from_secs(180);

/// What a server is built of.
const SOURCES: [&str; 9] = [
    "Cargo.toml",
    "Cargo.lock",
    "clippy.toml",
    "rustfmt.toml",
    "protocol",
    "vfs",
    "server",
    "integration",
    "scripts",
];

/// A test among the integration tests: `file::name`.
pub type TestName = String;

/// An edit that takes one behaviour away.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Removal {
    /// The test of the row.
    pub test: TestName,
    /// The source file, from the repository's root.
    pub file: PathBuf,
    /// What is in it exactly once.
    pub find: String,
    /// What is to stand there instead.
    pub replace: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Removals {
    removal: Vec<Removal>,
}

impl Removal {
    /// The source without the behaviour.
    ///
    /// # Errors
    /// If what is to be replaced isn't there, or more than once.
    pub fn apply(&self, source: &str) -> Result<String> {
        let times = source.matches(&self.find).count();
        ensure!(
            times == 1,
            "{}: {:?} is there {times} times, for {}",
            self.file.display(),
            self.find,
            self.test
        );
        Ok(source.replacen(&self.find, &self.replace, 1))
    }
}

/// The repository.
#[must_use]
pub fn repository() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The tests that docs/fidelity.md names, in its order.
pub fn tests_of_the_page() -> Result<Vec<TestName>> {
    let page = fs::read_to_string(repository().join("docs/fidelity.md"))?;
    let rows = page
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| EFS |"));
    rows.map(|row| {
        let cell = row.trim_end_matches(" |").rsplit(" | ").next();
        let test = cell.and_then(|cell| cell.strip_prefix('`')?.strip_suffix('`'));
        let test = test.filter(|test| test.contains("::"));
        Ok(test.with_context(|| format!("no test: {row}"))?.to_owned())
    })
    .collect()
}

/// What `fidelity.toml` says.
pub fn removals() -> Result<Vec<Removal>> {
    let path = repository().join("integration/fidelity.toml");
    let text = fs::read_to_string(&path)?;
    let removals: Removals = toml::from_str(&text).with_context(|| path.display().to_string())?;
    Ok(removals.removal)
}

/// Takes every behaviour away whose test has `filter` in its name, and sees whether the test
/// fails. Gives the tests that did not.
pub fn prove(filter: &str) -> Result<Vec<TestName>> {
    let copy = Copy::make()?;
    let removals = removals()?;
    let chosen: Vec<&Removal> = removals
        .iter()
        .filter(|removal| removal.test.contains(filter))
        .collect();
    ensure!(!chosen.is_empty(), "no test has {filter:?} in its name");
    let mut blind = Vec::new();
    let mut passed: Vec<&str> = Vec::new();
    for (number, removal) in chosen.iter().enumerate() {
        let begin = Instant::now();
        if !passed.contains(&removal.test.as_str()) {
            copy.build()?;
            let verdict = copy.test(&removal.test)?;
            ensure!(
                verdict == Verdict::Passed,
                "{} on the true server: {verdict:?}",
                removal.test
            );
            passed.push(&removal.test);
        }
        let verdict = copy.without(removal, || copy.test(&removal.test))?;
        if verdict == Verdict::Passed {
            blind.push(removal.test.clone());
        }
        println!(
            "{:3}/{} {:6.1} s  {:<9}  {}",
            number + 1,
            chosen.len(),
            begin.elapsed().as_secs_f64(),
            format!("{verdict:?}"),
            removal.test
        );
    }
    Ok(blind)
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Passed,
    Failed,
    /// Did not end.
    Hung,
}

/// A copy of the sources, with a target directory of its own.
struct Copy {
    sources: PathBuf,
    target: PathBuf,
}

impl Copy {
    fn make() -> Result<Self> {
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| repository().join("target"), PathBuf::from)
            .join("fidelity");
        let copy = Self {
            sources: target.join("sources"),
            target,
        };
        for name in SOURCES {
            renew(&repository().join(name), &copy.sources.join(name))?;
        }
        Ok(copy)
    }

    fn build(&self) -> Result<()> {
        let status = Command::new("cargo")
            .args(["build", "--quiet", "--package", "localefs"])
            .current_dir(&self.sources)
            .env("CARGO_TARGET_DIR", &self.target)
            .status()
            .context("cannot run cargo")?;
        ensure!(status.success(), "the server cannot be built");
        Ok(())
    }

    /// Runs a test of the repository on the server of the copy.
    fn test(&self, test: &str) -> Result<Verdict> {
        let (file, name) = test.split_once("::").context("no test")?;
        let mut child = Command::new("cargo")
            .args(["test", "--quiet", "--package", "localefs-integration"])
            .args(["--test", file, "--", "--exact", name])
            .current_dir(repository())
            .env("LOCALEFS_BIN", self.target.join("debug/localefs"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("cannot run cargo")?;
        Ok(match wait(&mut child, PATIENCE)? {
            Some(status) if status.success() => Verdict::Passed,
            Some(_) => Verdict::Failed,
            None => Verdict::Hung,
        })
    }

    fn without<T>(&self, removal: &Removal, then: impl FnOnce() -> Result<T>) -> Result<T> {
        let path = self.sources.join(&removal.file);
        let whole = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        fs::write(&path, removal.apply(&whole)?)?;
        let result = self
            .build()
            .with_context(|| format!("without what {} tests", removal.test))
            .and_then(|()| then());
        fs::write(&path, whole)?;
        result
    }
}

/// Makes `to` the same as `from`, without touching files that are: they need not be built again.
fn renew(from: &Path, to: &Path) -> Result<()> {
    if from.is_file() {
        let contents = fs::read(from)?;
        if fs::read(to).ok().as_ref() != Some(&contents) {
            fs::create_dir_all(to.parent().context("no parent")?)?;
            fs::write(to, contents)?;
        }
        return Ok(());
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let name = entry?.file_name();
        renew(&from.join(&name), &to.join(&name))?;
    }
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        if !from.join(entry.file_name()).exists() {
            match entry.file_type()?.is_dir() {
                true => fs::remove_dir_all(entry.path())?,
                false => fs::remove_file(entry.path())?,
            }
        }
    }
    Ok(())
}

/// Waits for the end of a process, or ends it and all of its group.
fn wait(child: &mut Child, patience: Duration) -> Result<Option<ExitStatus>> {
    let end = Instant::now() + patience;
    while Instant::now() < end {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(Duration::from_millis(50));
    }
    let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else {
        bail!("no process");
    };
    kill_process_group(group, Signal::KILL)?;
    child.wait()?;
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_or_twice_cannot_be_taken_away() {
        let removal = Removal {
            test: "a::b".into(),
            file: "a.rs".into(),
            find: "x".into(),
            replace: "y".into(),
        };
        assert_eq!(removal.apply("a x b").unwrap(), "a y b");
        removal.apply("a b").unwrap_err();
        removal.apply("x x").unwrap_err();
    }
}

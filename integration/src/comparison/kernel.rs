//! The same servers under a Linux kernel's client, in a virtual machine.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::contestant::{Contestant, Kind};
use super::statistics::Samples;
use super::{Plan, Who};
use crate::guest::{EFS_OPTIONS, Guest};
use crate::lab::Lab;
use crate::wire::SHARED;

/// What an ordinary program does.
const SMALL_FILES: &str = include_str!("../../guest/small_files.py");

/// How long one turn may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// What a step has cost.
#[derive(Clone, Debug, Default)]
pub struct Cost {
    /// Microseconds.
    pub time: Samples,
    /// Calls to the server.
    pub calls: Samples,
}

/// Steps, in the order of their names, and who took them.
pub type Table = BTreeMap<String, BTreeMap<Who, Cost>>;

/// Lets both take turns.
///
/// # Errors
/// If a mount or a step fails.
pub fn compare(
    lab: &Lab,
    plan: &Plan,
    contestants: &[Contestant],
    say: &mut dyn FnMut(&str),
) -> Result<Table> {
    let guest = lab.boot("bench")?;
    let pin = std::env::var("PINGUEST").unwrap_or("0".into());
    guest.pin(&pin)?;
    let pin = std::env::var("PINSERVER").unwrap_or("0".into());
    contestants.iter().try_for_each(|one| one.pin(&pin))?;
    for one in contestants {
        let options = format!("{EFS_OPTIONS},port={}", one.port);
        guest.mount_at("/", mount_point(one.kind), &options)?;
    }
    let mut table = Table::new();
    for pair in 1..=plan.pairs {
        for one in contestants {
            let name = one.kind.name();
            say(&format!("Linux client, {pair} of {}: {name}", plan.pairs));
            small_files(&guest, plan, one, &mut table)?;
            fio(&guest, one, &mut table)?;
        }
    }
    Ok(table)
}

fn mount_point(kind: Kind) -> &'static str {
    match kind {
        Kind::Localefs => "/mnt/localefs",
        Kind::Ganesha => "/mnt/ganesha",
    }
}

fn small_files(guest: &Guest, plan: &Plan, one: &Contestant, table: &mut Table) -> Result<()> {
    let python = guest.python()?;
    // Longer than a line of the terminal that it would go through.
    std::fs::write(guest.directory().join("small_files.py"), SMALL_FILES)?;
    python.run(&format!(
        "exec(open({:?}).read())",
        format!("{SHARED}/small_files.py")
    ))?;
    let mount = mount_point(one.kind);
    let measure = format!("measure({mount:?}, {}, 64)", plan.small_files);
    let measured = python.run_within(&measure, PATIENCE)?;
    for (step, values) in measured.as_object().context("no table")? {
        let value = |at: usize| values.get(at).and_then(Value::as_f64);
        let cost = table.entry(step.clone()).or_default();
        let cost = cost.entry(one.kind.name()).or_default();
        cost.time.add(value(0).context("no time")?);
        cost.calls.add(value(1).context("no calls")?);
    }
    Ok(())
}

/// fio: what it reads and writes, and how many mebibytes of it.
const JOBS: &[(&str, &str, &str)] = &[
    ("fio: write, 1 MiB, fsync", "write", "1M"),
    ("fio: read, 1 MiB", "read", "1M"),
    ("fio: random read, 4 KiB", "randread", "4k"),
    ("fio: random write, 4 KiB", "randwrite", "4k"),
];

fn fio(guest: &Guest, one: &Contestant, table: &mut Table) -> Result<()> {
    for (step, kind, block) in JOBS {
        guest.drop_caches()?;
        let size = if *block == "1M" { "64M" } else { "8M" };
        let script = format!(
            "cd {} && exec fio --name=job --filename=fio --rw={kind} --bs={block} --size={size} \
             --end_fsync=1 --output-format=json",
            mount_point(one.kind)
        );
        let text = guest.start(&script)?.succeed(PATIENCE)?;
        let begin = text.find('{').context("no JSON")?;
        let told: Value = serde_json::from_str(&text[begin..])?;
        let side = if kind.ends_with("read") {
            "read"
        } else {
            "write"
        };
        let of = |name: &str| told.pointer(&format!("/jobs/0/{side}/{name}"));
        let count = of("total_ios")
            .and_then(Value::as_f64)
            .context("no count")?;
        let runtime = told.pointer("/jobs/0/job_runtime").and_then(Value::as_f64);
        let microseconds = runtime.context("no time")? * 1000.0 / count;
        let cost = table.entry((*step).to_owned()).or_default();
        let cost = cost.entry(one.kind.name()).or_default();
        cost.time.add(microseconds);
    }
    guest.succeed(&format!("rm -f {}/fio", mount_point(one.kind)))?;
    Ok(())
}

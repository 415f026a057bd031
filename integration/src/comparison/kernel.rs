//! The same servers under a Linux kernel's client, in a virtual machine.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::contestant::{Contestant, Kind};
use super::statistics::Samples;
use super::{Plan, Who};
use crate::growth::Usage;
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
    /// Microseconds of the server's processor time.
    pub processor: Samples,
    /// Calls to the server.
    pub calls: Samples,
}

/// Steps on the disk of a kind, in the order of their names, and who took them.
pub type Table = BTreeMap<(String, String), BTreeMap<Who, Cost>>;

/// The processor of the guest and of both servers. On more, what a step takes is what it takes to
/// wake another one up: 100 to 200 or 500 to 900 microseconds, by chance and with either server.
const PROCESSOR: &str = "0";

/// Lets both take turns.
///
/// # Errors
/// If a mount or a step fails.
pub fn compare(
    lab: &Lab,
    plan: &Plan,
    disk: &str,
    contestants: &[Contestant],
    table: &mut Table,
    say: &mut dyn FnMut(&str),
) -> Result<()> {
    let guest = lab.boot("bench")?;
    guest.pin(PROCESSOR)?;
    for one in contestants {
        one.pin(PROCESSOR)?;
        let options = format!("{EFS_OPTIONS},port={}", one.port);
        guest.mount_at("/", mount_point(one.kind), &options)?;
    }
    // Whoever is first has the guest touch its memory for the first time, which costs it as much
    // again as writing into it.
    let mut unheeded = Table::new();
    for pair in 0..=plan.pairs {
        for one in contestants {
            let name = one.kind.name();
            say(&format!(
                "{disk}, Linux client, {pair} of {}: {name}",
                plan.pairs
            ));
            let mut turn = Turn {
                guest: &guest,
                contestant: one,
                disk,
                table: if pair == 0 {
                    &mut unheeded
                } else {
                    &mut *table
                },
            };
            turn.small_files(plan)?;
            turn.fio()?;
        }
    }
    Ok(())
}

fn mount_point(kind: Kind) -> &'static str {
    match kind {
        Kind::Localefs => "/mnt/localefs",
        Kind::Ganesha => "/mnt/ganesha",
    }
}

/// fio: what it reads and writes, and how many mebibytes of it.
const JOBS: &[(&str, &str, &str)] = &[
    ("fio: write, 1 MiB, fsync", "write", "1M"),
    ("fio: read, 1 MiB", "read", "1M"),
    ("fio: random read, 4 KiB", "randread", "4k"),
    ("fio: random write, 4 KiB", "randwrite", "4k"),
];

/// One server's turn.
struct Turn<'a> {
    guest: &'a Guest,
    contestant: &'a Contestant,
    disk: &'a str,
    table: &'a mut Table,
}

impl Turn<'_> {
    fn cost(&mut self, step: &str) -> &mut Cost {
        let row = self.table.entry((self.disk.to_owned(), step.to_owned()));
        row.or_default()
            .entry(self.contestant.kind.name())
            .or_default()
    }

    /// The server's processor time so far, in microseconds.
    fn processor(&self) -> Result<f64> {
        Ok(Usage::of(self.contestant.pid())?.processor.as_secs_f64() * 1e6)
    }

    fn small_files(&mut self, plan: &Plan) -> Result<()> {
        let python = self.guest.python()?;
        // Longer than a line of the terminal that it would go through.
        std::fs::write(self.guest.directory().join("small_files.py"), SMALL_FILES)?;
        python.run(&format!(
            "exec(open({:?}).read())",
            format!("{SHARED}/small_files.py")
        ))?;
        let mount = mount_point(self.contestant.kind);
        python.run(&format!(
            "steps = measure({mount:?}, {}, 64)",
            plan.small_files
        ))?;
        loop {
            let told = python.run_within("next(steps, None)", PATIENCE)?;
            if told.is_null() {
                return Ok(());
            }
            let (step, times): (String, f64) = serde_json::from_value(told)?;
            let before = self.processor()?;
            let told = python.run_within("next(steps)", PATIENCE)?;
            let processor = (self.processor()? - before) / times;
            let (time, calls): (f64, f64) = serde_json::from_value(told)?;
            let cost = self.cost(&step);
            cost.time.add(time);
            cost.processor.add(processor);
            cost.calls.add(calls);
        }
    }

    fn fio(&mut self) -> Result<()> {
        let mount = mount_point(self.contestant.kind);
        for (step, kind, block) in JOBS {
            self.guest.drop_caches()?;
            let size = if *block == "1M" { "64M" } else { "8M" };
            let script = format!(
                "cd {mount} && exec fio --name=job --filename=fio --rw={kind} --bs={block} \
                 --size={size} --end_fsync=1 --output-format=json",
            );
            let before = self.processor()?;
            let text = self.guest.start(&script)?.succeed(PATIENCE)?;
            let processor = self.processor()? - before;
            let begin = text.find('{').context("no JSON")?;
            let told: Value = serde_json::from_str(&text[begin..])?;
            let side = if kind.ends_with("read") {
                "read"
            } else {
                "write"
            };
            let of = |name: &str| {
                let value = told.pointer(&format!("/jobs/0/{name}"));
                value.and_then(Value::as_f64)
            };
            let count = of(&format!("{side}/total_ios")).context("no count")?;
            let milliseconds = of("job_runtime").context("no time")?;
            let cost = self.cost(step);
            cost.time.add(milliseconds * 1000.0 / count);
            cost.processor.add(processor / count);
        }
        self.guest.succeed(&format!("rm -f {mount}/fio"))?;
        Ok(())
    }
}

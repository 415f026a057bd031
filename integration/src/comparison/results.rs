//! The page that tells what was measured.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::contestant::Kind;
use super::statistics::Samples;
use super::{BARE, CEILING, Measured, Plan, Processors, Table, Who, kernel, plot};

/// What the kernel's own server answers the Linux client in so many calls (Linux 6.1).
const KERNEL_CALLS: &[(&str, f64)] = &[
    ("create, close", 3.0),
    ("rename", 1.0),
    ("link", 2.0),
    ("unlink", 1.0),
    ("mkdir", 1.0),
    ("rmdir", 1.0),
    ("symlink", 1.0),
];

/// The steps that a program takes with small files; taken once each, they are a row of their own.
const SMALL_FILES: &[&str] = &[
    "create, close",
    "link",
    "mkdir",
    "open, read, close",
    "rename",
    "rmdir",
    "stat",
    "symlink",
    "unlink",
    "write 4 KiB, close",
];

/// All that was measured.
#[derive(Debug)]
pub struct Results {
    /// How.
    pub plan: Plan,
    /// With the load generator.
    pub table: Table,
    /// With a Linux client.
    pub kernel: kernel::Table,
    /// Resident KiB before anybody has connected.
    pub idle: BTreeMap<Who, u64>,
    /// Milliseconds from the start of localefs to its first answers.
    pub starts: Samples,
}

fn number(value: Option<f64>) -> String {
    match value {
        None => String::new(),
        Some(value) if value >= 100.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

/// A median with the spread of the runs.
fn spread(samples: Option<&Samples>) -> String {
    let Some(median) = samples.and_then(Samples::median) else {
        return String::new();
    };
    let spread = samples.and_then(Samples::spread).unwrap_or(0.0);
    format!("{} ±{:.0}%", number(Some(median)), spread * 50.0)
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(
        |_| "unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

/// How many times as long nfs-ganesha takes.
fn kernel_ratio(row: &BTreeMap<Who, kernel::Cost>) -> Option<f64> {
    let time = |who: Who| row.get(who).and_then(|cost| cost.time.median());
    Some(time("nfs-ganesha")? / time("localefs")?)
}

/// The processor, as /proc/cpuinfo names it.
fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let name = name.map(|rest| rest.trim_start_matches(['\t', ' ', ':']));
    name.unwrap_or("unknown").to_owned()
}

impl Results {
    /// Writes the page and its plots into a directory.
    ///
    /// # Errors
    /// Those of the files.
    pub fn write(&self, directory: &Path) -> Result<()> {
        fs::create_dir_all(directory)?;
        fs::write(directory.join("results.md"), self.page())?;
        fs::write(directory.join("rates.svg"), self.rates_plot())?;
        if !self.kernel.is_empty() {
            fs::write(directory.join("linux.svg"), self.kernel_plot())?;
        }
        Ok(())
    }

    fn page(&self) -> String {
        let mut page = String::new();
        let processors = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
        let plan = &self.plan;
        let _ = write!(
            page,
            "# Results\n\nMade by `scripts/bench`; [what they mean](../performance.md).\n\n\
             - {}, {processors} processors ({}), Linux {}\n\
             - localefs of commit {}; nfs-ganesha {}\n\
             - {} runs of each server in turn, {} s each; a median with half the distance between \
             the fastest and the slowest run\n",
            said("date", &["--utc", "+%Y-%m-%d"]),
            processor(),
            said("uname", &["-r"]),
            said("git", &["describe", "--always", "--dirty"]),
            said(
                "dpkg-query",
                &["--show", "--showformat=${Version}", "nfs-ganesha"]
            ),
            plan.pairs,
            plan.seconds,
        );
        for kind in Kind::ALL {
            let _ = writeln!(page, "- {}: {}", kind.name(), kind.durability());
        }
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split(' ').next().unwrap_or_default();
        let _ = writeln!(page, "- load average when it ended: {load}\n");
        page.push_str("![rates](rates.svg)\n");
        self.servers(&mut page);
        self.linux(&mut page);
        self.rest(&mut page);
        page
    }

    fn servers(&self, page: &mut String) {
        let mut last = None;
        for (setting, row) in &self.table {
            let head = (&setting.disk, setting.processors);
            if last != Some(head) {
                last = Some(head);
                let title = match setting.processors {
                    Processors::One => "server and client on one processor",
                    Processors::All => "on all processors",
                };
                let _ = write!(
                    page,
                    "\n## {}, {title}\n\n\
                     | work | localefs op/s | ganesha op/s | ratio | ceiling op/s | of ceiling \
                     | localefs CPU µs | ganesha CPU µs | bare calls µs | CPU ratio without them \
                     | localefs p50, p99 µs | ganesha p50, p99 µs |\n\
                     |---|---|---|---|---|---|---|---|---|---|---|---|\n",
                    setting.disk
                );
            }
            let of = |who: Who| row.get(who);
            let (own, other) = (of("localefs"), of("nfs-ganesha"));
            let median = |one: Option<&Measured>, part: fn(&Measured) -> &Samples| {
                one.and_then(|one| part(one).median())
            };
            let quantiles = |one| {
                let p50 = number(median(one, |m| &m.p50));
                format!("{p50}, {}", number(median(one, |m| &m.p99)))
            };
            let rate = |one| median(one, |m: &Measured| &m.rate);
            let processor = |one| median(one, |m: &Measured| &m.processor);
            let bare = processor(of(BARE));
            let without = |one| Some(processor(one)? - bare?);
            let ratio = |a: Option<f64>, b: Option<f64>| Some(a? / b?).filter(|r| r.is_finite());
            // Who answers without the calls takes less than they do.
            let without = |one| without(one).filter(|time| *time > 0.0);
            let _ = writeln!(
                page,
                "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                setting.work,
                spread(own.map(|m| &m.rate)),
                spread(other.map(|m| &m.rate)),
                number(ratio(rate(own), rate(other))),
                number(rate(of(CEILING))),
                number(ratio(rate(own), rate(of(CEILING)))),
                spread(own.map(|m| &m.processor)),
                spread(other.map(|m| &m.processor)),
                number(bare),
                number(ratio(without(own), without(other))),
                quantiles(own),
                quantiles(other),
            );
        }
    }

    fn linux(&self, page: &mut String) {
        if self.kernel.is_empty() {
            return;
        }
        page.push_str(
            "\n## A Linux client in a virtual machine\n\n![times](linux.svg)\n\n\
             Client and server on one processor. Calls are those to the server, without SEQUENCE \
             alone.\n",
        );
        let mut last = None;
        for ((disk, step), row) in &self.kernel {
            if last != Some(disk) {
                last = Some(disk);
                let _ = write!(
                    page,
                    "\n| step, on {disk} | localefs µs | ganesha µs | ganesha's of localefs' \
                     | localefs CPU µs | ganesha CPU µs | localefs calls | ganesha calls \
                     | the kernel's own server |\n|---|---|---|---|---|---|---|---|---|\n"
                );
            }
            let of = |who: Who, part: fn(&kernel::Cost) -> &Samples| row.get(who).map(part);
            let known = KERNEL_CALLS.iter().find(|(name, _)| name == step);
            let calls = |who| of(who, |cost| &cost.calls).and_then(Samples::median);
            let _ = writeln!(
                page,
                "| {step} | {} | {} | {} | {} | {} | {} | {} | {} |",
                spread(of("localefs", |cost| &cost.time)),
                spread(of("nfs-ganesha", |cost| &cost.time)),
                number(kernel_ratio(row)),
                spread(of("localefs", |cost| &cost.processor)),
                spread(of("nfs-ganesha", |cost| &cost.processor)),
                number(calls("localefs")),
                number(calls("nfs-ganesha")),
                number(known.map(|known| known.1)),
            );
        }
        let disks: BTreeSet<_> = self.kernel.keys().map(|(disk, _)| disk).collect();
        page.push('\n');
        for disk in disks {
            let together = |who| {
                let time = |step: &&str| {
                    let row = self.kernel.get(&(disk.clone(), (*step).to_owned()))?;
                    row.get(who)?.time.median()
                };
                SMALL_FILES.iter().map(time).sum::<Option<f64>>()
            };
            if let (Some(own), Some(other)) = (together("localefs"), together("nfs-ganesha")) {
                let _ = writeln!(
                    page,
                    "- {disk}: {} take {own:.0} µs together, {other:.0} with nfs-ganesha: {:.2} \
                     times as long",
                    SMALL_FILES.join("; "),
                    other / own
                );
            }
        }
    }

    fn rest(&self, page: &mut String) {
        page.push_str("\n## Memory and start\n\n");
        for (who, resident) in &self.idle {
            #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
            let mebibytes = *resident as f64 / 1024.0;
            let _ = writeln!(page, "- {who}, idle: {mebibytes:.1} MiB resident");
        }
        let _ = writeln!(
            page,
            "- localefs, from the start of its process to a client with a session, on a new \
             directory: {} ms",
            spread(Some(&self.starts))
        );
    }

    fn rates_plot(&self) -> String {
        let mut bars = Vec::new();
        for (setting, row) in &self.table {
            if setting.processors != Processors::One {
                continue;
            }
            let rate = |who: Who| row.get(who).and_then(|m| m.rate.median());
            if let (Some(own), Some(other)) = (rate("localefs"), rate("nfs-ganesha")) {
                bars.push((format!("{} ({})", setting.work, setting.disk), own / other));
            }
        }
        plot::bars(
            "Operations per second: localefs / nfs-ganesha, on one processor",
            &bars,
        )
    }

    fn kernel_plot(&self) -> String {
        let bars: Vec<plot::Bar> = self
            .kernel
            .iter()
            .filter_map(|((disk, step), row)| {
                Some((format!("{step} ({disk})"), kernel_ratio(row)?))
            })
            .collect();
        plot::bars(
            "Linux client, time of a step: nfs-ganesha / localefs",
            &bars,
        )
    }
}

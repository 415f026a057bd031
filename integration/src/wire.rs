//! What a lab and the init of its guests say to each other over the guest's
//! serial line: one JSON object a line, in both directions.
//!
//! The line is no part of the guest's network, so that it goes on working when
//! a test cuts the guest off or forbids it the port.

use serde::{Deserialize, Serialize};

/// What a guest is told at boot, in a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Boot {
    /// The host name, which is part of the NFS client's name for itself.
    pub hostname: String,
    /// The guest's address with its prefix length.
    pub address: String,
    /// Where everything else is reached.
    pub gateway: String,
}

/// From the lab to the guest.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "lowercase")]
pub enum Request {
    /// Run the script of this number.
    Run {
        /// Names the job in everything that follows.
        id: u32,
        /// Whether it will get input; otherwise it reads the end of a file.
        input: bool,
    },
    /// Write to a job's standard input.
    Input {
        /// The job.
        id: u32,
        /// What to write.
        text: String,
    },
    /// Send a signal to a job and all that it started.
    Signal {
        /// The job.
        id: u32,
        /// Whether the job may catch it (TERM) or not (KILL).
        kill: bool,
    },
    /// Give the person at the console a shell.
    Shell {
        /// The job that the shell is.
        id: u32,
    },
    /// Report every process and where in the kernel it waits.
    Inspect {
        /// The job whose output the report becomes.
        id: u32,
    },
    /// Power off.
    Halt,
}

/// From the guest to the lab.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// Booted; requests are read.
    Ready,
    /// Booting failed.
    Failed {
        /// Why.
        message: String,
    },
    /// A piece of what a job wrote.
    Output {
        /// The job.
        id: u32,
        /// Standard error instead of standard output.
        error: bool,
        /// The piece; bytes that are not UTF-8 are replaced.
        text: String,
    },
    /// A job ended.
    Exit {
        /// The job.
        id: u32,
        /// Its exit status, or 128 and the signal's number.
        status: i32,
    },
}

/// Where the guest sees the directory that it shares with the lab.
pub const SHARED: &str = "/mnt/lab";

/// The environment variable that names the guest's directory to its init.
pub const DIRECTORY: &str = "LOCALEFS_GUEST";

/// The file of a job's script, in the shared directory.
#[must_use]
pub fn script_name(id: u32) -> String {
    format!("job-{id}")
}

//! What the command line says of faults.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use localefs::faults::{
    MountTargets, Nfsstat4, OpNum, OperationClass, operation_named, status_named,
};

const MIB: f64 = 1048576.0;

/// Which server, and what.
#[derive(Args)]
pub(in crate::cli) struct FaultArguments {
    /// The running server's data directory; that of an ephemeral server is in its banner and its
    /// ready file
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "LOCALEFS_DATA",
        default_value = "localefs-data"
    )]
    pub(super) data: PathBuf,

    #[command(subcommand)]
    pub(super) command: FaultCommand,
}

/// What to do about faults.
#[derive(Subcommand)]
pub(super) enum FaultCommand {
    /// Let requests wait before they are executed
    ///
    /// A request is of the classes of its operations; it waits once, by the fault that lets it
    /// wait the longest. Prints the fault's number.
    Latency(LatencyArguments),
    /// Let an operation fail; nothing of it is done
    ///
    /// Prints the fault's number.
    Error(ErrorArguments),
    /// Limit throughput as EFS does: who asks for more waits
    ///
    /// Prints the fault's number.
    Throughput(ThroughputArguments),
    /// Let a mount target hang: connections stay, new ones are accepted, nothing is answered
    ///
    /// Prints the fault's number.
    Freeze(TargetArguments),
    /// Let a frozen mount target go on
    Unfreeze(TargetArguments),
    /// Reset connections (RST), once or again and again
    Reset(ResetArguments),
    /// Let an operation of AWS's API fail; nothing of it is done
    ///
    /// Prints the fault's number.
    Api(ApiArguments),
    /// Show the faults at work, and how often each has struck
    List(ListArguments),
    /// End faults; what waits goes on
    Clear(ClearArguments),
}

#[derive(Args)]
#[command(group = ArgGroup::new("how").required(true).args(["add", "preset"]))]
pub(super) struct LatencyArguments {
    /// Of which operations; may be repeated, or be a list with commas. All without it
    #[arg(
        long = "class",
        value_name = "CLASS",
        value_delimiter = ',',
        conflicts_with = "preset"
    )]
    pub(super) classes: Vec<Class>,

    /// How long a request waits, as in 3ms or 250us
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(super) add: Option<Duration>,

    /// How much longer at the most, evenly distributed
    #[arg(
        long,
        value_name = "TIME",
        default_value = "0s",
        value_parser = humantime::parse_duration
    )]
    pub(super) jitter: Duration,

    /// The latencies that EFS documents
    #[arg(long)]
    pub(super) preset: Option<Preset>,

    /// How likely a request is to wait
    #[arg(long, value_name = "P", default_value_t = 1.0)]
    pub(super) probability: f64,
}

/// What an operation works on, by the names of EFS's metrics.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Class {
    /// READ
    DataRead,
    /// WRITE, COMMIT
    DataWrite,
    /// GETATTR, LOOKUP, ACCESS, READDIR, OPEN of what exists, CLOSE, LOCK, …
    MetadataRead,
    /// CREATE, OPEN that creates, SETATTR, REMOVE, RENAME, LINK
    MetadataWrite,
}

impl From<Class> for OperationClass {
    fn from(class: Class) -> Self {
        match class {
            Class::DataRead => Self::DataRead,
            Class::DataWrite => Self::DataWrite,
            Class::MetadataRead => Self::MetadataRead,
            Class::MetadataWrite => Self::MetadataWrite,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Preset {
    /// Regional: 250 µs to read, 2.7 ms to write
    Efs,
    /// One Zone: 250 µs to read, 1.6 ms to write
    EfsOneZone,
}

#[derive(Args)]
pub(super) struct ErrorArguments {
    /// An operation of NFSv4.1 by its name (RFC 8881), as WRITE
    #[arg(long, value_name = "NAME", value_parser = parse_operation)]
    pub(super) operation: OpNum,

    /// An error that it may have, by its name with or without NFS4ERR_, as NOSPC
    #[arg(long, value_name = "NAME", value_parser = parse_status)]
    pub(super) status: Nfsstat4,

    /// On what: a path from the root that is mounted, in which * and ? stand for anything in a
    /// name, and ** for any directories. All without it
    #[arg(long, value_name = "PATTERN")]
    pub(super) path: Option<String>,

    /// For this user only
    #[arg(long)]
    pub(super) uid: Option<u32>,

    /// So many times; for ever without it
    #[arg(long, value_name = "N")]
    pub(super) count: Option<u64>,

    /// How likely the operation is to fail
    #[arg(long, value_name = "P", default_value_t = 1.0)]
    pub(super) probability: f64,
}

#[derive(Args)]
pub(super) struct ThroughputArguments {
    /// As in one of EFS's throughput modes; the other options change single numbers of it
    #[arg(long)]
    pub(super) mode: Option<Mode>,

    /// What the file system gets: metered MiB a second, reads at one third. With burst credits,
    /// what is left once they are spent, and what is earned
    #[arg(long, value_name = "N", value_parser = parse_mib)]
    pub(super) mib_per_second: Option<u64>,

    /// Burst credits at first, as in 500MiB; as many can be earned at most, unless a mode says more
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(super) burst_credits: Option<u64>,

    /// MiB a second while there are burst credits [default: 100]
    #[arg(long, value_name = "N", value_parser = parse_mib)]
    pub(super) burst_mib_per_second: Option<u64>,

    /// MiB a second of each client, not metered
    #[arg(long, value_name = "N", value_parser = parse_mib)]
    pub(super) client_mib_per_second: Option<u64>,

    /// Requests a second; one that writes counts as five
    #[arg(long, value_name = "N")]
    pub(super) operations_per_second: Option<u64>,

    /// How much the file system holds, as mode bursting goes by it
    #[arg(long, value_name = "SIZE", default_value = "0", value_parser = parse_size)]
    pub(super) stored: u64,
}

/// EFS's throughput modes.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Mode {
    /// By size: 50 KiB/s for each GiB, at least 1 MiB/s; with credits at least 100 MiB/s
    Bursting,
    /// A rate of one's own: needs --mib-per-second
    Provisioned,
    /// No limit but those of single clients and of requests
    Elastic,
}

#[derive(Args)]
pub(super) struct TargetArguments {
    /// The mount target at this address of the server or of this id (fsmt-…), or those of this
    /// file system (fs-…); all without it
    #[arg(long, value_name = "IP|ID")]
    pub(super) mount_target: Option<MountTargets>,
}

#[derive(Args)]
pub(super) struct ResetArguments {
    #[command(flatten)]
    pub(super) target: TargetArguments,

    /// Again and again, so long after one another; prints the fault's number
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(super) every: Option<Duration>,

    /// How likely each connection is to be reset each time
    #[arg(long, value_name = "P", default_value_t = 1.0, requires = "every")]
    pub(super) probability: f64,
}

#[derive(Args)]
pub(super) struct ApiArguments {
    /// An operation of the API by its name, as CreateFileSystem or ec2:DescribeSubnets
    #[arg(long, value_name = "NAME")]
    pub(super) operation: String,

    /// An error that it may have, as FileSystemLimitExceeded; a refusal names them all
    #[arg(long, value_name = "CODE")]
    pub(super) error: String,

    /// So many times; for ever without it
    #[arg(long, value_name = "N")]
    pub(super) count: Option<u64>,

    /// How likely the call is to fail
    #[arg(long, value_name = "P", default_value_t = 1.0)]
    pub(super) probability: f64,
}

#[derive(Args)]
pub(super) struct ListArguments {
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args)]
pub(super) struct ClearArguments {
    /// Numbers, as `localefs fault list` shows them; all without any
    #[arg(value_name = "ID")]
    pub(super) ids: Vec<u64>,
}

fn parse_operation(text: &str) -> Result<OpNum, String> {
    operation_named(text).map_err(|error| error.to_string())
}

fn parse_status(text: &str) -> Result<Nfsstat4, String> {
    status_named(text).map_err(|error| error.to_string())
}

fn parse_size(text: &str) -> Result<u64, String> {
    text.parse::<ByteSize>()
        .map(|size| size.as_u64())
        .map_err(|_| "a size is needed, as in 500MiB or 2.1TiB".to_owned())
}

/// MiB, which may have decimals, as octets.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "in range, and a fraction of an octet is nothing"
)]
fn parse_mib(text: &str) -> Result<u64, String> {
    let octets = text.parse::<f64>().map(|mib| mib * MIB);
    match octets {
        Ok(octets) if octets >= 1.0 && octets <= 2f64.powi(60) => Ok(octets as u64),
        _ => Err("a number of MiB a second is needed, as in 10 or 0.5".to_owned()),
    }
}

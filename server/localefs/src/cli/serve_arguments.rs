//! How to serve: the words of `localefs serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};

use super::listen::parse_listen;

/// How to serve.
#[derive(Args)]
pub(super) struct ServeArguments {
    /// Keep files and state in this directory; it is made if need be
    #[arg(
        long,
        value_name = "DIR",
        env = "LOCALEFS_DATA",
        default_value = "localefs-data"
    )]
    pub(super) data: PathBuf,

    /// Keep files and state in a temporary directory, gone at exit
    #[arg(long, env = "LOCALEFS_EPHEMERAL", value_parser = BoolishValueParser::new())]
    pub(super) ephemeral: bool,

    /// Serve this existing directory instead of one in the data directory
    #[arg(long, value_name = "TREE", env = "LOCALEFS_ROOT")]
    pub(super) root: Option<PathBuf>,

    /// Serve NFS at this address; may be repeated, or be a list with commas. Port 0 is any free one
    #[arg(
        long,
        value_name = "IP[:PORT]",
        env = "LOCALEFS_LISTEN",
        value_delimiter = ',',
        default_value = "127.0.0.1:2049",
        value_parser = parse_listen
    )]
    pub(super) listen: Vec<SocketAddr>,

    /// Serve AWS's API (EFS, EC2, IAM, STS) at this address; port 0 is any free one
    #[arg(
        long,
        value_name = "IP:PORT",
        env = "LOCALEFS_API",
        default_value = "127.0.0.1:4599"
    )]
    pub(super) api: SocketAddr,

    /// The port of mount targets at their own addresses, 127.n.c.d; 0 is any free one
    #[arg(
        long,
        value_name = "PORT",
        env = "LOCALEFS_MOUNT_TARGET_PORT",
        default_value_t = 2049
    )]
    pub(super) mount_target_port: u16,

    /// Serve mount targets whose address lies in this network at that address too, not only at
    /// its mirror; may be repeated, or be a list with commas
    #[arg(
        long,
        value_name = "CIDR",
        env = "LOCALEFS_BIND",
        value_delimiter = ','
    )]
    pub(super) bind: Vec<localefs::Ipv4Net>,

    /// What clients find that security groups or network ACLs deny
    #[arg(long, env = "LOCALEFS_DENIED", value_enum, default_value_t)]
    pub(super) denied: Denied,

    /// Answer for the names of file systems by DNS at this address; port 0 is any free one
    #[arg(long, value_name = "IP:PORT", env = "LOCALEFS_DNS")]
    pub(super) dns: Option<SocketAddr>,

    /// The account that the API is of
    #[arg(
        long,
        value_name = "DIGITS",
        env = "LOCALEFS_ACCOUNT_ID",
        default_value = "000000000000",
        value_parser = parse_account
    )]
    pub(super) account_id: String,

    /// The region that the API is of
    #[arg(
        long,
        value_name = "REGION",
        env = "LOCALEFS_REGION",
        default_value = "us-east-1",
        value_parser = parse_region
    )]
    pub(super) region: String,

    /// Access key and secret of the account's root user
    #[arg(
        long,
        value_name = "KEY:SECRET",
        env = "LOCALEFS_ROOT_CREDENTIALS",
        default_value = "test:test",
        hide_env_values = true,
        value_parser = parse_credentials
    )]
    pub(super) root_credentials: (String, String),

    /// How long file systems, mount targets and access points stay in the states creating,
    /// updating and deleting
    #[arg(
        long,
        value_name = "SECONDS",
        env = "LOCALEFS_LIFECYCLE_DELAY",
        default_value = "0",
        value_parser = parse_delay
    )]
    pub(super) lifecycle_delay: Duration,

    /// Have everything be there that this file says: file systems, users, policies, as TOML or
    /// JSON. What is there already stays
    #[arg(long, value_name = "FILE", env = "LOCALEFS_SEED")]
    pub(super) seed: Option<PathBuf>,

    /// How long a client may be silent before others get what it has open or locked
    #[arg(
        long,
        value_name = "SECONDS",
        env = "LOCALEFS_LEASE",
        default_value_t = 90,
        value_parser = clap::value_parser!(u32).range(1..=86_400)
    )]
    pub(super) lease: u32,

    /// When changes of names reach the disk: in the order of its journal, or before the reply
    #[arg(long, env = "LOCALEFS_DURABILITY", value_enum, default_value_t)]
    pub(super) durability: Durability,

    /// Where owners and modes are kept: on the disk itself (native), in a table beside the files
    /// (shadow), or whatever works (auto)
    #[arg(long, env = "LOCALEFS_OWNERSHIP", value_enum, default_value_t)]
    pub(super) ownership: Ownership,

    /// Whose files are that somebody on this machine puts there, with shadow ownership
    #[arg(
        long,
        value_name = "UID:GID",
        env = "LOCALEFS_OUTSIDE_OWNER",
        default_value = "0:0",
        value_parser = parse_owner
    )]
    pub(super) outside_owner: (u32, u32),

    /// Serve --root even if other users of this machine can enter it
    #[arg(long, env = "LOCALEFS_TRUST_LOCAL_USERS", value_parser = BoolishValueParser::new())]
    pub(super) trust_local_users: bool,

    /// How many files all clients together may have open; one client may have 65536, as on EFS
    #[arg(
        long,
        value_name = "N",
        env = "LOCALEFS_MAX_OPENS",
        default_value_t = 262_144,
        value_parser = clap::value_parser!(u32).range(16..)
    )]
    pub(super) max_opens: u32,

    /// How many descriptors of files and directories stay open for the next use, as far as the
    /// limit of open files allows (ulimit -n)
    #[arg(
        long,
        value_name = "N",
        env = "LOCALEFS_MAX_DESCRIPTORS",
        default_value_t = 65_536,
        value_parser = clap::value_parser!(u32).range(64..)
    )]
    pub(super) max_descriptors: u32,

    /// Write addresses, data directory and process id to this file, as one JSON object, once
    /// connections are accepted
    #[arg(long, value_name = "PATH", env = "LOCALEFS_READY_FILE")]
    pub(super) ready_file: Option<PathBuf>,

    /// What to log on stderr: a level, or levels by module (localefs=debug)
    #[arg(
        long,
        value_name = "FILTER",
        env = "LOCALEFS_LOG",
        default_value = "info"
    )]
    pub(super) log: String,

    /// How to log: auto is text on a terminal, JSON elsewhere
    #[arg(long, env = "LOCALEFS_LOG_FORMAT", value_enum, default_value_t)]
    pub(super) log_format: LogFormat,
}

/// Where owners and modes are kept.
#[derive(Clone, Copy, Default, ValueEnum)]
pub(super) enum Ownership {
    /// As before; for a new tree on the disk if this process can give files away there
    #[default]
    Auto,
    /// On the disk itself; needs root
    Native,
    /// In a table beside the files
    Shadow,
}

/// What clients find that are denied.
#[derive(Clone, Copy, Default, ValueEnum)]
pub(super) enum Denied {
    /// Nothing, as on AWS: they wait until they are let in
    #[default]
    Silence,
    /// Their connections are reset
    Reset,
}

/// When changes of names reach the disk.
#[derive(Clone, Copy, Default, ValueEnum)]
pub(super) enum Durability {
    /// In the order of the disk's journal
    #[default]
    Ordinary,
    /// Before the reply
    Strict,
}

/// How to log.
#[derive(Clone, Copy, Default, ValueEnum)]
pub(super) enum LogFormat {
    /// Lines for people
    Text,
    /// An object on each line
    Json,
    /// Text on a terminal, JSON elsewhere
    #[default]
    Auto,
}

fn parse_account(text: &str) -> Result<String, String> {
    let is_account = text.len() == 12 && text.bytes().all(|digit| digit.is_ascii_digit());
    is_account
        .then(|| text.to_owned())
        .ok_or_else(|| "an account id has twelve digits".to_owned())
}

fn parse_region(text: &str) -> Result<String, String> {
    let letter = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let is_region = text.split('-').count() >= 3
        && text.len() <= 30
        && text
            .split('-')
            .all(|part| !part.is_empty() && part.bytes().all(letter));
    is_region
        .then(|| text.to_owned())
        .ok_or_else(|| "expected a region, as in us-east-1".to_owned())
}

fn parse_credentials(text: &str) -> Result<(String, String), String> {
    let (key, secret) = text.split_once(':').unwrap_or_default();
    let is_word = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'_' || letter == b'-';
    if key.is_empty() || !key.bytes().all(is_word) || secret.is_empty() {
        return Err("expected KEY:SECRET, the key of letters and digits".to_owned());
    }
    Ok((key.to_owned(), secret.to_owned()))
}

fn parse_delay(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .filter(|seconds| (0.0..=86_400.0).contains(seconds))
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "expected seconds, 86400 at most".to_owned())
}

pub(super) fn parse_owner(text: &str) -> Result<(u32, u32), String> {
    // The last number stands for no user at all.
    let id = |text: &str| text.parse().ok().filter(|id| *id != u32::MAX);
    text.split_once(':')
        .and_then(|(uid, gid)| Some((id(uid)?, id(gid)?)))
        .ok_or_else(|| "two numbers are needed, as in 1000:1000".to_owned())
}

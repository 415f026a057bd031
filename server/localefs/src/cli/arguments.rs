//! What the command line says.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use super::explain::ExplainArguments;
use super::fault_arguments::FaultArguments;
use super::listen::parse_listen;

/// Amazon EFS on your own machine: an NFSv4.1 server that an unmodified Linux kernel mounts.
///
/// Without a command it serves. Whoever can connect is root on what is served: the server
/// believes the user ids that clients assert, as EFS does.
#[derive(Parser)]
#[command(name = "localefs", version, args_conflicts_with_subcommands = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArguments,
}

/// What to do.
#[derive(Subcommand)]
pub(super) enum Command {
    /// Serve a file system until SIGINT or SIGTERM (the default)
    Serve(ServeArguments),
    /// Show a running server: addresses, clients, what they hold
    ///
    /// Exits with 0 if a server answers, 3 if none runs on the data directory, 1 after any other
    /// failure.
    Status(StatusArguments),
    /// Print lines for /etc/hosts: mount targets by name
    ///
    /// Exits with 3 if none runs on the data directory, 1 after any other failure.
    Hosts(HostsArguments),
    /// Print commands that make mounts of this machine come from an instance's address
    ///
    /// To be run as root. Exits with 3 if no server runs on the data directory, 1 after any other
    /// failure.
    Routes(RoutesArguments),
    /// Tell whether a server runs and answers
    ///
    /// Prints one line and exits with 0 if it does, 1 if not.
    Health(RunningServer),
    /// Tell whether somebody can do something, and which rule decides
    ///
    /// Asks the layers that judge real requests: network, IAM, Unix permissions. Exits with 0 if
    /// it is allowed, 1 if not, 2 if the question makes no sense, 3 if no server runs on the data
    /// directory.
    Explain(ExplainArguments),
    /// Write the whole state of a running server to a file: file systems, users, policies, network
    ///
    /// The contents of files are not in it; all secrets are, and so only its owner may read the
    /// file. Exits with 3 if no server runs on the data directory, 1 after any other failure.
    Export(ExportArguments),
    /// Make the state of a running server that of a file that `export` wrote
    ///
    /// All or nothing. File systems that are in both keep their files. Exits with 3 if no server
    /// runs on the data directory, 1 after any other failure.
    Import(ImportArguments),
    /// Make something go wrong, on purpose: latency, errors, limits, dead mount targets
    ///
    /// For those who test how their programs cope. All faults end when the server stops. Exits
    /// with 3 if none runs on the data directory, 1 after any other failure.
    Fault(FaultArguments),
    /// Bring all owners from the disk to a table beside the files, or back
    ///
    /// No server may run on the data directory. To native needs root. If it is interrupted, run
    /// it again.
    ConvertOwnership(ConvertArguments),
    /// Keep the recorded owners that are whole, where some are damaged
    ///
    /// Files whose record is lost then belong to the outside owner. No server may run on the data
    /// directory.
    RepairOwnership(TreeArguments),
    /// Print a script that completes commands and options in a shell
    ///
    /// For bash, for example, into /etc/bash_completion.d/localefs.
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write the manual pages, localefs.1 and one for each command
    Man {
        /// Into this directory
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
}

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

/// Which server to show.
#[derive(Args)]
pub(super) struct StatusArguments {
    #[command(flatten)]
    pub(super) server: RunningServer,

    /// Print JSON
    #[arg(long, env = "LOCALEFS_JSON", value_parser = BoolishValueParser::new())]
    pub(super) json: bool,
}

/// Which names to print.
#[derive(Args)]
pub(super) struct HostsArguments {
    #[command(flatten)]
    pub(super) server: RunningServer,

    /// Give file systems the address of their mount target in this zone, where they have one
    #[arg(long, value_name = "ZONE", env = "LOCALEFS_ZONE")]
    pub(super) zone: Option<String>,
}

/// Which routes to print.
#[derive(Args)]
pub(super) struct RoutesArguments {
    #[command(flatten)]
    pub(super) server: RunningServer,

    /// The instance: its id, its name, that of its interface, or its address in the VPC
    #[arg(long, value_name = "INSTANCE", env = "LOCALEFS_INSTANCE")]
    pub(super) instance: Option<String>,
}

/// Which server to ask.
#[derive(Args)]
pub(super) struct RunningServer {
    /// The running server's data directory; that of an ephemeral server is in its banner and its
    /// ready file
    #[arg(
        long,
        value_name = "DIR",
        env = "LOCALEFS_DATA",
        default_value = "localefs-data"
    )]
    pub(super) data: PathBuf,
}

/// Where the state goes.
#[derive(Args)]
pub(super) struct ExportArguments {
    #[command(flatten)]
    pub(super) server: RunningServer,

    /// Where to; - is the standard output
    #[arg(value_name = "FILE", default_value = "-")]
    pub(super) file: PathBuf,
}

/// Where the state comes from.
#[derive(Args)]
pub(super) struct ImportArguments {
    #[command(flatten)]
    pub(super) server: RunningServer,

    /// Replace what was created there: file systems that are not in FILE go with their files
    #[arg(long)]
    pub(super) replace: bool,

    /// Where from; - is the standard input
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
}

/// Which tree is meant.
#[derive(Args)]
pub(super) struct TreeArguments {
    /// The data directory
    #[arg(
        long,
        value_name = "DIR",
        env = "LOCALEFS_DATA",
        default_value = "localefs-data"
    )]
    pub(super) data: PathBuf,

    /// The directory that is served instead of one in the data directory
    #[arg(long, value_name = "TREE", env = "LOCALEFS_ROOT")]
    pub(super) root: Option<PathBuf>,
}

/// How to convert a tree.
#[derive(Args)]
pub(super) struct ConvertArguments {
    #[command(flatten)]
    pub(super) tree: TreeArguments,

    /// Where owners and modes are to be kept
    #[arg(long, value_enum)]
    pub(super) to: Form,

    /// Whose files are that have no recorded owner
    #[arg(
        long,
        value_name = "UID:GID",
        env = "LOCALEFS_OUTSIDE_OWNER",
        default_value = "0:0",
        value_parser = parse_owner
    )]
    pub(super) outside_owner: (u32, u32),
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

/// Where owners and modes are to be kept.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// On the disk itself; needs root
    Native,
    /// In a table beside the files
    Shadow,
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

fn parse_owner(text: &str) -> Result<(u32, u32), String> {
    // The last number stands for no user at all.
    let id = |text: &str| text.parse().ok().filter(|id| *id != u32::MAX);
    text.split_once(':')
        .and_then(|(uid, gid)| Some((id(uid)?, id(gid)?)))
        .ok_or_else(|| "two numbers are needed, as in 1000:1000".to_owned())
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

/// The definition of the command line.
pub(super) fn definition() -> clap::Command {
    CommandLine::command()
}

/// Reads the command line and the environment. Ends the process if they make no sense, or ask
/// for help.
pub(super) fn parse() -> Command {
    try_parse(std::env::args_os()).unwrap_or_else(|error| error.exit())
}

fn try_parse(
    words: impl IntoIterator<Item = impl Into<std::ffi::OsString> + Clone>,
) -> Result<Command, clap::Error> {
    let matches = CommandLine::command().try_get_matches_from(words)?;
    let line = CommandLine::from_arg_matches(&matches)?;
    Ok(match line.command {
        Some(Command::Serve(arguments)) => {
            let matches = matches.subcommand_matches("serve").unwrap_or(&matches);
            Command::Serve(settle(arguments, matches)?)
        }
        Some(command) => command,
        None => Command::Serve(settle(line.serve, &matches)?),
    })
}

/// Where --data and --ephemeral are both given, one on the command line wins over one in the
/// environment, so that an image can have a default.
fn settle(
    mut arguments: ServeArguments,
    matches: &ArgMatches,
) -> Result<ServeArguments, clap::Error> {
    let (data, ephemeral) = (
        matches.value_source("data"),
        matches.value_source("ephemeral"),
    );
    if arguments.ephemeral && data != Some(ValueSource::DefaultValue) {
        if data == ephemeral {
            return Err(CommandLine::command().error(
                ErrorKind::ArgumentConflict,
                "--data and --ephemeral exclude one another",
            ));
        }
        arguments.ephemeral = ephemeral == Some(ValueSource::CommandLine);
    }
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serve(line: &str) -> ServeArguments {
        match try_parse(line.split(' ')) {
            Ok(Command::Serve(arguments)) => arguments,
            Ok(_) => panic!("{line}: another command"),
            Err(error) => panic!("{line}: {error}"),
        }
    }

    #[test]
    fn definition_is_sound() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn serving_is_the_default() {
        for line in ["localefs", "localefs serve"] {
            let arguments = serve(line);
            assert_eq!(arguments.data, PathBuf::from("localefs-data"));
            assert_eq!(arguments.listen, ["127.0.0.1:2049".parse().unwrap()]);
            assert_eq!(arguments.lease, 90);
            assert!(!arguments.ephemeral && arguments.root.is_none());
        }
    }

    #[test]
    fn options_work_with_and_without_the_command() {
        for command in ["localefs", "localefs serve"] {
            let line =
                format!("{command} --ephemeral --listen 127.0.0.1:0 --listen ::1 --lease 20");
            let arguments = serve(&line);
            assert!(arguments.ephemeral);
            let listen = [
                "127.0.0.1:0".parse().unwrap(),
                "[::1]:2049".parse().unwrap(),
            ];
            assert_eq!(arguments.listen, listen);
            assert_eq!(arguments.lease, 20);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for line in [
            "localefs --data x --ephemeral",
            "localefs serve --data x --ephemeral",
            "localefs --data x status",
            "localefs --lease 0",
            "localefs --max-opens 0",
            "localefs --max-descriptors 3",
            "localefs --listen localhost",
            "localefs --log-format xml",
            "localefs --durability none",
            "localefs conquer",
            "localefs import",
            "localefs export a b",
            "localefs --ownership mine",
            "localefs --outside-owner 5",
            "localefs --outside-owner 5:4294967295",
            "localefs convert-ownership",
            "localefs convert-ownership --to auto",
        ] {
            assert!(try_parse(line.split(' ')).is_err(), "{line}");
        }
    }

    #[test]
    fn other_commands() {
        assert!(matches!(
            try_parse(["localefs", "status", "--json", "--data", "/d"]),
            Ok(Command::Status(StatusArguments { json: true, .. }))
        ));
        assert!(matches!(
            try_parse(["localefs", "health"]),
            Ok(Command::Health(_))
        ));
    }
}

//! What the command line says.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use super::explain::ExplainArguments;
use super::fault_arguments::FaultArguments;
use super::serve_arguments::{ServeArguments, parse_owner};

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

/// Where owners and modes are to be kept.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// On the disk itself; needs root
    Native,
    /// In a table beside the files
    Shadow,
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

//! The command line.

mod addresses;
mod arguments;
mod banner;
mod documents;
mod explain;
mod fault;
mod fault_arguments;
mod listen;
mod log;
mod ownership;
mod ready;
mod serve;
mod serve_arguments;
mod state;
mod status;

use std::future::Future;
use std::process::ExitCode;

use arguments::Command;

/// Failures of any kind.
const FAILED: u8 = 1;

/// No server runs on the data directory, as init scripts have it (LSB).
const NOT_RUNNING: u8 = 3;

/// Runs the command that this process was started with.
pub(crate) fn run() -> ExitCode {
    match arguments::parse() {
        Command::Serve(arguments) => {
            log::start(&arguments.log, arguments.log_format);
            block_on(serve::serve(arguments))
        }
        Command::Status(arguments) => block_on(status::status(arguments)),
        Command::ConvertOwnership(arguments) => ownership::convert(&arguments),
        Command::RepairOwnership(arguments) => ownership::repair(&arguments),
        Command::Explain(arguments) => block_on(explain::explain(arguments)),
        Command::Fault(arguments) => block_on(fault::fault(arguments)),
        Command::Hosts(arguments) => block_on(addresses::hosts(arguments)),
        Command::Routes(arguments) => block_on(addresses::routes(arguments)),
        Command::Completions { shell } => documents::completions(shell),
        Command::Man { directory } => documents::man(&directory),
        Command::Export(arguments) => block_on(state::export(arguments)),
        Command::Import(arguments) => block_on(state::import(arguments)),
        Command::Health(arguments) => block_on(status::health(arguments)),
    }
}

/// The server has threads of its own; commands need but one.
fn block_on(command: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime.block_on(command),
        Err(error) => fail(format_args!("{error}")),
    }
}

/// Says on stderr what went wrong.
fn fail(message: impl std::fmt::Display) -> ExitCode {
    complain(message);
    FAILED.into()
}

fn complain(message: impl std::fmt::Display) {
    eprintln!("localefs: {message}");
}

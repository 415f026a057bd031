//! What is made of the command line's own definition: completions for shells, and manual pages.

use std::io::{Write, stdout};
use std::path::Path;
use std::process::ExitCode;

use clap_complete::Shell;

use super::arguments::definition;
use super::fail;

/// Prints a script for a shell.
pub(super) fn completions(shell: Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut definition(), "localefs", &mut script);
    match stdout().write_all(&script) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error),
    }
}

/// Writes the manual pages into a directory that is there.
pub(super) fn man(directory: &Path) -> ExitCode {
    match clap_mangen::generate_to(definition(), directory) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(format_args!("{}: {error}", directory.display())),
    }
}

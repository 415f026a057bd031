//! Where events go: stderr.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use super::complain;
use super::serve_arguments::LogFormat;

/// Starts logging. A filter that cannot be read is named, and the default used.
pub(super) fn start(filter: &str, format: LogFormat) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|error| {
        complain(format_args!("--log {filter}: {error}; logging info"));
        EnvFilter::new("info")
    });
    let terminal = stderr().is_terminal();
    let json = match format {
        LogFormat::Text => false,
        LogFormat::Json => true,
        LogFormat::Auto => !terminal,
    };
    let builder = fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(terminal);
    if json {
        builder.json().flatten_event(true).init();
    } else {
        builder.init();
    }
}

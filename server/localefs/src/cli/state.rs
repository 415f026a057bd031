//! `localefs export` and `localefs import`.

use std::fs;
use std::io::{Read, Write, stdin, stdout};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use localefs::admin::{self, ClientError, Import};

use super::arguments::{ExportArguments, ImportArguments};
use super::{FAILED, NOT_RUNNING, complain, fail};

/// Writes the state of a running server to a file.
pub(super) async fn export(arguments: ExportArguments) -> ExitCode {
    let document = match admin::export(&arguments.server.data).await {
        Ok(document) => document,
        Err(error) => return failed(&error),
    };
    match write(&arguments.file, &document) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(format_args!("{error:#}")),
    }
}

/// Makes the state of a running server that of a file.
pub(super) async fn import(arguments: ImportArguments) -> ExitCode {
    let document = match read(&arguments.file) {
        Ok(document) => document,
        Err(error) => return fail(format_args!("{error:#}")),
    };
    let how = Import {
        replace: arguments.replace,
    };
    match admin::import(&arguments.server.data, document.into(), how).await {
        Ok(imported) => {
            println!("imported {} records", imported.records);
            for (mount_target, why) in imported.not_served {
                complain(format_args!("{mount_target} is not served: {why}"));
            }
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error),
    }
}

fn failed(error: &ClientError) -> ExitCode {
    complain(error);
    let running = !matches!(error, ClientError::NotRunning { .. });
    if running { FAILED } else { NOT_RUNNING }.into()
}

/// The whole document or none: secrets are in it, so that nobody else may read the file.
fn write(path: &Path, document: &[u8]) -> anyhow::Result<()> {
    if path == Path::new("-") {
        let mut out = stdout().lock();
        return Ok(out.write_all(document).and_then(|()| out.flush())?);
    }
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let cannot = || format!("cannot write {}", path.display());
    // Of mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(directory).with_context(cannot)?;
    file.write_all(document).with_context(cannot)?;
    file.as_file().sync_all().with_context(cannot)?;
    file.persist(path).with_context(cannot)?;
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    if path == Path::new("-") {
        let mut document = Vec::new();
        stdin()
            .read_to_end(&mut document)
            .context("cannot read the standard input")?;
        return Ok(document);
    }
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

//! `localefs fault`, as a user types it.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Runs `localefs fault` with these words for the server whose ready file this is; gives what it
/// writes, or fails with what it complains of.
pub(crate) fn fault(binary: &Path, ready: &Path, words: &[&str]) -> Result<String> {
    let text = std::fs::read(ready).context("no ready file")?;
    let ready: serde_json::Value = serde_json::from_slice(&text)?;
    let data = ready["data"].as_str().context("no data directory")?;
    let output = Command::new(binary)
        .args(["fault", "--data", data])
        .args(words)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", binary.display()))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        bail!("localefs fault {}: {}", words.join(" "), complaint.trim());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// What `localefs fault list --json` shows of the fault `id`.
pub(crate) fn shown(list: &str, id: &str) -> Result<serde_json::Value> {
    let faults: Vec<serde_json::Value> = serde_json::from_str(list)?;
    let wanted: u64 = id.trim().parse()?;
    let found = faults.into_iter().find(|fault| fault["id"] == wanted);
    found.with_context(|| format!("no fault {id} in {list}"))
}

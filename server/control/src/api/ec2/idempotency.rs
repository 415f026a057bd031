//! `ClientToken`: a call that is repeated makes nothing again (EC2 API reference, "Ensuring
//! idempotency").

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::{Call, Form, Result, invalid, refused};
use crate::records::ClientToken;
use crate::store::{Change, View};

/// How long a token is remembered, in milliseconds.
const REMEMBERED: u64 = 24 * 60 * 60 * 1000;

/// Tokens that are remembered; the oldest go first.
const MOST: usize = 10_000;

/// What a call with the same token has made, if there was one.
///
/// # Errors
/// IdempotentParameterMismatch if that had other parameters.
pub(super) fn made_before(call: &Call, view: &View, form: &Form) -> Result<Option<String>> {
    let Some(token) = token(form)? else {
        return Ok(None);
    };
    let known = view.get::<ClientToken>(&ClientToken::key(call.operation, token))?;
    let since = call.request.millis().saturating_sub(REMEMBERED);
    let Some(known) = known.filter(|known| known.created > since) else {
        return Ok(None);
    };
    if known.parameters != digest(form) {
        let message = "The request uses the same client token as a previous, but non-identical \
                       request.";
        return Err(refused("IdempotentParameterMismatch", message));
    }
    Ok(Some(known.made))
}

/// Remembers what a call has made.
pub(super) fn remember(call: &Call, change: &mut Change, form: &Form, made: &str) -> Result<()> {
    let Some(token) = token(form)? else {
        return Ok(());
    };
    if change.count::<ClientToken>()? >= MOST {
        let mut all = change.all::<ClientToken>()?;
        all.sort_by_key(|known| known.created);
        for old in all.iter().take(MOST / 10) {
            change.remove::<ClientToken>(&old.key)?;
        }
    }
    change.put(&ClientToken {
        key: ClientToken::key(call.operation, token),
        parameters: digest(form),
        made: made.to_owned(),
        created: call.request.millis(),
    })?;
    Ok(())
}

fn token(form: &Form) -> Result<Option<&str>> {
    let token = form.get("ClientToken").filter(|token| !token.is_empty());
    if token.is_some_and(|token| token.len() > 64 || !token.is_ascii()) {
        return Err(invalid("A client token has at most 64 ASCII characters."));
    }
    Ok(token)
}

/// Of all parameters but those that differ when a call is repeated.
fn digest(form: &Form) -> String {
    let mut hash = Sha256::new();
    for name in form.names() {
        if name.starts_with("X-Amz-") || name == "ClientToken" || name == "DryRun" {
            continue;
        }
        for part in [name, form.get(name).unwrap_or_default()] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part.as_bytes());
        }
    }
    hash.finalize()
        .iter()
        .fold(String::new(), |mut text, byte| {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

//! Temporary credentials, and GetSessionToken.

use std::sync::Arc;

use crate::api::iam::common::{date, key_id, now, secret};
use crate::api::iam::input::{Input, NAME_128};
use crate::api::iam::records::{AccessKey, Session, SessionOf, SessionPolicy, Tag, User};
use crate::api::xml::Element;
use crate::api::{Answer, ApiError, Call, Result};
use crate::store::Change;
use crate::time::Seconds;

/// After so many new sessions, those that are over are removed.
const SWEEP: usize = 256;

/// The most sessions that are remembered.
const MOST: usize = 100_000;

/// Makes the credentials of a session and remembers them.
///
/// # Errors
/// LimitExceeded if there are too many; those of the store.
pub fn issue(
    change: &mut Change,
    of: SessionOf,
    (issued, expires): (Seconds, Seconds),
    policies: Option<Vec<SessionPolicy>>,
    tags: Vec<Tag>,
) -> Result<Session> {
    let count = change.count::<Session>()?;
    if count > 0 && count % SWEEP == 0 {
        for session in change.all::<Session>()? {
            if session.expires <= issued {
                change.remove::<Session>(&session.id)?;
            }
        }
        if change.count::<Session>()? >= MOST {
            let message = "There are too many sessions that are not over yet.";
            return Err(ApiError::new(400, "Throttling", message));
        }
    }
    let session = Session {
        id: key_id("ASIA"),
        secret: secret(40),
        token: secret(256),
        of,
        issued,
        expires,
        policies,
        tags,
    };
    change.put(&session)?;
    Ok(session)
}

/// `Credentials`.
#[must_use]
pub fn credentials(session: &Session) -> Element {
    Element::new("Credentials")
        .text("AccessKeyId", &session.id)
        .text("SecretAccessKey", &session.secret)
        .text("SessionToken", &session.token)
        .text("Expiration", date(session.expires))
}

/// GetSessionToken: for users and root. Needs no permission (STS API reference).
pub async fn session_token(call: Arc<Call>) -> Result<Answer> {
    call.change(|call, change| {
        let mut input = Input::of(call)?;
        let seconds = input.number("DurationSeconds", 900, 129_600);
        if input.form().get("SerialNumber").is_some() || input.form().get("TokenCode").is_some() {
            input.optional("TokenCode", &NAME_128);
            let message = "MultiFactorAuthentication failed with invalid MFA one time pass code.";
            return Err(ApiError::new(403, "AccessDenied", message));
        }
        input.done()?;
        let settings = &call.control.settings;
        let issued = now(call);
        let (of, seconds) = if call.caller.access_key == settings.root_access_key {
            // Root's sessions are an hour at most, and no error says so.
            (SessionOf::Root, seconds.unwrap_or(3600).min(3600))
        } else {
            let key = change.get::<AccessKey>(&call.caller.access_key)?;
            let user = match &key {
                Some(key) => change.get::<User>(&key.user)?,
                None => None,
            };
            let user = user.ok_or_else(|| {
                let message = "Cannot call GetSessionToken with session credentials";
                ApiError::new(403, "AccessDenied", message)
            })?;
            (
                SessionOf::User(user.key, user.id),
                seconds.unwrap_or(43_200),
            )
        };
        let session = issue(change, of, (issued, issued + seconds), None, Vec::new())?;
        Ok(Answer::Xml(vec![credentials(&session)]))
    })
    .await
}

//! PutFileSystemPolicy, DescribeFileSystemPolicy, DeleteFileSystemPolicy.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use super::super::{Answer, ApiError, Call, Result};
use super::access::{self, file_system_arn};
use super::input;
use crate::iam::file_system_policy::{self, InvalidPolicy};
use crate::identity;
use crate::ids;
use crate::records::FileSystem;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Put {
    file_system_id: String,
    policy: String,
    bypass_policy_lockout_safety_check: Option<bool>,
}

/// PutFileSystemPolicy.
pub(super) async fn put(call: Arc<Call>) -> Result<Answer> {
    let input: Put = input(&call)?;
    let (id, policy) = call
        .change(move |call, change| {
            let id = &input.file_system_id;
            let found = access::available_file_system(call, change, id, Vec::new())?;
            let arn = file_system_arn(call, &found.id);
            let invalid = |error: InvalidPolicy| {
                ApiError::new(400, "InvalidPolicyException", error.to_string())
            };
            let parsed = file_system_policy::parse(&input.policy, &arn).map_err(invalid)?;
            let account = &call.control.settings.account_id;
            if identity::unknown_principal(change, account, &parsed)?.is_some() {
                return Err(invalid(InvalidPolicy::Principal));
            }
            let policy = file_system_policy::normalise(&input.policy, &arn, ids::uuid);
            let policy = policy.map_err(invalid)?;
            let changed = FileSystem {
                policy: Some(policy.clone()),
                ..found
            };
            let bypass = input.bypass_policy_lockout_safety_check.unwrap_or(false);
            if !bypass && !access::would_be_permitted(call, change, &changed) {
                return Err(invalid(InvalidPolicy::LockOut));
            }
            change.put(&changed)?;
            Ok((changed.id, policy))
        })
        .await?;
    let answer = json!({"FileSystemId": id, "Policy": policy});
    Answer::json(200, &answer)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    file_system_id: String,
}

/// DescribeFileSystemPolicy.
pub(super) async fn describe(call: Arc<Call>) -> Result<Answer> {
    let input: Named = input(&call)?;
    let view = call.view()?;
    let found = access::file_system(&call, &view, &input.file_system_id, Vec::new())?;
    let Some(policy) = found.policy else {
        let message = format!("File system '{}' has no policy.", found.id);
        return Err(ApiError::new(404, "PolicyNotFound", message));
    };
    let answer = json!({"FileSystemId": found.id, "Policy": policy});
    Answer::json(200, &answer)
}

/// DeleteFileSystemPolicy.
pub(super) async fn delete(call: Arc<Call>) -> Result<Answer> {
    let input: Named = input(&call)?;
    call.change(move |call, change| {
        let id = &input.file_system_id;
        let found = access::available_file_system(call, change, id, Vec::new())?;
        Ok(change.put(&FileSystem {
            policy: None,
            ..found
        })?)
    })
    .await?;
    Ok(Answer::Empty(200))
}

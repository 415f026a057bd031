//! PutBackupPolicy, DescribeBackupPolicy.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::{Answer, ApiError, Call, Result};
use super::{access, input};
use crate::records::FileSystem;

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct BackupPolicy {
    status: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Put {
    file_system_id: String,
    backup_policy: BackupPolicy,
}

/// PutBackupPolicy.
pub(super) async fn put(call: Arc<Call>) -> Result<Answer> {
    let input: Put = input(&call)?;
    let status = call
        .change(move |call, change| {
            let id = &input.file_system_id;
            let found = access::available_file_system(call, change, id, Vec::new())?;
            let status = input.backup_policy.status;
            if !matches!(status.as_str(), "ENABLED" | "DISABLED") {
                let message = "The status of a backup policy can be set to ENABLED or DISABLED.";
                return Err(ApiError::new(400, "ValidationException", message));
            }
            change.put(&FileSystem {
                backup: Some(status.clone()),
                ..found
            })?;
            Ok(status)
        })
        .await?;
    let answer = json!({"BackupPolicy": BackupPolicy { status }});
    Answer::json(200, &answer)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Describe {
    file_system_id: String,
}

/// DescribeBackupPolicy.
pub(super) async fn describe(call: Arc<Call>) -> Result<Answer> {
    let input: Describe = input(&call)?;
    let view = call.view()?;
    let found = access::file_system(&call, &view, &input.file_system_id, Vec::new())?;
    let Some(status) = found.backup else {
        let message = format!("File system '{}' has no backup policy.", found.id);
        return Err(ApiError::new(404, "PolicyNotFound", message));
    };
    let answer = json!({"BackupPolicy": BackupPolicy { status }});
    Answer::json(200, &answer)
}

//! UpdateFileSystemProtection.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use super::super::{Answer, ApiError, Call, Result};
use super::{access, bad, input};
use crate::records::{FileSystem, Replication};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Update {
    file_system_id: String,
    replication_overwrite_protection: Option<String>,
}

/// UpdateFileSystemProtection.
pub(super) async fn update(call: Arc<Call>) -> Result<Answer> {
    let input: Update = input(&call)?;
    let protection = call
        .change(move |call, change| {
            let id = &input.file_system_id;
            let found = access::available_file_system(call, change, id, Vec::new())?;
            let Some(protection) = input.replication_overwrite_protection else {
                return Ok(found.protection);
            };
            if protection == "REPLICATING" {
                return Err(bad(
                    "ReplicationOverwriteProtection can be ENABLED or DISABLED.",
                ));
            }
            let replicas = change.keys_by::<Replication>(("destination", &found.id), None, 1)?;
            if !replicas.is_empty() {
                let message = format!(
                    "File system '{}' is the destination of a replication configuration.",
                    found.id
                );
                return Err(ApiError::new(409, "ReplicationAlreadyExists", message));
            }
            change.put(&FileSystem {
                protection: protection.clone(),
                ..found
            })?;
            Ok(protection)
        })
        .await?;
    let answer = json!({"ReplicationOverwriteProtection": protection});
    Answer::json(200, &answer)
}

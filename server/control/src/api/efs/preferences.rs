//! PutAccountPreferences, DescribeAccountPreferences.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::{Answer, Call, Result};
use super::{access, bad, input};
use crate::records::AccountPreferences;

fn preference(resource_id_type: &str) -> Value {
    json!({
        "ResourceIdPreference": {
            "ResourceIdType": resource_id_type,
            "Resources": ["FILE_SYSTEM", "MOUNT_TARGET"],
        },
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Put {
    resource_id_type: String,
}

/// PutAccountPreferences.
pub(super) async fn put(call: Arc<Call>) -> Result<Answer> {
    let input: Put = input(&call)?;
    let chosen = call
        .change(move |call, change| {
            call.require(change, access::demand(call, "*".to_owned(), Vec::new()))?;
            if input.resource_id_type == "SHORT_ID" {
                return Err(bad(
                    "Short ids can't be chosen any more (since October 2021).",
                ));
            }
            change.put(&AccountPreferences {
                account: call.control.settings.account_id.clone(),
                resource_id_type: input.resource_id_type.clone(),
            })?;
            Ok(input.resource_id_type)
        })
        .await?;
    Answer::json(200, &preference(&chosen))
}

#[derive(Debug, Deserialize)]
struct Describe {}

/// DescribeAccountPreferences.
pub(super) async fn describe(call: Arc<Call>) -> Result<Answer> {
    let Describe {} = input(&call)?;
    let view = call.view()?;
    call.require(&view, access::demand(&call, "*".to_owned(), Vec::new()))?;
    let account = &call.control.settings.account_id;
    let chosen = view.get::<AccountPreferences>(account)?;
    let chosen = chosen.map_or("LONG_ID".to_owned(), |chosen| chosen.resource_id_type);
    Answer::json(200, &preference(&chosen))
}

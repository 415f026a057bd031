//! PutLifecycleConfiguration, DescribeLifecycleConfiguration.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use super::super::{Answer, Call, Result};
use super::{access, bad, input};
use crate::records::{FileSystem, LifecyclePolicy};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Put {
    file_system_id: String,
    lifecycle_policies: Vec<LifecyclePolicy>,
}

/// PutLifecycleConfiguration.
pub(super) async fn put(call: Arc<Call>) -> Result<Answer> {
    let input: Put = input(&call)?;
    let policies = call
        .change(move |call, change| {
            let id = &input.file_system_id;
            let found = access::available_file_system(call, change, id, Vec::new())?;
            check(&found, &input.lifecycle_policies)?;
            change.put(&FileSystem {
                lifecycle_policies: input.lifecycle_policies.clone(),
                ..found
            })?;
            Ok(input.lifecycle_policies)
        })
        .await?;
    Answer::json(200, &json!({"LifecyclePolicies": policies}))
}

/// Days in `AFTER_30_DAYS`.
fn days(rule: &str) -> u32 {
    let number = rule
        .split('_')
        .nth(1)
        .and_then(|number| number.parse().ok());
    number.unwrap_or_default()
}

fn check(file_system: &FileSystem, policies: &[LifecyclePolicy]) -> Result<()> {
    let transitions = |policy: &LifecyclePolicy| {
        [&policy.to_ia, &policy.to_primary, &policy.to_archive]
            .into_iter()
            .flatten()
            .count()
    };
    if policies.iter().any(|policy| transitions(policy) != 1) {
        return Err(bad("Each lifecycle policy has exactly one transition."));
    }
    let of = |which: fn(&LifecyclePolicy) -> &Option<String>| -> Vec<&String> {
        policies
            .iter()
            .filter_map(|policy| which(policy).as_ref())
            .collect()
    };
    let to_ia = of(|policy| &policy.to_ia);
    let to_archive = of(|policy| &policy.to_archive);
    let to_primary = of(|policy| &policy.to_primary);
    if [&to_ia, &to_archive, &to_primary]
        .iter()
        .any(|all| all.len() > 1)
    {
        return Err(bad("Each transition can be given once."));
    }
    if let Some(archive) = to_archive.first() {
        if file_system.throughput_mode != "elastic"
            || file_system.performance_mode != "generalPurpose"
        {
            return Err(bad(
                "TransitionToArchive needs elastic throughput and performance mode generalPurpose.",
            ));
        }
        if to_ia.first().is_some_and(|ia| days(ia) >= days(archive)) {
            return Err(bad(
                "TransitionToArchive must come later than TransitionToIA.",
            ));
        }
    }
    Ok(())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Describe {
    file_system_id: String,
}

/// DescribeLifecycleConfiguration.
pub(super) async fn describe(call: Arc<Call>) -> Result<Answer> {
    let input: Describe = input(&call)?;
    let view = call.view()?;
    let found = access::file_system(&call, &view, &input.file_system_id, Vec::new())?;
    let answer = json!({"LifecyclePolicies": found.lifecycle_policies});
    Answer::json(200, &answer)
}

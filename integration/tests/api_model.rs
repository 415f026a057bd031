//! What localefs knows of the EFS API against the service model that AWS gives to its SDKs.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use localefs_control::api::efs::model::{ERRORS, Member, OPERATIONS, Place, Shape};
use localefs_integration::aws::environment;
use serde_json::Value;

fn words(list: &Value) -> BTreeSet<&str> {
    let all = list.as_array().into_iter().flatten();
    all.filter_map(Value::as_str).collect()
}

/// Compares members with those of a structure in the model.
fn compare(at: &str, known: &[Member], structure: &Value, shapes: &Value) -> Result<()> {
    let members = structure["members"].as_object().context("no members")?;
    let ours: BTreeSet<_> = known.iter().map(|member| member.name).collect();
    let theirs: BTreeSet<_> = members.keys().map(String::as_str).collect();
    ensure!(ours == theirs, "{at}: {ours:?} instead of {theirs:?}");
    let required = words(&structure["required"]);
    for member in known {
        let at = format!("{at}.{}", member.name);
        let theirs = &members[member.name];
        ensure!(
            member.required == required.contains(member.name),
            "{at}: required"
        );
        let place = match theirs["location"].as_str() {
            Some("uri") => Place::Path,
            Some("querystring") => match member.place {
                Place::Query(name) if theirs["locationName"] == name => member.place,
                _ => Place::Query("another"),
            },
            _ => Place::Body,
        };
        ensure!(
            member.place == place,
            "{at}: {:?} instead of {place:?}",
            member.place
        );
        shape(
            &at,
            member.shape,
            &shapes[theirs["shape"].as_str().context("no shape")?],
            shapes,
        )?;
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "the bounds are small")]
fn shape(at: &str, known: &Shape, theirs: &Value, shapes: &Value) -> Result<()> {
    let kind = theirs["type"].as_str().context("no type")?;
    let (least, most) = (theirs["min"].as_f64(), theirs["max"].as_f64());
    match known {
        Shape::Text { min, max, pattern } => {
            ensure!(
                kind == "string" && theirs["enum"].is_null(),
                "{at}: {theirs}"
            );
            ensure!(*min as f64 == least.unwrap_or(0.0), "{at}: at least {min}");
            ensure!(Some(*max as f64) == most, "{at}: at most {max}");
            let pattern = pattern.map(|pattern| pattern.text);
            ensure!(pattern == theirs["pattern"].as_str(), "{at}: {pattern:?}");
        }
        Shape::Word(known) => {
            let known: BTreeSet<_> = known.iter().copied().collect();
            ensure!(
                known == words(&theirs["enum"]),
                "{at}: {known:?} for {theirs}"
            );
        }
        Shape::Integer { min, max } => {
            let largest = if kind == "long" {
                u32::MAX.into()
            } else {
                i64::from(i32::MAX)
            };
            ensure!(matches!(kind, "integer" | "long"), "{at}: {theirs}");
            ensure!(Some(*min as f64) == least, "{at}: at least {min}");
            ensure!(
                *max as f64 == most.unwrap_or(largest as f64),
                "{at}: at most {max}"
            );
        }
        Shape::Number { min } => {
            ensure!(
                kind == "double" && Some(*min) == least && most.is_none(),
                "{at}: {theirs}"
            );
        }
        Shape::Boolean => ensure!(kind == "boolean", "{at}: {theirs}"),
        Shape::List { min, max, of } => {
            ensure!(
                kind == "list" && *min as f64 == least.unwrap_or(0.0),
                "{at}: {theirs}"
            );
            ensure!(max.map(|max| max as f64) == most, "{at}: at most {max:?}");
            let name = theirs["member"]["shape"].as_str().context("no member")?;
            shape(&format!("{at}[]"), of, &shapes[name], shapes)?;
        }
        Shape::Structure(members) => compare(at, members, theirs, shapes)?,
    }
    Ok(())
}

#[test]
fn every_operation_member_bound_value_and_error_of_the_model_is_known() -> Result<()> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("api/model.py");
    let python = environment()?.join("venv/bin/python3");
    let output = Command::new(python).arg("-B").arg(script).output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let model: Value = serde_json::from_slice(&output.stdout)?;
    let (operations, shapes) = (&model["operations"], &model["shapes"]);
    let theirs: BTreeSet<_> = operations
        .as_object()
        .context("no operations")?
        .keys()
        .collect();
    let ours: BTreeSet<_> = OPERATIONS
        .iter()
        .map(|known| known.name.to_owned())
        .collect();
    ensure!(ours.iter().collect::<BTreeSet<_>>() == theirs, "{ours:?}");
    let theirs = shapes.as_object().context("no shapes")?.iter();
    let theirs: BTreeSet<_> = theirs
        .filter(|(_, shape)| shape["exception"] == true)
        .filter_map(|(name, shape)| {
            Some((name.as_str(), shape["error"]["httpStatusCode"].as_u64()?))
        })
        .collect();
    let ours: BTreeSet<_> = ERRORS
        .iter()
        .map(|(name, status)| (*name, u64::from(*status)))
        .collect();
    ensure!(ours == theirs, "{ours:?} instead of {theirs:?}");
    for known in OPERATIONS {
        let theirs = &operations[known.name];
        let http = &theirs["http"];
        ensure!(
            http["method"] == known.method && http["requestUri"] == known.path,
            "{http}"
        );
        let status = http["responseCode"].as_u64().unwrap_or(200);
        ensure!(
            status == u64::from(known.status),
            "{}: {status}",
            known.name
        );
        let errors = theirs["errors"].as_array().into_iter().flatten();
        let errors: BTreeSet<_> = errors.filter_map(|error| error["shape"].as_str()).collect();
        let ours: BTreeSet<_> = known.errors.iter().copied().collect();
        ensure!(
            ours == errors,
            "{}: {ours:?} instead of {errors:?}",
            known.name
        );
        let empty = serde_json::json!({"members": {}});
        let input = theirs["input"]["shape"]
            .as_str()
            .map_or(&empty, |name| &shapes[name]);
        compare(known.name, known.input, input, shapes)?;
    }
    Ok(())
}

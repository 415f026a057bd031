//! Operations that localefs itself runs, with all that belongs to a call: validation, permission,
//! audit.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use super::efs::model::{self, Place};
use super::{Answer, ApiError, Caller, Request, Result, Service, front};
use crate::control::Control;
use crate::ids;

/// Runs an operation for the root user, with the members of its input as the API names them.
///
/// # Errors
/// Those of the operation; InvalidAction if this version has no such operation.
pub(crate) async fn as_root(
    control: &Arc<Control>,
    service: Service,
    name: &str,
    input: Value,
) -> Result<Answer> {
    let operation = service.operations().iter().find(|known| known.name == name);
    let operation = operation.ok_or_else(|| {
        let message = format!("this version of localefs has no operation {name}");
        ApiError::new(400, "InvalidAction", message)
    })?;
    let account = control.settings.account_id.clone();
    let caller = Caller {
        arn: format!("arn:aws:iam::{account}:root"),
        user_id: account.clone(),
        account,
        access_key: control.settings.root_access_key.clone(),
    };
    let mut request = Request {
        id: ids::uuid(),
        received: SystemTime::now(),
        peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        method: Method::POST,
        path: "/".to_owned(),
        query: String::new(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
    };
    let agent = HeaderValue::from_static(concat!("localefs/", env!("CARGO_PKG_VERSION")));
    request.headers.insert(header::USER_AGENT, agent);
    let mut labels = Vec::new();
    if service == Service::Efs {
        labels = rest(&mut request, name, input);
    } else {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", name);
        form.append_pair("Version", service.version());
        flatten(&mut form, service, String::new(), &input);
        request.body = form.finish().into();
    }
    front::perform(
        Arc::clone(control),
        (service, operation),
        request,
        labels,
        caller,
    )
    .await
}

/// Puts each member of the input where the model has it: path, query or body.
fn rest(request: &mut Request, name: &str, input: Value) -> Vec<(&'static str, String)> {
    let mut labels = Vec::new();
    let (Some(model), Value::Object(mut input)) = (
        model::OPERATIONS.iter().find(|model| model.name == name),
        input,
    ) else {
        return labels;
    };
    request.method = model.method.parse().unwrap_or(Method::POST);
    model.path.clone_into(&mut request.path);
    let mut query = form_urlencoded::Serializer::new(String::new());
    let mut body = Map::new();
    for member in model.input {
        let Some(value) = input.remove(member.name) else {
            continue;
        };
        match member.place {
            Place::Body => {
                body.insert(member.name.to_owned(), value);
            }
            Place::Path => {
                let text = text(&value);
                let part = utf8_percent_encode(&text, NON_ALPHANUMERIC).to_string();
                request.path = request.path.replace(&format!("{{{}}}", member.name), &part);
                labels.push((member.name, text));
            }
            Place::Query(at) => match value {
                Value::Array(values) => {
                    query.extend_pairs(values.iter().map(|value| (at, text(value))));
                }
                value => {
                    query.append_pair(at, &text(&value));
                }
            },
        }
    }
    request.query = query.finish();
    // What the model doesn't know goes where the operation will ignore it.
    body.extend(input);
    if !body.is_empty() {
        request.body = Value::Object(body).to_string().into();
    }
    labels
}

/// The parameters of the query protocols: `Tags.member.1.Key` (IAM, STS), `Tag.1.Key` (EC2).
fn flatten(
    form: &mut form_urlencoded::Serializer<'_, String>,
    service: Service,
    name: String,
    value: &Value,
) {
    let below = |part: &str| {
        if name.is_empty() {
            part.to_owned()
        } else {
            format!("{name}.{part}")
        }
    };
    match value {
        Value::Null => {}
        Value::Object(members) => {
            for (part, value) in members {
                flatten(form, service, below(part), value);
            }
        }
        Value::Array(members) => {
            let list = if service == Service::Ec2 {
                name
            } else {
                below("member")
            };
            for (number, value) in members.iter().enumerate() {
                flatten(form, service, format!("{list}.{}", number + 1), value);
            }
        }
        value => {
            form.append_pair(&name, &text(value));
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

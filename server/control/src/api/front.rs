//! From a request to the operation that answers it.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use tracing::debug;

use super::call::Call;
use super::{ApiError, Caller, Form, Operation, Request, Service, efs};
use crate::audit::Event;
use crate::control::Control;

/// The operation that a request names, with the parts of its path.
type Found = (&'static Operation, Vec<(&'static str, String)>);

/// Answers a request.
pub(crate) async fn answer(control: &Arc<Control>, request: Request) -> Response<Full<Bytes>> {
    let id = request.id.clone();
    let _call = control.calls.read().await;
    let service = Service::of(
        &request.headers,
        &request.path,
        &request.query,
        &request.body,
    );
    let Some(service) = service else {
        let message = "The request is for no service that localefs has: elasticfilesystem, ec2, \
                       iam, sts.";
        return ApiError::new(404, "UnknownOperationException", message).into_response(None, &id);
    };
    let found = match service {
        Service::Efs => efs::route(&request.method, &request.path),
        _ => named(service, &request),
    };
    let outcome = match found {
        Ok((operation, labels)) => run(Arc::clone(control), service, operation, labels, request)
            .await
            .map(|answer| answer.into_response(service, operation.name, &id)),
        Err(error) => Err(error),
    };
    outcome.unwrap_or_else(|error| error.into_response(Some(service), &id))
}

async fn run(
    control: Arc<Control>,
    service: Service,
    operation: &'static Operation,
    labels: Vec<(&'static str, String)>,
    request: Request,
) -> super::Result<super::Answer> {
    let began = Instant::now();
    let caller = {
        let view = control.store.view()?;
        control.gate.authenticate(&view, &request, service)
    };
    let name = operation.name;
    let caller = match caller {
        Ok(caller) => caller,
        Err(error) => {
            let error = error.into_error(service);
            tell(
                &control,
                began,
                &Event {
                    service,
                    operation: name,
                    request: &request,
                    caller: None,
                    judged: &[],
                    error: Some(&error),
                },
            );
            return Err(error);
        }
    };
    perform(control, (service, operation), request, labels, caller).await
}

/// Runs an operation for a caller who is known.
pub(super) async fn perform(
    control: Arc<Control>,
    (service, operation): (Service, &'static Operation),
    request: Request,
    labels: Vec<(&'static str, String)>,
    caller: Caller,
) -> super::Result<super::Answer> {
    let began = Instant::now();
    let name = operation.name;
    let call = Call::new(control, (service, name), request, labels, caller);
    let call = Arc::new(call);
    let failure = call.control.faults.strike((service, name), rand::random);
    let outcome = match failure {
        Some(error) => Err(error),
        None => (operation.handler)(Arc::clone(&call)).await,
    };
    if outcome.is_ok() && changes_network(service, name) {
        // In force when the answer comes.
        call.control.serve().await;
    }
    tell(
        &call.control,
        began,
        &Event {
            service,
            operation: name,
            request: &call.request,
            caller: Some(&call.caller),
            judged: &call.judged(),
            error: outcome.as_ref().err(),
        },
    );
    debug!(
        operation = name,
        caller = call.caller.arn,
        error = outcome.as_ref().err().map(|error| error.code.as_ref()),
        "called"
    );
    outcome
}

/// Whether a call may have changed who reaches which mount target.
fn changes_network(service: Service, operation: &str) -> bool {
    match service {
        Service::Ec2 => !operation.starts_with("Describe") && !operation.starts_with("Get"),
        Service::Efs => operation == "ModifyMountTargetSecurityGroups",
        Service::Iam | Service::Sts => false,
    }
}

/// Puts a call into the audit log and among what is counted.
fn tell(control: &Control, began: Instant, event: &Event<'_>) {
    let settings = &control.settings;
    if let Some(audit) = &control.audit {
        audit.write(event, &settings.region, &settings.account_id);
    }
    let service = event.service.signing_name();
    let code = event.error.map(|error| error.code.as_ref());
    control
        .metrics
        .called(service, event.operation, code, began.elapsed());
}

fn named(service: Service, request: &Request) -> super::Result<Found> {
    let form = Form::read(&request.query, &request.body)?;
    let action = form.get("Action").ok_or_else(|| {
        let message = "The request must contain the parameter Action";
        ApiError::new(400, "MissingAction", message)
    })?;
    let version = form.get("Version").unwrap_or(service.version());
    let operation = service
        .operations()
        .iter()
        .find(|operation| operation.name == action && version == service.version());
    let operation = operation.ok_or_else(|| {
        let action = super::form::short(action);
        let message = format!("Could not find operation {action} for version {version}");
        ApiError::new(400, "InvalidAction", message)
    })?;
    Ok((operation, Vec::new()))
}

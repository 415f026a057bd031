//! One call: what an operation has to work with.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use super::gate::{Caller, Demand, Judgement};
use super::service::Service;
use super::{Answer, ApiError, Request, Result};
use crate::control::Control;
use crate::store::{Change, View};

/// What runs an operation.
pub type Handler = fn(Arc<Call>) -> Pin<Box<dyn Future<Output = Result<Answer>> + Send>>;

/// An operation of a service.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// Its name.
    pub name: &'static str,
    /// Runs it.
    pub handler: Handler,
}

/// A line in a service's table: an operation by its name and the function that runs it,
/// `async fn(Arc<Call>) -> Result<Answer>`.
#[macro_export]
macro_rules! operation {
    ($name:literal, $function:path) => {
        $crate::api::Operation {
            name: $name,
            handler: |call| Box::pin($function(call)),
        }
    };
}

/// A permission that was asked for, and what became of it.
#[derive(Clone, Debug)]
pub struct Judged {
    /// What was asked for.
    pub demand: Demand,
    /// What became of it.
    pub judgement: Judgement,
}

/// One call of an operation, by a caller who is known.
#[derive(Debug)]
pub struct Call {
    /// Everything else.
    pub control: Arc<Control>,
    /// The service.
    pub service: Service,
    /// The operation's name.
    pub operation: &'static str,
    /// The request.
    pub request: Request,
    /// Parts of the path that the operation's template names, decoded.
    pub labels: Vec<(&'static str, String)>,
    /// Who calls.
    pub caller: Caller,
    judged: Mutex<Vec<Judged>>,
}

impl Call {
    pub(super) fn new(
        control: Arc<Control>,
        (service, operation): (Service, &'static str),
        request: Request,
        labels: Vec<(&'static str, String)>,
        caller: Caller,
    ) -> Self {
        Self {
            control,
            service,
            operation,
            request,
            labels,
            caller,
            judged: Mutex::default(),
        }
    }

    /// The records as they are.
    ///
    /// # Errors
    /// Those of the store.
    pub fn view(&self) -> Result<View> {
        Ok(self.control.store.view()?)
    }

    /// Runs the change of this call in one transaction; see [`crate::store::Store::change`].
    ///
    /// # Errors
    /// Those of `change` and of the store.
    pub fn change<T: Send + 'static>(
        self: &Arc<Self>,
        change: impl FnOnce(&Self, &mut Change) -> Result<T> + Send + 'static,
    ) -> impl Future<Output = Result<T>> + Send {
        let call = Arc::clone(self);
        self.control
            .store
            .change(move |transaction| change(&call, transaction))
    }

    /// [`Call::change`] of something that the network's verdicts rest on: once it is durable, it is
    /// published.
    ///
    /// # Errors
    /// Those of `change` and of the store.
    pub fn change_topology<T: Send + 'static>(
        self: &Arc<Self>,
        change: impl FnOnce(&Self, &mut Change) -> Result<T> + Send + 'static,
    ) -> impl Future<Output = Result<T>> + Send {
        self.published(self.change(change))
    }

    async fn published<T>(&self, change: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let made = change.await?;
        self.control.topology_changed();
        Ok(made)
    }

    /// Asks whether the caller has a permission.
    ///
    /// # Errors
    /// AccessDenied in the service's words.
    pub fn require(&self, view: &View, demand: Demand) -> Result<()> {
        let gate = &self.control.gate;
        let judgement = gate.authorize(view, &self.request, &self.caller, &demand);
        let denied = (!judgement.allowed).then(|| self.denied(&demand, &judgement));
        self.lock().push(Judged { demand, judgement });
        denied.map_or(Ok(()), Err)
    }

    /// The permissions that were asked for so far.
    pub fn judged(&self) -> Vec<Judged> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Judged>> {
        self.judged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn denied(&self, demand: &Demand, judgement: &Judgement) -> ApiError {
        let Demand {
            action, resource, ..
        } = demand;
        let who = &self.caller.arn;
        let sentence = |what: &str| {
            let mut text = format!("User: {who} is not authorized to perform: {action} {what}");
            if !judgement.denial.is_empty() {
                text.push(' ');
                text.push_str(&judgement.denial);
            }
            text
        };
        match self.service {
            Service::Efs if !action.starts_with("elasticfilesystem:") => {
                let message =
                    "User is not authorized to perform that action on the specified resource";
                ApiError::new(403, "AccessDeniedException", message)
            }
            Service::Efs => {
                let message = sentence("on the specified resource");
                ApiError::new(403, "AccessDeniedException", message)
            }
            Service::Ec2 => {
                let message = sentence(&format!("on resource: {resource}"));
                let message =
                    format!("You are not authorized to perform this operation. {message}");
                ApiError::new(403, "UnauthorizedOperation", message)
            }
            Service::Iam | Service::Sts => {
                let message = sentence(&format!("on resource: {resource}"));
                ApiError::new(403, "AccessDenied", message)
            }
        }
    }
}

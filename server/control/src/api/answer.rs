//! What an operation answers, and its form on the wire.

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body_util::Full;
use serde_json::{Value, json};

use super::xml::Element;
use super::{ApiError, Service};

/// What an operation answers.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A status and an object (EFS).
    Json(u16, Value),
    /// A status without a body (EFS).
    Empty(u16),
    /// What stands in the result of the operation (EC2, IAM, STS); nothing if it has none.
    Xml(Vec<Element>),
}

impl Answer {
    /// The response to a request for an operation.
    pub(super) fn into_response(
        self,
        service: Service,
        operation: &str,
        id: &str,
    ) -> Response<Full<Bytes>> {
        let (status, kind, body) = match self {
            Self::Json(status, value) => {
                // A value is always JSON.
                let body = serde_json::to_vec(&value).unwrap_or_default();
                (status, "application/json", body.into())
            }
            Self::Empty(status) => (status, "", Bytes::new()),
            Self::Xml(children) => {
                let root = Element::new(format!("{operation}Response"))
                    .attribute("xmlns", service.namespace());
                let root = if service == Service::Ec2 {
                    root.text("requestId", id).children(children)
                } else {
                    let metadata = Element::new("ResponseMetadata").text("RequestId", id);
                    let root = if children.is_empty() {
                        root
                    } else {
                        root.child(Element::new(format!("{operation}Result")).children(children))
                    };
                    root.child(metadata)
                };
                (200, "text/xml;charset=UTF-8", root.document().into())
            }
        };
        respond(status, kind, body, id)
    }
}

impl ApiError {
    /// The response to a request that fails. Requests for no service get EFS's form.
    pub(super) fn into_response(self, service: Option<Service>, id: &str) -> Response<Full<Bytes>> {
        match service {
            None | Some(Service::Efs) => {
                let mut body = json!({"ErrorCode": self.code, "Message": self.message});
                if let Some(body) = body.as_object_mut() {
                    for (name, value) in self.members {
                        body.insert(name.to_owned(), value.into());
                    }
                }
                let body = body.to_string().into();
                let mut response = respond(self.status, "application/json", body, id);
                if let Ok(code) = HeaderValue::from_str(&self.code) {
                    response.headers_mut().insert("x-amzn-errortype", code);
                }
                response
            }
            Some(Service::Ec2) => {
                let error = Element::new("Error")
                    .text("Code", &self.code)
                    .text("Message", &self.message);
                let root = Element::new("Response")
                    .child(Element::new("Errors").child(error))
                    .text("RequestID", id);
                let body = root.document().into();
                respond(self.status, "text/xml;charset=UTF-8", body, id)
            }
            Some(service) => {
                let fault = if self.status < 500 {
                    "Sender"
                } else {
                    "Receiver"
                };
                let error = Element::new("Error")
                    .text("Type", fault)
                    .text("Code", &self.code)
                    .text("Message", &self.message);
                let root = Element::new("ErrorResponse")
                    .attribute("xmlns", service.namespace())
                    .child(error)
                    .text("RequestId", id);
                respond(self.status, "text/xml", root.document().into(), id)
            }
        }
    }
}

fn respond(status: u16, kind: &'static str, body: Bytes, id: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    if let Ok(status) = status.try_into() {
        *response.status_mut() = status;
    }
    let headers = response.headers_mut();
    if !kind.is_empty() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}

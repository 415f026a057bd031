//! Paths without a signature: `/_localefs/…`.
//!
//! No web page may drive them through somebody's browser: a foreign Host (a name that an attacker
//! lets resolve to this machine) or a foreign Origin is refused, and so is what a browser says that
//! another site's page asks for (W3C, "Fetch Metadata Request Headers"), unless somebody follows a
//! link.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::json;

use super::{Request, Service, console};
use crate::control::Control;
use crate::data_plane::FaultRequest;
use crate::explain::{ExplainError, Question};

const PREFIX: &str = "/_localefs/";

/// Whether a request is for one of these paths.
pub(super) fn is_unsigned(request: &Request) -> bool {
    request.path.starts_with(PREFIX) || console::is_visitor(request)
}

/// Answers a request for one of these paths, which came to `address`.
pub(super) async fn answer(
    control: &Arc<Control>,
    address: SocketAddr,
    request: &Request,
) -> Response<Full<Bytes>> {
    if !is_from_here(request, address) {
        let why = "the headers Host and Origin must name this server itself, and no other site's \
                   page can ask\n";
        return text(StatusCode::FORBIDDEN, "text/plain", why.to_owned());
    }
    let Some(path) = request.path.strip_prefix(PREFIX) else {
        return console::redirect();
    };
    match (&request.method, path) {
        (&Method::GET | &Method::HEAD, "health") => {
            let body = json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")});
            text(StatusCode::OK, "application/json", body.to_string())
        }
        (&Method::GET, "metrics") => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            text(StatusCode::OK, kind, control.metrics.text())
        }
        (&Method::POST, "reset") => reset(control, address, request).await,
        (&Method::GET | &Method::HEAD, "console") => console::page(),
        (&Method::GET, "overview") => overview(control, address, request).await,
        (&Method::POST, "explain") => explain(control, address, request).await,
        (method, path) if path == "faults" || path.starts_with("faults/") => {
            let of = path.strip_prefix("faults").unwrap_or_default();
            match fault_request(method, of, &request.body) {
                Some(asked) => faults(control, address, request, asked),
                None => text(
                    StatusCode::NOT_FOUND,
                    "text/plain",
                    "no such path\n".to_owned(),
                ),
            }
        }
        _ => text(
            StatusCode::NOT_FOUND,
            "text/plain",
            "no such path\n".to_owned(),
        ),
    }
}

/// What a request for `/_localefs/faults` and what is below it wants.
fn fault_request(method: &Method, of: &str, body: &[u8]) -> Option<FaultRequest> {
    // What is no JSON is refused as what it then is: nothing.
    let body = || serde_json::from_slice(body).unwrap_or_default();
    Some(match (method, of) {
        (&Method::GET, "") => FaultRequest::List,
        (&Method::POST, "") => FaultRequest::Add(body()),
        (&Method::DELETE, "") => FaultRequest::Clear(None),
        (&Method::POST, "/reset") => FaultRequest::ResetConnections(body()),
        (&Method::DELETE, id) => FaultRequest::Clear(Some(id.strip_prefix('/')?.parse().ok()?)),
        _ => return None,
    })
}

fn faults(
    control: &Control,
    address: SocketAddr,
    request: &Request,
    asked: FaultRequest,
) -> Response<Full<Bytes>> {
    if let Some(refusal) = refused(control, address, request) {
        return refusal;
    }
    match control.data_plane.fault(asked) {
        Ok(answer) => text(StatusCode::OK, "application/json", answer.to_string()),
        Err(error) => unclear(&error),
    }
}

/// The answer to who may not drive this server.
fn refused(
    control: &Control,
    address: SocketAddr,
    request: &Request,
) -> Option<Response<Full<Bytes>>> {
    if address.ip().is_loopback() || is_root(control, request) {
        return None;
    }
    let why = "this needs a signature of the root user\n";
    Some(text(StatusCode::FORBIDDEN, "text/plain", why.to_owned()))
}

/// Brings everything back to first start. Beyond loopback only for root's credentials: anybody
/// else could come.
async fn reset(
    control: &Arc<Control>,
    address: SocketAddr,
    request: &Request,
) -> Response<Full<Bytes>> {
    if let Some(refusal) = refused(control, address, request) {
        return refusal;
    }
    match control.reset().await {
        Ok(()) => text(StatusCode::NO_CONTENT, "text/plain", String::new()),
        Err(error) => {
            tracing::error!(%error, "the reset fails");
            let why = format!("{error}\n");
            text(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", why)
        }
    }
}

/// Shows the network and its clients. Beyond loopback only for root's credentials: it tells what
/// EC2's API tells to who may ask.
async fn overview(
    control: &Arc<Control>,
    address: SocketAddr,
    request: &Request,
) -> Response<Full<Bytes>> {
    if let Some(refusal) = refused(control, address, request) {
        return refusal;
    }
    console::overview(control).await
}

/// Answers a question. Beyond loopback only for root's credentials: it tells what policies say.
async fn explain(
    control: &Arc<Control>,
    address: SocketAddr,
    request: &Request,
) -> Response<Full<Bytes>> {
    if let Some(refusal) = refused(control, address, request) {
        return refusal;
    }
    let asked: Question = match serde_json::from_slice(&request.body) {
        Ok(asked) => asked,
        Err(error) => return unclear(&error),
    };
    match crate::explain::explain(control, asked).await {
        Ok(explanation) => {
            let body = json!(explanation).to_string();
            text(StatusCode::OK, "application/json", body)
        }
        Err(ExplainError::Question(why)) => unclear(&why),
        Err(ExplainError::Store(error)) => {
            tracing::error!(%error, "a question stays without answer");
            let why = format!("{error}\n");
            text(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", why)
        }
    }
}

/// The answer to what makes no sense.
fn unclear(why: &dyn std::fmt::Display) -> Response<Full<Bytes>> {
    let body = json!({ "error": why.to_string() }).to_string();
    text(StatusCode::BAD_REQUEST, "application/json", body)
}

/// Whether the root user has signed a request, for whatever service.
fn is_root(control: &Control, request: &Request) -> bool {
    let service = Service::of(&request.headers, &request.path, &request.query, &[]);
    let Some(service) = service else {
        return false;
    };
    let Ok(view) = control.store.view() else {
        return false;
    };
    let caller = control.gate.authenticate(&view, request, service);
    caller.is_ok_and(|caller| caller.arn == format!("arn:aws:iam::{}:root", caller.account))
}

/// Whether Host, and Origin if there is one, name this server by an address or by `localhost`, and
/// no other site's page asks.
fn is_from_here(request: &Request, address: SocketAddr) -> bool {
    let ours = |authority: &str| {
        let host = authority
            .rsplit_once(':')
            .filter(|(_, port)| port.bytes().all(|digit| digit.is_ascii_digit()))
            .map_or(authority, |(host, _)| host);
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        // A name can be made to resolve to anything; an address is what it is.
        host.eq_ignore_ascii_case("localhost")
            || host.parse::<IpAddr>().is_ok_and(|ip| {
                ip.is_loopback() || ip == address.ip() || address.ip().is_unspecified()
            })
    };
    let host = request.header("host");
    let origin = match request.headers.get(header::ORIGIN) {
        None => true,
        Some(origin) => origin
            .to_str()
            .ok()
            .and_then(|origin| origin.strip_prefix("http://"))
            .is_some_and(|origin| Some(origin) == host),
    };
    host.is_some_and(ours) && origin && !is_of_another_site(request)
}

/// Whether a browser says that a page of another site asks. What somebody types is of no site, and
/// a link that is followed lets nobody read the answer but who follows it.
fn is_of_another_site(request: &Request) -> bool {
    let is_visit = matches!(request.method, Method::GET | Method::HEAD)
        && request.header("sec-fetch-mode") == Some("navigate")
        && request.header("sec-fetch-dest") == Some("document");
    match request.header("sec-fetch-site") {
        None => request.headers.contains_key("sec-fetch-site"),
        Some("same-origin" | "none") => false,
        Some(_) => !is_visit,
    }
}

/// An answer that nobody keeps, takes for something else, or embeds in another site.
pub(super) fn text(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use http::HeaderMap;

    use super::*;

    fn request(pairs: &[(&'static str, &str)]) -> Request {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        Request {
            id: String::new(),
            received: SystemTime::now(),
            peer: ([127, 0, 0, 1], 9).into(),
            method: Method::POST,
            path: "/_localefs/reset".into(),
            query: String::new(),
            headers,
            body: Bytes::new(),
        }
    }

    fn is_ours(address: &str, pairs: &[(&'static str, &str)]) -> bool {
        is_from_here(&request(pairs), address.parse().unwrap())
    }

    #[test]
    fn foreign_names_are_refused() {
        let here = "127.0.0.1:4599";
        for host in [
            "127.0.0.1:4599",
            "localhost:4599",
            "LOCALHOST",
            "[::1]:4599",
            "127.0.0.1",
        ] {
            assert!(is_ours(here, &[("host", host)]), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:4599",
            "localhost.evil.example",
            "10.0.0.1",
            "",
        ] {
            assert!(!is_ours(here, &[("host", host)]), "{host}");
        }
        assert!(!is_ours(here, &[]));
        assert!(is_ours("10.0.0.1:4599", &[("host", "10.0.0.1:4599")]));
        assert!(is_ours("0.0.0.0:4599", &[("host", "10.0.0.1:4599")]));
    }

    #[test]
    fn foreign_pages_are_refused() {
        let here = "127.0.0.1:4599";
        let with = |origin| is_ours(here, &[("host", here), ("origin", origin)]);
        assert!(with("http://127.0.0.1:4599"));
        for origin in [
            "http://evil.example",
            "null",
            "http://localhost:3000",
            "https://127.0.0.1:4599",
        ] {
            assert!(!with(origin), "{origin}");
        }
    }

    #[test]
    fn what_pages_of_other_sites_ask_for_is_refused() {
        let here = "127.0.0.1:4599";
        let with = |pairs: &[(&'static str, &'static str)]| {
            let pairs = [&[("host", here)], pairs].concat();
            is_ours(here, &pairs)
        };
        for site in ["same-origin", "none"] {
            assert!(with(&[("sec-fetch-site", site)]), "{site}");
        }
        for site in ["cross-site", "same-site", "", "\u{e9}"] {
            assert!(!with(&[("sec-fetch-site", site)]), "{site}");
            // A link is followed by GET alone.
            let visit = [
                ("sec-fetch-site", site),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "document"),
            ];
            assert!(!with(&visit), "{site}");
        }
    }

    #[test]
    fn links_of_other_sites_may_be_followed_and_frames_not() {
        let with = |dest: &'static str| {
            let pairs = [
                ("host", "127.0.0.1:4599"),
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", dest),
            ];
            let mut request = request(&pairs);
            request.method = Method::GET;
            is_from_here(&request, "127.0.0.1:4599".parse().unwrap())
        };
        assert!(with("document") && !with("iframe") && !with("empty"));
    }

    #[test]
    fn browsers_are_sent_from_the_endpoint_to_the_console_and_clients_are_not() {
        let visits = |path: &str, pairs: &[(&'static str, &str)]| {
            let mut request = request(pairs);
            request.method = Method::GET;
            request.path = path.to_owned();
            is_unsigned(&request)
        };
        let html = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
        assert!(visits("/", &[html]));
        assert!(!visits("/", &[("accept", "*/*")]) && !visits("/", &[]));
        assert!(!visits("/2015-02-01/file-systems", &[html]));
        assert!(!visits(
            "/",
            &[html, ("authorization", "AWS4-HMAC-SHA256 x")]
        ));
    }
}

//! The console: one page for people, and the picture that it draws.
//!
//! Whatever the page shows is somebody's text. Its policy lets nothing run but its own script, has
//! nothing loaded from elsewhere, and lets no other page frame it.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::json;

use super::Request;
use super::unsigned::text;
use crate::control::Control;
use crate::{ids, overview};

/// Where the page is.
const PATH: &str = "/_localefs/console";

const PAGE: &str = include_str!("console.html");

/// What stands in the page for the nonce of each answer.
const NONCE: &str = "{nonce}";

/// The page's Content-Security-Policy (W3C, "Content Security Policy Level 3"): its own script and
/// style, requests to this server alone, and no text that becomes markup.
fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
         img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
}

/// Whether a browser asks for the endpoint itself: no client of AWS takes HTML.
pub(super) fn is_visitor(request: &Request) -> bool {
    let takes_html = || {
        let accepted = request.header("accept").unwrap_or_default();
        accepted.split(',').any(|kind| {
            let kind = kind.split(';').next().unwrap_or_default();
            kind.trim().eq_ignore_ascii_case("text/html")
        })
    };
    request.method == Method::GET
        && request.path == "/"
        && request.query.is_empty()
        && !request.headers.contains_key(header::AUTHORIZATION)
        && takes_html()
}

/// Sends a visitor to the page.
pub(super) fn redirect() -> Response<Full<Bytes>> {
    let mut response = text(StatusCode::SEE_OTHER, "text/plain", String::new());
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, HeaderValue::from_static(PATH));
    response
}

/// The page.
pub(super) fn page() -> Response<Full<Bytes>> {
    let nonce = ids::uuid();
    let Ok(policy) = HeaderValue::from_str(&policy(&nonce)) else {
        // Never without.
        let none = String::new();
        return text(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", none);
    };
    let page = PAGE.replace(NONCE, &nonce);
    let mut response = text(StatusCode::OK, "text/html; charset=utf-8", page);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    for (name, value) in [
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The picture.
pub(super) async fn overview(control: &Arc<Control>) -> Response<Full<Bytes>> {
    let (status, body) = match overview::overview(control).await {
        Ok(overview) => (StatusCode::OK, json!(overview)),
        Err(error) => {
            tracing::error!(%error, "there is no picture of the network");
            let body = json!({"error": error.to_string()});
            (StatusCode::INTERNAL_SERVER_ERROR, body)
        }
    };
    text(status, "application/json", body.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_has_a_nonce_of_its_own_for_one_script_and_one_style() {
        for element in ["script", "style"] {
            assert_eq!(PAGE.matches(&format!("<{element}")).count(), 1);
            let open = format!("<{element} nonce=\"{NONCE}\">");
            assert_eq!(PAGE.matches(&open).count(), 1);
        }
        assert_eq!(PAGE.matches(NONCE).count(), 2);
        let policies = [page(), page()].map(|answer| {
            let policy = &answer.headers()[header::CONTENT_SECURITY_POLICY];
            policy.to_str().unwrap().to_owned()
        });
        assert!(policies[0].starts_with("default-src 'none'; script-src 'nonce-"));
        assert_ne!(policies[0], policies[1]);
    }

    #[test]
    fn the_page_loads_nothing_and_makes_no_markup_of_text() {
        // By the policy these fail in a browser; they must not be tried either.
        for word in [
            "http://",
            "https://",
            "src=",
            "@import",
            "url(",
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            " style=",
            " onclick=",
        ] {
            let found = PAGE.replace("http://www.w3.org/2000/svg", "");
            assert!(!found.contains(word), "{word}");
        }
    }
}

use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;
use crate::time::Seconds;

const NOW: Seconds = 1_795_824_000;
const KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

#[derive(Clone, Debug)]
struct Sent {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Sent {
    fn map(&self) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in &self.headers {
            map.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        map
    }
}

fn verify_at(sent: &Sent, secret: &str, now: Seconds) -> Result<Claim, SignatureError> {
    let headers = sent.map();
    let parts = Parts {
        method: &sent.method,
        path: &sent.path,
        query: &sent.query,
        headers: &headers,
        body: &sent.body,
    };
    let claim = Claim::read(&parts)?;
    let scope = Scope {
        regions: &["us-east-1"],
        service: "elasticfilesystem",
    };
    claim.verify(&parts, secret, &scope, now, &SigningKeys::new())?;
    Ok(claim)
}

fn verify(sent: &Sent) -> Result<Claim, SignatureError> {
    verify_at(sent, SECRET, NOW)
}

/// Signs with AWS's own crate.
fn signed(
    sent: &Sent,
    query_form: bool,
    token: Option<&str>,
    at: Seconds,
    (region, service): (&str, &str),
) -> Sent {
    let credentials = Credentials::new(KEY, SECRET, token.map(str::to_owned), None, "test");
    let identity = credentials.into();
    let mut settings = SigningSettings::default();
    if query_form {
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(Duration::from_secs(900));
    }
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(UNIX_EPOCH + Duration::from_secs(u64::try_from(at).unwrap()))
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let uri = if sent.query.is_empty() {
        format!("http://127.0.0.1:4599{}", sent.path)
    } else {
        format!("http://127.0.0.1:4599{}?{}", sent.path, sent.query)
    };
    let headers = sent.headers.iter().map(|(n, v)| (n.as_str(), v.as_str()));
    let request = SignableRequest::new(
        &sent.method,
        uri.clone(),
        headers,
        SignableBody::Bytes(&sent.body),
    )
    .unwrap();
    let (instructions, _) = sign(request, &params).unwrap().into_parts();
    let mut built = http::Request::builder()
        .method(sent.method.as_str())
        .uri(uri)
        .body(())
        .unwrap();
    for (name, value) in &sent.headers {
        built.headers_mut().append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    instructions.apply_to_request_http1x(&mut built);
    let mut headers: Vec<(String, String)> = built
        .headers()
        .iter()
        .map(|(n, v)| (n.to_string(), v.to_str().unwrap().to_owned()))
        .collect();
    if !headers.iter().any(|(name, _)| name == "host") {
        headers.push(("host".into(), "127.0.0.1:4599".into()));
    }
    Sent {
        method: sent.method.clone(),
        path: built.uri().path().to_owned(),
        query: built.uri().query().unwrap_or_default().to_owned(),
        headers,
        body: sent.body.clone(),
    }
}

const HERE: (&str, &str) = ("us-east-1", "elasticfilesystem");

fn plain() -> Sent {
    Sent {
        method: "POST".into(),
        path: "/2015-02-01/file-systems".into(),
        query: "MaxItems=10&Marker=a%20b".into(),
        headers: vec![
            ("content-type".into(), "application/json".into()),
            ("x-amz-meta".into(), "  a   b  ".into()),
        ],
        body: br#"{"CreationToken":"x"}"#.to_vec(),
    }
}

/// AWS General Reference, the example of a GET to IAM: key, canonical request and signature.
#[test]
fn the_documented_example_is_verified() {
    let sent = Sent {
        method: "GET".into(),
        path: "/".into(),
        query: "Action=ListUsers&Version=2010-05-08".into(),
        headers: vec![
            ("content-type".into(), "application/x-www-form-urlencoded; charset=utf-8".into()),
            ("host".into(), "iam.amazonaws.com".into()),
            ("x-amz-date".into(), "20150830T123600Z".into()),
            ("authorization".into(), "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7".into()),
        ],
        body: Vec::new(),
    };
    let headers = sent.map();
    let parts = Parts {
        method: "GET",
        path: "/",
        query: &sent.query,
        headers: &headers,
        body: &[],
    };
    let claim = Claim::read(&parts).unwrap();
    let scope = Scope {
        regions: &["us-east-1"],
        service: "iam",
    };
    let at = crate::time::parse_basic("20150830T123600Z").unwrap();
    assert_eq!(
        claim.verify(&parts, SECRET, &scope, at, &SigningKeys::new()),
        Ok(())
    );
    assert_eq!(
        claim.verify(&parts, "other", &scope, at, &SigningKeys::new()),
        Err(SignatureError::Mismatch)
    );
}

#[test]
fn what_awss_own_crate_signs_is_verified() {
    let mut arn = plain();
    arn.method = "DELETE".into();
    arn.path = "/2015-02-01/file-systems/arn%3Aaws%3Aelasticfilesystem%3Aus-east-1%3A1%3Afile-system%2Ffs-1".into();
    let mut odd = plain();
    odd.path = "/a//b/./c/../d%20e/".into();
    odd.query = "b=2&a=%2F&b=1&empty=&flag&tagKeys=a%3Db".into();
    let [mut dot, mut dots] = [plain(), plain()];
    dot.path = "/a/b/.".into();
    dots.path = "/a/b/..".into();
    for sent in [plain(), arn, odd, dot, dots] {
        for form in [false, true] {
            for token in [None, Some("to/ken+=")] {
                let signed = signed(&sent, form, token, NOW, HERE);
                let claim = verify(&signed).unwrap_or_else(|error| panic!("{error} {signed:?}"));
                assert_eq!(
                    (claim.access_key.as_str(), claim.token.as_deref()),
                    (KEY, token)
                );
            }
        }
    }
}

#[test]
fn clocks_may_differ_by_fifteen_minutes() {
    let sent = signed(&plain(), false, None, NOW, HERE);
    for (now, expected) in [
        (NOW - 900, true),
        (NOW + 900, true),
        (NOW - 901, false),
        (NOW + 901, false),
    ] {
        let result = verify_at(&sent, SECRET, now);
        assert_eq!(result.is_ok(), expected, "{now}");
        if !expected {
            assert!(matches!(result, Err(SignatureError::Expired(_))));
        }
    }
    let presigned = signed(&plain(), true, None, NOW, HERE);
    assert!(verify_at(&presigned, SECRET, NOW + 900).is_ok());
    assert!(matches!(
        verify_at(&presigned, SECRET, NOW + 901),
        Err(SignatureError::Expired(_))
    ));
    assert!(matches!(
        verify_at(&presigned, SECRET, NOW - 901),
        Err(SignatureError::Expired(_))
    ));
}

#[test]
fn a_signature_for_elsewhere_is_refused() {
    for (region, service, text) in [
        (
            "eu-west-1",
            "elasticfilesystem",
            "Credential should be scoped to a valid region.",
        ),
        (
            "us-east-1",
            "ec2",
            "Credential should be scoped to correct service: 'elasticfilesystem'.",
        ),
    ] {
        let error = verify(&signed(&plain(), false, None, NOW, (region, service))).unwrap_err();
        assert_eq!(error, SignatureError::Scope(text.into()));
    }
}

#[test]
fn an_unsigned_request_lacks_a_token_and_a_half_signed_one_says_what_it_lacks() {
    let mut sent = plain();
    assert_eq!(verify(&sent), Err(SignatureError::Missing));
    for (value, expected) in [
        (
            "AWS4-HMAC-SHA256 Credential=a",
            "Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter.",
        ),
        ("Bearer x", "Unsupported algorithm"),
        (
            "AWS4-HMAC-SHA256 Credential=a/b,SignedHeaders=host,Signature=00",
            "requires existence of either",
        ),
        ("AWS4-HMAC-SHA256 Credential=a,Credential=b", "twice"),
        ("AWS4-HMAC-SHA256 nothing", "without value"),
    ] {
        sent.headers = vec![("authorization".into(), value.into())];
        let Err(SignatureError::Incomplete(text)) = verify(&sent) else {
            panic!("{value}")
        };
        assert!(text.contains(expected), "{text}");
    }
    sent.headers = vec![
        (
            "authorization".into(),
            "AWS4-HMAC-SHA256 Credential=a/b,SignedHeaders=host;x-amz-date,Signature=00".into(),
        ),
        ("x-amz-date".into(), "20261128T000000Z".into()),
    ];
    let Err(SignatureError::Incomplete(text)) = verify(&sent) else {
        panic!()
    };
    assert!(text.starts_with("Credential must have exactly 5"), "{text}");
    sent.headers = Vec::new();
    sent.query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00".into();
    assert!(matches!(verify(&sent), Err(SignatureError::Incomplete(_))));
}

#[test]
fn host_and_date_must_be_signed() {
    let good = signed(&plain(), false, None, NOW, HERE);
    for gone in ["host;", "x-amz-date;", ";x-amz-date"] {
        let mut sent = good.clone();
        for (name, value) in &mut sent.headers {
            if name == "authorization" {
                *value = value.replacen(gone, "", 1);
            }
        }
        let result = verify(&sent);
        assert!(
            matches!(
                result,
                Err(SignatureError::Scope(_) | SignatureError::Mismatch)
            ),
            "{gone} {result:?}"
        );
    }
}

#[test]
fn a_signature_that_is_given_twice_is_refused() {
    let mut both = signed(&plain(), true, None, NOW, HERE);
    both.headers.extend(
        signed(&plain(), false, None, NOW, HERE)
            .headers
            .into_iter()
            .filter(|(n, _)| n == "authorization"),
    );
    assert!(matches!(verify(&both), Err(SignatureError::Incomplete(_))));
    let mut twice = signed(&plain(), false, None, NOW, HERE);
    twice
        .headers
        .push(("x-amz-date".into(), "20200101T000000Z".into()));
    assert!(matches!(verify(&twice), Err(SignatureError::Incomplete(_))));
}

fn requests() -> impl Strategy<Value = Sent> {
    (
        prop_oneof![Just("GET"), Just("PUT"), Just("POST"), Just("DELETE")],
        "(/([a-z0-9._~-]|%2[0-9A-F]){1,8}){1,3}/?",
        prop::collection::vec(
            ("[a-zA-Z.0-9]{1,6}", "([a-zA-Z0-9._~-]|%2[0-9A-F]){0,8}"),
            0..4,
        ),
        prop::collection::vec(("x-amz-[a-c]", "[!-~]{1,6}( {1,3}[!-~]{1,4}){0,2}"), 0..3),
        prop::collection::vec(any::<u8>(), 0..60),
    )
        .prop_map(|(method, path, query, headers, body)| Sent {
            method: method.into(),
            path,
            query: query
                .iter()
                .map(|(n, v)| format!("{n}={v}"))
                .collect::<Vec<_>>()
                .join("&"),
            headers,
            body,
        })
}

proptest! {
    #[test]
    fn any_request_that_is_signed_is_verified(sent in requests(), form: bool) {
        let signed = signed(&sent, form, None, NOW, HERE);
        prop_assert!(verify(&signed).is_ok(), "{:?} {:?}", verify(&signed), signed);
    }

    #[test]
    fn any_change_of_a_signed_request_is_refused(sent in requests(), form: bool, what in 0..7, at: prop::sample::Index, bit in 0_u8..8) {
        let good = signed(&sent, form, None, NOW, HERE);
        let mut changed = good.clone();
        match what {
            0 => changed.method = if good.method == "GET" { "POST".into() } else { "GET".into() },
            1 => changed.path.push('x'),
            // More than the ".." of the path can take away again.
            2 => changed.path.insert_str(0, "/y/y/y/y"),
            3 => changed.query = format!("z=1{}{}", if good.query.is_empty() { "" } else { "&" }, good.query),
            4 => if changed.body.is_empty() { changed.body.push(0) } else { let i = at.index(changed.body.len()); changed.body[i] ^= 1 << bit },
            5 => {
                // Every header but those that are never signed.
                let i = at.index(changed.headers.len());
                let (name, value) = &mut changed.headers[i];
                if name == "authorization" || form && name != "host" && !sent.headers.iter().any(|(n, _)| n == name) { return Ok(()) }
                value.push('x');
            }
            _ => changed.body.extend_from_slice(b"more"),
        }
        prop_assert!(verify(&changed).is_err(), "{:?}", changed);
    }

    #[test]
    fn no_other_secret_and_no_other_signature_will_do(sent in requests(), secret in "[a-z]{0,40}", flip in 0_usize..64) {
        let good = signed(&sent, false, None, NOW, HERE);
        prop_assert_eq!(verify_at(&good, &secret, NOW), Err(SignatureError::Mismatch));
        let mut forged = good;
        for (name, value) in &mut forged.headers {
            if name == "authorization" {
                let at = value.find("Signature=").unwrap() + 10 + flip;
                let other = if &value[at..=at] == "0" { "1" } else { "0" };
                value.replace_range(at..=at, other);
            }
        }
        prop_assert_eq!(verify(&forged), Err(SignatureError::Mismatch));
    }

    #[test]
    fn reading_never_panics(query in "(X-Amz-(Algorithm|Credential|Date|Expires|SignedHeaders|Signature)=[!-~]{0,20}&){0,6}", value in "(AWS4-HMAC-SHA256 )?(Credential=[!-~]{0,30},? ?|SignedHeaders=[!-~]{0,9},|Signature=[0-9a-f]{0,64},?){0,3}") {
        let mut sent = plain();
        sent.query = query;
        let _ = verify(&sent);
        sent.query = String::new();
        sent.headers.push(("authorization".into(), value));
        sent.headers.push(("x-amz-date".into(), "20261128T000000Z".into()));
        let _ = verify(&sent);
    }
}

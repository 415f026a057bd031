//! What a request says of its own signature, and whether that is true.

use std::borrow::Cow;

use http::{HeaderMap, header};
use subtle::ConstantTimeEq;

use super::canonical::{hash, unhex};
use super::key::{SigningKeys, hmac};
use super::{LONGEST, SKEW, SignatureError};
use crate::time::{Seconds, basic, parse_basic};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The most headers that may be signed.
const MOST_HEADERS: usize = 100;

/// A request, as far as it is signed.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'r> {
    /// `GET`, ...
    pub method: &'r str,
    /// As it was sent, percent-encoded.
    pub path: &'r str,
    /// As it was sent, without the question mark.
    pub query: &'r str,
    /// All of them.
    pub headers: &'r HeaderMap,
    /// Whole.
    pub body: &'r [u8],
}

/// For what a signature must have been made.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'s> {
    /// The regions that are accepted.
    pub regions: &'s [&'s str],
    /// `elasticfilesystem`, `ec2`, `iam`, `sts`.
    pub service: &'s str,
}

/// How long a signature lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lifetime {
    /// In the header `Authorization`: as long as the clocks may differ.
    Header,
    /// In the query: so many seconds.
    Query(i64),
}

/// What a request says of its signature. Nothing of it is true before [`Claim::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The access key's id: with it the secret is found.
    pub access_key: String,
    /// The session token, if the key is one of a session.
    pub token: Option<String>,
    date: String,
    region: String,
    service: String,
    signed_headers: Vec<String>,
    signature: [u8; 32],
    /// `YYYYMMDDTHHMMSSZ`.
    stamp: String,
    at: Seconds,
    lifetime: Lifetime,
}

fn incomplete(message: impl Into<String>) -> SignatureError {
    SignatureError::Incomplete(message.into())
}

impl Claim {
    /// Reads the signature of a request, from its header or its query.
    ///
    /// # Errors
    /// [`SignatureError::Missing`] or [`SignatureError::Incomplete`].
    pub fn read(parts: &Parts<'_>) -> Result<Self, SignatureError> {
        let presigned = Query::read(parts.query)?;
        let mut headers = parts.headers.get_all(header::AUTHORIZATION).iter();
        match (headers.next(), presigned) {
            (None, None) => Err(SignatureError::Missing),
            (None, Some(query)) => query.claim(),
            (Some(_), Some(_)) => Err(incomplete(
                "Authorization header and query string authentication cannot be used together.",
            )),
            (Some(_), None) if headers.next().is_some() => {
                Err(incomplete("Only one Authorization header is allowed."))
            }
            (Some(value), None) => {
                let value = value
                    .to_str()
                    .map_err(|_| incomplete("Authorization header is no text."))?;
                of_header(value, parts.headers)
            }
        }
    }

    /// Whether the signature is right, now and here.
    ///
    /// # Errors
    /// [`SignatureError::Scope`], [`SignatureError::Expired`] or [`SignatureError::Mismatch`].
    pub fn verify(
        &self,
        parts: &Parts<'_>,
        secret: &str,
        scope: &Scope<'_>,
        now: Seconds,
        keys: &SigningKeys,
    ) -> Result<(), SignatureError> {
        self.check_scope(scope)?;
        self.check_time(now)?;
        let without = match self.lifetime {
            Lifetime::Header => None,
            Lifetime::Query(_) => Some("X-Amz-Signature"),
        };
        let headers: Vec<&str> = self.signed_headers.iter().map(String::as_str).collect();
        let canonical = hash(parts, &headers, without);
        let Self {
            date,
            region,
            service,
            stamp,
            ..
        } = self;
        let to_sign =
            format!("{ALGORITHM}\n{stamp}\n{date}/{region}/{service}/aws4_request\n{canonical}");
        let key = keys.derive(secret, date, region, service);
        let expected = hmac(&key, to_sign.as_bytes());
        if bool::from(expected.ct_eq(&self.signature)) {
            Ok(())
        } else {
            Err(SignatureError::Mismatch)
        }
    }

    fn check_scope(&self, scope: &Scope<'_>) -> Result<(), SignatureError> {
        let refused = |message: String| Err(SignatureError::Scope(message));
        if !scope.regions.contains(&self.region.as_str()) {
            return refused("Credential should be scoped to a valid region.".into());
        }
        if self.service != scope.service {
            let service = scope.service;
            return refused(format!(
                "Credential should be scoped to correct service: '{service}'."
            ));
        }
        let day = self.stamp.get(..8).unwrap_or_default();
        if day != self.date {
            let Self { date, stamp, .. } = self;
            return refused(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date \
                 from HTTP: '{date}' != '{day}', from '{stamp}'."
            ));
        }
        Ok(())
    }

    fn check_time(&self, now: Seconds) -> Result<(), SignatureError> {
        let Self { stamp, at, .. } = self;
        let expired = |message: String| Err(SignatureError::Expired(message));
        if *at > now + SKEW {
            let (limit, now) = (basic(now + SKEW), basic(now));
            return expired(format!(
                "Signature not yet current: {stamp} is still later than {limit} ({now} + 15 min.)"
            ));
        }
        match self.lifetime {
            Lifetime::Header if *at < now - SKEW => {
                let (limit, now) = (basic(now - SKEW), basic(now));
                expired(format!(
                    "Signature expired: {stamp} is now earlier than {limit} ({now} - 15 min.)"
                ))
            }
            Lifetime::Query(seconds) if *at + seconds < now => {
                let end = basic(*at + seconds);
                expired(format!(
                    "Signature expired: {end} is now earlier than {}",
                    basic(now)
                ))
            }
            _ => Ok(()),
        }
    }
}

/// `KEY/DATE/REGION/SERVICE/aws4_request`.
struct Credential<'c> {
    access_key: &'c str,
    date: &'c str,
    region: &'c str,
    service: &'c str,
}

impl<'c> Credential<'c> {
    fn parse(text: &'c str) -> Result<Self, SignatureError> {
        let mut parts = text.rsplitn(5, '/');
        let mut part = || {
            parts.next().filter(|part| !part.is_empty()).ok_or_else(|| {
                incomplete(format!(
                    "Credential must have exactly 5 slash-delimited elements, e.g. \
                     keyid/date/region/service/term, got '{}'",
                    shorten(text)
                ))
            })
        };
        let terminator = part()?;
        let (service, region, date, access_key) = (part()?, part()?, part()?, part()?);
        if terminator != "aws4_request" {
            return Err(SignatureError::Scope(format!(
                "Credential should be scoped with a valid terminator: 'aws4_request', not '{}'.",
                shorten(terminator)
            )));
        }
        if date.len() != 8 || !date.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(incomplete("Credential has no valid date."));
        }
        if text.contains('\n') || access_key.len() > 128 {
            return Err(incomplete("Credential has no valid access key."));
        }
        Ok(Self {
            access_key,
            date,
            region,
            service,
        })
    }
}

fn of_header(value: &str, headers: &HeaderMap) -> Result<Claim, SignatureError> {
    let rest = value.trim().strip_prefix(ALGORITHM).ok_or_else(|| {
        incomplete(format!(
            "Unsupported algorithm in Authorization header; use {ALGORITHM}."
        ))
    })?;
    let (mut credential, mut signed_headers, mut signature) = (None, None, None);
    for parameter in rest.split(',') {
        let Some((name, value)) = parameter.trim().split_once('=') else {
            return Err(incomplete(
                "Authorization header has a parameter without value.",
            ));
        };
        let slot = match name {
            "Credential" => &mut credential,
            "SignedHeaders" => &mut signed_headers,
            "Signature" => &mut signature,
            _ => return Err(incomplete("Authorization header has an unknown parameter.")),
        };
        if slot.replace(value).is_some() {
            return Err(incomplete(format!(
                "Authorization header has {name} twice."
            )));
        }
    }
    let (Some(credential), Some(signed_headers), Some(signature)) =
        (credential, signed_headers, signature)
    else {
        let missing = [
            ("Credential", credential.is_none()),
            ("Signature", signature.is_none()),
            ("SignedHeaders", signed_headers.is_none()),
        ];
        let sentences: Vec<String> = missing
            .into_iter()
            .filter(|(_, missing)| *missing)
            .map(|(name, _)| format!("Authorization header requires '{name}' parameter."))
            .collect();
        return Err(incomplete(sentences.join(" ")));
    };
    let (stamp, at, dated_by) = header_date(headers)?;
    let claim = claim(Raw {
        credential,
        signed_headers,
        signature,
        stamp,
        at,
        token: text_header(headers, "x-amz-security-token")?.map(str::to_owned),
        lifetime: Lifetime::Header,
    })?;
    if !claim.signed_headers.iter().any(|name| name == dated_by) {
        return Err(SignatureError::Scope(format!(
            "'{dated_by}' must be a 'SignedHeader' in the AWS Authorization."
        )));
    }
    Ok(claim)
}

/// The request's date as it is signed, and the header that holds it.
fn header_date(headers: &HeaderMap) -> Result<(String, Seconds, &'static str), SignatureError> {
    if let Some(text) = text_header(headers, "x-amz-date")? {
        let at = parse_basic(text).ok_or_else(|| {
            incomplete(format!(
                "Date must be in ISO-8601 'basic format'. Got '{}'. See \
                 http://en.wikipedia.org/wiki/ISO_8601",
                shorten(text)
            ))
        })?;
        return Ok((text.to_owned(), at, "x-amz-date"));
    }
    let Some(text) = text_header(headers, "date")? else {
        return Err(incomplete(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
        ));
    };
    let at = parse_basic(text)
        .or_else(|| {
            Some(
                jiff::fmt::rfc2822::parse(text)
                    .ok()?
                    .timestamp()
                    .as_second(),
            )
        })
        .ok_or_else(|| incomplete(format!("Date '{}' can't be read.", shorten(text))))?;
    Ok((basic(at), at, "date"))
}

/// A header that may come once.
fn text_header<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, SignatureError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(incomplete(format!("The header {name} comes twice.")));
    }
    let text = value
        .to_str()
        .map_err(|_| incomplete(format!("The header {name} is no text.")))?;
    Ok(Some(text.trim()))
}

/// The parameters of a presigned request, decoded.
#[derive(Default)]
struct Query<'q> {
    algorithm: Option<Cow<'q, str>>,
    credential: Option<Cow<'q, str>>,
    date: Option<Cow<'q, str>>,
    expires: Option<Cow<'q, str>>,
    signed_headers: Option<Cow<'q, str>>,
    signature: Option<Cow<'q, str>>,
    token: Option<Cow<'q, str>>,
}

impl<'q> Query<'q> {
    /// `None` if nothing in the query speaks of a signature.
    fn read(query: &'q str) -> Result<Option<Self>, SignatureError> {
        if !query.contains("X-Amz-") && !query.contains('%') {
            return Ok(None);
        }
        let mut found = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let slot = match name.as_ref() {
                "X-Amz-Algorithm" => &mut found.algorithm,
                "X-Amz-Credential" => &mut found.credential,
                "X-Amz-Date" => &mut found.date,
                "X-Amz-Expires" => &mut found.expires,
                "X-Amz-SignedHeaders" => &mut found.signed_headers,
                "X-Amz-Signature" => &mut found.signature,
                "X-Amz-Security-Token" => &mut found.token,
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return Err(incomplete(format!("The parameter {name} comes twice.")));
            }
        }
        let speaks = found.algorithm.is_some()
            || found.credential.is_some()
            || found.signature.is_some()
            || found.signed_headers.is_some();
        Ok(speaks.then_some(found))
    }

    fn claim(self) -> Result<Claim, SignatureError> {
        let required = |value: Option<Cow<'q, str>>, name: &str| {
            value.ok_or_else(|| {
                incomplete(format!(
                    "AWS query-string parameters must include '{name}'."
                ))
            })
        };
        if required(self.algorithm, "X-Amz-Algorithm")? != ALGORITHM {
            return Err(incomplete(format!(
                "Unsupported X-Amz-Algorithm; use {ALGORITHM}."
            )));
        }
        let stamp = required(self.date, "X-Amz-Date")?;
        let at = parse_basic(&stamp)
            .ok_or_else(|| incomplete("X-Amz-Date must be in ISO-8601 'basic format'."))?;
        let expires = match self.expires {
            None => SKEW,
            Some(text) => text
                .parse::<i64>()
                .ok()
                .filter(|seconds| (0..=LONGEST).contains(seconds))
                .ok_or_else(|| {
                    incomplete(format!(
                        "X-Amz-Expires must be a number from 0 to {LONGEST}."
                    ))
                })?,
        };
        claim(Raw {
            credential: &required(self.credential, "X-Amz-Credential")?,
            signed_headers: &required(self.signed_headers, "X-Amz-SignedHeaders")?,
            signature: &required(self.signature, "X-Amz-Signature")?,
            stamp: stamp.into_owned(),
            at,
            token: self.token.map(Cow::into_owned),
            lifetime: Lifetime::Query(expires),
        })
    }
}

/// A claim whose parts are still to be checked.
struct Raw<'r> {
    credential: &'r str,
    signed_headers: &'r str,
    signature: &'r str,
    stamp: String,
    at: Seconds,
    token: Option<String>,
    lifetime: Lifetime,
}

fn claim(raw: Raw<'_>) -> Result<Claim, SignatureError> {
    let Credential {
        access_key,
        date,
        region,
        service,
    } = Credential::parse(raw.credential)?;
    let signed_headers: Vec<String> = raw.signed_headers.split(';').map(str::to_owned).collect();
    let valid = |name: &String| !name.is_empty() && name.bytes().all(is_header_byte);
    let ordered = signed_headers
        .windows(2)
        .all(|pair| pair.first() < pair.last());
    if signed_headers.len() > MOST_HEADERS || !ordered || !signed_headers.iter().all(valid) {
        return Err(incomplete(
            "SignedHeaders must be lower-case names in order, each once.",
        ));
    }
    if !signed_headers.iter().any(|name| name == "host") {
        return Err(SignatureError::Scope(
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.".into(),
        ));
    }
    // What is no signature at all is one that can't match.
    let signature = unhex(raw.signature).ok_or(SignatureError::Mismatch)?;
    Ok(Claim {
        access_key: access_key.to_owned(),
        token: raw.token,
        date: date.to_owned(),
        region: region.to_owned(),
        service: service.to_owned(),
        signed_headers,
        signature,
        stamp: raw.stamp,
        at: raw.at,
        lifetime: raw.lifetime,
    })
}

/// A character of a header's name, in lower case (RFC 9110 §5.6.2).
fn is_header_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The beginning of what a client sent, for a message.
fn shorten(text: &str) -> String {
    text.chars().take(100).collect()
}

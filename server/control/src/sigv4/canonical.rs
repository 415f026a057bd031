//! The canonical request: what is signed.

use http::HeaderMap;
use sha2::{Digest, Sha256};

use super::claim::Parts;

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// The hash of the canonical request, in hexadecimal.
///
/// `signature`: the name of the query parameter that holds the signature, and isn't signed itself.
pub(super) fn hash(parts: &Parts<'_>, signed_headers: &[&str], signature: Option<&str>) -> String {
    let mut text = Vec::with_capacity(512);
    text.extend_from_slice(parts.method.as_bytes());
    text.push(b'\n');
    path(&mut text, parts.path);
    text.push(b'\n');
    query(&mut text, parts.query, signature);
    text.push(b'\n');
    for name in signed_headers {
        header(&mut text, parts.headers, name);
    }
    text.push(b'\n');
    for (i, name) in signed_headers.iter().enumerate() {
        if i > 0 {
            text.push(b';');
        }
        text.extend_from_slice(name.as_bytes());
    }
    text.push(b'\n');
    text.extend_from_slice(hex(&Sha256::digest(parts.body)).as_bytes());
    hex(&Sha256::digest(&text))
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| {
        HEX.get(usize::from(nibble))
            .map_or('0', |d| char::from(d.to_ascii_lowercase()))
    };
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// 32 octets from 64 lower-case hexadecimal digits.
pub(super) fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let &[high, low] = pair else { return None };
        *byte = value(high)? << 4 | value(low)?;
    }
    Some(bytes)
}

fn encode(out: &mut Vec<u8>, byte: u8) {
    match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte),
        _ => {
            let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
            out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

/// The path, without `.`, `..` and empty components, encoded once more than it was sent.
fn path(out: &mut Vec<u8>, path: &str) {
    let mut components: Vec<&str> = Vec::new();
    for component in path.split('/') {
        match component {
            "" | "." => {}
            ".." => {
                components.pop();
            }
            component => components.push(component),
        }
    }
    for component in &components {
        out.push(b'/');
        component.bytes().for_each(|byte| encode(out, byte));
    }
    let last = path.rsplit('/').next();
    if components.is_empty() || matches!(last, Some("" | "." | "..")) {
        out.push(b'/');
    }
}

/// The parameters, each decoded and encoded in the one canonical way, in order.
fn query(out: &mut Vec<u8>, query: &str, without: Option<&str>) {
    let canonical = |text: &str| {
        let mut encoded = Vec::with_capacity(text.len());
        let spaced = text.replace('+', " ");
        for byte in percent_encoding::percent_decode_str(&spaced) {
            encode(&mut encoded, byte);
        }
        encoded
    };
    let mut parameters: Vec<(Vec<u8>, Vec<u8>)> = query
        .split('&')
        .filter(|parameter| !parameter.is_empty())
        .map(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            (canonical(name), canonical(value))
        })
        .filter(|(name, _)| without.is_none_or(|without| name != without.as_bytes()))
        .collect();
    parameters.sort();
    for (i, (name, value)) in parameters.iter().enumerate() {
        if i > 0 {
            out.push(b'&');
        }
        out.extend_from_slice(name);
        out.push(b'=');
        out.extend_from_slice(value);
    }
}

/// `name:value\n`, the values of equal headers joined, white space at the ends gone and folded
/// inside.
fn header(out: &mut Vec<u8>, headers: &HeaderMap, name: &str) {
    out.extend_from_slice(name.as_bytes());
    out.push(b':');
    for (i, value) in headers.get_all(name).iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        let words = value.as_bytes().split(|byte| matches!(byte, b' ' | b'\t'));
        for (j, word) in words.filter(|word| !word.is_empty()).enumerate() {
            if j > 0 {
                out.push(b' ');
            }
            out.extend_from_slice(word);
        }
    }
    out.push(b'\n');
}

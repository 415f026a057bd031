//! The signing key, and those that were derived lately.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use quick_cache::sync::Cache;
use sha2::Sha256;

/// How many derived keys are kept. Each serves one secret for one day, region and service.
const KEPT: usize = 1024;

/// HMAC-SHA256.
pub(super) fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    // HMAC takes keys of any length: the error can't occur, and an empty key would match nothing.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return [0; 32];
    };
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// Derived signing keys, the latest of them.
pub struct SigningKeys(Cache<Box<str>, [u8; 32]>);

impl SigningKeys {
    /// Without any key.
    #[must_use]
    pub fn new() -> Self {
        Self(Cache::new(KEPT))
    }

    /// `HMAC(HMAC(HMAC(HMAC("AWS4" + secret, date), region), service), "aws4_request")`.
    pub(super) fn derive(&self, secret: &str, date: &str, region: &str, service: &str) -> [u8; 32] {
        // A secret may hold anything; the other parts hold no line end.
        let name = format!("{date}\n{region}\n{service}\n{secret}").into_boxed_str();
        if let Some(key) = self.0.get(&name) {
            return key;
        }
        let mut key = hmac(format!("AWS4{secret}").as_bytes(), date.as_bytes());
        for part in [region, service, "aws4_request"] {
            key = hmac(&key, part.as_bytes());
        }
        self.0.insert(name, key);
        key
    }
}

impl Default for SigningKeys {
    fn default() -> Self {
        Self::new()
    }
}

// Keys and secrets must not get into a log.
impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKeys").finish_non_exhaustive()
    }
}

//! Ids of resources: a prefix and 17 hexadecimal digits (EFS user guide, "Resource IDs").

use rand::Rng;

/// A random id with this prefix, as `fs-`.
#[must_use]
pub fn random(prefix: &str) -> String {
    let number: u128 = rand::rng().random();
    format!("{prefix}{:017x}", number >> 60)
}

/// Whether this is an id with this prefix.
#[must_use]
pub fn is_id(text: &str, prefix: &str) -> bool {
    let digit = |octet: u8| matches!(octet, b'0'..=b'9' | b'a'..=b'f');
    text.strip_prefix(prefix)
        .is_some_and(|rest| rest.len() == 17 && rest.bytes().all(digit))
}

/// A random UUID (RFC 9562, version 4).
#[must_use]
pub fn uuid() -> String {
    uuid_of(rand::rng().random())
}

/// The UUID (RFC 9562, version 4) of a number.
#[must_use]
pub fn uuid_of(number: u128) -> String {
    let random = number & !(0xf << 76) & !(0x3 << 62) | 4 << 76 | 2 << 62;
    let hex = format!("{random:032x}");
    let parts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)];
    let parts = parts.map(|(from, to)| hex.get(from..to).unwrap_or_default());
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_17_digits() {
        let id = random("fsmt-");
        assert_eq!(id.len(), 22);
        let digits = id.strip_prefix("fsmt-").unwrap();
        assert!(
            digits.bytes().all(|digit| digit.is_ascii_hexdigit()),
            "{id}"
        );
        assert_ne!(id, random("fsmt-"));
        assert!(is_id(&id, "fsmt-") && !is_id(&id, "fs-"));
        assert!(!is_id("fs-../../../etc/passw", "fs-"));
    }

    #[test]
    fn uuids_are_random() {
        let id = uuid();
        assert_eq!(id.len(), 36);
        assert_eq!(&id[14..15], "4", "{id}");
        assert!("89ab".contains(&id[19..20]), "{id}");
        assert_ne!(id, uuid());
    }
}

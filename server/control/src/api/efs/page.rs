//! Pages of results, and the tokens that lead from one to the next.

use super::super::Result;
use super::bad;

/// Stands before every token: tokens mean something only here.
const KIND: &str = "lfs1-";

/// The token of the page after the result with this key. Keys are ids, so that tokens stay far
/// below the 128 characters that they may have.
pub(super) fn token(key: &str) -> String {
    let digits = key.bytes().map(|octet| format!("{octet:02x}"));
    KIND.chars()
        .chain(digits.collect::<String>().chars())
        .collect()
}

/// The key in a token.
///
/// # Errors
/// BadRequest if it is none of ours.
pub(super) fn key(token: Option<&str>) -> Result<Option<String>> {
    let Some(token) = token else {
        return Ok(None);
    };
    let invalid = || bad("The token for the next page is not valid.");
    let digits = token.strip_prefix(KIND).ok_or_else(invalid)?;
    let pairs = digits.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair)
            .ok()
            .filter(|pair| pair.len() == 2)?;
        // Which takes a sign, too.
        u8::from_str_radix(pair, 16)
            .ok()
            .filter(|_| !pair.contains('+'))
    });
    let octets: Option<Vec<u8>> = pairs.collect();
    let key = octets.and_then(|octets| String::from_utf8(octets).ok());
    key.map(Some).ok_or_else(invalid)
}

/// One page of results, and the token of the next if there is one. `all` has one result more than
/// the page, if there are more.
pub(super) fn page<T>(
    mut all: Vec<T>,
    size: usize,
    key: impl Fn(&T) -> &str,
) -> (Vec<T>, Option<String>) {
    let more = all.len() > size;
    all.truncate(size);
    let next = all.last().filter(|_| more).map(|last| token(key(last)));
    (all, next)
}

/// How many results a page has, where a caller asks for so many.
pub(super) fn size(asked: Option<u32>, largest: usize) -> usize {
    asked
        .and_then(|asked| usize::try_from(asked).ok())
        .map_or(super::limits::PAGE, |asked| asked.clamp(1, largest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_lead_back_to_their_keys() {
        for id in ["fs-0123456789abcdef0", "é", ""] {
            assert_eq!(key(Some(&token(id))).unwrap().as_deref(), Some(id));
        }
        assert!(token(&"x".repeat(40)).len() <= 128);
        assert_eq!(key(None).unwrap(), None);
        for token in ["", "x", "lfs1-0", "lfs1-zz", "lfs1-ff", "lfs1-+1"] {
            assert!(key(Some(token)).is_err(), "{token}");
        }
    }

    #[test]
    fn the_last_page_has_no_token() {
        let all = || vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
        let (first, next) = page(all(), 2, |key| key);
        assert_eq!((first.len(), next), (2, Some(token("b"))));
        let (last, next) = page(all(), 3, |key| key);
        assert_eq!((last.len(), next), (3, None));
    }
}

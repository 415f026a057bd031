//! What may name an object and what a symbolic link may hold.

use crate::error::Error;
use crate::limits::{MAX_NAME, MAX_SYMLINK};

/// Accepts any bytes that Linux would take as one component of a path.
///
/// # Errors
/// [`Error::Inval`] if empty, [`Error::NameTooLong`] beyond 255 bytes, [`Error::BadName`] for `.`,
/// `..` and names with `/` or NUL.
pub(crate) fn check_name(name: &[u8]) -> Result<(), Error> {
    if name.is_empty() {
        return Err(Error::Inval);
    }
    if name.len() > MAX_NAME {
        return Err(Error::NameTooLong);
    }
    if name == b"." || name == b".." || name.iter().any(|byte| matches!(byte, b'/' | 0)) {
        return Err(Error::BadName);
    }
    Ok(())
}

/// Accepts any target that EFS takes; where it points is the client's affair.
///
/// # Errors
/// [`Error::Inval`] if empty or with NUL, [`Error::NameTooLong`] beyond 4,080 bytes.
pub(crate) fn check_target(target: &[u8]) -> Result<(), Error> {
    if target.is_empty() || target.contains(&0) {
        return Err(Error::Inval);
    }
    if target.len() > MAX_SYMLINK {
        return Err(Error::NameTooLong);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(check_name(b""), Err(Error::Inval));
        for bad in [&b"."[..], b"..", b"/", b"a/b", b"/etc", b"a\0", b"\0"] {
            assert_eq!(check_name(bad), Err(Error::BadName), "{bad:?}");
        }
        for good in [
            &b"..."[..],
            b".a",
            b"..a",
            b"a.",
            b" ",
            b"\n",
            b"\xff\xfe",
            b"a\\b",
        ] {
            assert_eq!(check_name(good), Ok(()), "{good:?}");
        }
        assert_eq!(check_name(&[b'x'; 255]), Ok(()));
        assert_eq!(check_name(&[b'x'; 256]), Err(Error::NameTooLong));
        assert_eq!(check_name(&[b'/'; 256]), Err(Error::NameTooLong));
    }

    #[test]
    fn targets() {
        assert_eq!(check_target(b""), Err(Error::Inval));
        assert_eq!(check_target(b"a\0b"), Err(Error::Inval));
        assert_eq!(check_target(b"../../../etc/passwd"), Ok(()));
        assert_eq!(check_target(&[b'x'; 4080]), Ok(()));
        assert_eq!(check_target(&[b'x'; 4081]), Err(Error::NameTooLong));
    }
}

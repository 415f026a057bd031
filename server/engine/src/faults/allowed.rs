//! The errors that each operation may be made to fail with.

use localefs_protocol::nfs4::{Nfsstat4, OpInfo, OpNum};

use super::FaultError;

/// Those of RFC 8881 §15.2 that tell a client about files or the disk: an application sees them,
/// or the client tries again. Left out are those that speak of sessions, clients and stateids,
/// and all but DELAY of operations that give up state: the client would take apart what the
/// server keeps, or the other way round. LOCK may also fail with NFS4ERR_DQUOT, as with EFS.
const ALLOWED: &[(OpNum, &str)] = &[
    (OpNum::OP_ACCESS, "ACCESS DELAY INVAL IO SERVERFAULT STALE"),
    (OpNum::OP_CLOSE, "DELAY"),
    (OpNum::OP_COMMIT, "ACCESS DELAY IO ISDIR SERVERFAULT STALE"),
    (
        OpNum::OP_CREATE,
        "ACCESS DELAY DQUOT EXIST INVAL IO MLINK NAMETOOLONG NOSPC NOTDIR PERM ROFS SERVERFAULT \
         STALE",
    ),
    (OpNum::OP_GETATTR, "ACCESS DELAY INVAL IO SERVERFAULT STALE"),
    (
        OpNum::OP_LINK,
        "ACCESS DELAY DQUOT EXIST FILE_OPEN INVAL IO ISDIR MLINK NAMETOOLONG NOSPC NOTDIR ROFS \
         SERVERFAULT STALE XDEV",
    ),
    (
        OpNum::OP_LOCK,
        "ACCESS DELAY DQUOT INVAL ISDIR ROFS SERVERFAULT STALE",
    ),
    (OpNum::OP_LOCKT, "ACCESS DELAY INVAL ISDIR ROFS STALE"),
    (OpNum::OP_LOCKU, "DELAY"),
    (
        OpNum::OP_LOOKUP,
        "ACCESS DELAY INVAL IO NAMETOOLONG NOENT NOTDIR SERVERFAULT STALE",
    ),
    (
        OpNum::OP_LOOKUPP,
        "ACCESS DELAY IO NOENT NOTDIR SERVERFAULT STALE",
    ),
    (OpNum::OP_NVERIFY, "ACCESS DELAY INVAL IO SERVERFAULT STALE"),
    (
        OpNum::OP_OPEN,
        "ACCESS DELAY DQUOT EXIST FBIG INVAL IO ISDIR NAMETOOLONG NOENT NOSPC NOTDIR PERM ROFS \
         SERVERFAULT STALE",
    ),
    (OpNum::OP_OPEN_DOWNGRADE, "DELAY"),
    (OpNum::OP_PUTFH, "DELAY SERVERFAULT STALE"),
    (
        OpNum::OP_READ,
        "ACCESS DELAY INVAL IO ISDIR LOCKED SERVERFAULT STALE",
    ),
    (
        OpNum::OP_READDIR,
        "ACCESS DELAY INVAL IO NOTDIR SERVERFAULT STALE",
    ),
    (
        OpNum::OP_READLINK,
        "ACCESS DELAY INVAL IO SERVERFAULT STALE",
    ),
    (
        OpNum::OP_REMOVE,
        "ACCESS DELAY FILE_OPEN INVAL IO NAMETOOLONG NOENT NOTDIR NOTEMPTY ROFS SERVERFAULT STALE",
    ),
    (
        OpNum::OP_RENAME,
        "ACCESS DELAY DQUOT EXIST FILE_OPEN INVAL IO MLINK NAMETOOLONG NOENT NOSPC NOTDIR \
         NOTEMPTY ROFS SERVERFAULT STALE XDEV",
    ),
    (
        OpNum::OP_SETATTR,
        "ACCESS DELAY DQUOT FBIG INVAL IO LOCKED NOSPC PERM ROFS SERVERFAULT STALE",
    ),
    (OpNum::OP_VERIFY, "ACCESS DELAY INVAL IO SERVERFAULT STALE"),
    (
        OpNum::OP_WRITE,
        "ACCESS DELAY DQUOT FBIG INVAL IO ISDIR LOCKED NOSPC ROFS SERVERFAULT STALE",
    ),
];

const PREFIX: &str = "NFS4ERR_";

/// # Errors
/// [`FaultError::Operation`] or [`FaultError::NotThatError`].
pub fn check(operation: OpNum, status: Nfsstat4) -> Result<(), FaultError> {
    let name = operation.name().unwrap_or_default();
    let name = name.strip_prefix("OP_").unwrap_or(name).to_owned();
    let Some((_, errors)) = ALLOWED.iter().find(|(number, _)| *number == operation) else {
        return Err(FaultError::Operation { name });
    };
    let wanted = status.name().unwrap_or_default();
    let listed = |error| wanted.strip_prefix(PREFIX) == Some(error);
    if errors.split(' ').any(listed) {
        return Ok(());
    }
    Err(FaultError::NotThatError {
        operation: name,
        status: format!("{status:?}"),
        allowed: errors.replace(' ', ", "),
    })
}

/// The operation of a name as the RFC has it, with or without `OP_`, in any case.
///
/// # Errors
/// [`FaultError::Operation`] if none that can fail is called so.
pub fn operation_named(name: &str) -> Result<OpNum, FaultError> {
    let wanted = name.to_ascii_uppercase();
    let wanted = wanted.strip_prefix("OP_").unwrap_or(&wanted);
    let info = OpInfo::TABLE.iter().find(|info| info.name == wanted);
    let known = info.filter(|info| ALLOWED.iter().any(|(number, _)| *number == info.number));
    known
        .map(|info| info.number)
        .ok_or_else(|| FaultError::Operation {
            name: name.to_owned(),
        })
}

/// The error of a name as the RFC has it, with or without `NFS4ERR_`, in any case.
///
/// # Errors
/// [`FaultError::Status`] if none that can be asked for is called so.
pub fn status_named(name: &str) -> Result<Nfsstat4, FaultError> {
    let wanted = name.to_ascii_uppercase();
    let wanted = wanted.strip_prefix(PREFIX).unwrap_or(&wanted);
    // Errors have numbers from 1 to 88, and from 10,001 to 10,087 (RFC 8881 §15.1).
    (1..100)
        .chain(10_001..10_100)
        .map(Nfsstat4)
        .find(|status| {
            let name = status.name().and_then(|name| name.strip_prefix(PREFIX));
            name == Some(wanted)
        })
        .ok_or_else(|| FaultError::Status {
            name: name.to_owned(),
        })
}

/// The names of the operations that can fail, in the order of their numbers.
pub fn operations() -> impl Iterator<Item = &'static str> {
    ALLOWED
        .iter()
        .filter_map(|(number, _)| OpInfo::of(*number).map(|info| info.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_operations_and_errors_that_exist() {
        for (number, errors) in ALLOWED {
            let info = OpInfo::of(*number).unwrap();
            assert!(
                info.flags.supported && !info.flags.without_session,
                "{}",
                info.name
            );
            assert_eq!(operation_named(info.name).unwrap(), *number);
            for error in errors.split(' ') {
                let status = status_named(error).unwrap();
                check(*number, status).unwrap();
            }
        }
        assert!(ALLOWED.is_sorted_by_key(|(number, _)| number.0));
        assert!(operations().eq(ALLOWED.iter().map(|(n, _)| OpInfo::of(*n).unwrap().name)));
    }

    #[test]
    fn names_are_taken_as_people_write_them() {
        for name in ["WRITE", "write", "OP_WRITE", "op_write"] {
            assert_eq!(operation_named(name).unwrap(), OpNum::OP_WRITE);
        }
        for name in ["NOSPC", "nospc", "NFS4ERR_NOSPC", "nfs4err_nospc"] {
            assert_eq!(status_named(name).unwrap(), Nfsstat4::NFS4ERR_NOSPC);
        }
        for name in [
            "",
            "FLY",
            "OP_",
            "SEQUENCE",
            "EXCHANGE_ID",
            "OP_OP_WRITE",
            "LAYOUTGET",
        ] {
            assert!(operation_named(name).is_err(), "{name}");
        }
        for name in ["", "OK", "NFS4_OK", "EIO", "NFS4ERR_", "5"] {
            assert!(status_named(name).is_err(), "{name}");
        }
    }

    #[test]
    fn an_error_that_an_operation_never_has_is_refused_with_those_that_it_has() {
        let error = check(OpNum::OP_READ, Nfsstat4::NFS4ERR_NOSPC).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("READ") && text.contains("NFS4ERR_NOSPC"),
            "{text}"
        );
        assert!(text.contains("IO, ISDIR"), "{text}");
        for (operation, status) in [
            (OpNum::OP_WRITE, Nfsstat4::NFS4ERR_BAD_STATEID),
            (OpNum::OP_WRITE, Nfsstat4::NFS4_OK),
            (OpNum::OP_LOCK, Nfsstat4::NFS4ERR_DENIED),
            (OpNum::OP_CLOSE, Nfsstat4::NFS4ERR_SERVERFAULT),
            (OpNum::OP_SEQUENCE, Nfsstat4::NFS4ERR_DELAY),
            (OpNum::OP_ILLEGAL, Nfsstat4::NFS4ERR_IO),
            (OpNum(9999), Nfsstat4(9999)),
        ] {
            assert!(
                check(operation, status).is_err(),
                "{operation:?} {status:?}"
            );
        }
    }
}

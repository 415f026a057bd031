//! The operations, a file per family.

pub mod access;
pub mod attributes;
pub mod clients;
pub mod commit;
pub mod create;
pub mod exchange_id;
pub mod fattr;
pub mod filehandle;
pub mod lock;
pub mod lookup;
pub mod open;
pub mod open_state;
pub mod read;
pub mod readdir;
pub mod reclaim;
pub mod remove;
pub mod rename;
pub mod security;
pub mod sequence;
pub mod sessions;
pub mod stateid;
pub mod write;

use localefs_protocol::nfs4::ops::{Createhow4, Openflag4, SecinfoStyle4, StableHow4, WriteArgs};
use localefs_protocol::nfs4::{Attr, Fattr4, NfsArgop4, Nfsstat4};
use localefs_vfs::{Blocking, Waiting};

use crate::compound::Compound;
use crate::errors::Failure;

/// Longest WRITE in octets that may run where it arrived, if there is a disk: handing over a longer
/// one is little beside writing it.
const MAX_BRIEF_WRITE: usize = 64 * 1024;

/// How often an operation waits for the disk, or is so long that others would wait for it. READ,
/// LOCK, LOCKT, REMOVE, RENAME and CLOSE find out by themselves whether they are among those that
/// do, and that they would block.
pub fn waiting(compound: &Compound, operation: &NfsArgop4<'_>) -> Waiting {
    let of_changes = || compound.fs().waiting();
    match operation {
        NfsArgop4::Open(arguments) => match &arguments.openhow {
            Openflag4::NoCreate => Waiting::Never,
            // It may free the data of a whole file.
            Openflag4::Create(Createhow4::Unchecked(set)) if sets(set, Attr::FATTR4_SIZE) => {
                Waiting::Always
            }
            Openflag4::Create(Createhow4::Unchecked(set) | Createhow4::Guarded(set)) => {
                of_setting(of_changes(), set)
            }
            Openflag4::Create(Createhow4::Exclusive41(how)) => {
                of_setting(of_changes(), &how.cva_attrs)
            }
            Openflag4::Create(Createhow4::Exclusive(_)) => of_changes(),
        },
        NfsArgop4::Setattr(arguments) => match &arguments.obj_attributes {
            set if sets(set, Attr::FATTR4_SIZE) => Waiting::Always,
            set => of_setting(of_changes(), set),
        },
        NfsArgop4::Create(arguments) => of_setting(of_changes(), &arguments.createattrs),
        NfsArgop4::Link(_) | NfsArgop4::Remove(_) | NfsArgop4::Rename(_) => of_changes(),
        NfsArgop4::Commit(_) => match of_changes() {
            Waiting::Never => Waiting::Never,
            Waiting::Seldom | Waiting::Always => Waiting::Always,
        },
        NfsArgop4::Write(arguments) => match of_changes() {
            Waiting::Seldom if is_brief(compound, arguments) => Waiting::Seldom,
            Waiting::Never => Waiting::Never,
            Waiting::Seldom | Waiting::Always => Waiting::Always,
        },
        NfsArgop4::CreateSession(_)
        | NfsArgop4::DestroyClientid(_)
        | NfsArgop4::ExchangeId(_)
        // They look at every directory on the way to the root.
        | NfsArgop4::Lookupp(())
        | NfsArgop4::SecinfoNoName(SecinfoStyle4::Parent)
        | NfsArgop4::Readdir(_)
        | NfsArgop4::ReclaimComplete(_) => Waiting::Always,
        _ => Waiting::Never,
    }
}

fn is_brief(compound: &Compound, write: &WriteArgs<'_>) -> bool {
    write.stable == StableHow4::Unstable
        && write.data.len() <= MAX_BRIEF_WRITE
        && !compound.fs().is_full_of_uncommitted()
}

/// How often a change waits that sets these attributes, too: a time of access is recorded beside
/// the tree, on a disk of its own.
fn of_setting(change: Waiting, attributes: &Fattr4<'_>) -> Waiting {
    match change {
        Waiting::Never if sets(attributes, Attr::FATTR4_TIME_ACCESS_SET) => Waiting::Seldom,
        other => other,
    }
}

fn sets(attributes: &Fattr4<'_>, attribute: Attr) -> bool {
    attributes.attrmask.contains(attribute)
}

/// Executes one operation and adds its result to the reply.
///
/// # Errors
/// The status that the result has, if it isn't NFS4_OK; or that the operation would block, with
/// nothing done.
pub fn execute(
    compound: &mut Compound,
    operation: NfsArgop4<'_>,
    blocking: Blocking,
) -> Result<(), Failure> {
    let number = operation.number();
    macro_rules! put {
        ($result:expr) => {{
            let result = $result;
            compound.put_result(number, result)
        }};
    }
    match operation {
        NfsArgop4::Access(a) => put!(access::access(compound, a)),
        NfsArgop4::BackchannelCtl(a) => put!(sessions::backchannel_ctl(compound, &a)),
        NfsArgop4::BindConnToSession(a) => put!(sessions::bind_conn_to_session(compound, a)),
        NfsArgop4::Close(a) => put!(open_state::close(compound, a, blocking)),
        NfsArgop4::Commit(a) => put!(commit::commit(compound, a)),
        NfsArgop4::Create(a) => put!(create::create(compound, &a)),
        NfsArgop4::CreateSession(a) => put!(sessions::create_session(compound, &a)),
        NfsArgop4::DestroyClientid(a) => put!(clients::destroy_clientid(compound, a)),
        NfsArgop4::DestroySession(a) => put!(sessions::destroy_session(compound, a)),
        NfsArgop4::ExchangeId(a) => exchange_id::exchange_id(compound, &a),
        NfsArgop4::FreeStateid(a) => put!(stateid::free_stateid(compound, a)),
        NfsArgop4::Getattr(a) => attributes::getattr(compound, a),
        NfsArgop4::Getfh(()) => filehandle::getfh(compound),
        NfsArgop4::Link(a) => put!(rename::link(compound, a)),
        NfsArgop4::Lock(a) => lock::lock(compound, &a, blocking),
        NfsArgop4::Lockt(a) => lock::lockt(compound, &a, blocking),
        NfsArgop4::Locku(a) => put!(lock::locku(compound, a)),
        NfsArgop4::Lookup(a) => put!(lookup::lookup(compound, a)),
        NfsArgop4::Lookupp(()) => put!(lookup::lookupp(compound)),
        NfsArgop4::Nverify(a) => put!(attributes::nverify(compound, &a)),
        NfsArgop4::Open(a) => put!(open::open(compound, &a, blocking)),
        NfsArgop4::OpenDowngrade(a) => put!(open_state::open_downgrade(compound, a)),
        NfsArgop4::Putfh(a) => put!(filehandle::putfh(compound, a)),
        // EFS has no public filehandle of its own: it is the root (RFC 8881 §18.20.3).
        NfsArgop4::Putpubfh(()) | NfsArgop4::Putrootfh(()) => put!(filehandle::putrootfh(compound)),
        NfsArgop4::Read(a) => read::read(compound, a, blocking),
        NfsArgop4::Readdir(a) => readdir::readdir(compound, &a),
        NfsArgop4::Readlink(()) => lookup::readlink(compound),
        NfsArgop4::ReclaimComplete(a) => put!(clients::reclaim_complete(compound, a)),
        NfsArgop4::Remove(a) => put!(remove::remove(compound, a, blocking)),
        NfsArgop4::Rename(a) => put!(rename::rename(compound, a, blocking)),
        NfsArgop4::Restorefh(()) => put!(filehandle::restorefh(compound)),
        NfsArgop4::Savefh(()) => put!(filehandle::savefh(compound)),
        NfsArgop4::Secinfo(a) => put!(security::secinfo(compound, a)),
        NfsArgop4::SecinfoNoName(a) => put!(security::secinfo_no_name(compound, a)),
        NfsArgop4::Setattr(a) => attributes::setattr(compound, &a),
        NfsArgop4::TestStateid(a) => put!(stateid::test_stateid(compound, &a)),
        NfsArgop4::Verify(a) => put!(attributes::verify(compound, &a)),
        NfsArgop4::Write(a) => put!(write::write(compound, &a)),
        // SEQUENCE is not executed but entered; what is not supported is not admitted.
        NfsArgop4::Sequence(_)
        | NfsArgop4::Delegpurge(_)
        | NfsArgop4::Delegreturn(_)
        | NfsArgop4::GetDirDelegation(_)
        | NfsArgop4::Getdeviceinfo(_)
        | NfsArgop4::Getdevicelist(_)
        | NfsArgop4::Layoutcommit(_)
        | NfsArgop4::Layoutget(_)
        | NfsArgop4::Layoutreturn(_)
        | NfsArgop4::Openattr(_)
        | NfsArgop4::OpenConfirm(())
        | NfsArgop4::ReleaseLockowner(())
        | NfsArgop4::Renew(())
        | NfsArgop4::SetSsv(_)
        | NfsArgop4::Setclientid(())
        | NfsArgop4::SetclientidConfirm(())
        | NfsArgop4::WantDelegation(_) => {
            put!(Err::<(), _>(Failure::Status(Nfsstat4::NFS4ERR_NOTSUPP)))
        }
    }
}

//! Decoded messages written the way the listings beside the captured pairs are, so that a listing
//! checks every field that it shows.

use std::fmt::{Display, LowerHex, Write};

use localefs_protocol::nfs4::ops::*;
use localefs_protocol::nfs4::{
    Attr, Attributes, Bitmap4, ChangeInfo4, Fattr4, NfsArgop4, NfsFtype4, NfsResop4, Nfsstat4,
    Nfstime4, OpInfo, OpNum, SetTime4, StateOwner4, Stateid4,
};
use localefs_protocol::rpc::{AuthFlavor, AuthSys, Call, ReplyHeader};
use localefs_protocol::xdr::Pack;

use crate::support::{CompoundCall, CompoundReply};

/// A number as the listings have it: small ones in two digits, others in all of `width`.
fn hex(value: impl LowerHex + Into<u64> + Copy, width: usize) -> String {
    if value.into() < 0x100 {
        format!("{value:#04x}")
    } else {
        format!("0x{value:0width$x}")
    }
}

fn hex32(value: u32) -> String {
    hex(value, 8)
}

fn hex64(value: u64) -> String {
    hex(value, 16)
}

fn digits(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

/// Binary data: in hexadecimal, the first 32 octets of what is longer than 64.
fn data(octets: &[u8]) -> String {
    match octets {
        [] => "<EMPTY>".into(),
        [first @ .., _] if first.len() >= 64 => format!("0x{}...", digits(&octets[..32])),
        _ => format!("0x{}", digits(octets)),
    }
}

/// A name: as it is if it is ASCII, else as data.
fn text(octets: &[u8]) -> String {
    match std::str::from_utf8(octets) {
        Ok("") => "<EMPTY>".into(),
        Ok(text) if octets.iter().all(|octet| (b' '..=b'~').contains(octet)) => text.into(),
        _ => data(octets),
    }
}

fn yes(value: bool) -> &'static str {
    if value { "Yes" } else { "No" }
}

fn truth(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

fn status(status: Nfsstat4) -> String {
    match status {
        Nfsstat4::NFS4_OK => "NFS4_OK".into(),
        _ => format!("{status:?} ({})", status.0),
    }
}

fn verifier(octets: [u8; 8]) -> String {
    hex64(u64::from_be_bytes(octets))
}

fn stateid(stateid: &Stateid4) -> String {
    format!(
        "StateID {{seqid: {}; other {}}}",
        stateid.seqid,
        digits(&stateid.other.0)
    )
}

fn change_info(name: &str, info: &ChangeInfo4) -> String {
    let ChangeInfo4 {
        atomic,
        before,
        after,
    } = info;
    format!(
        "{name} {{atomic {}, before {before}, after {after}}}",
        yes(*atomic)
    )
}

fn owner(owner: &StateOwner4<'_>) -> String {
    format!(
        "Owner {{clientid: {}; owner: {}}}",
        hex64(owner.clientid),
        data(&owner.owner)
    )
}

fn time(time: &Nfstime4) -> String {
    // The listings show seconds without their sign.
    format!("{} s {} ns", time.seconds.cast_unsigned(), time.nseconds)
}

fn file_type(file_type: NfsFtype4) -> String {
    let name = match file_type {
        NfsFtype4::Reg => "REG",
        NfsFtype4::Dir => "DIR",
        NfsFtype4::Blk => "BLK",
        NfsFtype4::Chr => "CHR",
        NfsFtype4::Lnk => "LNK",
        NfsFtype4::Sock => "SOCK",
        NfsFtype4::Fifo => "FIFO",
        NfsFtype4::AttrDir => "ATTRDIR",
        NfsFtype4::NamedAttr => "NAMEDATTR",
    };
    format!("NF4{name} ({})", file_type as u32)
}

fn words(set: &Bitmap4) -> Vec<(usize, u32)> {
    let mut words = [0_u32; 3];
    for attribute in set.iter() {
        words[attribute.0 as usize / 32] |= 1 << (attribute.0 % 32);
    }
    words
        .into_iter()
        .enumerate()
        .filter(|(_, word)| *word != 0)
        .collect()
}

/// The words of a mask that are not empty, each with what `values` says of its attributes.
fn mask_with(set: &Bitmap4, values: impl Fn(Attr) -> Option<String>) -> String {
    let words = words(set);
    let part = |(index, word): &(usize, u32)| {
        let number = if words.len() > 1 {
            format!("[{index}]")
        } else {
            String::new()
        };
        let values: Vec<String> = set
            .iter()
            .filter(|attribute| attribute.0 as usize / 32 == *index)
            .filter_map(&values)
            .collect();
        let values = if values.is_empty() {
            String::new()
        } else {
            format!(" {{{}}}", values.join("; "))
        };
        format!("mask{number} {}{values}", hex32(*word))
    };
    words.iter().map(part).collect::<Vec<_>>().join("; ")
}

fn mask(set: &Bitmap4) -> String {
    mask_with(set, |_| None)
}

fn set_time(name: &str, value: &SetTime4) -> String {
    match value {
        SetTime4::ServerTime => format!("{name} SET_TO_SERVER_TIME4 (0)"),
        SetTime4::ClientTime(Nfstime4 { seconds, nseconds }) => format!(
            "{name} {{set_it: SET_TO_CLIENT_TIME4 (1); seconds: {}; nseconds: {nseconds}}}",
            seconds.cast_unsigned()
        ),
    }
}

fn attribute(attribute: Attr, all: &Attributes<'_>) -> Option<String> {
    fn shown(name: &str, value: Option<impl Display>) -> Option<String> {
        value.map(|value| format!("{name} {value}"))
    }
    match attribute {
        Attr::FATTR4_TYPE => shown("Type", all.file_type.map(file_type)),
        Attr::FATTR4_CHANGE => shown("Change", all.change),
        Attr::FATTR4_SIZE => shown("Size", all.size),
        Attr::FATTR4_FSID => shown(
            "FSID",
            all.fsid
                .map(|fsid| format!("{}/{}", fsid.major, fsid.minor)),
        ),
        Attr::FATTR4_LEASE_TIME => shown("Lease_Time", all.lease_time),
        Attr::FATTR4_RDATTR_ERROR => shown("RDAttr_Error", all.rdattr_error.map(status)),
        Attr::FATTR4_FILEHANDLE => {
            shown("Filehandle", all.filehandle.map(|handle| digits(&handle)))
        }
        Attr::FATTR4_FILEID => shown("FileId", all.fileid),
        Attr::FATTR4_MAXLINK => shown("MaxLink", all.maxlink),
        Attr::FATTR4_MAXNAME => shown("MaxName", all.maxname),
        Attr::FATTR4_MODE => shown("Mode", all.mode.map(|mode| format!("0{mode:03o}"))),
        Attr::FATTR4_NUMLINKS => shown("NumLinks", all.numlinks),
        Attr::FATTR4_OWNER => shown("Owner", all.owner.map(|owner| text(&owner))),
        Attr::FATTR4_OWNER_GROUP => shown("Owner_Group", all.owner_group.map(|group| text(&group))),
        Attr::FATTR4_RAWDEV => shown(
            "RawDev",
            all.rawdev
                .map(|device| format!("{}/{}", device.specdata1, device.specdata2)),
        ),
        Attr::FATTR4_SPACE_USED => shown("Space_Used", all.space_used),
        Attr::FATTR4_TIME_ACCESS => shown("Time_Access", all.time_access.as_ref().map(time)),
        Attr::FATTR4_TIME_METADATA => shown("Time_Metadata", all.time_metadata.as_ref().map(time)),
        Attr::FATTR4_TIME_MODIFY => shown("Time_Modify", all.time_modify.as_ref().map(time)),
        Attr::FATTR4_TIME_ACCESS_SET => all
            .time_access_set
            .as_ref()
            .map(|value| set_time("Time_Access_Set", value)),
        Attr::FATTR4_TIME_MODIFY_SET => all
            .time_modify_set
            .as_ref()
            .map(|value| set_time("Time_Modify_Set", value)),
        Attr::FATTR4_MOUNTED_ON_FILEID => {
            shown("Mounted_on_FileId", all.mounted_on_fileid.map(hex64))
        }
        other => panic!("the listings have no {other:?}"),
    }
}

/// Attributes with their values; of those that the crate doesn't decode, the mask.
fn fattr(fattr: &Fattr4<'_>) -> String {
    match Attributes::from_fattr4(fattr) {
        Ok(all) => {
            let mut packed = Vec::new();
            all.pack(&mut packed).expect("writing to memory");
            assert_eq!(
                packed,
                fattr.attr_vals.as_slice(),
                "attributes encode as they came"
            );
            assert_eq!(all.mask(), fattr.attrmask);
            mask_with(&fattr.attrmask, |number| attribute(number, &all))
        }
        Err(error) => {
            assert_eq!(error, Nfsstat4::NFS4ERR_ATTRNOTSUPP);
            mask(&fattr.attrmask)
        }
    }
}

fn share(access: ShareAccess, deny: ShareDeny) -> String {
    let wants = match access & ShareAccess::WANT_DELEG_MASK {
        ShareAccess(0) => String::new(),
        wants => format!("wants: {wants:?} (0x{:08x}); ", wants.0),
    };
    let access = access & ShareAccess::OPEN4_SHARE_ACCESS_BOTH;
    format!(
        "share_access: {access:?} ({}); {wants}share_deny: {deny:?} ({})",
        access.0, deny.0
    )
}

fn open_how(how: &Openflag4<'_>) -> String {
    match how {
        Openflag4::NoCreate => "OPEN4_NOCREATE (0)".into(),
        Openflag4::Create(how) => {
            let how = match how {
                Createhow4::Unchecked(attributes) => {
                    format!("UNCHECKED4 (0); {}", fattr(attributes))
                }
                Createhow4::Guarded(attributes) => format!("GUARDED4 (1); {}", fattr(attributes)),
                Createhow4::Exclusive(value) => {
                    format!("EXCLUSIVE4 (2); verifier: {}", verifier(value.0))
                }
                Createhow4::Exclusive41(Creatverfattr {
                    cva_verf,
                    cva_attrs,
                }) => format!(
                    "EXCLUSIVE4_1 (3); verifier: {}; {}",
                    verifier(cva_verf.0),
                    fattr(cva_attrs)
                ),
            };
            format!("OPEN4_CREATE {{Create Mode: {how}}}")
        }
    }
}

fn claim(claim: &OpenClaim4<'_>) -> String {
    match claim {
        OpenClaim4::Null(name) => format!("CLAIM_NULL Name: {}", text(name)),
        OpenClaim4::Previous(had) => format!("CLAIM_PREVIOUS {}", *had as u32),
        OpenClaim4::Fh => "CLAIM_FH (4)".into(),
        OpenClaim4::DelegCurFh(_) => "CLAIM_DELEG_CUR_FH (5)".into(),
        other => panic!("the listings have no {other:?}"),
    }
}

fn lock_type(lock_type: NfsLockType4) -> String {
    let name = match lock_type {
        NfsLockType4::Read => "READ",
        NfsLockType4::Write => "WRITE",
        NfsLockType4::ReadW => "READW",
        NfsLockType4::WriteW => "WRITEW",
    };
    format!("locktype: {name}_LT ({})", lock_type as u32)
}

fn denied(denied: &LockDenied<'_>) -> String {
    format!(
        "{}; offset: {}; length: {}; {}; {}",
        status(Nfsstat4::NFS4ERR_DENIED),
        denied.offset,
        denied.length,
        lock_type(denied.locktype),
        owner(&denied.owner)
    )
}

fn stable(stable: StableHow4) -> String {
    let name = match stable {
        StableHow4::Unstable => "UNSTABLE4",
        StableHow4::DataSync => "DATA_SYNC4",
        StableHow4::FileSync => "FILE_SYNC4",
    };
    format!("{name} ({})", stable as u32)
}

fn channel(name: &str, attributes: &ChannelAttrs4) -> String {
    format!(
        "{name} {{hdr pad size: {}; max req size: {}; max resp size: {}; max resp size cached: {}; \
         max ops: {}; max reqs: {}}}",
        attributes.ca_headerpadsize,
        attributes.ca_maxrequestsize,
        attributes.ca_maxresponsesize,
        attributes.ca_maxresponsesize_cached,
        attributes.ca_maxoperations,
        attributes.ca_maxrequests
    )
}

/// Flags: their number, then the names of those that are set, in the order of `names`.
fn named<T: Copy + PartialEq>(value: u32, set: impl Fn(T) -> bool, names: &[(T, &str)]) -> String {
    names
        .iter()
        .filter(|(flag, _)| set(*flag))
        .fold(hex32(value), |mut text, (_, name)| {
            let _ = write!(text, ", {name}");
            text
        })
}

fn exchange_flags(flags: ExchangeIdFlags) -> String {
    let names = [
        ExchangeIdFlags::EXCHGID4_FLAG_USE_PNFS_MDS,
        ExchangeIdFlags::EXCHGID4_FLAG_BIND_PRINC_STATEID,
        ExchangeIdFlags::EXCHGID4_FLAG_SUPP_MOVED_REFER,
    ]
    .map(|flag| (flag, flag.name().expect("a named flag")));
    named(flags.0, |flag| flags.contains(flag), &names)
}

fn session_flags(flags: CreateSessionFlags) -> String {
    let names = [
        CreateSessionFlags::CREATE_SESSION4_FLAG_PERSIST,
        CreateSessionFlags::CREATE_SESSION4_FLAG_CONN_BACK_CHAN,
    ]
    .map(|flag| (flag, flag.name().expect("a named flag")));
    named(flags.0, |flag| flags.contains(flag), &names)
}

fn security(parms: &CallbackSecParms4<'_>) -> String {
    match parms {
        CallbackSecParms4::Sys(AuthSys {
            stamp,
            machinename,
            uid,
            gid,
            ..
        }) => format!(
            "flavor: 1; stamp: {stamp}; machine name: {}; uid: {uid}; gid: {gid}",
            text(machinename)
        ),
        other => panic!("the listings have no {other:?}"),
    }
}

fn implementation(id: &[localefs_protocol::nfs4::NfsImplId4<'_>]) -> String {
    let values = id.iter().map(|id| {
        format!(
            " {{Implementor DNS domain name(nii_domain): {}; \
             Implementation product name(nii_name): {}; Build timestamp(nii_date) {}}}",
            text(&id.nii_domain),
            text(&id.nii_name),
            time(&id.nii_date)
        )
    });
    values.collect()
}

/// What a listing shows of the arguments of `operation`.
fn arguments(operation: &NfsArgop4<'_>) -> String {
    use NfsArgop4::*;
    match operation {
        Getfh(()) | Lookupp(()) | Putrootfh(()) | Readlink(()) | Restorefh(()) | Savefh(()) => {
            String::new()
        }
        Access(args) => format!("Check access: {}", hex32(args.access.0)),
        BindConnToSession(args) => format!(
            "sessionid: {}; bctsa_dir: CDFC4_{} ({}); bctsa_use_conn_in_rdma_mode: {}",
            digits(&args.bctsa_sessid.0),
            match args.bctsa_dir {
                ChannelDirFromClient4::Fore => "FORE",
                ChannelDirFromClient4::Back => "BACK",
                ChannelDirFromClient4::ForeOrBoth => "FORE_OR_BOTH",
                ChannelDirFromClient4::BackOrBoth => "BACK_OR_BOTH",
            },
            hex32(args.bctsa_dir as u32),
            truth(args.bctsa_use_conn_in_rdma_mode)
        ),
        Close(args) => format!(
            "seqid: {}; {}",
            hex32(args.seqid),
            stateid(&args.open_stateid)
        ),
        Commit(args) => format!("offset: {}; count: {}", args.offset, args.count),
        Create(args) => {
            let (number, more) = match args.objtype {
                Createtype4::Dir => (NfsFtype4::Dir, String::new()),
                Createtype4::Fifo => (NfsFtype4::Fifo, String::new()),
                Createtype4::Chr(device) => (
                    NfsFtype4::Chr,
                    format!(
                        "; specdata1: {}; specdata2: {}",
                        device.specdata1, device.specdata2
                    ),
                ),
                Createtype4::Lnk(target) => (
                    NfsFtype4::Lnk,
                    format!("; Link Contents: {}", text(&target)),
                ),
                ref other => panic!("the listings have no {other:?}"),
            };
            format!(
                "ftype4: {}{more}; Name: {}; {}",
                file_type(number),
                text(&args.objname),
                fattr(&args.createattrs)
            )
        }
        CreateSession(args) => format!(
            "clientid: {}; seqid: {}; csa_flags: {}; {}; {}; cb_program: {}; {}",
            hex64(args.csa_clientid),
            hex32(args.csa_sequence),
            session_flags(args.csa_flags),
            channel("csa_fore_chan_attrs", &args.csa_fore_chan_attrs),
            channel("csa_back_chan_attrs", &args.csa_back_chan_attrs),
            hex32(args.csa_cb_program),
            args.csa_sec_parms
                .iter()
                .map(security)
                .collect::<Vec<_>>()
                .join("; ")
        ),
        Delegreturn(args) => stateid(&args.deleg_stateid),
        DestroyClientid(args) => format!("clientid: {}", hex64(args.dca_clientid)),
        DestroySession(args) => format!("sessionid: {}", digits(&args.dsa_sessionid.0)),
        ExchangeId(args) => {
            assert_eq!(args.eia_state_protect, StateProtect4A::None);
            format!(
                "eia_clientowner {{verifier: {}; Data: {}; flags: {}}}; \
                 eia_state_protect: SP4_NONE (0); eia_client_impl_id{}",
                verifier(args.eia_clientowner.co_verifier.0),
                data(&args.eia_clientowner.co_ownerid),
                exchange_flags(args.eia_flags),
                implementation(&args.eia_client_impl_id)
            )
        }
        FreeStateid(args) => stateid(&args.fsa_stateid),
        Getattr(args) => mask(&args.attr_request),
        Link(args) => format!("Name: {}", text(&args.newname)),
        Lock(args) => {
            let (new, locker) = match &args.locker {
                Locker4::New(new) => (
                    true,
                    format!(
                        "seqid: {}; {}; lock_seqid: {}; {}",
                        hex32(new.open_seqid),
                        stateid(&new.open_stateid),
                        hex32(new.lock_seqid),
                        owner(&new.lock_owner)
                    ),
                ),
                Locker4::Existing(old) => (
                    false,
                    format!(
                        "{}; lock_seqid: {}",
                        stateid(&old.lock_stateid),
                        hex32(old.lock_seqid)
                    ),
                ),
            };
            format!(
                "{}; reclaim?: {}; offset: {}; length: {}; new lock owner?: {}; {locker}",
                lock_type(args.locktype),
                yes(args.reclaim),
                args.offset,
                args.length,
                yes(new)
            )
        }
        Lockt(args) => format!(
            "{}; offset: {}; length: {}; {}",
            lock_type(args.locktype),
            args.offset,
            args.length,
            owner(&args.owner)
        ),
        // The dissector leaves the seqid out.
        Locku(args) => format!(
            "{}; {}; offset: {}; length: {}",
            lock_type(args.locktype),
            stateid(&args.lock_stateid),
            args.offset,
            args.length
        ),
        Lookup(args) => format!("Name: {}", text(&args.objname)),
        Open(args) => format!(
            "seqid: {}; {}; clientid: {}; owner: {}; Open Type: {}; Claim Type: {}",
            hex32(args.seqid),
            share(args.share_access, args.share_deny),
            hex64(args.owner.clientid),
            data(&args.owner.owner),
            open_how(&args.openhow),
            claim(&args.claim)
        ),
        OpenDowngrade(args) => format!(
            "{}; seqid: {}; {}",
            stateid(&args.open_stateid),
            hex32(args.seqid),
            share(args.share_access, args.share_deny)
        ),
        Putfh(args) => format!("FileHandle {}", digits(&args.object)),
        Read(args) => {
            format!(
                "{}; offset: {}; count: {}",
                stateid(&args.stateid),
                args.offset,
                args.count
            )
        }
        Readdir(args) => format!(
            "cookie: {}; cookie_verf: {}; dircount: {}; maxcount: {}; {}",
            args.cookie,
            u64::from_be_bytes(args.cookieverf.0),
            args.dircount,
            args.maxcount,
            mask(&args.attr_request)
        ),
        ReclaimComplete(args) => format!("reclaim one fs?: {}", yes(args.rca_one_fs)),
        Remove(args) => format!("Name: {}", text(&args.target)),
        Rename(args) => format!(
            "Name: {}; Name: {}",
            text(&args.oldname),
            text(&args.newname)
        ),
        Secinfo(args) => format!("Name: {}", text(&args.name)),
        SecinfoNoName(style) => {
            assert_eq!(*style, SecinfoStyle4::CurrentFh);
            "Secinfo Style: SECINFO_STYLE4_CURRENT_FH (0)".into()
        }
        Sequence(args) => format!(
            "sessionid: {}; seqid: {}; slot {}; highest {}; cache: {}",
            digits(&args.sa_sessionid.0),
            hex32(args.sa_sequenceid),
            args.sa_slotid,
            args.sa_highest_slotid,
            yes(args.sa_cachethis)
        ),
        Setattr(args) => format!(
            "{}; {}",
            stateid(&args.stateid),
            fattr(&args.obj_attributes)
        ),
        TestStateid(args) => format!(
            "StateID List {{num: {}; {}}}",
            args.ts_stateids.len(),
            args.ts_stateids
                .iter()
                .map(stateid)
                .collect::<Vec<_>>()
                .join("; ")
        ),
        Write(args) => format!(
            "{}; offset: {}; stable: {}; Write length: {}; Data: {}",
            stateid(&args.stateid),
            args.offset,
            stable(args.stable),
            args.data.len(),
            data(&args.data)
        ),
        other => panic!("the listings have no {other:?}"),
    }
}

fn flavors(ok: &SecinfoResOk<'_>) -> String {
    let flavor = |flavor: &Secinfo4<'_>| match flavor {
        Secinfo4::Flavor(AuthFlavor::AUTH_SYS) => "flavor: AUTH_UNIX (1)".into(),
        Secinfo4::Gss(RpcsecGssInfo {
            oid,
            qop,
            service: 1,
        }) => format!(
            "flavor: RPCSEC_GSS {{oid: {}; qop: {qop}; service: rpcsec_gss_svc_none (1)}}",
            data(oid)
        ),
        other => panic!("the listings have no {other:?}"),
    };
    format!(
        "Flavors Info {{num: {}; {}}}",
        ok.flavors.len(),
        ok.flavors.iter().map(flavor).collect::<Vec<_>>().join("; ")
    )
}

fn delegation(delegation: &OpenDelegation4<'_>) -> String {
    match delegation {
        OpenDelegation4::None => "OPEN_DELEGATE_NONE (0)".into(),
        OpenDelegation4::NoneExt(OpenNoneDelegation4::NotWanted) => {
            "OPEN_DELEGATE_NONE_EXT (3); why no delegation: WND4_NOT_WANTED (0)".into()
        }
        OpenDelegation4::Read(OpenReadDelegation4 {
            stateid: id,
            recall,
            permissions,
        }) => {
            assert_eq!(permissions.ace_type, 0);
            format!(
                "OPEN_DELEGATE_READ {{{}; recall: {}; ACE Type: Access_Allowed \
                 {{ACE flags: {}; ACE mask: {}; Who: {}}}}}",
                stateid(id),
                yes(*recall),
                hex32(permissions.flag),
                hex32(permissions.access_mask),
                text(&permissions.who)
            )
        }
        other => panic!("the listings have no {other:?}"),
    }
}

/// What a listing shows of a result's data; `None` if there is none.
fn result_data(result: &NfsResop4<'_>) -> Option<String> {
    use NfsResop4::*;
    Some(match result {
        Access(Ok(ok)) => format!(
            "Supported types (of requested): {}; Access rights (of requested): {}",
            hex32(ok.supported.0),
            hex32(ok.access.0)
        ),
        BindConnToSession(Ok(ok)) => format!(
            "sessionid: {}; bctsr_dir: CDFS4_{} ({}); bctsr_use_conn_in_rdma_mode: {}",
            digits(&ok.bctsr_sessid.0),
            match ok.bctsr_dir {
                ChannelDirFromServer4::Fore => "FORE",
                ChannelDirFromServer4::Back => "BACK",
                ChannelDirFromServer4::Both => "BOTH",
            },
            hex32(ok.bctsr_dir as u32),
            truth(ok.bctsr_use_conn_in_rdma_mode)
        ),
        // Here the dissector shows a stateid as one number.
        Close(Ok(ok)) => {
            let Stateid4 { seqid, other } = ok.open_stateid;
            format!("StateID: {seqid:08x}{}", digits(&other.0))
        }
        OpenDowngrade(Ok(ok)) => stateid(&ok.open_stateid),
        Commit(Ok(ok)) => format!("verifier: {}", verifier(ok.writeverf.0)),
        Create(Ok(ok)) => {
            format!(
                "{}; {}",
                change_info("change_info", &ok.cinfo),
                mask(&ok.attrset)
            )
        }
        CreateSession(Ok(ok)) => format!(
            "sessionid: {}; seqid: {}; csr_flags: {}; {}; {}",
            digits(&ok.csr_sessionid.0),
            hex32(ok.csr_sequence),
            session_flags(ok.csr_flags),
            channel("csr_fore_chan_attrs", &ok.csr_fore_chan_attrs),
            channel("csr_back_chan_attrs", &ok.csr_back_chan_attrs)
        ),
        ExchangeId(Ok(ok)) => {
            assert_eq!(ok.eir_state_protect, StateProtect4R::None);
            format!(
                "clientid: {}; seqid: {}; flags: {}; eia_state_protect: SP4_NONE (0); \
                 eir_server_owner {{minor ID: {}; major ID: {}}}; server scope: {}; \
                 eir_server_impl_id{}",
                hex64(ok.eir_clientid),
                hex32(ok.eir_sequenceid),
                exchange_flags(ok.eir_flags),
                ok.eir_server_owner.so_minor_id,
                data(&ok.eir_server_owner.so_major_id),
                data(&ok.eir_server_scope),
                implementation(&ok.eir_server_impl_id)
            )
        }
        Getattr(Ok(ok)) => fattr(&ok.obj_attributes),
        Getfh(Ok(ok)) => format!("Filehandle {}", digits(&ok.object)),
        Link(Ok(ok)) | Remove(Ok(ok)) => change_info("change_info", &ok.cinfo),
        Lock(LockRes::Ok(ok)) => stateid(&ok.lock_stateid),
        Locku(Ok(ok)) => stateid(&ok.lock_stateid),
        Open(Ok(ok)) => {
            let names = [
                (OpenRflags::OPEN4_RESULT_LOCKTYPE_POSIX, "locktype posix"),
                (OpenRflags::OPEN4_RESULT_MAY_NOTIFY_LOCK, "may notify lock"),
            ];
            let attributes = if ok.attrset.is_empty() {
                String::new()
            } else {
                mask(&ok.attrset) + "; "
            };
            format!(
                "{}; {}; result flags: {}; {attributes}Delegation Type: {}",
                stateid(&ok.stateid),
                change_info("change_info", &ok.cinfo),
                named(ok.rflags.0, |flag| ok.rflags.contains(flag), &names),
                delegation(&ok.delegation)
            )
        }
        Read(Ok(ok)) => format!(
            "eof: {}; Read length: {}; Data: {}",
            u32::from(ok.eof),
            ok.data.len(),
            data(&ok.data)
        ),
        Readdir(Ok(ok)) => {
            let entries = ok
                .reply
                .iter()
                .fold(String::new(), |mut text_so_far, entry| {
                    let _ = write!(
                        text_so_far,
                        "Entry {{cookie: {}; Name: {}; {}}}; ",
                        entry.cookie,
                        text(&entry.name),
                        fattr(&entry.attrs)
                    );
                    text_so_far
                });
            format!(
                "verifier: {}; Directory Listing {{{entries}EOF: {}}}",
                verifier(ok.cookieverf.0),
                yes(ok.reply.eof)
            )
        }
        Readlink(Ok(ok)) => format!("Link Contents: {}", text(&ok.link)),
        Rename(Ok(ok)) => format!(
            "{}; {}",
            change_info("source_cinfo", &ok.source_cinfo),
            change_info("target_cinfo", &ok.target_cinfo)
        ),
        Secinfo(Ok(ok)) | SecinfoNoName(Ok(ok)) => flavors(ok),
        Sequence(Ok(ok)) => format!(
            "sessionid: {}; seqid: {}; slot {}; highest {}; target {}; flags {}",
            digits(&ok.sr_sessionid.0),
            hex32(ok.sr_sequenceid),
            ok.sr_slotid,
            ok.sr_highest_slotid,
            ok.sr_target_highest_slotid,
            hex32(ok.sr_status_flags.0)
        ),
        Setattr(SetattrRes { attrsset, .. }) if !attrsset.is_empty() => mask(attrsset),
        TestStateid(Ok(ok)) => format!(
            "StateID Result List {{num: {}; {}}}",
            ok.tsr_status_codes.len(),
            ok.tsr_status_codes
                .iter()
                .map(|code| status(*code))
                .collect::<Vec<_>>()
                .join("; ")
        ),
        Write(Ok(ok)) => format!(
            "count: {}; committed: {}; verifier: {}",
            ok.count,
            stable(ok.committed),
            verifier(ok.writeverf.0)
        ),
        _ => return None,
    })
}

fn result(result: &NfsResop4<'_>) -> String {
    match result {
        NfsResop4::Lock(LockRes::Denied(lock)) | NfsResop4::Lockt(LockRes::Denied(lock)) => {
            denied(lock)
        }
        _ => match result_data(result) {
            Some(data) => format!("{}; {data}", status(result.status())),
            None => status(result.status()),
        },
    }
}

fn line(number: OpNum, text: &str) -> String {
    let name = OpInfo::of(number).expect("a row of the table").name;
    let separator = if text.is_empty() { "" } else { ": " };
    format!("    {name} ({}){separator}{text}\n", number.0)
}

fn tag(octets: &[u8]) -> String {
    format!("Tag {}", text(octets))
}

/// The first line of a call's listing.
pub fn call_header(rpc: &Call<'_>, program: &str, procedure: &str) -> String {
    let credential = match rpc.credential.flavor {
        AuthFlavor::AUTH_NONE => "AUTH_NULL (0)".into(),
        AuthFlavor::AUTH_SYS => {
            let body = rpc.credential.body.as_slice();
            let sys = AuthSys::from_body(body).expect("an AUTH_SYS credential");
            let groups: Vec<String> = sys.gids.iter().map(u32::to_string).collect();
            let list = if groups.is_empty() {
                String::new()
            } else {
                format!(" [{}]", groups.join(", "))
            };
            format!(
                "AUTH_UNIX (1) {} octets, stamp {}, machine {}, uid {}, gid {}, GIDs ({}){list}",
                body.len(),
                sys.stamp,
                text(&sys.machinename),
                sys.uid,
                sys.gid,
                groups.len()
            )
        }
        other => panic!("the listings have no {other:?}"),
    };
    format!(
        "call rpc: xid 0x{:08x}; {program} version {} {procedure}; credential {credential}\n",
        rpc.xid, rpc.version
    )
}

/// The first line of a reply's listing.
pub fn reply_header(xid: u32, header: &ReplyHeader) -> String {
    let outcome = match header {
        ReplyHeader::Success => "accepted; executed successfully".into(),
        ReplyHeader::ProgramUnavailable => {
            "accepted (0); remote hasn't exported program (1)".into()
        }
        ReplyHeader::ProgramMismatch { low, high } => format!(
            "accepted (0); remote can't support version # (2); \
             Program Version (Minimum) {low}; Program Version (Maximum) {high}"
        ),
        other => panic!("the listings have no {other:?}"),
    };
    format!("reply rpc: xid 0x{xid:08x}; {outcome}\n")
}

/// The listing of a call.
pub fn of_call(call: &CompoundCall<'_>) -> String {
    let mut lines = call_header(&call.rpc, "NFS (100003)", "COMPOUND (1)");
    let _ = writeln!(
        lines,
        "  {}; minorversion {}; {} operations",
        tag(&call.header.tag),
        call.header.minorversion,
        call.header.numops
    );
    for operation in &call.operations {
        lines += &line(operation.number(), &arguments(operation));
    }
    lines
}

/// The listing of a reply.
pub fn of_reply(reply: &CompoundReply<'_>) -> String {
    let mut lines = reply_header(reply.xid, &reply.rpc);
    let _ = writeln!(
        lines,
        "  Status {:?} ({}); {}; {} operations",
        reply.header.status,
        reply.header.status.0,
        tag(&reply.header.tag),
        reply.header.numres
    );
    for value in &reply.results {
        lines += &line(value.number(), &result(value));
    }
    lines
}

/// A listing without the values of attributes that the crate has none of: ACLs, inode counts and
/// layout types. What is left of them is their mask.
pub fn without_foreign_values(listing: &str) -> String {
    let mut lines = String::new();
    for line in listing.lines() {
        let foreign = ["ACL", "Files_Avail", "Layout_blksize"];
        if !foreign.iter().any(|name| line.contains(name)) {
            lines += line;
            lines.push('\n');
            continue;
        }
        let mut depth = 0_usize;
        for (index, character) in line.char_indices() {
            // A stateid has braces too, and is no attribute.
            let opens = character == '{' && !line[..index].ends_with("StateID ");
            if opens || (depth > 0 && character == '{') {
                depth += 1;
                if depth == 1 {
                    lines.truncate(lines.trim_end().len());
                }
            } else if depth > 0 && character == '}' {
                depth -= 1;
            } else if depth == 0 {
                lines.push(character);
            }
        }
        lines.push('\n');
    }
    lines
}

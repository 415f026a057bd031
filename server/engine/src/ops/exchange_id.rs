//! EXCHANGE_ID (RFC 8881 §18.35).

use localefs_protocol::nfs4::ops::{
    ExchangeIdArgs, ExchangeIdFlags, ExchangeIdResOk, ServerOwner4, StateProtect4A, StateProtect4R,
};
use localefs_protocol::nfs4::{NfsImplId4, Nfsstat4, Nfstime4, OpNum};

use crate::compound::Compound;
use crate::errors::Failure;
use crate::state::Exchange;

pub fn exchange_id(compound: &mut Compound, arguments: &ExchangeIdArgs<'_>) -> Result<(), Failure> {
    let number = OpNum::OP_EXCHANGE_ID;
    let (clientid, sequenceid, confirmed) = match exchange(compound, arguments) {
        Ok(exchanged) => exchanged,
        Err(status) => return compound.put_result::<()>(number, Err(status.into())),
    };
    let (owner, scope) = {
        let config = &compound.server.config;
        (config.server_owner.clone(), config.server_scope.clone())
    };
    // Linux refuses flags that it did not ask for, and a reply without a role.
    let role = ExchangeIdFlags::EXCHGID4_FLAG_USE_NON_PNFS;
    let eir_flags = if confirmed {
        role | ExchangeIdFlags::EXCHGID4_FLAG_CONFIRMED_R
    } else {
        role
    };
    let implementation = NfsImplId4 {
        nii_domain: "localefs".into(),
        nii_name: concat!("localefs ", env!("CARGO_PKG_VERSION")).into(),
        nii_date: Nfstime4::default(),
    };
    let result = ExchangeIdResOk {
        eir_clientid: clientid,
        eir_sequenceid: sequenceid,
        eir_flags,
        eir_state_protect: StateProtect4R::None,
        eir_server_owner: ServerOwner4 {
            so_minor_id: 0,
            so_major_id: owner.as_slice().into(),
        },
        eir_server_scope: scope.as_slice().into(),
        eir_server_impl_id: vec![implementation].into(),
    };
    compound.put_result(number, Ok(result))
}

fn exchange(
    compound: &Compound,
    arguments: &ExchangeIdArgs<'_>,
) -> Result<(u64, u32, bool), Nfsstat4> {
    let flags = arguments.eia_flags;
    if flags.0 & !ExchangeIdFlags::REQUEST_MASK.0 != 0 {
        return Err(Nfsstat4::NFS4ERR_INVAL);
    }
    match arguments.eia_state_protect {
        StateProtect4A::None => {}
        // Needs a principal that can be proved, which AUTH_SYS is not.
        StateProtect4A::MachCred(_) => return Err(Nfsstat4::NFS4ERR_INVAL),
        StateProtect4A::Ssv(_) => return Err(Nfsstat4::NFS4ERR_ENCR_ALG_UNSUPP),
    }
    let server = &compound.server;
    let (client, confirmed, gone) = server.clients.exchange(
        &Exchange {
            co_ownerid: &arguments.eia_clientowner.co_ownerid,
            co_verifier: arguments.eia_clientowner.co_verifier,
            principal: &compound.caller.principal(),
            peer: compound.connection.peer,
            update: flags.contains(ExchangeIdFlags::EXCHGID4_FLAG_UPD_CONFIRMED_REC_A),
        },
        compound.now,
    )?;
    for client in gone {
        server.expel(&client);
    }
    let sequenceid = client.create_session_slot().seqid.wrapping_add(1);
    Ok((client.id, sequenceid, confirmed))
}

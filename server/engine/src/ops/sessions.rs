//! CREATE_SESSION, DESTROY_SESSION, BIND_CONN_TO_SESSION, BACKCHANNEL_CTL (RFC 8881 §18.36, §18.37,
//! §18.34, §18.33).

use std::sync::Arc;

use localefs_protocol::nfs4::ops::{
    BackchannelCtlArgs, BindConnToSessionArgs, BindConnToSessionResOk, ChannelAttrs4,
    ChannelDirFromClient4, ChannelDirFromServer4, CreateSessionArgs, CreateSessionFlags,
    CreateSessionResOk, DestroySessionArgs,
};
use localefs_protocol::nfs4::{Nfsstat4, Sessionid4};

use crate::compound::Compound;
use crate::errors::Failure;
use crate::limits;
use crate::state::{Channel, Client, Session, check_back_channel, negotiate, reserve};

/// All flags that a client may set.
const FLAGS: u32 = CreateSessionFlags::CREATE_SESSION4_FLAG_PERSIST.0
    | CreateSessionFlags::CREATE_SESSION4_FLAG_CONN_BACK_CHAN.0
    | CreateSessionFlags::CREATE_SESSION4_FLAG_CONN_RDMA.0;

pub fn create_session(
    compound: &mut Compound,
    arguments: &CreateSessionArgs<'_>,
) -> Result<CreateSessionResOk, Failure> {
    let clients = &compound.server.clients;
    let client = clients
        .get(arguments.csa_clientid)
        .ok_or(Nfsstat4::NFS4ERR_STALE_CLIENTID)?;
    // What can never succeed doesn't count as a request.
    if arguments.csa_flags.0 & !FLAGS != 0 {
        return Err(Nfsstat4::NFS4ERR_INVAL.into());
    }
    check_back_channel(&arguments.csa_back_chan_attrs)?;
    let fore = negotiate(&arguments.csa_fore_chan_attrs)?;
    let mut slot = client.create_session_slot();
    if arguments.csa_sequence == slot.seqid {
        let reply = slot.reply.clone()?;
        if let Some(session) = compound.server.sessions.get(&reply.csr_sessionid) {
            session.associate(compound.connection.id);
        }
        return Ok(reply);
    }
    if arguments.csa_sequence != slot.seqid.wrapping_add(1) {
        return Err(Nfsstat4::NFS4ERR_SEQ_MISORDERED.into());
    }
    let reply = new_session(compound, &client, arguments, fore);
    // Until a session confirms it, the record is renewed by nothing but this.
    client.renew(compound.now);
    // Clients send the same again after these.
    let to_retry = [Nfsstat4::NFS4ERR_DELAY, Nfsstat4::NFS4ERR_STALE_CLIENTID];
    if !reply
        .as_ref()
        .is_err_and(|status| to_retry.contains(status))
    {
        slot.seqid = arguments.csa_sequence;
        slot.reply.clone_from(&reply);
    }
    Ok(reply?)
}

fn new_session(
    compound: &Compound,
    client: &Arc<Client>,
    arguments: &CreateSessionArgs<'_>,
    (mut csr_fore_chan_attrs, mut channel): (ChannelAttrs4, Channel),
) -> Result<CreateSessionResOk, Nfsstat4> {
    let server = &compound.server;
    if !server.clients.is_confirmed(client) && client.principal != compound.caller.principal() {
        return Err(Nfsstat4::NFS4ERR_CLID_INUSE);
    }
    let mut reserve = || reserve(&server.reply_memory, &mut csr_fore_chan_attrs, &mut channel);
    let mut replies = reserve();
    for _ in 0..limits::MAX_EXPELLED {
        // Clients that are as good as gone have sessions, too.
        let full = matches!(replies, Err(Nfsstat4::NFS4ERR_DELAY));
        if !full || !server.file_system.expel_longest_expired() {
            break;
        }
        replies = reserve();
    }
    let replies = replies?;
    let id = server.next_session_id(client);
    client.add_session(id)?;
    let replaced = server.clients.confirm(client).or_else(|status| {
        // Too many clients: one that is as good as gone may make room.
        let room = status == Nfsstat4::NFS4ERR_DELAY && server.expel_longest_expired(compound.now);
        if room {
            server.clients.confirm(client)
        } else {
            Err(status)
        }
    });
    match replaced {
        Ok(None) => {}
        Ok(Some(before)) => {
            if let Err(error) = server.strike_off(&before) {
                tracing::warn!(%error, "a client that has restarted may reclaim what it lost");
            }
            server.dismantle(&before);
        }
        Err(status) => {
            client.remove_session(id);
            return Err(status);
        }
    }
    let session = Session::new(id, Arc::clone(client), channel, replies);
    session.associate(compound.connection.id);
    server.sessions.insert(id, Arc::new(session));
    if !client.has_session(id) {
        // The client was taken apart meanwhile.
        server.sessions.remove(&id);
        return Err(Nfsstat4::NFS4ERR_STALE_CLIENTID);
    }
    Ok(CreateSessionResOk {
        csr_sessionid: id,
        csr_sequence: arguments.csa_sequence,
        // No reply survives a restart, and there are no callbacks, as on EFS (EFS user guide,
        // "Unsupported NFSv4 features").
        csr_flags: CreateSessionFlags::default(),
        csr_fore_chan_attrs,
        csr_back_chan_attrs: arguments.csa_back_chan_attrs.clone(),
    })
}

pub fn destroy_session(
    compound: &mut Compound,
    arguments: DestroySessionArgs,
) -> Result<(), Failure> {
    let id = arguments.dsa_sessionid;
    let own = compound.session().is_ok_and(|session| session.id == id);
    if own && !compound.is_last() {
        return Err(Nfsstat4::NFS4ERR_NOT_ONLY_OP.into());
    }
    let session = find(compound, id)?;
    if !session.is_associated(compound.connection.id) {
        return Err(Nfsstat4::NFS4ERR_CONN_NOT_BOUND_TO_SESSION.into());
    }
    compound.server.sessions.remove(&id);
    session.client.remove_session(id);
    Ok(())
}

fn find(compound: &Compound, id: Sessionid4) -> Result<Arc<Session>, Nfsstat4> {
    let session = compound.server.sessions.get(&id);
    session
        .map(|session| Arc::clone(&session))
        .ok_or(Nfsstat4::NFS4ERR_BADSESSION)
}

/// A SEQUENCE on a connection is enough to associate it, as state protection is never more than
/// SP4_NONE (RFC 8881 §2.10.3.1); this is for who wants to be sure.
pub fn bind_conn_to_session(
    compound: &mut Compound,
    arguments: BindConnToSessionArgs,
) -> Result<BindConnToSessionResOk, Failure> {
    let session = find(compound, arguments.bctsa_sessid)?;
    session.associate(compound.connection.id);
    let bctsr_dir = match arguments.bctsa_dir {
        ChannelDirFromClient4::Fore | ChannelDirFromClient4::ForeOrBoth => {
            ChannelDirFromServer4::Fore
        }
        ChannelDirFromClient4::Back | ChannelDirFromClient4::BackOrBoth => {
            ChannelDirFromServer4::Back
        }
    };
    Ok(BindConnToSessionResOk {
        bctsr_sessid: session.id,
        bctsr_dir,
        bctsr_use_conn_in_rdma_mode: false,
    })
}

/// Accepted for a back channel that is never used.
pub fn backchannel_ctl(
    compound: &mut Compound,
    _arguments: &BackchannelCtlArgs<'_>,
) -> Result<(), Failure> {
    compound.session()?;
    Ok(())
}

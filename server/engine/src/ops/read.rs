//! READ (RFC 8881 §18.22).

use bytes::BytesMut;
use localefs_protocol::nfs4::ops::ReadArgs;
use localefs_protocol::nfs4::{Nfsstat4, OpNum};
use localefs_vfs::{Blocking, OpenMode};

use super::stateid::{self, must_be_regular};
use crate::compound::Compound;
use crate::errors::Failure;
use crate::limits;

/// What a result of READ has before its data: number, status, end of file, length.
const BEFORE_DATA: usize = 16;

pub fn read(
    compound: &mut Compound,
    arguments: ReadArgs,
    blocking: Blocking,
) -> Result<(), Failure> {
    match data(compound, arguments, blocking) {
        Ok((eof, data)) => {
            compound.put_status(OpNum::OP_READ, Nfsstat4::NFS4_OK);
            compound.reply.put(&eof);
            let data = data.freeze();
            compound.server.file_system.buffers.keep(&data);
            compound.reply.put_payload(data);
            Ok(())
        }
        Err(failure) => compound.put_result::<()>(OpNum::OP_READ, Err(failure)),
    }
}

fn data(
    compound: &Compound,
    arguments: ReadArgs,
    blocking: Blocking,
) -> Result<(bool, BytesMut), Failure> {
    let node = compound.node()?;
    must_be_regular(&node)?;
    let fs = compound.fs();
    let through = stateid::designated(compound, arguments.stateid)?;
    let opened;
    let file = match through.reader() {
        Some(file) => file,
        // Not opened for reading, or not at all: permission decides (RFC 8881 §18.22.3).
        None => {
            opened = fs.open_file(compound.who(), &node, OpenMode::READ)?;
            &opened
        }
    };
    // One octet more than fits is enough to be told that it doesn't.
    let room = compound.reply_room().saturating_sub(BEFORE_DATA) + 1;
    let count = (arguments.count.min(limits::MAX_IO) as usize).min(room);
    let mut data = compound.server.file_system.buffers.take(count);
    let outcome = fs.read(
        compound.who(),
        file,
        arguments.offset,
        &mut data,
        count,
        blocking,
    )?;
    Ok((outcome.end_of_file, data))
}

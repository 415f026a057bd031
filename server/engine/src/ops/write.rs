//! WRITE (RFC 8881 §18.32).

use localefs_protocol::nfs4::Verifier4;
use localefs_protocol::nfs4::ops::{StableHow4, WriteArgs, WriteResOk};
use localefs_vfs::{OpenMode, Stability};

use super::stateid::{self, must_be_regular};
use crate::compound::Compound;
use crate::errors::Failure;
use crate::limits;

pub fn write(compound: &mut Compound, arguments: &WriteArgs<'_>) -> Result<WriteResOk, Failure> {
    let node = compound.node()?;
    must_be_regular(&node)?;
    let fs = compound.fs();
    let through = stateid::designated(compound, arguments.stateid)?;
    let opened;
    let file = match through.writer()? {
        Some(file) => file,
        None => {
            opened = fs.open_file(compound.who(), &node, OpenMode::WRITE)?;
            &opened
        }
    };
    let data = arguments.data.as_slice();
    // A client that sends more than `maxwrite` is told how much was taken.
    let data = data.get(..limits::MAX_IO as usize).unwrap_or(data);
    let stability = match arguments.stable {
        StableHow4::Unstable => Stability::Unstable,
        StableHow4::DataSync => Stability::DataSync,
        StableHow4::FileSync => Stability::FileSync,
    };
    let writeverf = Verifier4(fs.write_verifier());
    let count = fs.write(compound.who(), file, arguments.offset, data, stability)?;
    #[expect(clippy::cast_possible_truncation, reason = "at most maxwrite")]
    Ok(WriteResOk {
        count: count as u32,
        committed: arguments.stable,
        writeverf,
    })
}

//! Handles as clients hold them: opaque, bound to the file system, not to be forged.
//!
//! A version byte, the file system's id, the inode number, the kernel's own handle (which carries
//! the inode's generation) and a SipHash-2-4 over all of it. A handle is valid for as long as its
//! inode exists, wherever its names go, and across restarts with the same key. An object that the
//! host moves out of the served directory keeps its handle, too, as with every NFS server that
//! doesn't check subtrees.

use std::hash::Hasher;

use arrayvec::ArrayVec;
use siphasher::sip::SipHasher24;

use crate::error::Error;
use crate::kept_handle::KeptHandle;
use crate::limits::MAX_HANDLE;
use crate::node::NodeKey;
use crate::sys::{KernelHandle, MAX_KERNEL_HANDLE};

const VERSION: u8 = 1;
const HEADER: usize = 1 + 8 + 8 + 4;
const MAC: usize = 8;
const _: () = assert!(HEADER + MAX_KERNEL_HANDLE + MAC <= MAX_HANDLE);

/// The bytes that a client gets.
pub type WireHandle = ArrayVec<u8, MAX_HANDLE>;

impl KernelHandle {
    /// The inode number in it, where file systems that are known put that; it is to be compared
    /// with the one that the inode itself says.
    pub(crate) fn inode(&self) -> Option<u64> {
        match (self.kind, self.bytes.len()) {
            // FILEID_BTRFS_WITHOUT_PARENT; the subvolume and the generation follow.
            (0x4d, 20) => self.two_words(0),
            _ => Layout::of(self).map(|(_, inode, _)| inode),
        }
    }

    fn word(&self, at: usize) -> Option<u32> {
        let bytes = self.bytes.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_ne_bytes(bytes))
    }

    /// Little-endian machines.
    fn two_words(&self, at: usize) -> Option<u64> {
        let (low, high) = (self.word(at)?, self.word(at + 4)?);
        Some(u64::from(low) | u64::from(high) << 32)
    }
}

/// Kernel's handles that consist of an inode number and a generation (`enum fid_type` of Linux,
/// `include/linux/exportfs.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// FILEID_INO32_GEN: ext4, and others whose inode numbers are short.
    Short,
    /// The same number, but a generation first: tmpfs.
    GenerationFirst,
    /// XFS with long inode numbers.
    Long,
}

impl Layout {
    /// How a handle is made, and its inode number and generation.
    pub(crate) fn of(kernel: &KernelHandle) -> Option<(Self, u64, u32)> {
        let (layout, inode, generation) = match (kernel.kind, kernel.bytes.len()) {
            (0x01, 8) => (Self::Short, kernel.word(0)?.into(), kernel.word(4)?),
            (0x01, 12) => (Self::GenerationFirst, kernel.two_words(4)?, kernel.word(0)?),
            (0x81, 12) => (Self::Long, kernel.two_words(0)?, kernel.word(8)?),
            _ => return None,
        };
        Some((layout, inode, generation))
    }

    /// A handle made so; nothing if the number is too long for it.
    pub(crate) fn handle(self, inode: u64, generation: u32) -> Option<KernelHandle> {
        let mut bytes = ArrayVec::new();
        let mut put = |part: &[u8]| bytes.try_extend_from_slice(part).ok();
        let generation = generation.to_ne_bytes();
        let kind = match self {
            Self::Short => {
                put(&u32::try_from(inode).ok()?.to_ne_bytes())?;
                put(&generation)?;
                0x01
            }
            Self::GenerationFirst => {
                put(&generation)?;
                put(&inode.to_le_bytes())?;
                0x01
            }
            Self::Long => {
                put(&inode.to_le_bytes())?;
                put(&generation)?;
                0x81
            }
        };
        Some(KernelHandle { kind, bytes })
    }
}

/// Makes and checks the handles of one file system.
pub(crate) struct HandleCodec {
    fsid: u64,
    hasher: SipHasher24,
}

/// A handle that this file system has made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Genuine<'a> {
    pub key: NodeKey,
    /// Of the kernel's handle.
    kind: i32,
    bytes: &'a [u8],
}

/// What a genuine handle says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub key: NodeKey,
    pub kernel: KernelHandle,
}

impl HandleCodec {
    pub(crate) fn new(fsid: u64, key: &[u8; 16]) -> Self {
        Self {
            fsid,
            hasher: SipHasher24::new_with_key(key),
        }
    }

    /// The handle, and its authenticator, which tells all handles of one file system apart.
    pub(crate) fn encode(&self, fileid: u64, kernel: &KernelHandle) -> (WireHandle, u64) {
        let mut wire = body(self.fsid, fileid, kernel.kind, &kernel.bytes);
        let mac = self.mac(&wire);
        append(&mut wire, &mac.to_be_bytes());
        (wire, mac)
    }

    /// Takes a handle apart.
    ///
    /// # Errors
    /// [`Error::BadHandle`] unless this very file system made it.
    pub(crate) fn decode<'a>(&self, wire: &'a [u8]) -> Result<Genuine<'a>, Error> {
        if wire.len() > MAX_HANDLE {
            return Err(Error::BadHandle);
        }
        let (body, mac) = wire.split_last_chunk::<MAC>().ok_or(Error::BadHandle)?;
        let mac = u64::from_be_bytes(*mac);
        if mac != self.mac(body) {
            return Err(Error::BadHandle);
        }
        let (fsid, genuine) = parse(body, mac).ok_or(Error::BadHandle)?;
        if fsid != self.fsid {
            return Err(Error::BadHandle);
        }
        Ok(genuine)
    }

    fn mac(&self, body: &[u8]) -> u64 {
        let mut hasher = self.hasher;
        hasher.write(body);
        hasher.finish()
    }
}

/// The handle of an object of which all is known.
pub(crate) fn spell(fsid: u64, key: NodeKey, kernel: &KeptHandle) -> WireHandle {
    let mut wire = body(fsid, key.fileid, kernel.kind(), kernel.bytes());
    append(&mut wire, &key.generation.to_be_bytes());
    wire
}

/// A handle without its authenticator.
fn body(fsid: u64, fileid: u64, kind: i32, kernel: &[u8]) -> WireHandle {
    let mut wire = WireHandle::new();
    wire.push(VERSION);
    append(&mut wire, &fsid.to_be_bytes());
    append(&mut wire, &fileid.to_be_bytes());
    append(&mut wire, &kind.to_be_bytes());
    append(&mut wire, kernel);
    wire
}

/// There is room for all that a handle consists of.
fn append(wire: &mut WireHandle, part: &[u8]) {
    let fits = wire.try_extend_from_slice(part);
    debug_assert!(fits.is_ok());
}

fn parse(body: &[u8], mac: u64) -> Option<(u64, Genuine<'_>)> {
    let (version, rest) = body.split_first()?;
    let (fsid, rest) = rest.split_first_chunk::<8>()?;
    let (fileid, rest) = rest.split_first_chunk::<8>()?;
    let (kind, bytes) = rest.split_first_chunk::<4>()?;
    let genuine = Genuine {
        key: NodeKey {
            fileid: u64::from_be_bytes(*fileid),
            generation: mac,
        },
        kind: i32::from_be_bytes(*kind),
        bytes,
    };
    (*version == VERSION).then_some((u64::from_be_bytes(*fsid), genuine))
}

impl Genuine<'_> {
    /// # Errors
    /// [`Error::BadHandle`] if the kernel's handle is longer than any.
    pub(crate) fn decoded(&self) -> Result<Decoded, Error> {
        let bytes = ArrayVec::try_from(self.bytes).map_err(|_| Error::BadHandle)?;
        Ok(Decoded {
            key: self.key,
            kernel: KernelHandle {
                kind: self.kind,
                bytes,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kernel(length: usize) -> KernelHandle {
        KernelHandle {
            kind: 1,
            bytes: [0xa5; MAX_KERNEL_HANDLE][..length]
                .iter()
                .copied()
                .collect(),
        }
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let codec = HandleCodec::new(7, &[1; 16]);
        for length in 0..=MAX_KERNEL_HANDLE {
            let (wire, generation) = codec.encode(42, &kernel(length));
            let key = NodeKey {
                fileid: 42,
                generation,
            };
            let decoded = Decoded {
                key,
                kernel: kernel(length),
            };
            assert_eq!(codec.decode(&wire).unwrap().decoded(), Ok(decoded));
            let kept = KeptHandle::new(&kernel(length));
            assert_eq!(spell(7, key, &kept), wire);
        }
    }

    #[test]
    fn foreign_handles_are_bad() {
        let (wire, _) = HandleCodec::new(7, &[1; 16]).encode(42, &kernel(8));
        assert_eq!(
            HandleCodec::new(8, &[1; 16]).decode(&wire),
            Err(Error::BadHandle)
        );
        assert_eq!(
            HandleCodec::new(7, &[2; 16]).decode(&wire),
            Err(Error::BadHandle)
        );
    }

    #[test]
    fn every_changed_bit_and_every_other_length_is_bad() {
        let codec = HandleCodec::new(7, &[1; 16]);
        let (wire, _) = codec.encode(42, &kernel(8));
        for bit in 0..wire.len() * 8 {
            let mut forged = wire.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(codec.decode(&forged), Err(Error::BadHandle), "bit {bit}");
        }
        for length in 0..wire.len() {
            assert_eq!(codec.decode(&wire[..length]), Err(Error::BadHandle));
        }
        let mut longer = wire.clone();
        longer.push(0);
        assert_eq!(codec.decode(&longer), Err(Error::BadHandle));
    }

    #[test]
    fn a_handle_of_a_known_layout_is_made_again_from_its_parts() {
        for (kind, length) in [(0x01, 8), (0x01, 12), (0x81, 12)] {
            let bytes = (1..=length).collect();
            let kernel = KernelHandle { kind, bytes };
            let (layout, inode, generation) = Layout::of(&kernel).unwrap();
            assert_eq!(kernel.inode(), Some(inode));
            assert_eq!(layout.handle(inode, generation), Some(kernel));
        }
        assert_eq!(Layout::of(&kernel(9)), None);
        assert_eq!(Layout::Short.handle(1 << 32, 1), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_bad(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(HandleCodec::new(7, &[1; 16]).decode(&bytes), Err(Error::BadHandle));
        }
    }
}

//! A kernel's handle as it is kept with each object in memory: as short as it may be.

use arrayvec::ArrayVec;

use crate::sys::KernelHandle;

/// ext4 needs 8 octets, tmpfs, XFS and times of birth 12.
const SHORT: usize = 12;

/// A [`KernelHandle`]. Short ones take no memory beside it.
#[derive(Debug)]
pub(crate) enum KeptHandle {
    Short {
        length: u8,
        kind: i16,
        bytes: [u8; SHORT],
    },
    Long(Box<KernelHandle>),
}

impl KeptHandle {
    pub(crate) fn new(kernel: &KernelHandle) -> Self {
        Self::short(kernel).unwrap_or_else(|| Self::Long(Box::new(kernel.clone())))
    }

    fn short(kernel: &KernelHandle) -> Option<Self> {
        let mut bytes = [0; SHORT];
        bytes
            .get_mut(..kernel.bytes.len())?
            .copy_from_slice(&kernel.bytes);
        Some(Self::Short {
            length: u8::try_from(kernel.bytes.len()).ok()?,
            kind: i16::try_from(kernel.kind).ok()?,
            bytes,
        })
    }

    pub(crate) fn kind(&self) -> i32 {
        match self {
            Self::Short { kind, .. } => i32::from(*kind),
            Self::Long(kernel) => kernel.kind,
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Short { length, bytes, .. } => &bytes[..usize::from(*length).min(SHORT)],
            Self::Long(kernel) => &kernel.bytes,
        }
    }

    pub(crate) fn kernel(&self) -> KernelHandle {
        let mut bytes = ArrayVec::new();
        bytes.extend(self.bytes().iter().copied());
        KernelHandle {
            kind: self.kind(),
            bytes,
        }
    }
}

impl PartialEq<KernelHandle> for KeptHandle {
    fn eq(&self, kernel: &KernelHandle) -> bool {
        self.kind() == kernel.kind && *self.bytes() == kernel.bytes[..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::MAX_KERNEL_HANDLE;

    #[test]
    fn every_handle_comes_back_as_it_was() {
        for kind in [i32::MIN, -1, 0, 1, 0x81, i32::from(i16::MAX), i32::MAX] {
            for length in 0..=MAX_KERNEL_HANDLE {
                let kernel = KernelHandle {
                    kind,
                    bytes: (1..).take(length).collect(),
                };
                let kept = KeptHandle::new(&kernel);
                assert!(kept.kernel() == kernel && kept == kernel);
                let mut other = kernel.clone();
                other.kind = kind.wrapping_add(1);
                assert!(kept != other);
                if let Some(last) = kernel.bytes.len().checked_sub(1) {
                    other = kernel.clone();
                    other.bytes.remove(last);
                    assert!(kept != other);
                }
            }
        }
    }

    #[test]
    fn what_every_object_has_is_short() {
        assert_eq!(size_of::<KeptHandle>(), 16);
    }
}

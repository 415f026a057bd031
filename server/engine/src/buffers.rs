//! Memory for large data, used again: a mebibyte that is new to the process costs the kernel 256
//! page faults, which is as much as copying it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};

/// Buffers that are kept. More than are used at a time gain nothing, and each is resident.
const KEPT: usize = 16;

/// Large buffers that were used lately.
#[derive(Debug, Default)]
pub struct Buffers(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// Also those that somebody still uses.
    buffers: Vec<Bytes>,
    used: bool,
}

impl Buffers {
    /// Smaller ones are left to the allocator, which has them at hand.
    pub const LARGE: usize = 64 << 10;

    /// An empty buffer with room for `capacity` octets.
    #[must_use]
    pub fn take(&self, capacity: usize) -> BytesMut {
        if capacity >= Self::LARGE
            && let Some(mut buffer) = self.take_free()
        {
            buffer.clear();
            // It may lack what stood before its data.
            if buffer.capacity() >= capacity || buffer.try_reclaim(capacity) {
                return buffer;
            }
        }
        BytesMut::with_capacity(capacity)
    }

    /// Keeps the memory of `data` for when nobody uses it any more.
    pub fn keep(&self, data: &Bytes) {
        if data.len() < Self::LARGE {
            return;
        }
        let mut kept = self.kept();
        let over = match kept.buffers.len() {
            KEPT => Some(kept.buffers.remove(0)),
            _ => None,
        };
        kept.buffers.push(data.clone());
        drop(kept);
        // Freed, if at all, outside of the lock.
        drop(over);
    }

    /// Lets go of everything if nothing was taken since the last time.
    pub fn trim(&self) {
        let mut kept = self.kept();
        let unused = match std::mem::take(&mut kept.used) {
            true => Vec::new(),
            false => std::mem::take(&mut kept.buffers),
        };
        drop(kept);
        drop(unused);
    }

    fn take_free(&self) -> Option<BytesMut> {
        let mut kept = self.kept();
        kept.used = true;
        // The last one that was used: the processor may still have it in its cache.
        let free = kept.buffers.iter().rposition(Bytes::is_unique)?;
        let free = kept.buffers.swap_remove(free);
        drop(kept);
        free.try_into_mut().ok()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(buffers: &Buffers, length: usize) -> Bytes {
        let mut buffer = buffers.take(length);
        assert!(buffer.is_empty() && buffer.capacity() >= length);
        buffer.resize(length, 7);
        buffer.freeze()
    }

    #[test]
    fn memory_is_used_again_once_nobody_uses_it() {
        let buffers = Buffers::default();
        let data = filled(&buffers, 1 << 20);
        let place = data.as_ptr();
        buffers.keep(&data);
        assert_ne!(filled(&buffers, 1 << 20).as_ptr(), place, "still in use");
        drop(data);
        assert_eq!(filled(&buffers, 1 << 20).as_ptr(), place);
    }

    #[test]
    fn a_part_of_a_buffer_gives_all_of_it_back() {
        let buffers = Buffers::default();
        let mut buffer = buffers.take(1 << 20);
        buffer.resize(1 << 20, 7);
        let place = buffer.as_ptr();
        let _mark = buffer.split_to(4);
        buffers.keep(&buffer.freeze());
        drop(_mark);
        assert_eq!(filled(&buffers, 1 << 20).as_ptr(), place);
    }

    #[test]
    fn no_more_is_kept_than_a_few_and_nothing_for_long() {
        let buffers = Buffers::default();
        for _ in 0..2 * KEPT {
            buffers.keep(&Bytes::from(vec![0; Buffers::LARGE]));
        }
        assert_eq!(buffers.kept().buffers.len(), KEPT);
        buffers.keep(&Bytes::from_static(b"little"));
        assert_eq!(buffers.kept().buffers.len(), KEPT);
        drop(buffers.take(Buffers::LARGE));
        buffers.trim();
        assert_eq!(buffers.kept().buffers.len(), KEPT - 1);
        buffers.trim();
        assert!(buffers.kept().buffers.is_empty());
    }
}

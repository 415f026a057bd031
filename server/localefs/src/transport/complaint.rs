//! Warnings that would come in floods.

use std::time::{Duration, Instant};

/// The least time between two warnings about the same trouble.
const BETWEEN: Duration = Duration::from_secs(10);

/// Something to be said once in a while.
#[derive(Debug, Default)]
pub(super) struct Complaint {
    last: Option<Instant>,
    count: usize,
}

impl Complaint {
    /// Counts `count` more, and says how many there were unless something was said just now.
    pub(super) fn say(&mut self, count: usize, say: impl FnOnce(usize)) {
        self.count += count;
        let now = Instant::now();
        if self
            .last
            .is_none_or(|last| now.duration_since(last) >= BETWEEN)
        {
            say(std::mem::take(&mut self.count));
            self.last = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_said_once() {
        let mut complaint = Complaint::default();
        let mut said = Vec::new();
        for _ in 0..1000 {
            complaint.say(1, |count| said.push(count));
        }
        assert_eq!(said, [1]);
        complaint.last = complaint.last.and_then(|last| last.checked_sub(BETWEEN));
        complaint.say(1, |count| said.push(count));
        assert_eq!(said, [1, 1000]);
    }
}

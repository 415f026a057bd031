//! One slot of a session: exactly once (RFC 8881 §2.10.6.1).

use bytes::Bytes;

/// What a retransmission of a slot's last request is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CachedReply {
    /// The same reply: the results of the whole compound.
    Whole(Bytes),
    /// Only the result of SEQUENCE was kept; the operation after it is answered
    /// NFS4ERR_RETRY_UNCACHED_REP.
    Uncached,
}

/// A slot. It starts at sequence 0 with nothing cached.
#[derive(Clone, Debug, Default)]
pub struct Slot {
    seqid: u32,
    state: SlotState,
}

#[derive(Clone, Debug, Default)]
enum SlotState {
    #[default]
    Unused,
    Executing {
        fingerprint: u64,
    },
    Done {
        fingerprint: u64,
        reply: CachedReply,
    },
}

/// What to do with a request on a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begin {
    /// It is new. The slot has advanced; [`Slot::complete`] must follow.
    Execute,
    /// It was executed already.
    Replay(CachedReply),
    /// It is being executed. NFS4ERR_DELAY
    InProgress,
    /// It has the sequence number of another request. NFS4ERR_SEQ_FALSE_RETRY
    FalseRetry,
    /// It is neither the next nor the last one. NFS4ERR_SEQ_MISORDERED
    Misordered,
}

impl Slot {
    /// Judges a request without changing the slot. `fingerprint` tells requests apart that have
    /// the same sequence number.
    #[must_use]
    pub fn judge(&self, seqid: u32, fingerprint: u64) -> Begin {
        let next = self.seqid.wrapping_add(1);
        match &self.state {
            SlotState::Unused if seqid == next => Begin::Execute,
            // Whether it is the same request is asked when there is a reply to give.
            SlotState::Executing { .. } if seqid == self.seqid => Begin::InProgress,
            SlotState::Done {
                fingerprint: done,
                reply,
            } if seqid == self.seqid => {
                if *done == fingerprint {
                    Begin::Replay(reply.clone())
                } else {
                    Begin::FalseRetry
                }
            }
            SlotState::Done { .. } if seqid == next => Begin::Execute,
            _ => Begin::Misordered,
        }
    }

    /// Judges a request, and advances if it is to be executed.
    pub fn begin(&mut self, seqid: u32, fingerprint: u64) -> Begin {
        let verdict = self.judge(seqid, fingerprint);
        if verdict == Begin::Execute {
            self.seqid = seqid;
            self.state = SlotState::Executing { fingerprint };
        }
        verdict
    }

    /// Ends the execution that [`Slot::begin`] allowed.
    pub fn complete(&mut self, reply: CachedReply) {
        if let SlotState::Executing { fingerprint } = self.state {
            self.state = SlotState::Done { fingerprint, reply };
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reply(text: &'static str) -> CachedReply {
        CachedReply::Whole(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn the_first_request_has_sequence_one() {
        let mut slot = Slot::default();
        assert_eq!(slot.begin(0, 1), Begin::Misordered);
        assert_eq!(slot.begin(2, 1), Begin::Misordered);
        assert_eq!(slot.begin(1, 1), Begin::Execute);
    }

    #[test]
    fn a_duplicate_waits_and_then_gets_the_same_reply() {
        let mut slot = Slot::default();
        slot.begin(1, 42);
        assert_eq!(slot.begin(1, 42), Begin::InProgress);
        assert_eq!(slot.begin(1, 43), Begin::InProgress);
        assert_eq!(slot.begin(2, 44), Begin::Misordered);
        slot.complete(reply("done"));
        assert_eq!(slot.begin(1, 42), Begin::Replay(reply("done")));
        assert_eq!(slot.begin(1, 43), Begin::FalseRetry);
        assert_eq!(slot.begin(3, 45), Begin::Misordered);
        assert_eq!(slot.begin(2, 45), Begin::Execute);
    }

    #[test]
    fn the_sequence_wraps() {
        let mut slot = Slot {
            seqid: u32::MAX,
            state: SlotState::Done {
                fingerprint: 0,
                reply: CachedReply::Uncached,
            },
        };
        assert_eq!(slot.begin(0, 1), Begin::Execute);
        slot.complete(CachedReply::Uncached);
        assert_eq!(slot.begin(0, 1), Begin::Replay(CachedReply::Uncached));
        assert_eq!(slot.begin(1, 1), Begin::Execute);
    }

    /// The slot as RFC 8881 tells it, by remembering everything that ever happened.
    #[derive(Default)]
    struct Model {
        executed: Vec<(u32, u64)>,
        replies: Vec<CachedReply>,
    }

    impl Model {
        fn expect(&self, seqid: u32, fingerprint: u64) -> Begin {
            let last = self.executed.last();
            let running = self.executed.len() > self.replies.len();
            match last {
                Some(&(last, known)) if last == seqid => match (known == fingerprint, running) {
                    (_, true) => Begin::InProgress,
                    (false, false) => Begin::FalseRetry,
                    (true, false) => Begin::Replay(self.replies[self.replies.len() - 1].clone()),
                },
                _ if !running && seqid == last.map_or(0, |last| last.0).wrapping_add(1) => {
                    Begin::Execute
                }
                _ => Begin::Misordered,
            }
        }
    }

    proptest! {
        #[test]
        fn agrees_with_a_model(steps in prop::collection::vec((0u32..6, 0u64..3, any::<bool>()), 0..60)) {
            let mut slot = Slot::default();
            let mut model = Model::default();
            for (number, (seqid, fingerprint, complete)) in steps.into_iter().enumerate() {
                let expected = model.expect(seqid, fingerprint);
                prop_assert_eq!(&slot.begin(seqid, fingerprint), &expected);
                if expected == Begin::Execute {
                    model.executed.push((seqid, fingerprint));
                }
                if complete && model.executed.len() > model.replies.len() {
                    let reply = CachedReply::Whole(Bytes::from(number.to_string()));
                    slot.complete(reply.clone());
                    model.replies.push(reply);
                }
            }
        }
    }
}

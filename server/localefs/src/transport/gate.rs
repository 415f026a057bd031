//! Whether a connection's packets come through.
//!
//! Security groups and network ACLs that deny packets drop them: whoever sends them hears nothing.
//! So a connection that is denied stays, nothing is read from it and nothing written to it, until
//! a change lets it through; TCP then goes on where it stopped, as it does on a network.

use std::fmt::Debug;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Instant;

pub(crate) use localefs_control::network::Tracking;

/// Nothing is remembered of a connection.
pub(crate) const UNTRACKED: Tracking = Tracking {
    client: false,
    mount_target: false,
};

/// What is remembered once either of these is.
fn both(one: Tracking, other: Tracking) -> Tracking {
    Tracking {
        client: one.client || other.client,
        mount_target: one.mount_target || other.mount_target,
    }
}

/// What the rules say of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ruling {
    /// Its packets come through.
    Allowed(Tracking),
    /// Its packets are dropped. Why, for people.
    Denied(Arc<str>),
}

/// The rules that guard a service.
pub(crate) trait Rules: Debug + Send + Sync + 'static {
    /// Whether a client gets a new connection from this address and port.
    fn connect(&self, source: SocketAddr) -> Ruling;

    /// Whether packets of a connection come through that was let in before.
    fn carry(&self, source: SocketAddr, tracking: Tracking) -> Ruling;

    /// Addresses from which no connection comes through, whatever its port, as this machine sees
    /// them. Some may be left out.
    fn denied(&self) -> Vec<RangeInclusive<Ipv4Addr>>;
}

/// Rules that let everybody in.
#[derive(Debug)]
pub(crate) struct Everybody;

/// Rules that are not known yet.
#[derive(Debug)]
pub(crate) struct Unknown;

impl Rules for Everybody {
    fn connect(&self, _: SocketAddr) -> Ruling {
        Ruling::Allowed(UNTRACKED)
    }

    fn carry(&self, _: SocketAddr, tracking: Tracking) -> Ruling {
        Ruling::Allowed(tracking)
    }

    fn denied(&self) -> Vec<RangeInclusive<Ipv4Addr>> {
        Vec::new()
    }
}

impl Rules for Unknown {
    fn connect(&self, _: SocketAddr) -> Ruling {
        Ruling::Denied("its rules are not known yet".into())
    }

    fn carry(&self, source: SocketAddr, _: Tracking) -> Ruling {
        self.connect(source)
    }

    fn denied(&self) -> Vec<RangeInclusive<Ipv4Addr>> {
        Vec::new()
    }
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum State {
    /// It was denied from the start: nothing was ever read from it.
    Waiting,
    /// Its packets come through.
    Open(Tracking),
    /// They did, and don't.
    Suspended(Tracking),
}

impl State {
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::Open(_))
    }

    /// What it is with these rules. `None` is a new connection.
    pub(super) fn next(
        before: Option<Self>,
        rules: &dyn Rules,
        source: SocketAddr,
    ) -> (Self, Option<Arc<str>>) {
        let known = match before {
            None | Some(Self::Waiting) => None,
            Some(Self::Open(tracking) | Self::Suspended(tracking)) => Some(tracking),
        };
        let ruling = match known {
            None => rules.connect(source),
            Some(tracking) => rules.carry(source, tracking),
        };
        match (ruling, known) {
            // What is remembered stays so, whatever rule lets it through later.
            (Ruling::Allowed(tracking), known) => {
                let before = known.unwrap_or(UNTRACKED);
                (Self::Open(both(tracking, before)), None)
            }
            (Ruling::Denied(because), None) => (Self::Waiting, Some(because)),
            (Ruling::Denied(because), Some(tracking)) => (Self::Suspended(tracking), Some(because)),
        }
    }
}

/// The gate of one connection.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    pub(super) state: State,
    /// Since when.
    pub(super) since: Instant,
    /// Why it is closed.
    pub(super) because: Option<Arc<str>>,
}

impl Gate {
    /// That of a new connection.
    pub(super) fn new(rules: &dyn Rules, source: SocketAddr, now: Instant) -> Self {
        let (state, because) = State::next(None, rules, source);
        Self {
            state,
            since: now,
            because,
        }
    }

    /// Judges again; gives the state before.
    pub(super) fn judge(&mut self, rules: &dyn Rules, source: SocketAddr, now: Instant) -> State {
        let before = self.state;
        let (state, because) = State::next(Some(before), rules, source);
        if state != before {
            self.since = now;
        }
        self.state = state;
        self.because = because;
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers as told, whatever it is asked; keeps what it was asked.
    #[derive(Debug)]
    struct Told {
        ruling: Ruling,
        asked: std::sync::Mutex<Option<Option<Tracking>>>,
    }

    impl Told {
        fn answer(&self, tracking: Option<Tracking>) -> Ruling {
            *self.asked.lock().unwrap() = Some(tracking);
            self.ruling.clone()
        }
    }

    impl Rules for Told {
        fn connect(&self, _: SocketAddr) -> Ruling {
            self.answer(None)
        }

        fn carry(&self, _: SocketAddr, tracking: Tracking) -> Ruling {
            self.answer(Some(tracking))
        }

        fn denied(&self) -> Vec<RangeInclusive<Ipv4Addr>> {
            Vec::new()
        }
    }

    fn trackings() -> Vec<Tracking> {
        let both = [false, true];
        let pairs = both.map(|client| {
            both.map(|mount_target| Tracking {
                client,
                mount_target,
            })
        });
        pairs.concat()
    }

    fn told(ruling: Ruling) -> Told {
        Told {
            ruling,
            asked: std::sync::Mutex::default(),
        }
    }

    fn denied() -> Told {
        told(Ruling::Denied("no".into()))
    }

    fn source() -> SocketAddr {
        ([127, 31, 0, 4], 700).into()
    }

    #[test]
    fn a_new_connection_waits_or_is_open_as_the_rules_say() {
        for before in [None, Some(State::Waiting)] {
            for tracking in trackings() {
                let rules = told(Ruling::Allowed(tracking));
                let next = State::next(before, &rules, source());
                assert_eq!(next, (State::Open(tracking), None));
                assert_eq!(*rules.asked.lock().unwrap(), Some(None));
            }
            let rules = denied();
            let next = State::next(before, &rules, source());
            assert_eq!(next, (State::Waiting, Some("no".into())));
            assert_eq!(*rules.asked.lock().unwrap(), Some(None));
        }
    }

    #[test]
    fn a_live_connection_is_suspended_and_open_again_and_nothing_remembered_is_lost() {
        for known in trackings() {
            for before in [State::Open(known), State::Suspended(known)] {
                for tracking in trackings() {
                    let rules = told(Ruling::Allowed(tracking));
                    let (state, because) = State::next(Some(before), &rules, source());
                    let State::Open(after) = state else {
                        panic!("{before:?} {tracking:?} {state:?}");
                    };
                    assert_eq!(after.client, known.client | tracking.client);
                    let mount_target = known.mount_target | tracking.mount_target;
                    assert_eq!(after.mount_target, mount_target);
                    assert_eq!(because, None);
                    assert_eq!(*rules.asked.lock().unwrap(), Some(Some(known)));
                }
                let rules = denied();
                let next = State::next(Some(before), &rules, source());
                assert_eq!(next, (State::Suspended(known), Some("no".into())));
                assert_eq!(*rules.asked.lock().unwrap(), Some(Some(known)));
            }
        }
    }

    #[test]
    fn a_shut_gate_remembers_since_when_and_why() {
        let allowed = told(Ruling::Allowed(UNTRACKED));
        let now = Instant::now();
        let later = now + std::time::Duration::from_secs(5);
        let mut gate = Gate::new(&denied(), source(), now);
        assert_eq!(gate.judge(&denied(), source(), later), State::Waiting);
        assert_eq!((gate.since, gate.because.as_deref()), (now, Some("no")));
        assert_eq!(gate.judge(&allowed, source(), later), State::Waiting);
        assert_eq!((gate.since, gate.because.as_deref()), (later, None));
        assert_eq!(gate.state, State::Open(UNTRACKED));
    }
}

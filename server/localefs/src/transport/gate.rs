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

/// What security groups remember of a flow (EC2 user guide, "Security group connection
/// tracking").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Tracking {
    /// It lives on when the rule that let it in is gone.
    Tracked,
    /// It lives as long as a rule lets it in.
    Untracked,
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
        Ruling::Allowed(Tracking::Untracked)
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
            // What is tracked stays so, also once another rule lets it in.
            (Ruling::Allowed(_), Some(Tracking::Tracked)) => (Self::Open(Tracking::Tracked), None),
            (Ruling::Allowed(tracking), _) => (Self::Open(tracking), None),
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
    use Tracking::{Tracked, Untracked};

    /// Answers as told.
    #[derive(Debug)]
    struct Told {
        connect: Ruling,
        tracked: Ruling,
        untracked: Ruling,
    }

    impl Rules for Told {
        fn connect(&self, _: SocketAddr) -> Ruling {
            self.connect.clone()
        }

        fn carry(&self, _: SocketAddr, tracking: Tracking) -> Ruling {
            match tracking {
                Tracked => self.tracked.clone(),
                Untracked => self.untracked.clone(),
            }
        }

        fn denied(&self) -> Vec<RangeInclusive<Ipv4Addr>> {
            Vec::new()
        }
    }

    fn rulings() -> [Ruling; 3] {
        [
            Ruling::Allowed(Tracked),
            Ruling::Allowed(Untracked),
            Ruling::Denied("no".into()),
        ]
    }

    fn source() -> SocketAddr {
        ([127, 31, 0, 4], 700).into()
    }

    #[test]
    fn every_state_with_every_answer_of_the_rules() {
        let states = [
            None,
            Some(State::Waiting),
            Some(State::Open(Tracked)),
            Some(State::Open(Untracked)),
            Some(State::Suspended(Tracked)),
            Some(State::Suspended(Untracked)),
        ];
        let mut seen = 0;
        for before in states {
            for connect in rulings() {
                for tracked in rulings() {
                    for untracked in rulings() {
                        let asked = match before {
                            None | Some(State::Waiting) => &connect,
                            Some(State::Open(Tracked) | State::Suspended(Tracked)) => &tracked,
                            Some(State::Open(Untracked) | State::Suspended(Untracked)) => {
                                &untracked
                            }
                        };
                        let expected = match (asked, before) {
                            (Ruling::Denied(_), None | Some(State::Waiting)) => State::Waiting,
                            (
                                Ruling::Denied(_),
                                Some(State::Open(tracking) | State::Suspended(tracking)),
                            ) => State::Suspended(tracking),
                            (
                                Ruling::Allowed(_),
                                Some(State::Open(Tracked) | State::Suspended(Tracked)),
                            ) => State::Open(Tracked),
                            (Ruling::Allowed(tracking), _) => State::Open(*tracking),
                        };
                        let rules = Told {
                            connect: connect.clone(),
                            tracked: tracked.clone(),
                            untracked: untracked.clone(),
                        };
                        let (state, because) = State::next(before, &rules, source());
                        assert_eq!(state, expected, "{before:?} {rules:?}");
                        assert_eq!(because.is_some(), !state.is_open());
                        seen += 1;
                    }
                }
            }
        }
        assert_eq!(seen, 6 * 27);
    }

    #[test]
    fn a_closed_gate_remembers_since_when_and_why() {
        let [allowed, _, denied] = rulings();
        let now = Instant::now();
        let later = now + std::time::Duration::from_secs(5);
        let rules = |ruling: &Ruling| Told {
            connect: ruling.clone(),
            tracked: ruling.clone(),
            untracked: ruling.clone(),
        };
        let mut gate = Gate::new(&rules(&denied), source(), now);
        assert_eq!(gate.judge(&rules(&denied), source(), later), State::Waiting);
        assert_eq!((gate.since, gate.because.as_deref()), (now, Some("no")));
        gate.judge(&rules(&allowed), source(), later);
        assert_eq!((gate.since, gate.because.as_deref()), (later, None));
        assert_eq!(gate.state, State::Open(Tracked));
    }
}

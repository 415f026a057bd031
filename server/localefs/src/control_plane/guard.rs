//! The network's verdicts, as rules that guard a mount target's connections.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;

use localefs_control::network::{Reachability, Verdict};

use crate::transport::{Rules, Ruling, Tracking};

/// Whom the network lets reach a mount target.
#[derive(Debug)]
pub(super) struct Guard(pub(super) Arc<Reachability>);

fn ruling(verdict: &Verdict) -> Ruling {
    if verdict.allowed {
        return Ruling::Allowed(verdict.tracking);
    }
    Ruling::Denied(format!("{}: {}", verdict.layer, verdict.because).into())
}

/// Those who come over IPv6 to an address of `--listen`: rules have no word on them.
fn no_address() -> Ruling {
    Ruling::Denied("VPC isolation: the mount target has no IPv6 address".into())
}

impl Rules for Guard {
    fn connect(&self, source: SocketAddr) -> Ruling {
        let source = Reachability::source(source);
        source.map_or_else(no_address, |source| ruling(&self.0.connect(source)))
    }

    fn carry(&self, source: SocketAddr, tracking: Tracking) -> Ruling {
        let source = Reachability::source(source);
        source.map_or_else(no_address, |source| ruling(&self.0.carry(source, tracking)))
    }

    fn denied(&self) -> Vec<RangeInclusive<Ipv4Addr>> {
        self.0.denied()
    }
}

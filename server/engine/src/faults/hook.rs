//! Where a compound meets the faults: once for all its operations when its slot is taken, and
//! before each operation.

use std::sync::Arc;
use std::time::Duration;

use localefs_protocol::nfs4::ops::OpenClaim4;
use localefs_protocol::nfs4::{NfsArgop4, Nfsstat4};
use localefs_protocol::xdr::decode;
use localefs_vfs::Node;

use super::bucket::Nanos;
use super::demand::Demand;
use super::rule::{Operation, Rule};
use crate::compound::Compound;

/// How long a request has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    /// From when it was received on.
    pub wait: Duration,
    /// What [`super::Faults::cleared`] was then: once it is another number, the wait is over.
    pub cleared: u64,
}

/// The faults that a request has to reckon with.
#[derive(Debug)]
pub struct Plight {
    rules: Arc<Vec<Arc<Rule>>>,
    cleared: u64,
    now: Nanos,
    /// Operations that were let pass: one that is taken up again is not judged again.
    passed: u32,
}

impl Plight {
    pub(super) fn new(rules: Arc<Vec<Arc<Rule>>>, cleared: u64, now: Nanos) -> Self {
        Self {
            rules,
            cleared,
            now,
            passed: 0,
        }
    }

    /// How long a request waits: as long as the rule that lets it wait the longest.
    fn delay(&self, client: u64, demand: &Demand, mut draw: impl FnMut() -> f64) -> Option<Delay> {
        let waits = self.rules.iter().map(|rule| {
            let draws = (draw(), draw());
            rule.wait(client, demand, self.now, draws)
        });
        let wait = waits.max().filter(|wait| !wait.is_zero())?;
        Some(Delay {
            wait,
            cleared: self.cleared,
        })
    }
}

/// How long a compound that has just got its slot has to wait before it goes on.
pub fn delay(compound: &Compound) -> Option<Delay> {
    let plight = compound.faults.as_ref()?;
    let client = compound.session().ok()?.client.id;
    let demand = Demand::new(compound.request_length(), Following(compound.following()));
    if demand.is_nothing() {
        return None;
    }
    plight.delay(client, &demand, rand::random)
}

/// The error that the next operation has to fail with. Nothing of it is done then.
pub fn error(compound: &mut Compound, operation: &NfsArgop4<'_>) -> Option<Nfsstat4> {
    let plight = compound.faults.as_mut()?;
    if plight.passed > compound.done {
        return None;
    }
    plight.passed = compound.done + 1;
    let rules = Arc::clone(&plight.rules);
    let number = operation.number();
    let paths = if rules.iter().any(|rule| rule.wants_paths(number)) {
        paths(compound, operation)
    } else {
        Vec::new()
    };
    let operation = Operation {
        number,
        uid: compound.who().uid,
        paths: &paths,
    };
    let error = rules
        .iter()
        .find_map(|rule| rule.error(operation, rand::random()));
    if let Some(status) = error {
        tracing::debug!(operation = ?number, ?status, "a fault that was asked for");
    }
    error
}

/// The operations that the rest of a request consists of, as far as they can be decoded.
struct Following<'a>(&'a [u8]);

impl<'a> Iterator for Following<'a> {
    type Item = NfsArgop4<'a>;

    fn next(&mut self) -> Option<NfsArgop4<'a>> {
        let (operation, rest) = decode::<NfsArgop4<'a>>(self.0).ok()?;
        self.0 = rest;
        Some(operation)
    }
}

/// Where the objects are that an operation is about: those that it names, and the one that the
/// filehandle stands for if it names none.
fn paths(compound: &Compound, operation: &NfsArgop4<'_>) -> Vec<Vec<u8>> {
    let fs = compound.fs();
    let of = |node: &Option<Arc<Node>>| node.as_ref().and_then(|node| fs.path(node));
    let (current, saved) = (&compound.current.node, &compound.saved.node);
    let named = |directory: &Option<Arc<Node>>, name: &[u8]| {
        let mut path = of(directory)?;
        if !path.ends_with(b"/") {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        Some(path)
    };
    let found = match operation {
        NfsArgop4::Create(a) => [named(current, a.objname.as_slice()), None],
        NfsArgop4::Link(a) => [of(saved), named(current, a.newname.as_slice())],
        NfsArgop4::Lookup(a) => [named(current, a.objname.as_slice()), None],
        NfsArgop4::Open(a) => match &a.claim {
            OpenClaim4::Null(name) => [named(current, name.as_slice()), None],
            _ => [of(current), None],
        },
        NfsArgop4::Putfh(a) => [of(&fs.resolve(a.object.as_slice()).ok()), None],
        NfsArgop4::Remove(a) => [named(current, a.target.as_slice()), None],
        NfsArgop4::Rename(a) => [
            named(saved, a.oldname.as_slice()),
            named(current, a.newname.as_slice()),
        ],
        _ => [of(current), None],
    };
    found.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use localefs_protocol::nfs4::OpNum;

    use super::super::{Faults, Latency, OperationClass, OperationFault};
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_request_waits_as_long_as_the_longest_wait_of_its_operations() {
        let now = Instant::now();
        let faults = Faults::new(now);
        for (id, latency) in Latency::efs().into_iter().enumerate() {
            faults
                .add(id as u64, OperationFault::Latency(latency), now)
                .unwrap();
        }
        let plight = faults.plight(now).unwrap();
        let wait = |operations: Vec<NfsArgop4<'static>>| {
            let demand = Demand::new(100, operations);
            plight.delay(1, &demand, || 0.0).map(|delay| delay.wait)
        };
        let commit = || {
            NfsArgop4::Commit(localefs_protocol::nfs4::ops::CommitArgs {
                offset: 0,
                count: 0,
            })
        };
        let micros = |count| Some(Duration::from_micros(count));
        assert_eq!(wait(vec![NfsArgop4::Lookupp(())]), micros(250));
        assert_eq!(wait(vec![commit()]), micros(2700));
        assert_eq!(wait(vec![commit(), NfsArgop4::Lookupp(())]), micros(2700));
        assert_eq!(wait(vec![NfsArgop4::Putrootfh(())]), None);
        assert_eq!(
            OperationClass::of(&commit()),
            Some(OperationClass::DataWrite)
        );
        let fired: u64 = faults.list(now).iter().map(|status| status.fired).sum();
        assert_eq!(fired, 4);
    }

    #[test]
    fn what_cannot_be_decoded_ends_the_list() {
        let mut octets = Vec::new();
        for _ in 0..2 {
            octets.extend(OpNum::OP_LOOKUPP.0.to_be_bytes());
        }
        octets.extend(OpNum::OP_WRITE.0.to_be_bytes());
        assert_eq!(Following(&octets).count(), 2);
        assert_eq!(Following(&[]).count(), 0);
    }
}

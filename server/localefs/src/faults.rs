//! Faults that users ask for, for those who test how their programs cope.
//!
//! All are off at the start, and end when the server stops. The same can be done with
//! `localefs fault`.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//!
//! use localefs::LocalEfs;
//! use localefs::faults::{Fault, InjectedError, Latency, Nfsstat4, OpNum};
//!
//! let efs = LocalEfs::builder().start().await?;
//! let faults = efs.faults();
//!
//! // Every third write below /mark finds the disk full.
//! let full = faults.add(Fault::Error(InjectedError {
//!     path: Some("/mark/**".into()),
//!     probability: 0.33,
//!     ..InjectedError::new(OpNum::OP_WRITE, Nfsstat4::NFS4ERR_NOSPC)
//! }))?;
//! // All that clients ask for takes 3 ms longer.
//! faults.add(Fault::Latency(Latency::new(Duration::from_millis(3))))?;
//! assert_eq!(faults.list().len(), 2);
//!
//! faults.clear(full);
//! assert_eq!(faults.clear_all(), 1);
//! efs.shutdown().await;
//! # Ok(())
//! # }
//! ```

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use localefs_control::faults as control;
pub use localefs_control::faults::FailingCall;
use localefs_engine::faults as engine;
pub use localefs_engine::faults::{
    Burst, InjectedError, Latency, MAX_FAULTS, OperationClass, OperationRate, Throughput,
    operation_named, status_named,
};
pub use localefs_protocol::nfs4::{Nfsstat4, OpNum};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::data_plane::DataPlane;
use crate::transport::{Connections, Frozen};
pub use crate::transport::{MountTargets, NoMountTargets};

/// The shortest and the longest time between two resets.
const RESET_INTERVALS: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_secs(86_400);

/// Something that goes wrong from now on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fault {
    /// Requests are answered later than they could be.
    Latency(Latency),
    /// An operation fails, and nothing of it is done.
    Error(InjectedError),
    /// The file system and its clients are limited, as EFS limits them.
    Throughput(Throughput),
    /// A mount target is dead: connections stay, new ones are accepted, nothing is answered.
    Freeze(Freeze),
    /// Connections are reset again and again.
    Reset(Reset),
    /// An operation of AWS's API fails, and nothing of it is done.
    Api(FailingCall),
}

/// Which mount target is dead.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// Which; all of them without it.
    #[serde(default)]
    pub mount_target: Option<MountTargets>,
}

/// How connections are reset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reset {
    /// Those of which mount targets; of all without it.
    #[serde(default)]
    pub mount_target: Option<MountTargets>,
    /// How long after one another.
    #[serde(with = "engine::duration")]
    pub every: Duration,
    /// How likely each connection is to be reset each time.
    #[serde(default = "always")]
    pub probability: f64,
}

fn always() -> f64 {
    1.0
}

/// A fault at work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultStatus {
    /// Its number.
    pub id: u64,
    /// What it is.
    pub fault: Fault,
    /// Requests that waited, operations that failed, connections that were reset.
    pub fired: u64,
    /// Octets of burst credit that are left, of a limit that has such.
    pub burst_credit_balance: Option<u64>,
}

/// Why a fault is not put to work.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FaultError {
    /// It makes no sense, or there are too many.
    #[error(transparent)]
    Operation(#[from] engine::FaultError),
    /// It makes no sense of the API, or there are too many.
    #[error(transparent)]
    Api(#[from] control::FaultError),
    /// There are no such mount targets.
    #[error("there is no mount target {0}: this server has {1}")]
    MountTarget(MountTargets, String),
    /// Resets are too frequent or too rare.
    #[error("a reset comes every 10 ms at most, and every day at least")]
    Interval,
}

/// The faults of a running server. Clones are the same.
#[derive(Clone, Debug)]
pub struct Faults(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    operations: Arc<engine::Faults>,
    connections: Connections,
    api: control::Faults,
    data_plane: DataPlane,
    listening: Vec<SocketAddr>,
    cleared: watch::Sender<u64>,
    runtime: Handle,
    next: AtomicU64,
    others: Mutex<Vec<Other>>,
}

/// A fault of connections at work.
#[derive(Debug)]
struct Other {
    id: u64,
    fault: Fault,
    fired: Arc<AtomicU64>,
    _task: Option<Task>,
}

/// A task that ends with this.
#[derive(Debug)]
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Faults {
    /// Within a runtime. Whatever clears faults tells it through `cleared`.
    pub(crate) fn new(
        operations: Arc<engine::Faults>,
        connections: Connections,
        (data_plane, listening): (DataPlane, Vec<SocketAddr>),
        cleared: watch::Sender<u64>,
    ) -> Self {
        Self(Arc::new(Inner {
            operations,
            connections,
            api: control::Faults::default(),
            data_plane,
            listening,
            cleared,
            runtime: Handle::current(),
            next: AtomicU64::new(1),
            others: Mutex::default(),
        }))
    }

    /// Those of the API.
    pub(crate) fn api(&self) -> control::Faults {
        self.0.api.clone()
    }

    /// Puts a fault to work; gives its number.
    ///
    /// # Errors
    /// [`FaultError`] if it makes no sense, or there are [`MAX_FAULTS`] of operations, of
    /// connections, or of the API.
    pub fn add(&self, fault: Fault) -> Result<u64, FaultError> {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        let operation = match fault {
            Fault::Latency(latency) => engine::OperationFault::Latency(latency),
            Fault::Error(error) => engine::OperationFault::Error(error),
            Fault::Throughput(throughput) => engine::OperationFault::Throughput(throughput),
            Fault::Freeze(_) | Fault::Reset(_) => return self.add_other(id, fault),
            Fault::Api(call) => {
                self.0.api.add(id, call)?;
                return Ok(id);
            }
        };
        self.0.operations.add(id, operation, Instant::now())?;
        Ok(id)
    }

    fn add_other(&self, id: u64, fault: Fault) -> Result<u64, FaultError> {
        let target = match &fault {
            Fault::Reset(reset) => {
                if !(reset.probability > 0.0 && reset.probability <= 1.0) {
                    return Err(engine::FaultError::Probability.into());
                }
                if !RESET_INTERVALS.contains(&reset.every) {
                    return Err(FaultError::Interval);
                }
                reset.mount_target.as_ref()
            }
            Fault::Freeze(freeze) => freeze.mount_target.as_ref(),
            _ => None,
        };
        self.check_target(target)?;
        let mut others = self.others();
        if others.len() >= MAX_FAULTS {
            return Err(engine::FaultError::TooMany.into());
        }
        let fired = Arc::<AtomicU64>::default();
        let task = match &fault {
            Fault::Reset(reset) => Some(self.reset_again_and_again(reset, &fired)),
            _ => None,
        };
        others.push(Other {
            id,
            fault,
            fired,
            _task: task,
        });
        self.freeze(&others);
        Ok(id)
    }

    /// Ends a fault; whether there was one. What waits by a fault goes on.
    pub fn clear(&self, id: u64) -> bool {
        self.clear_if(|other| other == id) > 0
    }

    /// Ends all faults; gives how many there were.
    pub fn clear_all(&self) -> usize {
        self.clear_if(|_| true)
    }

    /// The faults at work, in the order in which they were added.
    #[must_use]
    pub fn list(&self) -> Vec<FaultStatus> {
        let operations = self.0.operations.list(Instant::now());
        let mut list: Vec<_> = operations
            .into_iter()
            .map(|status| FaultStatus {
                id: status.id,
                fault: match status.fault {
                    engine::OperationFault::Latency(latency) => Fault::Latency(latency),
                    engine::OperationFault::Error(error) => Fault::Error(error),
                    engine::OperationFault::Throughput(limits) => Fault::Throughput(limits),
                },
                fired: status.fired,
                burst_credit_balance: status.credits,
            })
            .collect();
        list.extend(self.others().iter().map(|other| FaultStatus {
            id: other.id,
            fault: other.fault.clone(),
            fired: other.fired.load(Ordering::Relaxed),
            burst_credit_balance: None,
        }));
        list.extend(self.0.api.list().into_iter().map(|status| FaultStatus {
            id: status.id,
            fault: Fault::Api(status.fault),
            fired: status.fired,
            burst_credit_balance: None,
        }));
        list.sort_by_key(|status| status.id);
        list
    }

    /// Resets the connections of some mount targets once, or all of them; gives how many.
    ///
    /// # Errors
    /// [`FaultError::MountTarget`].
    pub fn reset(&self, mount_target: Option<&MountTargets>) -> Result<usize, FaultError> {
        self.check_target(mount_target)?;
        Ok(self.0.connections.reset(mount_target, || true))
    }

    fn clear_if(&self, gone: impl Fn(u64) -> bool) -> usize {
        let mut count = self.0.operations.clear(&gone);
        if count > 0 {
            self.0.cleared.send_modify(|cleared| {
                *cleared = self.0.operations.cleared().max(*cleared);
            });
        }
        let mut others = self.others();
        let before = others.len();
        others.retain(|other| !gone(other.id));
        count += before - others.len();
        count += self.0.api.clear(&gone);
        self.freeze(&others);
        count
    }

    /// Makes the connections agree with the faults. To be called under their lock, so that the
    /// last change is the one that holds.
    fn freeze(&self, others: &[Other]) {
        let mut targets = Vec::new();
        let mut all = false;
        for other in others {
            if let Fault::Freeze(freeze) = &other.fault {
                match &freeze.mount_target {
                    Some(target) => targets.push(target.clone()),
                    None => all = true,
                }
            }
        }
        self.0.connections.freeze(match (all, targets.is_empty()) {
            (true, _) => Frozen::All,
            (false, true) => Frozen::None,
            (false, false) => Frozen::Of(targets),
        });
    }

    fn reset_again_and_again(&self, reset: &Reset, fired: &Arc<AtomicU64>) -> Task {
        let (connections, fired) = (self.0.connections.clone(), Arc::clone(fired));
        let reset = reset.clone();
        let task = self.0.runtime.spawn(async move {
            let mut ticks = interval(reset.every);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks.tick().await;
            loop {
                ticks.tick().await;
                let chosen = || rand::random::<f64>() < reset.probability;
                let count = connections.reset(reset.mount_target.as_ref(), chosen);
                fired.fetch_add(count as u64, Ordering::Relaxed);
            }
        });
        Task(task.abort_handle())
    }

    fn check_target(&self, target: Option<&MountTargets>) -> Result<(), FaultError> {
        let Some(target) = target else {
            return Ok(());
        };
        let file_systems = self.0.data_plane.file_systems();
        let all = || file_systems.iter().flat_map(|of| &of.mount_targets);
        let addresses = all().flat_map(|one| &one.addresses);
        let is_there = match target {
            MountTargets::At(target) => self.0.listening.iter().chain(addresses).any(|listening| {
                let ip = listening.ip();
                ip == *target || ip.is_unspecified() && ip.is_ipv4() == target.is_ipv4()
            }),
            MountTargets::Id(id) => all().any(|one| one.id == *id),
            MountTargets::Of(id) => file_systems.iter().any(|of| of.id == *id),
        };
        if is_there {
            return Ok(());
        }
        let known = all().map(|one| {
            let at: Vec<_> = one.addresses.iter().map(|at| at.ip().to_string()).collect();
            format!("{} at {}", one.id, at.join(" and "))
        });
        let mut known: Vec<_> = known.take(8).collect();
        if all().nth(8).is_some() {
            known.push("others".to_owned());
        }
        Err(FaultError::MountTarget(target.clone(), known.join(", ")))
    }

    fn others(&self) -> MutexGuard<'_, Vec<Other>> {
        self.0.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

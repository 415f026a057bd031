//! What a user asks for, and when it applies.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use globset::{GlobBuilder, GlobMatcher};
use localefs_protocol::nfs4::{Clientid4, Nfsstat4, OpNum};
use serde::{Deserialize, Serialize};

use super::bucket::Nanos;
use super::demand::{Demand, OperationClass};
use super::throughput::{Limiter, Throughput};
use super::{FaultError, allowed, text};

/// Longest latency.
pub const MAX_LATENCY: Duration = Duration::from_secs(600);

/// Longest pattern for paths, in octets.
pub const MAX_PATTERN: usize = 512;

/// Requests are answered later than they could be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// Of which operations; none stand for all.
    #[serde(default)]
    pub classes: Vec<OperationClass>,
    /// How long a request waits before it is executed.
    #[serde(with = "text::duration")]
    pub add: Duration,
    /// How much longer at the most, evenly distributed.
    #[serde(default, with = "text::duration")]
    pub jitter: Duration,
    /// How likely a request is to wait.
    #[serde(default = "always")]
    pub probability: f64,
}

/// An operation fails, and nothing of it is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InjectedError {
    /// Which operation.
    #[serde(with = "text::operation")]
    pub operation: OpNum,
    /// What it is answered: an error that RFC 8881 §15.2 has for it, about files or the disk.
    #[serde(with = "text::status")]
    pub status: Nfsstat4,
    /// On which objects: a pattern in which `*` and `?` stand for anything but `/`, `**` for any
    /// directories. All objects without one.
    #[serde(default)]
    pub path: Option<String>,
    /// For which user only.
    #[serde(default)]
    pub uid: Option<u32>,
    /// How often; for ever without.
    #[serde(default)]
    pub count: Option<u64>,
    /// How likely it is.
    #[serde(default = "always")]
    pub probability: f64,
}

impl InjectedError {
    /// `operation` on any object always fails with `status`.
    #[must_use]
    pub fn new(operation: OpNum, status: Nfsstat4) -> Self {
        Self {
            operation,
            status,
            path: None,
            uid: None,
            count: None,
            probability: always(),
        }
    }
}

impl Latency {
    /// All requests wait so long.
    #[must_use]
    pub fn new(add: Duration) -> Self {
        Self {
            classes: Vec::new(),
            add,
            jitter: Duration::ZERO,
            probability: always(),
        }
    }

    /// The latencies that EFS documents for a Regional file system: 250 µs to read, 2.7 ms to
    /// write (EFS user guide, "Performance").
    #[must_use]
    pub fn efs() -> [Self; 2] {
        Self::of_reads_and_writes(Duration::from_micros(250), Duration::from_micros(2700))
    }

    /// Those of a One Zone file system: 250 µs and 1.6 ms.
    #[must_use]
    pub fn efs_one_zone() -> [Self; 2] {
        Self::of_reads_and_writes(Duration::from_micros(250), Duration::from_micros(1600))
    }

    fn of_reads_and_writes(read: Duration, write: Duration) -> [Self; 2] {
        use OperationClass::{DataRead, DataWrite, MetadataRead, MetadataWrite};
        [
            Self {
                classes: vec![DataRead, MetadataRead],
                ..Self::new(read)
            },
            Self {
                classes: vec![DataWrite, MetadataWrite],
                ..Self::new(write)
            },
        ]
    }

    /// How long a request has to wait, for two numbers drawn from 0 to 1.
    pub(super) fn wait(&self, demand: &Demand, draws: (f64, f64)) -> Option<Duration> {
        let applies = demand.is_of(&self.classes) && draws.0 < self.probability;
        applies.then(|| self.add + self.jitter.mul_f64(draws.1.clamp(0.0, 1.0)))
    }
}

fn always() -> f64 {
    1.0
}

/// What operations are made to suffer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationFault {
    /// They wait.
    Latency(Latency),
    /// They fail.
    Error(InjectedError),
    /// They are limited.
    Throughput(Throughput),
}

/// A fault at work.
#[derive(Debug)]
pub(super) struct Rule {
    pub id: u64,
    pub fault: OperationFault,
    pub fired: AtomicU64,
    work: Work,
}

/// What a fault needs to work.
#[derive(Debug)]
enum Work {
    Latency,
    Error {
        path: Option<GlobMatcher>,
        left: AtomicU64,
    },
    Throughput(Mutex<Limiter>),
}

/// An operation about to be executed, as rules for errors see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operation<'a> {
    pub number: OpNum,
    pub uid: u32,
    /// Where the objects are that it works on, as far as that is known. Only looked at by rules
    /// with a path.
    pub paths: &'a [Vec<u8>],
}

impl Rule {
    /// # Errors
    /// [`FaultError`] if it makes no sense.
    pub fn new(id: u64, fault: OperationFault, now: Nanos) -> Result<Self, FaultError> {
        let work = match &fault {
            OperationFault::Latency(latency) => {
                check_probability(latency.probability)?;
                let longest = latency.add.saturating_add(latency.jitter);
                if longest.is_zero() || longest > MAX_LATENCY {
                    return Err(FaultError::Latency);
                }
                Work::Latency
            }
            OperationFault::Error(error) => {
                check_probability(error.probability)?;
                allowed::check(error.operation, error.status)?;
                if error.count == Some(0) {
                    return Err(FaultError::Count);
                }
                Work::Error {
                    path: error.path.as_deref().map(matcher).transpose()?,
                    left: AtomicU64::new(error.count.unwrap_or(u64::MAX)),
                }
            }
            OperationFault::Throughput(throughput) => {
                throughput.check()?;
                Work::Throughput(Mutex::new(Limiter::new(throughput, now)))
            }
        };
        Ok(Self {
            id,
            fault,
            fired: AtomicU64::new(0),
            work,
        })
    }

    /// How long a request of `client` waits by this rule, for two numbers drawn from 0 to 1.
    pub fn wait(
        &self,
        client: Clientid4,
        demand: &Demand,
        now: Nanos,
        draws: (f64, f64),
    ) -> Duration {
        let wait = match (&self.fault, &self.work) {
            (OperationFault::Latency(latency), _) => {
                latency.wait(demand, draws).unwrap_or_default()
            }
            (_, Work::Throughput(limiter)) => {
                let mut limiter = limiter.lock().unwrap_or_else(PoisonError::into_inner);
                Duration::from_nanos(limiter.admit(client, demand, now))
            }
            _ => Duration::ZERO,
        };
        if !wait.is_zero() {
            self.fired.fetch_add(1, Ordering::Relaxed);
        }
        wait
    }

    /// Whether it may be about this operation and wants to know the paths for that.
    pub fn wants_paths(&self, number: OpNum) -> bool {
        match (&self.fault, &self.work) {
            (OperationFault::Error(error), Work::Error { path, left }) => {
                let exhausted = left.load(Ordering::Relaxed) == 0;
                error.operation == number && path.is_some() && !exhausted
            }
            _ => false,
        }
    }

    /// The error that an operation fails with by this rule, for a number drawn from 0 to 1.
    pub fn error(&self, operation: Operation<'_>, draw: f64) -> Option<Nfsstat4> {
        let (OperationFault::Error(error), Work::Error { path, left }) = (&self.fault, &self.work)
        else {
            return None;
        };
        let meant = error.operation == operation.number
            && error.uid.is_none_or(|uid| uid == operation.uid)
            && path.as_ref().is_none_or(|path| {
                use std::os::unix::ffi::OsStrExt;
                let matches = |found: &Vec<u8>| path.is_match(std::ffi::OsStr::from_bytes(found));
                operation.paths.iter().any(matches)
            })
            && draw < error.probability;
        // A limit of so many is never decremented below zero, whoever comes at the same time.
        let took = meant
            && left
                .try_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                    if error.count.is_none() {
                        Some(left)
                    } else {
                        left.checked_sub(1)
                    }
                })
                .is_ok();
        took.then(|| {
            self.fired.fetch_add(1, Ordering::Relaxed);
            error.status
        })
    }

    /// Octets of burst credit that are left.
    pub fn credits(&self, now: Nanos) -> Option<u64> {
        match &self.work {
            Work::Throughput(limiter) => {
                let mut limiter = limiter.lock().unwrap_or_else(PoisonError::into_inner);
                limiter.credits(now)
            }
            _ => None,
        }
    }
}

fn check_probability(probability: f64) -> Result<(), FaultError> {
    if probability > 0.0 && probability <= 1.0 {
        Ok(())
    } else {
        Err(FaultError::Probability)
    }
}

fn matcher(pattern: &str) -> Result<GlobMatcher, FaultError> {
    let refuse = |reason: String| FaultError::Path {
        pattern: pattern.chars().take(80).collect(),
        reason,
    };
    if !pattern.starts_with('/') {
        return Err(refuse(
            "it must begin with /, the root that clients mount".to_owned(),
        ));
    }
    if pattern.len() > MAX_PATTERN {
        return Err(refuse(format!("it is longer than {MAX_PATTERN} octets")));
    }
    GlobBuilder::new(pattern)
        .literal_separator(true)
        .build()
        .map(|glob| glob.compile_matcher())
        .map_err(|error| refuse(error.kind().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use localefs_protocol::nfs4::NfsArgop4;
    use proptest::prelude::*;

    fn error(error: InjectedError) -> Rule {
        Rule::new(1, OperationFault::Error(error), 0).unwrap()
    }

    fn write() -> InjectedError {
        InjectedError::new(OpNum::OP_WRITE, Nfsstat4::NFS4ERR_IO)
    }

    fn fails(rule: &Rule, number: OpNum, uid: u32, paths: &[&str], draw: f64) -> bool {
        let paths: Vec<_> = paths.iter().map(|path| path.as_bytes().to_vec()).collect();
        let operation = Operation {
            number,
            uid,
            paths: &paths,
        };
        rule.error(operation, draw) == Some(Nfsstat4::NFS4ERR_IO)
    }

    #[test]
    fn an_error_hits_its_operation_user_and_paths_only() {
        let all = error(write());
        assert!(fails(&all, OpNum::OP_WRITE, 7, &[], 0.99));
        assert!(!fails(&all, OpNum::OP_READ, 7, &[], 0.0));
        let one = error(InjectedError {
            uid: Some(7),
            path: Some("/mark/**".into()),
            ..write()
        });
        for (uid, paths, expected) in [
            (7, &["/mark/x"][..], true),
            (7, &["/mark/x/y"], true),
            (7, &["/other", "/mark/x"], true),
            (8, &["/mark/x"], false),
            (7, &["/mark"], false),
            (7, &["/marks/x"], false),
            (7, &[], false),
        ] {
            assert_eq!(
                fails(&one, OpNum::OP_WRITE, uid, paths, 0.5),
                expected,
                "{paths:?}"
            );
        }
        assert!(one.wants_paths(OpNum::OP_WRITE) && !one.wants_paths(OpNum::OP_READ));
        assert!(!all.wants_paths(OpNum::OP_WRITE));
        assert_eq!(one.fired.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn patterns() {
        for (pattern, path, expected) in [
            ("/*.txt", "/a.txt", true),
            ("/*.txt", "/d/a.txt", false),
            ("/**/*.txt", "/a.txt", true),
            ("/**/*.txt", "/d/e/a.txt", true),
            ("/?", "/a", true),
            ("/{a,b}", "/b", true),
            ("/[ab]", "/c", false),
            ("/", "/", true),
            ("/a", "/a/b", false),
        ] {
            let rule = error(InjectedError {
                path: Some(pattern.into()),
                ..write()
            });
            let found = fails(&rule, OpNum::OP_WRITE, 0, &[path], 0.0);
            assert_eq!(found, expected, "{pattern} {path}");
        }
        // Names need not be text.
        let rule = error(InjectedError {
            path: Some("/*".into()),
            ..write()
        });
        let operation = Operation {
            number: OpNum::OP_WRITE,
            uid: 0,
            paths: &[b"/\xff\xfe".to_vec()],
        };
        assert!(rule.error(operation, 0.0).is_some());
    }

    #[test]
    fn so_many_times_and_no_more() {
        let rule = error(InjectedError {
            count: Some(3),
            path: Some("/**".into()),
            ..write()
        });
        let failed = (0..10)
            .filter(|_| fails(&rule, OpNum::OP_WRITE, 0, &["/x"], 0.0))
            .count();
        assert_eq!(failed, 3);
        assert!(!rule.wants_paths(OpNum::OP_WRITE));
    }

    #[test]
    fn nonsense_is_refused() {
        let latency = |add, jitter, probability| {
            OperationFault::Latency(Latency {
                jitter,
                probability,
                ..Latency::new(add)
            })
        };
        let error = |change: fn(&mut InjectedError)| {
            let mut error = write();
            change(&mut error);
            OperationFault::Error(error)
        };
        let second = Duration::from_secs(1);
        for fault in [
            latency(Duration::ZERO, Duration::ZERO, 1.0),
            latency(MAX_LATENCY, second, 1.0),
            latency(Duration::MAX, Duration::MAX, 1.0),
            latency(second, second, 0.0),
            latency(second, second, 1.5),
            latency(second, second, -1.0),
            latency(second, second, f64::NAN),
            error(|error| error.probability = f64::INFINITY),
            error(|error| error.count = Some(0)),
            error(|error| error.path = Some("mark".into())),
            error(|error| error.path = Some(String::new())),
            error(|error| error.path = Some("/[".into())),
            error(|error| error.path = Some(format!("/{}", "x".repeat(MAX_PATTERN)))),
            error(|error| error.status = Nfsstat4::NFS4ERR_NOTDIR),
            OperationFault::Throughput(Throughput::default()),
        ] {
            assert!(Rule::new(1, fault.clone(), 0).is_err(), "{fault:?}");
        }
    }

    #[test]
    fn rules_are_written_and_read_as_json() {
        let fault = OperationFault::Error(InjectedError {
            path: Some("/mark/**".into()),
            count: Some(2),
            ..write()
        });
        let json = serde_json::to_string(&fault).unwrap();
        assert!(json.contains(r#""operation":"WRITE""#), "{json}");
        assert!(json.contains(r#""status":"NFS4ERR_IO""#), "{json}");
        assert_eq!(
            serde_json::from_str::<OperationFault>(&json).unwrap(),
            fault
        );
        let short = r#"{"latency":{"add":"3ms","classes":["data-write"]}}"#;
        let read = serde_json::from_str::<OperationFault>(short).unwrap();
        let latency = Latency {
            classes: vec![OperationClass::DataWrite],
            ..Latency::new(Duration::from_millis(3))
        };
        assert_eq!(read, OperationFault::Latency(latency));
        for text in [
            r#"{"latency":{}}"#,
            r#"{"latency":{"add":"3"}}"#,
            r#"{"latency":{"add":"-3ms"}}"#,
            r#"{"latency":{"add":"3ms","clases":[]}}"#,
            r#"{"latency":{"add":"3ms","classes":["reads"]}}"#,
            r#"{"error":{"operation":"FLY","status":"IO"}}"#,
            r#"{"error":{"operation":"WRITE","status":"EIO"}}"#,
            r#"{"error":{"operation":"WRITE","status":"IO","uid":-1}}"#,
            r#"{"flood":{}}"#,
        ] {
            assert!(
                serde_json::from_str::<OperationFault>(text).is_err(),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn latency_lies_between_its_bounds(
            add in 0u64..1_000_000, jitter in 0u64..1_000_000,
            probability in 0.001f64..=1.0, first in 0f64..1.0, second in 0f64..1.0,
        ) {
            let latency = Latency {
                jitter: Duration::from_nanos(jitter),
                probability,
                ..Latency::new(Duration::from_nanos(add))
            };
            let demand = Demand::new(1, [NfsArgop4::Lookupp(())]);
            match latency.wait(&demand, (first, second)) {
                Some(wait) => {
                    prop_assert!(first < probability);
                    prop_assert!(wait >= latency.add && wait <= latency.add + latency.jitter);
                }
                None => prop_assert!(first >= probability),
            }
        }
    }
}

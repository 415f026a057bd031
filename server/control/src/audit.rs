//! The audit log: each call of the API as an event of CloudTrail, one JSON object on a line.
//!
//! Beside what CloudTrail has, an event says which statement decided (`localefs.decisions`). What
//! a call asked for is not in it: it may be secret.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use tracing::warn;

use crate::api::{ApiError, Caller, Judged, Request, Service};
use crate::authorize::seconds;
use crate::ids;
use crate::time::iso8601;

/// The size at which a log is put aside, as `….1`, and a new one begun.
const LONGEST: u64 = 64 << 20;

/// What is told of one call.
#[derive(Debug)]
pub struct Event<'a> {
    /// The service.
    pub service: Service,
    /// The operation.
    pub operation: &'a str,
    /// The request.
    pub request: &'a Request,
    /// Who called, if that is known.
    pub caller: Option<&'a Caller>,
    /// The permissions that were asked for.
    pub judged: &'a [Judged],
    /// Why it failed, if it did.
    pub error: Option<&'a ApiError>,
}

impl Event<'_> {
    /// The event in CloudTrail's words (CloudTrail user guide, "Record contents"). `id` is its own.
    #[must_use]
    pub fn record(&self, region: &str, account: &str, id: &str) -> Value {
        let identity = match self.caller {
            None => json!({"type": "Unknown"}),
            Some(caller) => {
                let kind = if caller.arn.ends_with(":root") {
                    "Root"
                } else if caller.arn.contains(":assumed-role/") {
                    "AssumedRole"
                } else {
                    "IAMUser"
                };
                json!({
                    "type": kind,
                    "principalId": caller.user_id,
                    "arn": caller.arn,
                    "accountId": caller.account,
                    "accessKeyId": caller.access_key,
                })
            }
        };
        let decisions = self.judged.iter().map(|judged| {
            json!({
                "action": judged.demand.action,
                "resource": judged.demand.resource,
                "allowed": judged.judgement.allowed,
                "because": judged.judgement.because,
            })
        });
        let reads = ["Describe", "List", "Get", "Simulate"];
        let request = self.request;
        json!({
            "eventVersion": "1.08",
            "userIdentity": identity,
            "eventTime": iso8601(seconds(request)),
            "eventSource": format!("{}.amazonaws.com", self.service.signing_name()),
            "eventName": self.operation,
            "awsRegion": region,
            "sourceIPAddress": request.peer.ip(),
            "userAgent": request.header("user-agent").map(crate::api::short),
            "errorCode": self.error.map(|error| &error.code),
            "errorMessage": self.error.map(|error| &error.message),
            "requestID": request.id,
            "eventID": id,
            "readOnly": reads.iter().any(|read| self.operation.starts_with(read)),
            "eventType": "AwsApiCall",
            "managementEvent": true,
            "recipientAccountId": account,
            "localefs": {"decisions": decisions.collect::<Vec<_>>()},
        })
    }
}

/// The log, open.
#[derive(Debug)]
pub struct Audit {
    path: PathBuf,
    file: Mutex<(File, u64)>,
}

impl Audit {
    /// Opens the log at `path`, to go on with what is there.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = open(path)?;
        let length = file.metadata()?.len();
        Ok(Self {
            path: path.to_owned(),
            file: Mutex::new((file, length)),
        })
    }

    /// Writes an event. A disk that doesn't take it is complained of, and the call goes on.
    pub fn write(&self, event: &Event<'_>, region: &str, account: &str) {
        let mut line = event.record(region, account, &ids::uuid()).to_string();
        line.push('\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = self.append(&mut file, line.as_bytes()) {
            warn!(path = %self.path.display(), %error, "a call is not in the audit log");
        }
    }

    fn append(&self, (file, length): &mut (File, u64), line: &[u8]) -> io::Result<()> {
        if *length >= LONGEST {
            let mut aside = self.path.clone().into_os_string();
            aside.push(".1");
            fs::rename(&self.path, aside)?;
            *file = open(&self.path)?;
            *length = 0;
        }
        file.write_all(line)?;
        *length += line.len() as u64;
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
}

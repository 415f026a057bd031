//! `localefs fault`.

use std::path::Path;
use std::process::ExitCode;

use bytesize::ByteSize;
use localefs::admin::{self, ClientError, Target};
use localefs::faults::{
    Burst, FailingCall, Fault, FaultStatus, Freeze, InjectedError, Latency, MountTargets,
    OperationRate, Reset, Throughput,
};

use super::fault_arguments::{
    ErrorArguments, FaultArguments, FaultCommand, LatencyArguments, Mode, Preset, ResetArguments,
    ThroughputArguments,
};
use super::{FAILED, NOT_RUNNING, complain};

const MIB: u64 = 1 << 20;

/// Does what the command says.
pub(super) async fn fault(arguments: FaultArguments) -> ExitCode {
    match run(&arguments.data, arguments.command).await {
        Ok(output) => {
            print!("{output}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&error);
            let running = !matches!(error.downcast_ref(), Some(ClientError::NotRunning { .. }));
            if running { FAILED } else { NOT_RUNNING }.into()
        }
    }
}

async fn run(data: &Path, command: FaultCommand) -> anyhow::Result<String> {
    match command {
        FaultCommand::Latency(arguments) => add(data, latency(arguments)).await,
        FaultCommand::Error(arguments) => add(data, vec![error(arguments)]).await,
        FaultCommand::Throughput(arguments) => add(data, vec![throughput(&arguments)?]).await,
        FaultCommand::Freeze(target) => {
            let mount_target = target.mount_target;
            add(data, vec![Fault::Freeze(Freeze { mount_target })]).await
        }
        FaultCommand::Unfreeze(target) => unfreeze(data, target.mount_target).await,
        FaultCommand::Reset(arguments) => reset(data, arguments).await,
        FaultCommand::Api(arguments) => {
            let call = FailingCall {
                operation: arguments.operation,
                error: arguments.error,
                count: arguments.count,
                probability: arguments.probability,
            };
            add(data, vec![Fault::Api(call)]).await
        }
        FaultCommand::List(arguments) => {
            let faults = admin::faults(data).await?;
            if arguments.json {
                return Ok(serde_json::to_string_pretty(&faults)? + "\n");
            }
            Ok(table(&faults))
        }
        FaultCommand::Clear(arguments) => {
            if arguments.ids.is_empty() {
                let cleared = admin::clear_faults(data).await?;
                return Ok(format!("{cleared} cleared\n"));
            }
            for id in &arguments.ids {
                admin::clear_fault(data, *id).await?;
            }
            Ok(format!("{} cleared\n", arguments.ids.len()))
        }
    }
}

/// Puts all of these to work, or none.
async fn add(data: &Path, faults: Vec<Fault>) -> anyhow::Result<String> {
    let mut added = Vec::new();
    for fault in faults {
        match admin::add_fault(data, &fault).await {
            Ok(id) => added.push(id),
            Err(error) => {
                for id in added {
                    admin::clear_fault(data, id).await?;
                }
                return Err(error.into());
            }
        }
    }
    Ok(added.iter().map(|id| format!("{id}\n")).collect())
}

fn latency(arguments: LatencyArguments) -> Vec<Fault> {
    let faults = match arguments.preset {
        Some(Preset::Efs) => Latency::efs().to_vec(),
        Some(Preset::EfsOneZone) => Latency::efs_one_zone().to_vec(),
        None => vec![Latency {
            classes: arguments.classes.into_iter().map(Into::into).collect(),
            ..Latency::new(arguments.add.unwrap_or_default())
        }],
    };
    let complete = |latency| {
        Fault::Latency(Latency {
            jitter: arguments.jitter,
            probability: arguments.probability,
            ..latency
        })
    };
    faults.into_iter().map(complete).collect()
}

fn error(arguments: ErrorArguments) -> Fault {
    Fault::Error(InjectedError {
        operation: arguments.operation,
        status: arguments.status,
        path: arguments.path,
        uid: arguments.uid,
        count: arguments.count,
        probability: arguments.probability,
    })
}

fn throughput(arguments: &ThroughputArguments) -> anyhow::Result<Fault> {
    let mut limits = match (arguments.mode, arguments.mib_per_second) {
        (Some(Mode::Bursting), _) => Throughput::bursting(arguments.stored),
        (Some(Mode::Provisioned), Some(rate)) => Throughput::provisioned(rate),
        (Some(Mode::Provisioned), None) => {
            anyhow::bail!("--mode provisioned needs --mib-per-second")
        }
        (Some(Mode::Elastic), _) => Throughput::elastic(),
        (None, _) => Throughput::default(),
    };
    if arguments.stored > 0 && arguments.mode != Some(Mode::Bursting) {
        anyhow::bail!("--stored is for --mode bursting");
    }
    if let Some(rate) = arguments.mib_per_second {
        limits.bytes_per_second = Some(rate);
    }
    if let Some(credits) = arguments.burst_credits {
        let burst = limits.burst.get_or_insert(Burst {
            bytes_per_second: (100 * MIB).max(arguments.mib_per_second.unwrap_or_default()),
            credits,
            max_credits: credits,
        });
        burst.credits = credits;
        burst.max_credits = burst.max_credits.max(credits);
    }
    if let Some(rate) = arguments.burst_mib_per_second {
        match &mut limits.burst {
            Some(burst) => burst.bytes_per_second = rate,
            None => anyhow::bail!("--burst-mib-per-second needs --burst-credits"),
        }
    }
    if let Some(rate) = arguments.client_mib_per_second {
        limits.client_bytes_per_second = Some(rate);
    }
    if let Some(rate) = arguments.operations_per_second {
        limits.operations = Some(OperationRate::of_reads(rate));
    }
    Ok(Fault::Throughput(limits))
}

async fn unfreeze(data: &Path, target: Option<MountTargets>) -> anyhow::Result<String> {
    let faults = admin::faults(data).await?;
    let meant = |status: &&FaultStatus| match &status.fault {
        Fault::Freeze(freeze) => target.is_none() || freeze.mount_target == target,
        _ => false,
    };
    let ids: Vec<_> = faults
        .iter()
        .filter(meant)
        .map(|status| status.id)
        .collect();
    if ids.is_empty() {
        match target {
            Some(target) => anyhow::bail!("{target} is not frozen by itself"),
            None => anyhow::bail!("no mount target is frozen"),
        }
    }
    for id in &ids {
        admin::clear_fault(data, *id).await?;
    }
    Ok(format!("{} cleared\n", ids.len()))
}

async fn reset(data: &Path, arguments: ResetArguments) -> anyhow::Result<String> {
    let mount_target = arguments.target.mount_target;
    let Some(every) = arguments.every else {
        let count = admin::reset_connections(data, &Target { mount_target }).await?;
        return Ok(format!("{count} connections reset\n"));
    };
    let reset = Reset {
        mount_target,
        every,
        probability: arguments.probability,
    };
    add(data, vec![Fault::Reset(reset)]).await
}

fn table(faults: &[FaultStatus]) -> String {
    if faults.is_empty() {
        return "No faults.\n".to_owned();
    }
    let mut text = "  ID    FIRED  FAULT\n".to_owned();
    for status in faults {
        let FaultStatus { id, fired, .. } = status;
        text += &format!("{id:>4}  {fired:>7}  {}\n", describe(status));
    }
    text
}

fn describe(status: &FaultStatus) -> String {
    let time = humantime::format_duration;
    let chance = |probability: f64| match probability {
        1.0 => String::new(),
        less => format!(", probability {less}"),
    };
    let target = |target: &Option<MountTargets>| match target {
        Some(target @ MountTargets::Of(_)) => format!("mount targets of {target}"),
        Some(target) => format!("mount target {target}"),
        None => "all mount targets".to_owned(),
    };
    match &status.fault {
        Fault::Latency(latency) => {
            let mut text = format!("latency {}", time(latency.add));
            if !latency.jitter.is_zero() {
                text += &format!(" to {}", time(latency.add + latency.jitter));
            }
            for class in &latency.classes {
                text += match class {
                    localefs::faults::OperationClass::DataRead => ", data-read",
                    localefs::faults::OperationClass::DataWrite => ", data-write",
                    localefs::faults::OperationClass::MetadataRead => ", metadata-read",
                    localefs::faults::OperationClass::MetadataWrite => ", metadata-write",
                };
            }
            text + &chance(latency.probability)
        }
        Fault::Error(error) => {
            let operation = error.operation.name().unwrap_or_default();
            let operation = operation.strip_prefix("OP_").unwrap_or(operation);
            let mut text = format!("error {operation} {:?}", error.status);
            if let Some(path) = &error.path {
                // It is somebody's text, and must not reach a terminal as it is.
                text += &format!(", path {}", path.escape_debug());
            }
            if let Some(uid) = error.uid {
                text += &format!(", uid {uid}");
            }
            if let Some(count) = error.count {
                text += &format!(", {} more", count.saturating_sub(status.fired));
            }
            text + &chance(error.probability)
        }
        Fault::Throughput(limits) => {
            let mut parts = Vec::new();
            if let Some(rate) = limits.bytes_per_second {
                parts.push(format!("{}/s", ByteSize(rate)));
            }
            if let Some(burst) = limits.burst {
                let left = ByteSize(status.burst_credit_balance.unwrap_or_default());
                let rate = ByteSize(burst.bytes_per_second);
                parts.push(format!("{rate}/s while credits last, {left} left"));
            }
            if let Some(rate) = limits.client_bytes_per_second {
                parts.push(format!("{}/s for a client", ByteSize(rate)));
            }
            if let Some(OperationRate { read, write }) = limits.operations {
                parts.push(format!("{read} reading or {write} writing requests/s"));
            }
            format!("throughput {}", parts.join(", "))
        }
        Fault::Freeze(freeze) => format!("freeze {}", target(&freeze.mount_target)),
        Fault::Reset(reset) => {
            let every = time(reset.every);
            let target = target(&reset.mount_target);
            format!("reset {target} every {every}{}", chance(reset.probability))
        }
        Fault::Api(call) => {
            let mut text = format!("api {} {}", call.operation, call.error);
            if let Some(count) = call.count {
                text += &format!(", {} more", count.saturating_sub(status.fired));
            }
            text + &chance(call.probability)
        }
        _ => "a fault that this version does not know".to_owned(),
    }
}

//! `localefs explain`.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use localefs::admin::{self, ClientError, Explanation, FileOperation, Question};

use super::arguments::RunningServer;
use super::{FAILED, NOT_RUNNING, complain, fail};

/// The question makes no sense, as with arguments that can't be read.
const USAGE: u8 = 2;

/// What is asked.
#[derive(Args)]
pub(super) struct ExplainArguments {
    /// The client's address: in its VPC, or as this machine sees it
    #[arg(long, value_name = "IP", requires = "mount_target")]
    client: Option<Ipv4Addr>,

    /// The port that the client's connection comes from: network ACLs ask for it
    #[arg(long, value_name = "PORT", requires = "client")]
    port: Option<u16>,

    /// The mount target, fsmt-…
    #[arg(long, value_name = "ID")]
    mount_target: Option<String>,

    /// The user id that the client asserts
    #[arg(long, requires = "gid")]
    uid: Option<u32>,

    /// The group id that it asserts
    #[arg(long, requires = "uid")]
    gid: Option<u32>,

    /// Its supplementary groups
    #[arg(long, value_name = "GID", value_delimiter = ',', requires = "uid")]
    groups: Vec<u32>,

    /// What is to be done to the path
    #[arg(long, value_enum, requires_all = ["path", "uid", "mount_target"])]
    op: Option<Operation>,

    /// A path from the root of the file system
    #[arg(long, requires = "op")]
    path: Option<String>,

    /// Who calls the API: a user's or role's name or ARN, or root
    #[arg(long, value_name = "NAME", requires = "api")]
    principal: Option<String>,

    /// The action, as efs:DeleteFileSystem
    #[arg(long, value_name = "ACTION", requires = "principal")]
    api: Option<String>,

    /// To what: an id of EFS, or an ARN
    #[arg(long, value_name = "ID", requires = "api")]
    resource: Option<String>,

    #[command(flatten)]
    server: RunningServer,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What somebody may want to do to a path.
#[derive(Clone, Copy, ValueEnum)]
enum Operation {
    /// Read a file
    Read,
    /// Write to a file
    Write,
    /// Make something that is not there
    Create,
    /// Take a name away
    Delete,
    /// Run a file, or search a directory
    Execute,
    /// List a directory
    List,
    /// Set the mode
    Chmod,
    /// Give to another user
    Chown,
    /// Give to the group of the caller
    Chgrp,
}

impl From<Operation> for FileOperation {
    fn from(operation: Operation) -> Self {
        match operation {
            Operation::Read => Self::Read,
            Operation::Write => Self::Write,
            Operation::Create => Self::Create,
            Operation::Delete => Self::Delete,
            Operation::Execute => Self::Execute,
            Operation::List => Self::List,
            Operation::Chmod => Self::Chmod,
            Operation::Chown => Self::Chown,
            Operation::Chgrp => Self::Chgrp,
        }
    }
}

/// Asks the running server, and says what each layer says.
pub(super) async fn explain(arguments: ExplainArguments) -> ExitCode {
    let question = Question {
        client: arguments.client,
        port: arguments.port,
        mount_target: arguments.mount_target,
        uid: arguments.uid,
        gid: arguments.gid,
        groups: arguments.groups,
        op: arguments.op.map(Into::into),
        path: arguments.path,
        principal: arguments.principal,
        api: arguments.api,
        resource: arguments.resource,
    };
    let explanation = match admin::explain(&arguments.server.data, &question).await {
        Ok(explanation) => explanation,
        Err(error) => {
            complain(&error);
            return match error {
                ClientError::NotRunning { .. } => NOT_RUNNING,
                // That it is denied is the answer 1.
                _ => USAGE,
            }
            .into();
        }
    };
    if arguments.json {
        match serde_json::to_string_pretty(&explanation) {
            Ok(text) => println!("{text}"),
            Err(error) => return fail(error),
        }
    } else {
        print!("{}", for_people(&explanation));
    }
    if explanation.allowed {
        ExitCode::SUCCESS
    } else {
        FAILED.into()
    }
}

fn for_people(explanation: &Explanation) -> String {
    let mut text = String::new();
    for said in &explanation.layers {
        let mark = word(said.allowed);
        text += &format!("{mark:<8} {}: {}\n", said.layer, said.because);
    }
    text + word(explanation.allowed) + "\n"
}

fn word(allowed: bool) -> &'static str {
    if allowed { "allowed" } else { "denied" }
}

//! The commands for where owners are kept.

use std::process::ExitCode;

use localefs::OwnershipTool;

use super::arguments::{ConvertArguments, Form, TreeArguments};
use super::fail;

/// Converts a tree.
pub(super) fn convert(arguments: &ConvertArguments) -> ExitCode {
    let (uid, gid) = arguments.outside_owner;
    let shadow = arguments.to == Form::Shadow;
    let tree = &arguments.tree;
    let converted = OwnershipTool::open(&tree.data, tree.root.as_deref())
        .and_then(|tool| tool.convert(shadow, localefs::Owner { uid, gid }));
    match converted {
        Ok(count) => {
            println!("converted {count} files and directories");
            ExitCode::SUCCESS
        }
        Err(error) => fail(error),
    }
}

/// Repairs the table of owners.
pub(super) fn repair(arguments: &TreeArguments) -> ExitCode {
    let repaired = OwnershipTool::open(&arguments.data, arguments.root.as_deref())
        .and_then(|tool| tool.repair());
    match repaired {
        Ok((kept, dropped)) => {
            println!("kept {kept} records, dropped {dropped}");
            ExitCode::SUCCESS
        }
        Err(error) => fail(error),
    }
}

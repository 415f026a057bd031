//! What decides whether somebody may do something to a path, in words.

use localefs_control::data_plane::{FileOperation, FileStep, FileWish};
use localefs_vfs::{Attributes, Error, FileSystem, FileType, Identity, Judged, Wish};

/// Goes the path, up to what refuses. May block.
pub(super) fn explain(vfs: &FileSystem, wish: &FileWish) -> Vec<FileStep> {
    let who = Identity::new(wish.uid, wish.gid, wish.groups.iter().copied());
    let wanted = match wish.operation {
        FileOperation::Read | FileOperation::List => Wish::Read,
        FileOperation::Write => Wish::Write,
        FileOperation::Create => Wish::Create,
        FileOperation::Delete => Wish::Delete,
        FileOperation::Execute => Wish::Execute,
        FileOperation::Chmod => Wish::Chmod,
        FileOperation::Chown => Wish::Chown,
        FileOperation::Chgrp => Wish::Chgrp(wish.gid),
    };
    let names: Vec<&str> = wish.path.split('/').filter(|it| !it.is_empty()).collect();
    let path: Vec<&[u8]> = names.iter().map(|name| name.as_bytes()).collect();
    let (judged, result) = vfs.explain(&who, &path, wanted);
    let named = |depth: usize| {
        let names = names.get(..depth).unwrap_or_default();
        format!("/{}", names.join("/"))
    };
    let mut steps: Vec<FileStep> = judged
        .iter()
        .map(|judged| FileStep {
            allowed: judged.refused.is_none(),
            because: because(&who, &named(judged.depth), judged),
        })
        .collect();
    // What is not about permissions was not judged.
    let is_told = judged.last().is_some_and(|last| last.refused.is_some());
    if let Err(error) = result
        && !is_told
    {
        let depth = judged.last().map_or(0, |last| last.depth + 1);
        steps.push(FileStep {
            allowed: false,
            because: format!("{}: {}", named(depth), obstacle(error)),
        });
    }
    steps
}

fn obstacle(error: Error) -> String {
    match error {
        Error::Symlink => {
            "a symbolic link, which the client follows: ask for the path it leads to".to_owned()
        }
        other => other.to_string(),
    }
}

fn because(who: &Identity, path: &str, judged: &Judged) -> String {
    let Judged {
        attributes,
        wanted,
        refused,
        ..
    } = judged;
    let object = format!(
        "{path} is {} {}:{}",
        mode(attributes),
        attributes.uid,
        attributes.gid
    );
    let class = class(who, attributes);
    match (refused, *wanted) {
        (None, "") => format!("{object}: {class} may change that"),
        (Some(_), "") => format!("{object}: {class} may not change that"),
        (None, wanted) => format!("{object}: {class} has {wanted}"),
        (Some(Error::Perm), _) => format!(
            "{object}: it is sticky, and uid {} owns neither it nor what is to be taken away",
            who.uid
        ),
        (Some(_), wanted) => format!("{object}: {class} lacks {wanted}"),
    }
}

/// Which bits count.
fn class(who: &Identity, attributes: &Attributes) -> String {
    let uid = who.uid;
    if who.is_root() {
        "root".to_owned()
    } else if uid == attributes.uid {
        format!("uid {uid} is the owner and")
    } else if who.in_group(attributes.gid) {
        format!("uid {uid} is in the group {} and", attributes.gid)
    } else {
        format!("uid {uid} is neither owner nor in the group and")
    }
}

/// As `ls -l` shows it.
fn mode(attributes: &Attributes) -> String {
    let mode = attributes.mode;
    let kind = match attributes.file_type {
        FileType::Regular => '-',
        FileType::Directory => 'd',
        FileType::Symlink => 'l',
        FileType::Fifo => 'p',
        FileType::Socket => 's',
        FileType::BlockDevice => 'b',
        FileType::CharDevice => 'c',
    };
    let mut text = String::from(kind);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift & 7;
        text.push(if bits & 4 == 0 { '-' } else { 'r' });
        text.push(if bits & 2 == 0 { '-' } else { 'w' });
        text.push(match (mode & special != 0, bits & 1 != 0) {
            (false, false) => '-',
            (false, true) => 'x',
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
        });
    }
    text
}

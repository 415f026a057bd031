//! Data.

use bytes::BytesMut;
use localefs_vfs::limits::MAX_FILE_SIZE;
use localefs_vfs::{
    Blocking, Durability, Error, File, Identity, OpenMode, Options, ReadOutcome, SetAttributes,
    Stability,
};

use crate::{Served, alice, bob, mode, options, root};

fn read(served: &Served, file: &File, offset: u64, count: usize) -> (Vec<u8>, bool) {
    let mut buffer = BytesMut::from(&b"before"[..]);
    let outcome = served
        .fs
        .read(&root(), file, offset, &mut buffer, count, Blocking::Allowed)
        .unwrap();
    let data = buffer.split_off(6);
    assert_eq!(&buffer[..], b"before");
    assert_eq!(outcome.count, data.len());
    (data.to_vec(), outcome.end_of_file)
}

#[test]
fn the_end_of_the_file_is_exact() {
    let served = Served::new();
    let file = served.create(&root(), "a", 0o644).file;
    assert_eq!(read(&served, &file, 0, 10), (vec![], true));
    served
        .fs
        .write(&root(), &file, 0, b"0123456789", Stability::Unstable)
        .unwrap();
    assert_eq!(read(&served, &file, 0, 9), (b"012345678".to_vec(), false));
    assert_eq!(read(&served, &file, 0, 10), (b"0123456789".to_vec(), true));
    assert_eq!(read(&served, &file, 5, 100), (b"56789".to_vec(), true));
    assert_eq!(read(&served, &file, 5, 0), (vec![], false));
    for offset in [10, 11, i64::MAX as u64, u64::MAX] {
        assert_eq!(read(&served, &file, offset, 10), (vec![], true));
    }
}

#[test]
fn cached_data_is_read_without_blocking() {
    let served = Served::new();
    let file = served.create(&root(), "a", 0o644).file;
    served
        .fs
        .write(&root(), &file, 0, &[7; 10_000], Stability::Unstable)
        .unwrap();
    let mut buffer = BytesMut::from(&b"x"[..]);
    match served
        .fs
        .read(&root(), &file, 0, &mut buffer, 20_000, Blocking::Never)
    {
        Ok(outcome) => {
            assert_eq!(
                outcome,
                ReadOutcome {
                    count: 10_000,
                    end_of_file: true
                }
            );
            assert_eq!(buffer.len(), 10_001);
        }
        // A disk that doesn't know RWF_NOWAIT.
        Err(error) => {
            assert_eq!(error, Error::WouldBlock);
            assert_eq!(&buffer[..], b"x");
        }
    }
}

#[test]
fn limits_of_offsets() {
    let served = Served::new();
    let file = served.create(&root(), "a", 0o644).file;
    let write = |offset| {
        served
            .fs
            .write(&root(), &file, offset, b"xy", Stability::Unstable)
    };
    assert_eq!(write(u64::MAX), Err(Error::Inval));
    assert_eq!(write(u64::MAX - 1), Err(Error::Inval));
    assert_eq!(write(u64::MAX - 2), Err(Error::FBig));
    assert_eq!(write(MAX_FILE_SIZE - 1), Err(Error::FBig));
    assert_eq!(write(MAX_FILE_SIZE), Err(Error::FBig));
    assert_eq!(served.attributes("a").size, 0);
    let size = |size| {
        let set = SetAttributes {
            size: Some(size),
            ..SetAttributes::default()
        };
        served.fs.set_attributes(&root(), file.node(), None, &set)
    };
    assert_eq!(size(MAX_FILE_SIZE + 1), Err(Error::FBig));
    assert_eq!(size(u64::MAX), Err(Error::FBig));
    let dir = served.mkdir(&root(), "d", 0o755);
    let set = SetAttributes {
        size: Some(0),
        ..SetAttributes::default()
    };
    assert_eq!(
        served.fs.set_attributes(&root(), &dir, None, &set),
        Err(Error::IsDir)
    );
}

#[test]
fn sparse_files_read_as_zeroes_and_occupy_little() {
    let served = Served::new();
    let file = served.create(&root(), "a", 0o644).file;
    served
        .fs
        .write(&root(), &file, 1 << 30, b"end", Stability::Unstable)
        .unwrap();
    let attributes = served.attributes("a");
    assert_eq!(attributes.size, (1 << 30) + 3);
    assert!(attributes.space_used < 1 << 20);
    assert_eq!(read(&served, &file, 4096, 3), (vec![0; 3], false));
    assert_eq!(read(&served, &file, 1 << 30, 10), (b"end".to_vec(), true));
}

#[test]
fn truncation_cuts_and_extends() {
    let served = Served::new();
    let file = served.create(&root(), "a", 0o644).file;
    served
        .fs
        .write(&root(), &file, 0, b"0123456789", Stability::Unstable)
        .unwrap();
    for (size, expected) in [(4, &b"0123"[..]), (6, b"0123\0\0"), (0, b"")] {
        let set = SetAttributes {
            size: Some(size),
            ..SetAttributes::default()
        };
        served
            .fs
            .set_attributes(&root(), file.node(), None, &set)
            .unwrap();
        assert_eq!(read(&served, &file, 0, 100), (expected.to_vec(), true));
    }
}

#[test]
fn permissions_are_judged_at_every_access_but_the_owner_keeps_his() {
    let served = Served::new();
    let made = served.create(&alice(), "a", 0o666);
    let mine = made.file;
    let theirs = served
        .fs
        .open_file(&bob(), &made.node, OpenMode::BOTH)
        .unwrap();
    let write = |who: &Identity, file: &File| {
        served
            .fs
            .write(who, file, 0, b"x", Stability::Unstable)
            .map(|_| ())
    };
    let read = |who: &Identity, file: &File| {
        let mut buffer = BytesMut::new();
        served
            .fs
            .read(who, file, 0, &mut buffer, 1, Blocking::Allowed)
            .map(|_| ())
    };
    assert_eq!(
        (write(&bob(), &theirs), read(&bob(), &theirs)),
        (Ok(()), Ok(()))
    );
    served
        .fs
        .set_attributes(&alice(), &made.node, None, &mode(0))
        .unwrap();
    assert_eq!(
        (write(&alice(), &mine), read(&alice(), &mine)),
        (Ok(()), Ok(()))
    );
    assert_eq!(write(&bob(), &theirs), Err(Error::Access));
    assert_eq!(read(&bob(), &theirs), Err(Error::Access));
    assert_eq!(
        (write(&root(), &theirs), read(&root(), &theirs)),
        (Ok(()), Ok(()))
    );
    served
        .fs
        .set_attributes(&alice(), &made.node, None, &mode(0o711))
        .unwrap();
    assert_eq!(read(&bob(), &theirs), Ok(()), "who may run may read");
    let truncate = SetAttributes {
        size: Some(0),
        ..SetAttributes::default()
    };
    served
        .fs
        .set_attributes(&alice(), &made.node, None, &mode(0o444))
        .unwrap();
    let set = |file| {
        served
            .fs
            .set_attributes(&alice(), &made.node, file, &truncate)
    };
    assert_eq!(set(None), Err(Error::Access));
    assert_eq!(set(Some(&mine)), Ok(()));
}

#[test]
fn stable_writes_and_commits_succeed_and_keep_the_verifier() {
    for durability in [Durability::Ordinary, Durability::Strict] {
        let served = Served::with(Options {
            durability,
            ..options()
        });
        let verifier = served.fs.write_verifier();
        let made = served.create(&root(), "a", 0o644);
        for stability in [
            Stability::Unstable,
            Stability::DataSync,
            Stability::FileSync,
        ] {
            assert_eq!(
                served.fs.write(&root(), &made.file, 0, b"abc", stability),
                Ok(3)
            );
        }
        served.fs.commit(&made.node).unwrap();
        drop(made.file);
        served.fs.commit(&made.node).unwrap();
        let dir = served.mkdir(&root(), "d", 0o755);
        served
            .fs
            .set_attributes(&root(), &dir, None, &mode(0o700))
            .unwrap();
        assert_eq!(served.fs.commit(&dir), Err(Error::IsDir));
        assert_eq!(served.fs.write_verifier(), verifier);
        let other = served.again(&options());
        assert_ne!(other.write_verifier(), verifier);
    }
}

#[test]
fn reading_moves_no_access_time() {
    let served = Served::new();
    let file = served.create(&root(), "a", 0o644).file;
    served
        .fs
        .write(&root(), &file, 0, b"abc", Stability::Unstable)
        .unwrap();
    let before = served.attributes("a");
    std::thread::sleep(std::time::Duration::from_millis(20));
    let again = served
        .fs
        .reopen_file(&Identity::root(), file.node(), OpenMode::READ)
        .unwrap();
    read(&served, &again, 0, 3);
    read(&served, &file, 0, 3);
    assert_eq!(served.attributes("a"), before);
}

#[test]
fn special_files_are_not_opened() {
    let served = Served::new();
    let fifo = served
        .fs
        .make_special(
            &root(),
            &served.root(),
            b"p",
            localefs_vfs::SpecialType::Fifo,
            &mode(0o666),
        )
        .unwrap()
        .node;
    for wanted in [OpenMode::READ, OpenMode::WRITE] {
        assert_eq!(
            served.fs.open_file(&root(), &fifo, wanted).unwrap_err(),
            Error::WrongType
        );
    }
}

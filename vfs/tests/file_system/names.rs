//! Names, targets of symbolic links, and how many of them there may be.

use localefs_vfs::{Create, Error, FileType, OpenMode, SetAttributes, SpecialType};

use crate::{Served, mode, root};

#[test]
fn every_byte_but_two_may_be_in_a_name() {
    let served = Served::new();
    let dir = served.mkdir(&root(), "dir", 0o755);
    let set = mode(0o644);
    let mut expected = Vec::new();
    for byte in 0..=255u8 {
        for name in [vec![byte], vec![b'x', byte], vec![byte, b'x']] {
            let made = served.fs.make_directory(&root(), &dir, &name, &set);
            if matches!(byte, 0 | b'/') || name == b"." {
                assert_eq!(made.unwrap_err(), Error::BadName, "{name:?}");
            } else if expected.contains(&name) {
                assert_eq!(made.unwrap_err(), Error::Exist);
            } else {
                made.unwrap();
                served.fs.lookup(&root(), &dir, &name).unwrap();
                expected.push(name);
            }
        }
    }
    let mut listed = served.list(&dir, 17);
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected);
}

#[test]
fn bad_names_are_refused_everywhere() {
    let served = Served::new();
    let top = served.root();
    let file = served.create(&root(), "a", 0o644).node;
    let fs = &served.fs;
    let set = SetAttributes::default();
    let long = [b'x'; 256];
    let cases: [(&[u8], Error); 5] = [
        (b"", Error::Inval),
        (b".", Error::BadName),
        (b"..", Error::BadName),
        (b"../a", Error::BadName),
        (&long, Error::NameTooLong),
    ];
    for (name, error) in cases {
        let create = Create::Unchecked(&set);
        let results = [
            fs.lookup(&root(), &top, name).map(|_| ()),
            fs.make_directory(&root(), &top, name, &set).map(|_| ()),
            fs.make_symlink(&root(), &top, name, b"t", &set).map(|_| ()),
            fs.make_special(&root(), &top, name, SpecialType::Fifo, &set)
                .map(|_| ()),
            fs.create_file(&root(), &top, name, create, OpenMode::READ)
                .map(|_| ()),
            fs.link(&root(), &file, &top, name).map(|_| ()),
            fs.remove(&root(), &top, name).map(|_| ()),
            fs.rename(&root(), &top, b"a", &top, name).map(|_| ()),
            fs.rename(&root(), &top, name, &top, b"b").map(|_| ()),
        ];
        assert!(
            results.iter().all(|result| *result == Err(error)),
            "{name:?} {results:?}"
        );
    }
    let longest = [b'x'; 255];
    fs.make_directory(&root(), &top, &longest, &set).unwrap();
    fs.remove(&root(), &top, &longest).unwrap();
}

#[test]
fn symbolic_links_hold_any_target_up_to_the_limit() {
    let served = Served::new();
    let top = served.root();
    let set = SetAttributes::default();
    for (name, target) in [("a", vec![b'x'; 4080]), ("b", b"\xff/\n../..".to_vec())] {
        let made = served
            .fs
            .make_symlink(&root(), &top, name.as_bytes(), &target, &set)
            .unwrap()
            .node;
        assert_eq!(served.fs.read_link(&made).unwrap(), target);
        let attributes = served.fs.attributes(&made).unwrap();
        assert_eq!(attributes.file_type, FileType::Symlink);
        assert_eq!(
            (attributes.size, attributes.space_used),
            (target.len() as u64, 4096)
        );
        assert_eq!(attributes.mode, 0o777);
    }
    let link = |target: &[u8]| served.fs.make_symlink(&root(), &top, b"c", target, &set);
    assert_eq!(link(&[b'x'; 4081]).unwrap_err(), Error::NameTooLong);
    assert_eq!(link(b"").unwrap_err(), Error::Inval);
    let file = served.create(&root(), "f", 0o644).node;
    assert_eq!(served.fs.read_link(&file), Err(Error::WrongType));
}

#[test]
fn a_file_has_at_most_177_names() {
    let served = Served::new();
    let node = served.create(&root(), "0", 0o644).node;
    let top = served.root();
    for name in 1..177 {
        served
            .fs
            .link(&root(), &node, &top, name.to_string().as_bytes())
            .unwrap();
    }
    assert_eq!(served.fs.attributes(&node).unwrap().links, 177);
    assert_eq!(
        served.fs.link(&root(), &node, &top, b"177"),
        Err(Error::MLink)
    );
    served.fs.remove(&root(), &top, b"0").unwrap();
    served.fs.link(&root(), &node, &top, b"177").unwrap();
}

#[test]
fn a_directory_has_one_name() {
    let served = Served::new();
    let dir = served.mkdir(&root(), "dir", 0o755);
    assert_eq!(
        served.fs.link(&root(), &dir, &served.root(), b"x"),
        Err(Error::IsDir)
    );
}

#[test]
fn sizes_of_new_objects_are_those_of_efs() {
    let served = Served::new();
    served.create(&root(), "f", 0o644);
    served.mkdir(&root(), "d", 0o755);
    let sizes = |name| {
        let attributes = served.attributes(name);
        (attributes.size, attributes.space_used)
    };
    assert_eq!(sizes("f"), (0, 4096));
    assert_eq!(sizes("d"), (6144, 4096));
    assert_eq!(served.attributes("d").links, 2);
    for (name, special) in [("p", SpecialType::Fifo), ("s", SpecialType::Socket)] {
        let top = served.root();
        served
            .fs
            .make_special(&root(), &top, name.as_bytes(), special, &mode(0o620))
            .unwrap();
        assert_eq!(sizes(name), (0, 4096));
        assert_eq!(served.attributes(name).mode, 0o620);
    }
}

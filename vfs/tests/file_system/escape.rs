//! Nothing leads out of the served directory.

use std::os::unix::fs::symlink;

use localefs_vfs::{Create, Error, FileType, Identity, OpenMode, SetAttributes, Stability};

use crate::{Served, mode, root};

#[test]
fn symbolic_links_are_never_followed() {
    let served = Served::new();
    std::fs::write(served.outside("secret"), "secret").unwrap();
    symlink(served.outside("secret"), served.host("file")).unwrap();
    symlink(served.outside(""), served.host("dir")).unwrap();
    symlink("/proc/self/fd/0", served.host("magic")).unwrap();
    let fs = &served.fs;
    let set = mode(0o777);
    for name in ["file", "dir", "magic"] {
        let node = served.lookup(&root(), name).unwrap();
        assert_eq!(node.file_type(), FileType::Symlink);
        assert_eq!(
            fs.open_file(&root(), &node, OpenMode::READ).unwrap_err(),
            Error::Symlink
        );
        assert_eq!(
            fs.reopen_file(&Identity::root(), &node, OpenMode::READ)
                .unwrap_err(),
            Error::Symlink
        );
        assert_eq!(
            fs.lookup(&root(), &node, b"secret").unwrap_err(),
            Error::Symlink
        );
        assert_eq!(fs.parent(&root(), &node).unwrap_err(), Error::Symlink);
        let list = fs.read_directory(&root(), &node, 0, &mut |_| panic!("an entry"));
        assert_eq!(list, Err(Error::Symlink));
        assert_eq!(
            fs.make_directory(&root(), &node, b"x", &set).unwrap_err(),
            Error::Symlink
        );
        assert_eq!(
            fs.set_attributes(&root(), &node, None, &set),
            Err(Error::NotSupp)
        );
        let truncate = SetAttributes {
            size: Some(0),
            ..SetAttributes::default()
        };
        assert_eq!(
            fs.set_attributes(&root(), &node, None, &truncate),
            Err(Error::Inval)
        );
        let own = SetAttributes {
            uid: Some(5),
            ..SetAttributes::default()
        };
        fs.set_attributes(&root(), &node, None, &own).unwrap();
        let create = Create::Unchecked(&truncate);
        let opened = fs.create_file(
            &root(),
            &served.root(),
            name.as_bytes(),
            create,
            OpenMode::BOTH,
        );
        assert_eq!(opened.unwrap_err(), Error::Symlink);
    }
    assert_eq!(std::fs::read(served.outside("secret")).unwrap(), b"secret");
    let owner = |path| std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(path).unwrap());
    assert_eq!(
        owner(served.outside("secret")),
        owner(served.outside("")),
        "not given away"
    );
    fs.remove(&root(), &served.root(), b"dir").unwrap();
    assert!(served.outside("secret").exists());
}

#[test]
fn what_the_host_replaces_is_not_followed_either() {
    let served = Served::new();
    std::fs::write(served.outside("secret"), "secret").unwrap();
    let created = served.create(&root(), "a", 0o644);
    let dir = served.mkdir(&root(), "dir", 0o755);
    std::fs::remove_file(served.host("a")).unwrap();
    symlink(served.outside("secret"), served.host("a")).unwrap();
    std::fs::remove_dir(served.host("dir")).unwrap();
    symlink(served.outside(""), served.host("dir")).unwrap();
    served
        .fs
        .write(&root(), &created.file, 0, b"mine", Stability::Unstable)
        .unwrap();
    let again = served
        .fs
        .reopen_file(&Identity::root(), &created.node, OpenMode::BOTH)
        .unwrap();
    served
        .fs
        .write(&root(), &again, 0, b"mine", Stability::Unstable)
        .unwrap();
    assert_eq!(std::fs::read(served.outside("secret")).unwrap(), b"secret");
    assert_eq!(
        served.lookup(&root(), "a").unwrap().file_type(),
        FileType::Symlink
    );
    assert_eq!(
        served.fs.lookup(&root(), &dir, b"secret").unwrap_err(),
        Error::NoEnt
    );
    let made = served
        .fs
        .make_directory(&root(), &dir, b"new", &mode(0o755));
    assert!(made.is_err(), "in a directory that is gone");
    assert!(!served.outside("new").exists());
}

#[test]
fn above_the_root_is_nothing() {
    let served = Served::new();
    let top = served.root();
    assert_eq!(served.fs.parent(&root(), &top).unwrap_err(), Error::NoEnt);
    let dir = served.mkdir(&root(), "dir", 0o755);
    let inner = served
        .fs
        .make_directory(&root(), &dir, b"inner", &mode(0o755))
        .unwrap()
        .node;
    assert_eq!(served.fs.parent(&root(), &dir).unwrap(), top);
    assert_eq!(served.fs.parent(&root(), &inner).unwrap(), dir);
    std::fs::rename(served.host("dir"), served.outside("dir")).unwrap();
    assert_eq!(served.fs.parent(&root(), &dir).unwrap_err(), Error::NoEnt);
    assert_eq!(served.fs.parent(&root(), &inner).unwrap_err(), Error::NoEnt);
}

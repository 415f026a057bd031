//! Where objects are.

use crate::{Served, mode, root};

fn path(served: &Served, name: &str) -> Option<String> {
    let node = served.lookup(&root(), name).unwrap();
    let path = served.fs.path(&node);
    path.map(|path| String::from_utf8(path).unwrap())
}

#[test]
fn a_path_is_known_of_what_has_a_name() {
    let mut served = Served::new();
    let top = served.root();
    assert_eq!(served.fs.path(&top).as_deref(), Some(&b"/"[..]));
    let file = served.create(&root(), "new", 0o644);
    let directory = served.mkdir(&root(), "dir", 0o755);
    let made = served
        .fs
        .make_directory(&root(), &directory, b"below", &mode(0o755));
    let below = made.unwrap().node;
    let link = served
        .fs
        .make_symlink(&root(), &below, b"link", b"/nowhere", &mode(0o777))
        .unwrap()
        .node;
    let known = |node| served.fs.path(node);
    assert_eq!(known(&file.node).as_deref(), Some(&b"/new"[..]));
    assert_eq!(known(&below).as_deref(), Some(&b"/dir/below"[..]));
    assert_eq!(known(&link).as_deref(), Some(&b"/dir/below/link"[..]));
    // It follows renames, of the object and of what it is in.
    served
        .fs
        .rename(&root(), &top, b"new", &below, b"moved")
        .unwrap();
    served
        .fs
        .rename(&root(), &top, b"dir", &top, b"other")
        .unwrap();
    let moved = known(&file.node);
    assert_eq!(moved.as_deref(), Some(&b"/other/below/moved"[..]));
    // One of two names, whichever is left.
    served.fs.link(&root(), &file.node, &top, b"also").unwrap();
    let either = known(&file.node).unwrap();
    assert!([&b"/also"[..], b"/other/below/moved"].contains(&&either[..]));
    served.fs.remove(&root(), &below, b"moved").unwrap();
    assert_eq!(known(&file.node).as_deref(), Some(&b"/also"[..]));
    served.fs.remove(&root(), &top, b"also").unwrap();
    assert_eq!(known(&file.node), None);
    drop((file, directory, below, link, top));
    served.reopen();
    assert_eq!(path(&served, "other").as_deref(), Some("/other"));
}

#[test]
fn what_was_found_by_its_handle_has_a_path_once_it_was_looked_up() {
    let mut served = Served::new();
    let handle = served.create(&root(), "file", 0o644).node.handle().to_vec();
    served.reopen();
    let node = served.resolve(&handle).unwrap();
    assert_eq!(path(&served, "file").as_deref(), Some("/file"));
    assert_eq!(served.fs.path(&node).as_deref(), Some(&b"/file"[..]));
}

//! Open files with hardly any descriptors, against a model that has them all.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::sync::{Arc, Barrier};

use bytes::BytesMut;
use localefs_vfs::{
    Blocking, Create, Error, File, NodeKey, OpenMode, Options, SetAttributes, Stability,
};
use proptest::prelude::*;

use crate::{Served, alice, mode, options, root};

const NAMES: usize = 6;

#[derive(Clone, Debug)]
enum Step {
    Create(usize),
    Open(usize, bool),
    Close(usize),
    Write(usize, u8, u8, Stability),
    Read(usize),
    Truncate(usize, u8),
    Chmod(usize, u32),
    Link(usize, usize),
    Rename(usize, usize),
    Remove(usize),
    Commit(usize),
    Look(usize),
    List,
}

fn step() -> impl Strategy<Value = Step> {
    let name = || 0..NAMES;
    let stability = prop_oneof![
        4 => Just(Stability::Unstable),
        1 => Just(Stability::DataSync),
        1 => Just(Stability::FileSync),
    ];
    prop_oneof![
        3 => name().prop_map(Step::Create),
        3 => (name(), any::<bool>()).prop_map(|(name, write)| Step::Open(name, write)),
        2 => any::<usize>().prop_map(Step::Close),
        6 => (any::<usize>(), any::<u8>(), any::<u8>(), stability)
            .prop_map(|(open, offset, byte, stability)| Step::Write(open, offset, byte, stability)),
        6 => any::<usize>().prop_map(Step::Read),
        1 => (any::<usize>(), any::<u8>()).prop_map(|(open, size)| Step::Truncate(open, size)),
        1 => (name(), 0..0o1000u32).prop_map(|(name, mode)| Step::Chmod(name, mode)),
        1 => (name(), name()).prop_map(|(from, to)| Step::Link(from, to)),
        2 => (name(), name()).prop_map(|(from, to)| Step::Rename(from, to)),
        2 => name().prop_map(Step::Remove),
        1 => any::<usize>().prop_map(Step::Commit),
        2 => name().prop_map(Step::Look),
        1 => Just(Step::List),
    ]
}

/// What there has to be: contents by object, names, opens.
#[derive(Default)]
struct Model {
    contents: HashMap<NodeKey, Vec<u8>>,
    names: HashMap<usize, NodeKey>,
    opens: Vec<Arc<File>>,
}

impl Model {
    fn open(&self, number: usize) -> Option<&Arc<File>> {
        self.opens.get(number.checked_rem(self.opens.len())?)
    }

    fn content(&mut self, file: &File) -> &mut Vec<u8> {
        self.contents.get_mut(&file.node().key()).unwrap()
    }

    fn links(&self, key: NodeKey) -> usize {
        self.names.values().filter(|other| **other == key).count()
    }

    fn is_open(&self, key: NodeKey) -> bool {
        self.opens.iter().any(|file| file.node().key() == key)
    }

    /// Open objects without a name.
    fn nameless(&self) -> usize {
        let mut keys: Vec<_> = self.opens.iter().map(|file| file.node().key()).collect();
        keys.sort();
        keys.dedup();
        keys.iter().filter(|key| self.links(**key) == 0).count()
    }
}

fn name_of(name: usize) -> Vec<u8> {
    format!("n{name}").into_bytes()
}

fn run(served: &Served, model: &mut Model, step: &Step) {
    let (fs, who, top) = (&served.fs, root(), served.root());
    match *step {
        Step::Create(name) => {
            let set = mode(0o600);
            let create = Create::Guarded(&set);
            let made = fs.create_file(&who, &top, &name_of(name), create, OpenMode::BOTH);
            if model.names.contains_key(&name) {
                assert_eq!(made.unwrap_err(), Error::Exist);
            } else {
                let made = made.unwrap();
                let key = made.node.key();
                assert!(model.contents.insert(key, Vec::new()).is_none());
                model.names.insert(name, key);
                model.opens.push(Arc::new(made.file));
            }
        }
        Step::Open(name, write) => {
            if let Some(key) = model.names.get(&name) {
                let node = fs.lookup(&who, &top, &name_of(name)).unwrap();
                assert_eq!(node.key(), *key);
                let wanted = OpenMode { read: true, write };
                let file = fs.open_file(&who, &node, wanted).unwrap();
                model.opens.push(Arc::new(file));
            }
        }
        Step::Close(open) => {
            if !model.opens.is_empty() {
                let open = open % model.opens.len();
                model.opens.swap_remove(open);
            }
        }
        Step::Write(open, offset, byte, stability) => {
            let Some(file) = model.open(open).cloned() else {
                return;
            };
            let written = fs.write(&who, &file, offset.into(), &[byte; 3], stability);
            if file.mode().write {
                assert_eq!(written, Ok(3));
                let (content, offset) = (model.content(&file), usize::from(offset));
                content.resize(content.len().max(offset + 3), 0);
                content[offset..offset + 3].fill(byte);
            } else {
                assert_eq!(written, Err(Error::Access));
            }
        }
        Step::Read(open) => {
            let Some(file) = model.open(open).cloned() else {
                return;
            };
            let mut buffer = BytesMut::new();
            fs.read(&who, &file, 0, &mut buffer, 1000, Blocking::Allowed)
                .unwrap();
            assert_eq!(buffer[..], model.content(&file)[..]);
            let links = model.links(file.node().key());
            let attributes = fs.attributes(file.node()).unwrap();
            assert_eq!(attributes.links as usize, links);
        }
        Step::Truncate(open, size) => {
            let Some(file) = model.open(open).cloned() else {
                return;
            };
            let set = SetAttributes {
                size: Some(size.into()),
                ..SetAttributes::default()
            };
            fs.set_attributes(&who, file.node(), Some(&file), &set)
                .unwrap();
            model.content(&file).resize(size.into(), 0);
        }
        Step::Chmod(name, bits) => {
            if model.names.contains_key(&name) {
                let node = fs.lookup(&who, &top, &name_of(name)).unwrap();
                fs.set_attributes(&who, &node, None, &mode(bits)).unwrap();
                assert_eq!(fs.attributes(&node).unwrap().mode, bits);
            }
        }
        Step::Link(from, to) => {
            if let Some(key) = model.names.get(&from).copied()
                && !model.names.contains_key(&to)
            {
                let node = fs.lookup(&who, &top, &name_of(from)).unwrap();
                fs.link(&who, &node, &top, &name_of(to)).unwrap();
                model.names.insert(to, key);
            }
        }
        Step::Rename(from, to) => {
            let renamed = fs.rename(&who, &top, &name_of(from), &top, &name_of(to));
            let Some(key) = model.names.get(&from).copied() else {
                assert_eq!(renamed.unwrap_err(), Error::NoEnt);
                return;
            };
            let target = model.names.get(&to).copied();
            // Two names of one object stay.
            if target == Some(key) {
                renamed.unwrap();
                return;
            }
            let last = target.is_some_and(|t| model.links(t) == 1 && model.is_open(t));
            if last && model.nameless() > 0 {
                assert_eq!(renamed.unwrap_err(), Error::TooManyFiles);
                return;
            }
            renamed.unwrap();
            model.names.remove(&from);
            model.names.insert(to, key);
        }
        Step::Remove(name) => {
            let removed = fs.remove(&who, &top, &name_of(name));
            let Some(key) = model.names.get(&name).copied() else {
                assert_eq!(removed.unwrap_err(), Error::NoEnt);
                return;
            };
            if model.links(key) == 1 && model.is_open(key) && model.nameless() > 0 {
                assert_eq!(removed.unwrap_err(), Error::TooManyFiles);
                return;
            }
            removed.unwrap();
            model.names.remove(&name);
        }
        Step::Commit(open) => {
            if let Some(file) = model.open(open) {
                fs.commit(file.node()).unwrap();
            }
        }
        Step::Look(name) => match fs.lookup(&who, &top, &name_of(name)) {
            Ok(node) => {
                assert_eq!(Some(&node.key()), model.names.get(&name));
                let size = model.contents[&node.key()].len() as u64;
                assert_eq!(fs.attributes(&node).unwrap().size, size);
                assert_eq!(served.resolve(&node.handle()).unwrap(), node);
            }
            Err(error) => {
                assert_eq!((error, model.names.get(&name)), (Error::NoEnt, None));
            }
        },
        Step::List => {
            let mut names = served.list(&top, 2);
            names.sort();
            let mut wanted: Vec<_> = model.names.keys().map(|name| name_of(*name)).collect();
            wanted.sort();
            assert_eq!(names, wanted);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// A single object without a name may be open with four descriptors.
    #[test]
    fn four_descriptors_do_for_everything(steps in prop::collection::vec(step(), 1..120)) {
        let served = Served::with(Options { descriptors: 4, ..options() });
        let mut model = Model::default();
        for step in &steps {
            run(&served, &mut model, step);
        }
        for open in 0..model.opens.len() {
            run(&served, &mut model, &Step::Read(open));
        }
    }
}

/// As many threads as like to, on as many files, all open.
#[test]
fn threads_share_four_descriptors() {
    let served = Served::with(Options {
        descriptors: 4,
        ..options()
    });
    let files: Vec<_> = (0..12)
        .map(|n| served.create(&root(), &format!("f{n}"), 0o600).file)
        .collect();
    std::thread::scope(|scope| {
        for thread in 0..4u8 {
            let (served, files) = (&served, &files);
            scope.spawn(move || {
                for round in 0..200u8 {
                    let file = &files[(usize::from(round) * 7 + usize::from(thread)) % files.len()];
                    let offset = u64::from(thread) * 8;
                    let data = [thread, round, 1, 2];
                    let stability = if round % 16 == 0 {
                        Stability::DataSync
                    } else {
                        Stability::Unstable
                    };
                    served
                        .fs
                        .write(&root(), file, offset, &data, stability)
                        .unwrap();
                    let mut buffer = BytesMut::new();
                    let (fs, who) = (&served.fs, root());
                    fs.read(&who, file, offset, &mut buffer, 4, Blocking::Allowed)
                        .unwrap();
                    assert_eq!(buffer[..], data);
                }
            });
        }
    });
}

/// The owner keeps what he has open, whatever the mode is by now.
#[test]
fn mode_000_keeps_no_owner_from_opening_again() {
    let served = Served::with(Options {
        descriptors: 4,
        ..options()
    });
    let file = served.create(&alice(), "mine", 0o600).file;
    served
        .fs
        .set_attributes(&alice(), file.node(), None, &mode(0))
        .unwrap();
    let others: Vec<_> = (0..8)
        .map(|n| served.create(&root(), &format!("f{n}"), 0o600).file)
        .collect();
    let write = |data: &[u8]| {
        served
            .fs
            .write(&alice(), &file, 0, data, Stability::Unstable)
    };
    assert_eq!(write(b"still"), Ok(5));
    drop(others);
    assert_eq!(
        served
            .fs
            .open_file(&alice(), file.node(), OpenMode::READ)
            .unwrap_err(),
        Error::Access
    );
}

/// A file that is opened while another client removes it can be used until it is closed, and then
/// its space is free.
#[test]
fn what_is_removed_while_it_is_opened_is_kept_and_then_let_go() {
    const DESCRIPTORS: usize = 128;
    let served = Served::with(Options {
        descriptors: DESCRIPTORS,
        ..options()
    });
    let others: Vec<_> = (0..2 * DESCRIPTORS)
        .map(|number| served.create(&root(), &format!("other{number}"), 0o644))
        .collect();
    for some in 0..20 {
        let opened: Vec<_> = (0..20)
            .filter_map(|number| {
                open_while_removed(&served, &format!("removed{some}-{number}"), number)
            })
            .collect();
        // No descriptor stays but those which must.
        for other in &others {
            assert!(read(&served, &other.file).is_empty());
        }
        for (name, file) in &opened {
            assert_eq!(&read(&served, file)[..], name.as_bytes(), "{name}");
        }
    }
    let place = served.host("removed");
    let place = place.as_os_str().as_bytes();
    let held = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter(|path| path.as_os_str().as_bytes().starts_with(place))
        .collect::<Vec<_>>();
    assert!(held.is_empty(), "{held:?}");
}

/// A file of the host's that was opened, if that was before another client had removed it.
fn open_while_removed(served: &Served, name: &str, lead: usize) -> Option<(String, File)> {
    std::fs::write(served.host(name), name).unwrap();
    let begun = Barrier::new(2);
    let opened = std::thread::scope(|scope| {
        let opening = scope.spawn(|| {
            begun.wait();
            let node = served.lookup(&root(), name)?;
            served.fs.open_file(&root(), &node, OpenMode::READ)
        });
        begun.wait();
        // Else the same one would always be first.
        for _ in 0..200 * lead {
            std::hint::spin_loop();
        }
        let removed = served.fs.remove(&root(), &served.root(), name.as_bytes());
        removed.unwrap();
        opening.join().unwrap()
    });
    match opened {
        Ok(file) => Some((name.to_owned(), file)),
        Err(Error::NoEnt | Error::Stale) => None,
        Err(error) => panic!("{name}: {error:?}"),
    }
}

fn read(served: &Served, file: &File) -> BytesMut {
    let mut data = BytesMut::new();
    served
        .fs
        .read(&root(), file, 0, &mut data, 100, Blocking::Allowed)
        .unwrap();
    data
}

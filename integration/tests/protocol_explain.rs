//! `localefs explain` about files, and what real operations meet.

use std::collections::BTreeMap;

use localefs::LocalEfs;
use localefs::admin::{self, Explanation, FileOperation, Question};
use localefs_integration::client::names::*;
use localefs_integration::client::{ClientOptions, Credential, Open, Session};
use localefs_protocol::nfs4::{Attributes, Nfsstat4, Stateid4};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use tokio::runtime::Runtime;

const QUESTIONS: usize = 600;

struct Bench {
    runtime: Runtime,
    server: LocalEfs,
    mount_target: String,
    session: Session,
}

impl Bench {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let server = runtime.block_on(LocalEfs::builder().start()).unwrap();
        let status = runtime.block_on(admin::status(server.data())).unwrap();
        let mount_target = status.file_systems[0].mount_targets[0].id.clone();
        let address = server.nfs_addresses()[0];
        let session = Session::establish(address, &ClientOptions::new("explain")).unwrap();
        Self {
            runtime,
            server,
            mount_target,
            session,
        }
    }

    fn explain(&self, question: &Question) -> Explanation {
        let asked = admin::explain(self.server.data(), question);
        self.runtime.block_on(asked).unwrap()
    }

    fn own(&mut self, object: &[u8], (uid, gid, mode): (u32, u32, u32)) {
        let (uid, gid) = (uid.to_string(), gid.to_string());
        let set = Attributes {
            mode: Some(mode),
            owner: Some(uid.as_bytes().into()),
            owner_group: Some(gid.as_bytes().into()),
            ..Attributes::default()
        };
        let compound = self.session.compound().putfh(object);
        compound.setattr(Stateid4::ANONYMOUS, &set).ok();
    }
}

/// One operation for real: up to the parent by LOOKUP, then what is asked for.
fn really(
    session: &mut Session,
    who: &Credential,
    operation: FileOperation,
    directories: [&str; 2],
    name: &str,
    before: (u32, u32, u32),
) -> Nfsstat4 {
    let root = session.root();
    let way = session.compound().credential(who.clone()).putfh(&root);
    let way = way.lookup(directories[0]).lookup(directories[1]);
    let (uid, _, mode) = before;
    let caller = match who {
        Credential::Sys { gid, .. } => gid.to_string(),
        _ => unreachable!(),
    };
    let other = u32::from(uid == 0).to_string();
    let compound = match operation {
        FileOperation::Read => way.open(&Open::read(name)),
        FileOperation::Write => way.open(&Open::write(name)),
        FileOperation::Create => way.open(&Open::write("new").guarded()),
        FileOperation::Delete => way.remove(name),
        FileOperation::Execute => way.lookup(name).access(0x20),
        FileOperation::List => way.access(0x01),
        FileOperation::Chmod => way.lookup(name).setattr(
            Stateid4::ANONYMOUS,
            &Attributes {
                mode: Some(mode),
                ..Attributes::default()
            },
        ),
        FileOperation::Chown => way.lookup(name).setattr(
            Stateid4::ANONYMOUS,
            &Attributes {
                owner: Some(other.as_bytes().into()),
                ..Attributes::default()
            },
        ),
        FileOperation::Chgrp => way.lookup(name).setattr(
            Stateid4::ANONYMOUS,
            &Attributes {
                owner_group: Some(caller.as_bytes().into()),
                ..Attributes::default()
            },
        ),
    };
    let reply = compound.send();
    let asks = matches!(operation, FileOperation::Execute | FileOperation::List);
    if asks && reply.status() == NFS4_OK && reply.access().access.0 == 0 {
        return NFS4ERR_ACCESS;
    }
    reply.status()
}

#[test]
fn what_it_says_of_files_is_what_operations_meet() {
    let mut bench = Bench::new();
    let mut random = StdRng::seed_from_u64(6);
    let mut seen: BTreeMap<(String, bool), usize> = BTreeMap::new();
    let root = bench.session.root();
    for number in 0..QUESTIONS {
        let names = [format!("a{number}"), "b".to_owned()];
        let outer = bench.session.make_directory(&root, &names[0]);
        let inner = bench.session.make_directory(&outer, &names[1]);
        let file = bench.session.make_file(&inner, "f", b"x");
        let mut owner = |modes: &[u32]| {
            let ids = [0, 1, 2, 10];
            let mode = *modes.choose(&mut random).unwrap();
            (
                *ids.choose(&mut random).unwrap(),
                *ids.choose(&mut random).unwrap(),
                mode,
            )
        };
        let of_file = owner(&[0o644, 0o600, 0o060, 0o006, 0o755, 0o711, 0o000, 0o777]);
        let of_inner = owner(&[0o755, 0o700, 0o770, 0o1777, 0o1777, 0o311, 0o777, 0o733]);
        let of_outer = owner(&[0o755, 0o755, 0o711, 0o750, 0o700]);
        bench.own(&file, of_file);
        bench.own(&inner, of_inner);
        bench.own(&outer, of_outer);
        let uid = *[0, 1, 1, 2, 2, 3].choose(&mut random).unwrap();
        let gid = *[1, 2, 10].choose(&mut random).unwrap();
        let groups: Vec<u32> = [10, 20].into_iter().filter(|_| random.random()).collect();
        let operation = *[
            FileOperation::Read,
            FileOperation::Write,
            FileOperation::Create,
            FileOperation::Delete,
            FileOperation::Execute,
            FileOperation::List,
            FileOperation::Chmod,
            FileOperation::Chown,
            FileOperation::Chgrp,
        ]
        .choose(&mut random)
        .unwrap();
        let path = match operation {
            FileOperation::Create => format!("/{}/b/new", names[0]),
            FileOperation::List => format!("/{}/b", names[0]),
            _ => format!("/{}/b/f", names[0]),
        };
        let question = Question {
            mount_target: Some(bench.mount_target.clone()),
            uid: Some(uid),
            gid: Some(gid),
            groups: groups.clone(),
            op: Some(operation),
            path: Some(path),
            ..Question::default()
        };
        let said = bench.explain(&question);
        assert!(said.layers.iter().all(|said| !said.because.is_empty()));
        let decided = said.layers.iter().filter(|said| !said.allowed).count();
        assert_eq!(decided, usize::from(!said.allowed), "{said:?}");
        let who = Credential::Sys {
            uid,
            gid,
            gids: groups,
        };
        let directories = [names[0].as_str(), "b"];
        let status = really(
            &mut bench.session,
            &who,
            operation,
            directories,
            "f",
            of_file,
        );
        let expected = [NFS4_OK, NFS4ERR_ACCESS, NFS4ERR_PERM];
        assert!(expected.contains(&status), "{status:?}: {question:?}");
        let allowed = status == NFS4_OK;
        let what = format!("{status:?} for {question:?} on {of_outer:?} {of_inner:?} {of_file:?}");
        assert_eq!(said.allowed, allowed, "{what}: {said:#?}");
        *seen.entry((format!("{operation:?}"), allowed)).or_default() += 1;
    }
    assert_eq!(seen.len(), 18, "{seen:?}");
    assert!(seen.values().all(|count| *count >= 5), "{seen:?}");
}

#[test]
fn each_layer_is_told_with_what_decides_in_it() {
    let bench = Bench::new();
    let about = |client: &str| Question {
        client: Some(client.parse().unwrap()),
        mount_target: Some(bench.mount_target.clone()),
        ..Question::default()
    };
    let open = bench.explain(&about("172.31.16.5"));
    assert!(open.allowed, "{open:?}");
    assert_eq!(open.layers.len(), 7);
    let last = &open.layers[6];
    assert!(last.because.contains("0.0.0.0/0"), "{last:?}");
    let public = bench.explain(&about("8.8.8.8"));
    assert!(!public.allowed);
    assert_eq!(public.layers[0].layer, "VPC isolation");

    let api = |principal: &str| Question {
        principal: Some(principal.to_owned()),
        api: Some("efs:DeleteFileSystem".to_owned()),
        resource: Some("fs-0123456789abcdef0".to_owned()),
        ..Question::default()
    };
    let root = bench.explain(&api("root"));
    assert!(root.allowed, "{root:?}");
    for nonsense in [
        api("nobody"),
        Question::default(),
        Question {
            mount_target: None,
            ..about("8.8.8.8")
        },
    ] {
        let asked = admin::explain(bench.server.data(), &nonsense);
        let refused = bench.runtime.block_on(asked).unwrap_err();
        assert!(
            matches!(refused, admin::ClientError::Refused { .. }),
            "{refused}"
        );
    }
}

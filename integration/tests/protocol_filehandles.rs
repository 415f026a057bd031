//! Filehandles: PUTFH, PUTROOTFH, PUTPUBFH, GETFH, SAVEFH, RESTOREFH, SECINFO, and operations
//! without one (RFC 8881 §4, §18.8, §18.19 to §18.21, §18.27 to §18.29, §18.45).

use localefs_integration::client::names::*;
use localefs_integration::client::{ClientOptions, Session};
use localefs_integration::client::{Open, SharedServer, TestServer, TestServerOptions, samples};
use localefs_protocol::nfs4::ops::{Createtype4, Secinfo4, SecinfoStyle4};
use localefs_protocol::nfs4::{Attributes, OpInfo, Stateid4};
use localefs_protocol::rpc::AuthFlavor;

static SERVER: SharedServer = SharedServer::new();

#[test]
fn root_and_public_are_one() {
    let mut fixture = SERVER.fixture("root");
    let root = fixture.session.root();
    assert!((1..=128).contains(&root.len()));
    let public = fixture.session.compound().putpubfh().getfh().ok().handle();
    assert_eq!(root, public);
    let reply = fixture
        .session
        .compound()
        .putrootfh()
        .getattr(&[FATTR4_TYPE, FATTR4_FILEHANDLE]);
    assert_eq!(reply.ok().attributes().filehandle.unwrap().as_slice(), root);
}

#[test]
fn handles_are_the_same_for_everybody_and_on_every_way() {
    let mut fixture = SERVER.fixture("same");
    let file = fixture.file("f", b"x");
    let looked_up = fixture.here().lookup("f").getfh().ok().handle();
    assert_eq!(file, looked_up);
    let name = fixture.name.clone();
    let by_path = fixture
        .session
        .compound()
        .putrootfh()
        .lookup(&name)
        .lookup("f")
        .getfh()
        .ok();
    assert_eq!(by_path.handle(), file);
    let mut other = fixture.another_client();
    assert_eq!(other.compound().putfh(&file).getfh().ok().handle(), file);
    let reply = other
        .compound()
        .putrootfh()
        .lookup(&name)
        .lookup("f")
        .getfh()
        .ok();
    assert_eq!(reply.handle(), file);
    let up = fixture.here().lookupp().getfh().ok().handle();
    assert_eq!(up, fixture.session.root());
}

#[test]
fn a_handle_outlives_names() {
    let mut fixture = SERVER.fixture("outlives");
    let file = fixture.file("a", b"content");
    fixture.here().savefh().rename("a", "b").ok();
    assert_eq!(fixture.here().lookup("b").getfh().ok().handle(), file);
    fixture
        .session
        .compound()
        .putfh(&file)
        .savefh()
        .putfh(&fixture.directory)
        .link("c")
        .ok();
    assert_eq!(fixture.here().lookup("c").getfh().ok().handle(), file);
    fixture.here().remove("b").ok();
    fixture
        .session
        .compound()
        .putfh(&file)
        .getattr(&[FATTR4_NUMLINKS])
        .ok();
    let subdirectory = fixture.subdirectory("d");
    let inner = fixture.session.make_directory(&subdirectory, "inner");
    fixture.here().savefh().rename("d", "e").ok();
    fixture
        .session
        .compound()
        .putfh(&inner)
        .getattr(&[FATTR4_TYPE])
        .ok();
}

#[test]
fn what_is_removed_is_stale() {
    let mut fixture = SERVER.fixture("stale");
    let file = fixture.file("f", b"");
    let directory = fixture.subdirectory("d");
    let link = fixture.symlink("target", "l");
    fixture
        .here()
        .create(Createtype4::Fifo, "p", &Attributes::default())
        .ok();
    let fifo = fixture.here().lookup("p").getfh().ok().handle();
    for (name, handle) in [("f", file), ("d", directory), ("l", link), ("p", fifo)] {
        fixture
            .session
            .compound()
            .putfh(&handle)
            .getattr(&[FATTR4_TYPE])
            .ok();
        fixture.here().remove(name).ok();
        // PUTFH may look or leave that to the next operation; Linux sends both together.
        let reply = fixture
            .session
            .compound()
            .putfh(&handle)
            .getattr(&[FATTR4_TYPE])
            .send();
        assert_eq!(reply.status(), NFS4ERR_STALE, "{name}");
    }
}

#[test]
fn a_new_object_under_an_old_name_is_another() {
    let mut fixture = SERVER.fixture("another");
    let mut seen = Vec::new();
    for round in 0..20 {
        let handle = fixture.file("f", b"");
        assert!(!seen.contains(&handle), "round {round}");
        seen.push(handle);
        fixture.here().remove("f").ok();
    }
    for handle in seen {
        let reply = fixture
            .session
            .compound()
            .putfh(&handle)
            .getattr(&[FATTR4_TYPE])
            .send();
        assert_eq!(reply.status(), NFS4ERR_STALE);
    }
}

#[test]
fn forged_handles_are_bad() {
    let mut fixture = SERVER.fixture("forged");
    let good = fixture.file("f", b"");
    let mut forged: Vec<Vec<u8>> = vec![
        vec![],
        vec![0],
        vec![0; good.len()],
        vec![0xff; 128],
        good[..good.len() - 1].to_vec(),
        [&good[..], &[0]].concat(),
    ];
    for index in 0..good.len() {
        for bit in [0x01, 0x80] {
            let mut handle = good.clone();
            handle[index] ^= bit;
            forged.push(handle);
        }
    }
    for handle in forged {
        fixture
            .session
            .compound()
            .putfh(&handle)
            .expect(NFS4ERR_BADHANDLE);
    }
    // Longer than any can be.
    fixture
        .session
        .compound()
        .putfh(&[1; 129])
        .expect(NFS4ERR_BADXDR);
    fixture.session.compound().putfh(&good).ok();
}

#[test]
fn handles_of_another_file_system_are_bad() {
    let mut fixture = SERVER.fixture("foreign");
    let other = TestServer::start(TestServerOptions::default()).unwrap();
    let mut there = Session::establish(other.address(), &ClientOptions::new("foreign")).unwrap();
    let root = there.root();
    let file = there.make_file(&root, "f", b"");
    for handle in [root, file] {
        fixture
            .session
            .compound()
            .putfh(&handle)
            .expect(NFS4ERR_BADHANDLE);
    }
}

#[test]
fn operations_need_a_handle() {
    let mut fixture = SERVER.fixture("none");
    for sample in samples() {
        let info = OpInfo::of(sample.number()).unwrap();
        if info.flags.needs_filehandle && info.flags.supported {
            fixture
                .session
                .compound()
                .op(&sample)
                .expect(NFS4ERR_NOFILEHANDLE);
        }
    }
    fixture
        .session
        .compound()
        .restorefh()
        .expect(NFS4ERR_NOFILEHANDLE);
    fixture.here().restorefh().expect(NFS4ERR_NOFILEHANDLE);
    // These need a second one.
    fixture.here().link("name").expect(NFS4ERR_NOFILEHANDLE);
    fixture.here().rename("a", "b").expect(NFS4ERR_NOFILEHANDLE);
    // Nothing is left from the compound before.
    fixture.here().savefh().ok();
    fixture.here().restorefh().expect(NFS4ERR_NOFILEHANDLE);
    fixture
        .session
        .compound()
        .getfh()
        .expect(NFS4ERR_NOFILEHANDLE);
}

#[test]
fn a_handle_is_saved_and_restored() {
    let mut fixture = SERVER.fixture("saved");
    let file = fixture.file("f", b"");
    let here = fixture.directory.clone();
    let reply = fixture
        .here()
        .savefh()
        .lookup("f")
        .getfh()
        .restorefh()
        .getfh()
        .ok();
    assert_eq!(reply.handle(), here);
    // SAVEFH replaces; RESTOREFH may be repeated.
    let compound = fixture.here().savefh().putfh(&file).savefh().putrootfh();
    let reply = compound.restorefh().restorefh().getfh().ok();
    assert_eq!(reply.handle(), file);
}

#[test]
fn a_stateid_is_saved_with_the_handle() {
    let mut fixture = SERVER.fixture("saved_stateid");
    fixture.file("one", b"first");
    fixture.file("two", b"second");
    let here = fixture.directory.clone();
    let reply = fixture
        .here()
        .open(&Open::read("one"))
        .savefh()
        .putfh(&here)
        .open(&Open::read("two").owner("other"))
        .restorefh()
        .read(Stateid4::CURRENT, 0, 100)
        .close(Stateid4::CURRENT)
        .ok();
    assert_eq!(reply.read().data.as_slice(), b"first");
    // Another handle takes the current stateid away (RFC 8881 §16.2.3.1.2).
    let compound = fixture
        .here()
        .open(&Open::read("one"))
        .putfh(&here)
        .lookup("two");
    compound
        .read(Stateid4::CURRENT, 0, 1)
        .expect(NFS4ERR_BAD_STATEID);
}

#[test]
fn the_current_stateid_is_used_as_it_is_by_now() {
    let mut fixture = SERVER.fixture("current_stateid");
    fixture.file("one", b"first");
    let here = fixture.directory.clone();
    // The same state twice, by another seqid, and back to the first.
    let (read, both) = (Open::read("one"), Open::both("one"));
    let compound = fixture.here().open(&read).savefh().putfh(&here);
    let compound = compound.open(&both).restorefh();
    let reply = compound.read(Stateid4::CURRENT, 0, 100).ok();
    assert_eq!(reply.read().data.as_slice(), b"first");
    // CLOSE asks for it as it was (RFC 8881 §8.2.3).
    let compound = fixture.here().open(&read).savefh().putfh(&here);
    let compound = compound.open(&both).restorefh();
    compound
        .close(Stateid4::CURRENT)
        .expect(NFS4ERR_OLD_STATEID);
}

#[test]
fn an_open_file_without_a_name_goes_on() {
    let mut fixture = SERVER.fixture("nameless");
    fixture.file("f", b"still here");
    let (stateid, file) = fixture.open(&Open::both("f"));
    fixture.here().remove("f").ok();
    let mut other = fixture.another_client();
    let reply = other
        .compound()
        .putfh(&file)
        .getattr(&[FATTR4_NUMLINKS, FATTR4_SIZE])
        .ok();
    assert_eq!(reply.attributes().numlinks, Some(0));
    let reply = fixture
        .session
        .compound()
        .putfh(&file)
        .read(stateid, 0, 100)
        .ok();
    assert_eq!(reply.read().data.as_slice(), b"still here");
    fixture.session.compound().putfh(&file).close(stateid).ok();
    let reply = fixture
        .session
        .compound()
        .putfh(&file)
        .getattr(&[FATTR4_SIZE])
        .send();
    assert_eq!(reply.status(), NFS4ERR_STALE);
}

fn flavors(list: &[Secinfo4<'_>]) -> bool {
    list.contains(&Secinfo4::Flavor(AuthFlavor::AUTH_SYS))
}

#[test]
fn secinfo_offers_auth_sys_and_takes_the_handle() {
    let mut fixture = SERVER.fixture("secinfo");
    fixture.file("f", b"");
    let reply = fixture.here().secinfo("f").ok();
    assert!(flavors(&reply.secinfo().flavors));
    fixture
        .here()
        .secinfo("f")
        .getfh()
        .expect(NFS4ERR_NOFILEHANDLE);
    for (name, status) in [
        (&b"missing"[..], NFS4ERR_NOENT),
        (b"", NFS4ERR_INVAL),
        (b".", NFS4ERR_BADNAME),
        (b"..", NFS4ERR_BADNAME),
        (b"a/b", NFS4ERR_BADNAME),
        (&[b'x'; 256], NFS4ERR_NAMETOOLONG),
    ] {
        fixture.here().secinfo(name).expect(status);
    }
    fixture
        .here()
        .lookup("f")
        .secinfo("x")
        .expect(NFS4ERR_NOTDIR);
    let closed = fixture.subdirectory("closed");
    fixture.session.make_file(&closed, "inside", b"");
    let root = fixture.session.compound().putfh(&closed);
    root.setattr(Stateid4::ANONYMOUS, &mode(0o700)).ok();
    fixture
        .session
        .as_user(9, 9)
        .putfh(&closed)
        .secinfo("inside")
        .expect(NFS4ERR_ACCESS);
}

#[test]
fn secinfo_no_name_looks_here_or_above() {
    let mut fixture = SERVER.fixture("secinfo_no_name");
    let file = fixture.file("f", b"");
    let session = &mut fixture.session;
    // Linux asks the root so when it mounts.
    let reply = session
        .compound()
        .putrootfh()
        .secinfo_no_name(SecinfoStyle4::CurrentFh)
        .ok();
    assert!(flavors(&reply.secinfo_no_name().flavors));
    let compound = session
        .compound()
        .putrootfh()
        .secinfo_no_name(SecinfoStyle4::CurrentFh);
    compound.getfh().expect(NFS4ERR_NOFILEHANDLE);
    session
        .compound()
        .putfh(&file)
        .secinfo_no_name(SecinfoStyle4::CurrentFh)
        .ok();
    let root = session.compound().putrootfh();
    root.secinfo_no_name(SecinfoStyle4::Parent)
        .expect(NFS4ERR_NOENT);
    let compound = session.compound().putfh(&file);
    compound
        .secinfo_no_name(SecinfoStyle4::Parent)
        .expect(NFS4ERR_NOTDIR);
    fixture.here().secinfo_no_name(SecinfoStyle4::Parent).ok();
}

#[test]
fn a_failure_ends_the_compound() {
    let mut fixture = SERVER.fixture("ends");
    let reply = fixture
        .here()
        .lookup("missing")
        .mkdir("made", 0o755)
        .getfh()
        .send();
    assert_eq!((reply.status(), reply.len()), (NFS4ERR_NOENT, 3));
    fixture.here().lookup("made").expect(NFS4ERR_NOENT);
}

//! READDIR: pages, cookies, attributes, and directories that change (RFC 8881 §18.23).

use std::collections::HashSet;

use localefs_integration::client::names::*;
use localefs_integration::client::{Compound, Fixture, Session, SharedServer};
use localefs_protocol::nfs4::ops::Createtype4;
use localefs_protocol::nfs4::{Attr, Attributes, NfsFtype4, NfsResop4, Stateid4, Verifier4};
use localefs_protocol::xdr::packed_length;

static SERVER: SharedServer = SharedServer::new();

const START: Verifier4 = Verifier4([0; 8]);

struct Page {
    names: Vec<(String, u64)>,
    verifier: Verifier4,
    eof: bool,
    /// Of READDIR4resok.
    length: usize,
}

fn page(
    session: &mut Session,
    directory: &[u8],
    (cookie, verifier): (u64, Verifier4),
    maxcount: u32,
    ask: &[Attr],
) -> Page {
    let compound = session.compound().putfh(directory);
    let reply = compound.readdir(cookie, verifier, maxcount, ask).ok();
    let result = reply.readdir();
    let names = result
        .reply
        .iter()
        .map(|entry| {
            (
                String::from_utf8(entry.name.to_vec()).unwrap(),
                entry.cookie,
            )
        })
        .collect();
    let NfsResop4::Readdir(_) = reply.result(2) else {
        panic!("{reply:?}")
    };
    Page {
        names,
        verifier: result.cookieverf,
        eof: result.reply.eof,
        length: packed_length(&result),
    }
}

/// All names, page by page.
fn list(session: &mut Session, directory: &[u8], maxcount: u32, ask: &[Attr]) -> Vec<String> {
    let mut at = (0, START);
    let mut names = Vec::new();
    loop {
        let page = page(session, directory, at, maxcount, ask);
        assert!(
            page.length <= maxcount as usize,
            "{} octets of {maxcount}",
            page.length
        );
        assert!(
            page.eof || !page.names.is_empty(),
            "an empty page that is not the last"
        );
        if let Some((_, cookie)) = page.names.last() {
            at = (*cookie, page.verifier);
        }
        names.extend(page.names.into_iter().map(|(name, _)| name));
        if page.eof {
            return names;
        }
    }
}

fn fill(fixture: &mut Fixture, count: usize) -> Vec<String> {
    let names: Vec<String> = (0..count)
        .map(|number| format!("entry-{number:05}"))
        .collect();
    // 64 operations a compound: SEQUENCE, PUTFH, SAVEFH and 30 times CREATE with RESTOREFH.
    for part in names.chunks(30) {
        let mut compound = fixture.here().savefh();
        for name in part {
            compound = compound
                .create(Createtype4::Fifo, name, &mode(0o600))
                .restorefh();
        }
        compound.ok();
    }
    names
}

#[test]
fn an_empty_directory_has_no_entries() {
    let mut fixture = SERVER.fixture("empty");
    let here = fixture.directory.clone();
    let page = page(&mut fixture.session, &here, (0, START), 4096, &[]);
    assert!(page.names.is_empty() && page.eof);
}

#[test]
fn every_entry_comes_once_in_pages_of_any_size() {
    let mut fixture = SERVER.fixture("pages");
    let here = fixture.directory.clone();
    let mut expected = fill(&mut fixture, 300);
    expected.sort();
    for maxcount in [100, 128, 200, 512, 1000, 4096, 8192, 1 << 20] {
        let mut names = list(
            &mut fixture.session,
            &here,
            maxcount,
            &[FATTR4_RDATTR_ERROR],
        );
        names.sort();
        assert_eq!(names, expected, "{maxcount} octets a page");
    }
    let everything: Vec<Attr> = Attributes::SUPPORTED
        .iter()
        .filter(|attribute| ![FATTR4_TIME_ACCESS_SET, FATTR4_TIME_MODIFY_SET].contains(attribute))
        .collect();
    let mut names = list(&mut fixture.session, &here, 4096, &everything);
    names.sort();
    assert_eq!(names, expected);
}

#[test]
fn cookies_are_distinct_and_not_reserved() {
    let mut fixture = SERVER.fixture("cookies");
    let here = fixture.directory.clone();
    fill(&mut fixture, 200);
    let all = page(&mut fixture.session, &here, (0, START), 1 << 20, &[]);
    assert!(all.eof);
    let cookies: HashSet<u64> = all.names.iter().map(|(_, cookie)| *cookie).collect();
    assert_eq!(cookies.len(), 200);
    assert!(
        cookies.iter().all(|cookie| *cookie > 2),
        "0, 1 and 2 are the client's"
    );
    assert!(
        !all.names
            .iter()
            .any(|(name, _)| name == "." || name == "..")
    );
    // Each cookie leads to what follows its entry.
    for (index, (name, cookie)) in all.names.iter().enumerate() {
        let rest = page(
            &mut fixture.session,
            &here,
            (*cookie, all.verifier),
            1 << 20,
            &[],
        );
        assert_eq!(rest.names[..], all.names[index + 1..], "after {name}");
        assert!(rest.eof);
    }
}

#[test]
fn entries_have_the_attributes_that_were_asked_for() {
    let mut fixture = SERVER.fixture("attributes");
    let file = fixture.file("file", b"12345");
    fixture.subdirectory("directory");
    fixture.symlink("target", "link");
    let ask = [
        FATTR4_TYPE,
        FATTR4_SIZE,
        FATTR4_FILEHANDLE,
        FATTR4_FILEID,
        FATTR4_MOUNTED_ON_FILEID,
        FATTR4_RDATTR_ERROR,
        FATTR4_OWNER,
        FATTR4_CHANGE,
        FATTR4_FSID,
        FATTR4_ACL,
    ];
    let reply = fixture.here().readdir(0, START, 8192, &ask).ok();
    let mut seen = 0;
    for entry in reply.readdir().reply.iter() {
        let got = Attributes::from_fattr4(&entry.attrs).unwrap();
        let compound = fixture
            .here()
            .lookup(entry.name.as_slice())
            .getattr(&ask)
            .getfh()
            .ok();
        assert_eq!(got, compound.attributes());
        assert_eq!(got.filehandle.unwrap().as_slice(), compound.handle());
        assert_eq!(got.rdattr_error, Some(NFS4_OK));
        if entry.name.as_slice() == b"file" {
            assert_eq!((got.file_type, got.size), (Some(NfsFtype4::Reg), Some(5)));
            assert_eq!(got.filehandle.unwrap().as_slice(), file);
        }
        seen += 1;
    }
    assert_eq!(seen, 3);
    let reply = fixture.here().readdir(0, START, 8192, &[]).ok();
    assert!(
        reply
            .readdir()
            .reply
            .iter()
            .all(|entry| entry.attrs.attrmask.is_empty())
    );
    fixture
        .here()
        .readdir(0, START, 8192, &[FATTR4_TIME_MODIFY_SET])
        .expect(NFS4ERR_INVAL);
}

#[test]
fn a_page_without_room_is_too_small() {
    let mut fixture = SERVER.fixture("too_small");
    fixture.file(&"x".repeat(200), b"");
    for maxcount in [0, 1, 8, 16, 20, 100, 200] {
        fixture
            .here()
            .readdir(0, START, maxcount, &[])
            .expect(NFS4ERR_TOOSMALL);
    }
    // verifier 8, follows 4, cookie 8, name 4 + 200, mask 4, values 4, end 4, eof 4
    let here = fixture.directory.clone();
    assert_eq!(
        page(&mut fixture.session, &here, (0, START), 240, &[])
            .names
            .len(),
        1
    );
    // The hint is none of this: it may be anything.
    for dircount in [0, 1, 100, u32::MAX] {
        let op = localefs_protocol::nfs4::NfsArgop4::Readdir(
            localefs_protocol::nfs4::ops::ReaddirArgs {
                cookie: 0,
                cookieverf: START,
                dircount,
                maxcount: 4096,
                attr_request: localefs_protocol::nfs4::Bitmap4::EMPTY,
            },
        );
        let reply = fixture.here().op(&op).ok();
        assert_eq!(
            reply.readdir().reply.iter().count(),
            1,
            "dircount {dircount}"
        );
    }
}

#[test]
fn cookies_and_verifiers_that_were_never_given() {
    let mut fixture = SERVER.fixture("never_given");
    fill(&mut fixture, 10);
    let here = fixture.directory.clone();
    let first = page(&mut fixture.session, &here, (0, START), 4096, &[]);
    let cookie = first.names[3].1;
    let wrong = Verifier4(first.verifier.0.map(|octet| octet ^ 0x55));
    let reply = fixture.here().readdir(cookie, wrong, 4096, &[]).send();
    assert_eq!(reply.status(), NFS4ERR_NOT_SAME);
    // At the beginning it must be zero, and Linux sends what it has kept: it is not looked at.
    fixture.here().readdir(0, first.verifier, 4096, &[]).ok();
    for reserved in [1, 2] {
        let compound = fixture.here().readdir(reserved, first.verifier, 4096, &[]);
        compound.expect(NFS4ERR_BAD_COOKIE);
    }
    for cookie in [u64::MAX, 1 << 63, i64::MAX as u64] {
        let reply = fixture
            .here()
            .readdir(cookie, first.verifier, 4096, &[])
            .send();
        // A position behind everything, or none at all.
        if reply.status() == NFS4_OK {
            assert!(reply.readdir().reply.eof || reply.readdir().reply.iter().count() > 0);
        } else {
            assert_eq!(reply.status(), NFS4ERR_BAD_COOKIE, "{cookie}");
        }
    }
}

#[test]
fn a_cookie_is_good_though_its_entry_is_gone() {
    let mut fixture = SERVER.fixture("gone");
    fill(&mut fixture, 100);
    let here = fixture.directory.clone();
    let all = page(&mut fixture.session, &here, (0, START), 1 << 20, &[]);
    let (name, cookie) = all.names[49].clone();
    fixture.here().remove(&name).ok();
    let rest = page(
        &mut fixture.session,
        &here,
        (cookie, all.verifier),
        1 << 20,
        &[],
    );
    assert_eq!(rest.names[..], all.names[50..]);
    // New entries move none of the old ones.
    for number in 0..50 {
        fixture.here().mkdir(format!("new-{number}"), 0o755).ok();
    }
    let rest = page(
        &mut fixture.session,
        &here,
        (cookie, all.verifier),
        1 << 20,
        &[],
    );
    let old = rest.names.iter().map(|(name, _)| name);
    let old = old.filter(|name| name.starts_with("entry"));
    assert!(old.eq(all.names[50..].iter().map(|(name, _)| name)));
}

#[test]
fn ten_thousand_entries_while_others_come_and_go() {
    let mut fixture = SERVER.fixture("ten_thousand");
    let names = fill(&mut fixture, 10_000);
    let here = fixture.directory.clone();
    let mut other = fixture.another_client();
    let mut at = (0, START);
    let mut seen: Vec<String> = Vec::new();
    let mut victims = names.iter().filter(|name| name.ends_with('7'));
    let mut round = 0;
    loop {
        let page = page(&mut fixture.session, &here, at, 4096, &[FATTR4_FILEID]);
        if let Some((_, cookie)) = page.names.last() {
            at = (*cookie, page.verifier);
        }
        seen.extend(page.names.into_iter().map(|(name, _)| name));
        if page.eof {
            break;
        }
        // Some that are told by their last digit go, some others come.
        let mut compound = Compound::detached().putfh(&here);
        for name in victims.by_ref().take(12) {
            compound = compound.remove(name);
        }
        compound = compound.savefh().mkdir(format!("new-{round}"), 0o755);
        other.compound().append(&compound).ok();
        round += 1;
    }
    let distinct: HashSet<&String> = seen.iter().collect();
    assert_eq!(distinct.len(), seen.len(), "some came twice");
    for name in names.iter().filter(|name| !name.ends_with('7')) {
        assert!(distinct.contains(name), "{name} is missing");
    }
    assert!(round > 50);
}

#[test]
fn names_of_any_length_and_octets_are_listed() {
    let mut fixture = SERVER.fixture("any_names");
    let mut expected: Vec<Vec<u8>> = (1..=255).map(|length| vec![b'n'; length]).collect();
    expected.extend(
        (1..=255)
            .filter(|octet| ![b'/', b'.', b'n'].contains(octet))
            .map(|octet| vec![octet]),
    );
    for name in &expected {
        fixture
            .here()
            .create(Createtype4::Fifo, name, &Attributes::default())
            .ok();
    }
    let mut names = Vec::new();
    let mut at = (0, START);
    loop {
        let reply = fixture
            .here()
            .readdir(at.0, at.1, 2000, &[FATTR4_FILEID])
            .ok();
        let result = reply.readdir();
        for entry in result.reply.iter() {
            names.push(entry.name.to_vec());
            at = (entry.cookie, result.cookieverf);
        }
        if result.reply.eof {
            break;
        }
    }
    names.sort();
    expected.sort();
    assert_eq!(names, expected);
}

#[test]
fn a_listing_can_be_repeated_and_shared() {
    let mut fixture = SERVER.fixture("repeated");
    fill(&mut fixture, 50);
    let here = fixture.directory.clone();
    let first = page(&mut fixture.session, &here, (0, START), 1 << 20, &[]);
    let mut other = fixture.another_client();
    let again = page(&mut other, &here, (0, START), 1 << 20, &[]);
    assert_eq!(
        (first.names.clone(), first.verifier),
        (again.names, again.verifier)
    );
    // A change of an entry is none of the directory's order.
    fixture
        .here()
        .lookup("entry-00001")
        .setattr(Stateid4::ANONYMOUS, &mode(0o644))
        .ok();
    let again = page(&mut other, &here, (0, START), 1 << 20, &[]);
    assert_eq!(first.names, again.names);
}

//! Owner, mode, times and the set-id bits.

use localefs_vfs::{
    Error, Identity, Permissions, SetAttributes, SetTime, Stability, Timestamp, check,
};

use crate::{ALICE, BOB, Served, alice, bob, mode, root};

fn own(uid: Option<u32>, gid: Option<u32>) -> SetAttributes {
    SetAttributes {
        uid,
        gid,
        ..SetAttributes::default()
    }
}

#[test]
fn only_root_gives_files_away() {
    let served = Served::new();
    let node = served.create(&alice(), "a", 0o644).node;
    let set = |who: &Identity, set| served.fs.set_attributes(who, &node, None, &set);
    assert_eq!(set(&alice(), own(Some(BOB), None)), Err(Error::Perm));
    assert_eq!(set(&bob(), own(Some(BOB), None)), Err(Error::Perm));
    assert_eq!(set(&alice(), own(None, Some(5))), Err(Error::Perm));
    assert_eq!(
        set(&Identity::new(ALICE, 1, [5]), own(None, Some(5))),
        Ok(())
    );
    assert_eq!(set(&root(), own(Some(BOB), None)), Ok(()));
    let attributes = served.attributes("a");
    assert_eq!((attributes.uid, attributes.gid), (BOB, 5));
}

#[test]
fn a_refused_change_changes_nothing() {
    let served = Served::new();
    let node = served.create(&alice(), "a", 0o644).node;
    let before = served.attributes("a");
    let set = SetAttributes {
        size: Some(10),
        uid: Some(BOB),
        ..mode(0o600)
    };
    assert_eq!(
        served.fs.set_attributes(&alice(), &node, None, &set),
        Err(Error::Perm)
    );
    assert_eq!(served.attributes("a"), before);
    served
        .fs
        .set_attributes(&bob(), &node, None, &SetAttributes::default())
        .unwrap();
    assert_eq!(served.attributes("a"), before);
}

#[test]
fn a_change_of_owner_clears_set_id_for_everybody() {
    let served = Served::new();
    for (who, before, after) in [
        (root(), 0o6755, 0o755),
        (alice(), 0o6755, 0o755),
        (root(), 0o6644, 0o2644),
        (alice(), 0o6644, 0o2644),
    ] {
        let name = format!("{}-{before:o}", who.uid);
        let node = served.create(&alice(), &name, before).node;
        assert_eq!(served.attributes(&name).mode, before);
        served
            .fs
            .set_attributes(&who, &node, None, &own(None, Some(ALICE)))
            .unwrap();
        assert_eq!(served.attributes(&name).mode, after, "{name}");
    }
    let dir = served.mkdir(&alice(), "dir", 0o755);
    served
        .fs
        .set_attributes(&alice(), &dir, None, &mode(0o6755))
        .unwrap();
    served
        .fs
        .set_attributes(&root(), &dir, None, &own(Some(BOB), Some(BOB)))
        .unwrap();
    assert_eq!(served.attributes("dir").mode, 0o6755);
}

#[test]
fn writing_and_truncating_clear_set_id_but_not_for_root() {
    let served = Served::new();
    let made = served.create(&alice(), "a", 0o6777);
    let restore = || {
        served
            .fs
            .set_attributes(&root(), &made.node, None, &mode(0o6777))
            .unwrap();
    };
    let truncate = SetAttributes {
        size: Some(0),
        ..SetAttributes::default()
    };
    for (who, after) in [(root(), 0o6777), (alice(), 0o777), (bob(), 0o777)] {
        restore();
        served
            .fs
            .write(&who, &made.file, 0, b"x", Stability::Unstable)
            .unwrap();
        assert_eq!(served.attributes("a").mode, after, "written by {}", who.uid);
        restore();
        served
            .fs
            .set_attributes(&who, &made.node, None, &truncate)
            .unwrap();
        assert_eq!(
            served.attributes("a").mode,
            after,
            "truncated by {}",
            who.uid
        );
    }
}

#[test]
fn set_gid_needs_membership() {
    let served = Served::new();
    let node = served.create(&alice(), "a", 0o644).node;
    served
        .fs
        .set_attributes(&root(), &node, None, &own(None, Some(5)))
        .unwrap();
    served
        .fs
        .set_attributes(&alice(), &node, None, &mode(0o2755))
        .unwrap();
    assert_eq!(served.attributes("a").mode, 0o755);
    let member = Identity::new(ALICE, ALICE, [5]);
    served
        .fs
        .set_attributes(&member, &node, None, &mode(0o2755))
        .unwrap();
    assert_eq!(served.attributes("a").mode, 0o2755);
    assert_eq!(
        served.fs.set_attributes(&bob(), &node, None, &mode(0o777)),
        Err(Error::Perm)
    );
}

#[test]
fn times_are_set_exactly() {
    let served = Served::new();
    let node = served.create(&alice(), "a", 0o644).node;
    let chosen = Timestamp {
        seconds: 1_234_567_890,
        nanoseconds: 123_456_789,
    };
    let early = Timestamp {
        seconds: -5,
        nanoseconds: 0,
    };
    let set = SetAttributes {
        accessed: Some(SetTime::Client(early)),
        modified: Some(SetTime::Client(chosen)),
        ..SetAttributes::default()
    };
    served
        .fs
        .set_attributes(&alice(), &node, None, &set)
        .unwrap();
    let attributes = served.attributes("a");
    assert_eq!((attributes.accessed, attributes.modified), (early, chosen));
    assert_eq!(
        served.fs.set_attributes(&bob(), &node, None, &set),
        Err(Error::Perm)
    );
    let now = SetAttributes {
        accessed: Some(SetTime::Server),
        modified: Some(SetTime::Server),
        ..SetAttributes::default()
    };
    assert_eq!(
        served.fs.set_attributes(&bob(), &node, None, &now),
        Err(Error::Access)
    );
    served
        .fs
        .set_attributes(&alice(), &node, None, &mode(0o646))
        .unwrap();
    served.fs.set_attributes(&bob(), &node, None, &now).unwrap();
    assert!(served.attributes("a").modified > chosen);
}

#[test]
fn access_says_what_is_granted() {
    let served = Served::new();
    let node = served.create(&alice(), "a", 0o640).node;
    let granted = |who: &Identity| {
        let attributes = served.fs.attributes(&node).unwrap();
        check(who, &attributes, Permissions::empty()).granted
    };
    assert_eq!(granted(&alice()), Permissions::READ | Permissions::WRITE);
    assert_eq!(granted(&bob()), Permissions::empty());
    assert_eq!(granted(&Identity::new(BOB, 1, [ALICE])), Permissions::READ);
    assert_eq!(granted(&root()), Permissions::READ | Permissions::WRITE);
    let top = served.fs.attributes(&served.root()).unwrap();
    let permissions = check(&bob(), &top, Permissions::empty()).granted;
    assert_eq!((permissions, top.mode), (Permissions::all(), 0o777));
}

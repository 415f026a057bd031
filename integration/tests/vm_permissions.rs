//! Who may do what, by the identity that a client asserts.

use anyhow::Result;
use localefs_integration::bench::Bench;
use localefs_integration::guest::Guest;
use localefs_integration::python::Python;
use serde_json::json;

/// A session of an ordinary user.
fn user<'a>(guest: &'a Guest, uid: u32, groups: &[u32]) -> Result<Python<'a>> {
    let session = guest.python()?;
    session.run(&format!("become({uid}, {uid}, {groups:?})"))?;
    Ok(session)
}

#[test]
fn owner_group_and_others_have_their_bits() -> Result<()> {
    let bench = Bench::two()?;
    let root = bench.guests[0].python()?;
    let owner = user(&bench.guests[1], 1001, &[])?;
    let member = user(&bench.guests[1], 1002, &[7000])?;
    let other = user(&bench.guests[1], 1003, &[7001])?;
    root.run("os.mkdir('d'); os.chmod('d', 0o755)")?;
    for mode in [
        0o000, 0o400, 0o040, 0o004, 0o200, 0o020, 0o002, 0o640, 0o604, 0o064, 0o777,
    ] {
        root.run(&format!(
            "write('d/{mode}', 'content'); os.chown('d/{mode}', 1001, 7000)"
        ))?;
        root.run(&format!("os.chmod('d/{mode}', {mode})"))?;
        for (session, shift) in [(&owner, 6), (&member, 3), (&other, 0)] {
            for (attempt, bit) in [
                (format!("os.close(os.open('d/{mode}', os.O_RDONLY))"), 4),
                (format!("os.close(os.open('d/{mode}', os.O_WRONLY))"), 2),
            ] {
                if (mode >> shift) & bit == 0 {
                    session.fails(&attempt, "EACCES")?;
                } else {
                    session.run(&attempt)?;
                }
            }
        }
        root.run(&format!(
            "read('d/{mode}'); write('d/{mode}', 'root', 'ab')"
        ))?;
    }
    for session in [&owner, &member, &other] {
        session.fails("os.mkdir('d/x')", "EACCES")?;
        session.fails("os.unlink('d/0')", "EACCES")?;
        session.fails("os.rename('d/0', 'd/1')", "EACCES")?;
    }
    Ok(())
}

#[test]
fn a_directory_needs_its_x_bit_to_be_walked_and_its_r_bit_to_be_listed() -> Result<()> {
    let bench = Bench::one()?;
    let root = bench.guest().python()?;
    let other = user(bench.guest(), 1003, &[])?;
    root.run("os.mkdir('d'); write('d/file', 'content'); os.chmod('d/file', 0o644)")?;
    root.run("os.chmod('d', 0o711)")?;
    assert_eq!(other.text("read('d/file')")?, "content");
    other.fails("os.listdir('d')", "EACCES")?;
    root.run("os.chmod('d', 0o744)")?;
    other.fails("read('d/file')", "EACCES")?;
    assert_eq!(other.run("os.listdir('d')")?, json!(["file"]));
    root.run("os.chmod('d', 0o700)")?;
    other.fails("os.listdir('d')", "EACCES")?;
    other.fails("os.stat('d/file')", "EACCES")?;
    Ok(())
}

#[test]
fn in_a_sticky_directory_only_owners_remove() -> Result<()> {
    let bench = Bench::one()?;
    let root = bench.guest().python()?;
    let alice = user(bench.guest(), 1001, &[])?;
    let mark = user(bench.guest(), 1002, &[])?;
    root.run("os.mkdir('tmp'); os.chmod('tmp', 0o1777)")?;
    alice.run("write('tmp/alice', 'a'); os.chmod('tmp/alice', 0o666)")?;
    mark.run("write('tmp/mark', 'm'); write('tmp/alice', 'changed')")?;
    mark.fails("os.unlink('tmp/alice')", "EPERM")?;
    mark.fails("os.rename('tmp/alice', 'tmp/taken')", "EPERM")?;
    mark.fails("os.rename('tmp/mark', 'tmp/alice')", "EPERM")?;
    alice.run("os.rename('tmp/alice', 'tmp/renamed')")?;
    alice.run("os.unlink('tmp/renamed')")?;
    root.run("os.unlink('tmp/mark')")?;
    root.run("os.mkdir('owned'); os.chown('owned', 1001, 1001); os.chmod('owned', 0o1777)")?;
    mark.run("write('owned/mark', '')")?;
    alice.run("os.unlink('owned/mark')")?;
    Ok(())
}

#[test]
fn a_setgid_directory_hands_on_its_group() -> Result<()> {
    let bench = Bench::one()?;
    let root = bench.guest().python()?;
    let member = user(bench.guest(), 1001, &[7000])?;
    let other = user(bench.guest(), 1002, &[])?;
    root.run("os.mkdir('team'); os.chown('team', 0, 7000); os.chmod('team', 0o2777)")?;
    let shown = "[os.lstat(p).st_gid, mode(p)]";
    for session in [&member, &other] {
        session.run("os.umask(0o022)")?;
        let uid = session.number("os.getuid()")?;
        session.run(&format!(
            "write('team/f{uid}', ''); os.mkdir('team/d{uid}')"
        ))?;
        session.run(&format!("os.symlink('x', 'team/s{uid}')"))?;
        assert_eq!(root.run(&format!("p = 'team/f{uid}'"))?, json!(null));
        assert_eq!(root.run(shown)?, json!([7000, "644"]));
        root.run(&format!("p = 'team/d{uid}'"))?;
        assert_eq!(root.run(shown)?, json!([7000, "2755"]));
        assert_eq!(
            root.number(&format!("os.lstat('team/s{uid}').st_gid"))?,
            7000
        );
    }
    root.run("os.mkdir('plain'); os.chmod('plain', 0o777)")?;
    member.run("write('plain/f', '')")?;
    assert_eq!(root.number("os.stat('plain/f').st_gid")?, 1001);
    Ok(())
}

#[test]
fn set_id_bits_go_when_the_content_or_the_owner_changes() -> Result<()> {
    let bench = Bench::one()?;
    let root = bench.guest().python()?;
    let alice = user(bench.guest(), 1001, &[7000])?;
    root.run("os.mkdir('d'); os.chown('d', 1001, 1001)")?;
    alice.run("write('d/f', 'x'); os.chmod('d/f', 0o6755)")?;
    assert_eq!(root.text("mode('d/f')")?, "6755");
    alice.run("write('d/f', 'y', 'r+b')")?;
    bench.guest().drop_caches()?;
    assert_eq!(root.text("mode('d/f')")?, "755");
    alice.run("os.chmod('d/f', 0o6755); os.chown('d/f', -1, 7000)")?;
    bench.guest().drop_caches()?;
    assert_eq!(root.text("mode('d/f')")?, "755");
    alice.run("os.chmod('d/f', 0o6755); os.truncate('d/f', 0)")?;
    bench.guest().drop_caches()?;
    assert_eq!(root.text("mode('d/f')")?, "755");
    Ok(())
}

#[test]
fn owners_and_groups_change_as_posix_restricts_it() -> Result<()> {
    let bench = Bench::one()?;
    let root = bench.guest().python()?;
    let alice = user(bench.guest(), 1001, &[7000])?;
    let mark = user(bench.guest(), 1002, &[7000])?;
    root.run("os.mkdir('d'); os.chmod('d', 0o777)")?;
    alice.run("write('d/f', 'x'); os.chmod('d/f', 0o644)")?;
    alice.fails("os.chown('d/f', 1002, -1)", "EPERM")?;
    alice.fails("os.chown('d/f', -1, 7001)", "EPERM")?;
    alice.run("os.chown('d/f', -1, 7000)")?;
    assert_eq!(root.number("os.stat('d/f').st_gid")?, 7000);
    mark.fails("os.chmod('d/f', 0o666)", "EPERM")?;
    mark.fails("os.utime('d/f', (1, 1))", "EPERM")?;
    mark.fails("os.utime('d/f')", "EACCES")?;
    mark.fails("os.truncate('d/f', 0)", "EACCES")?;
    root.run("os.chmod('d/f', 0o664)")?;
    mark.run("os.utime('d/f')")?;
    mark.run("os.truncate('d/f', 0)")?;
    mark.fails("os.utime('d/f', (1, 1))", "EPERM")?;
    root.run("os.chown('d/f', 4294967290, 4000000000)")?;
    assert_eq!(
        root.run("[os.stat('d/f').st_uid, os.stat('d/f').st_gid]")?,
        json!([4_294_967_290_u32, 4_000_000_000_u32])
    );
    Ok(())
}

#[test]
fn sixteen_groups_count_and_the_seventeenth_is_lost() -> Result<()> {
    let bench = Bench::one()?;
    let root = bench.guest().python()?;
    root.run("for g in range(7000, 7017): write(f'{g}', str(g)); os.chown(f'{g}', 0, g); os.chmod(f'{g}', 0o640)")?;
    let all: Vec<u32> = (7000..7016).collect();
    let member = user(bench.guest(), 1001, &all)?;
    for group in all {
        assert_eq!(member.text(&format!("read('{group}')"))?, group.to_string());
    }
    member.fails("read('7016')", "EACCES")?;
    // The kernel sends the lowest sixteen; the list of AUTH_SYS ends there.
    let member = user(bench.guest(), 1002, &(7000..7017).collect::<Vec<_>>())?;
    assert_eq!(member.text("read('7015')")?, "7015");
    member.fails("read('7016')", "EACCES")?;
    Ok(())
}

#[test]
fn root_is_not_squashed() -> Result<()> {
    let bench = Bench::one()?;
    let root = bench.guest().python()?;
    let alice = user(bench.guest(), 1001, &[])?;
    root.run("os.mkdir('private'); os.chown('private', 1001, 1001); os.chmod('private', 0o700)")?;
    alice.run("write('private/f', 'secret'); os.chmod('private/f', 0)")?;
    alice.fails("read('private/f')", "EACCES")?;
    assert_eq!(root.text("read('private/f')")?, "secret");
    root.run("write('private/root', 'was here')")?;
    assert_eq!(root.run("[os.stat('private/root').st_uid]")?, json!([0]));
    root.run("os.chown('private/f', 0, 0)")?;
    alice.fails("os.chmod('private/f', 0o777)", "EPERM")?;
    alice.run("os.unlink('private/f')")?;
    Ok(())
}

#[test]
fn what_is_open_stays_usable_when_the_mode_goes() -> Result<()> {
    let bench = Bench::two()?;
    let root = bench.guests[1].python()?;
    let alice = user(&bench.guests[0], 1001, &[])?;
    root.run("os.mkdir('d'); os.chmod('d', 0o777)")?;
    alice.run("file = os.open('d/f', os.O_RDWR | os.O_CREAT, 0o400)")?;
    alice.run("os.write(file, b'content'); os.fchmod(file, 0); os.fsync(file)")?;
    bench.guests[0].drop_caches()?;
    assert_eq!(alice.text("os.pread(file, 10, 0).decode()")?, "content");
    alice.run("os.pwrite(file, b'CON', 0); os.ftruncate(file, 5); os.fsync(file)")?;
    alice.fails("open('d/f')", "EACCES")?;
    assert_eq!(root.text("read('d/f')")?, "CONte");
    Ok(())
}

#[test]
fn who_may_execute_may_run_what_he_may_not_read() -> Result<()> {
    let bench = Bench::one()?;
    let root = bench.guest().python()?;
    let alice = user(bench.guest(), 1001, &[])?;
    root.run("write('program', open('/usr/bin/true', 'rb').read()); os.chmod('program', 0o711)")?;
    root.run("os.mkdir('d'); write('d/plain', '#!'); os.chmod('d/plain', 0o644)")?;
    bench.guest().drop_caches()?;
    alice.fails("open('program')", "EACCES")?;
    assert_eq!(
        alice.number("os.spawnv(os.P_WAIT, './program', ['program'])")?,
        0
    );
    assert_eq!(alice.run("os.access('d/plain', os.X_OK)")?, false);
    assert_eq!(root.run("os.access('d/plain', os.X_OK)")?, false);
    assert_eq!(root.run("os.access('program', os.X_OK)")?, true);
    Ok(())
}

#[test]
fn a_new_right_holds_at_once_and_a_lost_one_at_the_next_open() -> Result<()> {
    let bench = Bench::two()?;
    let root = bench.guests[0].python()?;
    let alice = user(&bench.guests[1], 1001, &[])?;
    root.run("write('f', 'content'); os.chmod('f', 0o600)")?;
    for _ in 0..5 {
        alice.fails("open('f')", "EACCES")?;
        root.run("os.chmod('f', 0o604)")?;
        assert_eq!(alice.text("read('f')")?, "content");
        root.run("os.chmod('f', 0o600)")?;
    }
    Ok(())
}

/// Elsewhere the files that are made in such a directory belong to its owner.
#[test]
fn set_uid_on_a_directory_has_no_effect() -> Result<()> {
    let bench = Bench::one()?;
    let root = bench.guest().python()?;
    let user = user(bench.guest(), 1002, &[])?;
    root.run("os.mkdir('d'); os.chown('d', 1001, 1001); os.chmod('d', 0o4777)")?;
    user.run("write('d/file', 'x'); os.mkdir('d/inner'); os.mkfifo('d/fifo')")?;
    user.run("owner = lambda name: [os.stat(name).st_uid, os.stat(name).st_mode & 0o6000]")?;
    for name in ["d/file", "d/inner", "d/fifo"] {
        let owner = user.run(&format!("owner('{name}')"))?;
        assert_eq!(owner, json!([1002, 0]), "{name}");
    }
    assert_eq!(root.text("mode('d')")?, "4777", "but it is kept");
    Ok(())
}

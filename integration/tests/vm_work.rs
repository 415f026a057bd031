//! Real work: source trees, compilers, git, and a database of two clients.

use std::time::Duration;

use anyhow::{Result, ensure};
use localefs_integration::bench::{Bench, amount};
use serde_json::json;

const LONG: Duration = Duration::from_secs(180);

/// Makes an archive of a source tree, with what such archives hold.
const ARCHIVE: &str = "
import tarfile, io
def member(archive, path, data=b'', **fields):
    info = tarfile.TarInfo(path)
    info.size, info.mtime = len(data), 1_600_000_000
    info.mode = fields.pop('mode', 0o644)
    for name, value in fields.items():
        setattr(info, name, value)
    archive.addfile(info, io.BytesIO(data))

with tarfile.open('/run/source.tar.gz', 'w:gz', compresslevel=1) as archive:
    for d in range(20):
        member(archive, f'source/part{d}', type=tarfile.DIRTYPE, mode=0o755)
        for f in range(20):
            member(archive, f'source/part{d}/file{f}.c', content(d * 100 + f, f * 700))
        member(archive, f'source/part{d}/run.sh', b'#!/bin/sh', mode=0o755)
        member(archive, f'source/part{d}/again', type=tarfile.LNKTYPE,
               linkname=f'source/part{d}/file1.c')
        member(archive, f'source/part{d}/latest', type=tarfile.SYMTYPE, linkname='file0.c')
        member(archive, f'source/part{d}/owned', b'x', uid=1000 + d, gid=2000 + d)
";

#[test]
fn a_source_tree_is_unpacked_copied_and_removed() -> Result<()> {
    let bench = Bench::one()?;
    let guest = bench.guest();
    let session = guest.python()?;
    session.run(ARCHIVE)?;
    guest.succeed("tar xf /run/source.tar.gz && cp -a source copy")?;
    guest.drop_caches()?;
    session.run(
        "
def inventory(top):
    found = {}
    for place, inside, files in os.walk(top):
        for name in inside + files:
            path = os.path.join(place, name)
            info = os.lstat(path)
            what = os.readlink(path) if os.path.islink(path) else ''
            what = digest(path) if stat.S_ISREG(info.st_mode) else what
            directory = stat.S_ISDIR(info.st_mode)
            times = 0 if directory else info.st_mtime_ns
            links = 0 if directory else info.st_nlink
            owner = info.st_uid, info.st_gid
            found[path[len(top):]] = info.st_mode, *owner, links, times, what
    return found

unpacked, copied = inventory('source'), inventory('copy')
",
    )?;
    let different = "[[path, *what, copied.get(path)] for path, what in unpacked.items() \
                     if copied.get(path) != what]";
    assert_eq!(session.run(different)?, json!([]));
    assert_eq!(session.run("len(unpacked) == len(copied)")?, json!(true));
    assert_eq!(session.number("len(unpacked)")?, 20 * (1 + 20 + 4));
    let data = "hashlib.sha256(content(1903, 2100)).hexdigest()";
    assert_eq!(
        session.text("unpacked['/part19/file3.c'][-1]")?,
        session.text(data)?
    );
    let owned = session.run("unpacked['/part7/owned'][1:3]")?;
    assert_eq!(owned, json!([1007, 2007]));
    assert_eq!(session.number("unpacked['/part3/again'][3]")?, 2);
    guest.succeed("rm -r source copy && rmdir --ignore-fail-on-non-empty . 2> /dev/null; ls -A")?;
    assert_eq!(session.run("os.listdir('.')")?, json!([]));
    Ok(())
}

#[test]
fn a_program_is_built_and_run() -> Result<()> {
    let bench = Bench::one()?;
    let script = r#"
set -e
mkdir build; cd build
for i in 1 2 3; do
    printf '#include "all.h"\nint f%d(int x) { return x + %d; }\n' $i $i > f$i.c
done
echo 'int f1(int); int f2(int); int f3(int);' > all.h
cat > main.c << 'END'
#include <stdio.h>
#include "all.h"
int main(void) { printf("%d\n", f1(f2(f3(36)))); return 0; }
END
printf 'program: main.o f1.o f2.o f3.o\n\tgcc -o $@ $^\n%%.o: %%.c all.h\n\tgcc -O1 -c -o $@ $<\n' > Makefile
make -s -j2
./program
make -q
touch all.h
! make -q
"#;
    let output = bench.guest().start(script)?.succeed(LONG)?;
    assert_eq!(output, "42\n");
    Ok(())
}

#[test]
fn git_keeps_a_repository() -> Result<()> {
    let bench = Bench::two()?;
    let script = r"
set -e
git config --global user.name Test
git config --global user.email test@example.com
git init -q -b main repository
cd repository
for i in 1 2 3 4 5 6 7 8; do echo $i > file$i; done
mkdir directory; ln -s ../file1 directory/link; echo x > directory/run; chmod +x directory/run
git add .
git commit -q -m first
git checkout -q -b other
echo changed > file3; git rm -q file4; git mv file5 directory/moved
git commit -q -a -m second
git checkout -q main
test $(cat file3) = 3 -a -e file4
git merge -q other
git gc -q
git fsck --full --strict
git clone -q . ../clone
git status --porcelain
";
    let output = bench.guests[0].start(script)?.succeed(LONG)?;
    assert_eq!(output, "");
    let other = "
cd clone && git fsck --full && git log --format=%s && cat file3 directory/moved && git diff HEAD";
    let seen = bench.guests[1]
        .start(&format!(
            "git config --global safe.directory '*' && {other}"
        ))?
        .succeed(LONG)?;
    assert_eq!(seen, "second\nfirst\nchanged\n5\n");
    Ok(())
}

#[test]
fn two_clients_share_a_database() -> Result<()> {
    let bench = Bench::two()?;
    let sessions = [bench.guests[0].python()?, bench.guests[1].python()?];
    let count = amount(40, 400);
    for session in &sessions {
        session.run(
            "
import sqlite3
base = sqlite3.connect('/mnt/efs/base.db', timeout=60, isolation_level=None)
base.execute('CREATE TABLE IF NOT EXISTS entries (who TEXT, number INTEGER, data BLOB)')
",
        )?;
    }
    for session in &sessions {
        session.begin(&format!(
            "
who = os.uname().nodename
for number in range({count}):
    base.execute('BEGIN IMMEDIATE')
    total = base.execute('SELECT count(*) FROM entries').fetchone()[0]
    base.execute('INSERT INTO entries VALUES (?, ?, ?)', (who, total, content(number, 3000)))
    if number % 5 == 4:
        base.execute('ROLLBACK')
    else:
        base.execute('COMMIT')
    time.sleep(random.random() / 100)
"
        ))?;
    }
    for session in &sessions {
        session.finish(Duration::from_secs(300))?;
    }
    for session in &sessions {
        let check = session.run("base.execute('PRAGMA integrity_check').fetchall()")?;
        assert_eq!(check, json!([["ok"]]));
        let total = session.number("base.execute('SELECT count(*) FROM entries').fetchone()[0]")?;
        assert_eq!(total, i64::from(2 * count * 4 / 5));
        // Whoever counted the rows was alone: no two rows have the same number.
        let numbers = "sorted(row[0] for row in base.execute('SELECT number FROM entries'))";
        assert_eq!(
            session.run(&format!("{numbers} == list(range({total}))"))?,
            json!(true)
        );
    }
    let journal = sessions[0].run("[name for name in os.listdir('.') if name != 'base.db']")?;
    ensure!(journal == json!([]), "left behind: {journal}");
    Ok(())
}

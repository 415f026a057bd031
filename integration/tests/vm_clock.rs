//! A server whose clock jumps: it runs in a machine of its own.

use std::time::Duration;

use anyhow::{Result, ensure};
use localefs_integration::guest::{EFS_OPTIONS, Guest, MOUNT_POINT};
use localefs_integration::job::Job;
use localefs_integration::lab::Lab;
use localefs_integration::server::binary;
use localefs_integration::wire::SHARED;

/// Lease and grace period of the server, in seconds.
const LEASE: u64 = 8;

/// How long any one thing may take across a restart.
const RECOVERY: Duration = Duration::from_secs(60);

/// The server's address, of the first guest.
const ADDRESS: &str = "10.77.1.2";

fn serve(guest: &Guest) -> Result<Job<'_>> {
    let job = guest.start(&format!(
        "rm -f /tmp/ready; exec {SHARED}/localefs serve --data /run/data --listen {ADDRESS} \
         --api 127.0.0.1:0 --lease {LEASE} --ready-file /tmp/ready"
    ))?;
    guest
        .succeed("for i in {1..300}; do [ ! -s /tmp/ready ] || exit 0; sleep 0.1; done; exit 1")?;
    Ok(job)
}

#[test]
fn a_clock_that_jumps_costs_nobody_a_lock_and_hides_no_change() -> Result<()> {
    let lab = Lab::new()?;
    lab.connect_guests()?;
    let machine = lab.boot("server")?;
    std::fs::copy(binary()?, machine.directory().join("localefs"))?;
    let server = serve(&machine)?;
    let guests = [lab.boot("guest1")?, lab.boot("guest2")?];
    for guest in &guests {
        let mount = format!("mount.nfs4 {ADDRESS}:/ {MOUNT_POINT} -o {EFS_OPTIONS}");
        guest.succeed(&format!("cd / && mkdir -p {MOUNT_POINT} && {mount}"))?;
    }
    let [holder, other] = [guests[0].python()?, guests[1].python()?];
    holder.run("file = open('lock', 'w+'); lock(file, 'write')")?;
    other.run("file = open('lock', 'r+')")?;
    holder.run("write('news', '0')")?;
    let mut written = Vec::new();
    for (number, jump) in ["+2 days", "-4 days", "+1 hour", "-1 second"]
        .iter()
        .enumerate()
    {
        machine.succeed(&format!("date --set '{jump}'"))?;
        // For the server's next looks at its leases.
        std::thread::sleep(Duration::from_secs(LEASE / 4));
        other.fails("lock(file, 'write')", "EAGAIN")?;
        holder.run(&format!("write('news', '{number}')"))?;
        assert_eq!(
            other.text("read('news')")?,
            number.to_string(),
            "after {jump}"
        );
        written.push(other.number("int(os.stat('news').st_mtime)")?);
    }
    // Files have the time of the server's clock, as it is.
    let day = 86_400;
    ensure!(written[0] - written[1] > 3 * day, "{written:?}");
    ensure!(written[2] - written[1] > day / 48, "{written:?}");

    machine.succeed("date --set '-3 days'")?;
    server.kill()?;
    let _server = serve(&machine)?;
    holder.run_within("os.stat('.'); file.write('held'); file.flush()", RECOVERY)?;
    other.run_within("os.stat('.')", RECOVERY)?;
    other.fails("lock(file, 'write')", "EAGAIN")?;
    holder.run("os.fsync(file); lock(file, 'none')")?;
    other.run("lock(file, 'write')")?;
    assert_eq!(other.text("read('lock')")?, "held");
    for guest in &guests {
        guest.succeed(&format!("cd /; umount -l {MOUNT_POINT}"))?;
    }
    Ok(())
}

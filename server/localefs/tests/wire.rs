//! Records and connections, well-formed and not, against a running server.

mod common;

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use common::{Server, connect, expect_closed, expect_null_reply, null, null_call, record};
use localefs::{Limits, LocalEfs};

#[test]
fn null_is_answered() {
    let server = Server::ephemeral();
    let mut stream = server.connect();
    for xid in [0, 1, u32::MAX] {
        null(&mut stream, xid);
    }
}

#[test]
fn a_record_in_single_octets() {
    let server = Server::ephemeral();
    let mut stream = server.connect();
    stream.set_nodelay(true).unwrap();
    for octet in null_call(7) {
        stream.write_all(&[octet]).unwrap();
    }
    expect_null_reply(&mut stream, 7);
}

#[test]
fn a_record_in_fragments_of_one_octet() {
    let server = Server::ephemeral();
    let mut stream = server.connect();
    let call = null_call(8);
    let (last, body) = call[4..].split_last().unwrap();
    let mut fragments: Vec<u8> = body.iter().flat_map(|octet| [0, 0, 0, 1, *octet]).collect();
    fragments.extend([0, 0, 0, 0, 0x80, 0, 0, 1, *last]);
    stream.write_all(&fragments).unwrap();
    expect_null_reply(&mut stream, 8);
}

#[test]
fn many_calls_in_one_piece() {
    let server = Server::ephemeral();
    let mut stream = server.connect();
    let calls: Vec<u8> = (0..1000).flat_map(null_call).collect();
    stream.write_all(&calls).unwrap();
    for xid in 0..1000 {
        expect_null_reply(&mut stream, xid);
    }
}

#[test]
fn an_oversized_record_closes_only_its_connection() {
    let server = Server::ephemeral();
    let mut other = server.connect();
    null(&mut other, 1);
    let mut oversized = server.connect();
    oversized.write_all(&0xffff_ffff_u32.to_be_bytes()).unwrap();
    expect_closed(&mut oversized);
    null(&mut other, 2);
}

#[test]
fn what_is_no_call_closes_only_its_connection() {
    let server = Server::ephemeral();
    let mut other = server.connect();
    let mut short = server.connect();
    short.write_all(&record(b"abc")).unwrap();
    expect_closed(&mut short);
    null(&mut other, 1);
}

/// Idle ones, and ones that announce a megabyte and send half a kilobyte of it.
#[test]
fn ten_thousand_connections() {
    localefs::raise_file_limit();
    let server = Server::ephemeral();
    let half_open = |stream: &mut TcpStream| {
        stream
            .write_all(&(0x8000_0000_u32 | 1 << 20).to_be_bytes())
            .unwrap();
        stream.write_all(&[0; 512]).unwrap();
    };
    let mut idle = Vec::new();
    let mut unfinished = Vec::new();
    for _ in 0..5_000 {
        idle.push(server.connect());
        let mut stream = server.connect();
        half_open(&mut stream);
        unfinished.push(stream);
    }
    let mut one_more = server.connect();
    null(&mut one_more, 1);
    for mut stream in idle.into_iter().step_by(100) {
        null(&mut stream, 2);
    }
    let resident = resident_kib(server.child.id());
    assert!(resident < 128 * 1024, "{resident} KiB");
}

/// Resident memory of a process.
fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_client_that_does_not_read_stalls_nobody() {
    let server = Server::ephemeral();
    let mut slow = server.connect();
    slow.set_nonblocking(true).unwrap();
    let calls: Vec<u8> = (0..1000).flat_map(null_call).collect();
    let end = Instant::now() + common::SOON;
    let (mut stuck, mut sent) = (None, 0);
    // Full once nothing has gone through for a while.
    while stuck.is_none_or(|since: Instant| since.elapsed() < Duration::from_millis(300)) {
        assert!(Instant::now() < end, "the server reads on and on");
        match slow.write(&calls[sent % calls.len()..]) {
            Ok(count) => (stuck, sent) = (None, sent + count),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                stuck.get_or_insert_with(Instant::now);
            }
            Err(error) => panic!("{error}"),
        }
    }
    let mut other = server.connect();
    let began = Instant::now();
    for xid in 0..100 {
        null(&mut other, xid);
    }
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_half_open_record_times_out_and_an_idle_connection_does_not() {
    let limits = Limits {
        stall: Duration::from_millis(300),
        ..Limits::default()
    };
    let server = LocalEfs::builder().limits(limits).start().await.unwrap();
    let address = server.nfs_addresses()[0];
    let mut idle = connect(address);
    null(&mut idle, 1);
    let mut half: Vec<TcpStream> = [1, 4, 20]
        .map(|octets| {
            let mut stream = connect(address);
            stream.write_all(&null_call(1)[..octets]).unwrap();
            stream
        })
        .into();
    half.iter_mut().for_each(expect_closed);
    null(&mut idle, 2);
}

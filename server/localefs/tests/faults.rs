//! Faults from inside a program, and over the socket.

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use common::{SOON, connect, expect_closed, expect_null_reply, null, null_call};
use localefs::LocalEfs;
use localefs::admin::{self, ClientError};
use localefs::faults::{
    Fault, FaultError, Freeze, InjectedError, Latency, MAX_FAULTS, Nfsstat4, OpNum, Reset,
    Throughput,
};

fn is_silent(stream: &mut TcpStream) -> bool {
    stream
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let read = stream.read(&mut [0; 1]);
    stream.set_read_timeout(Some(SOON)).unwrap();
    read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}

fn write_error() -> Fault {
    Fault::Error(InjectedError {
        path: Some("/mark/**".into()),
        ..InjectedError::new(OpNum::OP_WRITE, Nfsstat4::NFS4ERR_IO)
    })
}

#[tokio::test]
async fn a_frozen_server_is_silent_and_goes_on() {
    let server = LocalEfs::builder().start().await.unwrap();
    let address = server.nfs_addresses()[0];
    let faults = server.faults();
    let mut connection = connect(address);
    null(&mut connection, 1);
    let mount_target = Some(address.ip().into());
    let one = faults.add(Fault::Freeze(Freeze { mount_target })).unwrap();
    let two = faults.add(Fault::Freeze(Freeze::default())).unwrap();
    let mut late = connect(address);
    for stream in [&mut connection, &mut late] {
        stream.write_all(&null_call(2)).unwrap();
        assert!(is_silent(stream));
    }
    // Each holds by itself.
    assert!(faults.clear(two));
    assert!(is_silent(&mut connection));
    assert!(faults.clear(one) && !faults.clear(one));
    for stream in [&mut connection, &mut late] {
        expect_null_reply(stream, 2);
    }
    // A server that stops does not wait for the unfreezing.
    faults.add(Fault::Freeze(Freeze::default())).unwrap();
    let begin = Instant::now();
    server.shutdown().await;
    assert!(begin.elapsed() < SOON);
}

#[tokio::test]
async fn one_mount_target_is_frozen_by_its_mirror_its_id_or_its_file_system() {
    let (file_system, id) = ("fs-fffffffffffffffff", "fsmt-00000000000000001");
    let server = LocalEfs::builder().start().await.unwrap();
    let data_plane = server.data_plane();
    data_plane.create_file_system(file_system).await.unwrap();
    let address = data_plane
        .create_mount_target(file_system, id, ([127, 31, 0, 7], 0).into())
        .await
        .unwrap();
    let faults = server.faults();
    let mut other = connect(server.nfs_addresses()[0]);
    for name in ["127.31.0.7", id, file_system] {
        let mut connection = connect(address);
        null(&mut connection, 1);
        let mount_target = Some(name.parse().unwrap());
        let fault = faults.add(Fault::Freeze(Freeze { mount_target })).unwrap();
        let mut late = connect(address);
        for stream in [&mut connection, &mut late] {
            stream.write_all(&null_call(2)).unwrap();
            assert!(is_silent(stream), "{name}");
        }
        null(&mut other, 1);
        faults.clear(fault);
        for stream in [&mut connection, &mut late] {
            expect_null_reply(stream, 2);
        }
        assert_eq!(faults.reset(Some(&name.parse().unwrap())), Ok(2));
        null(&mut other, 1);
        // A client may see the end of its connection before the server counts it out.
        let end = Instant::now() + SOON;
        while faults.reset(Some(&name.parse().unwrap())) != Ok(0) {
            assert!(Instant::now() < end);
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

#[tokio::test]
async fn connections_are_reset() {
    let server = LocalEfs::builder().start().await.unwrap();
    let address = server.nfs_addresses()[0];
    let faults = server.faults();
    let mut connection = connect(address);
    null(&mut connection, 1);
    assert_eq!(faults.reset(Some(&address.ip().into())), Ok(1));
    let reset = connection.read(&mut [0; 1]).unwrap_err();
    assert_eq!(reset.kind(), std::io::ErrorKind::ConnectionReset);
    let reset = Reset {
        mount_target: None,
        every: Duration::from_millis(20),
        probability: 1.0,
    };
    let id = faults.add(Fault::Reset(reset)).unwrap();
    for _ in 0..2 {
        expect_closed(&mut connect(address));
    }
    assert!(faults.list()[0].fired >= 2);
    faults.clear(id);
    let mut connection = connect(address);
    assert!(is_silent(&mut connection));
    null(&mut connection, 1);
    for elsewhere in [
        "192.0.2.1",
        "fsmt-0123456789abcdef0",
        "fs-0123456789abcdef0",
    ] {
        let refused = faults.reset(Some(&elsewhere.parse().unwrap()));
        assert!(
            matches!(refused, Err(FaultError::MountTarget(..))),
            "{elsewhere}"
        );
    }
}

#[tokio::test]
async fn what_is_added_is_listed_and_bounded() {
    let server = LocalEfs::builder().start().await.unwrap();
    let faults = server.faults();
    let limits = Throughput::bursting(0);
    for fault in [
        write_error(),
        Fault::Throughput(limits.clone()),
        Fault::Freeze(Freeze::default()),
        Fault::Latency(Latency::new(Duration::from_millis(3))),
    ] {
        faults.add(fault).unwrap();
    }
    let list = faults.list();
    assert!(list.is_sorted_by_key(|status| status.id));
    assert_eq!(list[0].fault, write_error());
    let credits = limits.burst.unwrap().credits;
    assert_eq!(list[1].burst_credit_balance, Some(credits));
    // The same over the socket, in JSON there and back.
    assert_eq!(admin::faults(server.data()).await.unwrap(), list);
    assert_eq!(admin::status(server.data()).await.unwrap().faults, 4);
    assert_eq!(faults.clear_all(), 4);
    assert!(faults.list().is_empty());
    for _ in 0..MAX_FAULTS {
        faults.add(write_error()).unwrap();
        faults.add(Fault::Freeze(Freeze::default())).unwrap();
    }
    for fault in [write_error(), Fault::Freeze(Freeze::default())] {
        let refused = admin::add_fault(server.data(), &fault).await;
        let Err(ClientError::Refused { reason }) = refused else {
            panic!("{refused:?}");
        };
        assert!(reason.contains("256 faults"), "{reason}");
    }
    assert_eq!(
        admin::clear_faults(server.data()).await.unwrap(),
        2 * MAX_FAULTS
    );
    null(&mut connect(server.nfs_addresses()[0]), 1);
}

/// Sends octets to the socket of the commands; gives the answer.
fn raw(data: &Path, request: &str) -> String {
    let mut stream = UnixStream::connect(data.join("admin.sock")).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    // It may answer, and close, before it has all.
    let _ = stream.write_all(request.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn nonsense_over_the_socket_is_refused() {
    let server = LocalEfs::builder().start().await.unwrap();
    let data = server.data();
    let head = "Host: localefs\r\nConnection: close\r\n";
    let post = |body: &str| {
        let length = body.len();
        raw(
            data,
            &format!("POST /faults HTTP/1.1\r\n{head}Content-Length: {length}\r\n\r\n{body}"),
        )
    };
    for body in [
        "",
        "{",
        "[]",
        "{\"flood\":{}}",
        "{\"freeze\":{\"mount_target\":\"here\"}}",
        "{\"latency\":{\"add\":\"3\"}}",
        "{\"error\":{\"operation\":\"WRITE\",\"status\":\"NOTDIR\"}}",
        "{\"reset\":{\"every\":\"1s\",\"probability\":7}}",
        "{\"reset\":{\"every\":\"1s\",\"probability\":1e999}}",
        "{\"throughput\":{\"bytes_per_second\":-1}}",
    ] {
        let answer = post(body);
        assert!(answer.starts_with("HTTP/1.1 400"), "{body}: {answer}");
        assert!(answer.contains("{\"error\":"), "{body}: {answer}");
    }
    let long = post(&format!("{{\"freeze\":{{}}}}{}", " ".repeat(1 << 20)));
    assert!(long.starts_with("HTTP/1.1 413"), "{long}");
    for id in ["7", "x", "-1", "99999999999999999999999"] {
        let answer = raw(data, &format!("DELETE /faults/{id} HTTP/1.1\r\n{head}\r\n"));
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    }
    assert!(server.faults().list().is_empty());
}

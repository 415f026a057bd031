//! The transport over real sockets, with a service whose records say what it does with them.

mod gated;

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use localefs_engine::Connection;
use localefs_protocol::record::{MARK_LENGTH, single_fragment_mark};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::service::{Answer, Service};
use super::{Denied, Everybody, Limits, Names, Transport};

const LONGEST: usize = 1 << 20;

/// Long enough for anything that should happen, short enough for a test that fails.
const SOON: Duration = Duration::from_secs(10);

/// Does what a record's first word says.
#[derive(Clone)]
struct Scripted;

impl Service for Scripted {
    fn receive(&self, record: Bytes, _: &Arc<Connection>) -> Answer {
        let text = String::from_utf8_lossy(&record[..record.len().min(40)]).into_owned();
        let (word, rest) = text.split_once(' ').unwrap_or((&text, ""));
        match word {
            "sleep" => {
                let time = Duration::from_millis(rest.trim().parse().unwrap());
                Answer::Later(Box::new(move || {
                    std::thread::sleep(time);
                    reply(record)
                }))
            }
            "big" => Answer::Reply(reply(Bytes::from(vec![7; rest.trim().parse().unwrap()]))),
            "panic" => panic!("as asked"),
            "panic-later" => Answer::Later(Box::new(|| panic!("as asked"))),
            "close" => Answer::Close,
            "length" => Answer::Reply(reply(Bytes::from(record.len().to_string()))),
            _ => Answer::Reply(reply(record)),
        }
    }
}

fn reply(payload: Bytes) -> Vec<Bytes> {
    vec![mark(payload.len()), payload]
}

fn mark(length: usize) -> Bytes {
    Bytes::copy_from_slice(&single_fragment_mark(u32::try_from(length).unwrap()))
}

fn names() -> Names {
    Names {
        mount_target: "fsmt-a".into(),
        file_system: "fs-a".into(),
    }
}

struct Bench {
    transport: Transport<Scripted>,
    address: SocketAddr,
}

impl Bench {
    fn new(limits: Limits) -> Self {
        let transport = Transport::start(LONGEST, limits, Denied::Silence);
        let group = transport.add(names(), Scripted, Arc::new(Everybody));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let address = transport.listen(group, address).unwrap();
        Self { transport, address }
    }

    async fn connect(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    async fn connections_become(&self, count: usize) {
        let connections = self.transport.connections();
        timeout(SOON, async {
            while connections.count() != count {
                sleep(Duration::from_millis(2)).await;
            }
        })
        .await
        .unwrap_or_else(|_| panic!("{} connections, not {count}", connections.count()));
    }
}

struct Client(TcpStream);

impl Client {
    async fn send(&mut self, payload: &str) {
        self.send_raw(&[&mark(payload.len())[..], payload.as_bytes()].concat())
            .await;
    }

    async fn send_raw(&mut self, octets: &[u8]) {
        self.0.write_all(octets).await.unwrap();
    }

    async fn receive(&mut self) -> Vec<u8> {
        timeout(SOON, async {
            let mark = self.0.read_u32().await.unwrap();
            let mut payload = vec![0; (mark & 0x7fff_ffff) as usize];
            self.0.read_exact(&mut payload).await.unwrap();
            payload
        })
        .await
        .expect("a reply")
    }

    async fn ask(&mut self, payload: &str) -> String {
        self.send(payload).await;
        String::from_utf8(self.receive().await).unwrap()
    }

    async fn closed(&mut self) {
        let read = timeout(SOON, self.0.read(&mut [0; 16]))
            .await
            .expect("closed");
        assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    }
}

fn impatient() -> Limits {
    Limits {
        stall: Duration::from_millis(200),
        ..Limits::default()
    }
}

#[tokio::test]
async fn answers_in_one_or_many_pieces() {
    let bench = Bench::new(Limits::default());
    let mut client = bench.connect().await;
    assert_eq!(client.ask("hello").await, "hello");
    for octet in [&mark(5)[..], b"bytes"].concat() {
        client.send_raw(&[octet]).await;
    }
    assert_eq!(client.receive().await, b"bytes");
    client
        .send_raw(&[0, 0, 0, 2, b'a', b'b', 0, 0, 0, 0, 0x80, 0, 0, 1, b'c'])
        .await;
    assert_eq!(client.receive().await, b"abc");
    let long = format!("length {}", "x".repeat(LONGEST - 7));
    assert_eq!(client.ask(&long).await, LONGEST.to_string());
}

#[tokio::test]
async fn many_records_in_one_piece_are_all_answered() {
    let bench = Bench::new(Limits::default());
    let mut client = bench.connect().await;
    let records: Vec<_> = (0..5000).map(|number| format!("record {number}")).collect();
    let stream: Vec<u8> = records
        .iter()
        .flat_map(|record| [&mark(record.len())[..], record.as_bytes()].concat())
        .collect();
    client.send_raw(&stream).await;
    for record in records {
        assert_eq!(client.receive().await, record.as_bytes());
    }
}

#[tokio::test]
async fn a_slow_call_holds_up_no_other() {
    let bench = Bench::new(Limits::default());
    let mut client = bench.connect().await;
    client.send("sleep 300").await;
    assert_eq!(client.ask("fast").await, "fast");
    assert_eq!(client.receive().await, b"sleep 300");
}

#[tokio::test]
async fn a_panic_takes_nothing_else_along() {
    let bench = Bench::new(Limits::default());
    let mut client = bench.connect().await;
    client.send("sleep 100").await;
    client.send("panic").await;
    client.send("panic-later").await;
    assert_eq!(client.ask("fast").await, "fast");
    assert_eq!(client.receive().await, b"sleep 100");
    assert_eq!(client.ask("again").await, "again");
}

#[tokio::test]
async fn calls_past_the_bound_wait_and_run() {
    let limits = Limits {
        calls: 4,
        ..Limits::default()
    };
    let bench = Bench::new(limits);
    let mut client = bench.connect().await;
    let began = Instant::now();
    for _ in 0..12 {
        client.send("sleep 50").await;
    }
    for _ in 0..12 {
        assert_eq!(client.receive().await, b"sleep 50");
    }
    assert!(
        began.elapsed() >= Duration::from_millis(150),
        "four at a time take three rounds"
    );
}

#[tokio::test]
async fn what_cannot_be_served_closes_only_its_connection() {
    let bench = Bench::new(Limits::default());
    let mut other = bench.connect().await;
    assert_eq!(other.ask("before").await, "before");

    let mut oversized = bench.connect().await;
    oversized.send_raw(&mark(LONGEST + 1)).await;
    oversized.closed().await;

    let mut refused = bench.connect().await;
    refused.send("sleep 50").await;
    refused.send("close").await;
    assert_eq!(refused.receive().await, b"sleep 50");
    refused.closed().await;

    bench.connections_become(1).await;
    assert_eq!(other.ask("after").await, "after");
}

#[tokio::test]
async fn what_was_asked_before_the_end_is_answered() {
    let bench = Bench::new(Limits::default());
    let mut client = bench.connect().await;
    client.send("sleep 50").await;
    client.0.shutdown().await.unwrap();
    assert_eq!(client.receive().await, b"sleep 50");
    client.closed().await;
    bench.connections_become(0).await;
}

#[tokio::test]
async fn an_unfinished_record_times_out_and_an_idle_connection_does_not() {
    let bench = Bench::new(impatient());
    let mut idle = bench.connect().await;
    assert_eq!(idle.ask("first").await, "first");
    let mut untouched = bench.connect().await;
    let mut half_mark = bench.connect().await;
    half_mark.send_raw(&[0x80]).await;
    let mut half_record = bench.connect().await;
    half_record
        .send_raw(&[&mark(100_000)[..], b"begin"].concat())
        .await;
    half_mark.closed().await;
    half_record.closed().await;
    sleep(Duration::from_millis(500)).await;
    assert_eq!(idle.ask("second").await, "second");
    assert_eq!(untouched.ask("first").await, "first");
}

#[tokio::test]
async fn progress_keeps_an_unfinished_record_alive() {
    let bench = Bench::new(impatient());
    let mut client = bench.connect().await;
    client.send_raw(&mark(10)).await;
    for octet in b"0123456789" {
        sleep(Duration::from_millis(60)).await;
        client.send_raw(&[*octet]).await;
    }
    assert_eq!(client.receive().await, b"0123456789");
}

#[tokio::test]
async fn an_unread_reply_times_out_and_stalls_nobody() {
    let bench = Bench::new(Limits {
        stall: Duration::from_secs(1),
        ..Limits::default()
    });
    let mut slow = bench.connect().await;
    for _ in 0..200 {
        slow.send("big 1000000").await;
    }
    let mut other = bench.connect().await;
    let began = Instant::now();
    for _ in 0..100 {
        assert_eq!(other.ask("quick").await, "quick");
    }
    assert!(began.elapsed() < Duration::from_secs(1));
    bench.connections_become(1).await;
    assert_eq!(other.ask("still").await, "still");
}

#[tokio::test]
async fn a_slow_reader_gets_everything_in_the_end() {
    let bench = Bench::new(Limits {
        unread_octets: 100_000,
        ..Limits::default()
    });
    let mut client = bench.connect().await;
    for _ in 0..60 {
        client.send("big 500000").await;
    }
    sleep(Duration::from_millis(100)).await;
    for _ in 0..60 {
        assert_eq!(client.receive().await.len(), 500_000);
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_stops_being_read() {
    let bench = Bench::new(Limits::default());
    let mut client = bench.connect().await;
    let record = [
        &mark(1000)[..],
        format!("big 900000{}", " ".repeat(990)).as_bytes(),
    ]
    .concat();
    // Far more than the socket's buffers take.
    let all = timeout(Duration::from_secs(1), async {
        for _ in 0..100_000 {
            client.send_raw(&record).await;
        }
    });
    assert!(all.await.is_err(), "the server must stop reading");
}

#[tokio::test]
async fn connections_past_the_bound_are_closed() {
    let bench = Bench::new(Limits {
        connections: 3,
        ..Limits::default()
    });
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = bench.connect().await;
        assert_eq!(client.ask("in").await, "in");
        clients.push(client);
    }
    bench.connect().await.closed().await;
    clients.pop();
    bench.connections_become(2).await;
    assert_eq!(bench.connect().await.ask("in").await, "in");
}

#[tokio::test]
async fn those_who_hoard_memory_are_cut_when_others_need_it() {
    let limits = Limits {
        request_octets: 3 * (LONGEST + MARK_LENGTH),
        patience: Duration::from_millis(300),
        ..Limits::default()
    };
    let bench = Bench::new(limits);
    let mut hoarders = Vec::new();
    for _ in 0..3 {
        let mut client = bench.connect().await;
        // The second piece makes the server take the memory that the first announces.
        client
            .send_raw(&[&mark(LONGEST)[..], &[0; 10_000]].concat())
            .await;
        sleep(Duration::from_millis(20)).await;
        client.send_raw(b"and no end").await;
        hoarders.push(client);
    }
    sleep(Duration::from_millis(20)).await;
    let mut honest = bench.connect().await;
    let long = format!("length {}", "x".repeat(LONGEST - 7));
    assert_eq!(honest.ask(&long).await, LONGEST.to_string());
    hoarders[0].closed().await;
}

#[tokio::test]
async fn those_who_only_begin_records_take_no_memory() {
    let limits = Limits {
        request_octets: 3 * LONGEST,
        ..Limits::default()
    };
    let bench = Bench::new(limits);
    let mut beginners = Vec::new();
    for _ in 0..200 {
        let mut client = bench.connect().await;
        client
            .send_raw(&[&mark(LONGEST)[..], &[0; 100]].concat())
            .await;
        beginners.push(client);
    }
    let mut honest = bench.connect().await;
    let began = Instant::now();
    let long = format!("length {}", "x".repeat(LONGEST - 7));
    assert_eq!(honest.ask(&long).await, LONGEST.to_string());
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_that_calls_hold_is_waited_for() {
    let limits = Limits {
        request_octets: 2 * LONGEST,
        ..Limits::default()
    };
    let bench = Bench::new(limits);
    let payload = format!("sleep 50{}", " ".repeat(LONGEST - 100));
    let mut clients = Vec::new();
    for _ in 0..6 {
        let mut client = bench.connect().await;
        let payload = payload.clone();
        clients.push(tokio::spawn(async move {
            client.ask(&payload).await;
        }));
    }
    for client in clients {
        client.await.unwrap();
    }
}

#[tokio::test]
async fn stopping_answers_what_is_under_way() {
    let bench = Bench::new(Limits::default());
    let mut busy = bench.connect().await;
    busy.send("sleep 200").await;
    let mut idle = bench.connect().await;
    assert_eq!(idle.ask("in").await, "in");
    let address = bench.address;
    assert!(bench.transport.stop(SOON).await);
    assert_eq!(busy.receive().await, b"sleep 200");
    busy.closed().await;
    idle.closed().await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn stopping_does_not_wait_for_ever() {
    let bench = Bench::new(Limits::default());
    let mut client = bench.connect().await;
    client.send("sleep 1500").await;
    sleep(Duration::from_millis(50)).await;
    let began = Instant::now();
    assert!(!bench.transport.stop(Duration::from_millis(100)).await);
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn out_of_order_replies_each_come_once() {
    let bench = Bench::new(Limits::default());
    let mut client = bench.connect().await;
    let mut expected = HashSet::new();
    for number in 0..100 {
        let payload = match number % 3 {
            0 => format!("sleep {}", 100 + number),
            _ => format!("fast {number}"),
        };
        client.send(&payload).await;
        expected.insert(payload.into_bytes());
    }
    for _ in 0..100 {
        assert!(expected.remove(&client.receive().await));
    }
}

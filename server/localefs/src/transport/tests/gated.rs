//! Connections whose gate opens and shuts.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use super::super::gate::UNTRACKED;
use super::super::registry::Group;
use super::super::{Rules, Ruling, State, Tracking};
use super::*;

const TRACKED: Tracking = Tracking {
    client: true,
    mount_target: true,
};

/// Lets some in.
#[derive(Clone, Copy, Debug)]
struct Lets {
    connect: Option<Tracking>,
    tracked: bool,
    untracked: bool,
}

const NOBODY: Lets = Lets {
    connect: None,
    tracked: false,
    untracked: false,
};

/// By a rule for some.
const SOME: Lets = Lets {
    connect: Some(TRACKED),
    tracked: true,
    untracked: true,
};

/// By a rule for everybody.
const ALL: Lets = Lets {
    connect: Some(UNTRACKED),
    ..SOME
};

/// Without a rule, but network ACLs let packets through.
const REVOKED: Lets = Lets {
    tracked: true,
    ..NOBODY
};

impl Rules for Lets {
    fn connect(&self, _: SocketAddr) -> Ruling {
        let denied = Ruling::Denied("no rule".into());
        self.connect.map_or(denied, Ruling::Allowed)
    }

    fn carry(&self, _: SocketAddr, tracking: Tracking) -> Ruling {
        let allowed = match tracking {
            TRACKED => self.tracked,
            _ => self.untracked,
        };
        match allowed {
            true => Ruling::Allowed(tracking),
            false => Ruling::Denied("no rule".into()),
        }
    }

    fn denied(&self) -> Vec<RangeInclusive<Ipv4Addr>> {
        // These tests are of what happens without a filter.
        Vec::new()
    }
}

struct Gated {
    bench: Bench,
    group: Group,
}

impl Gated {
    fn new(rules: Lets, limits: Limits, denied: Denied) -> Self {
        let transport = Transport::start(LONGEST, limits, denied);
        let group = transport.add(names(), Scripted, Arc::new(rules));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let address = transport.listen(group, address).unwrap();
        let bench = Bench { transport, address };
        Self { bench, group }
    }

    fn judge(&self, rules: Lets) {
        let rules: Arc<dyn Rules> = Arc::new(rules);
        let changed = HashMap::from([(self.group, rules)]);
        self.bench.transport.judge(&changed);
    }

    fn states(&self) -> Vec<State> {
        let shut = self.bench.transport.shut(self.group).into_iter();
        shut.map(|shut| shut.state).collect()
    }

    async fn waiting_become(&self, count: usize) {
        timeout(SOON, async {
            while self.states().len() != count {
                sleep(Duration::from_millis(2)).await;
            }
        })
        .await
        .unwrap_or_else(|_| panic!("{:?}, not {count}", self.states()));
    }
}

fn gated(rules: Lets) -> Gated {
    Gated::new(rules, Limits::default(), Denied::Silence)
}

/// Long enough for an answer that there should not be.
const SILENCE: Duration = Duration::from_millis(300);

impl Client {
    async fn hears_nothing(&mut self) {
        let heard = timeout(SILENCE, self.0.read(&mut [0; 16])).await;
        assert!(heard.is_err(), "{heard:?}");
    }
}

#[tokio::test]
async fn who_is_denied_is_served_from_the_first_octet_once_let_in() {
    let gated = gated(NOBODY);
    let mut client = gated.bench.connect().await;
    client.send("first").await;
    client.hears_nothing().await;
    assert_eq!(gated.states(), [State::Waiting]);
    gated.judge(NOBODY);
    client.hears_nothing().await;
    gated.judge(SOME);
    assert_eq!(client.receive().await, b"first");
    assert_eq!(client.ask("second").await, "second");
    assert_eq!(gated.states(), []);
}

#[tokio::test]
async fn a_tracked_connection_lives_on_and_a_new_one_waits() {
    let gated = gated(SOME);
    let mut client = gated.bench.connect().await;
    assert_eq!(client.ask("before").await, "before");
    gated.judge(REVOKED);
    assert_eq!(client.ask("after").await, "after");
    let mut new = gated.bench.connect().await;
    new.send("hello").await;
    new.hears_nothing().await;
    assert_eq!(gated.states(), [State::Waiting]);
    assert_eq!(client.ask("still").await, "still");
}

#[tokio::test]
async fn an_untracked_connection_is_cut_at_once_and_goes_on_where_it_was() {
    let gated = gated(ALL);
    let mut client = gated.bench.connect().await;
    assert_eq!(client.ask("before").await, "before");
    gated.judge(REVOKED);
    assert_eq!(gated.states(), [State::Suspended(UNTRACKED)]);
    client.send("during").await;
    client.hears_nothing().await;
    gated.judge(ALL);
    assert_eq!(client.receive().await, b"during");
}

#[tokio::test]
async fn what_runs_when_a_gate_shuts_is_answered_when_it_opens() {
    let gated = gated(SOME);
    let mut client = gated.bench.connect().await;
    client.send("sleep 100").await;
    // Half a record, whose other half comes later.
    client.send_raw(&[0x80, 0, 0, 6, b'w', b'h']).await;
    assert_eq!(client.ask_other(&gated).await, "other");
    gated.judge(NOBODY);
    client.send_raw(b"olly").await;
    client.send("new").await;
    client.hears_nothing().await;
    gated.judge(SOME);
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(String::from_utf8(client.receive().await).unwrap());
    }
    answers.sort();
    assert_eq!(answers, ["new", "sleep 100", "wholly"]);
}

impl Client {
    /// An exchange on another connection, by when the server has seen what was sent here.
    async fn ask_other(&self, gated: &Gated) -> String {
        gated.bench.connect().await.ask("other").await
    }
}

#[tokio::test]
async fn a_gate_that_shuts_outlasts_the_patience_with_slow_clients() {
    let gated = Gated::new(SOME, impatient(), Denied::Silence);
    let mut client = gated.bench.connect().await;
    client.send_raw(&[0x80, 0, 0, 4, b'h']).await;
    assert_eq!(client.ask_other(&gated).await, "other");
    gated.judge(NOBODY);
    sleep(Duration::from_millis(600)).await;
    gated.judge(SOME);
    client.send_raw(b"alf").await;
    assert_eq!(client.receive().await, b"half");
}

#[tokio::test]
async fn who_waits_too_many_is_reset_and_others_are_not() {
    let limits = Limits {
        waiting: 16,
        ..Limits::default()
    };
    let gated = Gated::new(NOBODY, limits, Denied::Silence);
    let other = gated
        .bench
        .transport
        .add(names(), Scripted, Arc::new(NOBODY));
    let open = gated.bench.transport.add(names(), Scripted, Arc::new(ALL));
    let at = |group| {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        gated.bench.transport.listen(group, address).unwrap()
    };
    let (other, open) = (at(other), at(open));
    let (mut flood, mut reset) = (Vec::new(), 0);
    for _ in 0..40 {
        match TcpStream::connect(gated.bench.address).await {
            Ok(stream) => flood.push(Client(stream)),
            Err(_) => reset += 1,
        }
    }
    // An eighth of all stays free for the others.
    gated.waiting_become(14).await;
    for client in &mut flood {
        let end = timeout(SILENCE, client.0.read(&mut [0; 1])).await;
        reset += usize::from(matches!(end, Ok(Err(_))));
    }
    assert_eq!(reset, 26);
    let mut client = Client(TcpStream::connect(open).await.unwrap());
    assert_eq!(client.ask("served").await, "served");
    let mut client = Client(TcpStream::connect(other).await.unwrap());
    client.hears_nothing().await;
    // Places come free, also of those who have sent something.
    for client in &mut flood {
        let _ = client.0.write_all(b"anything").await;
    }
    drop(flood);
    gated.waiting_become(0).await;
    let mut client = gated.bench.connect().await;
    client.send("late").await;
    client.hears_nothing().await;
    gated.judge(SOME);
    assert_eq!(client.receive().await, b"late");
}

#[tokio::test]
async fn those_let_in_take_places_among_the_served() {
    let limits = Limits {
        connections: 3,
        waiting: 10,
        ..Limits::default()
    };
    let gated = Gated::new(NOBODY, limits, Denied::Silence);
    let mut clients = Vec::new();
    for _ in 0..5 {
        let mut client = gated.bench.connect().await;
        client.send("hello").await;
        clients.push(client);
    }
    gated.waiting_become(5).await;
    gated.judge(SOME);
    gated.bench.connections_become(3).await;
    let mut served = 0;
    for client in &mut clients {
        let mut octets = [0; 9];
        let read = timeout(SOON, client.0.read_exact(&mut octets)).await;
        served += usize::from(read.unwrap().is_ok());
    }
    assert_eq!(served, 3);
}

#[tokio::test]
async fn people_in_a_hurry_get_a_reset() {
    let gated = Gated::new(NOBODY, Limits::default(), Denied::Reset);
    for _ in 0..3 {
        let mut client = gated.bench.connect().await;
        let end = timeout(SOON, client.0.read(&mut [0; 1])).await.unwrap();
        assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    }
    gated.judge(SOME);
    let mut client = gated.bench.connect().await;
    assert_eq!(client.ask("in").await, "in");
    gated.judge(REVOKED);
    assert_eq!(client.ask("tracked").await, "tracked");
    gated.judge(NOBODY);
    let end = timeout(SOON, client.0.read(&mut [0; 1])).await.unwrap();
    assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    gated.bench.connections_become(0).await;
}

#[tokio::test]
async fn a_service_can_go_while_clients_wait_for_it() {
    let gated = gated(NOBODY);
    let mut waiting = gated.bench.connect().await;
    waiting.hears_nothing().await;
    timeout(SOON, gated.bench.transport.remove(gated.group, SOON))
        .await
        .unwrap();
    waiting.closed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_connections_are_judged_when_the_change_is_made() {
    let gated = gated(ALL);
    let mut clients = Vec::new();
    for _ in 0..1000 {
        let mut client = gated.bench.connect().await;
        assert_eq!(client.ask("in").await, "in");
        clients.push(client);
    }
    for round in 0..3 {
        let began = Instant::now();
        gated.judge(NOBODY);
        println!("1000 connections shut in {:?}", began.elapsed());
        assert_eq!(gated.states().len(), 1000);
        for client in &mut clients {
            client.send(&format!("round {round}")).await;
        }
        clients[round].hears_nothing().await;
        gated.judge(ALL);
        for client in &mut clients {
            assert_eq!(client.receive().await, format!("round {round}").as_bytes());
        }
    }
}

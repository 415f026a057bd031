//! Many connections with many calls under way, on one thread.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use hdrhistogram::Histogram;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::records::Records;

/// How long a server may say nothing while something is asked of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// The longest time that is told from others, in nanoseconds.
const LONGEST: u64 = 120_000_000_000;

/// What keeps one call at a time under way.
pub trait Lane {
    /// Appends the RPC message of the next call, whose transaction id is `xid`. `false` if there
    /// is nothing left to do.
    ///
    /// # Errors
    /// Those of the lane.
    fn call(&mut self, xid: u32, message: &mut Vec<u8>) -> Result<bool>;

    /// Takes the reply to the last call, and gives how many operations have ended with it; 0 in
    /// the middle of one.
    ///
    /// # Errors
    /// If it is not what it has to be.
    fn reply(&mut self, message: &[u8]) -> Result<u64>;
}

/// A connection.
struct Link {
    stream: TcpStream,
    input: Records,
    output: Vec<u8>,
    sent: usize,
}

/// A lane, and where it stands.
struct Place<L> {
    lane: L,
    link: usize,
    /// How often it has called, so that an old reply is not taken for a new one.
    round: u8,
    /// When the operation that is under way began; nothing while none is.
    since: Option<Instant>,
}

/// What was done between two times.
#[derive(Clone, Debug)]
pub struct Done {
    /// Operations that have ended.
    pub operations: u64,
    /// Messages that came back.
    pub messages: u64,
    /// Octets of the messages that were sent, with their marks.
    pub sent: u64,
    /// Octets of the messages that came back.
    pub received: u64,
    /// How long they took, in nanoseconds.
    pub latency: Histogram<u64>,
    /// From the first to the last.
    pub wall: Duration,
}

impl Done {
    /// Nothing.
    fn none() -> Result<Self> {
        Self::without_messages(0, Duration::ZERO)
    }

    /// So many operations that took no messages.
    ///
    /// # Errors
    /// None.
    pub fn without_messages(operations: u64, wall: Duration) -> Result<Self> {
        Ok(Self {
            operations,
            messages: 0,
            sent: 0,
            received: 0,
            latency: Histogram::new_with_bounds(1, LONGEST, 3)?,
            wall,
        })
    }
}

/// Connections and their lanes.
pub struct Driver<L> {
    poll: Poll,
    links: Vec<Link>,
    places: Vec<Place<L>>,
    stopping: bool,
    done: Done,
}

/// Bits of a transaction id that say which lane; the others count.
const LANE_BITS: u32 = 24;

impl<L: Lane> Driver<L> {
    /// Nothing under way.
    ///
    /// # Errors
    /// Those of the system.
    pub fn new() -> Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            links: Vec::new(),
            places: Vec::new(),
            stopping: false,
            done: Done::none()?,
        })
    }

    /// Connects; gives the connection's number.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn connect(&mut self, address: SocketAddr) -> Result<usize> {
        let stream = std::net::TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        let number = self.links.len();
        self.poll.registry().register(
            &mut stream,
            Token(number),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        self.links.push(Link {
            stream,
            input: Records::default(),
            output: Vec::new(),
            sent: 0,
        });
        Ok(number)
    }

    /// Adds a lane to a connection.
    pub fn add(&mut self, link: usize, lane: L) {
        self.places.push(Place {
            lane,
            link,
            round: 0,
            since: None,
        });
    }

    /// All lanes, none of which may be at an operation.
    pub fn lanes(&mut self) -> impl Iterator<Item = &mut L> {
        self.places.iter_mut().map(|place| &mut place.lane)
    }

    /// Forgets what was measured, and begins anew with what is under way.
    pub fn reset(&mut self) {
        (self.done.operations, self.done.messages) = (0, 0);
        (self.done.sent, self.done.received) = (0, 0);
        self.done.latency.clear();
        self.done.wall = Duration::ZERO;
    }

    /// What was done since the last [`Driver::reset`].
    #[must_use]
    pub fn done(&self) -> Done {
        self.done.clone()
    }

    /// Keeps all lanes busy until the time is over or nothing is left to do, and tells whether
    /// something is. What is under way then stays so.
    ///
    /// # Errors
    /// If a server does not answer, or answers something wrong.
    pub fn run(&mut self, time: Duration, progress: &mut dyn FnMut(u64)) -> Result<bool> {
        let begin = Instant::now();
        self.stopping = false;
        for number in 0..self.places.len() {
            if self.places[number].since.is_none() {
                self.begin(number, begin)?;
            }
        }
        self.pump(Some(begin + time), progress)?;
        self.done.wall += begin.elapsed();
        Ok(self.places.iter().any(|place| place.since.is_some()))
    }

    /// Lets every lane end the operation that it is at.
    ///
    /// # Errors
    /// As [`Driver::run`].
    pub fn finish(mut self) -> Result<Vec<L>> {
        self.stopping = true;
        self.pump(None, &mut |_| {})?;
        Ok(self.places.into_iter().map(|place| place.lane).collect())
    }

    fn pump(&mut self, end: Option<Instant>, progress: &mut dyn FnMut(u64)) -> Result<()> {
        let mut events = Events::with_capacity(1024);
        for link in 0..self.links.len() {
            self.flush(link)?;
        }
        let mut last_heard = Instant::now();
        while self.places.iter().any(|place| place.since.is_some()) {
            let now = Instant::now();
            if end.is_some_and(|end| now >= end) {
                return Ok(());
            }
            ensure!(now - last_heard < PATIENCE, "the server says nothing");
            let wait = end.map_or(PATIENCE, |end| end - now);
            match self
                .poll
                .poll(&mut events, Some(wait.min(Duration::from_secs(1))))
            {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                other => other?,
            }
            for event in &events {
                last_heard = now;
                let link = event.token().0;
                if event.is_readable() {
                    self.read(link)?;
                }
                self.flush(link)?;
            }
            progress(self.done.operations);
        }
        Ok(())
    }

    /// Takes whatever a connection has to say, and asks on.
    fn read(&mut self, number: usize) -> Result<()> {
        loop {
            let link = &mut self.links[number];
            let room = link.input.room();
            let wanted = room.len();
            let count = match link.stream.read(room) {
                Ok(0) => bail!("the server has closed a connection"),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            link.input.filled(count);
            self.take(number)?;
            if count < wanted {
                return Ok(());
            }
        }
    }

    fn take(&mut self, number: usize) -> Result<()> {
        let now = Instant::now();
        // Moved out meanwhile, as the lanes append to the connection's output.
        let mut input = std::mem::take(&mut self.links[number].input);
        while let Some(message) = input.next()? {
            let xid = message.first_chunk().context("a short reply")?;
            let xid = u32::from_be_bytes(*xid);
            let index = (xid & ((1 << LANE_BITS) - 1)) as usize;
            let place = self.places.get_mut(index).context("nobody asked")?;
            ensure!(
                place.since.is_some() && place.round == (xid >> LANE_BITS) as u8,
                "a reply to nothing that was asked"
            );
            self.done.messages += 1;
            self.done.received += message.len() as u64 + 4;
            let ended = place.lane.reply(message)?;
            if ended > 0 {
                self.done.operations += ended;
                let taken = place.since.map_or(Duration::ZERO, |since| now - since);
                let nanoseconds = u64::try_from(taken.as_nanos())?;
                self.done.latency.saturating_record(nanoseconds.max(1));
                place.since = None;
                if !self.stopping {
                    self.begin(index, now)?;
                }
            } else {
                self.call(index)?;
            }
        }
        self.links[number].input = input;
        Ok(())
    }

    fn begin(&mut self, index: usize, now: Instant) -> Result<()> {
        if self.call(index)? {
            self.places[index].since = Some(now);
        }
        Ok(())
    }

    fn call(&mut self, index: usize) -> Result<bool> {
        let place = &mut self.places[index];
        let output = &mut self.links[place.link].output;
        let mark = output.len();
        place.round = place.round.wrapping_add(1);
        let xid = u32::from(place.round) << LANE_BITS | u32::try_from(index)?;
        output.extend_from_slice(&[0; 4]);
        if !place.lane.call(xid, output)? {
            output.truncate(mark);
            return Ok(false);
        }
        self.done.sent += (output.len() - mark) as u64;
        let length = u32::try_from(output.len() - mark - 4)?;
        output[mark..mark + 4].copy_from_slice(&(length | 1 << 31).to_be_bytes());
        Ok(true)
    }

    fn flush(&mut self, number: usize) -> Result<()> {
        let link = &mut self.links[number];
        while link.sent < link.output.len() {
            match link.stream.write(&link.output[link.sent..]) {
                Ok(count) => link.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        link.output.clear();
        link.sent = 0;
        Ok(())
    }
}

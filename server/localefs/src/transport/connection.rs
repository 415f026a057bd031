//! One TCP connection: the task that owns its socket.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::select;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, error};

use super::Shared;
use super::calls::Calls;
use super::control::Order;
use super::ending::{Closing, Ended};
use super::inbound::Inbound;
use super::limits::{OCTETS_PER_TURN, RECORDS_PER_LOOK, RECORDS_PER_TURN, TURN};
use super::outbound::Outbound;
use super::registry::Entry;
use super::service::{Answer, Service};

/// How often to look whether a client has left that has sent what is not to be read.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// What a connection waits for next.
enum Event {
    Ordered,
    Replied(Option<Vec<Bytes>>),
    Extended,
    Ready { readable: bool },
    Late,
}

/// A connection and all that belongs to it.
pub(super) struct Connection<S> {
    shared: Arc<Shared>,
    service: S,
    stream: TcpStream,
    entry: Entry,
    inbound: Inbound,
    calls: Calls,
    outbound: Outbound,
    /// Set once no further record is taken: what is under way is finished, then it closes.
    closing: bool,
    /// Whether it could ever have been read from.
    was_served: bool,
    /// Whether to read on, as far as memory goes.
    reading: bool,
    /// Whether reading waits for memory.
    starved: bool,
    /// Since when nothing has been received that was waited for.
    receiving_since: Instant,
    /// Since when the client has not taken anything of what is queued for it.
    sending_since: Instant,
}

impl<S: Service> Connection<S> {
    pub(super) fn new(shared: Arc<Shared>, service: S, stream: TcpStream, entry: Entry) -> Self {
        let now = Instant::now();
        Self {
            inbound: Inbound::new(shared.longest_record, Arc::clone(&shared.buffers)),
            calls: Calls::default(),
            outbound: Outbound::new(Arc::clone(&shared.unread)),
            shared,
            service,
            stream,
            entry,
            closing: false,
            was_served: false,
            reading: true,
            starved: false,
            receiving_since: now,
            sending_since: now,
        }
    }

    /// Serves the connection to its end.
    pub(super) async fn run(&mut self) {
        let connection = Arc::clone(&self.entry.connection);
        debug!(id = connection.id, peer = %connection.peer, "connected");
        match self.serve().await {
            Ok(()) => debug!(id = connection.id, "closed"),
            Err(why) => debug!(id = connection.id, %why, "closed"),
        }
    }

    async fn serve(&mut self) -> Result<(), Ended> {
        loop {
            if self.entry.control.is_halted() {
                self.thaw().await?;
            }
            self.was_served = true;
            let all_taken = self.take_records();
            if self.entry.control.is_halted() {
                continue;
            }
            self.flush().await?;
            if self.closing && self.calls.len() == 0 && self.outbound.is_empty() {
                return Ok(());
            }
            if !all_taken && !self.closing && !self.backlogged() {
                tokio::task::yield_now().await;
                continue;
            }
            self.prepare();
            match self.event().await? {
                Event::Ordered => self.obey()?,
                Event::Replied(reply) => self.replied(reply),
                Event::Extended => self.starved = false,
                Event::Ready { readable: true } => self.read().await?,
                Event::Ready { readable: false } => {}
                Event::Late => return Err(self.lateness()),
            }
        }
    }

    /// Answers the records that are there, as far as the bounds and this turn go. Tells whether
    /// none is left.
    fn take_records(&mut self) -> bool {
        let before = self.outbound.octets();
        // Short turns, which most are, do without a clock.
        let mut began = None;
        for turn in 1..=RECORDS_PER_TURN {
            let queued = self.outbound.octets() - before;
            let late = turn % RECORDS_PER_LOOK == 0
                && began.get_or_insert_with(Instant::now).elapsed() >= TURN;
            if self.closing
                || late
                || self.backlogged()
                || queued >= OCTETS_PER_TURN
                || self.entry.control.is_halted()
            {
                return false;
            }
            match self.inbound.next() {
                Ok(Some((record, share))) => {
                    let service = &self.service;
                    let connection = &self.entry.connection;
                    // Whoever serves it cleans up behind a panic; the other calls go on.
                    let answer =
                        catch_unwind(AssertUnwindSafe(|| service.receive(record, connection)));
                    match answer {
                        Ok(Answer::Reply(reply)) => self.queue(reply),
                        Ok(Answer::Later(call)) => self.calls.start(call, share),
                        Ok(Answer::After(pause, call)) => {
                            self.calls.start_after(pause, call, share);
                        }
                        Ok(Answer::Close) => self.close(&Closing::Unanswerable),
                        Err(_) => error!("a call ended without a reply: it panicked"),
                    }
                }
                Ok(None) => return true,
                Err(error) => self.close(&error.into()),
            }
        }
        false
    }

    /// Whether the client has as much under way as it may have.
    fn backlogged(&self) -> bool {
        let limits = &self.shared.limits;
        self.calls.len() >= limits.calls
            || self.calls.octets() >= limits.call_octets
            || self.outbound.octets() >= limits.unread_octets
            || (!self.outbound.is_empty() && self.outbound.all_octets() >= limits.all_unread_octets)
    }

    /// Settles what the next wait is for.
    fn prepare(&mut self) {
        self.inbound.rest();
        let reading = !self.closing && !self.backlogged();
        self.entry
            .control
            .set_unfinished(reading && self.inbound.unfinished());
        if reading && !self.reading {
            // The pause was the server's.
            self.receiving_since = Instant::now();
        }
        self.reading = reading;
        self.starved &= reading;
    }

    /// Waits for whatever comes first.
    async fn event(&mut self) -> Result<Event, Ended> {
        let interest = match (self.reading && !self.starved, !self.outbound.is_empty()) {
            (true, true) => Some(Interest::READABLE | Interest::WRITABLE),
            (true, false) => Some(Interest::READABLE),
            (false, true) => Some(Interest::WRITABLE),
            (false, false) => None,
        };
        let deadline = self.deadline();
        select! {
            biased;
            () = self.entry.control.ordered() => Ok(Event::Ordered),
            reply = self.calls.ended(), if self.calls.len() > 0 => Ok(Event::Replied(reply)),
            share = self.shared.requests.take(self.inbound.lacking()), if self.starved => {
                self.inbound.extend(share);
                Ok(Event::Extended)
            }
            ready = self.stream.ready(interest.unwrap_or(Interest::READABLE)),
                if interest.is_some() => {
                let readable = self.reading && !self.starved && ready?.is_readable();
                Ok(Event::Ready { readable })
            }
            () = sleep_until(deadline.unwrap_or(self.receiving_since)), if deadline.is_some() => {
                Ok(Event::Late)
            }
        }
    }

    /// When patience with the client ends.
    fn deadline(&self) -> Option<Instant> {
        let receiving = self.reading && (self.starved || self.inbound.unfinished());
        let sending = !self.outbound.is_empty();
        let since = match (receiving, sending) {
            (true, true) => self.receiving_since.min(self.sending_since),
            (true, false) => self.receiving_since,
            (false, true) => self.sending_since,
            (false, false) => return None,
        };
        Some(since + self.shared.limits.stall)
    }

    fn lateness(&self) -> Ended {
        let stall = self.shared.limits.stall;
        if !self.outbound.is_empty() && self.sending_since.elapsed() >= stall {
            Ended::Unread
        } else if self.starved {
            Ended::NoMemory
        } else {
            Ended::Unfinished
        }
    }

    fn obey(&mut self) -> Result<(), Ended> {
        match self.entry.control.order() {
            Order::Serve => {}
            Order::Finish => self.close(&Closing::Stop),
            Order::Cut => return Err(Ended::Cut),
            Order::Reset => {
                // Closing it then sends RST (tcp(7)).
                SockRef::from(&self.stream).set_linger(Some(Duration::ZERO))?;
                return Err(Ended::Reset);
            }
        }
        Ok(())
    }

    /// Waits, deaf and dumb, until the connection is neither frozen nor its gate shut.
    async fn thaw(&mut self) -> Result<(), Ended> {
        while self.entry.control.is_halted() {
            select! {
                biased;
                () = self.entry.control.ordered() => {}
                () = gone(&self.stream, self.was_served) => return Err(Ended::Gone),
            }
            self.obey()?;
            let stopping = self.entry.control.order() != Order::Serve;
            if stopping && self.entry.control.is_halted() {
                return Err(Ended::Cut);
            }
        }
        // The pause was the server's.
        self.receiving_since = Instant::now();
        self.sending_since = Instant::now();
        Ok(())
    }

    fn replied(&mut self, reply: Option<Vec<Bytes>>) {
        let mut ended = Some(reply);
        while let Some(reply) = ended {
            if let Some(reply) = reply {
                self.queue(reply);
            }
            ended = self.calls.try_ended();
        }
    }

    fn queue(&mut self, reply: Vec<Bytes>) {
        if self.outbound.is_empty() {
            self.sending_since = Instant::now();
        }
        self.outbound.push(reply);
    }

    fn close(&mut self, why: &Closing) {
        if !self.closing {
            debug!(id = self.entry.connection.id, %why, "closing");
            self.closing = true;
        }
    }

    /// Reads once, if there is memory for it.
    async fn read(&mut self) -> Result<(), Ended> {
        if !self.inbound.try_extend(&self.shared.requests) {
            self.starved = true;
            if !self.inbound.unfinished() {
                self.receiving_since = Instant::now();
            }
            return Ok(());
        }
        let (inbound, stream) = (&mut self.inbound, &mut self.stream);
        // Not waited for: the socket is known to be readable, and unlike waiting this needs no
        // buffer before it is.
        let read =
            poll_fn(|context| Poll::Ready(inbound.poll_read(Pin::new(&mut *stream), context)));
        match read.await {
            Poll::Ready(Ok(0)) => self.close(&Closing::EndOfStream),
            Poll::Ready(Ok(_)) => self.receiving_since = Instant::now(),
            Poll::Ready(Err(error)) => return Err(error.into()),
            Poll::Pending => {}
        }
        Ok(())
    }

    /// Writes what the socket takes.
    async fn flush(&mut self) -> Result<(), Ended> {
        if self.outbound.is_empty() {
            return Ok(());
        }
        let before = self.outbound.octets();
        let (outbound, stream) = (&mut self.outbound, &mut self.stream);
        let written = poll_fn(|context| Poll::Ready(outbound.poll_flush(&mut *stream, context)));
        if let Poll::Ready(Err(error)) = written.await {
            return Err(error.into());
        }
        if self.outbound.octets() < before {
            self.sending_since = Instant::now();
        }
        Ok(())
    }
}

/// Waits until the client has left for good, and reads nothing meanwhile. Who has been served may
/// have closed its side and still wait for replies.
async fn gone(stream: &TcpStream, was_served: bool) {
    if was_served {
        // An error is that of the connection's end.
        let _ = stream.ready(Interest::ERROR).await;
        return;
    }
    loop {
        let Ok(ready) = stream.ready(Interest::READABLE | Interest::ERROR).await else {
            return;
        };
        if ready.is_error() || ready.is_read_closed() {
            return;
        }
        // What there is to read stays, and would make it ready again at once.
        sleep(BETWEEN_LOOKS).await;
    }
}

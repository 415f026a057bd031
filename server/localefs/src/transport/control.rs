//! What one connection is told from outside, and what it shows.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::door::Door;

/// What a connection has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Order {
    /// Nothing.
    Serve = 0,
    /// Take no further record, answer those taken, and close.
    Finish = 1,
    /// Close.
    Cut = 2,
    /// Close, and let the client know by RST.
    Reset = 3,
}

/// How the rest of the process reaches one connection.
#[derive(Debug)]
pub(super) struct Control {
    order: AtomicU8,
    given: Notify,
    frozen: AtomicBool,
    /// The gate lets nothing through.
    shut: AtomicBool,
    door: Door,
    /// When its unfinished record began, in milliseconds since the registry was made, plus one;
    /// 0 between records.
    unfinished: AtomicU64,
    began: Instant,
}

impl Control {
    /// Of a connection through this door, which is told nothing yet; `began` is when the registry
    /// was made.
    pub(super) fn new(door: Door, began: Instant) -> Self {
        Self {
            order: AtomicU8::new(Order::Serve as u8),
            given: Notify::new(),
            frozen: AtomicBool::new(false),
            shut: AtomicBool::new(false),
            door,
            unfinished: AtomicU64::new(0),
            began,
        }
    }

    pub(super) fn door(&self) -> &Door {
        &self.door
    }

    /// Gives an order; a weaker one than it has had changes nothing.
    pub(super) fn give(&self, order: Order) {
        self.order.fetch_max(order as u8, Ordering::Relaxed);
        self.given.notify_one();
    }

    pub(super) fn order(&self) -> Order {
        match self.order.load(Ordering::Relaxed) {
            0 => Order::Serve,
            1 => Order::Finish,
            2 => Order::Cut,
            _ => Order::Reset,
        }
    }

    /// Says whether the connection is frozen.
    pub(super) fn freeze(&self, frozen: bool) {
        if self.frozen.swap(frozen, Ordering::Relaxed) != frozen {
            self.given.notify_one();
        }
    }

    /// Says whether its gate lets nothing through.
    pub(super) fn shut(&self, shut: bool) {
        if self.shut.swap(shut, Ordering::Relaxed) != shut {
            self.given.notify_one();
        }
    }

    /// Whether nothing is to be read or written. [`Control::ordered`] tells of a change.
    pub(super) fn is_halted(&self) -> bool {
        self.frozen.load(Ordering::Relaxed) || self.shut.load(Ordering::Relaxed)
    }

    /// Waits for an order.
    pub(super) async fn ordered(&self) {
        self.given.notified().await;
    }

    /// Says whether a record is unfinished; of repeated calls with true the first counts.
    pub(super) fn set_unfinished(&self, unfinished: bool) {
        if !unfinished {
            self.unfinished.store(0, Ordering::Relaxed);
        } else if self.unfinished.load(Ordering::Relaxed) == 0 {
            let since = self.milliseconds(Instant::now()) + 1;
            self.unfinished.store(since, Ordering::Relaxed);
        }
    }

    fn milliseconds(&self, now: Instant) -> u64 {
        u64::try_from(now.duration_since(self.began).as_millis()).unwrap_or(u64::MAX - 1)
    }

    /// For how long a record has been unfinished.
    pub(super) fn unfinished_for(&self, now: Instant) -> Option<Duration> {
        let since = self.unfinished.load(Ordering::Relaxed).checked_sub(1)?;
        Some(Duration::from_millis(
            self.milliseconds(now).saturating_sub(since),
        ))
    }
}

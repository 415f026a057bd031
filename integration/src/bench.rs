//! What most tests begin with: a lab, a server, and guests that mounted it.

use std::thread;

use anyhow::{Result, anyhow};

use crate::guest::{EFS_OPTIONS, Guest};
use crate::lab::Lab;
use crate::server::{Server, ServerOptions};

/// A lab in use. The fields go away in this order.
#[derive(Debug)]
pub struct Bench {
    /// The guests, named guest1, guest2, and so on.
    pub guests: Vec<Guest>,
    /// The server.
    pub server: Server,
    /// What they are in.
    pub lab: Lab,
}

impl Bench {
    /// One guest, mounted as EFS recommends, and a server that is not restarted.
    pub fn one() -> Result<Self> {
        Self::start(ServerOptions::default(), 1)
    }

    /// Two guests.
    pub fn two() -> Result<Self> {
        Self::start(ServerOptions::default(), 2)
    }

    /// So many guests, mounted as EFS recommends.
    pub fn start(options: ServerOptions, guests: usize) -> Result<Self> {
        let bench = Self::unmounted(options, guests)?;
        for guest in &bench.guests {
            guest.mount(EFS_OPTIONS)?;
        }
        Ok(bench)
    }

    /// So many guests that mounted nothing yet.
    pub fn unmounted(options: ServerOptions, guests: usize) -> Result<Self> {
        let lab = Lab::new()?;
        let server = lab.serve(options)?;
        let guests = thread::scope(|scope| {
            let boot = |number| lab.boot(&format!("guest{number}"));
            let threads: Vec<_> = (1..=guests)
                .map(|number| scope.spawn(move || boot(number)))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().map_err(|_| anyhow!("a boot panicked"))?)
                .collect::<Result<Vec<Guest>>>()
        })?;
        Ok(Self {
            guests,
            server,
            lab,
        })
    }

    /// The first guest.
    #[must_use]
    pub fn guest(&self) -> &Guest {
        &self.guests[0]
    }
}

/// How often or how long, in an ordinary run and in a soak (`LOCALEFS_SOAK=1`).
#[must_use]
pub fn amount(ordinary: u32, soak: u32) -> u32 {
    if std::env::var_os("LOCALEFS_SOAK").is_some() {
        soak
    } else {
        ordinary
    }
}

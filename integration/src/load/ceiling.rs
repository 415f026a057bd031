//! The ceiling that a server is compared with: a blocking server with a thread for each
//! connection, which does nothing but the bare system calls, with messages of the same length.

use std::io::{self, IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::bare::{Bare, CALLS, Call};
use super::driver::Lane;

/// The longest message.
const LONGEST: usize = 2 << 20;

/// Octets before the data of a request: transaction id, call, length of the reply, offset.
const HEAD: usize = 4 + 4 + 4 + 8;

/// Serves for ever; says on standard output where.
///
/// # Errors
/// Those of the system.
pub fn serve(directory: &Path, octets: u64) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept()?;
        let directory: PathBuf = directory.into();
        std::thread::spawn(move || {
            // It ends when the client does.
            let _ = converse(stream, &directory, octets);
        });
    }
}

fn converse(mut stream: TcpStream, directory: &Path, octets: u64) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut bare = Bare::new(directory, octets)?;
    let mut input = vec![0; LONGEST];
    let mut output = vec![0; LONGEST];
    let mut filled = 0;
    loop {
        filled += match stream.read(&mut input[filled..])? {
            0 => break,
            count => count,
        };
        let mut taken = 0;
        while let Some(mark) = input[taken..filled].first_chunk() {
            let length = (u32::from_be_bytes(*mark) & (u32::MAX >> 1)) as usize;
            let end = taken + 4 + length;
            if end > filled {
                break;
            }
            answer(
                &mut stream,
                &mut bare,
                &mut input[taken + 4..end],
                &mut output,
            )?;
            taken = end;
        }
        input.copy_within(taken..filled, 0);
        filled -= taken;
    }
    bare.clean()?;
    Ok(())
}

fn answer(
    stream: &mut TcpStream,
    bare: &mut Bare,
    message: &mut [u8],
    output: &mut [u8],
) -> Result<()> {
    let (head, data) = message.split_at_mut_checked(HEAD).context("too short")?;
    let word = |at: usize| {
        let octets = head[at..at + 4].first_chunk().copied();
        u32::from_be_bytes(octets.unwrap_or_default())
    };
    let call = CALLS.get(word(4) as usize).context("no such call")?;
    let length = word(8) as usize;
    let offset = u64::from(word(12)) << 32 | u64::from(word(16));
    ensure!((4..=LONGEST).contains(&length), "a reply of {length}");
    let payload = &mut output[..length - 4];
    match call {
        Call::Write => bare.execute(*call, offset, data)?,
        _ => bare.execute(*call, offset, payload)?,
    }
    let mark = (u32::try_from(length)? | 1 << 31).to_be_bytes();
    let begin = [mark, *head.first_chunk().context("no id")?].concat();
    write_both(stream, &begin, payload)?;
    Ok(())
}

fn write_both(stream: &mut TcpStream, first: &[u8], second: &[u8]) -> io::Result<()> {
    let slices = [IoSlice::new(first), IoSlice::new(second)];
    let written = stream.write_vectored(&slices)?;
    match written.checked_sub(first.len()) {
        Some(of_second) => stream.write_all(&second[of_second..]),
        None => {
            stream.write_all(&first[written..])?;
            stream.write_all(second)
        }
    }
}

/// Asks a ceiling for one call after the other.
#[derive(Debug)]
pub struct Asker {
    calls: &'static [Call],
    at: usize,
    request: usize,
    reply: usize,
    /// Octets that an operation moves, one after the other.
    block: u64,
    next: u64,
    ended: u64,
}

impl Asker {
    /// Messages of these lengths; blocks of `block` octets are gone through in order, from block
    /// `first` on. An operation counts as `ended` ones.
    #[must_use]
    pub fn new(
        calls: &'static [Call],
        (request, reply): (usize, usize),
        block: u64,
        first: u64,
        ended: u64,
    ) -> Self {
        Self {
            calls,
            at: 0,
            request: request.clamp(HEAD, LONGEST),
            reply: reply.clamp(4, LONGEST),
            block,
            next: first,
            ended,
        }
    }
}

impl Lane for Asker {
    fn call(&mut self, xid: u32, message: &mut Vec<u8>) -> Result<bool> {
        let call = self.calls[self.at];
        let number = CALLS.iter().position(|known| *known == call);
        let begin = message.len();
        message.extend_from_slice(&xid.to_be_bytes());
        message.extend_from_slice(&u32::try_from(number.context("no call")?)?.to_be_bytes());
        message.extend_from_slice(&u32::try_from(self.reply)?.to_be_bytes());
        message.extend_from_slice(&(self.next * self.block).to_be_bytes());
        message.resize(begin + self.request, 7);
        Ok(true)
    }

    fn reply(&mut self, message: &[u8]) -> Result<u64> {
        ensure!(message.len() == self.reply, "another length");
        self.at = (self.at + 1) % self.calls.len();
        if self.at > 0 {
            return Ok(0);
        }
        // Coprime to the number of blocks, so that all have their turn.
        self.next = self
            .next
            .wrapping_add(if self.block > 1 << 16 { 1 } else { 7919 });
        Ok(self.ended)
    }
}

/// The bare calls without any messages, over and over again; gives how often.
///
/// # Errors
/// Those of the system.
pub fn alone(bare: &mut Bare, calls: &[Call], block: usize, time: Duration) -> Result<u64> {
    let begin = Instant::now();
    let mut data = vec![7; block];
    let mut count = 0u64;
    while begin.elapsed() < time {
        for _ in 0..64 {
            for call in calls {
                bare.execute(*call, count.wrapping_mul(block as u64), &mut data)?;
            }
            count += 1;
        }
    }
    Ok(count)
}

//! The ceiling that a server is compared with: a blocking server with a thread for each
//! connection, which does nothing but the bare system calls, with messages of the same length.

use std::io::{self, IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::bare::{Bare, CALLS, Call, Ground};
use super::driver::Lane;

/// The longest message.
const LONGEST: usize = 2 << 20;

/// Octets before the data of a request: transaction id, call, length of the reply, offset.
pub const HEAD: usize = 4 + 4 + 4 + 8;

/// Serves on `ground` for ever; says on standard output where.
///
/// # Errors
/// Those of the system.
pub fn serve(ground: &Ground) -> Result<()> {
    ground.prepare()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept()?;
        let ground = ground.clone();
        std::thread::spawn(move || {
            // It ends when the client does.
            let _ = converse(stream, &ground);
        });
    }
}

fn converse(mut stream: TcpStream, ground: &Ground) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut bare = Bare::new(ground)?;
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

/// What a ceiling is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Task {
    /// One after the other.
    pub calls: &'static [Call],
    /// Octets of each request.
    pub request: usize,
    /// Octets of each reply.
    pub reply: usize,
    /// Octets that an operation moves, one after the other; or the entries that it lists.
    pub block: u64,
    /// What all calls together count as.
    pub ended: u64,
    /// How often they are made at most.
    pub cycles: u64,
    /// After how many times the large file is brought to the disk.
    pub commit: Option<u64>,
}

impl Task {
    fn commits_after(&self, count: u64) -> bool {
        self.commit.is_some_and(|every| count.is_multiple_of(every))
    }
}

/// Asks a ceiling for one call after the other.
#[derive(Debug)]
pub struct Asker {
    task: Task,
    at: usize,
    next: u64,
    left: u64,
    done: u64,
    committing: bool,
}

impl Asker {
    /// Blocks are gone through in order, from block `first` on.
    #[must_use]
    pub fn new(mut task: Task, first: u64) -> Self {
        task.request = task.request.clamp(HEAD, LONGEST);
        task.reply = task.reply.clamp(4, LONGEST);
        Self {
            task,
            at: 0,
            next: first,
            left: task.cycles,
            done: 0,
            committing: false,
        }
    }

    /// Makes other calls from now on, as often as before.
    pub fn turn_to(&mut self, calls: &'static [Call]) {
        self.task.calls = calls;
        self.left = self.task.cycles;
    }
}

impl Lane for Asker {
    fn call(&mut self, xid: u32, message: &mut Vec<u8>) -> Result<bool> {
        if self.left == 0 {
            return Ok(false);
        }
        let task = &self.task;
        let call = match self.committing {
            true => Call::Commit,
            false => task.calls[self.at],
        };
        let number = CALLS.iter().position(|known| *known == call);
        let offset = match call {
            Call::List => task.ended,
            _ => self.next * task.block,
        };
        let begin = message.len();
        message.extend_from_slice(&xid.to_be_bytes());
        message.extend_from_slice(&u32::try_from(number.context("no call")?)?.to_be_bytes());
        message.extend_from_slice(&u32::try_from(task.reply)?.to_be_bytes());
        message.extend_from_slice(&offset.to_be_bytes());
        let request = match call {
            Call::Commit => HEAD,
            _ => task.request,
        };
        message.resize(begin + request, 7);
        Ok(true)
    }

    fn reply(&mut self, message: &[u8]) -> Result<u64> {
        ensure!(message.len() == self.task.reply, "another length");
        if !std::mem::take(&mut self.committing) {
            self.at = (self.at + 1) % self.task.calls.len();
            if self.at > 0 {
                return Ok(0);
            }
            self.done += 1;
            self.committing = self.task.commits_after(self.done);
            // The last one before it ends with it.
            if self.committing {
                return Ok(0);
            }
        }
        self.left -= 1;
        // Coprime to the number of blocks, so that all have their turn.
        let step = if self.task.block > 1 << 16 { 1 } else { 7919 };
        self.next = self.next.wrapping_add(step);
        Ok(self.task.ended)
    }
}

/// The calls of a task without any messages, over and over again for a time; gives how often.
///
/// # Errors
/// Those of the system.
pub fn alone(bare: &mut Bare, task: &Task, time: Duration) -> Result<u64> {
    let begin = Instant::now();
    let mut data = vec![7; usize::try_from(task.block)?];
    // The time is not asked for after each of those that take little.
    let turn = if task.ended > 1 { 1 } else { 64 };
    let mut count = 0u64;
    while count < task.cycles && begin.elapsed() < time {
        for _ in 0..turn.min(task.cycles - count) {
            for call in task.calls {
                let offset = match call {
                    Call::List => task.ended,
                    _ => count.wrapping_mul(task.block),
                };
                bare.execute(*call, offset, &mut data)?;
            }
            count += 1;
            if task.commits_after(count) {
                bare.execute(Call::Commit, 0, &mut data)?;
            }
        }
    }
    Ok(count)
}

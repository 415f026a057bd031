//! A connection that is kept alive, and HTTP/1.1 as far as it takes.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Octets that are read at once.
const CHUNK: usize = 64 << 10;

/// Header fields of an answer.
const FIELDS: usize = 64;

/// A connection to a server, opened again where the server closes it after an answer.
#[derive(Debug)]
pub(crate) struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    received: Vec<u8>,
}

/// How the body of an answer ends.
enum Length {
    Octets(usize),
    Chunked,
    UntilClosed,
}

/// What the head of an answer says.
struct Head {
    status: u16,
    octets: usize,
    length: Length,
    closes: bool,
}

impl Connection {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            stream: None,
            received: Vec::with_capacity(CHUNK),
        }
    }

    /// Connects, unless it is.
    pub(crate) async fn connect(&mut self) -> Result<()> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            self.stream = Some(stream);
            self.received.clear();
        }
        Ok(())
    }

    /// Sends a request, and gives the status and the body of its answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<(u16, Vec<u8>)> {
        self.connect().await?;
        let stream = self.stream.as_mut().context("not connected")?;
        stream.write_all(request).await?;
        let head = loop {
            if let Some(head) = head(&self.received)? {
                break head;
            }
            ensure!(
                read(stream, &mut self.received).await? > 0,
                "the server closes the connection without an answer"
            );
        };
        let (end, body) = loop {
            let rest = &self.received[head.octets..];
            match head.length {
                Length::Octets(octets) if rest.len() >= octets => {
                    break (head.octets + octets, rest[..octets].to_vec());
                }
                Length::Chunked => {
                    if let Some((used, body)) = chunks(rest)? {
                        break (head.octets + used, body);
                    }
                }
                _ => {}
            }
            if read(stream, &mut self.received).await? == 0 {
                ensure!(
                    matches!(head.length, Length::UntilClosed),
                    "the server closes the connection amid an answer"
                );
                break (self.received.len(), self.received[head.octets..].to_vec());
            }
        };
        self.received.drain(..end);
        if head.closes {
            self.stream = None;
        }
        Ok((head.status, body))
    }
}

async fn read(stream: &mut TcpStream, received: &mut Vec<u8>) -> Result<usize> {
    received.reserve(CHUNK);
    Ok(stream.read_buf(received).await?)
}

/// The head of an answer, once it is there.
fn head(received: &[u8]) -> Result<Option<Head>> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(octets) = response.parse(received)? else {
        return Ok(None);
    };
    let mut head = Head {
        status: response.code.unwrap_or_default(),
        octets,
        length: Length::UntilClosed,
        closes: response.version == Some(0),
    };
    for field in response.headers.iter() {
        let value = std::str::from_utf8(field.value)?.trim();
        if field.name.eq_ignore_ascii_case("content-length") {
            head.length = Length::Octets(value.parse()?);
        } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
            head.length = Length::Chunked;
        } else if field.name.eq_ignore_ascii_case("connection") {
            head.closes = value.eq_ignore_ascii_case("close");
        }
    }
    head.closes |= matches!(head.length, Length::UntilClosed);
    Ok(Some(head))
}

/// A body in chunks (RFC 9112 §7.1) and the octets that it takes, once it is whole.
fn chunks(rest: &[u8]) -> Result<Option<(usize, Vec<u8>)>> {
    let (mut at, mut body) = (0, Vec::new());
    loop {
        let httparse::Status::Complete((line, size)) = httparse::parse_chunk_size(&rest[at..])
            .map_err(|_| anyhow::anyhow!("a chunk without a size"))?
        else {
            return Ok(None);
        };
        let begin = at + line;
        let Ok(size) = usize::try_from(size) else {
            bail!("a chunk of {size} octets");
        };
        let end = begin + size + 2;
        if rest.len() < end {
            return Ok(None);
        }
        body.extend_from_slice(&rest[begin..begin + size]);
        at = end;
        if size == 0 {
            return Ok(Some((at, body)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_all_kinds_are_read() {
        let text = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}";
        let found = head(text).unwrap().unwrap();
        assert!(matches!(found.length, Length::Octets(2)) && !found.closes);
        assert_eq!((found.status, &text[found.octets..]), (201, &b"{}"[..]));
        for end in 0..found.octets {
            assert!(head(&text[..end]).unwrap().is_none());
        }
        let closed = head(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n").unwrap();
        assert!(closed.unwrap().closes);
        let body = b"3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n";
        assert_eq!(chunks(body).unwrap(), Some((body.len(), b"abcd".to_vec())));
        for end in 0..body.len() {
            assert_eq!(chunks(&body[..end]).unwrap(), None);
        }
    }
}

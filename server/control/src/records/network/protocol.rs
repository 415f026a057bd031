//! Protocols, ports, and ICMP's types and codes, as rules name them.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// First and last port, both in it.
pub type Ports = (u16, u16);

/// ICMP's type and code; -1 for any.
pub type Icmp = (i16, i16);

/// The protocol of a rule: one of IANA's numbers, or all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Protocol {
    /// `-1`.
    All,
    /// One, by its number.
    Number(u8),
}

impl Protocol {
    /// ICMP for IPv4.
    pub const ICMP: Self = Self::Number(1);
    /// TCP.
    pub const TCP: Self = Self::Number(6);
    /// UDP.
    pub const UDP: Self = Self::Number(17);
    /// ICMP for IPv6.
    pub const ICMPV6: Self = Self::Number(58);

    /// Whether a packet of TCP is meant.
    #[must_use]
    pub fn covers_tcp(self) -> bool {
        matches!(self, Self::All | Self::TCP)
    }

    /// The number, `-1` for all: how network ACLs show it.
    #[must_use]
    pub fn number(self) -> i16 {
        match self {
            Self::All => -1,
            Self::Number(number) => number.into(),
        }
    }
}

/// How security groups show it: `tcp`, `udp`, `icmp` and `icmpv6` by name, others by number.
impl Display for Protocol {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TCP => formatter.write_str("tcp"),
            Self::UDP => formatter.write_str("udp"),
            Self::ICMP => formatter.write_str("icmp"),
            Self::ICMPV6 => formatter.write_str("icmpv6"),
            other => write!(formatter, "{}", other.number()),
        }
    }
}

/// A name or number that no protocol has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such protocol")]
pub struct NoSuchProtocol;

impl FromStr for Protocol {
    type Err = NoSuchProtocol;

    fn from_str(text: &str) -> Result<Self, NoSuchProtocol> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "-1" | "all" => Self::All,
            "tcp" => Self::TCP,
            "udp" => Self::UDP,
            "icmp" => Self::ICMP,
            "icmpv6" => Self::ICMPV6,
            number => Self::Number(number.parse().map_err(|_| NoSuchProtocol)?),
        })
    }
}

impl TryFrom<String> for Protocol {
    type Error = NoSuchProtocol;

    fn try_from(text: String) -> Result<Self, NoSuchProtocol> {
        text.parse()
    }
}

impl From<Protocol> for String {
    fn from(protocol: Protocol) -> Self {
        protocol.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_protocol_is_read_as_it_is_shown() {
        for protocol in (0..=255).map(Protocol::Number).chain([Protocol::All]) {
            assert_eq!(protocol.to_string().parse(), Ok(protocol));
            assert_eq!(protocol.number().to_string().parse(), Ok(protocol));
        }
        for wrong in ["", "256", "-2", "sctp", "6.0"] {
            assert_eq!(wrong.parse::<Protocol>(), Err(NoSuchProtocol), "{wrong}");
        }
    }
}

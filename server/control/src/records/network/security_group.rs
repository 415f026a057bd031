//! Security groups and their rules.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use super::{Icmp, Ports, Protocol};
use crate::records::Tag;
use crate::store::Record;

/// The other side of a security group's rule: where traffic comes from, or goes to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "RemoteForm", into = "RemoteForm")]
pub enum Remote {
    /// IPv4 addresses.
    Ipv4(Ipv4Net),
    /// IPv6 addresses.
    Ipv6(Ipv6Net),
    /// The interfaces that have a security group, by its id. It may be gone: then none.
    Group(String),
    /// The addresses of a managed prefix list, by its id.
    PrefixList(String),
}

/// How [`Remote`] is kept: one of these is there.
#[derive(Default, Serialize, Deserialize)]
struct RemoteForm {
    cidr: Option<Ipv4Net>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cidr_ipv6: Option<Ipv6Net>,
    group: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prefix_list: Option<String>,
}

impl TryFrom<RemoteForm> for Remote {
    type Error = &'static str;

    fn try_from(form: RemoteForm) -> Result<Self, Self::Error> {
        match form {
            RemoteForm {
                cidr: Some(net), ..
            } => Ok(Self::Ipv4(net)),
            RemoteForm {
                cidr_ipv6: Some(net),
                ..
            } => Ok(Self::Ipv6(net)),
            RemoteForm {
                group: Some(id), ..
            } => Ok(Self::Group(id)),
            RemoteForm {
                prefix_list: Some(id),
                ..
            } => Ok(Self::PrefixList(id)),
            _ => Err("a rule without its other side"),
        }
    }
}

impl From<Remote> for RemoteForm {
    fn from(remote: Remote) -> Self {
        let mut form = Self::default();
        match remote {
            Remote::Ipv4(net) => form.cidr = Some(net),
            Remote::Ipv6(net) => form.cidr_ipv6 = Some(net),
            Remote::Group(id) => form.group = Some(id),
            Remote::PrefixList(id) => form.prefix_list = Some(id),
        }
        form
    }
}

impl Remote {
    /// The range of addresses, if it is one.
    #[must_use]
    pub fn net(&self) -> Option<IpNet> {
        match self {
            Self::Ipv4(net) => Some((*net).into()),
            Self::Ipv6(net) => Some((*net).into()),
            Self::Group(_) | Self::PrefixList(_) => None,
        }
    }
}

/// A rule of a security group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityGroupRule {
    /// `sgr-` and 17 hexadecimal digits.
    pub id: String,
    /// Whether it is for traffic from the group's interfaces.
    pub is_egress: bool,
    /// Which protocol.
    pub protocol: Protocol,
    /// Ports, of TCP and UDP; nothing for all. With any other protocol there are none.
    pub ports: Option<Ports>,
    /// Type and code, of ICMP and ICMPv6; nothing for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp: Option<Icmp>,
    /// The other side.
    #[serde(flatten)]
    pub remote: Remote,
    /// For people.
    pub description: Option<String>,
    /// Tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

impl SecurityGroupRule {
    /// Whether another rule lets the same through: no group has both.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.is_egress == other.is_egress
            && self.protocol == other.protocol
            && self.ports == other.ports
            && self.icmp == other.icmp
            && self.remote == other.remote
    }
}

/// A security group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// `sg-` and 17 hexadecimal digits.
    pub id: String,
    /// The VPC's id.
    pub vpc: String,
    /// Its name, unique in the VPC. `default` is that of the VPC's default group alone.
    pub name: String,
    /// For people.
    pub description: String,
    /// Its rules.
    #[serde(alias = "permissions")]
    pub rules: Vec<SecurityGroupRule>,
    /// Tags.
    pub tags: Vec<Tag>,
}

impl SecurityGroup {
    /// Whether it is its VPC's default group.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.name == "default"
    }
}

impl Record for SecurityGroup {
    const TABLE: &'static str = "control/security-groups";

    fn key(&self) -> &str {
        &self.id
    }

    fn indexes(&self) -> Vec<(&'static str, &str)> {
        let mut indexes = vec![("vpc", self.vpc.as_str())];
        for rule in &self.rules {
            indexes.push(("rule", &rule.id));
            match &rule.remote {
                Remote::Group(id) => indexes.push(("references", id)),
                Remote::PrefixList(id) => indexes.push(("prefix-list", id)),
                Remote::Ipv4(_) | Remote::Ipv6(_) => {}
            }
        }
        indexes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_read_as_they_were_first_kept() {
        let kept = r#"{"id":"sg-1","vpc":"vpc-1","name":"default","description":"d","permissions":[
            {"id":"sgr-1","is_egress":false,"protocol":"-1","ports":null,"cidr":null,
             "group":"sg-1","description":null},
            {"id":"sgr-2","is_egress":false,"protocol":"tcp","ports":[2049,2049],
             "cidr":"10.0.0.0/8","group":null,"description":"x"}],"tags":[]}"#;
        let group: SecurityGroup = serde_json::from_str(kept).unwrap();
        assert_eq!(group.rules[0].remote, Remote::Group("sg-1".to_owned()));
        let net = "10.0.0.0/8".parse().unwrap();
        assert_eq!(group.rules[1].remote, Remote::Ipv4(net));
        assert_eq!(group.rules[1].protocol, Protocol::TCP);
        assert_eq!(group.rules[1].ports, Some((2049, 2049)));
    }

    #[test]
    fn groups_are_kept_whole() {
        let rule = |remote| SecurityGroupRule {
            id: "sgr-1".to_owned(),
            is_egress: true,
            protocol: Protocol::ICMPV6,
            ports: None,
            icmp: Some((8, -1)),
            remote,
            description: None,
            tags: Vec::new(),
        };
        let remotes = [
            Remote::Ipv4("10.0.0.0/8".parse().unwrap()),
            Remote::Ipv6("fd00::/8".parse().unwrap()),
            Remote::Group("sg-2".to_owned()),
            Remote::PrefixList("pl-1".to_owned()),
        ];
        let group = SecurityGroup {
            id: "sg-1".to_owned(),
            vpc: "vpc-1".to_owned(),
            name: "n".to_owned(),
            description: "d".to_owned(),
            rules: remotes.into_iter().map(rule).collect(),
            tags: Vec::new(),
        };
        let kept = serde_json::to_string(&group).unwrap();
        assert_eq!(serde_json::from_str::<SecurityGroup>(&kept).unwrap(), group);
    }
}

//! Open-owners and lock-owners (RFC 8881 §2.4, §8.4, §9.1).

use std::sync::Arc;

use localefs_protocol::nfs4::Clientid4;

/// Longest name in octets that takes no memory beside the owner. Linux calls its open-owners by 24
/// octets, its lock-owners by 20.
const SHORT: usize = 30;

/// An open-owner or lock-owner. In a session its clientid is the session's (RFC 8881 §8.4).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OwnerKey {
    /// Whose owner it is.
    pub clientid: Clientid4,
    name: Name,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Name {
    /// Octets beyond the length are zero.
    Short {
        length: u8,
        octets: [u8; SHORT],
    },
    Long(Arc<[u8]>),
}

impl OwnerKey {
    /// The owner that a client calls `name`.
    #[must_use]
    pub fn new(clientid: Clientid4, name: &[u8]) -> Self {
        let name = Name::short(name).unwrap_or_else(|| Name::Long(name.into()));
        Self { clientid, name }
    }

    /// The client's name for it.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        match &self.name {
            Name::Short { length, octets } => octets.get(..usize::from(*length)),
            Name::Long(octets) => Some(octets.as_ref()),
        }
        .unwrap_or_default()
    }
}

impl Name {
    fn short(name: &[u8]) -> Option<Self> {
        let length = u8::try_from(name.len()).ok()?;
        let mut octets = [0; SHORT];
        octets.get_mut(..name.len())?.copy_from_slice(name);
        Some(Self::Short { length, octets })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn owners_of_every_length_keep_their_name_and_differ() {
        let names: Vec<_> = (0..=2 * SHORT)
            .flat_map(|length| [vec![0; length], vec![7; length]])
            .collect();
        let owners: HashSet<_> = names.iter().map(|name| OwnerKey::new(1, name)).collect();
        assert_eq!(
            owners.len(),
            names.len() - 1,
            "the empty one is there twice"
        );
        for name in names {
            let owner = OwnerKey::new(1, &name);
            assert_eq!(owner.name(), name);
            assert!(owners.contains(&owner) && !owners.contains(&OwnerKey::new(2, &name)));
        }
    }
}

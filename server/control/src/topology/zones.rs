//! Availability Zones: six in every region.

/// An Availability Zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// `us-east-1a`.
    pub name: String,
    /// `use1-az1`.
    pub id: String,
}

/// The zones of a region.
#[must_use]
pub fn zones(region: &str) -> Vec<Zone> {
    ('a'..='f')
        .filter_map(|letter| zone(region, letter))
        .collect()
}

/// The zone of a region with this letter, `a` to `f`.
#[must_use]
pub fn zone(region: &str, letter: char) -> Option<Zone> {
    let number = u32::from(letter).checked_sub(u32::from('a'))? + 1;
    (1..=6).contains(&number).then(|| Zone {
        name: format!("{region}{letter}"),
        id: format!("{}-az{number}", short(region)),
    })
}

/// The zone of a region with this name.
#[must_use]
pub fn zone_by_name(region: &str, name: &str) -> Option<Zone> {
    zones(region).into_iter().find(|zone| zone.name == name)
}

/// `us-east-1` is `use1` in the ids of its zones, `ap-southeast-2` is `apse2`.
fn short(region: &str) -> String {
    let mut parts = region.split('-');
    let mut short = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        for word in ["north", "south", "east", "west", "central"] {
            if part.contains(word) {
                short.extend(word.chars().next());
            }
        }
        if part == "gov" {
            short.push('g');
        }
        if part.bytes().all(|digit| digit.is_ascii_digit()) {
            short.push_str(part);
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_aws() {
        for (region, expected) in [
            ("us-east-1", "use1-az1"),
            ("eu-central-1", "euc1-az1"),
            ("ap-southeast-2", "apse2-az1"),
            ("sa-east-1", "sae1-az1"),
        ] {
            assert_eq!(zones(region)[0].id, expected);
        }
        let names: Vec<_> = zones("us-east-1")
            .into_iter()
            .map(|zone| zone.name)
            .collect();
        assert_eq!(names[5], "us-east-1f");
        assert!(zone_by_name("us-east-1", "us-east-1g").is_none());
    }
}

//! Entries by which records are found under something else than their key.

/// Ends a part of an entry; sorts before anything else.
const END: char = '\0';

/// Stands before a character that is written otherwise.
const ESCAPE: char = '\u{1}';

/// What the entries of all records with a value begin with.
pub(super) fn prefix(table: &str, name: &str, value: &str) -> String {
    let mut prefix = String::with_capacity(table.len() + name.len() + value.len() + 3);
    prefix.push_str(table);
    prefix.push(END);
    prefix.push_str(name);
    prefix.push(END);
    for letter in value.chars() {
        match letter {
            END => prefix.extend([ESCAPE, '0']),
            ESCAPE => prefix.extend([ESCAPE, '1']),
            _ => prefix.push(letter),
        }
    }
    prefix.push(END);
    prefix
}

/// The entries of one record: one for each name of an index, and value.
pub(super) fn entries(table: &str, key: &str, under: &[(&str, &str)]) -> Vec<String> {
    let under = under.iter();
    under
        .map(|(name, value)| entry(table, name, value, key))
        .collect()
}

fn entry(table: &str, name: &str, value: &str, key: &str) -> String {
    prefix(table, name, value) + key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_be_taken_for_one_another() {
        let values = ["", "a", "a\0", "a\u{1}", "a\u{1}0", "a\0b", "b"];
        for one in values {
            for other in values {
                let found = entry("t", "i", other, "key").strip_prefix(&prefix("t", "i", one))
                    == Some("key");
                assert_eq!(found, one == other, "{one:?} {other:?}");
            }
        }
    }
}

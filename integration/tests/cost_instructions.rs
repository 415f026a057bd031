//! The guard of what operations cost: instructions, counted by valgrind.

use localefs_integration::instructions::{Place, Record, count, grown};

/// What was counted before. `LOCALEFS_RECORD=1` puts down what is counted now, on purpose.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.json");

#[test]
fn no_operation_takes_a_tenth_more_instructions_than_before() {
    let place = Place::here().unwrap();
    let mut record: Record = serde_json::from_slice(&std::fs::read(FILE).unwrap()).unwrap();
    let counts = count().unwrap();
    println!("{counts:#?}");
    if std::env::var_os("LOCALEFS_RECORD").is_some() {
        record.set(place, counts);
        let text = serde_json::to_string_pretty(&record).unwrap();
        std::fs::write(FILE, text + "\n").unwrap();
        return;
    }
    // Nothing is known of other compilers, libraries and processors: there it only reports.
    let Some(known) = record.of(&place) else {
        println!("nothing is on file for {place:#?}");
        return;
    };
    let grown = grown(known, &counts);
    assert!(
        grown.is_empty(),
        "{grown:#?}\nIf that is meant to be: LOCALEFS_RECORD=1"
    );
}

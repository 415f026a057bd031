//! docs/fidelity.md names tests that exist, and that can fail.

use std::collections::BTreeSet;
use std::fs;

use localefs_integration::fidelity::{removals, repository, tests_of_the_page};

#[test]
fn every_row_has_its_test() {
    let tests = tests_of_the_page().unwrap();
    assert!(tests.len() > 20, "{} rows", tests.len());
    for test in tests {
        let (file, name) = test.split_once("::").unwrap();
        let source = repository().join(format!("integration/tests/{file}.rs"));
        let source = fs::read_to_string(source).unwrap();
        let definition = format!("#[test]\nfn {name}(");
        assert!(source.contains(&definition), "{test} does not exist");
    }
}

/// That the tests then fail takes a build for each: `scripts/fidelity` shows it.
#[test]
fn every_row_can_be_taken_away() {
    let rows: BTreeSet<String> = tests_of_the_page().unwrap().into_iter().collect();
    let removals = removals().unwrap();
    let taken: BTreeSet<String> = removals.iter().map(|one| one.test.clone()).collect();
    assert_eq!(
        rows.symmetric_difference(&taken).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "in docs/fidelity.md or in integration/fidelity.toml, but not in both"
    );
    for removal in removals {
        let source = fs::read_to_string(repository().join(&removal.file)).unwrap();
        assert_ne!(removal.apply(&source).unwrap(), source);
    }
}

//! docs/fidelity.md names tests that exist.

use std::path::Path;

#[test]
fn every_row_has_its_test() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(here.join("../docs/fidelity.md")).unwrap();
    let rows: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| EFS |"))
        .collect();
    assert!(rows.len() > 20, "{} rows", rows.len());
    for row in rows {
        let test = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let (file, name) = test
            .strip_prefix('`')
            .and_then(|test| test.strip_suffix('`'))
            .and_then(|test| test.split_once("::"))
            .unwrap_or_else(|| panic!("no test: {row}"));
        let source = std::fs::read_to_string(here.join(format!("tests/{file}.rs"))).unwrap();
        let definition = format!("#[test]\nfn {name}(");
        assert!(source.contains(&definition), "{test} does not exist: {row}");
    }
}

//! ARCHITECTURE.md says truly where each operation is.

use std::collections::BTreeMap;
use std::path::Path;

use localefs_protocol::nfs4::OpInfo;

#[test]
fn every_operation_is_in_the_file_that_the_table_names() {
    let engine = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(engine.join("../../ARCHITECTURE.md")).unwrap();
    let table: BTreeMap<&str, &str> = page
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
            let file = cells.nth(1)?.strip_prefix('`')?.strip_suffix('`')?;
            Some((line.trim_start_matches("| ").split(" | ").next()?, file))
        })
        .collect();
    let supported: Vec<_> = OpInfo::TABLE
        .iter()
        .filter(|info| info.flags.supported)
        .map(|info| info.name)
        .collect();
    assert_eq!(table.keys().copied().collect::<Vec<_>>(), {
        let mut names = supported.clone();
        names.sort_unstable();
        names
    });
    for name in supported {
        let file = engine.join("src/ops").join(table[name]);
        let source = std::fs::read_to_string(&file).unwrap();
        // The public filehandle is the root.
        let function = name.to_lowercase().replace("putpubfh", "putrootfh");
        let definition = format!("pub fn {function}(");
        assert!(
            source.contains(&definition),
            "{} has no {definition}",
            file.display()
        );
    }
}

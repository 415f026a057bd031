//! What goes on in a guest, for who wonders why it does not go on.

use std::fs;

/// Every process that is not the kernel's own, and where it waits.
pub(super) fn processes() -> String {
    let mut report = String::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let (path, pid) = (
            entry.path(),
            entry.file_name().to_string_lossy().into_owned(),
        );
        if pid.parse::<u32>().is_err() {
            continue;
        }
        let read = |name: &str| fs::read(path.join(name)).unwrap_or_default();
        let words = read("cmdline");
        if words.is_empty() {
            continue;
        }
        let words = String::from_utf8_lossy(&words).replace('\0', " ");
        let stat = String::from_utf8_lossy(&read("stat")).into_owned();
        let state = stat
            .rsplit_once(") ")
            .and_then(|(_, rest)| rest.get(..1))
            .unwrap_or("?");
        let (wait, stack) = (read("wchan"), read("stack"));
        report.push_str(&format!(
            "{pid} {state} {words}[{}]\n{}",
            String::from_utf8_lossy(&wait),
            String::from_utf8_lossy(&stack)
        ));
    }
    report
}

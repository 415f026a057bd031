//! Directories that can be used, and those that cannot.

use super::*;

fn scratch() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_new_one_is_made_and_opens_again() {
    let scratch = scratch();
    let path = scratch.path().join("deep/er/data");
    drop(DataDir::open(&path).unwrap());
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o700);
    let data = DataDir::open(&path).unwrap();
    assert_eq!(data.path(), path.canonicalize().unwrap());
    assert!(data.layout().file_systems().is_empty());
    fs::create_dir(data.layout().tree("fs-0123456789abcdef0").unwrap()).unwrap();
    for other in ["lost+found", "fs-0123456789abcdef", "fs-0123456789ABCDEF0"] {
        fs::create_dir(data.layout().tree(other).unwrap()).unwrap();
    }
    assert_eq!(data.layout().file_systems(), ["fs-0123456789abcdef0"]);
}

#[test]
fn only_one_process_uses_it() {
    let scratch = scratch();
    let path = scratch.path().join("data");
    let _data = DataDir::open(&path).unwrap();
    match DataDir::open(&path) {
        Err(DataDirError::InUse { process, .. }) => {
            assert_eq!(process, Some(std::process::id()));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn others_must_not_have_rights() {
    let scratch = scratch();
    for mode in [0o701, 0o710, 0o755, 0o1777] {
        let path = scratch.path().join(format!("{mode:o}"));
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = DataDir::open(&path).unwrap_err();
        assert!(matches!(error, DataDirError::TooOpen { mode: found, .. } if found == mode));
    }
}

#[test]
fn what_is_not_a_data_directory_stays_untouched() {
    let scratch = scratch();
    let path = scratch.path().join("home");
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(path.join("letter"), "dear").unwrap();
    assert!(matches!(
        DataDir::open(&path),
        Err(DataDirError::Occupied { .. })
    ));
    assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
    let file = path.join("letter");
    assert!(matches!(
        DataDir::open(&file),
        Err(DataDirError::NotADirectory { .. })
    ));
}

#[test]
fn other_formats_are_refused() {
    let scratch = scratch();
    let path = scratch.path().join("data");
    drop(DataDir::open(&path).unwrap());
    fs::write(path.join("format"), "localefs data 3\n").unwrap();
    let error = DataDir::open(&path).unwrap_err();
    assert!(
        matches!(&error, DataDirError::UnknownFormat { found, .. } if found == "localefs data 3")
    );
}

#[test]
fn the_format_before_is_taken_over() {
    let scratch = scratch();
    let path = scratch.path().join("data");
    drop(DataDir::open(&path).unwrap());
    fs::write(path.join("format"), "localefs data 1\n").unwrap();
    drop(DataDir::open(&path).unwrap());
    let format = fs::read_to_string(path.join("format")).unwrap();
    assert_eq!(format, "localefs data 2\n");
}

#[test]
fn a_start_that_was_cut_short_is_made_good() {
    let scratch = scratch();
    let path = scratch.path().join("data");
    drop(DataDir::open(&path).unwrap());
    fs::rename(path.join("format"), path.join("format.new")).unwrap();
    DataDir::open(&path).unwrap();
}

#[test]
fn a_temporary_one_goes_away() {
    let data = DataDir::temporary().unwrap();
    let path = data.path().to_owned();
    fs::create_dir_all(data.layout().tree("fs-0").unwrap().join("a/b")).unwrap();
    assert!(data.is_temporary());
    drop(data);
    assert!(!path.exists());
}

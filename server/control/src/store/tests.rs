use std::path::Path;

use serde::{Deserialize, Serialize};

use super::*;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct User {
    name: String,
    group: String,
}

impl Record for User {
    const TABLE: &'static str = "control/test-users";

    fn key(&self) -> &str {
        &self.name
    }

    fn indexes(&self) -> Vec<(&'static str, &str)> {
        vec![("group", &self.group)]
    }
}

fn user(name: &str, group: &str) -> User {
    User {
        name: name.to_owned(),
        group: group.to_owned(),
    }
}

fn database(directory: &Path) -> Arc<Database> {
    Arc::new(Database::create(directory.join("state.redb")).unwrap())
}

fn open(directory: &Path) -> Store {
    Store::open(database(directory)).unwrap()
}

type Result<T> = std::result::Result<T, StoreError>;

#[tokio::test]
async fn records_are_found_by_key_and_by_index() {
    let scratch = tempfile::tempdir().unwrap();
    let store = open(scratch.path());
    store
        .change(|change| -> Result<()> {
            for (name, group) in [("alice", "staff"), ("bob", "staff"), ("carol", "guests")] {
                change.put(&user(name, group))?;
            }
            assert_eq!(
                change.get("bob")?,
                Some(user("bob", "staff")),
                "own changes are seen"
            );
            Ok(())
        })
        .await
        .unwrap();
    let view = store.view().unwrap();
    let staff = view.keys_by::<User>(("group", "staff"), None, 10).unwrap();
    assert_eq!(staff, ["alice", "bob"]);
    let after = view.page_by::<User>(("group", "staff"), Some("alice"), 10);
    assert_eq!(after.unwrap(), [user("bob", "staff")]);
    assert_eq!(
        view.page::<User>(Some("alice"), 1).unwrap(),
        [user("bob", "staff")]
    );
    assert_eq!(view.count::<User>().unwrap(), 3);

    store
        .change(|change| -> Result<()> {
            change.put(&user("alice", "guests"))?;
            assert_eq!(
                change.remove::<User>("carol")?,
                Some(user("carol", "guests"))
            );
            assert_eq!(change.remove::<User>("carol")?, None);
            Ok(())
        })
        .await
        .unwrap();
    assert_eq!(
        view.get("alice").unwrap(),
        Some(user("alice", "staff")),
        "a view stays"
    );
    let view = store.view().unwrap();
    assert_eq!(
        view.all_by::<User>(("group", "guests")).unwrap(),
        [user("alice", "guests")]
    );
    assert_eq!(
        view.keys_by::<User>(("group", "staff"), None, 9).unwrap(),
        ["bob"]
    );
}

#[tokio::test]
async fn a_change_that_fails_changes_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let store = open(scratch.path());
    let failed: Result<()> = store
        .change(|change| {
            change.put(&user("alice", "staff"))?;
            Err(StoreError::Gone)
        })
        .await;
    assert!(failed.is_err());
    let panicked: Result<()> = store
        .change(|change| {
            change.put(&user("bob", "staff"))?;
            panic!("on purpose")
        })
        .await;
    assert!(matches!(panicked, Err(StoreError::Gone)), "{panicked:?}");
    assert!(store.view().unwrap().all::<User>().unwrap().is_empty());
    let goes_on: Result<()> = store.change(|change| change.put(&user("carol", "x"))).await;
    goes_on.unwrap();
}

#[tokio::test]
async fn changes_outlive_the_store() {
    let scratch = tempfile::tempdir().unwrap();
    let store = Arc::new(open(scratch.path()));
    let mut all = Vec::new();
    for number in 0..100 {
        let store = Arc::clone(&store);
        all.push(tokio::spawn(async move {
            let name = format!("user{number}");
            let made: Result<()> = store
                .change(move |change| change.put(&user(&name, "all")))
                .await;
            made
        }));
    }
    for made in all {
        made.await.unwrap().unwrap();
    }
    drop(store);
    let store = open(scratch.path());
    let view = store.view().unwrap();
    assert_eq!(view.all_by::<User>(("group", "all")).unwrap().len(), 100);
}

#[tokio::test]
async fn all_can_be_shown_and_cleared() {
    let scratch = tempfile::tempdir().unwrap();
    let store = open(scratch.path());
    let made: Result<()> = store.change(|change| change.put(&user("a", "b"))).await;
    made.unwrap();
    let shown = store.view().unwrap().export().unwrap();
    assert_eq!(shown["control/test-users"]["a"]["group"], "b");
    let cleared: Result<()> = store.change(Change::clear).await;
    cleared.unwrap();
    let view = store.view().unwrap();
    assert!(view.export().unwrap().is_empty());
    assert!(view.all_by::<User>(("group", "b")).unwrap().is_empty());
}

#[test]
fn a_form_from_the_future_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let database = database(scratch.path());
    drop(Store::open(Arc::clone(&database)).unwrap());
    form::set(&database, 2);
    let error = Store::open(database).unwrap_err();
    assert!(
        matches!(error, StoreError::UnknownForm { found: 2, .. }),
        "{error}"
    );
}

//! What is SQLite's own: addresses, modes of the file, and what a crash leaves.

use model::Timestamp;

use super::*;
use crate::{Retry, conformance::builders::session};

#[tokio::test]
async fn postgresql_is_refused_with_the_reason() {
    for address in ["postgres://db/landfall", "postgresql://db/landfall"] {
        let refused = Store::open(address).await.unwrap_err();
        assert!(refused.to_string().contains("not yet supported"));
        assert_eq!(refused.retry(), Retry::NeedsPerson);
    }
    let refused = Store::open("mysql://db/landfall").await.unwrap_err();
    assert!(refused.to_string().contains("mysql"));
}

#[tokio::test]
async fn an_address_is_a_path_with_or_without_its_scheme() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("with space?&.db");
    let path = path.to_str().unwrap();
    for address in [
        path.to_owned(),
        format!("sqlite:{path}"),
        format!("sqlite://{path}"),
    ] {
        let store = Store::open(&address).await.unwrap();
        store.setting_set("a", "b").await.unwrap();
        store.close().await;
    }
    assert!(Path::new(path).exists());
    let nowhere = Store::open("/nonexistent/landfall.db").await.unwrap_err();
    assert!(nowhere.to_string().contains("/nonexistent/landfall.db"));
}

#[tokio::test]
async fn writes_are_synced_and_readers_cannot_write() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_path(&dir.path().join("landfall.db"))
        .await
        .unwrap();
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
        .fetch_one(&store.writer)
        .await
        .unwrap();
    let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous")
        .fetch_one(&store.writer)
        .await
        .unwrap();
    assert_eq!((mode.as_str(), synchronous), ("wal", 2));
    let refused = sqlx::query("DELETE FROM setting")
        .execute(store.reader())
        .await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn what_a_call_wrote_survives_a_crash_and_what_was_at_work_does_not() {
    let (before, after) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = Store::open_path(&before.path().join("landfall.db"))
        .await
        .unwrap();
    store
        .session_insert(&session("s1", "r1", 10))
        .await
        .unwrap();
    let mut at_work = store.begin().await.unwrap();
    sqlx::query("DELETE FROM session_disk")
        .execute(&mut *at_work)
        .await
        .unwrap();
    // The files as they are at this moment are what a crash of the process would leave.
    for file in std::fs::read_dir(before.path()).unwrap() {
        let file = file.unwrap();
        if file.file_name() != "landfall.db-shm" {
            std::fs::copy(file.path(), after.path().join(file.file_name())).unwrap();
        }
    }
    let crashed = Store::open_path(&after.path().join("landfall.db"))
        .await
        .unwrap();
    let sessions = crashed.session_list_active().await.unwrap();
    assert_eq!((sessions.len(), sessions[0].layout.len()), (1, 2));
    assert_eq!(sessions[0].started_at, Timestamp(10));
}

#[tokio::test]
async fn a_transaction_that_is_dropped_leaves_nothing_and_blocks_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_path(&dir.path().join("landfall.db"))
        .await
        .unwrap();
    let mut tx = store.begin().await.unwrap();
    sqlx::query("INSERT INTO setting (name, value) VALUES ('a', 'b')")
        .execute(&mut *tx)
        .await
        .unwrap();
    drop(tx);
    assert_eq!(store.setting_get("a").await.unwrap(), None);
    store.setting_set("a", "c").await.unwrap();
}

#[tokio::test]
async fn a_row_of_a_newer_version_is_refused_not_guessed() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_path(&dir.path().join("landfall.db"))
        .await
        .unwrap();
    let new = session("s1", "r1", 10);
    store.session_insert(&new).await.unwrap();
    sqlx::query("UPDATE session SET machine_format = 99")
        .execute(&store.writer)
        .await
        .unwrap();
    let refused = store.session_fetch(&new.id).await.unwrap_err();
    assert!(matches!(
        refused,
        StoreError::NewerFormat {
            found: 99,
            known: 1,
            ..
        }
    ));
    assert_eq!(refused.retry(), Retry::NeedsPerson);
}

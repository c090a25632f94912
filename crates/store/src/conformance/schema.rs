//! From an empty database to the newest schema, and what belongs to the whole installation.

use model::Timestamp;

use super::{Database, builders::actor};

pub(super) async fn an_empty_database_is_migrated_and_opens_again(db: &impl Database) {
    for _ in 0..2 {
        let store = db.open().await;
        assert_eq!(store.session_list(9).await.unwrap(), []);
        store.close().await;
        assert!(store.session_list(9).await.is_err());
    }
}

pub(super) async fn settings_and_audit_last(db: &impl Database) {
    let store = db.open().await;
    assert_eq!(store.setting_get("limit").await.unwrap(), None);
    for value in ["1", "2"] {
        store.setting_set("limit", value).await.unwrap();
        store
            .audit_append(&actor(), value, Timestamp(7))
            .await
            .unwrap();
    }
    let store = db.open().await;
    assert_eq!(
        store.setting_get("limit").await.unwrap().as_deref(),
        Some("2")
    );
    let audit = store.audit_list(1).await.unwrap();
    assert_eq!((audit[0].what.as_str(), audit[0].at), ("2", Timestamp(7)));
}

//! Certificates: one per session, of its newest switchover.

use model::{SessionId, Timestamp};

use super::{Database, builders::session};
use crate::{CertificateRow, Certified};

pub(super) async fn the_newest_pass_is_certified(db: &impl Database) {
    let store = db.open().await;
    let id = SessionId::new("s1");
    store
        .session_insert(&session("s1", "r1", 10))
        .await
        .unwrap();
    assert_eq!(store.certificate_fetch(&id).await.unwrap(), None);
    let rows = [
        (2, Certified::Not("no digests".to_owned())),
        (3, Certified::Signed("{}\n".to_owned())),
    ];
    for (pass, certified) in rows {
        let row = CertificateRow {
            pass,
            made_at: Timestamp(i64::from(pass)),
            certified,
        };
        store.certificate_put(&id, &row).await.unwrap();
        let found = db.open().await.certificate_fetch(&id).await.unwrap();
        assert_eq!(found, Some(row));
    }
    let other = SessionId::new("none");
    assert_eq!(store.certificate_fetch(&other).await.unwrap(), None);
}

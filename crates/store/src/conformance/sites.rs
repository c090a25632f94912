//! Sites that people connected.

use model::{SiteId, SiteRole, SiteSettings, Timestamp};

use super::{Database, inventory::inventory};

fn site(id: &str, uri: &str) -> SiteSettings {
    SiteSettings {
        id: SiteId::new(id),
        name: format!("Site {id}"),
        role: SiteRole::DisasterRecovery,
        uri: uri.to_owned(),
    }
}

pub(super) async fn a_site_is_connected_changed_and_forgotten_with_what_was_read(
    db: &impl Database,
) {
    let store = db.open().await;
    store.site_put(&site("b", "qemu:///system")).await.unwrap();
    store.site_put(&site("a", "qemu:///system")).await.unwrap();
    let changed = site("b", "qemu+ssh://host/system");
    store.site_put(&changed).await.unwrap();
    let read = inventory("b", 7);
    store.inventory_put(&read, Timestamp(1)).await.unwrap();
    let store = db.open().await;
    let expected = [site("a", "qemu:///system"), changed];
    assert_eq!(store.site_list().await.unwrap(), expected);

    assert!(store.site_remove(&SiteId::new("b")).await.unwrap());
    assert!(!store.site_remove(&SiteId::new("b")).await.unwrap());
    assert_eq!(store.site_list().await.unwrap(), expected[..1]);
    assert_eq!(store.inventory_list().await.unwrap(), []);
}

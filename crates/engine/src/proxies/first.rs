//! The proxies that a site has before anybody set one up: two, so that one may fail.

use std::collections::BTreeMap;

use model::{ModeLimit, ProxyId, ProxySettings, ProxyState, Reach, SiteId, TransportMode};
use store::StoreError;

use crate::config::Config;

const AT_EACH_SITE: usize = 2;

/// Gives each site its first proxies, where it has none.
pub(crate) async fn put_first(config: &Config) -> Result<(), StoreError> {
    // The id of a site that people connected is no word of theirs.
    let connected = config.store.site_list().await?.into_iter();
    let names: BTreeMap<SiteId, String> = connected.map(|site| (site.id, site.name)).collect();
    for platform in &config.platforms {
        for site in platform.sites() {
            let modes = platform.transport_modes(&site);
            let name = names.get(&site).map_or(site.as_str(), String::as_str);
            let proxies: Vec<_> = (1..=AT_EACH_SITE)
                .map(|number| proxy(&site, name, number, &modes, config.slots))
                .collect();
            config.store.proxy_put_first(&site, &proxies).await?;
        }
    }
    Ok(())
}

fn proxy(
    site: &SiteId,
    name: &str,
    number: usize,
    modes: &[TransportMode],
    slots: u32,
) -> ProxySettings {
    let modes = modes.iter();
    ProxySettings {
        id: ProxyId::new(format!("{site}-proxy-{number}")),
        name: format!("{name}-proxy-{number}"),
        site: site.clone(),
        modes: modes.map(|&mode| ModeLimit { mode, most: None }).collect(),
        falls_back: true,
        hosts: Reach::All,
        datastores: Reach::All,
        slots,
        state: ProxyState::Enabled,
        cut_off: false,
    }
}

//! Sites that people connect, and the pairs that they register there.

use hypervisor::{
    PlatformError,
    libvirt::{ConnectionUri, LibvirtSettings, LibvirtSite, test_connection},
};
use model::{NewSite, SiteId, SiteSettings, with_causes};
use store::{EstateAsk, Store, StoreError};

use crate::{config::Config, failure::EffectError, proxies};

/// Tells the platform of the sites that the store knows.
pub(crate) async fn open(config: &Config) -> Result<(), StoreError> {
    let Some(libvirt) = &config.libvirt else {
        return Ok(());
    };
    for site in config.store.site_list().await? {
        match of_settings(&site) {
            Ok(site) => libvirt.put_site(site),
            Err(error) => tracing::error!(site.id = %site.id, error, "a site is not opened"),
        }
    }
    Ok(())
}

/// Does what was asked, and says what came of it.
pub(crate) async fn answer(config: &Config, ask: &EstateAsk) -> Result<String, String> {
    let libvirt = config
        .libvirt
        .clone()
        .ok_or("This console connects no sites.")?;
    match ask {
        EstateAsk::PutSite { site } => {
            let (settings, said) = connect_site(&config.store, libvirt.settings(), site).await?;
            libvirt.put_site(of_settings(&settings)?);
            proxies::put_first(config)
                .await
                .map_err(|error| with_causes(&error))?;
            Ok(said)
        }
        EstateAsk::RemoveSite { site } => {
            let said = forget_site(&config.store, site).await?;
            libvirt.remove_site(site);
            Ok(said)
        }
        EstateAsk::RegisterPair { pair } => {
            let pair = pair.clone();
            at_platform(move || libvirt.register_pair(&pair)).await?;
            Ok("The pair is registered. It can be failed back while its DR VM runs.".to_owned())
        }
        EstateAsk::ForgetPair { vm } => {
            let vm = vm.clone();
            at_platform(move || libvirt.forget_pair(&vm)).await?;
            Ok("The pair is forgotten; the VMs are as they were.".to_owned())
        }
    }
}

/// Tries a site's connection, and connects the site where it works: its settings, and what is there in
/// words. A host that is connected already gets the new name and address.
///
/// # Errors
/// Why it is not connected, with the next step; then nothing is saved.
pub async fn connect_site(
    store: &Store,
    settings: &LibvirtSettings,
    site: &NewSite,
) -> Result<(SiteSettings, String), String> {
    let uri = ConnectionUri::parse(&site.uri).map_err(|error| error.to_string())?;
    let how = settings.clone();
    let report = blocking(move || test_connection(&how, &uri)).await??;
    let settings = SiteSettings {
        id: SiteId::new(report.id),
        name: site.name.clone(),
        role: site.role,
        uri: site.uri.clone(),
    };
    let known = store
        .site_list()
        .await
        .map_err(|error| with_causes(&error))?;
    check_new(&settings, &known)?;
    store
        .site_put(&settings)
        .await
        .map_err(|error| with_causes(&error))?;
    let said = format!(
        "{} is connected: host {}, libvirt {}, QEMU {}, {} VMs.",
        site.name, report.host, report.libvirt, report.qemu, report.vms
    );
    Ok((settings, said))
}

/// One host is one site, and each has a name of its own.
fn check_new(new: &SiteSettings, known: &[SiteSettings]) -> Result<(), String> {
    let (same, others): (Vec<_>, Vec<_>) = known.iter().partition(|site| site.id == new.id);
    if let Some(same) = same.first().filter(|same| same.role != new.role) {
        return Err(format!(
            "That host is connected already, as {}, and for the other role. A host is production or \
             disaster recovery; forget {} first to change that.",
            same.name, same.name
        ));
    }
    let taken = others
        .iter()
        .any(|site| site.name.eq_ignore_ascii_case(&new.name));
    if taken {
        return Err(format!(
            "Another host is connected as {}. Choose another name.",
            new.name
        ));
    }
    Ok(())
}

/// Forgets a site that nothing needs.
///
/// # Errors
/// Why it stays, with the next step.
pub async fn forget_site(store: &Store, id: &SiteId) -> Result<String, String> {
    let active = store.session_list_active().await;
    let active = active.map_err(|error| with_causes(&error))?;
    let at_work = active
        .iter()
        .find(|it| it.replica_vm.site == *id || it.production_vm.site == *id);
    if let Some(session) = at_work {
        return Err(format!(
            "The failback of {} is at work there. Commit, undo or cancel it first.",
            session.vm_name
        ));
    }
    let known = store.inventory_list().await;
    let known = known.map_err(|error| with_causes(&error))?;
    let mut replicas = known.iter().flat_map(|(site, ..)| &site.replicas);
    if replicas.any(|it| it.vm.site == *id || it.original.site == *id) {
        return Err("VMs there are registered as a pair. Forget the pairs first.".to_owned());
    }
    let removed = store.site_remove(id).await;
    if removed.map_err(|error| with_causes(&error))? {
        Ok("The site is forgotten; nothing there was changed.".to_owned())
    } else {
        Err("No such site is connected. Load the sites page again.".to_owned())
    }
}

fn of_settings(site: &SiteSettings) -> Result<LibvirtSite, String> {
    let uri = ConnectionUri::parse(&site.uri).map_err(|error| error.to_string())?;
    Ok(LibvirtSite {
        id: site.id.clone(),
        name: site.name.clone(),
        role: site.role,
        uri,
    })
}

async fn at_platform<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PlatformError> + Send + 'static,
) -> Result<T, String> {
    let done = blocking(work).await?;
    done.map_err(|error| EffectError::from(error).sentence())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use model::SiteRole;

    use super::*;

    fn site(id: &str, name: &str, role: SiteRole) -> SiteSettings {
        SiteSettings {
            id: SiteId::new(id),
            name: name.to_owned(),
            role,
            uri: "qemu:///system".to_owned(),
        }
    }

    #[test]
    fn a_host_is_one_site_of_one_role_and_may_get_another_name() {
        let known = [site("a", "Kiel", SiteRole::Production)];
        let check = |id, name, role| check_new(&site(id, name, role), &known);
        assert_eq!(check("a", "Kiel", SiteRole::Production), Ok(()));
        assert_eq!(check("a", "Lübeck", SiteRole::Production), Ok(()));
        let other_role = check("a", "Kiel", SiteRole::DisasterRecovery).unwrap_err();
        assert!(
            other_role.contains("connected already, as Kiel"),
            "{other_role}"
        );
        let taken = check("b", "kiel", SiteRole::DisasterRecovery).unwrap_err();
        assert!(taken.contains("Choose another name"), "{taken}");
        assert_eq!(check("b", "Ulm", SiteRole::DisasterRecovery), Ok(()));
    }
}

//! Sites that people connect, and the pairs that they register there.

use std::{error::Error, path::Path};

use hypervisor::libvirt::{
    ConnectionReport, ConnectionUri, Libvirt, LibvirtSite, NewPair, test_connection,
};
use model::SiteSettings;
use store::{EstateAsk, StoreError};

use crate::{config::Config, proxies};

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
        EstateAsk::PutSite { site } => put_site(config, libvirt, site).await,
        EstateAsk::RemoveSite { site } => {
            // Looked at again: a session may have been asked for meanwhile.
            let active = config.store.session_list_active().await;
            let active = active.map_err(|error| chain(&error))?;
            let uses = active
                .iter()
                .find(|it| it.replica_vm.site == *site || it.production_vm.site == *site);
            if let Some(session) = uses {
                return Err(format!(
                    "The failback of {} is at work there. Commit, undo or cancel it first.",
                    session.vm_name
                ));
            }
            config
                .store
                .site_remove(site)
                .await
                .map_err(|error| chain(&error))?;
            libvirt.remove_site(site);
            Ok("The site is forgotten; nothing there was changed.".to_owned())
        }
        EstateAsk::RegisterPair { pair } => {
            let pair = NewPair {
                replica: pair.replica.clone(),
                original: pair.original.clone(),
                disk_pairs: pair.disk_pairs.clone(),
            };
            blocking(move || libvirt.register_pair(&pair).map_err(|error| chain(&error))).await?;
            Ok("The pair is registered. It can be failed back while its DR VM runs.".to_owned())
        }
        EstateAsk::ForgetPair { vm } => {
            let vm = vm.clone();
            blocking(move || libvirt.forget_pair(&vm).map_err(|error| chain(&error))).await?;
            Ok("The pair is forgotten; the VMs are as they were.".to_owned())
        }
    }
}

/// Tried before it is saved.
async fn put_site(
    config: &Config,
    libvirt: Libvirt,
    site: &SiteSettings,
) -> Result<String, String> {
    let connected = of_settings(site)?;
    let (virsh, uri) = (libvirt.settings().virsh.clone(), connected.uri.clone());
    let report = blocking(move || test_connection(Path::new(&virsh), &uri)).await?;
    config
        .store
        .site_put(site)
        .await
        .map_err(|error| chain(&error))?;
    libvirt.put_site(connected);
    proxies::put_first(config)
        .await
        .map_err(|error| chain(&error))?;
    Ok(words(site, &report))
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

fn words(site: &SiteSettings, report: &ConnectionReport) -> String {
    format!(
        "{} is connected: host {}, libvirt {}, QEMU {}, {} VMs.",
        site.name, report.host, report.libvirt, report.qemu, report.vms
    )
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| error.to_string())?
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

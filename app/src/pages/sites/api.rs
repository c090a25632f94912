//! Server functions of the sites page.

#![expect(
    missing_docs,
    reason = "the macro makes structs of the arguments, which the functions' own documents describe"
)]

use leptos::{prelude::*, server_fn::codec::GetUrl};
use model::{
    SiteId,
    view::{PairView, SitesView},
};

use crate::error::{Answer, Json};

/// The sites, the registered pairs, and the VMs that may become one.
#[server(endpoint = "console/sites", input = GetUrl, output = Json)]
pub async fn read_sites() -> Answer<SitesView> {
    let (service, _) = crate::api::caller();
    crate::api::answer(service.sites_view().await)
}

/// Tries a site's connection, and connects the site where it works.
#[server(endpoint = "console/sites/connect", output = Json)]
pub async fn connect_site(
    #[server(default)] name: String,
    #[server(default)] role: String,
    #[server(default)] uri: String,
) -> Answer<()> {
    let (service, actor) = crate::api::caller();
    let input = model::view::NewSiteInput { name, role, uri };
    crate::api::answer(service.site_connect(&actor, &input).await)?;
    crate::api::lead_to("/sites");
    Ok(())
}

/// Forgets a site.
#[server(endpoint = "console/sites/forget", output = Json)]
pub async fn forget_site(site: SiteId) -> Answer<()> {
    let (service, actor) = crate::api::caller();
    crate::api::answer(service.site_forget(&actor, &site).await)?;
    crate::api::lead_to("/sites");
    Ok(())
}

/// The form for one pair. VMs are named `SITE/ID`; without an original the best one is taken.
#[server(endpoint = "console/sites/pair", input = GetUrl, output = Json)]
pub async fn read_pair(
    #[server(default)] vm: String,
    #[server(default)] original: String,
) -> Answer<PairView> {
    let (service, _) = crate::api::caller();
    let query = model::view::PairQuery { vm, original };
    crate::api::answer(service.pair_view(&query).await)
}

/// Registers a VM as the replica of another. Each of its disks comes as `KEY=KEY`, or as `KEY=` where
/// it has no pair.
#[server(endpoint = "console/sites/pair/register", output = Json)]
pub async fn register_pair(
    #[server(default)] vm: String,
    #[server(default)] original: String,
    #[server(default)] disks: Vec<String>,
) -> Answer<()> {
    let (service, actor) = crate::api::caller();
    let input = model::view::PairInput {
        vm,
        original,
        disks,
    };
    crate::api::answer(service.pair_register(&actor, &input).await)?;
    crate::api::lead_to("/sites");
    Ok(())
}

/// Forgets that a VM is a replica.
#[server(endpoint = "console/sites/pair/forget", output = Json)]
pub async fn forget_pair(#[server(default)] vm: String) -> Answer<()> {
    let (service, actor) = crate::api::caller();
    crate::api::answer(service.pair_forget(&actor, &vm).await)?;
    crate::api::lead_to("/sites");
    Ok(())
}

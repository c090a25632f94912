//! Server functions of the proxies page.

#![expect(
    missing_docs,
    reason = "the macro makes structs of the arguments, which the functions' own documents describe"
)]

use leptos::{prelude::*, server_fn::codec::GetUrl};
use model::{
    ProxyId, TransportMode,
    view::{ProxiesView, ProxyAction},
};

use crate::error::{Answer, Json};

/// The proxies and what they do.
#[server(endpoint = "console/proxies", input = GetUrl, output = Json)]
pub async fn read_proxies() -> Answer<ProxiesView> {
    let (service, _) = crate::api::caller();
    crate::api::answer(service.proxies_view().await)
}

/// Enables, drains or disables a proxy.
#[server(endpoint = "console/proxies/act", output = Json)]
pub async fn act_on_proxy(id: ProxyId, action: ProxyAction) -> Answer<()> {
    let (service, actor) = crate::api::caller();
    crate::api::answer(service.proxy_act(&actor, &id, action).await)?;
    crate::api::lead_to("/proxies");
    Ok(())
}

/// Adds a proxy.
#[server(endpoint = "console/proxies/add", output = Json)]
pub async fn add_proxy(
    #[server(default)] site: String,
    #[server(default)] name: String,
    #[server(default)] slots: String,
    #[server(default)] modes: Vec<TransportMode>,
) -> Answer<()> {
    let (service, actor) = crate::api::caller();
    let input = model::view::NewProxyInput {
        site,
        name,
        slots,
        modes,
    };
    crate::api::answer(service.proxy_add(&actor, input).await)?;
    crate::api::lead_to("/proxies");
    Ok(())
}

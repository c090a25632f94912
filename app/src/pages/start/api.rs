//! Server functions of the start page.

#![expect(
    missing_docs,
    reason = "the macro makes structs of the arguments, which the functions' own documents describe"
)]

use leptos::{prelude::*, server_fn::codec::GetUrl};
use model::{
    ReplicaId,
    view::{StartQuery, StartView},
};

use crate::error::{Answer, Json};

/// What the start page shows, with the pages of its lists that are asked for.
#[server(endpoint = "console/start", input = GetUrl, output = Json)]
pub async fn read_start(#[server(default)] query: StartQuery) -> Answer<StartView> {
    let (service, _) = crate::api::caller();
    crate::api::answer(service.start(&query).await)
}

/// Begins a wizard with some replicas chosen, and leads to its first step.
#[server(endpoint = "console/draft/create", output = Json)]
pub async fn create_draft(#[server(default)] preselect: Vec<ReplicaId>) -> Answer<()> {
    let (service, actor) = crate::api::caller();
    let draft = crate::api::answer(service.draft_create(&actor, preselect).await)?;
    crate::api::lead_to(&format!("/failback/{draft}/replica"));
    Ok(())
}

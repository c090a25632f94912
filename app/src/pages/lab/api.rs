//! Server functions of the lab's page.

#![expect(
    missing_docs,
    reason = "the macro makes structs of the arguments, which the functions' own documents describe"
)]

use leptos::{prelude::*, server_fn::codec::GetUrl};
use model::{ReplicaId, view::LabView};

use crate::error::{Answer, Json};

/// What the lab is and what can be done with it.
#[server(endpoint = "console/lab", input = GetUrl, output = Json)]
pub async fn read_lab() -> Answer<LabView> {
    let (service, _) = crate::api::caller();
    crate::api::answer(service.lab_view().await)
}

/// Recreates the sample estate.
#[server(endpoint = "console/lab/reset", output = Json)]
pub async fn reset_lab() -> Answer<()> {
    let (service, actor) = crate::api::caller();
    crate::api::answer(service.lab_reset(&actor).await)?;
    crate::api::lead_to("/lab");
    Ok(())
}

/// Fails a replica over, so that its failback can be tried.
#[server(endpoint = "console/lab/fail-over", output = Json)]
pub async fn fail_over(replica: ReplicaId) -> Answer<()> {
    let (service, actor) = crate::api::caller();
    crate::api::answer(service.lab_fail_over(&actor, &replica).await)?;
    crate::api::lead_to("/lab");
    Ok(())
}

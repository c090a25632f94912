//! Server functions of the page of a batch.

#![expect(
    missing_docs,
    reason = "the macro makes structs of the arguments, which the functions' own documents describe"
)]

use leptos::{prelude::*, server_fn::codec::GetUrl};
use model::{BatchId, Operation, SessionId, view::BatchView};

use crate::error::{Answer, Json};

/// A batch, whole.
#[server(endpoint = "console/batch", input = GetUrl, output = Json)]
pub async fn read_batch(id: BatchId) -> Answer<BatchView> {
    let (service, _) = crate::api::caller();
    crate::api::answer(service.batch_view(&id).await)
}

/// Asks the same of several sessions of a batch: of those that the page showed.
#[server(endpoint = "console/batch/act", output = Json)]
pub async fn act_on_batch(
    id: BatchId,
    operation: Operation,
    #[server(default)] sessions: Vec<SessionId>,
) -> Answer<()> {
    let (service, actor) = crate::api::caller();
    crate::api::answer(service.batch_act(&actor, &id, operation, &sessions).await)?;
    crate::api::lead_to(&format!("/batches/{id}"));
    Ok(())
}

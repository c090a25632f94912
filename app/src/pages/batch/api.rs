//! Server functions of the page of a batch.

#![expect(
    missing_docs,
    reason = "the macro makes structs of the arguments, which the functions' own documents describe"
)]

use leptos::{prelude::*, server_fn::codec::GetUrl};
use model::{
    BatchId, Operation, SessionId,
    view::{BatchView, ListQuery},
};

use crate::error::{Answer, Json};

/// A batch, with the page of its sessions that is asked for; `confirm` is the operation that is about to
/// be confirmed, as the page's address has it.
#[server(endpoint = "console/batch", input = GetUrl, output = Json)]
pub async fn read_batch(
    id: BatchId,
    #[server(default)] query: ListQuery,
    #[server(default)] confirm: String,
) -> Answer<BatchView> {
    let (service, _) = crate::api::caller();
    let confirming = crate::pages::session::view_model::from_slug(&confirm);
    crate::api::answer(service.batch_view(&id, &query, confirming).await)
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

//! The server function of the evidence page.

#![expect(
    missing_docs,
    reason = "the macro makes a struct of the arguments, which the function's own document \
              describes"
)]

use leptos::{prelude::*, server_fn::codec::GetUrl};
use model::{SessionId, view::EvidenceView};

use crate::error::{Answer, Json};

/// The evidence of a session, whole.
#[server(endpoint = "console/session/evidence", input = GetUrl, output = Json)]
pub async fn read_evidence(id: SessionId) -> Answer<EvidenceView> {
    let (service, _) = crate::api::caller();
    crate::api::answer(service.session_evidence(&id).await)
}

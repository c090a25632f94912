//! The server function of the map's page.

#![expect(
    missing_docs,
    reason = "the macro makes a struct of the arguments, which the function's own document \
              describes"
)]

use leptos::{prelude::*, server_fn::codec::GetUrl};
use model::{DiskKey, SessionId, view::DiskMapView};

use crate::error::{Answer, Json};

/// The part of a disk's map that an address names.
#[server(endpoint = "console/session/map", input = GetUrl, output = Json)]
pub async fn read_map(
    id: SessionId,
    disk: DiskKey,
    #[server(default)] pass: String,
    #[server(default)] from: String,
    #[server(default)] to: String,
) -> Answer<DiskMapView> {
    let (service, _) = crate::api::caller();
    let wanted = crate::api::answer(super::view_model::wanted(&pass, &from, &to))?;
    crate::api::answer(service.disk_map(&id, &disk, wanted).await)
}

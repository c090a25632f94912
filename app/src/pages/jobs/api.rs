//! Server functions of the jobs page.

use leptos::{prelude::*, server_fn::codec::GetUrl};
use model::view::JobsView;

use crate::error::{Answer, Json};

/// The jobs and the VMs that they name.
#[server(endpoint = "console/jobs", input = GetUrl, output = Json)]
pub async fn read_jobs() -> Answer<JobsView> {
    let (service, _) = crate::api::caller();
    crate::api::answer(service.jobs().await)
}

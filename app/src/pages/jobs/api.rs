//! Server functions of the jobs page.

#![expect(
    missing_docs,
    reason = "the macro makes structs of the arguments, which the functions' own documents describe"
)]

use leptos::{prelude::*, server_fn::codec::GetUrl};
use model::view::JobsView;

use crate::error::{Answer, Json};

/// The jobs, and the first VMs that they name of those that the filter lets through.
#[server(endpoint = "console/jobs", input = GetUrl, output = Json)]
pub async fn read_jobs(#[server(default)] filter: String) -> Answer<JobsView> {
    let (service, _) = crate::api::caller();
    crate::api::answer(service.jobs(&filter).await)
}

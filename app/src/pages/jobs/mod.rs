//! The jobs page: which VMs each job names.

pub mod api;

use leptos::prelude::*;
use leptos_meta::Title;
use model::view::{JobView, JobsView};

use crate::{
    components::{
        data_table::DataTable,
        load::{FirstLoad, LoadFailed},
    },
    erase::Erase as _,
    words,
};
use api::read_jobs;

/// What keeps replicas and copies up to date, and of which VMs.
#[component]
pub fn JobsPage() -> impl IntoView {
    let jobs = Resource::new(|| (), |()| read_jobs());
    view! {
        <Title text="Jobs"/>
        <header class="page-head">
            <h1>"Jobs"</h1>
        </header>
        <p>
            "A commit makes every job that named the original VM name the VM that took its place."
        </p>
        <Suspense fallback=FirstLoad>
            {move || Suspend::new(async move {
                match jobs.await {
                    Ok(view) => view! { <Jobs view/> }.erase(),
                    Err(error) => view! { <LoadFailed error=error.0/> }.erase(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn Jobs(view: JobsView) -> impl IntoView {
    let rows = view.jobs.into_iter().map(row).collect_view();
    view! {
        <DataTable caption="Jobs and the VMs that they name">
            <thead>
                <tr>
                    <th scope="col">"Job"</th>
                    <th scope="col">"State"</th>
                    <th scope="col">"Names"</th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </DataTable>
    }
}

fn row(job: JobView) -> impl IntoView {
    let state = if job.held { "Held" } else { "Active" };
    let count = words::counted(job.vms.len(), "VM");
    view! {
        <tr>
            <th scope="row">{job.name}</th>
            <td data-label="State">{state}</td>
            <td data-label="Names">{count} ": " {job.vms.join(", ")}</td>
        </tr>
    }
}

//! The jobs page: which VMs each job names.

pub mod api;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use model::view::{JobView, JobsView, ListQuery, PageInfo};

use crate::{
    components::{
        data_table::DataTable,
        list_nav::{ListFilter, ListPlace},
        load::{FirstLoad, LoadFailed},
    },
    erase::Erase as _,
    words,
};
use api::read_jobs;

/// What keeps replicas and copies up to date, and of which VMs.
#[component]
pub fn JobsPage() -> impl IntoView {
    let query = use_query_map();
    let filter = Memo::new(move |_| {
        query.with(|query| query.get_str("filter").unwrap_or_default().to_owned())
    });
    let jobs = Resource::new(
        move || filter.get(),
        |filter| async move { (filter.clone(), read_jobs(filter).await) },
    );
    view! {
        <Title text="Jobs"/>
        <header class="page-head">
            <h1>"Jobs"</h1>
        </header>
        <p>
            "A commit makes every job that named the original VM name the VM that took its place."
        </p>
        <Transition fallback=FirstLoad>
            {move || Suspend::new(async move {
                match jobs.await {
                    (filter, Ok(view)) => view! { <Jobs view filter/> }.erase(),
                    (_, Err(error)) => view! { <LoadFailed error=error.0/> }.erase(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Jobs(view: JobsView, filter: String) -> impl IntoView {
    let named = view.jobs.iter().map(|job| job.count).sum();
    let place = ListPlace {
        path: "/jobs".to_owned(),
        query: ListQuery {
            filter,
            ..ListQuery::default()
        },
        ..ListPlace::default()
    };
    let found = view.jobs.iter().map(|job| job.vms.len() + job.more).sum();
    // Each job names its first ones; there are no pages.
    let page = Signal::stored(PageInfo {
        pages: 1,
        ..PageInfo::of(&place.query, found, named)
    });
    let rows = view.jobs.into_iter().map(row).collect_view();
    view! {
        <ListFilter place page one="VM" label="VMs of jobs"/>
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
    let count = words::counted(job.count, "VM");
    let more = (job.more > 0).then(|| format!(" and {} more", words::grouped(job.more)));
    view! {
        <tr>
            <th scope="row">{job.name}</th>
            <td data-label="State">{state}</td>
            <td data-label="Names">{count} ": " {job.vms.join(", ")} {more}</td>
        </tr>
    }
}

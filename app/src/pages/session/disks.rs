//! The disks of the session with their counters, which add up.

use crate::erase::Erase as _;
use leptos::prelude::*;
use model::view::DiskView;

use super::{Newest, view_model};
use crate::components::{
    data_table::DataTable,
    dynamic::{part, text},
    progress::ProgressBar,
};
use crate::pages::disk_map::view_model::map_address;

/// All disks.
#[component]
pub(super) fn Disks(newest: Newest) -> impl IntoView {
    let count = Memo::new(move |_| newest.with(|view| view.disks.len()));
    view! {
        <section aria-labelledby="disks">
            <h2 id="disks">"Disks"</h2>
            {part(move || Some(match count.get() {
                0 => empty(),
                count => table(newest, count),
            }))}
        </section>
    }
}

fn empty() -> AnyView {
    view! { <p class="empty">"Disks appear here when the transfer begins."</p> }.erase()
}

fn table(newest: Newest, count: usize) -> AnyView {
    let rows = (0..count)
        .map(|index| view! { <Disk newest index/> })
        .collect_view();
    view! {
        <DataTable caption="Disks">
            <thead>
                <tr>
                    <th scope="col">"Disk"</th>
                    <th scope="col">"Pass"</th>
                    <th scope="col" class="number">"To look at"</th>
                    <th scope="col" class="number">"Looked at"</th>
                    <th scope="col" class="number">"Different"</th>
                    <th scope="col" class="number">"Sent"</th>
                    <th scope="col" class="number">"Written"</th>
                    <th scope="col" class="number">"Verified"</th>
                    <th scope="col" class="number">"Rate"</th>
                    <th scope="col" class="number">"Sent in all"</th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </DataTable>
    }
    .erase()
}

#[component]
fn Disk(newest: Newest, index: usize) -> impl IntoView {
    let disk = Memo::new(move |_| newest.with(|view| view.disks.get(index).cloned()));
    let figure = move |of: fn(&DiskView) -> String| {
        text(move || disk.with(|disk| disk.as_ref().map_or_else(String::new, of)))
    };
    let percent = Signal::derive(move || {
        disk.with(|disk| {
            disk.as_ref()
                .and_then(|disk| view_model::disk_percent(&disk.counters))
        })
    });
    let name = disk.with_untracked(|disk| disk.as_ref().map(|disk| disk.name.clone()));
    let name = name.unwrap_or_default();
    let label = format!("Looked at of disk {name}");
    let map_label = format!("Map of disk {name}");
    let map = newest.with_untracked(|view| {
        let key = view.disks.get(index).map_or("", |disk| disk.key.as_str());
        map_address(view.summary.id.as_str(), key)
    });
    view! {
        <tr>
            <th scope="row">
                {figure(|disk| disk.name.clone())}
                <span class="sub">{figure(|disk| disk.size.to_string())}</span>
                <a href=map aria-label=map_label>"Map"</a>
            </th>
            <td class="pass">
                {figure(|disk| view_model::phase_words(disk.counters.phase).to_owned())}
                <span class="sub">{figure(|disk| disk.scope.clone())}</span>
                <span class="sub">{figure(|disk| disk.proxies.clone().unwrap_or_default())}</span>
                <ProgressBar label percent/>
            </td>
            <td data-label="To look at" class="number">{figure(|disk| disk.counters.to_scan.to_string())}</td>
            <td data-label="Looked at" class="number">{figure(|disk| disk.counters.scanned.to_string())}</td>
            <td data-label="Different" class="number">{figure(|disk| disk.counters.different.to_string())}</td>
            <td data-label="Sent" class="number">{figure(|disk| disk.counters.sent.to_string())}</td>
            <td data-label="Written" class="number">{figure(|disk| disk.counters.written.to_string())}</td>
            <td data-label="Verified" class="number">{figure(|disk| disk.counters.verified.to_string())}</td>
            <td data-label="Rate" class="number">{figure(|disk| disk.counters.rate.to_string())}</td>
            <td data-label="Sent in all" class="number">{figure(|disk| disk.sent_total.to_string())}</td>
        </tr>
    }
}

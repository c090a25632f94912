//! The disks of the session with their counters, which add up.

use leptos::prelude::*;
use model::view::DiskView;

use super::{Newest, view_model};
use crate::components::{data_table::DataTable, progress::ProgressBar};

/// All disks.
#[component]
pub(super) fn Disks(newest: Newest) -> impl IntoView {
    let count = Memo::new(move |_| newest.with(|view| view.disks.len()));
    let rows = move || {
        (0..count.get())
            .map(|index| view! { <Disk newest index/> })
            .collect_view()
    };
    view! {
        <section aria-labelledby="disks">
            <h2 id="disks">"Disks"</h2>
            <Show
                when=move || count.get() != 0
                fallback=|| view! { <p class="empty">"Disks appear here when the transfer begins."</p> }
            >
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
            </Show>
        </section>
    }
}

#[component]
fn Disk(newest: Newest, index: usize) -> impl IntoView {
    let disk = Memo::new(move |_| newest.with(|view| view.disks.get(index).cloned()));
    let text = move |of: fn(&DiskView) -> String| move || disk.with(|disk| disk.as_ref().map(of));
    let percent = Signal::derive(move || {
        disk.with(|disk| {
            disk.as_ref()
                .and_then(|disk| view_model::disk_percent(&disk.counters))
        })
    });
    let name = disk.with_untracked(|disk| disk.as_ref().map(|disk| disk.name.clone()));
    let label = format!("Looked at of disk {}", name.unwrap_or_default());
    view! {
        <tr>
            <th scope="row">
                {text(|disk| disk.name.clone())}
                <span class="sub">{text(|disk| disk.size.to_string())}</span>
            </th>
            <td>
                {text(|disk| view_model::phase_words(disk.counters.phase).to_owned())}
                <span class="sub">{text(|disk| disk.scope.clone())}</span>
                <span class="sub">{text(|disk| disk.proxies.clone().unwrap_or_default())}</span>
                <ProgressBar label percent/>
            </td>
            <td class="number">{text(|disk| disk.counters.to_scan.to_string())}</td>
            <td class="number">{text(|disk| disk.counters.scanned.to_string())}</td>
            <td class="number">{text(|disk| disk.counters.different.to_string())}</td>
            <td class="number">{text(|disk| disk.counters.sent.to_string())}</td>
            <td class="number">{text(|disk| disk.counters.written.to_string())}</td>
            <td class="number">{text(|disk| disk.counters.verified.to_string())}</td>
            <td class="number">{text(|disk| disk.counters.rate.to_string())}</td>
            <td class="number">{text(|disk| disk.sent_total.to_string())}</td>
        </tr>
    }
}

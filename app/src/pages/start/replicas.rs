//! The table of replicas: one row each, with what may be done now and why not.

use crate::erase::Erase as _;
use leptos::prelude::*;
use model::{
    ReplicaId, Timestamp,
    view::{PageInfo, ReplicaView, SortColumn},
};

use super::view_model::{self, Offer};
use crate::{
    components::{
        data_table::DataTable,
        dynamic::part,
        form::{Form, Sending},
        icon::Icon,
        list_nav::{ListFilter, ListPlace, Pager, SortHead},
        state_badge::Badges,
        when::When,
    },
    keyed::Rows,
    words,
};

/// All replicas.
#[component]
pub(super) fn Replicas(
    rows: Rows<ReplicaId, ReplicaView>,
    now: Signal<Timestamp>,
    create: Sending,
    /// Where the list is.
    place: ListPlace,
    /// Which page of it is shown.
    page: Signal<PageInfo>,
) -> impl IntoView {
    let at = place.clone();
    view! {
        <section aria-labelledby="replicas">
            <h2 id="replicas">"Replicas"</h2>
            <ListFilter place=place.clone() page one="replica" label="Replicas"/>
            {part(move || Some(if !rows.is_empty() {
                table(rows, now, create, at.clone())
            } else if page.with(|page| page.all > 0) {
                nothing_found()
            } else {
                empty()
            }))}
            <Pager place page label="Pages of replicas"/>
        </section>
    }
}

fn empty() -> AnyView {
    view! {
        <p class="empty">
            "Replicas appear here once a site has some. "
            <a href="/lab">"The lab"</a> " makes a sample estate."
        </p>
    }
    .erase()
}

/// In place of a table of which the filter lets nothing through.
pub(super) fn nothing_found() -> AnyView {
    view! { <p class="empty">"Nothing holds this text. Try another, or show all."</p> }.erase()
}

fn table(
    rows: Rows<ReplicaId, ReplicaView>,
    now: Signal<Timestamp>,
    create: Sending,
    place: ListPlace,
) -> AnyView {
    let at = move || place.clone();
    view! {
        <DataTable caption="Replicas">
            <thead>
                <tr>
                    <SortHead place=at() column=SortColumn::Name title="VM"/>
                    <SortHead place=at() column=SortColumn::State title="State"/>
                    <th scope="col">"Power"</th>
                    <th scope="col">"Restore point"</th>
                    <SortHead place=at() column=SortColumn::Since title="Running since"/>
                    <SortHead place=at() column=SortColumn::Size title="Size" number=true/>
                    <th scope="col">"Job"</th>
                    <th scope="col">"What may be done"</th>
                </tr>
            </thead>
            <tbody>
                {rows.body(move |replica| row(replica, now, create))}
            </tbody>
        </DataTable>
    }
    .erase()
}

fn row(replica: &ReplicaView, now: Signal<Timestamp>, create: Sending) -> AnyView {
    let point = replica.restore_point.as_ref().map(|point| {
        view! { <When at=point.taken_at now/> }
    });
    let since = replica.running_since.map(|at| view! { <When at now/> });
    let production_power = replica
        .production_power
        .map_or("not found", words::power_words);
    let both_run = view_model::both_run(replica)
        .then(|| view! { <span class="sub"><Icon name="waiting"/>"both run"</span> });
    view! {
        <tr>
            <th scope="row">
                {replica.production_name.clone()}
                <span class="sub">{replica.replica_location.clone()}</span>
            </th>
            <td data-label="State">
                <Badges badges=words::replica_badges(replica)/>
                <span class="sub">"Authoritative: " {replica.authoritative.clone()}</span>
            </td>
            <td data-label="Power" class="short">
                {words::power_words(replica.power)}
                <span class="sub">"production " {production_power.to_lowercase()}</span>
                {both_run}
            </td>
            <td data-label="Restore point">{point}</td>
            <td data-label="Running since">{since}</td>
            <td data-label="Size" class="number">{replica.size.to_string()}</td>
            <td data-label="Job" class="short">
                {replica.job.clone()}
                <span class="sub">{view_model::hold_words(replica)}</span>
            </td>
            <td class="row-actions">{offer(replica, create)}</td>
        </tr>
    }
    .erase()
}

fn offer(replica: &ReplicaView, create: Sending) -> AnyView {
    if let Some(session) = &replica.session {
        return view! {
            <a class="button small" href=format!("/sessions/{session}")>
                "Open session"
                <span class="visually-hidden">" of " {replica.production_name.clone()}</span>
            </a>
        }
        .erase();
    }
    match view_model::offer(replica) {
        Offer::Possible => {
            let (id, name) = (replica.id.to_string(), replica.production_name.clone());
            view! {
                <Form sending=create>
                    <input type="hidden" name="preselect[]" value=id/>
                    <button type="submit" class="button small">
                        "Fail back"
                        <span class="visually-hidden">" " {name}</span>
                    </button>
                </Form>
            }
            .erase()
        }
        Offer::NotNow(reason) => view! { <span class="why-not">{reason}</span> }.erase(),
        Offer::Nothing => ().erase(),
    }
}

//! Which VMs are registered as replicas, and which may be.

use crate::erase::Erase as _;
use leptos::prelude::*;
use model::{
    VmRef,
    view::{PairProposal, RegisteredPair},
};

use super::{row::forget, view_model};
use crate::{
    components::{data_table::DataTable, dynamic::part},
    keyed::Rows,
    words,
};

/// The registered pairs.
#[component]
pub(super) fn RegisteredPairs(rows: Rows<VmRef, RegisteredPair>) -> impl IntoView {
    view! {
        <section aria-labelledby="pairs">
            <h2 id="pairs">"Registered pairs"</h2>
            {part(move || Some(if rows.is_empty() { no_pairs() } else { pairs(rows) }))}
        </section>
    }
}

fn no_pairs() -> AnyView {
    view! {
        <p class="empty">
            "None yet. A VM that may be a replica is registered from the list below; then it can be "
            "failed back."
        </p>
    }
    .erase()
}

fn pairs(rows: Rows<VmRef, RegisteredPair>) -> AnyView {
    view! {
        <DataTable caption="Registered pairs">
            <thead>
                <tr>
                    <th scope="col">"Replica"</th>
                    <th scope="col">"Original"</th>
                    <th scope="col">"Disks"</th>
                    <th scope="col">"Actions"</th>
                </tr>
            </thead>
            <tbody>
                {rows.body(registered)}
            </tbody>
        </DataTable>
    }
    .erase()
}

fn registered(pair: &RegisteredPair) -> AnyView {
    let href = view_model::forget_pair_href(&pair.vm);
    view! {
        <tr>
            <th scope="row">{pair.replica.clone()}</th>
            <td data-label="Original">{pair.original.clone()}</td>
            <td data-label="Disks">{pair.disks.clone()}</td>
            <td data-label="Actions">{forget(&pair.replica, pair.keep_why.clone(), href)}</td>
        </tr>
    }
    .erase()
}

/// The VMs that may be registered.
#[component]
pub(super) fn Proposals(
    rows: Rows<VmRef, PairProposal>,
    /// How many there are beyond.
    more: Memo<usize>,
) -> impl IntoView {
    view! {
        <section aria-labelledby="proposals">
            <h2 id="proposals">"VMs that may be replicas"</h2>
            <p>
                "A VM that another tool made as a copy can be failed back once it is registered with "
                "its original."
            </p>
            {part(move || Some(if rows.is_empty() { no_proposals() } else { proposals(rows) }))}
            {part(move || {
                let more = more.get();
                (more > 0).then(|| {
                    view! { <p class="hint">"And " {words::grouped(more)} " more."</p> }.erase()
                })
            })}
        </section>
    }
}

fn no_proposals() -> AnyView {
    view! {
        <p class="empty">
            "None now. Only VMs of connected disaster recovery sites are listed, while they are not "
            "registered."
        </p>
    }
    .erase()
}

fn proposals(rows: Rows<VmRef, PairProposal>) -> AnyView {
    view! {
        <DataTable caption="VMs that may be replicas">
            <thead>
                <tr>
                    <th scope="col">"Replica"</th>
                    <th scope="col">"Best original"</th>
                    <th scope="col">"Actions"</th>
                </tr>
            </thead>
            <tbody>
                {rows.body(proposed)}
            </tbody>
        </DataTable>
    }
    .erase()
}

fn proposed(proposal: &PairProposal) -> AnyView {
    view! {
        <tr>
            <th scope="row">{proposal.replica.clone()}</th>
            <td data-label="Best original">
                {view_model::proposed_words(proposal.original.as_deref())}
            </td>
            <td data-label="Actions">
                <a class="button small" href=view_model::pair_href(&proposal.vm)>
                    "Register"
                    <span class="visually-hidden">" " {proposal.replica.clone()}</span>
                </a>
            </td>
        </tr>
    }
    .erase()
}

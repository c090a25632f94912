//! Step Replica: which replicas. Those that cannot be chosen are listed with why not.

use std::collections::BTreeSet;

use leptos::{ev::MouseEvent, prelude::*};
use leptos_router::hooks::use_query_map;
use model::{
    ReplicaId, Timestamp,
    view::{DraftView, ReplicaView, WizardStep},
};

use super::{Question, StepButtons, api::SaveReplicas, view_model};
use crate::{
    browser,
    components::{
        data_table::DataTable,
        dynamic::text,
        error_summary::{ErrorSummary, field_id},
        form::{Form, Sending},
        state_badge::Badges,
        when::When,
    },
    words,
};

/// What is chosen in the browser before it is sent.
#[derive(Clone, Copy)]
struct Selection {
    replicas: StoredValue<Vec<ReplicaView>>,
    chosen: RwSignal<BTreeSet<ReplicaId>>,
    filter: RwSignal<String>,
    last: StoredValue<Option<usize>>,
}

impl Selection {
    fn selectable(self) -> Vec<ReplicaId> {
        self.filter.with(|filter| {
            self.replicas
                .with_value(|all| view_model::selectable(all, filter))
        })
    }

    fn select_all(self) {
        let ids = untrack(|| self.selectable());
        self.chosen.update(|chosen| chosen.extend(ids));
    }

    /// A click, or the space key, on a row's box; with shift, all rows from the last one on.
    fn click(self, index: usize, checked: bool, shift: bool) {
        let from = self.last.get_value().filter(|_| shift).unwrap_or(index);
        let rows = from.min(index)..=from.max(index);
        self.replicas.with_value(|all| {
            let filter = self.filter.get_untracked();
            let reached = all.get(rows).unwrap_or_default().iter().filter(|replica| {
                view_model::matches(replica, &filter) && view_model::why_not(replica).is_none()
            });
            self.chosen.update(|chosen| {
                for replica in reached {
                    if checked {
                        chosen.insert(replica.id.clone());
                    } else {
                        chosen.remove(&replica.id);
                    }
                }
            });
        });
        self.last.set_value(Some(index));
    }
}

/// The step.
#[component]
pub(super) fn ReplicaStep(draft: DraftView) -> impl IntoView {
    let save = Sending::to::<SaveReplicas>();
    let error = save.error();
    let filter = use_query_map()
        .with_untracked(|query| query.get_str("filter").unwrap_or_default().to_owned());
    let now = Signal::from(browser::present(draft.now));
    let replicas = view_model::sorted(draft.replicas);
    let selection = Selection {
        replicas: StoredValue::new(replicas.clone()),
        chosen: RwSignal::new(draft.chosen.into_iter().collect()),
        filter: RwSignal::new(filter),
        last: StoredValue::new(None),
    };
    let rows = replicas
        .into_iter()
        .enumerate()
        .map(|(index, replica)| row(index, &replica, selection, now))
        .collect_view();
    view! {
        <Question step=WizardStep::Replica/>
        <ErrorSummary error/>
        <Form sending=save>
            <input type="hidden" name="id" value=draft.id.to_string()/>
            <Toolbar selection href=view_model::step_href(&draft.id, WizardStep::Replica)/>
                <DataTable caption="Replicas to fail back">
                    <thead>
                        <tr>
                            <td></td>
                            <th scope="col">"Replica"</th>
                            <th scope="col">"State"</th>
                            <th scope="col" class="number">"Size"</th>
                            <th scope="col">"Restore point"</th>
                            <th scope="col">"Running since"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </DataTable>
            <StepButtons step=WizardStep::Replica sending=save/>
        </Form>
    }
}

/// Filter, select all, clear all, refresh. Says how many rows it will change.
#[component]
fn Toolbar(selection: Selection, href: String) -> impl IntoView {
    let count = move || selection.chosen.with(BTreeSet::len);
    let select_all = move |event: MouseEvent| {
        event.prevent_default();
        selection.select_all();
    };
    let clear = move |event: MouseEvent| {
        event.prevent_default();
        selection.chosen.set(BTreeSet::new());
    };
    let apply = move |event: MouseEvent| event.prevent_default();
    view! {
        <div class="toolbar">
            <label for="filter">"Filter"</label>
            <input
                type="search"
                id="filter"
                name="filter"
                value=selection.filter.get_untracked()
                on:input:target=move |event| selection.filter.set(event.target().value())
            />
            // With scripts the filter applies while it is typed.
            <button
                type="submit"
                class="button small without-scripts"
                name="press"
                value="filter"
                on:click=apply
            >
                "Apply"
            </button>
            <button type="submit" class="button small" name="press" value="all" on:click=select_all>
                {text(move || format!("Select all ({})", selection.selectable().len()))}
            </button>
            <button type="submit" class="button small" name="press" value="clear" on:click=clear>
                {text(move || format!("Clear ({})", count()))}
            </button>
            <a class="button small" rel="external" href=href>"Refresh"</a>
            <span class="toolbar-count" role="status">
                {text(move || format!("{} chosen", words::counted(count(), "replica")))}
            </span>
        </div>
    }
}

fn row(
    index: usize,
    replica: &ReplicaView,
    selection: Selection,
    now: Signal<Timestamp>,
) -> impl IntoView + use<> {
    let Selection { chosen, filter, .. } = selection;
    let why_not = view_model::why_not(replica);
    let disabled = why_not.is_some();
    let id = replica.id.clone();
    let checked = move || chosen.with(|chosen| chosen.contains(&id));
    let at_first = untrack(&checked);
    let click = move |event: MouseEvent| {
        let checked = event_target_checked(&event);
        selection.click(index, checked, event.shift_key());
    };
    // The error summary leads to the first box that can be ticked, which is the first row's.
    let box_id = if index == 0 {
        field_id("replicas")
    } else {
        format!("replica-{}", replica.id)
    };
    let shown = {
        let replica = replica.clone();
        Memo::new(move |_| filter.with(|filter| view_model::matches(&replica, filter)))
    };
    let point = replica
        .restore_point
        .as_ref()
        .map(|point| view! { <When at=point.taken_at now/> });
    let since = replica.running_since.map(|at| view! { <When at now/> });
    view! {
        <tr class:off=disabled hidden=move || !shown.get()>
            <td class="row-choice">
                <input
                    type="checkbox"
                    name="replicas[]"
                    id=box_id.clone()
                    value=replica.id.to_string()
                    disabled=disabled
                    checked=at_first
                    prop:checked=checked
                    on:click=click
                />
            </td>
            <th scope="row">
                <label for=box_id>{replica.name.clone()}</label>
                <span class="sub">"Original: " {replica.original_location.clone()}</span>
            </th>
            <td data-label="State">
                <Badges badges=words::replica_badges(replica)/>
                {why_not.map(|reason| view! { <span class="why-not">{reason}</span> })}
            </td>
            <td data-label="Size" class="number">{replica.size.to_string()}</td>
            <td data-label="Restore point">{point}</td>
            <td data-label="Running since">{since}</td>
        </tr>
    }
}

//! Step Replica: which replicas. Those that cannot be chosen are listed with why not.

use std::collections::BTreeSet;

use leptos::{ev::MouseEvent, prelude::*};
use model::{
    ReplicaId, Timestamp,
    view::{DraftView, ListQuery, PageInfo, ReplicaView, Sort, SortColumn, WizardStep},
};

use super::{Question, Reload, StepButtons, api::SaveReplicas, view_model};
use crate::{
    browser,
    components::{
        data_table::DataTable,
        dynamic::text,
        error_summary::{ErrorSummary, field_id},
        form::{Form, Sending},
        list_nav::{FormPager, FormSortHead, types::shown_words},
        state_badge::Badges,
        when::When,
    },
    words,
};

/// What is ticked on this page in the browser before it is sent.
#[derive(Clone, Copy)]
struct Selection {
    replicas: StoredValue<Vec<ReplicaView>>,
    chosen: RwSignal<BTreeSet<ReplicaId>>,
    /// How many are chosen on other pages.
    elsewhere: usize,
    /// What is typed into the filter: the page is narrowed at once, the other pages when it is applied.
    filter: RwSignal<String>,
    last: StoredValue<Option<usize>>,
}

impl Selection {
    fn count(self) -> usize {
        self.elsewhere + self.chosen.with(BTreeSet::len)
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
pub(super) fn ReplicaStep(draft: DraftView, asked: ListQuery) -> impl IntoView {
    let save = Sending::to::<SaveReplicas>();
    let error = save.error();
    let reload = expect_context::<Reload>();
    // What is chosen on all pages is known to the server.
    Effect::new(move || {
        if save.stayed() > 0 {
            reload.now();
        }
    });
    let now = Signal::from(browser::present(draft.now));
    let href = view_model::list_href(&draft.id, WizardStep::Replica, &asked);
    let ListQuery { filter, sort, .. } = asked;
    let selection = Selection {
        replicas: StoredValue::new(draft.replicas.clone()),
        elsewhere: draft.chosen_count.saturating_sub(draft.chosen.len()),
        chosen: RwSignal::new(draft.chosen.into_iter().collect()),
        filter: RwSignal::new(filter),
        last: StoredValue::new(None),
    };
    let rows = draft
        .replicas
        .into_iter()
        .enumerate()
        .map(|(index, replica)| row(index, &replica, selection, now))
        .collect_view();
    let page = draft.page;
    view! {
        <Question step=WizardStep::Replica/>
        <ErrorSummary error/>
        <Form sending=save>
            <input type="hidden" name="id" value=draft.id.to_string()/>
            <input type="hidden" name="paged" value="true"/>
            <input type="hidden" name="sort" value=sort.map(Sort::word).unwrap_or_default()/>
            <Toolbar selection selectable=draft.selectable page href/>
                <DataTable caption="Replicas to fail back">
                    <thead>
                        <tr>
                            <td></td>
                            <FormSortHead sort column=SortColumn::Name title="Replica"/>
                            <FormSortHead sort column=SortColumn::State title="State"/>
                            <FormSortHead sort column=SortColumn::Size title="Size" number=true/>
                            <th scope="col">"Restore point"</th>
                            <FormSortHead sort column=SortColumn::Since title="Running since"/>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </DataTable>
            <FormPager page label="Pages of replicas"/>
            <StepButtons step=WizardStep::Replica sending=save/>
        </Form>
    }
}

/// Filter, select all, clear, refresh. Says how many rows it will change, on all pages.
#[component]
fn Toolbar(selection: Selection, selectable: usize, page: PageInfo, href: String) -> impl IntoView {
    let (all, narrowed) = (words::grouped(selectable), page.total < page.all);
    let clear = if narrowed {
        "Clear those shown"
    } else {
        "Clear all"
    };
    let shown = (page.pages > 1 || narrowed).then(|| {
        let words = shown_words(&page, "replica");
        view! { <span class="toolbar-count">{words}</span> }
    });
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
            <button type="submit" class="button small" name="press" value="filter">"Apply"</button>
            <button type="submit" class="button small" name="press" value="all">
                {format!("Select all ({all})")}
            </button>
            <button type="submit" class="button small" name="press" value="clear">{clear}</button>
            <a class="button small" rel="external" href=href>"Refresh"</a>
            <span class="toolbar-count" role="status">
                {text(move || format!("{} chosen", words::counted(selection.count(), "replica")))}
            </span>
            {shown}
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
                <input type="hidden" name="shown[]" value=replica.id.to_string()/>
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

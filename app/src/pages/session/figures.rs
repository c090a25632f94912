//! Estimate beside actual: what the plan expected, and what came of it so far.

use crate::erase::Erase as _;
use leptos::prelude::*;

use super::{Newest, view_model};
use crate::components::{data_table::DataTable, dynamic::part};

/// The figures of a session at work.
#[component]
pub(super) fn Figures(newest: Newest) -> impl IntoView {
    let figures = Memo::new(move |_| {
        newest.with(|view| view_model::figures(view.estimate.as_ref(), &view.actual))
    });
    view! {
        <section aria-labelledby="figures">
            <h2 id="figures">"Estimate and actual"</h2>
            {part(move || Some(table(figures.get())))}
        </section>
    }
}

/// The figures as a table.
pub(crate) fn table(figures: Vec<(&'static str, String, String)>) -> AnyView {
    let rows = figures.into_iter().map(|(name, estimate, actual)| {
        view! {
            <tr>
                <th scope="row">{name}</th>
                <td data-label="Estimate">{estimate}</td>
                <td class="number" data-label="Actual">{actual}</td>
            </tr>
        }
    });
    view! {
        <DataTable caption="Estimate and actual">
            <thead>
                <tr>
                    <th scope="col">"Figure"</th>
                    <th scope="col">"Estimate"</th>
                    <th scope="col" class="number">"Actual"</th>
                </tr>
            </thead>
            <tbody>{rows.collect_view()}</tbody>
        </DataTable>
    }
    .erase()
}

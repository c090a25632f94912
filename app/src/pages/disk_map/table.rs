//! The part of the map that is shown as a table: for who cannot see the picture, and for figures.

use crate::erase::Erase as _;
use leptos::prelude::*;
use model::view::{DiskMapView, MapRow};

use super::{Newest, view_model};
use crate::components::{
    data_table::DataTable,
    dynamic::{part, text},
};

/// The ranges that are shown.
#[component]
pub(super) fn Table(newest: Newest) -> impl IntoView {
    let words = Memo::new(move |_| {
        newest.with(|view| {
            let picture = view.picture.as_ref();
            picture.map_or_else(String::new, view_model::table_words)
        })
    });
    view! {
        <section aria-labelledby="ranges">
            <h2 id="ranges">"Ranges"</h2>
            <p class="muted">{text(move || words.get())}</p>
            <DataTable caption="Ranges of the disk">
                <thead>
                    <tr>
                        <th scope="col">"From"</th>
                        <th scope="col" class="number">"Length"</th>
                        <th scope="col">"State"</th>
                    </tr>
                </thead>
                {part(move || newest.with(rows))}
            </DataTable>
        </section>
    }
}

fn rows(view: &DiskMapView) -> Option<AnyView> {
    let picture = view.picture.as_ref()?;
    let rows = picture.rows.iter().map(|it| row(view, it)).collect_view();
    Some(view! { <tbody>{rows}</tbody> }.erase())
}

fn row(view: &DiskMapView, row: &MapRow) -> impl IntoView + use<> {
    let href = view_model::part_address(view, row.range);
    let from = model::ByteCount(row.range.start).to_string();
    let (length, state) = view_model::row_words(row);
    view! {
        <tr>
            <th scope="row">
                <a href=href data-noscroll="">{from}</a>
                <span class="sub">"byte " {row.range.start}</span>
            </th>
            <td class="number" data-label="Length">{length}</td>
            <td data-label="State">{state}</td>
        </tr>
    }
}

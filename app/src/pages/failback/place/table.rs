//! The table of a step: a row per VM, file or adapter, with its box, its choices and findings.

use leptos::prelude::*;
use model::{
    ApiError,
    view::{PlaceChoice, PlaceFinding, WizardStep},
};

use super::{
    super::view_model::place::{PlaceRow, columns},
    Ticks,
};
use crate::components::{
    data_table::DataTable,
    error_summary::field_id,
    field::{FieldNote, note_id},
    icon::Icon,
};

/// The rows under their columns.
#[component]
pub(super) fn Table(
    step: WizardStep,
    rows: Vec<PlaceRow>,
    ticks: Ticks,
    error: Signal<Option<ApiError>>,
) -> impl IntoView {
    let columns = columns(step);
    let head = columns
        .iter()
        .map(|column| view! { <th scope="col">{*column}</th> })
        .collect_view();
    let body = rows
        .into_iter()
        .map(|row| table_row(row, columns, ticks, error))
        .collect_view();
    view! {
        <DataTable caption=step.title()>
            <thead>
                <tr>
                    <td></td>
                    {head}
                </tr>
            </thead>
            <tbody>{body}</tbody>
        </DataTable>
    }
}

fn table_row(
    row: PlaceRow,
    columns: &'static [&'static str],
    ticks: Ticks,
    error: Signal<Option<ApiError>>,
) -> impl IntoView {
    let PlaceRow {
        key,
        label,
        part_of,
        name,
        cells,
        findings,
        ..
    } = row;
    let id = field_id(&format!("place-{key}"));
    let is_part = part_of.is_some();
    let of = part_of.map(|vm| view! { <span class="visually-hidden">" of " {vm}</span> });
    let named = name.map(|name| name_cell(columns[1], name, &key, &label, error));
    let first = columns.len() - cells.len();
    let cells = cells
        .into_iter()
        .zip(columns.iter().skip(first))
        .map(|(choice, column)| cell(column, choice))
        .collect_view();
    let tick = {
        let key = key.clone();
        move |checked: bool| {
            ticks.rows.update(|rows| {
                if checked {
                    rows.insert(key.clone());
                } else {
                    rows.remove(&key);
                }
            });
        }
    };
    let ticked = {
        let key = key.clone();
        move || ticks.rows.with(|rows| rows.contains(&key))
    };
    view! {
        <tr class:part=is_part>
            <td class="row-choice">
                <input
                    type="checkbox"
                    name="rows[]"
                    id=id.clone()
                    value=key
                    prop:checked=ticked
                    on:change:target=move |event| tick(event.target().checked())
                />
            </td>
            <th scope="row">
                <label for=id>{label} {of}</label>
                {notes(findings)}
            </th>
            {named}
            {cells}
        </tr>
    }
}

fn cell(column: &'static str, choice: PlaceChoice) -> impl IntoView {
    let open = (!choice.chosen && !choice.words.is_empty())
        .then(|| view! { <span class="sub">"proposed"</span> });
    view! { <td data-label=column>{choice.words} {open}</td> }
}

/// The new VM's name, to be typed.
fn name_cell(
    column: &'static str,
    name: PlaceChoice,
    replica: &str,
    of: &str,
    error: Signal<Option<ApiError>>,
) -> impl IntoView + use<> {
    let field = format!("name-{replica}");
    view! {
        <td data-label=column>
            <input type="hidden" name="vms[]" value=replica.to_owned()/>
            <input
                type="text"
                name="names[]"
                id=field_id(&field)
                aria-label=format!("New name of {of}")
                aria-describedby=note_id(&field)
                value=name.words
                maxlength="80"
                autocomplete="off"
            />
            <FieldNote name=field error/>
        </td>
    }
}

/// What is to be known about a row.
fn notes(findings: Vec<PlaceFinding>) -> Option<impl IntoView> {
    if findings.is_empty() {
        return None;
    }
    let items = findings
        .into_iter()
        .map(|finding| {
            let (symbol, class) = if finding.blocks {
                ("attention", "blocks")
            } else {
                ("waiting", "unpaired")
            };
            view! { <li class=class><Icon name=symbol/><span>{finding.what}</span></li> }
        })
        .collect_view();
    Some(view! { <ul class="findings">{items}</ul> })
}

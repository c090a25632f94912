//! Several VMs in the step Failback mode: how many run at once, in which order, and which of them
//! do not switch over as the others do.

use leptos::prelude::*;
use model::{
    ApiError,
    view::{OwnRow, PageInfo, SeveralView},
};

use crate::{
    components::{
        data_table::DataTable,
        dynamic::{Part, part},
        error_summary::field_id,
        field::{Field, error_of, note_id},
        list_nav::FormPager,
        mode_fields::ZoneInput,
    },
    erase::Erase as _,
};

/// The modes that a VM may have of its own; the first is that of all.
const MODES: [(&str, &str); 4] = [
    ("", "As chosen above"),
    ("auto", "Auto"),
    ("scheduled", "Scheduled"),
    ("manual", "Manual"),
];

/// The fields of [`model::view::SeveralInput`].
#[component]
pub(super) fn Several(
    /// What was typed before.
    several: SeveralView,
    /// The zones that can be chosen.
    zones: Vec<String>,
    /// Which page of the VMs is shown.
    page: PageInfo,
    /// The form's newest error.
    error: Signal<Option<ApiError>>,
) -> impl IntoView {
    let rows = several
        .rows
        .into_iter()
        .zip(page.before + 1..)
        .map(|(own, place)| row(own, place, error))
        .collect_view();
    view! {
        <section class="panel several" aria-labelledby="several">
            <h3 id="several">"Several VMs"</h3>
            <Field
                name="at_once"
                label="How many may run at once"
                hint="The others wait in a queue, in the order below. All when empty. \
                      A VM that is ready to switch gives its place to the next."
                error
            >
                <input
                    type="number"
                    min="1"
                    max="10000"
                    inputmode="numeric"
                    name="at_once"
                    id=field_id("at_once")
                    value=several.at_once
                    aria-describedby=note_id("at_once")
                />
            </Field>
            <DataTable caption="Order and own failback modes">
                <thead>
                    <tr>
                        <th scope="col">"VM"</th>
                        <th scope="col">"Place"</th>
                        <th scope="col">"Failback mode"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </DataTable>
            <FormPager page label="Pages of VMs"/>
            <div class="own-zone">
                <Field name="own_zone" label="Time zone of these times" error>
                    <ZoneInput name="own_zone" zone=several.zone zones/>
                </Field>
            </div>
        </section>
    }
}

fn row(own: OwnRow, place: usize, error: Signal<Option<ApiError>>) -> impl IntoView {
    let OwnRow {
        replica,
        name,
        mode,
        at,
    } = own;
    let (of_place, of_mode) = (format!("place-{replica}"), format!("own-{replica}"));
    let options = MODES
        .into_iter()
        .map(|(value, words)| {
            view! { <option value=value selected=value == mode>{words}</option> }
        })
        .collect_view();
    view! {
        <tr>
            <th scope="row">{name.clone()}</th>
            <td data-label="Place">
                <input type="hidden" name="replicas[]" value=replica.to_string()/>
                <input
                    type="number"
                    min="1"
                    inputmode="numeric"
                    class="place"
                    name="places[]"
                    id=field_id(&of_place)
                    value=place.to_string()
                    aria-label=format!("Place of {name}")
                    aria-describedby=note_id(&of_place)
                />
                {said(of_place, error)}
            </td>
            <td data-label="Failback mode">
                <select
                    class="own-mode"
                    name="modes[]"
                    id=field_id(&of_mode)
                    aria-label=format!("Failback mode of {name}")
                    aria-describedby=note_id(&of_mode)
                >
                    {options}
                </select>
                <input
                    type="datetime-local"
                    class="own-time"
                    name="ats[]"
                    value=at
                    aria-label=format!("Date and time of {name}")
                />
                {said(of_mode, error)}
            </td>
        </tr>
    }
}

/// The newest error, where it belongs to this field of a row.
fn said(field: String, error: Signal<Option<ApiError>>) -> impl IntoView {
    let id = note_id(&field);
    let message = error_of(error, field);
    let words: Part = part(move || {
        let message = message.get()?;
        Some(view! { <strong class="field-error">{message}</strong> }.erase())
    });
    view! { <p class="field-note" id=id>{words}</p> }
}

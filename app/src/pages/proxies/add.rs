//! The form for one proxy more.

use leptos::prelude::*;
use model::{SiteId, TransportMode};

use crate::components::{
    error_summary::{ErrorSummary, field_id},
    field::{Field, FieldNote, note_id},
    form::{Form, Sending},
};

/// Site, name, slots and modes.
#[component]
pub(super) fn AddProxy(sites: Vec<(SiteId, String)>, sending: Sending) -> impl IntoView {
    let error = sending.error();
    let sites = sites
        .into_iter()
        .map(|(id, name)| view! { <option value=id.to_string()>{name}</option> })
        .collect_view();
    let modes = TransportMode::ALL
        .into_iter()
        .zip(0..)
        .map(mode)
        .collect_view();
    view! {
        <section class="panel" aria-labelledby="add">
            <h2 id="add">"Add a proxy"</h2>
            <p>"It runs inside this console's process, reaches all hosts and datastores of its site, "
                "and gets tasks at once."</p>
            <ErrorSummary error/>
            <Form sending>
                <div class="field-grid">
                    <Field name="site" label="Site" error>
                        <select name="site" id=field_id("site") aria-describedby=note_id("site")>{sites}</select>
                    </Field>
                    <Field name="name" label="Name" error>
                        <input
                            type="text"
                            name="name"
                            id=field_id("name")
                            maxlength="80"
                            autocomplete="off"
                            aria-describedby=note_id("name")
                        />
                    </Field>
                    <Field name="slots" label="Slots" hint="Disks at a time." error>
                        <input
                            type="number"
                            name="slots"
                            id=field_id("slots")
                            min="1"
                            max="64"
                            value="2"
                            aria-describedby=note_id("slots")
                        />
                    </Field>
                    <fieldset class="choices" aria-describedby=note_id("modes")>
                        <legend>"Transport modes, the best first"</legend>
                        {modes}
                        <FieldNote name="modes" error/>
                    </fieldset>
                </div>
                <button type="submit" class="button">"Add the proxy"</button>
            </Form>
        </section>
    }
}

/// The error summary leads to the first of them.
fn mode((mode, index): (TransportMode, usize)) -> impl IntoView {
    let value = match mode {
        TransportMode::DirectStorage => "direct_storage",
        TransportMode::VirtualAppliance => "virtual_appliance",
        TransportMode::Network => "network",
    };
    let id = if index == 0 {
        field_id("modes")
    } else {
        format!("mode-{value}")
    };
    view! {
        <div class="choice">
            // How a site is reached is the site's; a proxy that may take each reaches every one.
            <input type="checkbox" name="modes[]" value=value id=id.clone() checked/>
            <label for=id>{mode.words()}</label>
        </div>
    }
}

//! The form for one site more.

use leptos::prelude::*;
use model::SiteRole;

use super::view_model;
use crate::components::{
    error_summary::{ErrorSummary, field_id},
    field::{Field, note_id},
    form::{Form, Sending},
};

const ROLES: [SiteRole; 2] = [SiteRole::Production, SiteRole::DisasterRecovery];

/// Name, role and address.
#[component]
pub(super) fn ConnectSite(sending: Sending) -> impl IntoView {
    let error = sending.error();
    let roles = ROLES.map(|role| {
        view! { <option value=view_model::role_value(role)>{view_model::role_words(role)}</option> }
    });
    let roles = roles.collect_view();
    view! {
        <section class="panel" aria-labelledby="connect">
            <h2 id="connect">"Connect a site"</h2>
            <p>
                "A site is a host with libvirt and QEMU. The connection is tried before it is saved."
            </p>
            <ErrorSummary error/>
            <Form sending>
                <div class="field-grid">
                    <Field name="name" label="Name" hint="What you call it." error>
                        <input
                            type="text"
                            name="name"
                            id=field_id("name")
                            maxlength="80"
                            autocomplete="off"
                            aria-describedby=note_id("name")
                        />
                    </Field>
                    <Field
                        name="role"
                        label="Role"
                        hint="Production VMs belong to the one, their replicas are kept at the other."
                        error
                    >
                        <select name="role" id=field_id("role") aria-describedby=note_id("role")>
                            <option value="">"Not chosen yet"</option>
                            {roles}
                        </select>
                    </Field>
                    <Field
                        name="uri"
                        label="Address"
                        hint="qemu:///system is this machine. qemu+ssh://root@host/system is another: its \
                              disks go over the same connection. By qemu+tls://host/system they must \
                              lie on storage that this machine shares."
                        error
                    >
                        <input
                            type="text"
                            name="uri"
                            id=field_id("uri")
                            maxlength="500"
                            autocomplete="off"
                            spellcheck="false"
                            aria-describedby=note_id("uri")
                        />
                    </Field>
                </div>
                <button type="submit" class="button">"Connect the site"</button>
            </Form>
        </section>
    }
}

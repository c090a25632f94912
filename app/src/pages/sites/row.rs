//! One site in the table.

use crate::erase::Erase as _;
use leptos::prelude::*;
use model::view::ConnectedSite;

use super::view_model;
use crate::{components::icon::Icon, words};

/// The row.
pub(super) fn site(site: &ConnectedSite) -> AnyView {
    let address = match &site.uri {
        Some(uri) => view! { <code>{uri.clone()}</code> }.erase(),
        None => "lab".erase(),
    };
    view! {
        <tr>
            <th scope="row">{site.name.clone()}</th>
            <td data-label="Role">{view_model::role_words(site.role)}</td>
            <td data-label="Address">{address}</td>
            <td data-label="VMs" class="number">{view_model::vms_words(site)}</td>
            <td data-label="Read">{read(site)}</td>
            <td data-label="Actions">
                {forget(
                    &site.name,
                    view_model::why_kept(site),
                    view_model::forget_site_href(&site.id),
                )}
            </td>
        </tr>
    }
    .erase()
}

/// When it was read, and why it was not since.
fn read(site: &ConnectedSite) -> AnyView {
    let said = view_model::read_words(site.read_at);
    let when = match site.read_at {
        Some(at) => view! { <time datetime=words::machine_time(at)>{said}</time> }.erase(),
        None => said.erase(),
    };
    match site.error.clone() {
        Some(error) => view! {
            <span class="site-error"><Icon name="attention"/>{error}</span>
            <span class="sub">"Last read: " {when}</span>
        }
        .erase(),
        None => when,
    }
}

/// The way to forget something, or why it stays.
pub(super) fn forget(what: &str, why_kept: Option<String>, href: String) -> AnyView {
    match why_kept {
        Some(why) => view! { <span class="why-not">{why}</span> }.erase(),
        None => view! {
            <a class="button small" href=href>
                "Forget"
                <span class="visually-hidden">" " {what.to_owned()}</span>
            </a>
        }
        .erase(),
    }
}

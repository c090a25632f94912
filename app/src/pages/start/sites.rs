//! The sites, and how old what is known of them is.

use crate::erase::Erase as _;
use leptos::{either::Either, prelude::*};
use model::{SiteRole, Timestamp, view::SiteView};

use crate::components::{dynamic::part, icon::Icon, when::When};

/// One line per site.
#[component]
pub(super) fn Sites(sites: RwSignal<Vec<SiteView>>, now: Signal<Timestamp>) -> impl IntoView {
    view! {
        <section aria-labelledby="sites">
            <h2 id="sites">"Sites"</h2>
            <ul class="sites">
                {part(move || {
                    sites.with(|sites| {
                        let lines = sites.iter().map(|site| line(site, now)).collect_view();
                        Some(lines.erase())
                    })
                })}
            </ul>
        </section>
    }
}

fn line(site: &SiteView, now: Signal<Timestamp>) -> impl IntoView + use<> {
    let role = match site.role {
        SiteRole::Production => "where production VMs belong",
        SiteRole::DisasterRecovery => "where replicas are kept",
    };
    let read = match site.inventory_at {
        Some(at) => Either::Left(view! { "inventory read " <When at now/> }),
        None => Either::Right("inventory not read yet"),
    };
    let error = site.inventory_error.clone().map(|error| {
        view! { <p class="site-error"><Icon name="attention"/>{error}</p> }
    });
    view! {
        <li>
            <strong>{site.name.clone()}</strong>
            ": "
            {role}
            ", platform "
            {site.platform.clone()}
            ", "
            {read}
            {error}
        </li>
    }
}

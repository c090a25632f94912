//! The frame: the places on the left, what is said on every page, and the content.

use leptos::{prelude::*, server::SharedValue};
use leptos_router::hooks::use_location;

use crate::components::icon::Icon;

/// The id of the content, which the skip link and navigation focus.
pub(super) const MAIN_ID: &str = "main";

/// Given by the server: whether others than this machine may reach the console, signed in or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenToNetwork(pub bool);

/// Everything around a page's content.
#[component]
pub(super) fn Frame(children: Children) -> impl IntoView {
    let open = SharedValue::new(|| use_context::<OpenToNetwork>().is_some_and(|open| open.0));
    let banner = open.into_inner().then(|| view! { <OpenBanner/> });
    view! {
        // The browser's own way to the content moves the focus; the router's does not.
        <a class="skip" rel="external" href=format!("#{MAIN_ID}")>"Skip to the content"</a>
        <div class="frame">
            <header class="side">
                <a class="brand" href="/">"Landfall"</a>
                <nav aria-label="Places">
                    <ul>
                        <Place href="/" title="Failback"/>
                        <Place href="/sites" title="Sites"/>
                        <Place href="/proxies" title="Proxies"/>
                        <Place href="/jobs" title="Jobs"/>
                        <Place href="/lab" title="Lab"/>
                        <Place href="/help" title="Help"/>
                    </ul>
                </nav>
            </header>
            <div class="content">
                {banner}
                <main id=MAIN_ID tabindex="-1">{children()}</main>
            </div>
        </div>
    }
}

#[component]
fn Place(href: &'static str, title: &'static str) -> impl IntoView {
    let path = use_location().pathname;
    let here = move || (path.with(|path| place_of(path)) == href).then_some("page");
    view! {
        <li><a href=href aria-current=here>{title}</a></li>
    }
}

/// The place that an address belongs to: wizard and sessions are part of Failback.
fn place_of(path: &str) -> &'static str {
    let places = ["/sites", "/proxies", "/jobs", "/lab", "/help"];
    let found = places.into_iter().find(|place| path.starts_with(place));
    found.unwrap_or("/")
}

#[component]
fn OpenBanner() -> impl IntoView {
    view! {
        <aside class="banner" aria-label="Open to the network">
            <Icon name="attention"/>
            "Nobody signs in to this console, and it can be reached from the network: whoever "
            "reaches it may start, cancel and undo failbacks."
        </aside>
    }
}

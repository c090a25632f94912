//! What every page has around it: the document, the router, the places, and what is said everywhere.

mod frame;
mod shell;

pub use frame::OpenToNetwork;
pub use shell::shell;

use crate::erase::Erase as _;
use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::{
    SsrMode,
    components::{Route, Router, Routes},
    hooks::use_location,
    path,
};

use wasm_bindgen::JsCast as _;

use crate::pages::{
    NotFound,
    batch::BatchPage,
    disk_map::DiskMapPage,
    evidence::EvidencePage,
    failback::{FailbackWizard, NewFailback},
    help::HelpPage,
    jobs::JobsPage,
    lab::LabPage,
    proxies::ProxiesPage,
    session::SessionPage,
    sites::{PairPage, SitesPage},
    start::StartPage,
};
use frame::Frame;

/// The whole console inside `<body>`: the same tree on the server and in the browser.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    provide_context(Navigated(RwSignal::new(false)));
    mark_hydrated();

    view! {
        <Title formatter=|title: String| format!("{title} - Landfall") text="Landfall"/>
        <Router>
            <Navigation/>
            <Frame>
                <Routes fallback=NotFound>
                    <Route path=path!("/") view=|| view! { <StartPage/> }.erase() ssr=SsrMode::Async/>
                    <Route path=path!("/failback/new") view=|| view! { <NewFailback/> }.erase() ssr=SsrMode::Async/>
                    <Route path=path!("/failback/:draft/:step") view=|| view! { <FailbackWizard/> }.erase() ssr=SsrMode::Async/>
                    <Route path=path!("/sessions/:id") view=|| view! { <SessionPage/> }.erase() ssr=SsrMode::Async/>
                    <Route path=path!("/batches/:id") view=|| view! { <BatchPage/> }.erase() ssr=SsrMode::Async/>
                    <Route path=path!("/sessions/:id/disks/:key/map") view=|| view! { <DiskMapPage/> }.erase() ssr=SsrMode::Async/>
                    <Route path=path!("/sessions/:id/evidence") view=|| view! { <EvidencePage/> }.erase() ssr=SsrMode::Async/>
                    <Route path=path!("/jobs") view=|| view! { <JobsPage/> }.erase() ssr=SsrMode::Async/>
                    <Route path=path!("/sites") view=|| view! { <SitesPage/> }.erase() ssr=SsrMode::Async/>
                    <Route path=path!("/sites/pair") view=|| view! { <PairPage/> }.erase() ssr=SsrMode::Async/>
                    <Route path=path!("/proxies") view=|| view! { <ProxiesPage/> }.erase() ssr=SsrMode::Async/>
                    <Route path=path!("/help") view=|| view! { <HelpPage/> }.erase() ssr=SsrMode::Async/>
                    <Route path=path!("/lab") view=|| view! { <LabPage/> }.erase() ssr=SsrMode::Async/>
                </Routes>
            </Frame>
        </Router>
    }
}

/// Whether the operator moved within the console since the page was loaded; then the focus follows.
#[derive(Clone, Copy, Debug)]
pub struct Navigated(RwSignal<bool>);

impl Navigated {
    /// Whether it is so now.
    pub fn now(self) -> bool {
        self.0.get_untracked()
    }
}

/// Moves the focus to the content when the operator moves to another page of the console.
///
/// The browser does that when it loads a page; a router that exchanges the content has to do it.
#[component]
fn Navigation() -> impl IntoView {
    let Navigated(navigated) = expect_context();
    let path = use_location().pathname;
    Effect::new(move |before: Option<String>| {
        let path = path.get();
        if before.is_some_and(|before| before != path) {
            navigated.set(true);
            focus_main();
        }
        path
    });
}

fn focus_main() {
    let main = document().get_element_by_id(frame::MAIN_ID);
    if let Some(main) = main.and_then(|main| main.dyn_into::<web_sys::HtmlElement>().ok()) {
        // Without it the focus stays where the last page had it.
        drop(main.focus());
    }
}

/// Sets `data-hydrated` on the document element once the browser owns the page.
///
/// Tests wait for it, and style sheets may show by it what works only with scripts.
fn mark_hydrated() {
    Effect::new(|| {
        if let Some(root) = document().document_element() {
            // A document that refuses an attribute is none that we could tell about it.
            drop(root.set_attribute("data-hydrated", "true"));
        }
    });
}

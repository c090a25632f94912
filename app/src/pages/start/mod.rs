//! The start page: replicas with their state and what may be done, sessions running and past.

pub mod api;
mod replicas;
pub(crate) mod sessions;
mod sites;
pub mod view_model;

use std::rc::Rc;

use crate::erase::Erase as _;
use leptos::prelude::*;
use leptos_meta::Title;
use model::view::StartView;

use crate::{
    browser::{self, events},
    components::{
        dynamic::{part_if, text},
        error_summary::ErrorSummary,
        form::{Form, Sending},
        live_status::LiveStatus,
        load::{FirstLoad, LoadFailed},
    },
    keyed::Rows,
};
use api::{CreateDraft, read_start};
use replicas::Replicas;
use sessions::Sessions;
use sites::Sites;

/// The first page that an operator sees.
#[component]
pub fn StartPage() -> impl IntoView {
    let start = Resource::new(|| (), |()| read_start());
    view! {
        <Suspense fallback=FirstLoad>
            {move || Suspend::new(async move {
                match start.await {
                    Ok(view) => view! { <Start view/> }.erase(),
                    Err(error) => view! { <LoadFailed error=error.0/> }.erase(),
                }
            })}
        </Suspense>
    }
}

/// The page over its first answer, kept fresh by the live link.
#[component]
fn Start(view: StartView) -> impl IntoView {
    let now = browser::present(view.now);
    let replicas = Rows::new(view.replicas.clone(), |replica| replica.id.clone());
    let running = Rows::new(view.running.clone(), |session| session.id.clone());
    let past = Rows::new(view.past.clone(), |session| session.id.clone());
    let headline = RwSignal::new(view.headline.clone());
    let title = RwSignal::new(view_model::tab_title(&view));
    let sites = RwSignal::new(view.sites);

    let link = events::follow(
        || "/api/v1/events".to_owned(),
        Signal::stored(true),
        vec![(
            "start",
            Rc::new(move |data| {
                let Ok(view) = serde_json::from_str::<StartView>(data) else {
                    return;
                };
                now.set(view.now);
                title.set(view_model::tab_title(&view));
                headline.set(view.headline);
                sites.set(view.sites);
                replicas.update(view.replicas, |replica| replica.id.clone());
                running.update(view.running, |session| session.id.clone());
                past.update(view.past, |session| session.id.clone());
            }),
        )],
    );

    let create = Sending::to::<CreateDraft>();
    let now = Signal::from(now);
    view! {
        <Title text=move || title.get()/>
        <header class="page-head">
            <div>
                <h1>"Failback"</h1>
                <p class="headline" role="status">{text(move || headline.get())}</p>
            </div>
            <LiveStatus state=link/>
            <Form sending=create>
                <button type="submit" class="button primary">"Start a failback"</button>
            </Form>
        </header>
        <ErrorSummary error=create.error()/>
        {part_if(
            move || !running.is_empty(),
            move || view! { <Sessions title="Sessions at work" past=false rows=running now/> }.erase(),
        )}
        <Replicas rows=replicas now create/>
        <Sessions title="Past sessions" past=true rows=past now/>
        <Sites sites now/>
    }
}

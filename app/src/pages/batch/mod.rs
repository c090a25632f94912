//! The page of a batch: its sessions in order, and what can be asked of several of them at once.

mod actions;
pub mod api;
pub mod view_model;

use std::rc::Rc;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};
use model::{
    BatchId,
    view::{BatchView, ListQuery},
};

use crate::{
    browser::{self, events},
    components::{
        dynamic::text,
        list_nav::{ListPlace, types::address},
        live_status::LiveStatus,
        load::{FirstLoad, LoadFailed},
        when::When,
    },
    erase::Erase as _,
    keyed::Rows,
    pages::start::sessions::Sessions,
};
use actions::Actions;
use api::read_batch;

/// The page of one batch: `/batches/:id`.
#[component]
pub fn BatchPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| {
        params.with(|params| BatchId::new(params.get_str("id").unwrap_or_default()))
    });
    let query = use_query_map();
    let asked = Memo::new(move |_| query.with(|query| ListQuery::read("", |name| query.get(name))));
    let confirm = Memo::new(move |_| {
        query.with(|query| query.get_str("confirm").unwrap_or_default().to_owned())
    });
    let batch = Resource::new(
        move || (id.get(), asked.get(), confirm.get()),
        |(id, asked, confirm)| async move {
            let answer = read_batch(id, asked.clone(), confirm).await;
            (asked, answer)
        },
    );
    view! {
        <Transition fallback=FirstLoad>
            {move || Suspend::new(async move {
                match batch.await {
                    (asked, Ok(view)) => view! { <Batch view asked/> }.erase(),
                    (_, Err(error)) => view! { <LoadFailed error=error.0/> }.erase(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Batch(view: BatchView, asked: ListQuery) -> impl IntoView {
    let now = browser::present(view.now);
    let rows = Rows::new(view.sessions.clone(), |session| session.id.clone());
    let (at_once, started_at) = (view.at_once.clone(), view.started_at);
    let started_by = view.started_by.to_string();
    let path = format!("/api/v1/batches/{}/events", view.id);
    let address = address(&path, asked.fields(""));
    let place = ListPlace {
        path: format!("/batches/{}", view.id),
        query: asked,
        ..ListPlace::default()
    };
    let shown = view.actions.clone();
    let newest = RwSignal::new(view);
    let link = events::follow(
        move || address.clone(),
        Signal::stored(true),
        vec![(
            "batch",
            Rc::new(move |data| {
                if let Ok(view) = serde_json::from_str::<BatchView>(data) {
                    now.set(view.now);
                    rows.update(view.sessions.clone(), |session| session.id.clone());
                    newest.set(view);
                }
            }),
        )],
    );
    let newest = newest.read_only();
    let page = Signal::from(Memo::new(move |_| newest.with(|view| view.page)));
    let headline = Memo::new(move |_| newest.with(|view| view.headline.clone()));
    let now = Signal::from(now);
    view! {
        <Title text="Batch"/>
        <p class="trail"><a href="/">"Failback"</a></p>
        <header class="page-head">
            <div>
                <h1>"Batch"</h1>
                <p class="headline" role="status">{text(move || headline.get())}</p>
            </div>
            <LiveStatus state=link/>
        </header>
        <p>
            "Started by " {started_by} ", " <When at=started_at now/> ". May run at once: "
            {at_once} "."
        </p>
        <Actions newest shown/>
        <Sessions title="Sessions of the batch" past=false rows now place page/>
    }
}

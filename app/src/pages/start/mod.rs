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
use leptos_router::hooks::use_query_map;
use model::view::{PageInfo, StartQuery, StartView};

use crate::{
    browser::{self, events},
    components::{
        dynamic::{part_if, text},
        error_summary::ErrorSummary,
        form::{Form, Sending},
        list_nav,
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
    let query = use_query_map();
    let asked = Memo::new(move |_| query.with(|query| StartQuery::read(|name| query.get(name))));
    let start = Resource::new(
        move || asked.get(),
        |asked| async move { (asked.clone(), read_start(asked).await) },
    );
    view! {
        <Transition fallback=FirstLoad>
            {move || Suspend::new(async move {
                match start.await {
                    (asked, Ok(view)) => view! { <Start view asked/> }.erase(),
                    (_, Err(error)) => view! { <LoadFailed error=error.0/> }.erase(),
                }
            })}
        </Transition>
    }
}

/// The page over its first answer, kept fresh by the live link.
#[component]
fn Start(view: StartView, asked: StartQuery) -> impl IntoView {
    let now = browser::present(view.now);
    let replicas = Rows::new(view.replicas.clone(), |replica| replica.id.clone());
    let running = Rows::new(view.running.clone(), |session| session.id.clone());
    let past = Rows::new(view.past.clone(), |session| session.id.clone());
    let pages = RwSignal::new(view_model::Pages::of(&view));
    let headline = RwSignal::new(view.headline.clone());
    let title = RwSignal::new(view_model::tab_title(&view));
    let sites = RwSignal::new(view.sites);
    let address = list_nav::types::address("/api/v1/events", asked.fields());

    let link = events::follow(
        move || address.clone(),
        Signal::stored(true),
        vec![(
            "start",
            Rc::new(move |data| {
                let Ok(view) = serde_json::from_str::<StartView>(data) else {
                    return;
                };
                now.set(view.now);
                title.set(view_model::tab_title(&view));
                pages.set(view_model::Pages::of(&view));
                headline.set(view.headline);
                sites.set(view.sites);
                replicas.update(view.replicas, |replica| replica.id.clone());
                running.update(view.running, |session| session.id.clone());
                past.update(view.past, |session| session.id.clone());
            }),
        )],
    );
    let view_model::Places {
        replicas: replica_place,
        running: running_place,
        past: past_place,
    } = view_model::places(&asked);
    let page_of = move |of: fn(&view_model::Pages) -> &PageInfo| {
        Signal::from(Memo::new(move |_| pages.with(|pages| *of(pages))))
    };
    let (replica_page, past_page) = (page_of(|it| &it.replicas), page_of(|it| &it.past));
    let running_page = page_of(|it| &it.running);

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
            move || running_page.with(|page: &PageInfo| page.all > 0),
            move || {
                let place = running_place.clone();
                view! {
                    <Sessions title="Sessions at work" past=false rows=running now place page=running_page/>
                }
                .erase()
            },
        )}
        <Replicas rows=replicas now create place=replica_place page=replica_page/>
        <Sessions title="Past sessions" past=true rows=past now place=past_place page=past_page/>
        <Sites sites now/>
    }
}

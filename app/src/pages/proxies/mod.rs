//! The proxies page: state, slots, tasks, rates, and enable, drain, disable, add.

mod add;
pub mod api;
mod row;
pub mod view_model;

use crate::erase::Erase as _;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use model::view::ProxiesView;

use crate::{
    components::{
        confirm::ConfirmDialog,
        data_table::DataTable,
        dynamic::{part, text},
        error_summary::ErrorSummary,
        form::{Form, Sending},
        load::{Loading, fetched, keep_fresh, stale_note},
    },
    keyed::Rows,
};
use add::AddProxy;
use api::{ActOnProxy, read_proxies};
use view_model::Question;

/// How often the page asks again.
const EVERY_SECONDS: u32 = 2;

/// The proxies page.
#[component]
pub fn ProxiesPage() -> impl IntoView {
    let proxies = Resource::new(|| (), |()| read_proxies());
    fetched(proxies, |view| view! { <Proxies view/> }.erase())
}

#[component]
fn Proxies(view: ProxiesView) -> impl IntoView {
    let fetched = RwSignal::new(Loading::Ready(view.clone()));
    let rows = Rows::new(view.proxies.clone(), |proxy| proxy.id.clone());
    let sites = view.sites.clone();
    let newest = Memo::new(move |_| fetched.with(|it| it.data().clone()));
    let act = Sending::to::<ActOnProxy>();
    let add = Sending::to::<api::AddProxy>();
    keep_fresh(
        fetched,
        read_proxies,
        move || act.done() + add.done(),
        || Some(EVERY_SECONDS),
    );
    Effect::new(move || rows.update(newest.get().proxies, |proxy| proxy.id.clone()));
    let query = use_query_map();
    let asked = Memo::new(move |_| {
        query.with(|query| {
            newest.with(|view| {
                view_model::question(view, query.get_str("confirm"), query.get_str("proxy"))
            })
        })
    });
    view! {
        <Title text="Proxies"/>
        <header class="page-head">
            <div>
                <h1>"Proxies"</h1>
                <p class="headline">{text(move || newest.with(|view| view.headline.clone()))}</p>
            </div>
        </header>
        <p>
            "A proxy moves the data of disks. Each disk takes a slot on the proxy that reads it and a "
            "slot on the one that writes it; the best pair is taken when the disk's turn comes."
        </p>
        <ErrorSummary error=act.error()/>
        {part(move || stale_note(fetched))}
        <DataTable caption="Proxies">
            <thead>
                <tr>
                    <th scope="col">"Proxy"</th>
                    <th scope="col">"State"</th>
                    <th scope="col" class="number">"Slots in use"</th>
                    <th scope="col">"Carries"</th>
                    <th scope="col" class="number">"Rate now"</th>
                    <th scope="col" class="number">"Per disk lately"</th>
                    <th scope="col">"Actions"</th>
                </tr>
            </thead>
            <tbody>
                {rows.body(row::proxy)}
            </tbody>
        </DataTable>
        {part(move || newest.with(waiting))}
        <AddProxy sites sending=add/>
        {part(move || {
            let question = asked.get()?;
            Some(view! { <Confirm question act/> }.erase())
        })}
    }
}

/// Disks that wait, each with why.
fn waiting(view: &ProxiesView) -> Option<AnyView> {
    if view.waiting.is_empty() {
        return None;
    }
    let items = view.waiting.iter().map(|disk| {
        let href = format!("/sessions/{}", disk.session);
        view! { <li><a href=href>{disk.what.clone()}</a> ": " {disk.why.clone()}</li> }
    });
    let items = items.collect_view();
    Some(
        view! {
            <section aria-labelledby="waiting">
                <h2 id="waiting">"Disks that wait"</h2>
                <ul class="proxy-waiting">{items}</ul>
            </section>
        }
        .erase(),
    )
}

#[component]
fn Confirm(question: Question, act: Sending) -> impl IntoView {
    let Question {
        id,
        action,
        title,
        consequence,
    } = question;
    view! {
        <ConfirmDialog title close="/proxies">
            <p>{consequence}</p>
            <Form sending=act>
                <input type="hidden" name="id" value=id.to_string()/>
                <input type="hidden" name="action" value=action.slug()/>
                <div class="button-row">
                    <button type="submit" class="button primary">{action.verb()}</button>
                    <a class="button quiet" href="/proxies">"Leave it as it is"</a>
                </div>
            </Form>
        </ConfirmDialog>
    }
}

//! The sites page: what is connected, which VMs are registered as replicas, and changing both.

pub mod api;
mod connect;
mod pair;
mod pairs;
mod row;
pub mod view_model;

use crate::erase::Erase as _;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use model::{
    SiteId,
    view::{ConnectedSite, SitesView},
};

use crate::{
    components::{
        confirm::ConfirmDialog,
        data_table::DataTable,
        dynamic::{part, text},
        error_summary::ErrorSummary,
        form::{Form, Sending},
        icon::Icon,
        load::{Loading, fetched, keep_fresh, stale_note},
    },
    keyed::Rows,
};
use api::{ForgetPair, ForgetSite, read_sites};
use connect::ConnectSite;
pub use pair::PairPage;
use pairs::{Proposals, RegisteredPairs};
use view_model::{PLACE, Question};

/// The sites page.
#[component]
pub fn SitesPage() -> impl IntoView {
    let sites = Resource::new(|| (), |()| read_sites());
    fetched(sites, |view| view! { <Sites view/> }.erase())
}

#[component]
fn Sites(view: SitesView) -> impl IntoView {
    let fetched = RwSignal::new(Loading::Ready(view.clone()));
    let sites = Rows::new(view.sites.clone(), |site| site.id.clone());
    let pairs = Rows::new(view.pairs.clone(), |pair| pair.vm.clone());
    let proposals = Rows::new(view.proposals.clone(), |proposal| proposal.vm.clone());
    let newest = Memo::new(move |_| fetched.with(|it| it.data().clone()));
    let connect = Sending::to::<api::ConnectSite>();
    let forget_site = Sending::to::<ForgetSite>();
    let forget_pair = Sending::to::<ForgetPair>();
    let at_work = Memo::new(move |_| newest.with(|view| view.at_work));
    keep_fresh(
        fetched,
        read_sites,
        move || connect.done() + forget_site.done() + forget_pair.done(),
        // More often while a request is at work.
        move || Some(view_model::refresh_seconds(at_work.get())),
    );
    Effect::new(move || {
        let view = newest.get();
        sites.update(view.sites, |site| site.id.clone());
        pairs.update(view.pairs, |pair| pair.vm.clone());
        proposals.update(view.proposals, |proposal| proposal.vm.clone());
    });
    let more = Memo::new(move |_| newest.with(|view| view.more));
    let query = use_query_map();
    let asked = Memo::new(move |_| {
        query.with(|query| {
            let get = |name| query.get_str(name);
            newest.with(|view| view_model::question(view, get("confirm"), get("site"), get("vm")))
        })
    });
    view! {
        <Title text="Sites"/>
        <header class="page-head">
            <div>
                <h1>"Sites"</h1>
                <p class="headline">{text(move || newest.with(view_model::headline))}</p>
            </div>
        </header>
        <p role="status" class="site-status">{part(move || newest.with(result))}</p>
        <ErrorSummary error=forget_site.error()/>
        <ErrorSummary error=forget_pair.error()/>
        {part(move || stale_note(fetched))}
        <Table rows=sites/>
        <ConnectSite sending=connect/>
        <RegisteredPairs rows=pairs/>
        <Proposals rows=proposals more/>
        {part(move || {
            let question = asked.get()?;
            Some(view! { <Confirm question forget_site forget_pair/> }.erase())
        })}
    }
}

/// What is at work, or how the newest request ended.
fn result(view: &SitesView) -> Option<AnyView> {
    let (symbol, words) = view_model::status(view)?;
    Some(view! { <Icon name=symbol/>{words} }.erase())
}

#[component]
fn Table(rows: Rows<SiteId, ConnectedSite>) -> impl IntoView {
    view! {
        <DataTable caption="Sites">
            <thead>
                <tr>
                    <th scope="col">"Site"</th>
                    <th scope="col">"Role"</th>
                    <th scope="col">"Address"</th>
                    <th scope="col" class="number">"VMs"</th>
                    <th scope="col">"Read"</th>
                    <th scope="col">"Actions"</th>
                </tr>
            </thead>
            <tbody>
                {rows.body(row::site)}
            </tbody>
        </DataTable>
    }
}

#[component]
fn Confirm(question: Question, forget_site: Sending, forget_pair: Sending) -> impl IntoView {
    let keep = || view! { <a class="button quiet" href=PLACE>"Leave it as it is"</a> };
    match question {
        Question::Site { id, name } => view! {
            <ConfirmDialog title=format!("Forget {name}?") close=PLACE>
                <p>
                    "Landfall no longer reads " {name} ", and its proxies are removed. Nothing at the "
                    "site changes, and it can be connected again."
                </p>
                <Form sending=forget_site>
                    <input type="hidden" name="site" value=id.to_string()/>
                    <div class="button-row">
                        <button type="submit" class="button primary">"Forget the site"</button>
                        {keep()}
                    </div>
                </Form>
            </ConfirmDialog>
        }
        .erase(),
        Question::Pair {
            vm,
            replica,
            original,
        } => view! {
            <ConfirmDialog title=format!("Forget that {replica} is a replica?") close=PLACE>
                <p>
                    "It can no longer be failed back to " {original}
                    ", until it is registered again. Both VMs stay as they are."
                </p>
                <Form sending=forget_pair>
                    <input type="hidden" name="vm" value=vm.to_string()/>
                    <div class="button-row">
                        <button type="submit" class="button primary">"Forget the pair"</button>
                        {keep()}
                    </div>
                </Form>
            </ConfirmDialog>
        }
        .erase(),
    }
}

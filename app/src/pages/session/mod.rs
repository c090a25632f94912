//! The session page: state, one honest bar, what may be done, steps, disks and the log, all live.

mod actions;
mod after;
pub mod api;
mod carriers;
mod certificate;
mod disks;
mod facts;
mod figures;
mod log;
mod notice;
mod progress;
mod steps;
pub mod view_model;

use std::rc::Rc;

use crate::erase::Erase as _;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;
use model::{
    SessionId, Timestamp,
    view::{LogLine, SessionView},
};

use crate::{
    browser::{self, events},
    components::{
        dynamic::{part, part_if, text},
        icon::Icon,
        live_status::LiveStatus,
        load::fetched,
        state_badge::Badges,
        when::When,
    },
    words,
};
use actions::Actions;
use after::After;
use api::read_session;
use carriers::Carriers;
use certificate::Certificate;
pub(crate) use certificate::shown as certificate_shown;
use disks::Disks;
use facts::Facts;
use figures::Figures;
pub(crate) use figures::table as figures_table;
use log::Log;
use notice::NotifyButton;
use progress::Progress;
use steps::Steps;

/// The newest answer, which every part of the page reads its own slice of.
type Newest = ReadSignal<SessionView>;

/// The page of one session: `/sessions/:id`.
#[component]
pub fn SessionPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| {
        params.with(|params| SessionId::new(params.get_str("id").unwrap_or_default()))
    });
    let session = Resource::new(move || id.get(), read_session);
    fetched(session, |view| view! { <Session view/> }.erase())
}

#[component]
fn Session(mut view: SessionView) -> impl IntoView {
    let id = view.summary.id.clone();
    let log = RwSignal::new(std::mem::take(&mut view.log));
    let now = browser::present(view.now);
    let newest = RwSignal::new(view);
    let over = Memo::new(move |_| newest.with(|view| view.summary.outcome.is_some()));
    let link = follow(&id, newest, log, now, over);

    let newest = newest.read_only();
    let now = Signal::from(now);
    let title = Memo::new(move |_| newest.with(view_model::tab_title));
    view! {
        <Title text=move || title.get()/>
        <Head newest link/>
        <Attention newest now/>
        <TimerStopped newest/>
        <Queued newest/>
        <Progress newest/>
        <Actions newest/>
        {part_if(move || !over.get(), move || may_leave(newest))}
        <div class="columns">
            <Steps newest now/>
            <Facts newest now/>
        </div>
        <After newest/>
        <Figures newest/>
        <Disks newest/>
        <Carriers newest/>
        <Certificate newest/>
        <Log log/>
    }
}

fn may_leave(newest: Newest) -> AnyView {
    view! {
        <p class="may-leave">
            "You may leave this page: the session goes on at the server, and this page shows "
            "where it is whenever you come back. "
            <NotifyButton newest/>
        </p>
    }
    .erase()
}

/// Keeps the page fresh until the session is over.
fn follow(
    id: &SessionId,
    newest: RwSignal<SessionView>,
    log: RwSignal<Vec<LogLine>>,
    now: RwSignal<Timestamp>,
    over: Memo<bool>,
) -> ReadSignal<crate::components::live_status::LiveState> {
    // A link that is opened anew brings the log from its first line; known lines change nothing.
    let address = format!("/api/v1/sessions/{id}/events");
    events::follow(
        move || address.clone(),
        Signal::derive(move || !over.get()),
        vec![
            (
                "snapshot",
                Rc::new(move |data| {
                    if let Ok(view) = serde_json::from_str::<SessionView>(data) {
                        now.set(view.now);
                        newest.set(view);
                    }
                }),
            ),
            (
                "log",
                Rc::new(move |data| {
                    if let Ok(line) = serde_json::from_str::<LogLine>(data) {
                        log.maybe_update(|log| view_model::add_line(log, line));
                    }
                }),
            ),
        ],
    )
}

/// VM, route, state in words, and which site is authoritative.
#[component]
fn Head(
    newest: Newest,
    link: ReadSignal<crate::components::live_status::LiveState>,
) -> impl IntoView {
    let badges = Memo::new(move |_| newest.with(|view| words::session_badges(&view.summary)));
    let vm = Memo::new(move |_| newest.with(|view| view.summary.vm_name.clone()));
    let route = Memo::new(move |_| newest.with(|view| view.summary.route.clone()));
    let status = Memo::new(move |_| newest.with(view_model::status_line));
    let authoritative = Memo::new(move |_| newest.with(|view| view.authoritative.clone()));
    view! {
        <p class="trail"><a href="/">"Failback"</a></p>
        <header class="page-head">
            <div>
                <h1>{text(move || vm.get())}</h1>
                <p class="route">{text(move || route.get())}</p>
            </div>
            {part(move || Some(view! { <Badges badges=badges.get()/> }.erase()))}
            <LiveStatus state=link/>
            <p class="visually-hidden" role="status">{text(move || status.get())}</p>
        </header>
        <p class="authoritative"><Icon name="on"/>{text(move || authoritative.get())}</p>
    }
}

/// Why nothing follows by itself any more, until the timer is set anew or the session goes on.
#[component]
fn TimerStopped(newest: Newest) -> impl IntoView {
    let why = Memo::new(move |_| newest.with(view_model::timer_stopped));
    part(move || {
        let why = why.get()?;
        let notice = view! {
            <section class="notice notice-waiting" aria-labelledby="timer-stopped">
                <h2 id="timer-stopped">
                    <Icon name="waiting"/>
                    "The timer asks you"
                </h2>
                <p>{why}</p>
            </section>
        };
        Some(notice.erase())
    })
}

/// Why it has not begun.
#[component]
fn Queued(newest: Newest) -> impl IntoView {
    let why = Memo::new(move |_| newest.with(|view| view.summary.queued.clone()));
    part(move || {
        let why = why.get()?;
        Some(view! { <p class="waiting"><Icon name="paused"/>{why}</p> }.erase())
    })
}

/// What stopped, why, and since when.
#[component]
fn Attention(newest: Newest, now: Signal<Timestamp>) -> impl IntoView {
    let attention = Memo::new(move |_| newest.with(|view| view.summary.attention.clone()));
    part(move || {
        let attention = attention.get()?;
        let notice = view! {
                <section class="notice notice-attention" aria-labelledby="attention">
                    <h2 id="attention">
                        <Icon name="attention"/>
                        "Needs attention: "
                        {attention.step.words()}
                    </h2>
                    <p>{attention.cause}</p>
                    <p class="muted">"Stopped " <When at=attention.since now/></p>
                </section>
        };
        Some(notice.erase())
    })
}

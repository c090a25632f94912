//! The lab: what it is, reset it, fail a replica over again.

pub mod api;
pub mod view_model;

use crate::erase::Erase as _;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use model::{ReplicaId, view::LabView};

use crate::{
    components::{
        confirm::ConfirmDialog,
        dynamic::{part, text},
        error_summary::ErrorSummary,
        form::{Form, Sending},
        icon::Icon,
        load::{Loading, fetched, keep_fresh, stale_note},
    },
    words,
};
use api::{FailOver, ResetLab, read_lab};
use view_model::Question;

/// The lab's page.
#[component]
pub fn LabPage() -> impl IntoView {
    let lab = Resource::new(|| (), |()| read_lab());
    fetched(lab, |view| view! { <Lab view/> }.erase())
}

#[component]
fn Lab(view: LabView) -> impl IntoView {
    let fetched = RwSignal::new(Loading::Ready(view.clone()));
    let lab = Memo::new(move |_| fetched.with(|lab| lab.data().clone()));
    let reset = Sending::to::<ResetLab>();
    let fail_over = Sending::to::<FailOver>();
    let resetting = Memo::new(move |_| lab.with(|lab| lab.resetting));
    keep_fresh(
        fetched,
        read_lab,
        move || reset.done() + fail_over.done(),
        move || resetting.get().then_some(1),
    );
    let query = use_query_map();
    let asked = Memo::new(move |_| {
        query.with(|query| {
            lab.with(|lab| {
                view_model::question(lab, query.get_str("confirm"), query.get_str("replica"))
            })
        })
    });
    let directory = lab.with_untracked(|lab| lab.directory.clone());
    view! {
        <Title text="Lab"/>
        <header class="page-head">
            <h1>"Lab"</h1>
        </header>
        <p>
            "The lab is a small estate on this machine: two sites with virtual machines whose disks "
            "are real image files. Everything that Landfall does to them, it does to real bytes."
        </p>
        <p>"Its files are in " <code>{directory}</code> "."</p>
        <LastResult lab/>
        {part(move || stale_note(fetched))}
        <Reset lab/>
        <FailOverList lab/>
        <ErrorSummary error=reset.error()/>
        <ErrorSummary error=fail_over.error()/>
        {part(move || {
            let question = asked.get()?;
            Some(view! { <Confirm question reset fail_over/> }.erase())
        })}
    }
}

#[component]
fn LastResult(lab: Memo<LabView>) -> impl IntoView {
    view! {
        <p role="status" class="lab-status">
            {text(move || lab.with(view_model::status))}
        </p>
    }
}

#[component]
fn Reset(lab: Memo<LabView>) -> impl IntoView {
    let why_not = Memo::new(move |_| lab.with(|lab| lab.reset_why_not.clone()));
    view! {
        <section class="panel" aria-labelledby="reset">
            <h2 id="reset">"Reset the lab"</h2>
            <p>"Makes the sample estate anew, with its replicas failed over and ready to try."</p>
            {part(move || Some(match why_not.get() {
                Some(reason) => view! {
                    <p class="why-not"><Icon name="off"/>"Not possible now: " {reason}</p>
                }.erase(),
                None => view! {
                    <a class="button danger" href="/lab?confirm=reset">"Reset the lab"</a>
                }.erase(),
            }))}
        </section>
    }
}

#[component]
fn FailOverList(lab: Memo<LabView>) -> impl IntoView {
    let replicas = Memo::new(move |_| lab.with(|lab| lab.can_fail_over.clone()));
    let rows = part(move || {
        let list = replicas.get();
        if list.is_empty() {
            return Some(none_ready());
        }
        let rows = list
            .into_iter()
            .map(|(id, name)| view! { <FailOverRow id name/> })
            .collect_view();
        let more = lab.with(|lab| lab.more);
        let more = (more > 0).then(|| {
            view! { <p class="hint">"And " {words::counted(more, "replica")} " beyond these."</p> }
        });
        Some(view! { <ul class="fail-over-list">{rows}</ul> {more} }.erase())
    });
    view! {
        <section class="panel" aria-labelledby="fail-over">
            <h2 id="fail-over">"Fail over again"</h2>
            <p>
                "A replica in state Ready can be failed over, so that its failback can be tried again."
            </p>
            {rows}
        </section>
    }
}

fn none_ready() -> AnyView {
    view! {
        <p class="empty">
            "No replica is in state Ready. One is after its failback was committed."
        </p>
    }
    .erase()
}

#[component]
fn FailOverRow(id: ReplicaId, name: String) -> impl IntoView {
    view! {
        <li>
            <strong>{name.clone()}</strong>
            <a class="button small" href=format!("/lab?confirm=fail-over&replica={id}")>
                "Fail over"
                <span class="visually-hidden">" " {name}</span>
            </a>
        </li>
    }
}

#[component]
fn Confirm(question: Question, reset: Sending, fail_over: Sending) -> impl IntoView {
    let keep = || view! { <a class="button quiet" href="/lab">"Leave it as it is"</a> };
    match question {
        Question::Reset => view! {
            <ConfirmDialog title="Reset the lab?" close="/lab">
                <p>
                    "All VMs of the lab, their disks and everything written to them are removed and "
                    "made anew. Sessions that are over stay in the list."
                </p>
                <Form sending=reset>
                    <div class="button-row">
                        <button type="submit" class="button danger">"Reset the lab"</button>
                        {keep()}
                    </div>
                </Form>
            </ConfirmDialog>
        }
        .erase(),
        Question::FailOver { id, name } => view! {
            <ConfirmDialog title=format!("Fail {name} over?") close="/lab">
                <p>
                    "The production VM is powered off and " {name}
                    " runs in its place. Its disks diverge from then on."
                </p>
                <Form sending=fail_over>
                    <input type="hidden" name="replica" value=id.to_string()/>
                    <div class="button-row">
                        <button type="submit" class="button primary">"Fail over"</button>
                        {keep()}
                    </div>
                </Form>
            </ConfirmDialog>
        }
        .erase(),
    }
}

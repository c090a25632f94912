//! The wizard: a draft in the store, one address and one form per step.

pub mod api;
mod choices;
mod destination;
mod dry_run;
mod findings;
mod mode;
mod new;
pub mod place;
mod policy;
mod press;
mod proxies;
mod quick;
mod replica;
mod several;
mod summary;
mod target;
pub mod view_model;

use crate::erase::Erase as _;
use leptos::{html, prelude::*};
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};
use model::{
    DraftId,
    view::{DraftView, ListQuery, WizardStep},
};

use crate::{
    components::{
        form::Sending,
        load::{FirstLoad, LoadFailed},
        step_rail::StepRail,
    },
    layout::Navigated,
    pages::NotFound,
};
use api::read_draft;
use choices::{Choices, Finished};
use destination::DestinationStep;
use mode::ModeStep;
use place::PlaceStep;
use policy::PolicyStep;
use replica::ReplicaStep;
use summary::SummaryStep;
use target::TargetStep;

pub use new::NewFailback;

/// One step of a draft: `/failback/:draft/:step`.
#[component]
pub fn FailbackWizard() -> impl IntoView {
    let (params, query) = (use_params_map(), use_query_map());
    let address = Memo::new(move |_| {
        let (id, step) = params.with(|params| {
            let draft = params.get_str("draft").unwrap_or_default().to_owned();
            let step = params.get_str("step").and_then(WizardStep::from_slug);
            (DraftId::new(draft), step)
        });
        let asked = query.with(|query| ListQuery::read("", |name| query.get(name)));
        (id, step, asked)
    });
    let draft = Resource::new(
        move || address.get(),
        |(id, step, asked)| async move {
            let answer = read_draft(id, step, asked.clone()).await;
            (step.map(|step| (step, asked)), answer)
        },
    );
    provide_context(Reload(Callback::new(move |()| draft.refetch())));
    view! {
        <Transition fallback=FirstLoad>
            {move || Suspend::new(async move {
                match draft.await {
                    (Some((step, asked)), Ok(draft)) => {
                        view! { <Wizard draft step asked/> }.erase()
                    }
                    (_, Err(error)) => view! { <LoadFailed error=error.0/> }.erase(),
                    (None, Ok(_)) => view! { <NotFound/> }.erase(),
                }
            })}
        </Transition>
    }
}

/// Reads the draft again, after a form that stays on its step.
#[derive(Clone, Copy)]
struct Reload(Callback<()>);

impl Reload {
    fn now(self) {
        self.0.run(());
    }
}

#[component]
fn Wizard(draft: DraftView, step: WizardStep, asked: ListQuery) -> impl IntoView {
    let rail = view_model::rail(&draft, step);
    let finished = draft.finished.clone();
    let choices = draft.clone();
    let content = match finished {
        Some(reply) => view! { <Finished reply/> }.erase(),
        None => match step {
            WizardStep::Replica => view! { <ReplicaStep draft asked/> }.erase(),
            WizardStep::Destination => view! { <DestinationStep draft/> }.erase(),
            WizardStep::StoragePolicy => view! { <PolicyStep draft/> }.erase(),
            WizardStep::TargetVm => view! { <TargetStep draft/> }.erase(),
            WizardStep::Host
            | WizardStep::ResourcePool
            | WizardStep::Datastore
            | WizardStep::Folder
            | WizardStep::Network => view! { <PlaceStep draft step/> }.erase(),
            WizardStep::FailbackMode => view! { <ModeStep draft/> }.erase(),
            WizardStep::Summary => view! { <SummaryStep draft/> }.erase(),
        },
    };
    view! {
        <Title text=format!("{}, fail back", step.title())/>
        <header class="page-head">
            <h1>"Fail back replicas"</h1>
        </header>
        <div class="wizard">
            <StepRail steps=rail/>
            <div class="wizard-step">{content}</div>
            <Choices draft=choices step/>
        </div>
    }
}

/// A step's question. The focus moves here when a person came by a link or a button of the console.
#[component]
fn Question(step: WizardStep) -> impl IntoView {
    let node = NodeRef::<html::H2>::new();
    let navigated = use_context::<Navigated>();
    Effect::new(move || {
        if let (Some(heading), true) = (node.get(), navigated.is_some_and(Navigated::now)) {
            // A heading that takes no focus leaves it where the browser put it.
            drop(heading.focus());
        }
    });
    view! {
        <h2 class="question" tabindex="-1" node_ref=node>{view_model::question(step)}</h2>
    }
}

/// The buttons at the foot of a step.
#[component]
fn StepButtons(step: WizardStep, sending: Sending) -> impl IntoView {
    let back = (step != WizardStep::Replica).then(|| {
        view! { <button type="submit" class="button" name="press" value="back">"Back"</button> }
    });
    let (value, words) = match step {
        WizardStep::Summary => ("finish", "Finish"),
        WizardStep::Replica
        | WizardStep::Destination
        | WizardStep::Host
        | WizardStep::ResourcePool
        | WizardStep::Datastore
        | WizardStep::Folder
        | WizardStep::Network
        | WizardStep::StoragePolicy
        | WizardStep::TargetVm
        | WizardStep::FailbackMode => ("next", "Next"),
    };
    view! {
        // Enter in a field presses the first of them.
        <div class="step-buttons">
            <button type="submit" class="button primary" name="press" value=value aria-busy=move || sending.busy()>
                {words}
            </button>
            {back}
            <button type="submit" class="button quiet" name="press" value="cancel">"Cancel"</button>
        </div>
    }
}

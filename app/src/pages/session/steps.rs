//! The steps of the session with their times: done, at work, to come.

use crate::erase::Erase as _;
use leptos::{either::EitherOf4, prelude::*};
use model::{Timestamp, view::EffectView};

use super::{
    Newest,
    view_model::{self, StepState},
};
use crate::{
    components::{
        dynamic::{part, text},
        icon::Icon,
        when::When,
    },
    words,
};

/// The steps, by activity.
#[component]
pub(super) fn Steps(newest: Newest, now: Signal<Timestamp>) -> impl IntoView {
    let groups = Memo::new(move |_| newest.with(|view| view_model::by_activity(&view.steps)));
    view! {
        <section class="steps" aria-labelledby="steps">
            <h2 id="steps">"Steps"</h2>
            {part(move || {
                let groups = groups.get().into_iter().map(|(activity, steps)| group(activity, steps, now));
                Some(groups.collect_view().erase())
            })}
        </section>
    }
}

fn group(activity: String, steps: Vec<EffectView>, now: Signal<Timestamp>) -> impl IntoView {
    let lines = steps.into_iter().map(|step| line(step, now)).collect_view();
    view! {
        <h3>{activity}</h3>
        <ol>{lines}</ol>
    }
}

fn line(step: EffectView, now: Signal<Timestamp>) -> impl IntoView {
    let started = step.started_at;
    let (class, symbol, time) = match view_model::step_state(&step) {
        StepState::ToCome => ("step to-come", "off", EitherOf4::A("to come")),
        StepState::AtWork => (
            "step at-work",
            "working",
            EitherOf4::B(text(move || {
                let seconds = started.map_or(0, |at| now.get().seconds_since(at));
                format!("at work for {}", words::duration(seconds))
            })),
        ),
        StepState::Failed => ("step failed", "attention", EitherOf4::C("stopped")),
        StepState::Done(took) => (
            "step done",
            "done",
            EitherOf4::D(view! {
                {started.map(|at| view! { <When at now/> ", " })}
                {took}
            }),
        ),
    };
    view! {
        <li class=class>
            <Icon name=symbol/>
            <span class="step-name">{step.step.words()}</span>
            <span class="step-time">{time}</span>
            {step.result.map(|result| view! { <span class="step-result">{result}</span> })}
        </li>
    }
}

//! The wizard's steps: done, here, to come. A step that does not apply is absent.

mod types;

use leptos::{either::Either, prelude::*};

pub use types::{Progress, RailStep};

use super::icon::Icon;

/// The steps in order.
#[component]
pub fn StepRail(
    /// The steps that apply.
    steps: Vec<RailStep>,
) -> impl IntoView {
    let items = steps.into_iter().map(rail_item).collect_view();
    view! {
        <nav class="rail" aria-label="Steps">
            <ol>{items}</ol>
        </nav>
    }
}

fn rail_item(step: RailStep) -> impl IntoView {
    let (class, symbol, hint) = match step.progress {
        Progress::Done => ("rail-step rail-done", "done", ", done"),
        Progress::Here => ("rail-step rail-here", "on", ""),
        Progress::ToCome => ("rail-step rail-to-come", "off", ", to come"),
    };
    let here = (step.progress == Progress::Here).then_some("step");
    let title = view! {
        <Icon name=symbol/>
        {step.title}
        <span class="visually-hidden">{hint}</span>
    };
    view! {
        <li class=class>
            {match step.href {
                Some(href) => Either::Left(view! { <a href=href aria-current=here>{title}</a> }),
                None => Either::Right(view! { <span aria-current=here>{title}</span> }),
            }}
        </li>
    }
}

//! What the session does by itself around its switchover: catch-up passes with the downtime that
//! they predict, the timer, and what its health gates say.

use crate::erase::Erase as _;
use leptos::prelude::*;
use model::view::{AfterView, GateView};

use super::{Newest, view_model};
use crate::components::{
    dynamic::{part, part_if, text},
    icon::Icon,
};

/// All of it. Absent once the session is over.
#[component]
pub(super) fn After(newest: Newest) -> impl IntoView {
    let over = Memo::new(move |_| newest.with(|view| view.summary.outcome.is_some()));
    part_if(move || !over.get(), move || section(newest))
}

fn section(newest: Newest) -> AnyView {
    let fact = move |of: fn(&AfterView) -> String| {
        let value = Memo::new(move |_| newest.with(|view| of(&view.after)));
        text(move || value.get())
    };
    let downtime = Memo::new(move |_| newest.with(|view| view.after.downtime.clone()));
    let gates = Memo::new(move |_| newest.with(|view| view.after.gates.clone()));
    view! {
        <section class="facts-section" aria-labelledby="after">
            <h2 id="after">"Around the switchover"</h2>
            <dl class="facts">
                <dt>"Catch-up passes"</dt>
                <dd>{fact(|after| after.catch_up.clone())}</dd>
                {part(move || {
                    let words = downtime.get()?;
                    let downtime = view! {
                        <dt>"Downtime if switched over now"</dt>
                        <dd>{words}</dd>
                    };
                    Some(downtime.erase())
                })}
                <dt>"Timer"</dt>
                <dd>{fact(|after| after.timer.clone())}</dd>
                {part(move || {
                    let gates = gates.get();
                    if gates.is_empty() {
                        return None;
                    }
                    let gates = view! {
                        <dt>"Health gates"</dt>
                        <dd>
                            <ul class="findings">{gates.into_iter().map(gate).collect_view()}</ul>
                        </dd>
                    };
                    Some(gates.erase())
                })}
            </dl>
        </section>
    }
    .erase()
}

fn gate(gate: GateView) -> impl IntoView {
    let name = view_model::gate_icon(gate.green);
    let class = match gate.green {
        Some(true) => "",
        None => "unpaired",
        Some(false) => "blocks",
    };
    view! {
        <li class=class>
            <Icon name/>
            <span><strong>{gate.gate}</strong> ": " {gate.words}</span>
        </li>
    }
}

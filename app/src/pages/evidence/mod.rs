//! The evidence of a session on one page, to be read and printed. Nothing on it is live.

pub mod api;
pub mod view_model;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;
use model::{
    SessionId,
    view::{EffectView, EvidenceView, LogLine, PassView, SessionPlan},
};

use crate::{
    components::{checks::Checks, data_table::DataTable, load::fetched},
    erase::Erase as _,
    pages::session,
    words,
};
use api::read_evidence;

/// The page of a session's evidence: `/sessions/:id/evidence`.
#[component]
pub fn EvidencePage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| {
        params.with(|params| SessionId::new(params.get_str("id").unwrap_or_default()))
    });
    let evidence = Resource::new(move || id.get(), read_evidence);
    fetched(evidence, evidence_view)
}

fn evidence_view(view: EvidenceView) -> AnyView {
    let id = view.session.to_string();
    let title = format!("Evidence of {}", view.plan.vm_name);
    let standing = view_model::standing(&view);
    let estimate = view.report.as_ref().and_then(|it| it.estimate.as_ref());
    let figures = session::view_model::figures(estimate, &view.actual);
    let report = view.report.map(report);
    let plan = facts(view_model::plan_lines(&view.plan));
    view! {
        <Title text=title.clone()/>
        <p class="trail"><a href=format!("/sessions/{id}")>"Session"</a></p>
        <header class="page-head">
            <div>
                <h1>{title}</h1>
                <p class="route">{view.plan.route}</p>
            </div>
        </header>
        <p>
            {standing} ". Session " <code>{id.clone()}</code> ", put together "
            {view.made_at.utc_text()} "."
        </p>
        <ul class="files">
            <li>
                <a href=format!("/api/v1/sessions/{id}/evidence") rel="external" download="">
                    "Download as JSON"
                </a>
            </li>
        </ul>
        <section aria-labelledby="plan">
            <h2 id="plan">"Plan and choices"</h2>
            {plan}
        </section>
        {report}
        <section aria-labelledby="figures">
            <h2 id="figures">"Estimate and actual"</h2>
            {session::figures_table(figures)}
        </section>
        <section aria-labelledby="certificate">
            <h2 id="certificate">"Certificate"</h2>
            {session::certificate_shown(view.certificate)}
        </section>
        <section aria-labelledby="passes">
            <h2 id="passes">"Disks, pass by pass"</h2>
            {passes(view.passes)}
        </section>
        <section aria-labelledby="steps">
            <h2 id="steps">"Steps"</h2>
            {steps(view.steps)}
        </section>
        <section aria-labelledby="log">
            <h2 id="log">"Log"</h2>
            {log(view.log)}
        </section>
    }
    .erase()
}

/// What the checks said when it was started, and what was seen and not sent.
fn report(plan: SessionPlan) -> AnyView {
    let drift = plan.drift.into_iter().map(|drift| {
        view! { <li><strong>{drift.item}</strong> ": " {drift.what}</li> }
    });
    let assumed = plan
        .estimate
        .into_iter()
        .flat_map(|it| it.assumptions)
        .map(|sentence| view! { <li>{sentence}</li> });
    view! {
        <section aria-labelledby="report">
            <h2 id="report">"Preflight report"</h2>
            <Checks checks=plan.checks/>
            <h3>"Seen, and not sent"</h3>
            <ul class="assumed or-nothing">{drift.collect_view()}</ul>
            <h3>"What the estimate assumed"</h3>
            <ul class="assumed or-nothing">{assumed.collect_view()}</ul>
        </section>
    }
    .erase()
}

fn facts(lines: Vec<(&'static str, String)>) -> AnyView {
    let lines = lines.into_iter().map(|(name, value)| {
        view! {
            <dt>{name}</dt>
            <dd>{value}</dd>
        }
    });
    view! { <dl class="facts">{lines.collect_view()}</dl> }.erase()
}

fn passes(passes: Vec<PassView>) -> AnyView {
    let rows = passes.into_iter().map(|pass| {
        let counters = pass.counters;
        view! {
            <tr>
                <th scope="row">
                    {pass.disk} <span class="sub">"Pass " {pass.pass} ": " {pass.scope}</span>
                </th>
                <td class="number" data-label="Looked at">{counters.scanned.to_string()}</td>
                <td class="number" data-label="Different">{counters.different.to_string()}</td>
                <td class="number" data-label="Sent">{counters.sent.to_string()}</td>
                <td class="number" data-label="Verified">{counters.verified.to_string()}</td>
                <td data-label="Proxies">{pass.proxies.unwrap_or_default()}</td>
            </tr>
        }
    });
    view! {
        <DataTable caption="Disks, pass by pass">
            <thead>
                <tr>
                    <th scope="col">"Disk"</th>
                    <th scope="col" class="number">"Looked at"</th>
                    <th scope="col" class="number">"Different"</th>
                    <th scope="col" class="number">"Sent"</th>
                    <th scope="col" class="number">"Verified"</th>
                    <th scope="col">"Proxies"</th>
                </tr>
            </thead>
            <tbody>{rows.collect_view()}</tbody>
        </DataTable>
    }
    .erase()
}

fn steps(steps: Vec<EffectView>) -> AnyView {
    let rows = steps.into_iter().map(|step| {
        let at =
            |at: Option<model::Timestamp>| at.map(model::Timestamp::utc_text).unwrap_or_default();
        let failed = step.failed.then_some("failed: ");
        view! {
            <tr>
                <th scope="row">{step.step.words()} <span class="sub">{step.activity}</span></th>
                <td data-label="Began">{at(step.started_at)}</td>
                <td data-label="Ended">{at(step.done_at)}</td>
                <td data-label="Result">{failed} {step.result.unwrap_or_default()}</td>
            </tr>
        }
    });
    view! {
        <DataTable caption="Steps">
            <thead>
                <tr>
                    <th scope="col">"Step"</th>
                    <th scope="col">"Began"</th>
                    <th scope="col">"Ended"</th>
                    <th scope="col">"Result"</th>
                </tr>
            </thead>
            <tbody>{rows.collect_view()}</tbody>
        </DataTable>
    }
    .erase()
}

fn log(log: Vec<LogLine>) -> AnyView {
    let lines = log.into_iter().map(|line| {
        let level = words::level_words(line.level).map(|level| format!("{level}: "));
        view! { <li>{line.at.utc_text()} " " {level} {line.text}</li> }
    });
    view! { <ol class="evidence-log">{lines.collect_view()}</ol> }.erase()
}

//! Step Summary: everything chosen per VM, the checks, the dry run, and Finish.

use leptos::prelude::*;
use model::{
    Drift,
    view::{DraftView, PlanEstimate, SummaryVm, WizardStep},
};

use super::{Question, StepButtons, api::SaveSummary, dry_run::DryRun, view_model};
use crate::components::{
    checks::Checks,
    error_summary::{ErrorSummary, field_id},
    field::{Field, FieldNote, note_id},
    form::{Form, Sending},
    icon::Icon,
    list_nav::FormPager,
};

/// The step.
#[component]
pub(super) fn SummaryStep(draft: DraftView) -> impl IntoView {
    let save = Sending::to::<SaveSummary>();
    let error = save.error();
    let total = draft.to_read;
    let blocked = blocked(draft.blocked.clone());
    let DraftView {
        id,
        summary,
        drift_seen,
        power_on,
        reason,
        comparable,
        dry_run,
        mode_words,
        after_words,
        several_words,
        page,
        ..
    } = draft;
    let has_drift = summary.iter().any(|vm| !vm.drift.is_empty());
    let vms = summary
        .into_iter()
        .map(|vm| view! { <Vm vm drift_seen=drift_seen.clone()/> })
        .collect_view();
    let drift_note = has_drift.then(|| view! { <FieldNote name="drift_seen" error/> });
    view! {
        <Question step=WizardStep::Summary/>
        <ErrorSummary error/>
        {blocked}
        <Form sending=save>
            <input type="hidden" name="id" value=id.to_string()/>
            <p>{mode_words}</p>
            <p>{after_words}</p>
            {(!several_words.is_empty()).then(|| view! { <p>{several_words}</p> })}
            <p>
                <a href=format!("/api/v1/drafts/{id}/report") rel="external">"The plan as text"</a>
            </p>
            <div id=field_id("drift_seen") tabindex="-1">{vms} {drift_note}</div>
            <FormPager page label="Pages of VMs"/>
            {comparable.then(|| view! { <DryRun id run=dry_run total sending=save/> })}
            <section class="panel">
                <h3>"After the switchover"</h3>
                <div class="choice">
                    <input type="checkbox" id="power-on" name="power_on" value="true" checked=power_on/>
                    <label for="power-on">"Power on the production VM after switchover"</label>
                </div>
                <Field name="reason" label="Reason (optional)" hint="Kept in the audit log and shown with the session." error>
                    <textarea
                        name="reason"
                        id=field_id("reason")
                        rows="2"
                        maxlength="2000"
                        aria-describedby=note_id("reason")
                    >
                        {reason}
                    </textarea>
                </Field>
            </section>
            <StepButtons step=WizardStep::Summary sending=save/>
        </Form>
    }
}

/// What stops Finish, before anything else.
fn blocked(reasons: Vec<(String, String)>) -> Option<impl IntoView> {
    if reasons.is_empty() {
        return None;
    }
    let items = reasons
        .into_iter()
        .map(|(vm, why)| view! { <li><strong>{vm}</strong> ": " {why}</li> })
        .collect_view();
    Some(view! {
        <div class="notice notice-attention">
            <h3><Icon name="attention"/>"Finish is not possible yet"</h3>
            <ul>{items}</ul>
        </div>
    })
}

#[component]
fn Vm(vm: SummaryVm, drift_seen: Vec<String>) -> impl IntoView {
    let read =
        view_model::to_read(&vm).map(|(name, figure)| view! { <dt>{name}</dt> <dd>{figure}</dd> });
    let places = vm
        .placement
        .iter()
        .map(|(what, chosen)| view! { <dt>{what.clone()}</dt> <dd>{chosen.clone()}</dd> })
        .collect_view();
    let own_mode = vm
        .own_mode
        .clone()
        .map(|words| view! { <dt>"Failback mode"</dt> <dd>{words}</dd> });
    let policy = vm.policy.clone().map(|policy| {
        view! {
            <dt>"Storage policy"</dt>
            <dd>{policy} ", associated at the switchover"</dd>
        }
    });
    let undo = view_model::undo_space(&vm).map(|(figure, short)| {
        view! {
            <dt>"Space for undo"</dt>
            <dd class:short=short>{figure}</dd>
        }
    });
    let drift = (!vm.drift.is_empty()).then(|| drift(&vm, &drift_seen));
    let estimate = vm.estimate.as_ref().map(estimate);
    view! {
        <article class="panel vm">
            <input type="hidden" name="replicas[]" value=vm.replica.to_string()/>
            <h3>{vm.name}</h3>
            <p class="route">{vm.route}</p>
            <dl class="facts">
                {own_mode}
                {places}
                {policy}
                {read}
                {estimate}
                {undo}
            </dl>
            <h4>"Checks"</h4>
            <Checks checks=vm.checks/>
            {drift}
        </article>
    }
}

/// What it is expected to cost, and what the figures rest on.
fn estimate(estimate: &PlanEstimate) -> impl IntoView + use<> {
    let lines = view_model::estimate_lines(estimate)
        .into_iter()
        .map(|(name, figure)| view! { <dt>{name}</dt> <dd>{figure}</dd> })
        .collect_view();
    let assumed = estimate
        .assumptions
        .iter()
        .map(|sentence| view! { <li>{sentence.clone()}</li> })
        .collect_view();
    view! {
        {lines}
        <dt>"Assumed"</dt>
        <dd><ul class="assumed">{assumed}</ul></dd>
    }
}

/// What differs and is not sent: each is ticked by name.
fn drift(vm: &SummaryVm, seen: &[String]) -> impl IntoView + use<> {
    let items = vm
        .drift
        .iter()
        .map(|item| {
            let key = view_model::drift_key(&vm.replica, &item.item);
            let ticked = seen.contains(&key);
            drift_item(key, item, ticked)
        })
        .collect_view();
    view! {
        <fieldset class="choices">
            <legend>"Not sent with " {vm.name.clone()} ": tick what you have seen"</legend>
            {items}
        </fieldset>
    }
}

fn drift_item(key: String, item: &Drift, ticked: bool) -> impl IntoView + use<> {
    let id = format!("drift-{key}");
    view! {
        <div class="choice">
            <input type="checkbox" name="drift_seen[]" id=id.clone() value=key checked=ticked/>
            <label for=id><strong>{item.item.clone()}</strong> ": " {item.what.clone()}</label>
        </div>
    }
}

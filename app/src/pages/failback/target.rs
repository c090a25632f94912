//! Step Target VM: one existing VM per replica, with its disks against the replica's before Next.

use leptos::prelude::*;
use model::{
    ApiError, LayoutFinding,
    view::{DraftView, TargetRow, WizardStep},
};

use super::{Question, StepButtons, api::SaveTargets, findings::Findings, view_model};
use crate::{
    components::{
        dynamic::{Part, part},
        error_summary::{ErrorSummary, field_id},
        field::{FieldNote, note_id},
        form::{Form, Sending},
        icon::Icon,
        list_nav::FormPager,
    },
    erase::Erase as _,
};

/// The step.
#[component]
pub(super) fn TargetStep(draft: DraftView) -> impl IntoView {
    let save = Sending::to::<SaveTargets>();
    let error = save.error();
    let rows = draft
        .targets
        .into_iter()
        .map(|row| view! { <Row row error/> })
        .collect_view();
    view! {
        <Question step=WizardStep::TargetVm/>
        <p>
            "Only blocks that differ are sent. At the switchover the VM takes the original's place, "
            "and at commit every job that named the original names it. Undo gives it its own "
            "content back."
        </p>
        <ErrorSummary error/>
        <Form sending=save>
            <input type="hidden" name="id" value=draft.id.to_string()/>
            {rows}
            <FormPager page=draft.page label="Pages of VMs"/>
            <StepButtons step=WizardStep::TargetVm sending=save/>
        </Form>
    }
}

/// One replica: the list, a name by hand, and the disks of the VM that is picked.
#[component]
fn Row(row: TargetRow, error: Signal<Option<ApiError>>) -> impl IntoView {
    let field = format!("target-{}", row.replica);
    let other = format!("other-{}", row.replica);
    let picked = view_model::picked(&row).map(ToString::to_string);
    let selected = RwSignal::new(picked.clone().unwrap_or_default());
    let options = row
        .candidates
        .iter()
        .map(|candidate| {
            let value = candidate.vm.to_string();
            let is_picked = picked.as_ref() == Some(&value);
            let off = candidate.why_not.is_some() && !is_picked;
            let words = view_model::candidate_words(&row, candidate);
            view! { <option value=value selected=is_picked disabled=off>{words}</option> }
        })
        .collect_view();
    let refused = notes(view_model::refused_candidates(&row));
    let blocked = notes(row.blocked.clone());
    let name = row.name.clone();
    let replica = row.replica.to_string();
    let layout = layout_of(row, selected);
    view! {
        <section class="panel vm" aria-label=name.clone()>
            <h3>{name.clone()}</h3>
            <input type="hidden" name="replicas[]" value=replica/>
            <div class="field">
                <label for=field_id(&field)>
                    "VM to return to" <span class="visually-hidden">" for " {name.clone()}</span>
                </label>
                <select
                    name="targets[]"
                    id=field_id(&field)
                    aria-describedby=note_id(&field)
                    on:change:target=move |event| selected.set(event.target().value())
                >
                    <option value="" selected=picked.is_none()>"No VM yet"</option>
                    {options}
                </select>
                <FieldNote name=field error/>
            </div>
            <div class="field">
                <label for=other.clone()>
                    "Or another VM, by name" <span class="visually-hidden">" for " {name.clone()}</span>
                </label>
                <input type="text" name="others[]" id=other autocomplete="off"/>
            </div>
            {blocked}
            {layout}
            {refused}
        </section>
    }
}

/// The disks of the VM that is picked, against the replica's.
fn layout_of(row: TargetRow, selected: RwSignal<String>) -> Part {
    let layouts: Vec<(String, Vec<LayoutFinding>)> = row
        .candidates
        .into_iter()
        .map(|candidate| (candidate.vm.to_string(), candidate.layout))
        .collect();
    part(move || {
        let picked = selected.get();
        let (_, findings) = layouts.iter().find(|(vm, _)| *vm == picked)?;
        (!findings.is_empty()).then(|| {
            view! {
                <h4>"Disk layout"</h4>
                <Findings findings=findings.clone()/>
            }
            .erase()
        })
    })
}

/// What is not possible, and why.
fn notes(reasons: Vec<String>) -> Option<impl IntoView> {
    if reasons.is_empty() {
        return None;
    }
    let items = reasons
        .into_iter()
        .map(|why| view! { <li><Icon name="waiting"/><span>{why}</span></li> })
        .collect_view();
    Some(view! { <ul class="findings">{items}</ul> })
}

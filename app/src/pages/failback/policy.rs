//! Step Storage policy: VMs whose policy is not as it was at replication, with three answers each.

use leptos::prelude::*;
use model::{
    ApiError, PolicyChoice,
    view::{DraftView, PolicyOption, PolicyRow, WizardStep},
};

use super::{Question, StepButtons, api::SavePolicies};
use crate::components::{
    error_summary::{ErrorSummary, field_id},
    field::{FieldNote, note_id},
    form::{Form, Sending},
    list_nav::FormPager,
};

/// The step.
#[component]
pub(super) fn PolicyStep(draft: DraftView) -> impl IntoView {
    let save = Sending::to::<SavePolicies>();
    let error = save.error();
    let rows = draft
        .policies
        .into_iter()
        .map(|row| view! { <Row row error/> })
        .collect_view();
    view! {
        <Question step=WizardStep::StoragePolicy/>
        <p>
            "These VMs no longer have the policy that they had at replication. What you choose is "
            "applied at the switchover. VMs whose policy is unchanged get it again by themselves."
        </p>
        <ErrorSummary error/>
        <Form sending=save>
            <input type="hidden" name="id" value=draft.id.to_string()/>
            {rows}
            <FormPager page=draft.page label="Pages of VMs"/>
            <StepButtons step=WizardStep::StoragePolicy sending=save/>
        </Form>
    }
}

/// One VM: a list, because a line of the form belongs to a replica by its position.
#[component]
fn Row(row: PolicyRow, error: Signal<Option<ApiError>>) -> impl IntoView {
    let PolicyRow {
        replica,
        name,
        why,
        chosen,
        options,
    } = row;
    let (title, heading) = (name.clone(), name.clone());
    let field = format!("policy-{replica}");
    let refused = options.iter().filter_map(refusal).collect::<Vec<_>>();
    let options = options
        .into_iter()
        .map(|option| {
            let words = words(&option);
            view! {
                <option
                    value=form_value(option.choice)
                    selected=chosen == Some(option.choice)
                    disabled=option.why_not.is_some()
                >
                    {words}
                </option>
            }
        })
        .collect_view();
    let refused = refused
        .into_iter()
        .map(|why| view! { <li>{why}</li> })
        .collect_view();
    view! {
        <section class="panel vm" aria-label=title>
            <h3>{heading}</h3>
            <p>{why}</p>
            <input type="hidden" name="replicas[]" value=replica.to_string()/>
            <div class="field">
                <label for=field_id(&field)>
                    "Storage policy" <span class="visually-hidden">" for " {name}</span>
                </label>
                <select name="policies[]" id=field_id(&field) aria-describedby=note_id(&field)>
                    <option value="" selected=chosen.is_none()>"Not chosen yet"</option>
                    {options}
                </select>
                <FieldNote name=field error/>
            </div>
            <ul class="hint">{refused}</ul>
        </section>
    }
}

fn words(option: &PolicyOption) -> String {
    format!(
        "{}: {}",
        title(option.choice),
        option.policy.as_deref().unwrap_or("no policy")
    )
}

fn refusal(option: &PolicyOption) -> Option<String> {
    let why = option.why_not.as_ref()?;
    Some(format!("{} is not possible. {why}", title(option.choice)))
}

const fn title(choice: PolicyChoice) -> &'static str {
    match choice {
        PolicyChoice::Current => "Current",
        PolicyChoice::Default => "Default of the datastore",
        PolicyChoice::Stored => "Stored at replication",
    }
}

const fn form_value(choice: PolicyChoice) -> &'static str {
    match choice {
        PolicyChoice::Current => "current",
        PolicyChoice::Default => "default",
        PolicyChoice::Stored => "stored",
    }
}

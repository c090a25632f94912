//! Step Failback mode: when the switchover follows, and what happens by itself around it.

use leptos::prelude::*;
use model::view::{DraftView, WizardStep};

use super::{Question, StepButtons, api::SaveMode, several::Several};
use crate::components::{
    after_fields::{CatchUpField, TimerFields},
    error_summary::ErrorSummary,
    form::{Form, Sending},
    mode_fields::ModeFields,
};

/// The step.
#[component]
pub(super) fn ModeStep(draft: DraftView) -> impl IntoView {
    let save = Sending::to::<SaveMode>();
    let error = save.error();
    let zones = draft.zones.clone();
    let several = draft
        .several
        .map(|several| view! { <Several several zones page=draft.page error/> });
    view! {
        <Question step=WizardStep::FailbackMode/>
        <p>
            "First the production VM is brought up to date while the replica keeps serving. The "
            "switchover then shuts the replica down, sends the last changes and hands over."
        </p>
        <ErrorSummary error/>
        <Form sending=save>
            <input type="hidden" name="id" value=draft.id.to_string()/>
            <ModeFields input=draft.mode_input zones=draft.zones error/>
            {several}
            <CatchUpField value=draft.after_input.catch_up error/>
            <TimerFields input=draft.after_input.timer error/>
            <StepButtons step=WizardStep::FailbackMode sending=save/>
        </Form>
    }
}

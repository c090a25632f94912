//! Server functions of the wizard: one per step's form, and the reading of a draft.
//!
//! Each form sends which button was pressed; only Next and Finish insist that the step is complete.

#![expect(
    missing_docs,
    clippy::too_many_arguments,
    reason = "the macro makes structs of the arguments, which the functions' own documents describe"
)]

use leptos::{prelude::*, server_fn::codec::GetUrl};
use model::{Destination, DraftId, ProxyId, ReplicaId, Trouble, view::DraftView};
use serde::{Deserialize, Serialize};

use crate::error::{Answer, Json};

/// The button that sent a step's form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Press {
    /// To the next step, if this one is complete.
    #[default]
    Next,
    /// To the step before.
    Back,
    /// The draft goes.
    Cancel,
    /// Keep the choice and show this step again, narrowed by the filter.
    Filter,
    /// Choose every replica that can be chosen, of those that the filter shows.
    All,
    /// Choose none.
    Clear,
    /// Change the rows that are ticked and show this step again.
    Apply,
    /// Measure the difference without writing.
    DryRun,
    /// Start the sessions.
    Finish,
}

/// Who picks the proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pick {
    /// The scheduler, of all.
    Automatic,
    /// The operator.
    ByHand,
}

/// A draft with everything that its steps show.
#[server(endpoint = "console/draft", input = GetUrl, output = Json)]
pub async fn read_draft(id: DraftId) -> Answer<DraftView> {
    let (service, _) = crate::api::caller();
    crate::api::answer(service.draft_view(&id).await)
}

/// Step Replica.
#[server(endpoint = "console/draft/replicas", output = Json)]
pub async fn save_replicas(
    id: DraftId,
    #[server(default)] replicas: Vec<ReplicaId>,
    #[server(default)] filter: String,
    #[server(default)] press: Press,
) -> Answer<()> {
    on_server::save_replicas(id, replicas, &filter, press).await
}

/// Step Destination, with the choice of proxies; without `pick` that stays as it is.
#[server(endpoint = "console/draft/destination", output = Json)]
pub async fn save_destination(
    id: DraftId,
    destination: Option<Destination>,
    #[server(default)] quick: bool,
    #[server(default)] trouble: Trouble,
    pick: Option<Pick>,
    #[server(default)] proxies: Vec<ProxyId>,
    #[server(default)] press: Press,
) -> Answer<()> {
    let (service, actor) = crate::api::caller();
    crate::api::answer(service.draft_set_quick(&actor, &id, quick, trouble).await)?;
    let mut saved = service
        .draft_set_destination(&actor, &id, destination)
        .await;
    if let Some(pick) = pick {
        let (by_hand, proxies) = (pick == Pick::ByHand, proxies.into_iter().collect());
        let picked = service
            .draft_set_proxies(&actor, &id, by_hand, proxies)
            .await;
        saved = saved.and(picked);
    }
    on_server::leave(&id, model::view::WizardStep::Destination, press, saved).await
}

/// Step Storage policy: one replica and its choice per line, in the same order.
#[server(endpoint = "console/draft/policy", output = Json)]
pub async fn save_policies(
    id: DraftId,
    #[server(default)] replicas: Vec<ReplicaId>,
    #[server(default)] policies: Vec<String>,
    #[server(default)] press: Press,
) -> Answer<()> {
    let (service, actor) = crate::api::caller();
    let choices = on_server::policy_lines(replicas, &policies);
    let saved = service.draft_set_policies(&actor, &id, choices).await;
    on_server::leave(&id, model::view::WizardStep::StoragePolicy, press, saved).await
}

/// Step Target VM: one replica, list choice and name by hand per line, in the same order.
#[server(endpoint = "console/draft/target", output = Json)]
pub async fn save_targets(
    id: DraftId,
    #[server(default)] replicas: Vec<ReplicaId>,
    #[server(default)] targets: Vec<String>,
    #[server(default)] others: Vec<String>,
    #[server(default)] press: Press,
) -> Answer<()> {
    let (service, actor) = crate::api::caller();
    let inputs = on_server::target_lines(replicas, targets, others);
    let saved = service.draft_set_targets(&actor, &id, inputs).await;
    on_server::leave(&id, model::view::WizardStep::TargetVm, press, saved).await
}

/// Step Failback mode. The fields are those of [`model::view::ModeInput`] and
/// [`model::view::AfterInput`]; for several VMs those of [`model::view::SeveralInput`], one replica,
/// place, mode and time per line, in the same order.
#[server(endpoint = "console/draft/mode", output = Json)]
pub async fn save_mode(
    id: DraftId,
    #[server(default)] mode: String,
    #[server(default)] at: String,
    #[server(default)] zone: String,
    #[server(default)] not_later_minutes: String,
    #[server(default)] which: String,
    #[server(default)] catch_up: String,
    #[server(default)] timer: String,
    #[server(default)] timer_after: String,
    #[server(default)] gates: String,
    #[server(default)] undo_consent: bool,
    #[server(default)] at_once: String,
    #[server(default)] own_zone: String,
    #[server(default)] replicas: Vec<String>,
    #[server(default)] places: Vec<String>,
    #[server(default)] modes: Vec<String>,
    #[server(default)] ats: Vec<String>,
    #[server(default)] press: Press,
) -> Answer<()> {
    let (service, actor) = crate::api::caller();
    let input = model::view::ModeInput {
        mode,
        at,
        zone,
        not_later_minutes,
        which,
    };
    let after = model::view::AfterInput {
        catch_up,
        timer: model::view::TimerInput {
            timer,
            timer_after,
            gates,
            undo_consent,
        },
    };
    let several = model::view::SeveralInput {
        at_once,
        zone: own_zone,
        rows: on_server::own_lines(replicas, places, modes, ats),
    };
    let saved = service
        .draft_set_mode(&actor, &id, input, after, several)
        .await;
    on_server::leave(&id, model::view::WizardStep::FailbackMode, press, saved).await
}

/// Step Summary: dry run and Finish as well.
#[server(endpoint = "console/draft/summary", output = Json)]
pub async fn save_summary(
    id: DraftId,
    #[server(default)] power_on: bool,
    #[server(default)] reason: String,
    #[server(default)] drift_seen: Vec<String>,
    #[server(default)] press: Press,
) -> Answer<()> {
    let (service, actor) = crate::api::caller();
    let saved = service
        .draft_set_summary(&actor, &id, power_on, reason, drift_seen)
        .await;
    on_server::leave(&id, model::view::WizardStep::Summary, press, saved).await
}

/// Where the presses lead.
#[cfg(feature = "ssr")]
pub(super) mod on_server {
    use model::{
        ApiError, DraftId, PolicyChoice, ReplicaId,
        view::{OwnInput, TargetInput, WizardStep},
    };

    use super::Press;
    use crate::{
        api::{answer, caller, lead_to},
        error::Answer,
        pages::failback::view_model,
    };

    pub(super) async fn save_replicas(
        id: DraftId,
        mut replicas: Vec<ReplicaId>,
        filter: &str,
        press: Press,
    ) -> Answer<()> {
        let (service, actor) = caller();
        match press {
            Press::All => {
                let draft = answer(service.draft_view(&id).await)?;
                replicas = view_model::with_all_shown(&draft.replicas, replicas, filter);
            }
            Press::Clear => replicas.clear(),
            Press::Next
            | Press::Back
            | Press::Cancel
            | Press::Filter
            | Press::Apply
            | Press::DryRun
            | Press::Finish => {}
        }
        let saved = service.draft_set_replicas(&actor, &id, replicas).await;
        if matches!(press, Press::All | Press::Clear | Press::Filter) {
            lead_to(&view_model::replica_step_href(&id, filter));
            return Ok(());
        }
        leave(&id, WizardStep::Replica, press, saved).await
    }

    /// The lines of the Storage policy step; an answer that is none is as good as no answer.
    pub(super) fn policy_lines(
        replicas: Vec<ReplicaId>,
        policies: &[String],
    ) -> Vec<(ReplicaId, Option<PolicyChoice>)> {
        let choice = |text: &String| match text.as_str() {
            "current" => Some(PolicyChoice::Current),
            "default" => Some(PolicyChoice::Default),
            "stored" => Some(PolicyChoice::Stored),
            _ => None,
        };
        let choices = policies.iter().map(choice);
        let choices = choices.chain(std::iter::repeat(None));
        replicas.into_iter().zip(choices).collect()
    }

    /// The lines of the Target VM step.
    pub(super) fn target_lines(
        replicas: Vec<ReplicaId>,
        targets: Vec<String>,
        others: Vec<String>,
    ) -> Vec<TargetInput> {
        let (mut targets, mut others) = (targets.into_iter(), others.into_iter());
        replicas
            .into_iter()
            .map(|replica| TargetInput {
                replica,
                target: targets.next().unwrap_or_default(),
                other: others.next().unwrap_or_default(),
            })
            .collect()
    }

    /// The lines of several VMs in the step Failback mode.
    pub(super) fn own_lines(
        replicas: Vec<String>,
        places: Vec<String>,
        modes: Vec<String>,
        ats: Vec<String>,
    ) -> Vec<OwnInput> {
        let mut places = places.into_iter();
        let (mut modes, mut ats) = (modes.into_iter(), ats.into_iter());
        replicas
            .into_iter()
            .map(|replica| OwnInput {
                replica,
                place: places.next().unwrap_or_default(),
                mode: modes.next().unwrap_or_default(),
                at: ats.next().unwrap_or_default(),
            })
            .collect()
    }

    /// Goes where the press leads. What a step lacks matters only on the way forward.
    pub(in crate::pages::failback) async fn leave(
        id: &DraftId,
        step: WizardStep,
        press: Press,
        saved: Result<(), ApiError>,
    ) -> Answer<()> {
        let (service, actor) = caller();
        let target = match press {
            Press::Next => {
                answer(saved)?;
                let steps = answer(service.draft_steps(id).await)?;
                view_model::step_href(id, view_model::step_after(&steps, step))
            }
            Press::Back => {
                let steps = answer(service.draft_steps(id).await)?;
                view_model::step_href(id, view_model::step_before(&steps, step))
            }
            Press::Cancel => {
                answer(service.draft_discard(&actor, id).await)?;
                "/".to_owned()
            }
            Press::DryRun => {
                answer(service.dry_run(&actor, id).await)?;
                view_model::step_href(id, step)
            }
            Press::Finish => {
                answer(saved)?;
                view_model::after_finish(&answer(service.finish(&actor, id).await)?)
            }
            Press::Apply => {
                answer(saved)?;
                view_model::step_href(id, step)
            }
            Press::Filter | Press::All | Press::Clear => view_model::step_href(id, step),
        };
        lead_to(&target);
        Ok(())
    }
}

//! Server functions of the wizard: one per step's form, and the reading of a draft.
//!
//! Each form sends which button was pressed; only Next and Finish insist that the step is complete.

#![expect(
    missing_docs,
    clippy::too_many_arguments,
    reason = "the macro makes structs of the arguments, which the functions' own documents describe"
)]

use leptos::{prelude::*, server_fn::codec::GetUrl};
use model::{
    Destination, DraftId, ProxyId, ReplicaId, Trouble,
    view::{DraftView, ListQuery, WizardStep},
};
use serde::{Deserialize, Serialize};

use crate::error::{Answer, Json};

pub use super::press::Press;

/// Who picks the proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pick {
    /// The scheduler, of all.
    Automatic,
    /// The operator.
    ByHand,
}

/// A draft as one of its steps shows it, with the page of the step's list that is asked for; the first
/// step where none is named.
#[server(endpoint = "console/draft", input = GetUrl, output = Json)]
pub async fn read_draft(
    id: DraftId,
    step: Option<WizardStep>,
    #[server(default)] query: ListQuery,
) -> Answer<DraftView> {
    let (service, _) = crate::api::caller();
    let step = step.unwrap_or(WizardStep::Replica);
    crate::api::answer(service.draft_step(&id, step, query).await)
}

/// Step Replica: the ticked replicas, which are all that are chosen; of a page (`paged`) the rows that it
/// showed and those of them that are ticked. `filter` and `sort` are those of the list as it was asked for.
#[server(endpoint = "console/draft/replicas", output = Json)]
pub async fn save_replicas(
    id: DraftId,
    #[server(default)] paged: bool,
    #[server(default)] shown: Vec<ReplicaId>,
    #[server(default)] replicas: Vec<ReplicaId>,
    #[server(default)] filter: String,
    #[server(default)] sort: String,
    #[server(default)] press: Press,
) -> Answer<()> {
    let asked = ListQuery {
        filter,
        sort: model::view::Sort::parse(&sort),
        page: 1,
    };
    let shown = paged.then_some(shown);
    on_server::save_replicas(id, (shown, replicas), asked, press).await
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
    on_server::leave(&id, WizardStep::Destination, press, saved).await
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
    on_server::leave(&id, WizardStep::StoragePolicy, press, saved).await
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
    on_server::leave(&id, WizardStep::TargetVm, press, saved).await
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
    on_server::leave(&id, WizardStep::FailbackMode, press, saved).await
}

/// Step Summary: dry run and Finish as well. `replicas` are those whose drift was shown; none is all.
#[server(endpoint = "console/draft/summary", output = Json)]
pub async fn save_summary(
    id: DraftId,
    #[server(default)] power_on: bool,
    #[server(default)] reason: String,
    #[server(default)] drift_seen: Vec<String>,
    #[server(default)] replicas: Vec<ReplicaId>,
    #[server(default)] press: Press,
) -> Answer<()> {
    let (service, actor) = crate::api::caller();
    let saved = service
        .draft_set_summary(&actor, &id, power_on, reason, drift_seen, &replicas)
        .await;
    on_server::leave(&id, WizardStep::Summary, press, saved).await
}

/// Where the presses lead.
#[cfg(feature = "ssr")]
pub(super) mod on_server {
    use model::{
        ApiError, DraftId, PolicyChoice, ReplicaId,
        view::{ListQuery, OwnInput, TargetInput, WizardStep},
    };
    use service::{Also, Ticks};

    use super::Press;
    use crate::{
        api::{answer, caller, lead_to},
        error::Answer,
        pages::failback::view_model,
    };

    pub(super) async fn save_replicas(
        id: DraftId,
        (shown, ticked): (Option<Vec<ReplicaId>>, Vec<ReplicaId>),
        asked: ListQuery,
        press: Press,
    ) -> Answer<()> {
        let (service, actor) = caller();
        let also = match press {
            Press::All => Also::AllOf(asked.filter.clone()),
            Press::Clear => Also::NoneOf(asked.filter.clone()),
            Press::Next
            | Press::Back
            | Press::Cancel
            | Press::Filter
            | Press::Apply(_)
            | Press::Page(_)
            | Press::Order(_)
            | Press::DryRun
            | Press::Finish => Also::Nothing,
        };
        let saved = match (shown, &also) {
            (None, Also::Nothing) => service.draft_set_replicas(&actor, &id, ticked).await,
            (shown, _) => {
                let ticks = Ticks {
                    shown: shown.unwrap_or_default(),
                    ticked,
                    also,
                };
                service.draft_tick_replicas(&actor, &id, &ticks).await
            }
        };
        let stays = match press {
            Press::All | Press::Clear | Press::Filter => asked,
            Press::Page(page) => ListQuery { page, ..asked },
            Press::Order(sort) => ListQuery { sort, ..asked },
            Press::Next
            | Press::Back
            | Press::Cancel
            | Press::Apply(_)
            | Press::DryRun
            | Press::Finish => return leave(&id, WizardStep::Replica, press, saved).await,
        };
        lead_to(&view_model::list_href(&id, WizardStep::Replica, &stays));
        Ok(())
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
            Press::Apply(page) => {
                answer(saved)?;
                view_model::paged_href(id, step, page)
            }
            Press::Page(page) => view_model::paged_href(id, step, page),
            Press::Filter | Press::All | Press::Clear | Press::Order(_) => {
                view_model::step_href(id, step)
            }
        };
        lead_to(&target);
        Ok(())
    }
}

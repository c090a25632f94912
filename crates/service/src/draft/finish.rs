//! Finish: everything is checked once more, then one session per replica is recorded, once.

use std::collections::HashMap;

use failback::Terms;
use model::{
    Actor, ApiError, BatchId, Destination, DraftId, FailbackMode, NewVm, ProxyChoice,
    SessionChoices, SessionId, Timestamp,
    view::{FinishReply, SessionPlan},
};
use store::{DraftBody, NewBatch, NewSession, fresh_id};

use super::{
    choose::{destination_chosen, some_chosen},
    several,
};
use crate::{
    Service,
    actor::authorise,
    after::{self, After},
    mode, placement,
    preflight::{Checked, Target, policy::Policy},
    refusal::{conflict, failed, invalid},
    start::counted,
};

impl Service {
    /// Starts the failback that a draft describes. Asked again, it answers the same.
    ///
    /// # Errors
    /// When there is no such draft, a choice is missing, or a check blocks; then nothing starts.
    pub async fn finish(&self, actor: &Actor, id: &DraftId) -> Result<FinishReply, ApiError> {
        authorise(actor)?;
        if let Some(batch) = self.store().batch_for_draft(id).await.map_err(failed)? {
            return Ok(batch.into());
        }
        match self.start_batch(actor, id).await {
            // The same Finish, sent a moment earlier, may be why the replica has a session now.
            Err(error) => match self.store().batch_for_draft(id).await.map_err(failed)? {
                Some(batch) => Ok(batch.into()),
                None => Err(error),
            },
            started => started,
        }
    }

    async fn start_batch(&self, actor: &Actor, id: &DraftId) -> Result<FinishReply, ApiError> {
        let draft = self.draft(id).await?;
        let (destination, mode) = self.complete(&draft.body)?;
        let estate = self.estate().await?;
        let places = placement::of(&estate, &draft.body);
        let places = places.as_ref();
        let checked = self.plan(id, &estate, &draft.body, places).await?;
        nothing_blocks(&checked)?;
        self.picked_ones_do(&estate, &draft.body, places)
            .await
            .map_err(|refusal| conflict(refusal.message, refusal.hint))?;
        all_drift_seen(&checked, &draft.body)?;
        let plan = Plan {
            batch: BatchId::new(fresh_id()),
            destination,
            at_once: several::at_once(&draft.body.several.at_once)?,
            mode,
            body: &draft.body,
            actor,
        };
        let batch = self.batch(plan, id, in_order(checked, &draft.body))?;
        let row = self.store().batch_insert(&batch).await.map_err(failed)?;
        self.wake();
        Ok(row.into())
    }

    /// The choices that Finish needs, or what is missing first.
    fn complete(&self, body: &DraftBody) -> Result<(Destination, FailbackMode), ApiError> {
        some_chosen(&body.chosen)?;
        let destination = destination_chosen(body.destination)?;
        let Some(mode) = body.mode.clone() else {
            return Err(invalid(
                "mode",
                "No failback mode is chosen.",
                "Choose when the switchover follows.",
            ));
        };
        mode::still_to_come(&mode, self.now())?;
        for replica in &body.chosen {
            several::own(body, replica, self.now())?;
        }
        Ok((destination, mode))
    }

    fn batch(
        &self,
        plan: Plan<'_>,
        draft: &DraftId,
        checked: Vec<Checked>,
    ) -> Result<NewBatch, ApiError> {
        let now = self.now();
        let targets: Vec<(Target, SessionPlan)> = checked
            .into_iter()
            .filter_map(|it| Some((it.target?, it.view.into())))
            .collect();
        let names: Vec<&str> = targets.iter().map(|(it, _)| it.vm_name.as_str()).collect();
        let mut audit = format!(
            "Started the failback of {}: {}. {}. {}",
            counted(names.len(), "VM", "VMs"),
            names.join(", "),
            mode::words(&plan.mode),
            after::check(&plan.body.after_input, &plan.mode)?.words()
        );
        for (target, _) in &targets {
            if let Some(own) = several::own(plan.body, &target.replica.id, now)? {
                audit = format!("{audit} {}: {}.", target.vm_name, mode::words(&own));
            }
        }
        if let Some(most) = plan.at_once {
            audit = format!("{audit} At most {most} run at once.");
        }
        if !plan.body.reason.is_empty() {
            audit = format!("{audit} Reason: {}", plan.body.reason);
        }
        Ok(NewBatch {
            draft: draft.clone(),
            started_by: plan.actor.clone(),
            reason: plan.body.reason.clone(),
            started_at: now,
            audit,
            at_once: plan.at_once,
            sessions: targets
                .into_iter()
                .map(|(target, report)| plan.session(target, report, now))
                .collect::<Result<_, _>>()?,
            id: plan.batch,
        })
    }
}

/// What all sessions of one Finish have in common.
struct Plan<'a> {
    batch: BatchId,
    destination: Destination,
    at_once: Option<u32>,
    /// Of those that have none of their own.
    mode: FailbackMode,
    body: &'a DraftBody,
    actor: &'a Actor,
}

impl Plan<'_> {
    fn session(
        &self,
        target: Target,
        report: SessionPlan,
        now: Timestamp,
    ) -> Result<NewSession, ApiError> {
        let own = several::own(self.body, &target.replica.id, now)?;
        let mode = own.unwrap_or_else(|| self.mode.clone());
        let After {
            catch_up,
            timer,
            gates,
        } = after::check(&self.body.after_input, &mode)?;
        let policy = match target.policy {
            Policy::Associate(policy) => Some(policy),
            // What is asked blocks Finish.
            Policy::Untouched | Policy::Asked => None,
        };
        let machine = failback::Session::new(Terms {
            destination: self.destination,
            mode,
            power_on: self.body.power_on,
            storage_policy: policy.is_some(),
            catch_up,
            quick: target.quick,
            timer,
            gates,
        });
        let id = SessionId::new(fresh_id());
        let new_vm = target.new_vm.map(|spec| NewVm {
            vm: NewVm::made_by(&id, spec.vm.site.clone()),
            ..spec
        });
        Ok(NewSession {
            batch: self.batch.clone(),
            replica: target.replica.id,
            protected: target.replica.protected,
            vm_name: target.vm_name,
            replica_vm: target.replica.vm,
            production_vm: new_vm
                .as_ref()
                .map_or(target.production, |spec| spec.vm.clone()),
            destination: self.destination,
            choices: SessionChoices {
                new_vm,
                storage_policy: policy.flatten(),
                policy_before: target.policy_before,
                proxies: match &self.body.proxies {
                    pick if pick.by_hand => ProxyChoice::Listed(pick.listed.clone()),
                    _ => ProxyChoice::Automatic,
                },
            },
            machine: machine.to_record(),
            limit: None,
            started_by: self.actor.clone(),
            reason: self.body.reason.clone(),
            started_at: now,
            layout: target.pairs,
            plan: Some(report),
            id,
        })
    }
}

/// The checked VMs in the order in which their sessions run.
pub(super) fn in_order(mut checked: Vec<Checked>, body: &DraftBody) -> Vec<Checked> {
    let order = several::ordered(body);
    let places: HashMap<_, usize> = order.iter().zip(0..).collect();
    checked.sort_by_cached_key(|it| places.get(&it.view.replica).copied());
    checked
}

fn nothing_blocks(checked: &[Checked]) -> Result<(), ApiError> {
    let first = checked
        .iter()
        .find_map(|it| Some((&it.view.name, it.view.blocked().next()?)));
    match first {
        None => Ok(()),
        Some((name, why)) => Err(conflict(
            format!("{name} cannot be failed back. {why}"),
            "Or go back to Replica and leave this VM out.",
        )),
    }
}

fn all_drift_seen(checked: &[Checked], body: &DraftBody) -> Result<(), ApiError> {
    let missing: Vec<String> = checked
        .iter()
        .flat_map(|it| unseen(it, body).map(|item| format!("{} of {}", item, it.view.name)))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(invalid(
        "drift_seen",
        format!("Not sent, and not ticked yet: {}.", missing.join(", ")),
        "Tick each of them to say that you have seen it.",
    ))
}

/// The drift of a VM that was not ticked.
pub(super) fn unseen<'a>(
    checked: &'a Checked,
    body: &'a DraftBody,
) -> impl Iterator<Item = &'a str> {
    checked
        .view
        .drift
        .iter()
        .filter(|drift| {
            let ticked = format!("{}/{}", checked.view.replica, drift.item);
            !body.drift_seen.contains(&ticked)
        })
        .map(|drift| drift.item.as_str())
}

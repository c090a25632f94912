//! The steps' choices. A choice that lacks something is kept, and what it lacks is said; a choice
//! that cannot be is refused and changes nothing.

use std::collections::BTreeSet;

use model::{
    Actor, ApiError, Destination, DraftId, PolicyChoice, ReplicaId, Trouble,
    view::{AfterInput, ModeInput, SeveralInput, WizardStep},
};

use super::{destinations, several};
use crate::{
    Service,
    actor::authorise,
    after, mode,
    preflight::policy,
    refusal::{conflict, invalid, not_found},
};

const REASON_CHARACTERS: usize = 2_000;

/// What was ticked on a page of replicas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ticks {
    /// The rows that were shown.
    pub shown: Vec<ReplicaId>,
    /// Those of them that are ticked.
    pub ticked: Vec<ReplicaId>,
    /// What is asked beyond the page.
    pub also: Also,
}

/// What is asked of all pages together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Also {
    /// Nothing.
    #[default]
    Nothing,
    /// All that a filter lets through and that can be chosen are chosen.
    AllOf(String),
    /// None that a filter lets through is chosen.
    NoneOf(String),
}

impl Service {
    /// Step Replica.
    ///
    /// # Errors
    /// When none is chosen, or one is not there or cannot be failed back now.
    pub async fn draft_set_replicas(
        &self,
        actor: &Actor,
        id: &DraftId,
        replicas: Vec<ReplicaId>,
    ) -> Result<(), ApiError> {
        authorise(actor)?;
        let chosen = self.choosable(replicas).await?;
        self.edit(id, |body| body.chosen.clone_from(&chosen))
            .await?;
        some_chosen(&chosen)
    }

    /// Step Replica, a page of it: what is ticked of the rows that were shown, with or without all that
    /// a filter lets through. What is chosen on other pages stays.
    ///
    /// # Errors
    /// When a ticked one is not there or cannot be failed back now; then nothing changes. When none is
    /// chosen in the end; that is kept.
    pub async fn draft_tick_replicas(
        &self,
        actor: &Actor,
        id: &DraftId,
        ticks: &Ticks,
    ) -> Result<(), ApiError> {
        authorise(actor)?;
        let ticked = self.choosable(ticks.ticked.clone()).await?;
        let estate = self.estate().await?;
        let shown: BTreeSet<&ReplicaId> = ticks.shown.iter().collect();
        let (also, but): (Vec<&ReplicaId>, BTreeSet<&ReplicaId>) = match &ticks.also {
            Also::Nothing => (Vec::new(), BTreeSet::new()),
            Also::AllOf(filter) => (estate.choosable(filter).collect(), BTreeSet::new()),
            Also::NoneOf(filter) => {
                let matching = estate.replicas_matching(filter).into_iter();
                (Vec::new(), matching.map(|replica| &replica.id).collect())
            }
        };
        self.edit(id, |body| {
            let mut chosen = std::mem::take(&mut body.chosen);
            // Those that stay ticked keep their place.
            let wanted: BTreeSet<&ReplicaId> = ticked.iter().collect();
            chosen.retain(|id| !shown.contains(id) || wanted.contains(id));
            let mut known: BTreeSet<ReplicaId> = chosen.iter().cloned().collect();
            for id in ticked.iter().chain(also.iter().copied()) {
                if known.insert(id.clone()) {
                    chosen.push(id.clone());
                }
            }
            chosen.retain(|id| !but.contains(id));
            body.chosen = chosen;
        })
        .await?;
        some_chosen(&self.draft(id).await?.body.chosen)
    }

    /// Step Destination.
    ///
    /// # Errors
    /// When none is chosen, or it cannot be chosen in this version.
    pub async fn draft_set_destination(
        &self,
        actor: &Actor,
        id: &DraftId,
        destination: Option<Destination>,
    ) -> Result<(), ApiError> {
        authorise(actor)?;
        let estate = self.estate().await?;
        if let Some(why_not) = destination.and_then(|it| destinations::why_not(&estate, it)) {
            return Err(invalid(
                "destination",
                why_not,
                "Choose another destination.",
            ));
        }
        self.edit(id, |body| body.destination = destination).await?;
        destination_chosen(destination).map(|_| ())
    }

    /// Step Destination: whether quick rollback is wished, and what happened at production. Where
    /// it cannot work, the whole disks are compared, and Summary says so.
    ///
    /// # Errors
    /// When there is no such draft.
    pub async fn draft_set_quick(
        &self,
        actor: &Actor,
        id: &DraftId,
        quick: bool,
        trouble: Trouble,
    ) -> Result<(), ApiError> {
        authorise(actor)?;
        self.edit(id, |body| {
            body.quick = quick;
            body.trouble = trouble;
        })
        .await
    }

    /// The steps of a draft, in order.
    ///
    /// # Errors
    /// When there is no such draft.
    pub async fn draft_steps(&self, id: &DraftId) -> Result<Vec<WizardStep>, ApiError> {
        let body = self.draft(id).await?.body;
        let asked = !policy::rows(&self.estate().await?, &body).is_empty();
        Ok(WizardStep::listed(body.destination, asked))
    }

    /// Step Storage policy.
    ///
    /// # Errors
    /// When a choice cannot be made; then nothing changes. When a VM has none yet; that is kept.
    pub async fn draft_set_policies(
        &self,
        actor: &Actor,
        id: &DraftId,
        choices: Vec<(ReplicaId, Option<PolicyChoice>)>,
    ) -> Result<(), ApiError> {
        authorise(actor)?;
        let body = self.draft(id).await?.body;
        let estate = self.estate().await?;
        let rows = policy::rows(&estate, &body);
        for (replica, choice) in &choices {
            let Some(row) = rows.iter().find(|row| row.replica == *replica) else {
                return Err(not_found(
                    format!("The storage policy of {replica} is no question."),
                    "Load this step again.",
                ));
            };
            let mut options = row.options.iter();
            let chosen = options.find(|option| Some(option.choice) == *choice);
            if let Some(why) = chosen.and_then(|option| option.why_not.as_ref()) {
                let refused = conflict(why.clone(), "Choose another policy.");
                return Err(refused.on_field(policy_field(replica)));
            }
        }
        self.edit(id, |body| {
            for (replica, choice) in &choices {
                match choice {
                    Some(choice) => body.policies.insert(replica.clone(), *choice),
                    None => body.policies.remove(replica),
                };
            }
        })
        .await?;
        let body = self.draft(id).await?.body;
        let rows = policy::rows(&estate, &body);
        match rows.iter().find(|row| row.chosen.is_none()) {
            None => Ok(()),
            Some(row) => Err(invalid(
                &policy_field(&row.replica),
                format!("No storage policy is chosen for {}.", row.name),
                "Choose Current, Default or Stored.",
            )),
        }
    }

    /// Step Failback mode: when the switchover follows, with passes until then and a timer after it,
    /// and for several VMs their order, how many run at once, and modes of their own.
    ///
    /// # Errors
    /// When one of them cannot be; then all stay as they were.
    pub async fn draft_set_mode(
        &self,
        actor: &Actor,
        id: &DraftId,
        input: ModeInput,
        after: AfterInput,
        rows: SeveralInput,
    ) -> Result<(), ApiError> {
        authorise(actor)?;
        let mode = mode::parse(&input, self.now())?;
        after::check(&after, &mode)?;
        let now = self.now();
        self.try_edit(id, |body| {
            // Of the draft as it is now: another page of it may have been saved meanwhile.
            body.several = several::check(&rows, body, &input, now)?;
            body.mode_input.clone_from(&input);
            body.mode = Some(mode.clone());
            body.after_input.clone_from(&after);
            Ok(())
        })
        .await
    }

    /// Step Summary. What of it is missing is said by Finish. What was ticked of VMs that are not among
    /// `shown` stays; none there means that all were shown.
    ///
    /// # Errors
    /// When the reason is too long.
    pub async fn draft_set_summary(
        &self,
        actor: &Actor,
        id: &DraftId,
        power_on: bool,
        reason: String,
        drift_seen: Vec<String>,
        shown: &[ReplicaId],
    ) -> Result<(), ApiError> {
        authorise(actor)?;
        let reason = reason.trim().to_owned();
        if reason.chars().count() > REASON_CHARACTERS {
            return Err(invalid(
                "reason",
                format!("The reason is longer than {REASON_CHARACTERS} characters."),
                "Shorten it.",
            ));
        }
        let elsewhere = |ticked: &&String| {
            let is_of = |replica: &ReplicaId| {
                let item = ticked.strip_prefix(replica.as_str());
                item.is_some_and(|item| item.starts_with('/'))
            };
            !shown.is_empty() && !shown.iter().any(is_of)
        };
        self.edit(id, |body| {
            let kept = body.drift_seen.iter().filter(elsewhere);
            let seen: BTreeSet<String> = kept.chain(&drift_seen).cloned().collect();
            body.power_on = power_on;
            body.reason.clone_from(&reason);
            body.drift_seen = seen.into_iter().collect();
        })
        .await
    }

    /// Replicas that are all there and can be failed back now, each once.
    pub(super) async fn choosable(
        &self,
        replicas: Vec<ReplicaId>,
    ) -> Result<Vec<ReplicaId>, ApiError> {
        if replicas.is_empty() {
            return Ok(replicas);
        }
        let estate = self.estate().await?;
        let mut chosen = Vec::new();
        let mut taken = BTreeSet::new();
        for id in replicas {
            let Some(replica) = estate.replica(&id) else {
                return Err(not_found(
                    format!("There is no replica {id}."),
                    "Load the list again and choose from it.",
                )
                .on_field("replicas"));
            };
            let at_work = estate.session_on(&id).is_some();
            let operations = failback::replica_operations(replica.state, at_work);
            if let Some(why_not) = operations.iter().find_map(|it| it.why_not.as_ref()) {
                let name = estate.vm_name(&replica.vm);
                return Err(conflict(
                    format!("{name} cannot be failed back now. {why_not}"),
                    "Choose replicas in Failover.",
                )
                .on_field("replicas"));
            }
            if taken.insert(id.clone()) {
                chosen.push(id);
            }
        }
        Ok(chosen)
    }
}

/// The field of a replica's policy.
fn policy_field(replica: &ReplicaId) -> String {
    format!("policy-{replica}")
}

/// Refuses to go on without a replica.
pub(super) fn some_chosen(chosen: &[ReplicaId]) -> Result<(), ApiError> {
    if chosen.is_empty() {
        return Err(invalid(
            "replicas",
            "No replica is chosen.",
            "Choose at least one replica in Failover.",
        ));
    }
    Ok(())
}

/// Refuses to go on without a destination.
pub(super) fn destination_chosen(
    destination: Option<Destination>,
) -> Result<Destination, ApiError> {
    destination.ok_or_else(|| {
        invalid(
            "destination",
            "No destination is chosen.",
            "Choose where the replicas return to.",
        )
    })
}

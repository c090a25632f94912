//! A dry run: a full difference of the chosen VMs with nothing written, made by the engine.

use model::{Actor, ApiError, ByteCount, Destination, DraftId, view::DryRunView};
use store::{IntentKind, PlannedVm, PlannedWork};

use super::choose::{destination_chosen, some_chosen};
use crate::{
    Service,
    actor::authorise,
    preflight::{self, Checked},
    refusal::{conflict, failed},
};

impl Service {
    /// Asks for a dry run of a draft.
    ///
    /// # Errors
    /// When there is no such draft, it was finished, a choice is missing, or one runs already.
    pub async fn dry_run(&self, actor: &Actor, id: &DraftId) -> Result<(), ApiError> {
        authorise(actor)?;
        let draft = self.open_draft(id).await?;
        some_chosen(&draft.body.chosen)?;
        let destination = destination_chosen(draft.body.destination)?;
        if self.dry_run_is_open(id).await? {
            return Err(conflict(
                "A dry run of this failback is at work already.",
                "Wait for its result.",
            ));
        }
        let asked = DryRunView {
            asked_at: self.now(),
            done_at: None,
            progress: (ByteCount::ZERO, ByteCount::ZERO),
            vms: Vec::new(),
        };
        self.store().dry_run_put(id, &asked).await.map_err(failed)?;
        let audit = format!("Asked for a dry run of draft {id}.");
        let estate = self.estate().await?;
        let checked = preflight::check(&estate, &draft.body);
        let vms = checked.into_iter().map(|it| planned(it, destination));
        let kind = IntentKind::DryRun {
            draft: id.clone(),
            vms: vms.collect(),
        };
        self.intend(actor, None, kind, &audit).await?;
        Ok(())
    }

    /// The newest dry run of a draft, as far as it is right now.
    pub(super) async fn dry_run_view(&self, id: &DraftId) -> Result<Option<DryRunView>, ApiError> {
        let view = self.store().dry_run_fetch(id).await.map_err(failed)?;
        Ok(view.map(|mut view| {
            if view.done_at.is_none()
                && let Some(live) = self.wired.live.dry_run(id)
            {
                view.progress = (live.to_scan, live.scanned);
            }
            view
        }))
    }

    async fn dry_run_is_open(&self, id: &DraftId) -> Result<bool, ApiError> {
        let open = self.store().intent_list_open().await.map_err(failed)?;
        Ok(open
            .iter()
            .any(|intent| matches!(&intent.kind, IntentKind::DryRun { draft, .. } if draft == id)))
    }
}

/// What a dry run compares of a checked VM: what a session of it would.
fn planned(checked: Checked, destination: Destination) -> PlannedVm {
    let nothing = |why: &str| PlannedWork::Nothing {
        why: why.to_owned(),
    };
    let blocked = checked.view.blocked().next().unwrap_or_default().to_owned();
    let work = match (destination, checked.target) {
        (Destination::SpecifiedLocation, Some(target)) if target.seeded().is_some() => {
            PlannedWork::Compare {
                source: target.replica.vm.clone(),
                target: target.compared().clone(),
                pairs: target.seed_pairs(),
            }
        }
        (Destination::SpecifiedLocation, _) => nothing(
            "A VM that is made anew has nothing to compare with: all of the replica's data is \
             sent, without holes and zeroes.",
        ),
        (Destination::OriginalVm | Destination::RecoveredVm, Some(target))
            if !target.pairs.is_empty() =>
        {
            PlannedWork::Compare {
                source: target.replica.vm,
                target: target.production,
                pairs: target.pairs,
            }
        }
        (Destination::OriginalVm | Destination::RecoveredVm, _) => nothing(&blocked),
    };
    PlannedVm {
        replica: checked.view.replica,
        name: checked.view.name,
        work,
    }
}

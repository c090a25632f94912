//! The wizard: a draft in the store, changed step by step, then finished once.

mod choose;
mod destinations;
mod dry_run;
mod finish;
mod page;
mod place;
mod report;
mod several;
mod targets;
mod view;

pub use choose::{Also, Ticks};

use model::{Actor, ApiError, DraftId, ReplicaId};
use store::{DraftBody, DraftRow, fresh_id};

use crate::{
    Service,
    actor::authorise,
    refusal::{conflict, failed, not_found},
};

/// Times that an edit starts over when somebody else saved in between.
const TRIES: u32 = 5;

impl Service {
    /// Begins a draft with replicas that are chosen already.
    ///
    /// # Errors
    /// When one of them is not there or cannot be failed back now.
    pub async fn draft_create(
        &self,
        actor: &Actor,
        preselect: Vec<ReplicaId>,
    ) -> Result<DraftId, ApiError> {
        authorise(actor)?;
        let body = DraftBody {
            chosen: self.choosable(preselect).await?,
            power_on: true,
            ..DraftBody::default()
        };
        let id = DraftId::new(fresh_id());
        self.store()
            .draft_insert(&id, &body, actor, self.now())
            .await
            .map_err(failed)?;
        Ok(id)
    }

    /// Throws a draft away.
    ///
    /// # Errors
    /// When there is no such draft, or it was finished.
    pub async fn draft_discard(&self, actor: &Actor, id: &DraftId) -> Result<(), ApiError> {
        authorise(actor)?;
        self.open_draft(id).await?;
        self.store().draft_delete(id).await.map_err(failed)
    }

    pub(crate) async fn draft(&self, id: &DraftId) -> Result<DraftRow, ApiError> {
        let row = self.store().draft_fetch(id).await.map_err(failed)?;
        row.ok_or_else(|| {
            not_found(
                format!("There is no draft {id}."),
                "Begin a failback from the start page.",
            )
        })
    }

    /// A draft that was not finished yet.
    async fn open_draft(&self, id: &DraftId) -> Result<DraftRow, ApiError> {
        let draft = self.draft(id).await?;
        let batch = self.store().batch_for_draft(id).await.map_err(failed)?;
        if batch.is_some() {
            return Err(conflict(
                "This failback was started already.",
                "Look at its sessions, or begin another one from the start page.",
            ));
        }
        Ok(draft)
    }

    /// Changes a draft. An edit concerns one step only, so that it may be made again over what
    /// somebody else saved in between.
    pub(crate) async fn edit(
        &self,
        id: &DraftId,
        change: impl Fn(&mut DraftBody),
    ) -> Result<(), ApiError> {
        self.try_edit(id, |body| {
            change(body);
            Ok(())
        })
        .await
    }

    /// The same with a change that may be refused by what the draft is by then.
    pub(crate) async fn try_edit(
        &self,
        id: &DraftId,
        change: impl Fn(&mut DraftBody) -> Result<(), ApiError>,
    ) -> Result<(), ApiError> {
        let mut tries = 0;
        loop {
            let row = self.open_draft(id).await?;
            let mut body = row.body.clone();
            change(&mut body)?;
            if body == row.body {
                return Ok(());
            }
            let measured_other_disks = body.chosen != row.body.chosen
                || body.destination != row.body.destination
                || body.targets != row.body.targets;
            let saved = self
                .store()
                .draft_save(id, &body, row.version, self.now())
                .await;
            match saved {
                Ok(_) if measured_other_disks => {
                    return self.store().dry_run_delete(id).await.map_err(failed);
                }
                Ok(_) => return Ok(()),
                Err(error) if error.is_conflict() && tries < TRIES => tries += 1,
                Err(error) => return Err(failed(error)),
            }
        }
    }
}

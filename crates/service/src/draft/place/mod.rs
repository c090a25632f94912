//! The steps of a specified location: each changes the rows that are ticked, and Next takes what
//! is proposed for the others.

mod host;
mod values;

use model::{
    Actor, ApiError, DraftId, ReplicaId,
    view::{DatastoreInput, HostInput, RowsInput, WizardStep},
};
use store::DraftBody;

use crate::{
    Service,
    actor::authorise,
    estate::Estate,
    placement::{self, Change, Finding, Placed, Plan, Row, select},
    refusal::conflict,
};
use host::{hosts, names, no_clash};
use values::{
    datastore_of, disk_type_of, folder_of, mac_of, network_of, pool_of, seed_of, tags_of,
};

type Changes = Vec<(ReplicaId, Change)>;

impl Service {
    /// Step Host: the host or cluster of the rows that are ticked, and the names of all.
    ///
    /// # Errors
    /// When the host is not there, or a name cannot be or is taken; then nothing changes.
    pub async fn draft_set_host(
        &self,
        actor: &Actor,
        id: &DraftId,
        input: HostInput,
    ) -> Result<(), ApiError> {
        self.change(actor, id, |estate, body, plan| {
            let mut changes = hosts(plan, &input)?;
            changes.extend(names(plan, &input.names)?);
            no_clash(estate, body, &changes)?;
            Ok(changes)
        })
        .await
    }

    /// Step Resource pool. Nothing chosen changes nothing.
    ///
    /// # Errors
    /// When the pool is not one of a row's host; then nothing changes.
    pub async fn draft_set_pool(
        &self,
        actor: &Actor,
        id: &DraftId,
        rows: RowsInput,
        pool: String,
    ) -> Result<(), ApiError> {
        let step = WizardStep::ResourcePool;
        self.change(actor, id, |_, _, plan| {
            of_rows(plan, step, &rows, "pool", &pool, pool_of)
        })
        .await
    }

    /// Step Datastore: where the ticked files lie, how the disks among them take their space, and
    /// what they begin with: `nothing`, or a copy of the `original`'s. Nothing chosen changes nothing.
    ///
    /// # Errors
    /// When the datastore is not reached from a row's host, the disk type cannot be chosen, or the
    /// original has no such disk there; then nothing changes.
    pub async fn draft_set_datastore(
        &self,
        actor: &Actor,
        id: &DraftId,
        rows: RowsInput,
        input: DatastoreInput,
    ) -> Result<(), ApiError> {
        let step = WizardStep::Datastore;
        self.change(actor, id, |_, _, plan| {
            let parts: [(_, _, Of); 3] = [
                ("datastore", &input.datastore, datastore_of),
                ("disk_type", &input.disk_type, disk_type_of),
                ("seed", &input.seed, seed_of),
            ];
            let mut changes = Changes::new();
            for (field, text, of) in parts {
                changes.extend(of_rows(plan, step, &rows, field, text, of)?);
            }
            Ok(changes)
        })
        .await
    }

    /// Step Folder: the folder, and whether tags come along: `yes` or `no`. Nothing chosen changes
    /// nothing.
    ///
    /// # Errors
    /// When the folder is not there, or a row's host has none; then nothing changes.
    pub async fn draft_set_folder(
        &self,
        actor: &Actor,
        id: &DraftId,
        rows: RowsInput,
        folder: String,
        tags: String,
    ) -> Result<(), ApiError> {
        let step = WizardStep::Folder;
        self.change(actor, id, |_, _, plan| {
            let mut changes = of_rows(plan, step, &rows, "folder", &folder, folder_of)?;
            changes.extend(of_rows(plan, step, &rows, "tags", &tags, tags_of)?);
            Ok(changes)
        })
        .await
    }

    /// Step Network: what the ticked adapters are attached to, and whether they keep their hardware
    /// addresses: `keep` or `renew`. Nothing chosen changes nothing.
    ///
    /// # Errors
    /// When the network is not reached from a row's host; then nothing changes.
    pub async fn draft_set_network(
        &self,
        actor: &Actor,
        id: &DraftId,
        rows: RowsInput,
        network: String,
        mac: String,
    ) -> Result<(), ApiError> {
        let step = WizardStep::Network;
        self.change(actor, id, |_, _, plan| {
            let mut changes = of_rows(plan, step, &rows, "network", &network, network_of)?;
            changes.extend(of_rows(plan, step, &rows, "mac", &mac, mac_of)?);
            Ok(changes)
        })
        .await
    }

    /// Takes what is proposed on a step for the rows of which nothing was chosen.
    ///
    /// # Errors
    /// When something stands against a row's choice; what is proposed is taken all the same.
    pub async fn draft_accept_place(
        &self,
        actor: &Actor,
        id: &DraftId,
        step: WizardStep,
    ) -> Result<(), ApiError> {
        self.change(actor, id, |_, _, plan| {
            let vms = plan.vms.iter();
            Ok(vms
                .flat_map(|vm| {
                    let changes = placement::proposed(vm, step).into_iter();
                    changes.map(|change| (vm.subject.replica.clone(), change))
                })
                .collect())
        })
        .await?;
        let (estate, draft) = (self.estate().await?, self.draft(id).await?);
        let plan = placement::anyway(&estate, &draft.body);
        let blocking = plan.vms.iter().find_map(|vm| {
            let finding = vm.blocking(step).next()?;
            Some(refused(vm, finding))
        });
        blocking.map_or(Ok(()), Err)
    }

    async fn change(
        &self,
        actor: &Actor,
        id: &DraftId,
        decide: impl FnOnce(&Estate, &DraftBody, &Plan<'_>) -> Result<Changes, ApiError>,
    ) -> Result<(), ApiError> {
        authorise(actor)?;
        let draft = self.open_draft(id).await?;
        let estate = self.estate().await?;
        let changes = decide(
            &estate,
            &draft.body,
            &placement::anyway(&estate, &draft.body),
        )?;
        self.edit(id, |body| apply(body, &changes)).await
    }
}

fn apply(body: &mut DraftBody, changes: &Changes) {
    for (replica, change) in changes {
        change.apply(body.placements.entry(replica.clone()).or_default());
    }
}

/// From a VM, its ticked lines and what was sent to changes; refusals get their field elsewhere.
type Of = fn(&Placed<'_>, &[Row], &str) -> Result<Vec<Change>, ApiError>;

fn of_rows(
    plan: &Plan<'_>,
    step: WizardStep,
    rows: &RowsInput,
    field: &'static str,
    text: &str,
    of: Of,
) -> Result<Changes, ApiError> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let mut changes = Vec::new();
    for (vm, rows) in select(plan, step, rows)? {
        let of_vm = of(vm, &rows, text).map_err(|error| error.on_field(field))?;
        let of_vm = of_vm.into_iter();
        changes.extend(of_vm.map(|change| (vm.subject.replica.clone(), change)));
    }
    Ok(changes)
}

/// A finding as the refusal of Next, at the line that has it.
fn refused(vm: &Placed<'_>, finding: &Finding) -> ApiError {
    let problem = &finding.problem;
    let field = if problem.is_of_name() {
        format!("name-{}", vm.subject.replica)
    } else {
        format!("place-{}", finding.row.key(vm.subject.replica))
    };
    conflict(
        format!("{}: {}", vm.subject.source.name, problem.what()),
        problem.next_step(),
    )
    .on_field(&field)
}

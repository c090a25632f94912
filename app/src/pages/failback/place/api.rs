//! Server functions of the steps Host to Network: one per step's form.
//!
//! A list's choice goes to the rows that are ticked, whichever button sends it forward; Next then
//! takes what is proposed for the others.

#![expect(
    missing_docs,
    reason = "the macro makes structs of the arguments, which the functions' own documents describe"
)]

use leptos::prelude::*;
use model::{DraftId, ReplicaId};

use super::super::api::Press;
use crate::error::{Answer, Json};

/// Step Host: `vms` and `names` are in the same order.
#[server(endpoint = "console/draft/host", output = Json)]
pub async fn save_host(
    id: DraftId,
    #[server(default)] rows: Vec<String>,
    #[server(default)] all: bool,
    #[server(default)] compute: String,
    #[server(default)] vms: Vec<ReplicaId>,
    #[server(default)] names: Vec<String>,
    #[server(default)] press: Press,
) -> Answer<()> {
    on_server::host(id, (all, rows), compute, vms.into_iter().zip(names), press).await
}

/// Step Resource pool.
#[server(endpoint = "console/draft/pool", output = Json)]
pub async fn save_pool(
    id: DraftId,
    #[server(default)] rows: Vec<String>,
    #[server(default)] all: bool,
    #[server(default)] pool: String,
    #[server(default)] press: Press,
) -> Answer<()> {
    on_server::pool(id, (all, rows), pool, press).await
}

/// Step Datastore.
#[server(endpoint = "console/draft/datastore", output = Json)]
pub async fn save_datastore(
    id: DraftId,
    #[server(default)] rows: Vec<String>,
    #[server(default)] all: bool,
    #[server(default)] datastore: String,
    #[server(default)] disk_type: String,
    #[server(default)] seed: String,
    #[server(default)] press: Press,
) -> Answer<()> {
    on_server::datastore(id, (all, rows), [datastore, disk_type, seed], press).await
}

/// Step Folder.
#[server(endpoint = "console/draft/folder", output = Json)]
pub async fn save_folder(
    id: DraftId,
    #[server(default)] rows: Vec<String>,
    #[server(default)] all: bool,
    #[server(default)] folder: String,
    #[server(default)] tags: String,
    #[server(default)] press: Press,
) -> Answer<()> {
    on_server::folder(id, (all, rows), folder, tags, press).await
}

/// Step Network.
#[server(endpoint = "console/draft/network", output = Json)]
pub async fn save_network(
    id: DraftId,
    #[server(default)] rows: Vec<String>,
    #[server(default)] all: bool,
    #[server(default)] network: String,
    #[server(default)] mac: String,
    #[server(default)] press: Press,
) -> Answer<()> {
    on_server::network(id, (all, rows), network, mac, press).await
}

#[cfg(feature = "ssr")]
mod on_server {
    use model::{
        ApiError, DraftId, ErrorKind, ReplicaId,
        view::{DatastoreInput, HostInput, RowsInput, WizardStep},
    };

    use super::super::super::api::{Press, on_server::leave};
    use crate::{api::caller, error::Answer};

    /// Whether all rows are meant, and those that are ticked.
    type Rows = (bool, Vec<String>);

    fn rows_input((all, ticked): Rows) -> RowsInput {
        RowsInput { all, ticked }
    }

    pub(super) async fn host(
        id: DraftId,
        rows: Rows,
        compute: String,
        names: impl Iterator<Item = (ReplicaId, String)>,
        press: Press,
    ) -> Answer<()> {
        let (service, actor) = caller();
        let step = WizardStep::Host;
        let input = HostInput {
            rows: rows_input(rows),
            compute,
            names: names.collect(),
        };
        let saved = service.draft_set_host(&actor, &id, input).await;
        go(id, step, press, saved).await
    }

    pub(super) async fn pool(id: DraftId, rows: Rows, pool: String, press: Press) -> Answer<()> {
        let (service, actor) = caller();
        let step = WizardStep::ResourcePool;
        let saved = match something("pool", &[&pool], press) {
            Ok(()) => {
                service
                    .draft_set_pool(&actor, &id, rows_input(rows), pool)
                    .await
            }
            nothing => nothing,
        };
        go(id, step, press, saved).await
    }

    pub(super) async fn datastore(
        id: DraftId,
        rows: Rows,
        [datastore, disk_type, seed]: [String; 3],
        press: Press,
    ) -> Answer<()> {
        let (service, actor) = caller();
        let step = WizardStep::Datastore;
        let input = DatastoreInput {
            datastore,
            disk_type,
            seed,
        };
        let sent = [&*input.datastore, &input.disk_type, &input.seed];
        let saved = match something("datastore", &sent, press) {
            Ok(()) => {
                let rows = rows_input(rows);
                service.draft_set_datastore(&actor, &id, rows, input).await
            }
            nothing => nothing,
        };
        go(id, step, press, saved).await
    }

    pub(super) async fn folder(
        id: DraftId,
        rows: Rows,
        folder: String,
        tags: String,
        press: Press,
    ) -> Answer<()> {
        let (service, actor) = caller();
        let step = WizardStep::Folder;
        let saved = match something("folder", &[&folder, &tags], press) {
            Ok(()) => {
                let rows = rows_input(rows);
                service
                    .draft_set_folder(&actor, &id, rows, folder, tags)
                    .await
            }
            nothing => nothing,
        };
        go(id, step, press, saved).await
    }

    pub(super) async fn network(
        id: DraftId,
        rows: Rows,
        network: String,
        mac: String,
        press: Press,
    ) -> Answer<()> {
        let (service, actor) = caller();
        let step = WizardStep::Network;
        let saved = match something("network", &[&network, &mac], press) {
            Ok(()) => {
                service
                    .draft_set_network(&actor, &id, rows_input(rows), network, mac)
                    .await
            }
            nothing => nothing,
        };
        go(id, step, press, saved).await
    }

    /// Refuses to change rows to nothing.
    fn something(field: &str, chosen: &[&str], press: Press) -> Result<(), ApiError> {
        if matches!(press, Press::Apply(_)) && chosen.iter().all(|it| it.is_empty()) {
            return Err(ApiError::new(
                ErrorKind::Invalid,
                "Nothing is chosen for the rows.",
                "Choose from a list above the table, then press again.",
            )
            .on_field(field));
        }
        Ok(())
    }

    /// What is refused is said at once; on the way forward what is proposed is taken.
    async fn go(
        id: DraftId,
        step: WizardStep,
        press: Press,
        saved: Result<(), ApiError>,
    ) -> Answer<()> {
        let (service, actor) = caller();
        let saved = match (press, saved) {
            (Press::Next, Ok(())) => service.draft_accept_place(&actor, &id, step).await,
            (_, saved) => saved,
        };
        leave(&id, step, press, saved).await
    }
}

//! Requests about the lab: make it anew, fail over again.

use model::ReplicaId;

use crate::{config::Config, inventory::Inventories};

/// Makes the lab anew, unless a session is at work in it.
pub(crate) async fn reset(config: &Config, inventories: &Inventories) -> Result<String, String> {
    let lab = config.lab.clone().ok_or_else(no_lab)?;
    let active = config
        .store
        .session_list_active()
        .await
        .map_err(|error| error.to_string())?;
    if let Some(session) = active.first() {
        return Err(format!(
            "The failback of {} is not over. Commit, undo or cancel it first.",
            session.vm_name
        ));
    }
    let done = tokio::task::spawn_blocking(move || lab.reset(lab.settings().scale)).await;
    let answer = answer(done, "The lab is as it was at the beginning.")?;
    forget_pointers(config, inventories)
        .await
        .map_err(|error| error.to_string())?;
    Ok(answer)
}

/// The original VMs are the production VMs again: what took their place is gone with the old lab.
async fn forget_pointers(
    config: &Config,
    inventories: &Inventories,
) -> Result<(), store::StoreError> {
    inventories.refresh(config).await?;
    let replicas = inventories.replicas().into_iter();
    let pointers: Vec<_> = replicas.map(|it| (it.protected, it.original)).collect();
    config.store.protected_vm_set_productions(&pointers).await
}

/// Fails a Ready replica over again.
pub(crate) async fn fail_over(config: &Config, replica: &ReplicaId) -> Result<String, String> {
    let lab = config.lab.clone().ok_or_else(no_lab)?;
    let replica = replica.clone();
    let done = tokio::task::spawn_blocking(move || lab.fail_over(&replica)).await;
    answer(done, "The replica runs in place of the production VM.")
}

fn no_lab() -> String {
    "This console has no lab.".to_owned()
}

fn answer(
    done: Result<Result<(), hypervisor::PlatformError>, tokio::task::JoinError>,
    words: &str,
) -> Result<String, String> {
    match done {
        Ok(Ok(())) => Ok(words.to_owned()),
        Ok(Err(error)) => Err(crate::failure::EffectError::from(error).sentence()),
        Err(error) => Err(error.to_string()),
    }
}

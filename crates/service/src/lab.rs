//! The lab's own page: reset it, and fail a replica over again.

use model::{Actor, ApiError, ReplicaId, ReplicaState, view::LabView};
use store::{IntentKind, IntentRow};

use crate::{
    Service,
    actor::authorise,
    estate::Estate,
    lists::first,
    refusal::{conflict, failed, not_found},
    start::counted,
};

/// Intents that are looked at for the newest result.
const RECENT: u32 = 20;
/// Replicas that can be failed over again and are listed.
const LISTED: usize = 100;
const PLATFORM: &str = "lab";

impl Service {
    /// The lab's page.
    ///
    /// # Errors
    /// When there is no lab.
    pub async fn lab_view(&self) -> Result<LabView, ApiError> {
        let directory = self.lab_directory()?.to_owned();
        let estate = self.estate().await?;
        let recent = self.lab_intents().await?;
        let can_fail_over = estate
            .replicas()
            .filter(|replica| fail_over_why_not(&estate, &recent, &replica.id).is_none());
        let (can_fail_over, more) = first(can_fail_over, LISTED);
        Ok(LabView {
            directory,
            resetting: recent.iter().any(is_reset_at_work),
            last_result: recent.iter().find_map(result_words),
            reset_why_not: reset_why_not(&estate, &recent),
            can_fail_over: can_fail_over
                .into_iter()
                .map(|replica| (replica.id.clone(), estate.vm_name(&replica.vm)))
                .collect(),
            more,
        })
    }

    /// Asks for the lab to be made anew.
    ///
    /// # Errors
    /// When there is no lab, a session is at work, or a reset is.
    pub async fn lab_reset(&self, actor: &Actor) -> Result<(), ApiError> {
        authorise(actor)?;
        self.lab_directory()?;
        let estate = self.estate().await?;
        if let Some(why_not) = reset_why_not(&estate, &self.lab_intents().await?) {
            return Err(conflict(why_not, "Then reset the lab."));
        }
        let audit = "Asked to reset the lab.";
        self.intend(actor, None, IntentKind::LabReset, audit)
            .await?;
        Ok(())
    }

    /// Asks for a replica of the lab to be failed over again.
    ///
    /// # Errors
    /// When there is no lab or no such replica, or it is not in Ready.
    pub async fn lab_fail_over(&self, actor: &Actor, replica: &ReplicaId) -> Result<(), ApiError> {
        authorise(actor)?;
        self.lab_directory()?;
        let estate = self.estate().await?;
        if let Some(refusal) = fail_over_why_not(&estate, &self.lab_intents().await?, replica) {
            return Err(refusal);
        }
        let audit = format!("Asked to fail over replica {replica} in the lab.");
        let replica = replica.clone();
        let kind = IntentKind::LabFailOver { replica };
        let intent = self.intend(actor, None, kind, &audit).await?;
        self.answered(&intent).await
    }

    fn lab_directory(&self) -> Result<&str, ApiError> {
        self.wired.lab_directory.as_deref().ok_or_else(|| {
            not_found(
                "This console has no lab.",
                "Start it on an empty data directory to get one.",
            )
        })
    }

    async fn lab_intents(&self) -> Result<Vec<IntentRow>, ApiError> {
        self.store().intent_list_lab(RECENT).await.map_err(failed)
    }
}

fn is_reset_at_work(intent: &IntentRow) -> bool {
    intent.kind == IntentKind::LabReset && intent.done_at.is_none()
}

fn reset_why_not(estate: &Estate, recent: &[IntentRow]) -> Option<String> {
    if recent.iter().any(is_reset_at_work) {
        return Some("A reset is at work already. Wait until it is done.".to_owned());
    }
    let running = estate.running().len();
    (running > 0).then(|| {
        format!(
            "{} of the lab's VMs. Commit, undo or cancel first.",
            counted(
                running,
                "session is at work on one",
                "sessions are at work on some"
            )
        )
    })
}

fn fail_over_why_not(estate: &Estate, recent: &[IntentRow], id: &ReplicaId) -> Option<ApiError> {
    let Some(replica) = estate.replica(id) else {
        return Some(not_found(
            format!("There is no replica {id}."),
            "Load the lab's page again: a reset may have made it anew.",
        ));
    };
    let name = estate.vm_name(&replica.vm);
    let in_lab = estate
        .site(&replica.vm.site)
        .is_some_and(|(site, ..)| site.platform == PLATFORM);
    let at_work = recent.iter().any(|intent| {
        intent.done_at.is_none()
            && (is_reset_at_work(intent)
                || matches!(&intent.kind, IntentKind::LabFailOver { replica } if replica == id))
    });
    let why = if !in_lab {
        format!("{name} is not a replica of the lab.")
    } else if at_work {
        format!("The lab is already at work on {name}.")
    } else if estate.session_on(id).is_some() {
        format!("A session is at work on {name}.")
    } else if replica.state != ReplicaState::Ready {
        format!("{name} is not in Ready.")
    } else {
        return None;
    };
    Some(conflict(why, "Only replicas in Ready can be failed over."))
}

fn result_words(intent: &IntentRow) -> Option<String> {
    let result = intent.result.as_ref()?;
    let what = match &intent.kind {
        IntentKind::LabReset => "Reset",
        IntentKind::LabFailOver { .. } => "Failover",
        IntentKind::Act(_)
        | IntentKind::Start { .. }
        | IntentKind::Estate(_)
        | IntentKind::DryRun { .. } => return None,
    };
    let when = intent.done_at.unwrap_or(intent.created_at).utc_text();
    Some(match result {
        Ok(text) => format!("{what} at {when}: {text}"),
        Err(text) => format!("{what} at {when} failed: {text}"),
    })
}

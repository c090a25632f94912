//! A batch as people see it, and what they ask of several of its sessions at once.

use std::{collections::BTreeMap, iter};

use failback::Session;
use model::{
    Actor, ApiError, BatchId, Operation, SessionId,
    view::{BatchAction, BatchView, SessionSummary},
};
use store::{ActionKind, IntentId, IntentKind, NewIntent};

use crate::{
    Service,
    actor::authorise,
    refusal::{conflict, failed, invalid, not_found},
    session::Work,
    start::counted,
};

/// What can be asked of several sessions at once. The others need a choice per session.
const OPERATIONS: [Operation; 7] = [
    Operation::Retry,
    Operation::SwitchNow,
    Operation::Commit,
    Operation::Undo,
    Operation::Pause,
    Operation::Resume,
    Operation::Cancel,
];

impl Service {
    /// A batch, whole.
    ///
    /// # Errors
    /// When there is no such batch.
    pub async fn batch_view(&self, id: &BatchId) -> Result<BatchView, ApiError> {
        let works = self.batch_works(id).await?;
        let first = works.first().ok_or_else(|| no_batch(id))?;
        let estate = self.estate().await?;
        let sessions: Vec<_> = works.iter().map(|work| work.summary(&estate)).collect();
        Ok(BatchView {
            id: id.clone(),
            now: self.now(),
            headline: headline(&sessions),
            started_by: first.row.started_by.clone(),
            started_at: first.row.started_at,
            reason: first.row.reason.clone(),
            at_once: first
                .row
                .at_once
                .map_or_else(|| "all".to_owned(), |most| most.to_string()),
            actions: actions(&works),
            sessions,
        })
    }

    /// Asks the same of several sessions of a batch, all of it recorded or nothing. Those whose
    /// state no longer allows it are left as they are.
    ///
    /// # Errors
    /// When there is no such batch, the operation is none for several, or the state of none of the
    /// sessions allows it.
    pub async fn batch_act(
        &self,
        actor: &Actor,
        id: &BatchId,
        operation: Operation,
        sessions: &[SessionId],
    ) -> Result<(), ApiError> {
        authorise(actor)?;
        let action = action_of(operation)?;
        let works = self.batch_works(id).await?;
        if works.is_empty() {
            return Err(no_batch(id));
        }
        let asked: Vec<&Work> = works
            .iter()
            .filter(|work| sessions.contains(&work.row.id))
            .filter(|work| allows(&work.session, operation))
            .collect();
        if asked.is_empty() {
            return Err(conflict(
                "The state of none of these sessions allows it any more.",
                "Load the page again to see what is possible now.",
            ));
        }
        let names: Vec<_> = asked.iter().map(|work| work.row.vm_name.as_str()).collect();
        let audit = format!(
            "Batch {id}: asked {} to {}: {}.",
            counted(names.len(), "session", "sessions"),
            words(operation),
            names.join(", ")
        );
        let now = self.now();
        let intents: Vec<_> = asked
            .iter()
            .map(|work| NewIntent {
                id: IntentId::fresh(),
                session: Some(work.row.id.clone()),
                kind: IntentKind::Act(action.clone()),
                actor: actor.clone(),
                created_at: now,
            })
            .collect();
        let store = self.store();
        store
            .intent_insert_all(&intents, actor, &audit)
            .await
            .map_err(failed)?;
        self.wake();
        let last = intents.last().map(|intent| &intent.id);
        match last {
            // One that went on meanwhile and refuses is seen on the page.
            Some(last) => self.answered(last).await.or(Ok(())),
            None => Ok(()),
        }
    }

    async fn batch_works(&self, id: &BatchId) -> Result<Vec<Work>, ApiError> {
        let rows = self.store().session_list_batch(id).await.map_err(failed)?;
        rows.into_iter().map(Work::of).collect()
    }
}

fn no_batch(id: &BatchId) -> ApiError {
    not_found(
        format!("There is no batch {id}."),
        "Look for its sessions on the start page.",
    )
}

/// Whether the state offers it. A pause, which is for what moves, is not for what waits in a queue.
fn allows(session: &Session, operation: Operation) -> bool {
    let waits = operation == Operation::Pause && !session.begun;
    session.why_not(operation).is_none() && !waits
}

fn actions(works: &[Work]) -> Vec<BatchAction> {
    OPERATIONS
        .into_iter()
        .map(|operation| BatchAction {
            operation,
            consequence: consequence(operation).to_owned(),
            sessions: works
                .iter()
                .filter(|work| allows(&work.session, operation))
                .map(|work| (work.row.id.clone(), work.row.vm_name.clone()))
                .collect(),
        })
        .filter(|action| !action.sessions.is_empty())
        .collect()
}

/// What a session of a batch is at, what needs somebody first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    InNeedOfAttention,
    WaitingForYou,
    AtWork,
    InTheQueue,
    Over,
}

impl Standing {
    /// Each session stands in one place, however much is true of it.
    const fn of(session: &SessionSummary) -> Self {
        if session.outcome.is_some() {
            Self::Over
        } else if session.attention.is_some() {
            Self::InNeedOfAttention
        } else if session.queued.is_some() {
            Self::InTheQueue
        } else if session.waits_for_you {
            Self::WaitingForYou
        } else {
            Self::AtWork
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::InNeedOfAttention => "in need of attention",
            Self::WaitingForYou => "waiting for you",
            Self::AtWork => "at work",
            Self::InTheQueue => "in the queue",
            Self::Over => "over",
        }
    }
}

/// Counts of what its sessions are at, what needs somebody first.
fn headline(sessions: &[SessionSummary]) -> String {
    let mut counts: BTreeMap<Standing, usize> = BTreeMap::new();
    for session in sessions {
        *counts.entry(Standing::of(session)).or_default() += 1;
    }
    let all = counted(sessions.len(), "session", "sessions");
    let parts = counts
        .into_iter()
        .map(|(standing, count)| format!("{count} {}", standing.words()));
    iter::once(all).chain(parts).collect::<Vec<_>>().join(", ")
}

fn action_of(operation: Operation) -> Result<ActionKind, ApiError> {
    match operation {
        Operation::Retry => Ok(ActionKind::Retry),
        Operation::SwitchNow => Ok(ActionKind::SwitchNow),
        Operation::Commit => Ok(ActionKind::Commit),
        Operation::Undo => Ok(ActionKind::Undo),
        Operation::Pause => Ok(ActionKind::Pause),
        Operation::Resume => Ok(ActionKind::Resume),
        Operation::Cancel => Ok(ActionKind::Cancel),
        Operation::StartFailback
        | Operation::ChangeMode
        | Operation::CatchUp
        | Operation::SetTimer
        | Operation::SetCatchUp
        | Operation::LeaveUnreadable
        | Operation::SetLimit => Err(invalid(
            "operation",
            "This is not asked of several sessions at once.",
            "Ask it of each session on its own page.",
        )),
    }
}

const fn words(operation: Operation) -> &'static str {
    match operation {
        Operation::Retry => "retry the step",
        Operation::SwitchNow => "switch over now",
        Operation::Commit => "commit",
        Operation::Undo => "undo",
        Operation::Pause => "pause",
        Operation::Resume => "resume",
        Operation::Cancel => "cancel",
        Operation::StartFailback
        | Operation::ChangeMode
        | Operation::CatchUp
        | Operation::SetTimer
        | Operation::SetCatchUp
        | Operation::LeaveUnreadable
        | Operation::SetLimit => "change",
    }
}

const fn consequence(operation: Operation) -> &'static str {
    match operation {
        Operation::Retry => "The step that stopped is tried again in each of these sessions.",
        Operation::SwitchNow => {
            "The replicas of these VMs will be shut down. Users are disconnected until the \
             production VMs run, as each session's page says."
        }
        Operation::Commit => {
            "The production VMs are accepted for good. What undo would need goes, and undo is no \
             longer possible."
        }
        Operation::Undo => {
            "What these sessions did is taken back. Where the switchover is done, everything \
             written to the production VM since then is lost, and the replica takes over again."
        }
        Operation::Pause => {
            "Transfers stop where they are. The replicas keep serving; the production VMs stay off."
        }
        Operation::Resume => "Transfers go on where they stopped.",
        Operation::Cancel => {
            "What waits in the queue ends untouched. Where phase 1 is at work, it stops, the \
             production VM gets its content from before the failback back and stays off, and the \
             replica keeps running. A switchover or a catch-up pass at work is taken back."
        }
        Operation::StartFailback
        | Operation::ChangeMode
        | Operation::CatchUp
        | Operation::SetTimer
        | Operation::SetCatchUp
        | Operation::LeaveUnreadable
        | Operation::SetLimit => "",
    }
}

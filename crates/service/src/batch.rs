//! A batch as people see it, and what they ask of several of its sessions at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
    sync::Arc,
};

use failback::Session;
use model::{
    Actor, ApiError, BatchId, Operation, SessionId,
    view::{BatchAction, BatchView, ListQuery},
};
use store::{ActionKind, IntentId, IntentKind, NewIntent};

use crate::{
    Service,
    actor::authorise,
    estate::Estate,
    refusal::{conflict, failed, invalid, not_found},
    session::Work,
    start::counted,
};

/// VMs of an action that are named.
const NAMED: usize = 12;

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
    /// A batch, with the page of its sessions that is asked for. Of the operation that is about to be
    /// confirmed it names all sessions.
    ///
    /// # Errors
    /// When there is no such batch.
    pub async fn batch_view(
        &self,
        id: &BatchId,
        query: &ListQuery,
        confirming: Option<Operation>,
    ) -> Result<BatchView, ApiError> {
        let estate = self.estate().await?;
        let works = self.batch_works(&estate, id).await?;
        let first = works.first().ok_or_else(|| no_batch(id))?;
        let (sessions, page) = estate.session_page(works.iter().map(Arc::as_ref), query);
        Ok(BatchView {
            id: id.clone(),
            now: self.now(),
            headline: headline(&estate, &works),
            started_by: first.row.started_by.clone(),
            started_at: first.row.started_at,
            reason: first.row.reason.clone(),
            at_once: first
                .row
                .at_once
                .map_or_else(|| "all".to_owned(), |most| most.to_string()),
            actions: actions(&works, confirming),
            sessions,
            page,
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
        let works = self.batch_works(&self.estate().await?, id).await?;
        if works.is_empty() {
            return Err(no_batch(id));
        }
        let wanted: BTreeSet<&SessionId> = sessions.iter().collect();
        let asked: Vec<&Arc<Work>> = works
            .iter()
            .filter(|work| wanted.contains(&work.row.id))
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

    /// The sessions of a batch in its order. One that ends meanwhile is listed once, as it ended.
    async fn batch_works(&self, estate: &Estate, id: &BatchId) -> Result<Vec<Arc<Work>>, ApiError> {
        let ended = self.store().session_list_batch_ended(id).await;
        let running = estate.running().iter();
        let running = running.filter(|work| work.row.batch == *id);
        let mut works: BTreeMap<SessionId, Arc<Work>> = running
            .map(|work| (work.row.id.clone(), Arc::clone(work)))
            .collect();
        for row in ended.map_err(failed)? {
            works.insert(row.id.clone(), Arc::new(Work::of(row)?));
        }
        let mut works: Vec<Arc<Work>> = works.into_values().collect();
        works.sort_by_key(|work| work.row.batch_position);
        Ok(works)
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

fn actions(works: &[Arc<Work>], confirming: Option<Operation>) -> Vec<BatchAction> {
    let action = |operation| {
        let allowed = || {
            works
                .iter()
                .filter(move |work| allows(&work.session, operation))
        };
        let named = allowed().take(NAMED);
        BatchAction {
            operation,
            consequence: consequence(operation).to_owned(),
            count: allowed().count(),
            names: named.map(|work| work.row.vm_name.clone()).collect(),
            asked: if confirming == Some(operation) {
                allowed().map(|work| work.row.id.clone()).collect()
            } else {
                Vec::new()
            },
        }
    };
    let all = OPERATIONS.into_iter().map(action);
    all.filter(|action| action.count > 0).collect()
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
    fn of(estate: &Estate, work: &Work) -> Self {
        if work.outcome().is_some() {
            Self::Over
        } else if work.session.attention.is_some() {
            Self::InNeedOfAttention
        } else if estate.queued(&work.row.id).is_some() {
            Self::InTheQueue
        } else if work.session.waits_for_operator() {
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
fn headline(estate: &Estate, works: &[Arc<Work>]) -> String {
    let mut counts: BTreeMap<Standing, usize> = BTreeMap::new();
    for work in works {
        *counts.entry(Standing::of(estate, work)).or_default() += 1;
    }
    let all = counted(works.len(), "session", "sessions");
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

//! One task per failback: it owns the session's state, hears events one at a time, saves what
//! follows before it acts, and performs one effect at a time.

use std::{future::pending, sync::Arc, time::Duration};

use failback::{Directive, Effect, Event, Session, State, Step, begin, step};
use model::{LogLevel, SessionId, Stand, Timestamp};
use mover::Controls;
use store::{EffectFinish, EffectStart, IntentRow, NewLogLine, SessionRow};
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use crate::{
    clock,
    config::{Config, Moment},
    effects::{Performed, Stage},
    failure::EffectError,
    gates::{Said, Watch},
};

use self::words::{Asked, event_of, facts, said, words_of};

mod gates;
mod words;

/// How often a waiting effect looks at the controls.
const GLANCE: Duration = Duration::from_millis(50);

/// Everything one session's task owns.
pub(crate) struct SessionTask {
    config: Config,
    stage: Stage,
    id: SessionId,
    session: Session,
    version: i64,
    controls: Controls,
    running: Option<Running>,
    wake_at: Option<Timestamp>,
    /// The key of the effect that the log has as begun.
    open: Option<String>,
    /// Entries of the effect log so far.
    entries: usize,
    gates: Watch,
    bell: Bell,
}

/// How the main loop and a session's task tell each other about the queue of the batch.
#[derive(Debug)]
pub(crate) struct Bell {
    /// Rung by the main loop when the session may begin.
    pub(crate) turn: Arc<Notify>,
    /// Rung by the task when it takes a place no longer.
    pub(crate) place_free: Arc<Notify>,
}

struct Running {
    effect: Effect,
    handle: JoinHandle<Result<Performed, EffectError>>,
}

/// What the task heard.
enum Heard {
    Effect(Effect, Result<Performed, EffectError>),
    Intent(Box<IntentRow>),
    Gates(Vec<Said>),
    Turn,
    Woken,
    Shutdown,
}

/// Why a task ended before its session did.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TaskError {
    /// The store failed; the session is taken up again later.
    #[error("save the session")]
    Store(#[from] store::StoreError),
    /// A newer version of Landfall wrote the session.
    #[error("read the session")]
    Record(#[from] failback::UnknownRecord),
}

impl SessionTask {
    pub(crate) fn new(
        config: Config,
        stage: Stage,
        bell: Bell,
        row: &SessionRow,
    ) -> Result<Self, TaskError> {
        Ok(Self {
            config,
            id: row.id.clone(),
            session: Session::from_record(&row.machine)?,
            version: row.version,
            controls: Controls::default(),
            running: None,
            wake_at: None,
            open: None,
            entries: 0,
            gates: Watch::new(),
            bell,
            stage,
        })
    }

    /// Runs until the session is over or the console stops.
    ///
    /// # Errors
    /// When the store fails. The effect at work has ended by then: another task may take the
    /// session up.
    pub(crate) async fn run(
        mut self,
        intents: mpsc::Receiver<IntentRow>,
        shutdown: CancellationToken,
    ) -> Result<(), TaskError> {
        let result = self.work(intents, shutdown).await;
        if result.is_err() {
            self.park().await;
        }
        result
    }

    async fn work(
        &mut self,
        mut intents: mpsc::Receiver<IntentRow>,
        shutdown: CancellationToken,
    ) -> Result<(), TaskError> {
        self.take_up().await?;
        self.measure_undo_space().await;
        while !self.session.is_over() {
            match self.hear(&mut intents, &shutdown).await {
                Heard::Effect(effect, result) => self.effect_ended(effect, result).await?,
                Heard::Intent(intent) => self.intent(*intent).await?,
                Heard::Gates(said) => self.gates_tried(said).await?,
                Heard::Turn => self.begin().await?,
                Heard::Woken => {
                    self.wake_at = None;
                    self.event(Event::Woken, None).await.map(drop)?;
                }
                Heard::Shutdown => {
                    self.park().await;
                    return Ok(());
                }
            }
        }
        crate::journals::remove(&self.stage);
        self.stage.end_digests();
        Ok(())
    }

    /// A new session waits for its turn; one from before a restart goes on where it was.
    async fn take_up(&mut self) -> Result<(), TaskError> {
        let log = self.config.store.effect_list(&self.id).await?;
        self.entries = log.len();
        self.open = log
            .last()
            .filter(|row| row.done_at.is_none())
            .map(|row| row.key.clone());
        let now = clock::now();
        let next = match step(&self.session, Event::Restarted, now) {
            Ok(next) => next,
            Err(rejected) => {
                tracing::error!(session.id = %self.id, why = rejected.why, "cannot resume");
                return Ok(());
            }
        };
        if !self.session.begun && next == Step::unchanged(&self.session) {
            return Ok(());
        }
        let text = "The console came back; the session goes on where it was.".to_owned();
        let line = self.session.begun.then_some(NewLogLine {
            at: now,
            level: LogLevel::Info,
            text,
        });
        self.save_and_act(next, None, line.into_iter().collect())
            .await
    }

    /// Its turn has come.
    async fn begin(&mut self) -> Result<(), TaskError> {
        let first = begin(self.session.clone());
        self.save_and_act(first, None, Vec::new()).await
    }

    /// How much undo takes now; a platform that cannot say leaves the last figure.
    async fn measure_undo_space(&self) {
        let stage = self.stage.clone();
        let measured = tokio::task::spawn_blocking(move || stage.undo_space()).await;
        if let Ok(Ok(space)) = measured {
            self.stage.live.set_undo_space(&self.id, space);
        }
    }

    async fn hear(
        &mut self,
        intents: &mut mpsc::Receiver<IntentRow>,
        shutdown: &CancellationToken,
    ) -> Heard {
        let wake_at = self.wake_at;
        let wake = async move {
            match wake_at {
                Some(at) => tokio::time::sleep(clock::until(at)).await,
                None => pending().await,
            }
        };
        let running = &mut self.running;
        let effect = async move {
            match running {
                Some(running) => {
                    let result = (&mut running.handle).await;
                    (
                        running.effect,
                        result.unwrap_or_else(|error| Err(error.into())),
                    )
                }
                None => pending().await,
            }
        };
        let (session, watch) = (&self.session, &self.gates);
        let gates = async move {
            if session.watches_gates() {
                watch.tried(&session.gates).await
            } else {
                pending().await
            }
        };
        let (queued, bell) = (!self.session.begun, &self.bell.turn);
        let turn = async move {
            if queued {
                bell.notified().await;
            } else {
                pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            () = shutdown.cancelled() => Heard::Shutdown,
            (effect, result) = effect => Heard::Effect(effect, result),
            Some(intent) = intents.recv() => Heard::Intent(Box::new(intent)),
            () = turn => Heard::Turn,
            () = wake => Heard::Woken,
            said = gates => Heard::Gates(said),
        }
    }

    /// Stops the effect at work and leaves its log entry open: a restart asks what became of it.
    async fn park(&mut self) {
        self.controls.cancel();
        if let Some(running) = self.running.take() {
            let ended = running.handle.await;
            tracing::info!(session.id = %self.id, ok = ended.is_ok(), "session parked");
        }
    }

    async fn effect_ended(
        &mut self,
        effect: Effect,
        result: Result<Performed, EffectError>,
    ) -> Result<(), TaskError> {
        self.running = None;
        self.config.at(Moment::Performed, effect.step());
        self.measure_undo_space().await;
        let at = clock::now();
        let mut lines = Vec::new();
        let (event, finish) = match result {
            Ok(performed) => {
                let warn = |text| NewLogLine {
                    at,
                    level: LogLevel::Warning,
                    text,
                };
                lines.extend(performed.warnings.into_iter().map(warn));
                let text = format!(
                    "{}{}.",
                    effect.step().words(),
                    said(performed.said.as_deref())
                );
                lines.push(NewLogLine {
                    at,
                    level: LogLevel::Info,
                    text,
                });
                let finish = EffectFinish {
                    at,
                    result: performed.said,
                    failed: false,
                    facts: facts(performed.done),
                };
                (Event::Done(performed.done), finish)
            }
            Err(error) => {
                let cause = error.sentence();
                tracing::warn!(session.id = %self.id, cause, "effect failed");
                let temporary = error.is_temporary();
                let unreadable = error.is_unreadable();
                let finish = EffectFinish {
                    at,
                    result: Some(cause.clone()),
                    failed: true,
                    facts: None,
                };
                let failed = Event::Failed {
                    cause,
                    temporary,
                    unreadable,
                };
                (failed, finish)
            }
        };
        match step(&self.session, event, at) {
            Ok(next) => self.save_and_act(next, Some(finish), lines).await,
            Err(rejected) => {
                tracing::error!(session.id = %self.id, why = rejected.why, "result not awaited");
                Ok(())
            }
        }
    }

    async fn intent(&mut self, intent: IntentRow) -> Result<(), TaskError> {
        let store = self.config.store.clone();
        let store::IntentKind::Act(action) = intent.kind else {
            return Ok(());
        };
        let answer = match event_of(action) {
            Asked::Event(event) => self.event(event, Some(&intent.actor.to_string())).await?,
            Asked::Limit(limit) => {
                store.session_set_limit(&self.id, limit).await?;
                self.stage.limit = limit;
                self.controls.set_limit(limit);
                let words = limit.map_or_else(|| "no limit".to_owned(), |limit| limit.to_string());
                let text = format!("Speed limit: {words}. Asked by {}.", intent.actor);
                store
                    .log_append(&self.id, LogLevel::Info, &text, clock::now())
                    .await?;
                Ok("done".to_owned())
            }
        };
        store.intent_done(&intent.id, &answer, clock::now()).await?;
        Ok(())
    }

    /// An event that is no result: performed when the state allows it, else answered with why not.
    async fn event(
        &mut self,
        event: Event,
        asked_by: Option<&str>,
    ) -> Result<Result<String, String>, TaskError> {
        let now = clock::now();
        let next = match step(&self.session, event.clone(), now) {
            Ok(next) => next,
            Err(rejected) => return Ok(Err(rejected.why)),
        };
        let mut lines = Vec::new();
        if let Some(actor) = asked_by {
            let text = format!("{} asked for by {actor}.", words_of(&event));
            lines.push(NewLogLine {
                at: now,
                level: LogLevel::Info,
                text,
            });
        }
        let stopped = next.directives.contains(&Directive::Stop);
        let finish = if stopped {
            Some(self.stop().await)
        } else {
            None
        };
        self.save_and_act(next, finish, lines).await?;
        Ok(Ok("done".to_owned()))
    }

    /// Ends the effect at work: two effects of a session never overlap.
    async fn stop(&mut self) -> EffectFinish {
        self.controls.cancel();
        if let Some(running) = self.running.take() {
            drop(running.handle.await);
        }
        self.controls = Controls::default();
        EffectFinish {
            at: clock::now(),
            result: Some("stopped".to_owned()),
            failed: true,
            facts: None,
        }
    }

    /// Saves the step in one transaction, then does what it says.
    async fn save_and_act(
        &mut self,
        next: Step,
        finish: Option<EffectFinish>,
        mut lines: Vec<NewLogLine>,
    ) -> Result<(), TaskError> {
        let at = clock::now();
        lines.extend(next.notes.into_iter().map(|note| NewLogLine {
            at,
            level: note.level,
            text: note.text,
        }));
        let finish = finish.filter(|_| self.open.is_some());
        if finish.is_some() {
            self.open = None;
        }
        let perform = next
            .directives
            .iter()
            .find_map(|directive| match directive {
                Directive::Perform { effect, not_before } => Some((*effect, *not_before)),
                Directive::Stop | Directive::PauseMovers | Directive::ResumeMovers => None,
            });
        let start = perform.and_then(|(effect, _)| self.entry(&next.next, effect, at));
        let record = next.next.to_record();
        if let Some(start) = &start {
            self.open = Some(start.key.clone());
            self.entries += 1;
        }
        self.version = self
            .config
            .store
            .session_commit_step(&self.id, self.version, &record, finish, start, &lines)
            .await?;
        let stood = self.session.stand();
        self.session = next.next;
        if stood == Stand::AtWork && self.session.stand() != Stand::AtWork {
            self.bell.place_free.notify_one();
        }
        self.look_at_gates();
        self.wake_at = next
            .wake_at
            .or(self.wake_at.filter(|_| self.session.activity().is_none()));
        self.act(&next.directives);
        Ok(())
    }

    /// The log entry of an effect; none when the log has it as begun already.
    fn entry(&self, session: &Session, effect: Effect, at: Timestamp) -> Option<EffectStart> {
        let (activity, index) = session.activity()?;
        if self.open.is_some() {
            return None;
        }
        let pass = session.pass;
        let key = format!("{}/{pass}/{index}/{}", activity.words(), self.entries + 1);
        Some(EffectStart {
            activity: activity.words().to_owned(),
            step: effect.step(),
            key,
            at,
        })
    }

    fn act(&mut self, directives: &[Directive]) {
        for directive in directives {
            match *directive {
                Directive::Stop => {}
                Directive::PauseMovers => self.controls.pause(),
                Directive::ResumeMovers => self.controls.resume(),
                Directive::Perform { effect, not_before } => self.perform(effect, not_before),
            }
        }
    }

    /// Starts an effect; while the session is paused, it waits for the operator before it begins.
    fn perform(&mut self, effect: Effect, not_before: Option<Timestamp>) {
        let (stage, config) = (self.stage.clone(), self.config.clone());
        if self.controls.is_cancelled() {
            self.controls = Controls::default();
        }
        if matches!(
            self.session.state,
            State::Synchronizing { paused: true, .. }
        ) {
            self.controls.pause();
        }
        self.controls.set_limit(self.stage.limit);
        let controls = self.controls.clone();
        let handle = tokio::spawn(async move {
            held(&controls).await?;
            if let Some(at) = not_before {
                tokio::select! {
                    () = tokio::time::sleep(clock::until(at)) => {}
                    () = cancelled(&controls) => return Err(EffectError::Stopped),
                }
            }
            config.at(Moment::Begun, effect.step());
            stage.perform(effect, controls).await
        });
        self.running = Some(Running { effect, handle });
    }
}

/// Waits while the session is paused: also what is no transfer must not begin then.
async fn held(controls: &Controls) -> Result<(), EffectError> {
    while controls.is_paused() {
        if controls.is_cancelled() {
            return Err(EffectError::Stopped);
        }
        tokio::time::sleep(GLANCE).await;
    }
    Ok(())
}

async fn cancelled(controls: &Controls) {
    while !controls.is_cancelled() {
        tokio::time::sleep(GLANCE).await;
    }
}

#[cfg(test)]
mod tests;

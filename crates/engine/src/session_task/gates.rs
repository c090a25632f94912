//! What a session's task does with what its health gates said.

use failback::{Event, step};

use super::{SessionTask, TaskError};
use crate::{
    clock,
    gates::{Said, failing},
};

impl SessionTask {
    /// Hands the answers to the machine. Nothing is saved while nothing changes.
    pub(super) async fn gates_tried(&mut self, said: Vec<Said>) -> Result<(), TaskError> {
        let now = clock::now();
        let after_gap = self.gates.after_gap(now, self.config.gate_every);
        let (answers, lines) = self.gates.heard(said, now, self.config.gate_every);
        let failing = failing(&answers);
        self.stage.live.set_gates(&self.id, answers);
        let heard = Event::Gates { failing, after_gap };
        let next = match step(&self.session, heard, now) {
            Ok(next) => next,
            Err(rejected) => {
                tracing::error!(session.id = %self.id, why = rejected.why, "gates not awaited");
                return Ok(());
            }
        };
        if next.next == self.session && next.notes.is_empty() && lines.is_empty() {
            return Ok(());
        }
        self.save_and_act(next, None, lines).await
    }

    /// After each step: gates that are no longer watched have no answers.
    pub(super) fn look_at_gates(&mut self) {
        if !self.session.watches_gates() {
            self.stage.live.forget_gates(&self.id);
            self.gates.forget();
        }
    }
}

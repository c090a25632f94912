//! The steps of a session: what the effect log has, then what is to come.

use model::view::EffectView;
use store::EffectRow;

use super::Work;

/// Steps done, at work and to come, in order.
pub(super) fn of(work: &Work, effects: Vec<EffectRow>) -> Vec<EffectView> {
    let at_work = effects.iter().any(|effect| effect.done_at.is_none());
    let to_come = work
        .session
        .program()
        .into_iter()
        // The step at work stands in the effect log already.
        .skip(usize::from(at_work))
        .map(|(step, activity)| EffectView {
            step,
            activity,
            started_at: None,
            done_at: None,
            result: None,
            failed: false,
        });
    effects.into_iter().map(logged).chain(to_come).collect()
}

fn logged(effect: EffectRow) -> EffectView {
    EffectView {
        step: effect.step,
        activity: effect.activity,
        started_at: Some(effect.started_at),
        done_at: effect.done_at,
        result: effect.result,
        failed: effect.failed,
    }
}

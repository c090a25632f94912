//! What a session did so far, in the figures that were estimated before.

use failback::Activity;
use model::{
    ByteCount, DiskCounters, Seconds, StepName, Timestamp,
    view::{ActualView, EffectView},
};
use store::DiskPassRow;

/// The figures, from the passes and the steps.
pub(super) fn figures(passes: &[DiskPassRow], steps: &[EffectView]) -> ActualView {
    let first = passes.iter().map(|row| row.pass).min();
    let sum = |only: Option<u32>, of: fn(&DiskCounters) -> ByteCount| {
        let rows = passes
            .iter()
            .filter(|row| only.is_none_or(|pass| row.pass == pass));
        rows.map(|row| of(&row.counters)).sum()
    };
    ActualView {
        looked_at: sum(first, |it| it.to_scan),
        different: sum(first, |it| it.different),
        sent: sum(first, |it| it.sent),
        sent_in_all: sum(None, |it| it.sent),
        phase_1: seconds(steps, Activity::Synchronize { again: false }, None),
        downtime: seconds(steps, Activity::Switch, Some(StepName::ShutDownReplica)),
    }
}

/// From the first step of an activity, or from a step of it, to the end of its last; none while
/// one of them is at work.
fn seconds(steps: &[EffectView], activity: Activity, from: Option<StepName>) -> Option<Seconds> {
    let of = || {
        steps
            .iter()
            .filter(|step| step.started_at.is_some())
            .filter(|step| step.activity == activity.words())
    };
    let begin = of()
        .rev()
        .filter(|step| from.is_none_or(|from| step.step == from));
    let begin: Vec<Timestamp> = begin.filter_map(|step| step.started_at).collect();
    // A switchover that was taken back is another one: the last counts.
    let begin = match from {
        Some(_) => begin.first(),
        None => begin.last(),
    };
    let end = of().next_back()?.done_at?;
    begin.map(|begin| Seconds(end.seconds_since(*begin)))
}

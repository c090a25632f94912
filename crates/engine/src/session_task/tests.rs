//! Holding effects of a paused session.

use std::time::Duration;

use mover::Controls;

use super::held;
use crate::failure::EffectError;

const A_WHILE: Duration = Duration::from_millis(300);

#[tokio::test]
async fn an_effect_waits_until_its_session_is_resumed() {
    let controls = Controls::default();
    held(&controls).await.expect("nobody paused");
    controls.pause();
    let waited = tokio::time::timeout(A_WHILE, held(&controls)).await;
    assert!(waited.is_err(), "it began in a paused session");
    controls.resume();
    held(&controls).await.expect("resumed");
}

#[tokio::test]
async fn a_waiting_effect_ends_when_it_is_cancelled() {
    let controls = Controls::default();
    controls.pause();
    let waiting = tokio::spawn({
        let controls = controls.clone();
        async move { held(&controls).await }
    });
    controls.cancel();
    let ended = tokio::time::timeout(A_WHILE, waiting).await;
    let ended = ended.expect("in time").expect("no panic");
    assert!(matches!(ended, Err(EffectError::Stopped)), "{ended:?}");
}

//! Server functions of the session page.

#![expect(
    missing_docs,
    clippy::too_many_arguments,
    reason = "the macro makes structs of the arguments, one per form field, which the functions' \
              own documents describe"
)]

use leptos::{prelude::*, server_fn::codec::GetUrl};
use model::{Operation, SessionId, view::SessionView};

use crate::error::{Answer, Json};

/// A session, whole.
#[server(endpoint = "console/session", input = GetUrl, output = Json)]
pub async fn read_session(id: SessionId) -> Answer<SessionView> {
    let (service, _) = crate::api::caller();
    crate::api::answer(service.session_view(&id).await)
}

/// Asks something of a session. The fields after the operation belong to those that need them.
#[server(endpoint = "console/session/act", output = Json)]
pub async fn act(
    id: SessionId,
    operation: Operation,
    #[server(default)] limit_mib: String,
    #[server(default)] mode: String,
    #[server(default)] at: String,
    #[server(default)] zone: String,
    #[server(default)] not_later_minutes: String,
    #[server(default)] which: String,
    #[server(default)] timer: String,
    #[server(default)] timer_after: String,
    #[server(default)] gates: String,
    #[server(default)] undo_consent: bool,
    #[server(default)] catch_up: String,
) -> Answer<()> {
    let (service, actor) = crate::api::caller();
    let input = model::view::ModeInput {
        mode,
        at,
        zone,
        not_later_minutes,
        which,
    };
    let timer = model::view::TimerInput {
        timer,
        timer_after,
        gates,
        undo_consent,
    };
    let request = crate::api::answer(super::view_model::action_request(
        operation, input, &limit_mib, timer, catch_up,
    ))?;
    crate::api::answer(service.session_act(&actor, &id, request).await)?;
    crate::api::lead_to(&format!("/sessions/{id}"));
    Ok(())
}

//! The browser's notification when the session waits: offered by a button, asked for by a press.

use crate::erase::Erase as _;
use leptos::prelude::*;

use super::Newest;
use crate::{
    browser::notify::{self, Permission},
    components::dynamic::part,
};

/// The button; absent until the page is hydrated and where the browser has no notifications.
#[component]
pub(super) fn NotifyButton(newest: Newest) -> impl IntoView {
    let permission = RwSignal::new(Permission::Unavailable);
    let wanted = RwSignal::new(false);
    Effect::new(move || permission.set(notify::permission()));
    Effect::new(move || {
        if permission.get() == Permission::Granted {
            wanted.set(true);
        }
    });
    let waits = Memo::new(move |_| {
        newest.with(|view| {
            let session = &view.summary;
            session.outcome.is_none() && (session.waits_for_you || session.attention.is_some())
        })
    });
    Effect::new(move |before: Option<bool>| {
        let waits = waits.get();
        if before == Some(false) && waits && wanted.get_untracked() {
            newest.with_untracked(|view| {
                let body = match &view.summary.attention {
                    Some(attention) => attention.cause.clone(),
                    None => format!("State: {}", view.summary.state.words()),
                };
                let title = format!("{} waits for you", view.summary.vm_name);
                notify::show(&title, &body, view.summary.id.as_str());
            });
        }
        waits
    });
    part(move || {
        let offer = match permission.get() {
            Permission::Unavailable => return None,
            Permission::CanAsk => view! {
                <button type="button" class="button small" on:click=move |_| notify::ask(permission)>
                    "Notify me when it waits"
                </button>
            }
            .erase(),
            Permission::Granted => "This browser notifies you when it waits for you.".erase(),
            Permission::Refused => {
                "Notifications are refused in this browser's settings.".erase()
            }
        };
        Some(offer)
    })
}

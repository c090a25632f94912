//! Notifications of the browser: asked for by a button, never by the page itself.

use leptos::prelude::*;
use wasm_bindgen::{JsValue, closure::Closure};
use web_sys::{Notification, NotificationOptions, NotificationPermission};

/// What the browser lets the page do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Permission {
    /// Not known yet, or the browser has none; insecure pages never have.
    #[default]
    Unavailable,
    /// The operator was not asked.
    CanAsk,
    /// Granted.
    Granted,
    /// Refused; only the browser's settings can change it.
    Refused,
}

/// The permission as it stands.
pub fn permission() -> Permission {
    if window().get("Notification").is_none() {
        return Permission::Unavailable;
    }
    match Notification::permission() {
        NotificationPermission::Granted => Permission::Granted,
        NotificationPermission::Denied => Permission::Refused,
        NotificationPermission::Default => Permission::CanAsk,
        // The enum of the binding is open.
        _ => Permission::Unavailable,
    }
}

/// Asks the operator through the browser, and tells the answer.
pub fn ask(answer: RwSignal<Permission>) {
    let Ok(promise) = Notification::request_permission() else {
        return;
    };
    let answered = Closure::once(move |_: JsValue| {
        let _gone = answer.try_set(permission());
    });
    drop(promise.then(&answered));
    // The promise calls it once, after this function is over.
    answered.forget();
}

/// Shows a notification; a newer one of the same tag takes its place.
pub fn show(title: &str, body: &str, tag: &str) {
    if permission() != Permission::Granted {
        return;
    }
    let options = NotificationOptions::new();
    options.set_body(body);
    options.set_tag(tag);
    // Some mobile browsers allow notifications from service workers only.
    drop(Notification::new_with_options(title, &options));
}

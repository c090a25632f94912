//! The live link of a page: one `EventSource`, closed when the page goes, and while the tab is
//! hidden unless the browser is to notify.
//!
//! The browser reconnects by itself after a broken line; where it gives up, this module opens the link
//! again. It never decides what an event means.

use std::{cell::RefCell, rc::Rc};

use leptos::{
    leptos_dom::helpers::{WindowListenerHandle, window_event_listener_untyped},
    prelude::*,
};
use wasm_bindgen::{JsCast as _, closure::Closure};
use web_sys::{EventSource, MessageEvent};

use super::{
    every,
    notify::{self, Permission},
};
use crate::components::live_status::LiveState;

/// Seconds without a link after which the page calls itself stale.
const STALE_AFTER: u32 = 30;
/// Seconds after which a link that the browser gave up is opened again.
const REOPEN_EVERY: u32 = 5;

/// What a named event does with its data.
pub type Handler = (&'static str, Rc<dyn Fn(&str)>);

/// Follows the events of an address while `active`, and tells how the link is.
pub fn follow(
    address: impl Fn() -> String + 'static,
    active: Signal<bool>,
    handlers: Vec<Handler>,
) -> ReadSignal<LiveState> {
    let state = RwSignal::new(LiveState::Connecting);
    let address = Rc::new(address);
    Effect::new(move || {
        if !active.get() {
            state.set(LiveState::Over);
            return;
        }
        let link = Rc::new(Link {
            address: Box::new({
                let address = Rc::clone(&address);
                move || untrack(|| address())
            }),
            handlers: handlers.clone(),
            state,
            open: RefCell::new(None),
        });
        link.follow_visibility();
        every(1, {
            let link = Rc::clone(&link);
            move || link.second_passed()
        });
        let visibility = window_event_listener_untyped("visibilitychange", {
            let link = Rc::clone(&link);
            move |_| link.follow_visibility()
        });
        // Dropped, and the link closed with it, when the effect's owner is cleaned up.
        StoredValue::new_local(Guard {
            link,
            visibility: Some(visibility),
        });
    });
    state.read_only()
}

struct Guard {
    link: Rc<Link>,
    visibility: Option<WindowListenerHandle>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(visibility) = self.visibility.take() {
            visibility.remove();
        }
        self.link.close();
    }
}

struct Link {
    address: Box<dyn Fn() -> String>,
    handlers: Vec<Handler>,
    state: RwSignal<LiveState>,
    open: RefCell<Option<Open>>,
}

/// An open `EventSource` with the closures that it calls.
struct Open {
    source: EventSource,
    _events: Vec<Closure<dyn Fn(MessageEvent)>>,
    _opened: Closure<dyn Fn()>,
    _broken: Closure<dyn Fn()>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.source.set_onopen(None);
        self.source.set_onerror(None);
        self.source.close();
    }
}

impl Link {
    fn follow_visibility(&self) {
        // A tab that is to notify has to hear while nobody looks at it.
        if document().hidden() && notify::permission() != Permission::Granted {
            self.close();
            self.set(LiveState::Hidden);
        } else if self.open.borrow().is_none() {
            self.set(LiveState::Connecting);
            self.reopen();
        }
    }

    fn second_passed(&self) {
        let Some(seconds) = self.state.try_get_untracked().and_then(LiveState::age) else {
            return;
        };
        let seconds = seconds + 1;
        self.set(if seconds < STALE_AFTER {
            LiveState::Reconnecting { seconds }
        } else {
            LiveState::Stale { seconds }
        });
        let given_up = self
            .open
            .borrow()
            .as_ref()
            .is_none_or(|open| open.source.ready_state() == EventSource::CLOSED);
        if given_up && seconds.is_multiple_of(REOPEN_EVERY) {
            self.reopen();
        }
    }

    fn reopen(&self) {
        self.close();
        let Ok(source) = EventSource::new(&(self.address)()) else {
            self.set(LiveState::Reconnecting { seconds: 0 });
            return;
        };
        let events = self
            .handlers
            .iter()
            .filter_map(|(name, handler)| listen(&source, name, Rc::clone(handler)))
            .collect();
        let state = self.state;
        let opened = Closure::<dyn Fn()>::new(move || set(state, LiveState::Live));
        let broken = Closure::<dyn Fn()>::new(move || {
            if state.try_get_untracked().and_then(LiveState::age).is_none() {
                set(state, LiveState::Reconnecting { seconds: 0 });
            }
        });
        source.set_onopen(Some(opened.as_ref().unchecked_ref()));
        source.set_onerror(Some(broken.as_ref().unchecked_ref()));
        self.open.replace(Some(Open {
            source,
            _events: events,
            _opened: opened,
            _broken: broken,
        }));
    }

    fn close(&self) {
        drop(self.open.take());
    }

    fn set(&self, next: LiveState) {
        set(self.state, next);
    }
}

/// Sets the state; when the page is gone meanwhile, nobody is left to tell.
fn set(state: RwSignal<LiveState>, next: LiveState) {
    let _gone = state.try_set(next);
}

fn listen(
    source: &EventSource,
    name: &str,
    handler: Rc<dyn Fn(&str)>,
) -> Option<Closure<dyn Fn(MessageEvent)>> {
    let closure = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
        if let Some(data) = event.data().as_string() {
            handler(&data);
        }
    });
    source
        .add_event_listener_with_callback(name, closure.as_ref().unchecked_ref())
        .ok()?;
    Some(closure)
}

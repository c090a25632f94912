//! One form's way to its server function, and what came of it.

use std::{future::Future, pin::Pin};

use leptos::{
    prelude::*,
    server_fn::{ServerFn, error::ServerFnUrlError},
};
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};
use model::ApiError;
use web_sys::UrlSearchParams;

use crate::{browser::post, error::AppError};

/// The sending of the forms of one server function. Cheap to copy, shared by forms and errors.
#[derive(Clone, Copy, Debug)]
pub struct Sending {
    path: &'static str,
    state: RwSignal<State>,
    error: Signal<Option<ApiError>>,
}

/// Where a form is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum State {
    /// Not sent from this page yet; the address may carry what came of an earlier sending.
    #[default]
    Untouched,
    /// On its way.
    Pending,
    /// Done so many times; the newest time the page stayed where it was.
    Done { times: usize, stays: bool },
    /// Refused.
    Refused(ApiError),
}

impl Sending {
    /// Forms that send to a server function.
    pub fn to<S>() -> Self
    where
        S: ServerFn<Error = AppError>,
    {
        let state = RwSignal::<State>::default();
        let query = use_query_map();
        let error = Signal::derive(move || match state.get() {
            State::Refused(error) => Some(error),
            State::Pending | State::Done { .. } => None,
            // A form that the browser sent by itself comes back to its page with the error in
            // the query.
            State::Untouched => query.with(|query| {
                let path = query.get_str("__path")?;
                let error = query.get_str("__err")?;
                (path == S::PATH).then(|| decoded(error))
            }),
        });
        Self {
            path: S::PATH,
            state,
            error,
        }
    }

    /// The server function's address.
    pub const fn path(self) -> &'static str {
        self.path
    }

    /// Why the newest sending was refused.
    pub const fn error(self) -> Signal<Option<ApiError>> {
        self.error
    }

    /// `true` for `aria-busy` while it is on its way.
    pub fn busy(self) -> Option<&'static str> {
        self.state
            .with(|state| *state == State::Pending)
            .then_some("true")
    }

    /// How often it was done since the page was loaded.
    pub fn done(self) -> usize {
        self.state.with(|state| match state {
            State::Done { times, .. } => *times,
            State::Untouched | State::Pending | State::Refused(_) => 0,
        })
    }

    /// How often it was done, where the newest time led nowhere else: what is shown is out of date.
    pub fn stayed(self) -> usize {
        self.state.with(|state| match state {
            State::Done { times, stays: true } => *times,
            State::Done { stays: false, .. }
            | State::Untouched
            | State::Pending
            | State::Refused(_) => 0,
        })
    }

    /// What sends fields and follows where the answer leads.
    pub(super) fn sender(self) -> impl Fn(UrlSearchParams) -> Pin<Box<dyn Future<Output = ()>>> {
        let navigate = use_navigate();
        move |fields| {
            let navigate = navigate.clone();
            Box::pin(async move {
                let times = untrack(|| self.done());
                self.set(State::Pending);
                match post::send(self.path, fields).await {
                    Ok(done) => {
                        let stays = done.leads_to.as_deref().is_none_or(is_here);
                        self.set(State::Done {
                            times: times + 1,
                            stays,
                        });
                        if let Some(target) = done.leads_to {
                            lead_to(&target, &navigate);
                        }
                    }
                    Err(error) => self.set(State::Refused(error)),
                }
            })
        }
    }

    /// Sets the state; when the page is gone meanwhile, nobody is left to tell.
    fn set(self, state: State) {
        let _gone = self.state.try_set(state);
    }
}

/// Goes to an address of the console. Within a page nothing scrolls, and a question that was answered
/// does not stay in the history.
fn lead_to(target: &str, navigate: &impl Fn(&str, NavigateOptions)) {
    if is_here(target) {
        return;
    }
    let here = window().location().pathname().unwrap_or_default();
    let same_page = target.split(['?', '#']).next() == Some(here.as_str());
    let options = NavigateOptions {
        replace: same_page,
        scroll: !same_page,
        ..NavigateOptions::default()
    };
    navigate(target, options);
}

/// Whether it is the address that is shown.
fn is_here(target: &str) -> bool {
    let location = window().location();
    let path = location.pathname().unwrap_or_default();
    let query = location.search().unwrap_or_default();
    target == format!("{path}{query}")
}

fn decoded(error: &str) -> ApiError {
    ServerFnUrlError::<AppError>::decode_err(error).0
}

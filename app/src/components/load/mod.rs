//! Whether a page has its data, as one enum, and how each case looks.

use leptos::{prelude::*, task::spawn_local};
use leptos_meta::Title;
use model::{ApiError, ErrorKind};

use super::icon::Icon;
use crate::{browser, erase::Erase as _, error::Answer};

/// Data that was fetched, and is fetched again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loading<T> {
    /// The newest answer.
    Ready(T),
    /// An older answer, and why the newest try failed.
    Stale(T, ApiError),
}

impl<T> Loading<T> {
    /// Takes a new answer in; a failure keeps what was there.
    #[must_use]
    pub fn take(self, answer: Answer<T>) -> Self {
        match (answer, self) {
            (Ok(data), _) => Self::Ready(data),
            (Err(error), Self::Ready(data) | Self::Stale(data, _)) => Self::Stale(data, error.0),
        }
    }

    /// What is shown.
    pub const fn data(&self) -> &T {
        match self {
            Self::Ready(data) | Self::Stale(data, _) => data,
        }
    }
}

/// A page of data that is fetched: that it is on its way, why it did not come, or what shows it.
pub fn fetched<T>(
    data: Resource<Answer<T>>,
    show: impl Fn(T) -> AnyView + Copy + Send + Sync + 'static,
) -> impl IntoView
where
    T: Clone + Send + Sync + 'static,
{
    view! {
        <Suspense fallback=FirstLoad>
            {move || Suspend::new(async move {
                match data.await {
                    Ok(view) => show(view),
                    Err(error) => view! { <LoadFailed error=error.0/> }.erase(),
                }
            })}
        </Suspense>
    }
}

/// Asks again after each form that was sent, and every so many seconds.
pub fn keep_fresh<T, A>(
    view: RwSignal<Loading<T>>,
    read: impl Fn() -> A + Copy + 'static,
    sent: impl Fn() -> usize + 'static,
    seconds: impl Fn() -> Option<u32> + 'static,
) where
    T: Clone + Send + Sync + 'static,
    A: Future<Output = Answer<T>> + 'static,
{
    let refresh = move || {
        spawn_local(async move {
            let answer = read().await;
            let _gone = view.try_update(|view| *view = view.clone().take(answer));
        });
    };
    Effect::new(move || {
        if sent() > 0 {
            refresh();
        }
    });
    Effect::new(move || {
        if let Some(seconds) = seconds() {
            browser::every(seconds, refresh);
        }
    });
}

/// In place of a page whose data did not come: cause and next step.
#[component]
pub fn LoadFailed(
    /// Why.
    error: ApiError,
) -> impl IntoView {
    let title = match error.kind {
        ErrorKind::NotFound => "There is nothing at this address",
        ErrorKind::Invalid | ErrorKind::Conflict | ErrorKind::Unavailable | ErrorKind::Internal => {
            "This page could not be loaded"
        }
    };
    let request = (!error.request_id.is_empty()).then(|| {
        view! { <p class="muted">"In the server's log: request " {error.request_id}</p> }
    });
    view! {
        <Title text=title/>
        <section class="load-failed">
            <h1><Icon name="attention"/>{title}</h1>
            <p>{error.message}</p>
            <p>{error.hint}</p>
            {request}
            <p><a href="/">"Go to the start page"</a></p>
        </section>
    }
}

/// Says that what is shown is old, and why.
pub fn stale_note<T: Send + Sync + 'static>(fetched: RwSignal<Loading<T>>) -> Option<AnyView> {
    fetched.with(|data| match data {
        Loading::Stale(_, error) => {
            Some(view! { <p class="why-not">"Not refreshed: " {error.message.clone()}</p> }.erase())
        }
        Loading::Ready(_) => None,
    })
}

/// While the first data of a page is on its way.
#[component]
pub fn FirstLoad() -> impl IntoView {
    view! {
        <p class="first-load" role="status">"Loading"</p>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_data_stays_when_a_refresh_fails() {
        let error = || ApiError::new(ErrorKind::Unavailable, "The link is down.", "Wait.");
        let ready = Loading::Ready(0).take(Ok(1));
        assert_eq!(ready, Loading::Ready(1));
        let stale = ready.take(Err(error().into()));
        assert_eq!(stale, Loading::Stale(1, error()));
        assert_eq!(stale.data(), &1);
        assert_eq!(stale.take(Ok(2)), Loading::Ready(2));
    }
}

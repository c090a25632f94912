//! Whether a page has its data, as one enum, and how each case looks.

use leptos::prelude::*;
use leptos_meta::Title;
use model::{ApiError, ErrorKind};

use super::icon::Icon;
use crate::{erase::Erase as _, error::Answer};

/// Data that is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loading<T> {
    /// Nothing came yet.
    First,
    /// The newest answer.
    Ready(T),
    /// An older answer, and why the newest try failed.
    Stale(T, ApiError),
    /// No answer, and why.
    Failed(ApiError),
}

impl<T> Loading<T> {
    /// Takes a new answer in; a failure keeps what was there.
    #[must_use]
    pub fn take(self, answer: Answer<T>) -> Self {
        match (answer, self) {
            (Ok(data), _) => Self::Ready(data),
            (Err(error), Self::Ready(data) | Self::Stale(data, _)) => Self::Stale(data, error.0),
            (Err(error), Self::First | Self::Failed(_)) => Self::Failed(error.0),
        }
    }

    /// What can be shown.
    pub fn data(&self) -> Option<&T> {
        match self {
            Self::Ready(data) | Self::Stale(data, _) => Some(data),
            Self::First | Self::Failed(_) => None,
        }
    }
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
        Loading::First | Loading::Ready(_) | Loading::Failed(_) => None,
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
        let failed = Loading::<u8>::First.take(Err(error().into()));
        assert_eq!(failed, Loading::Failed(error()));
        let ready = failed.take(Ok(1));
        assert_eq!(ready, Loading::Ready(1));
        let stale = ready.take(Err(error().into()));
        assert_eq!(stale, Loading::Stale(1, error()));
        assert_eq!(stale.data(), Some(&1));
        assert_eq!(stale.take(Ok(2)), Loading::Ready(2));
    }
}

//! Whether the page is live, reconnecting with its age, or stale.

use leptos::prelude::*;

use super::dynamic::text;

/// How the live link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiveState {
    /// Being opened for the first time, or again after the tab was hidden.
    Connecting,
    /// What is shown is what is.
    Live,
    /// Broken for so many seconds; the browser tries again.
    Reconnecting {
        /// Age of what is shown.
        seconds: u32,
    },
    /// Broken for long.
    Stale {
        /// Age of what is shown.
        seconds: u32,
    },
    /// Closed because nobody looks.
    Hidden,
    /// Nothing changes any more.
    Over,
}

impl LiveState {
    /// For how many seconds the link is broken, where it is.
    pub const fn age(self) -> Option<u32> {
        match self {
            Self::Reconnecting { seconds } | Self::Stale { seconds } => Some(seconds),
            Self::Connecting | Self::Live | Self::Hidden | Self::Over => None,
        }
    }

    /// In words.
    pub fn words(self) -> String {
        match self {
            Self::Connecting | Self::Hidden => "Connecting".to_owned(),
            Self::Live => "Live".to_owned(),
            Self::Reconnecting { seconds } => format!("Reconnecting, shown as of {seconds} s ago"),
            Self::Stale { seconds } => format!("Stale, shown as of {seconds} s ago"),
            Self::Over => "Final".to_owned(),
        }
    }

    /// The style class.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Live => "live live-on",
            Self::Connecting | Self::Hidden | Self::Over => "live",
            Self::Reconnecting { .. } => "live live-reconnecting",
            Self::Stale { .. } => "live live-stale",
        }
    }
}

/// The mark beside a page's title. Without scripts there is no link, and no mark is shown.
#[component]
pub fn LiveStatus(
    /// The link.
    state: ReadSignal<LiveState>,
) -> impl IntoView {
    view! {
        <p class=move || state.get().class()>
            <span class="live-dot" aria-hidden="true"></span>
            {text(move || state.get().words())}
        </p>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_link_tells_its_age() {
        let broken = LiveState::Reconnecting { seconds: 4 };
        assert_eq!(broken.words(), "Reconnecting, shown as of 4 s ago");
        assert_eq!(broken.age(), Some(4));
        assert_eq!(LiveState::Live.age(), None);
    }
}

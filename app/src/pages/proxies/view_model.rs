//! From the proxies' answer to what the page shows and asks.

use model::{
    ProxyId, ProxyState,
    view::{ProxiesView, ProxyAction, ProxyView},
};

use crate::components::state_badge::{Badge, Shape, Tone};

/// A confirmation that the address asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Of which proxy.
    pub id: ProxyId,
    /// What to do.
    pub action: ProxyAction,
    /// The question.
    pub title: String,
    /// What it will do.
    pub consequence: String,
}

/// The question of an address; none when it is not possible now.
pub fn question(
    view: &ProxiesView,
    confirm: Option<&str>,
    proxy: Option<&str>,
) -> Option<Question> {
    let action = ProxyAction::from_slug(confirm?)?;
    let found = view
        .proxies
        .iter()
        .find(|it| Some(it.id.as_str()) == proxy)?;
    let (_, consequence) = found.actions.iter().find(|(it, _)| *it == action)?;
    let title = match action {
        ProxyAction::Enable => format!("Enable {}?", found.name),
        ProxyAction::Drain => format!("Drain {}?", found.name),
        ProxyAction::Disable => format!("Disable {}?", found.name),
        ProxyAction::CutOff => format!("Cut the link of {}?", found.name),
        ProxyAction::Reconnect => format!("Mend the link of {}?", found.name),
    };
    Some(Question {
        id: found.id.clone(),
        action,
        title,
        consequence: consequence.clone(),
    })
}

/// The address that asks it.
pub fn question_href(id: &ProxyId, action: ProxyAction) -> String {
    format!("/proxies?confirm={}&proxy={id}", action.slug())
}

/// The state of a proxy; that it does not answer goes before what the operator set.
pub fn badge(proxy: &ProxyView) -> Badge {
    let (tone, shape) = match proxy.state {
        _ if !proxy.answers => {
            return Badge::new(Tone::Attention, Shape::Attention, "Does not answer");
        }
        ProxyState::Enabled => (Tone::Running, Shape::On),
        ProxyState::Draining => (Tone::Waiting, Shape::Clock),
        ProxyState::Disabled => (Tone::Off, Shape::Off),
    };
    Badge::new(tone, shape, proxy.state.words())
}

/// Slots in use: `1 of 2`.
pub fn slots(proxy: &ProxyView) -> String {
    format!("{} of {}", proxy.tasks.len(), proxy.slots)
}

/// What a task of it did lately.
pub fn measured(proxy: &ProxyView) -> String {
    proxy
        .rate
        .map_or_else(|| "not measured".to_owned(), |rate| rate.to_string())
}

#[cfg(test)]
mod tests {
    use model::{BytesPerSecond, Timestamp};

    use super::*;

    fn proxy() -> ProxyView {
        ProxyView {
            id: ProxyId::new("p-1"),
            name: "dr-proxy-1".to_owned(),
            site: "DR".to_owned(),
            state: ProxyState::Enabled,
            answers: true,
            modes: "direct storage".to_owned(),
            slots: 2,
            tasks: Vec::new(),
            rate_now: BytesPerSecond(0),
            rate: None,
            actions: vec![(ProxyAction::Drain, "It carries nothing.".to_owned())],
        }
    }

    fn view() -> ProxiesView {
        ProxiesView {
            now: Timestamp(0),
            headline: String::new(),
            proxies: vec![proxy()],
            waiting: Vec::new(),
            sites: Vec::new(),
        }
    }

    #[test]
    fn only_what_is_offered_is_asked() {
        assert_eq!(question(&view(), None, Some("p-1")), None);
        assert_eq!(question(&view(), Some("drain"), Some("p-2")), None);
        assert_eq!(question(&view(), Some("disable"), Some("p-1")), None);
        assert_eq!(question(&view(), Some("nonsense"), Some("p-1")), None);
        let asked = question(&view(), Some("drain"), Some("p-1")).expect("it is offered");
        assert_eq!(asked.title, "Drain dr-proxy-1?");
        assert_eq!(asked.consequence, "It carries nothing.");
    }

    #[test]
    fn the_address_of_a_question_asks_it() {
        let href = question_href(&ProxyId::new("p-1"), ProxyAction::CutOff);
        assert_eq!(href, "/proxies?confirm=cut_off&proxy=p-1");
        for action in ProxyAction::ALL {
            assert_eq!(ProxyAction::from_slug(action.slug()), Some(action));
        }
    }

    #[test]
    fn one_that_does_not_answer_says_so_whatever_its_state() {
        let mut silent = proxy();
        assert_eq!(badge(&silent).words, "Enabled");
        silent.answers = false;
        silent.state = ProxyState::Draining;
        assert_eq!(badge(&silent).words, "Does not answer");
    }
}

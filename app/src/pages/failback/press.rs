//! The button that sent a step's form, as a word in the form.

use std::{fmt, str::FromStr};

use model::view::Sort;
use serde::{Deserialize, Serialize};

/// The button.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Press {
    /// To the next step, if this one is complete.
    #[default]
    Next,
    /// To the step before.
    Back,
    /// The draft goes.
    Cancel,
    /// Keep the choice and show this step again, narrowed by the filter.
    Filter,
    /// Choose every replica that can be chosen, of those that the filter lets through.
    All,
    /// Choose none of those that the filter lets through.
    Clear,
    /// Keep the choice and show another page of this step's list.
    Page(usize),
    /// Keep the choice and show this step's list in another order.
    Order(Option<Sort>),
    /// Change the rows that are ticked and show this page of the step again.
    Apply(usize),
    /// Measure the difference without writing.
    DryRun,
    /// Start the sessions.
    Finish,
}

/// A word that is no button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownPress;

impl fmt::Display for UnknownPress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no button of this form")
    }
}

impl FromStr for Press {
    type Err = UnknownPress;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        if let Some(page) = word.strip_prefix("page-") {
            return page.parse().map(Self::Page).map_err(|_| UnknownPress);
        }
        if let Some(page) = word.strip_prefix("apply-") {
            return page.parse().map(Self::Apply).map_err(|_| UnknownPress);
        }
        if let Some(order) = word.strip_prefix("order-") {
            return Ok(Self::Order(Sort::parse(order)));
        }
        match word {
            "next" => Ok(Self::Next),
            "back" => Ok(Self::Back),
            "cancel" => Ok(Self::Cancel),
            "filter" => Ok(Self::Filter),
            "all" => Ok(Self::All),
            "clear" => Ok(Self::Clear),
            "apply" => Ok(Self::Apply(1)),
            "dry_run" => Ok(Self::DryRun),
            "finish" => Ok(Self::Finish),
            _ => Err(UnknownPress),
        }
    }
}

impl TryFrom<String> for Press {
    type Error = UnknownPress;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        word.parse()
    }
}

impl From<Press> for String {
    fn from(press: Press) -> Self {
        match press {
            Press::Next => "next".to_owned(),
            Press::Back => "back".to_owned(),
            Press::Cancel => "cancel".to_owned(),
            Press::Filter => "filter".to_owned(),
            Press::All => "all".to_owned(),
            Press::Clear => "clear".to_owned(),
            Press::Page(page) => format!("page-{page}"),
            Press::Order(order) => {
                format!(
                    "order-{}",
                    order.map_or_else(|| "none".to_owned(), Sort::word)
                )
            }
            Press::Apply(page) => format!("apply-{page}"),
            Press::DryRun => "dry_run".to_owned(),
            Press::Finish => "finish".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_button_comes_back_from_its_word() {
        for press in [
            Press::Next,
            Press::Back,
            Press::Cancel,
            Press::Filter,
            Press::All,
            Press::Clear,
            Press::Page(3),
            Press::Order(Sort::parse("-size")),
            Press::Order(None),
            Press::Apply(2),
            Press::DryRun,
            Press::Finish,
        ] {
            assert_eq!(String::from(press).parse(), Ok(press));
        }
        assert_eq!("apply".parse(), Ok(Press::Apply(1)));
        for word in ["", "page-", "page--1", "nothing"] {
            assert_eq!(word.parse::<Press>(), Err(UnknownPress), "{word}");
        }
    }
}

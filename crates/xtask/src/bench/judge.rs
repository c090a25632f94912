//! Verdicts over the rounds of a case.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    case::{Case, Facts, Of, Round},
    took::{Took, median, worst},
};

/// A case that was run: kept in a file, so that a document can be made of several runs.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) id: String,
    /// Each tool's rounds, by its name; tools that are not there have none.
    pub(super) tools: BTreeMap<String, Vec<Took>>,
    /// Where Landfall's time goes: of a case with a goal that was missed.
    pub(super) profile: Option<String>,
}

/// A goal, judged.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) what: &'static str,
    pub(super) most: f64,
    /// None where it cannot be told.
    pub(super) value: Option<f64>,
    /// Whether a tool of the case is not there: only then may a value be missing.
    pub(super) lacks_tool: bool,
}

impl Verdict {
    pub(super) fn is_missed(&self) -> bool {
        self.value
            .map_or(!self.lacks_tool, |value| value > self.most)
    }
}

/// Judges every goal of a case.
pub(super) fn judge(case: &Case, row: &Row, facts: &Facts) -> Vec<Verdict> {
    let rounds_of = |index: usize| {
        let tool = case.tools.get(index)?;
        row.tools.get(tool.name)
    };
    let rounds = (0..case.tools.len())
        .filter_map(|index| rounds_of(index).map(Vec::len))
        .max()
        .unwrap_or(0);
    let lacks_tool = (0..case.tools.len()).any(|index| rounds_of(index).is_none_or(Vec::is_empty));
    let rounds: Vec<Round<'_>> = (0..rounds)
        .map(|number| Round {
            took: (0..case.tools.len())
                .map(|index| rounds_of(index).and_then(|rounds| rounds.get(number)))
                .collect(),
            facts,
        })
        .collect();
    case.goals
        .iter()
        .map(|goal| {
            let values = rounds.iter().map(goal.value);
            let value = match goal.of {
                Of::Median => median(values),
                Of::Worst => worst(values),
            };
            Verdict {
                what: goal.what,
                most: goal.most,
                value: (!value.is_nan()).then_some(value),
                lacks_tool,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            case::{State, Target, always, ours, peer, share_of_1},
            took::Measure,
        },
        *,
    };

    const CASE: Case = Case {
        id: "test",
        numbers: "0",
        what: "a test",
        state: State::Warm,
        target: Target::None,
        reads: &[],
        around: None,
        tools: &[ours("landfall", ""), peer("other", "other", "")],
        goals: &[
            share_of_1("share of other", 0.5),
            always("peak", 10.0, |round| round.of(0, Measure::PeakKib)),
        ],
    };

    fn rounds(figures: &[(f64, f64)]) -> Vec<Took> {
        let took = |(seconds, peak): &(f64, f64)| {
            let mut took = Took::default();
            took.put(Measure::Seconds, *seconds);
            took.put(Measure::PeakKib, *peak);
            took
        };
        figures.iter().map(took).collect()
    }

    fn row(ours: &[(f64, f64)], other: &[(f64, f64)]) -> Row {
        let tools = [("landfall", ours), ("other", other)];
        Row {
            id: "test".to_owned(),
            tools: tools
                .into_iter()
                .map(|(name, figures)| (name.to_owned(), rounds(figures)))
                .collect(),
            profile: None,
        }
    }

    /// A round in which the machine was busy is slow for both: its ratio still counts as one.
    #[test]
    fn a_share_is_the_median_of_each_rounds_ratio() {
        let row = row(
            &[(1.0, 1.0), (10.0, 1.0), (4.0, 11.0)],
            &[(4.0, 0.0), (20.0, 0.0), (5.0, 0.0)],
        );
        let verdicts = judge(&CASE, &row, &Facts::default());
        assert_eq!(verdicts[0].value, Some(0.5));
        assert!(!verdicts[0].is_missed());
        assert_eq!(verdicts[1].value, Some(11.0));
        assert!(verdicts[1].is_missed(), "the worst round counts");
    }

    #[test]
    fn a_peer_that_is_not_there_is_not_judged() {
        let verdicts = judge(&CASE, &row(&[(1.0, 1.0)], &[]), &Facts::default());
        assert_eq!(verdicts[0].value, None);
        assert!(!verdicts[0].is_missed());
        assert_eq!(verdicts[1].value, Some(1.0));
    }

    #[test]
    fn what_was_not_measured_is_missed() {
        let mut row = row(&[(1.0, 1.0)], &[(1.0, 1.0)]);
        row.tools
            .insert("landfall".to_owned(), vec![Took::default()]);
        let verdicts = judge(&CASE, &row, &Facts::default());
        assert!(verdicts.iter().all(Verdict::is_missed));
    }
}

//! How many checks passed and failed, and how the test runners say it.

use std::{fmt, ops::AddAssign};

use anyhow::Result;

use crate::console;

/// Checks that passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) passed: u64,
    pub(super) failed: u64,
}

impl Count {
    /// One check.
    pub(super) fn one(passed: bool) -> Self {
        Self {
            passed: u64::from(passed),
            failed: u64::from(!passed),
        }
    }

    /// One check that ended with a result; an error is told.
    pub(super) fn of(result: Result<()>) -> Self {
        match result {
            Ok(()) => Self::one(true),
            Err(error) => {
                console::say(format_args!("FAILED: {error:#}"));
                Self::one(false)
            }
        }
    }

    /// The sum of what a runner of Rust tests reported in these lines.
    ///
    /// A run that failed without a failed test (it did not compile) counts as one failure.
    pub(super) fn of_run(lines: &[String], success: bool) -> Self {
        let mut count = lines
            .iter()
            .filter_map(|line| nextest_summary(line).or_else(|| libtest_summary(line)))
            .fold(Self::default(), |mut sum, one| {
                sum += one;
                sum
            });
        if !success && count.failed == 0 {
            count.failed = 1;
        }
        count
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// `Summary [   0.2s] 21 tests run: 20 passed (1 slow), 1 failed, 0 skipped`.
fn nextest_summary(line: &str) -> Option<Count> {
    let rest = line.trim_start().strip_prefix("Summary [")?;
    let (_, counts) = rest.split_once(" run: ")?;
    let of = |words: &[&str]| words.iter().map(|word| number_before(counts, word)).sum();
    Some(Count {
        passed: of(&[" passed"]),
        failed: of(&[" failed", " timed out", " exec failed"]),
    })
}

/// `test result: ok. 3 passed; 0 failed; 0 ignored; ...`.
fn libtest_summary(line: &str) -> Option<Count> {
    let counts = line.trim_start().strip_prefix("test result: ")?;
    Some(Count {
        passed: number_before(counts, " passed"),
        failed: number_before(counts, " failed"),
    })
}

/// The number directly before a word; 0 when the word is not there.
fn number_before(text: &str, word: &str) -> u64 {
    text.split_once(word)
        .and_then(|(before, _)| {
            let start = before
                .rfind(|letter: char| !letter.is_ascii_digit())
                .map_or(0, |index| index + 1);
            before[start..].parse().ok()
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    //! Lines as the runners print them.

    use super::Count;

    #[test]
    fn summaries_are_understood() {
        for (line, passed, failed) in [
            (
                "     Summary [   0.215s] 21 tests run: 20 passed, 1 failed, 0 skipped",
                20,
                1,
            ),
            (
                "     Summary [   9.1s] 3 tests run: 1 passed (1 slow), 1 failed, 1 timed out, 4 skipped",
                1,
                2,
            ),
            (
                "     Summary [   0.1s] 1 test run: 1 passed, 0 skipped",
                1,
                0,
            ),
            (
                "test result: FAILED. 7 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out",
                7,
                2,
            ),
            ("4 passed in a line of no runner", 0, 0),
        ] {
            let count = Count::of_run(&[line.to_owned()], true);
            assert_eq!(count, Count { passed, failed }, "{line}");
        }
    }

    #[test]
    fn a_run_that_did_not_compile_is_a_failure() {
        let count = Count::of_run(&["error: could not compile".to_owned()], false);
        assert_eq!(count.to_string(), "0 passed, 1 failed");
    }
}

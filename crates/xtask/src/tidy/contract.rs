//! The contract's table: every row is shown by tests that exist, or is marked open with the reason.

use std::path::Path;

use crate::files;

const CONTRACT: &str = "docs/contract.md";

/// Rows that name no test, and tests that are not there.
pub(super) fn check() -> Vec<String> {
    match files::text(Path::new(CONTRACT)) {
        Some(text) => problems(&text, |file| files::text(Path::new(file))),
        None => vec![format!("{CONTRACT} is not there")],
    }
}

/// The same, of any text; `read` gives a file's content.
fn problems(text: &str, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let rows = text.lines().filter(|line| line.starts_with("| "));
    // The heads of the tables and their rules.
    let rows = rows.filter(|line| !line.starts_with("| Behaviour |"));
    let mut problems = Vec::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [behaviour, _, shown] = cells.as_slice() else {
            problems.push(format!("{CONTRACT}: not three cells: {row}"));
            continue;
        };
        if shown.starts_with("open: ") {
            continue;
        }
        let tests = tests(shown);
        if tests.is_empty() {
            problems.push(format!("{CONTRACT}: no test shows: {behaviour}"));
        }
        for (file, name) in tests {
            if !read(file).is_some_and(|text| holds(&text, name)) {
                problems.push(format!("{CONTRACT}: {file} has no test {name}"));
            }
        }
    }
    problems
}

/// Whether a file has a test of a name: a function, or a title between quotes.
fn holds(text: &str, name: &str) -> bool {
    text.contains(&format!("fn {name}(")) || text.contains(&format!("test(\"{name}\""))
}

/// Pairs of what stands in backticks: a file, and a test in it.
fn tests(cell: &str) -> Vec<(&str, &str)> {
    let quoted: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
    let pairs = quoted.chunks_exact(2);
    pairs.map(|pair| (pair[0], pair[1])).collect()
}

#[cfg(test)]
mod tests {
    //! What a row may be.

    use super::problems;

    const HEAD: &str = "| Behaviour | Where | Shown by |\n|---|---|---|\n";

    fn of(row: &str) -> Vec<String> {
        problems(&format!("{HEAD}{row}\n"), |file| {
            (file == "a.rs").then(|| "fn it_is_so() {}".to_owned())
        })
    }

    #[test]
    fn a_row_names_tests_that_exist_or_is_open_with_a_reason() {
        assert!(of("| It is so. | here | `a.rs` `it_is_so` |").is_empty());
        assert!(of("| It is so. | nowhere | open: the platform is not there yet |").is_empty());
        for (row, words) in [
            ("| It is so. | here |", "not three cells"),
            ("| It is so. | here | |", "no test shows: It is so."),
            (
                "| It is so. | here | some day |",
                "no test shows: It is so.",
            ),
            (
                "| It is so. | here | `a.rs` `gone` |",
                "a.rs has no test gone",
            ),
            (
                "| It is so. | here | `b.rs` `it_is_so` |",
                "b.rs has no test it_is_so",
            ),
        ] {
            let found = of(row);
            assert!(
                found.len() == 1 && found[0].contains(words),
                "{found:?}, not {words}"
            );
        }
    }
}

//! `cargo xtask tidy`: the rules of this repository that no compiler checks.
//!
//! Every rule collects its problems, so that one run shows them all. The tests run it too.

mod contract;
mod docs;
mod edges;
mod source_sizes;
mod texts;

pub(crate) use edges::PURE;

use anyhow::{Result, bail};

use crate::{console, files, fuzz, workspace::Metadata};

/// Checks all rules, prints the size report, and fails with the problems found.
pub(crate) fn run() -> Result<()> {
    let problems = problems()?;
    print_source_sizes()?;
    if problems.is_empty() {
        return Ok(());
    }
    for problem in &problems {
        console::say(format_args!("  {problem}"));
    }
    bail!("{} rules are broken", problems.len())
}

/// Prints how large files and functions are. Nothing fails by it.
pub(crate) fn print_source_sizes() -> Result<()> {
    let report = source_sizes::measure(&files::tracked()?);
    console::say(report);
    Ok(())
}

fn problems() -> Result<Vec<String>> {
    let mut metadata = Metadata::read()?;
    // No member of the workspace, and held to the same edges.
    metadata
        .packages
        .extend(Metadata::read_at(&fuzz::MANIFEST)?.packages);
    let files = files::tracked()?;
    let mut problems = edges::check(&metadata);
    problems.extend(contract::check());
    problems.extend(docs::check(&files));
    problems.extend(texts::check(&files));
    Ok(problems)
}

#[cfg(test)]
mod tests {
    //! The repository keeps its own rules.

    #[test]
    fn the_repository_is_tidy() {
        let problems = super::problems().expect("cargo and the files can be read");
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }
}

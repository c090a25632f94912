//! `cargo xtask test`: everything that CI checks, the same here as there.
//!
//! Every step runs although an earlier one failed, and each lint counts as one. The last line is
//! `N passed, N failed`.

mod browser;
mod count;
mod lint;
mod rust;

use std::time::Instant;

use anyhow::{Result, bail};

use crate::{
    console,
    workspace::{Metadata, Package},
};
use count::Count;

/// What to check.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only one part, for quick work
    #[arg(long, value_enum)]
    only: Option<Part>,
}

/// A part of the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Format, rules, clippy for native and WebAssembly, documentation
    Lint,
    /// Tests of Rust, and the examples in its documentation
    Unit,
    /// The site, its size, and the tests in a browser
    Browser,
}

/// Runs the parts in order.
pub(crate) fn run(options: &Options) -> Result<()> {
    let begun = Instant::now();
    let metadata = Metadata::read()?;
    let mut count = Count::default();
    for part in [Part::Lint, Part::Unit, Part::Browser] {
        if options.only.is_none_or(|only| only == part) {
            count += match part {
                Part::Lint => lint::run(&metadata),
                Part::Unit => rust::run(&metadata),
                Part::Browser => browser::run(&metadata),
            };
        }
    }
    console::say(format_args!("Took {}.", console::duration(begun.elapsed())));
    if count.failed > 0 {
        // The count has to be the last line, so what failed is told before it.
        console::say("Something failed: look for FAILED above.");
        console::say(count);
        std::process::exit(1);
    }
    if count.passed == 0 {
        bail!("nothing was checked");
    }
    console::say(count);
    Ok(())
}

/// Crates that are built together, as cargo is asked for them.
#[derive(Debug)]
struct Group {
    /// What the steps for it are called.
    title: &'static str,
    /// `-p NAME` for each crate.
    packages: Vec<String>,
    /// The same for those that have a library.
    libraries: Vec<String>,
}

/// The crates with a native build, in groups; `frontend` has none.
///
/// Cargo is never asked for the whole workspace: that would build `app` for both sides at once. And
/// `xtask` stands alone, because its dependencies ask more of shared ones than the server's do: built
/// together, the same crates would be built again for the server.
fn native_groups(metadata: &Metadata) -> [Group; 2] {
    let group = |title, belongs: fn(&str) -> bool| {
        let members = || metadata.packages.iter().filter(|one| belongs(&one.name));
        let ask = |package: &Package| ["-p".to_owned(), package.name.clone()];
        Group {
            title,
            packages: members().flat_map(ask).collect(),
            libraries: members()
                .filter(|package| package.has_native_lib())
                .flat_map(ask)
                .collect(),
        }
    };
    [
        group("Landfall", |name| name != "frontend" && name != "xtask"),
        group("xtask", |name| name == "xtask"),
    ]
}

//! Every file says what it is for, and the architecture document names only what exists.

use std::path::{Path, PathBuf};

use crate::{files, workspace};

const ARCHITECTURE: &str = "docs/architecture.md";

/// Files without a module doc, and paths that do not exist.
pub(super) fn check(files: &[PathBuf]) -> Vec<String> {
    let mut problems: Vec<String> = files
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter(|path| !files::text(path).is_some_and(|text| text.starts_with("//!")))
        .map(|path| format!("{} must open with `//!`: what it is for", path.display()))
        .collect();
    if let Some(text) = files::text(Path::new(ARCHITECTURE)) {
        problems.extend(
            named_paths(&text)
                .filter(|path| !workspace::root().join(path).exists())
                .map(|path| format!("{ARCHITECTURE} names {path}, which does not exist")),
        );
    }
    problems
}

/// What stands in backticks and looks like a path of this repository: it has a slash and no space.
fn named_paths(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2).filter(|quoted| {
        let starts_here = [
            "app/",
            "crates/",
            "docs/",
            "end2end/",
            "frontend/",
            "server/",
            "style/",
        ]
        .iter()
        .any(|folder| quoted.starts_with(folder));
        starts_here && !quoted.contains([' ', '*', '<', '{', '\n'])
    })
}

#[cfg(test)]
mod tests {
    //! What counts as a path.

    use super::named_paths;

    #[test]
    fn only_paths_of_the_repository_are_checked() {
        let text = "`crates/model` and `server/src/serve.rs`, not `GET /api`, `crates/*` or `a/b`.";
        let found: Vec<&str> = named_paths(text).collect();
        assert_eq!(found, ["crates/model", "server/src/serve.rs"]);
    }
}

//! How large files and functions are, tests excluded, beside the norms. A report, never a failure.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use syn::{
    Attribute, Block, ImplItemFn, ItemFn, ItemMod, TraitItemFn,
    spanned::Spanned as _,
    visit::{self, Visit},
};

use crate::files;

const FILE_MEDIAN: usize = 150;
const FILE_QUESTION: usize = 400;
const FUNCTION_MEDIAN: usize = 8;
const FUNCTION_SPLIT: usize = 70;
/// How many of the longest are shown.
const SHOWN: usize = 5;

/// Lines of every file and function.
#[derive(Debug, Default)]
pub(super) struct SourceSizes {
    files: Vec<(usize, String)>,
    functions: Vec<(usize, String)>,
    test_lines: usize,
}

/// Measures the Rust sources among these files.
pub(super) fn measure(paths: &[PathBuf]) -> SourceSizes {
    let mut sizes = SourceSizes::default();
    let sources = paths
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    for path in sources {
        let Some(text) = files::text(path) else {
            continue;
        };
        let lines = text.lines().count();
        if is_test_file(path) {
            sizes.test_lines += lines;
            continue;
        }
        let mut finder = Finder {
            path,
            functions: &mut sizes.functions,
            test_lines: 0,
        };
        // A file that does not parse is the compiler's to report.
        if let Ok(file) = syn::parse_file(&text) {
            finder.visit_file(&file);
        }
        let test_lines = finder.test_lines;
        sizes.test_lines += test_lines;
        sizes
            .files
            .push((lines - test_lines, path.display().to_string()));
    }
    sizes.files.sort_by(|a, b| b.cmp(a));
    sizes.functions.sort_by(|a, b| b.cmp(a));
    sizes
}

fn is_test_file(path: &Path) -> bool {
    path.components().any(|part| {
        ["tests", "tests.rs", "testkit"]
            .iter()
            .any(|name| part.as_os_str() == *name)
    })
}

struct Finder<'a> {
    path: &'a Path,
    functions: &'a mut Vec<(usize, String)>,
    test_lines: usize,
}

impl Finder<'_> {
    fn add(&mut self, name: &syn::Ident, start: usize, body: &Block) {
        let lines = body.span().end().line + 1 - start;
        self.functions
            .push((lines, format!("{}:{start} {name}", self.path.display())));
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if module.content.is_some() && module.attrs.iter().any(is_cfg_test) {
            let span = module.span();
            self.test_lines += span.end().line + 1 - span.start().line;
        } else {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        let start = function.sig.span().start().line;
        self.add(&function.sig.ident, start, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        let start = function.sig.span().start().line;
        self.add(&function.sig.ident, start, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        if let Some(body) = &function.default {
            let start = function.sig.span().start().line;
            self.add(&function.sig.ident, start, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

fn is_cfg_test(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute
            .parse_args::<syn::Ident>()
            .is_ok_and(|condition| condition == "test")
}

impl fmt::Display for SourceSizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source: usize = self.files.iter().map(|(lines, _)| lines).sum();
        writeln!(
            f,
            "source: {} files, {source} lines; tests: {} lines",
            self.files.len(),
            self.test_lines
        )?;
        list(f, "file", &self.files, FILE_MEDIAN, FILE_QUESTION)?;
        writeln!(f)?;
        list(
            f,
            "function",
            &self.functions,
            FUNCTION_MEDIAN,
            FUNCTION_SPLIT,
        )
    }
}

fn list(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    sorted: &[(usize, String)],
    median_norm: usize,
    long_norm: usize,
) -> fmt::Result {
    let median = sorted.get(sorted.len() / 2).map_or(0, |(lines, _)| *lines);
    let long = sorted
        .iter()
        .filter(|(lines, _)| *lines > long_norm)
        .count();
    write!(
        f,
        "{what}: median {median} lines (norm: under {median_norm}), {long} past {long_norm}; longest:"
    )?;
    for (lines, place) in sorted.iter().take(SHOWN) {
        write!(f, "\n  {lines:>5}  {place}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    //! The report counts what it says it counts.

    use super::*;

    #[test]
    fn tests_are_not_counted_as_source() {
        let own = Path::new("crates/xtask/src/tidy/source_sizes.rs");
        let sizes = measure(&[own.to_path_buf()]);
        let all = files::text(own).expect("this file").lines().count();
        assert_eq!(sizes.files.len(), 1);
        assert_eq!(sizes.files[0].0 + sizes.test_lines, all);
        assert!(sizes.test_lines > 10 && sizes.functions.len() > 8);
    }
}

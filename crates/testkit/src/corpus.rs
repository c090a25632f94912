//! The inputs that the fuzzer began with, and those with which it found something.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

/// Feeds the committed inputs of a fuzz target to its entry point.
///
/// # Panics
/// With the name of an input that made the entry point panic, and when there are no inputs: then
/// nothing would be checked.
pub fn replay(target: &str, entry: impl Fn(&[u8])) {
    let inputs = inputs(target);
    assert!(!inputs.is_empty(), "no inputs for {target}");
    for path in inputs {
        let data = fs::read(&path).expect("a committed input can be read");
        let result = catch_unwind(AssertUnwindSafe(|| entry(&data)));
        assert!(result.is_ok(), "{} panics: see above", path.display());
    }
}

fn inputs(target: &str) -> Vec<PathBuf> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let folders = ["corpus", "regressions"].map(|kind| fuzz.join(kind).join(target));
    let entries = folders
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok());
    let mut paths: Vec<PathBuf> = entries
        .flatten()
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .collect();
    paths.sort();
    paths
}

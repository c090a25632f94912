//! Words that must not stand in the repository: addresses of package registries, and paths out of it.

use std::path::{Path, PathBuf};

use crate::files;

/// Hosts of package registries, in parts so that this file does not name them either.
const REGISTRY_HOSTS: [&[&str]; 6] = [
    &["crates", "io"],
    &["registry", "npmjs", "org"],
    &["registry", "yarnpkg", "com"],
    &["pypi", "org"],
    &["files", "pythonhosted", "org"],
    &["deb", "debian", "org"],
];

/// Lock files record where a package came from; that is their purpose.
const LOCK_FILES: [&str; 2] = ["Cargo.lock", "package-lock.json"];

/// Every forbidden word with its file and line.
pub(super) fn check(files: &[PathBuf]) -> Vec<String> {
    let hosts: Vec<String> = REGISTRY_HOSTS.iter().map(|parts| parts.join(".")).collect();
    let outside = ["..", "shared"].join("/");
    let mut problems = Vec::new();
    for path in files {
        let Some(text) = files::text(path) else {
            continue;
        };
        for (index, line) in text.lines().enumerate() {
            let place = || format!("{}:{}", path.display(), index + 1);
            if !is_lock_file(path)
                && let Some(host) = hosts.iter().find(|host| line.contains(host.as_str()))
            {
                problems.push(format!("{}: names the package registry {host}", place()));
            }
            if line.contains(&outside) && !may_look_outside(path) {
                problems.push(format!(
                    "{}: names a folder outside the repository",
                    place()
                ));
            }
        }
    }
    problems
}

fn is_lock_file(path: &Path) -> bool {
    LOCK_FILES.iter().any(|name| path.ends_with(name))
}

/// CI's entry, and the helpers of tests.
fn may_look_outside(path: &Path) -> bool {
    path == Path::new(".ci/run")
        || path.starts_with("crates/testkit")
        || path.starts_with("end2end")
        || path.components().any(|part| part.as_os_str() == "tests")
}

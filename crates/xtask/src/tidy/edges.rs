//! Which of our crates may know which, and what the pure crates may use from outside.

use std::collections::BTreeSet;

use crate::workspace::{Dependency, Metadata, Package};

/// Crates without clock, randomness, input or output.
pub(crate) const PURE: [&str; 4] = ["blockmap", "failback", "sched", "access"];

/// The only allowed edges: each crate with everything of ours that it may depend on.
///
/// `server` wires all the rest together and is checked by [`FORBIDDEN_FOR_SERVER`] instead.
const ALLOWED: [(&str, &[&str]); 18] = [
    ("model", &[]),
    ("blockmap", &["model"]),
    ("failback", &["model"]),
    ("sched", &["model"]),
    ("access", &["model"]),
    ("disk", &["model"]),
    ("store", &["model"]),
    ("proof", &["model", "blockmap"]),
    ("hypervisor", &["model", "disk"]),
    ("mover", &["model", "blockmap", "disk"]),
    (
        "engine",
        &[
            "model",
            "blockmap",
            "failback",
            "sched",
            "access",
            "disk",
            "hypervisor",
            "mover",
            "store",
            "proof",
        ],
    ),
    (
        "service",
        &["model", "blockmap", "failback", "sched", "access", "store"],
    ),
    ("app", &["model", "service"]),
    ("frontend", &["app"]),
    (
        "testkit",
        &["model", "blockmap", "disk", "hypervisor", "mover", "store"],
    ),
    (FUZZ, &["model", "blockmap", "disk", "mover"]),
    ("xtask", &[]),
    ("server", &[]),
];

const FORBIDDEN_FOR_SERVER: [&str; 4] = ["frontend", "testkit", "xtask", FUZZ];

/// Beside the workspace, and nothing but tests.
const FUZZ: &str = "fuzz";

/// Crates that only tests may depend on.
const TEST_ONLY: &str = "testkit";

/// Every edge that is not in the list.
pub(super) fn check(metadata: &Metadata) -> Vec<String> {
    let ours: BTreeSet<&str> = metadata
        .packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    metadata
        .packages
        .iter()
        .flat_map(|package| {
            let mut problems = edges(package, &ours);
            problems.extend(externals(package, &ours));
            problems.extend(sides(package));
            problems
        })
        .collect()
}

fn edges(package: &Package, ours: &BTreeSet<&str>) -> Vec<String> {
    let name = package.name.as_str();
    let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| *known == name) else {
        return vec![format!(
            "crate {name} is not in the list of crates (crates/xtask/src/tidy/edges.rs): a new \
             crate needs a reason and its allowed edges"
        )];
    };
    let mut problems = Vec::new();
    for dependency in ours_of(package, ours) {
        let other = dependency.name.as_str();
        let may = match name {
            _ if is_dev(dependency) => may_test_with(name, other, allowed),
            // All of it is a test.
            FUZZ => may_test_with(name, other, allowed),
            "server" => !FORBIDDEN_FOR_SERVER.contains(&other),
            _ => other != TEST_ONLY && allowed.contains(&other),
        };
        if !may {
            let kind = dependency.kind.as_deref().unwrap_or("normal");
            problems.push(format!(
                "{name} must not depend on {other} ({kind} dependency)"
            ));
        }
    }
    problems
}

/// Tests may use test tools, and whatever the crate itself may use.
fn may_test_with(name: &str, other: &str, allowed: &[&str]) -> bool {
    other == TEST_ONLY || name == "server" || allowed.contains(&other)
}

/// Pure crates use nothing from outside; tests of theirs may.
fn externals(package: &Package, ours: &BTreeSet<&str>) -> Vec<String> {
    if !PURE.contains(&package.name.as_str()) {
        return Vec::new();
    }
    package
        .dependencies
        .iter()
        .filter(|dependency| !is_dev(dependency) && !ours.contains(dependency.name.as_str()))
        .map(|dependency| {
            format!(
                "{} is pure and must not depend on {}",
                package.name, dependency.name
            )
        })
        .collect()
}

/// `app` is built for one side at a time.
fn sides(package: &Package) -> Vec<String> {
    let mut problems = Vec::new();
    let app_features = package
        .dependencies
        .iter()
        .find(|dependency| dependency.name == "app" && !is_dev(dependency))
        .map(|dependency| dependency.features.as_slice());
    let expected = match package.name.as_str() {
        "frontend" => Some("hydrate"),
        "server" => Some("ssr"),
        _ => None,
    };
    if let Some(side) = expected
        && app_features.is_none_or(|features| features != [side])
    {
        problems.push(format!(
            "{} must build app with exactly `{side}`",
            package.name
        ));
    }
    if package.name == "app" {
        if package.features.contains_key("default") {
            problems.push("app must have no default feature".to_owned());
        }
        let service = package
            .dependencies
            .iter()
            .find(|one| one.name == "service");
        if service.is_some_and(|service| !service.optional) {
            problems.push("app may depend on service only with `ssr`: make it optional".to_owned());
        }
    }
    problems
}

fn ours_of<'a>(
    package: &'a Package,
    ours: &'a BTreeSet<&str>,
) -> impl Iterator<Item = &'a Dependency> {
    package
        .dependencies
        .iter()
        .filter(|dependency| ours.contains(dependency.name.as_str()))
}

fn is_dev(dependency: &Dependency) -> bool {
    dependency.kind.as_deref() == Some("dev")
}

#[cfg(test)]
mod tests {
    //! The rules refuse what they are there to refuse.

    use std::collections::BTreeMap;

    use super::*;

    fn package(name: &str, dependencies: &[(&str, Option<&str>)]) -> Package {
        Package {
            name: name.to_owned(),
            dependencies: dependencies
                .iter()
                .map(|(name, kind)| Dependency {
                    name: (*name).to_owned(),
                    kind: kind.map(str::to_owned),
                    optional: false,
                    features: Vec::new(),
                })
                .collect(),
            targets: Vec::new(),
            features: BTreeMap::new(),
        }
    }

    fn problems_of(name: &str, dependencies: &[(&str, Option<&str>)]) -> usize {
        let mut packages: Vec<Package> = ["model", "store", "disk", "testkit"]
            .iter()
            .map(|name| package(name, &[]))
            .collect();
        packages.push(package(name, dependencies));
        check(&Metadata {
            packages,
            target_directory: "target".into(),
        })
        .len()
    }

    #[test]
    fn only_listed_edges_are_allowed() {
        assert_eq!(problems_of("sched", &[("model", None)]), 0);
        assert_eq!(problems_of("sched", &[("store", None)]), 1);
        assert_eq!(problems_of("sched", &[("serde", None)]), 1);
        assert_eq!(problems_of("sched", &[("proptest", Some("dev"))]), 0);
        assert_eq!(problems_of("mover", &[("testkit", Some("dev"))]), 0);
        assert_eq!(problems_of("mover", &[("testkit", None)]), 1);
        assert_eq!(problems_of("mover", &[("disk", Some("build"))]), 0);
        assert_eq!(problems_of("novelty", &[]), 1);
        assert_eq!(problems_of("app", &[("service", None)]), 1);
        assert_eq!(problems_of("fuzz", &[("disk", None), ("testkit", None)]), 0);
        assert_eq!(problems_of("fuzz", &[("store", None)]), 1);
    }
}

//! What is measured beside what. Commands are those of a shell in the directory of the images,
//! with these names set: `L` is Landfall's program; `S` the source, `C` an equal copy, `T1` and
//! `T10` old disks of which 1 % and 10 % of the blocks differ, `SQ` and `CQ` qcow2 versions of `S`
//! and `C`; `X` the target of this run; `XT` this program, for its modelled link, which counts to
//! file `K`; `R1` the ranges in which `T1` differs; `D` the directory.

mod apart;
mod growth;
mod local;
mod nbd;

use super::case::Case;

/// Every case, in the document's order.
pub(super) fn all() -> impl Iterator<Item = &'static Case> {
    [local::CASES, nbd::CASES, apart::CASES, growth::CASES]
        .into_iter()
        .flatten()
}

/// What most cases of one process run.
const SYNC: &str = "$L disk sync --json $S $X";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::all;

    #[test]
    fn ids_are_words_of_their_own_and_every_case_can_fail() {
        let ids: BTreeSet<&str> = all().map(|case| case.id).collect();
        assert_eq!(ids.len(), all().count());
        for case in all() {
            assert!(!case.goals.is_empty(), "{} has no goal", case.id);
            assert!(
                case.id
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '-')
            );
        }
    }

    #[test]
    fn every_number_of_the_suite_has_a_case() {
        let numbers: BTreeSet<&str> = all().flat_map(|case| case.numbers.split(", ")).collect();
        for number in 1..=23 {
            assert!(numbers.contains(number.to_string().as_str()), "{number}");
        }
    }
}

//! What a check found, as data and as a table.

use std::fmt;

use model::PointName;

/// The outcome for one disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerifyResult {
    /// Every byte is the same.
    Equal,
    /// Something differs.
    Different {
        /// What, and where.
        text: String,
    },
    /// It could not be compared.
    NotComparable {
        /// Why, and the next step.
        reason: String,
    },
}

impl fmt::Display for VerifyResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equal => f.write_str("equal"),
            Self::Different { text } => write!(f, "DIFFERENT: {text}"),
            Self::NotComparable { reason } => write!(f, "not compared: {reason}"),
        }
    }
}

/// One disk of a production VM beside its replica's protective point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskRow {
    /// The production VM's name.
    pub vm: String,
    /// The disk's name.
    pub disk: String,
    /// The replica's point that it was compared with.
    pub point: PointName,
    /// The outcome.
    pub result: VerifyResult,
}

/// The guest's records on a production VM's first disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordsRow {
    /// The production VM's name.
    pub vm: String,
    /// No record up to the last is missing or damaged.
    pub whole: bool,
    /// What was found, in words.
    pub text: String,
}

/// Everything that a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// The disks compared.
    pub disks: Vec<DiskRow>,
    /// The records read.
    pub records: Vec<RecordsRow>,
    /// Replicas without a point of a session: nothing to compare.
    pub without_point: Vec<String>,
}

/// What a whole check comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// At least one disk was compared, all of them are equal, and no record is missing or damaged.
    Equal,
    /// A disk differs, or a record is missing or damaged.
    Different,
    /// Nothing that was compared differs, and some disk could not be compared.
    NotCompared,
    /// No replica has a session's point.
    NothingToCompare,
}

impl VerifyReport {
    /// What it comes to; a difference outweighs what could not be compared.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let any = |wanted: fn(&VerifyResult) -> bool| self.disks.iter().any(|d| wanted(&d.result));
        if any(|result| matches!(result, VerifyResult::Different { .. }))
            || self.records.iter().any(|row| !row.whole)
        {
            return Verdict::Different;
        }
        if any(|result| matches!(result, VerifyResult::NotComparable { .. })) {
            return Verdict::NotCompared;
        }
        if self.disks.is_empty() {
            return Verdict::NothingToCompare;
        }
        Verdict::Equal
    }

    /// The table's cells: VM, what was looked at, outcome.
    fn cells(&self) -> Vec<[String; 3]> {
        let disks = self.disks.iter().map(|row| {
            let outcome = format!("{} (point {})", row.result, row.point);
            [row.vm.clone(), row.disk.clone(), outcome]
        });
        let records = self.records.iter().map(|row| {
            let outcome = if row.whole { "whole" } else { "NOT WHOLE" };
            [
                row.vm.clone(),
                "records".to_owned(),
                format!("{outcome}: {}", row.text),
            ]
        });
        let skipped = self.without_point.iter().map(|vm| {
            let outcome = "no session's point yet: nothing to compare";
            [vm.clone(), "-".to_owned(), outcome.to_owned()]
        });
        disks.chain(records).chain(skipped).collect()
    }
}

impl fmt::Display for VerifyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["VM", "disk", "result"].map(str::to_owned);
        let cells = self.cells();
        let rows = || std::iter::once(&head).chain(&cells);
        let width = |column: usize| {
            rows()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or_default()
        };
        let (vm, disk) = (width(0), width(1));
        for row in rows() {
            writeln!(f, "{:vm$}  {:disk$}  {}", row[0], row[1], row[2])?;
        }
        Ok(())
    }
}

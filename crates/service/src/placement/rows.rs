//! The lines of a form that were ticked.

use std::collections::BTreeMap;

use model::{
    ApiError,
    view::{RowsInput, WizardStep},
};

use super::{Placed, Plan, Row};
use crate::refusal::{invalid, not_found};

/// The VMs of which a line is ticked, each with those lines; never none.
pub(crate) fn select<'p, 'a>(
    plan: &'p Plan<'a>,
    step: WizardStep,
    input: &RowsInput,
) -> Result<Vec<(&'p Placed<'a>, Vec<Row>)>, ApiError> {
    if input.all {
        return Ok(plan.vms.iter().map(|vm| (vm, vec![Row::Vm])).collect());
    }
    if input.ticked.is_empty() {
        return Err(invalid(
            "rows",
            "No row is ticked, so nothing was changed.",
            "Tick the rows to change, or \"All rows\".",
        ));
    }
    let index: BTreeMap<&str, usize> = plan
        .vms
        .iter()
        .enumerate()
        .map(|(index, vm)| (vm.subject.replica.as_str(), index))
        .collect();
    let mut found: BTreeMap<usize, Vec<Row>> = BTreeMap::new();
    for key in &input.ticked {
        let (replica, part) = match key.split_once('/') {
            Some((replica, part)) => (replica, Some(part)),
            None => (key.as_str(), None),
        };
        let at = index.get(replica).copied();
        let row = at.and_then(|at| row(&plan.vms[at], step, part));
        let (Some(at), Some(row)) = (at, row) else {
            return Err(not_found(
                format!("The row {key} is no longer there."),
                "Load this step again.",
            )
            .on_field("rows"));
        };
        let rows = found.entry(at).or_default();
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    Ok(found
        .into_iter()
        .map(|(at, rows)| (&plan.vms[at], rows))
        .collect())
}

fn row(vm: &Placed<'_>, step: WizardStep, part: Option<&str>) -> Option<Row> {
    let Some(part) = part else {
        return Some(Row::Vm);
    };
    if step == WizardStep::Network {
        let mut adapters = vm.subject.source.adapters.iter();
        let found = adapters.find(|adapter| adapter.mac == part)?;
        return Some(Row::Adapter(found.mac.clone()));
    }
    if part.is_empty() {
        return Some(Row::Config);
    }
    let disk = vm.disks.iter().find(|it| it.source.key.as_str() == part)?;
    Some(Row::Disk(disk.source.key.clone()))
}

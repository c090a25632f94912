//! Quick rollback: whether change tracking can say where to look, per VM, and why not.

use model::{
    CommonPoint, Destination, Trouble, VmRef, WrittenSince,
    view::{CheckSubject, QuickView, QuickVm, SummaryVm},
};
use store::{DraftBody, ReplicaRow};

use crate::estate::Estate;

/// From which moment on a VM is looked at, when quick rollback was asked for and can be; says in
/// the summary what that means.
pub(super) fn apply(
    view: &mut SummaryVm,
    estate: &Estate,
    body: &DraftBody,
    replica: &ReplicaRow,
) -> Option<CommonPoint> {
    let asked = body.quick && body.destination == Some(Destination::OriginalVm);
    if !asked {
        return None;
    }
    match possible(estate, body.trouble, replica) {
        Ok(common) => {
            view.quick = true;
            view.pass(
                CheckSubject::ChangeTracking,
                "Quick rollback: only what change tracking of both sides names is compared, and a \
                 sample of the rest.",
            );
            if let Some(WrittenSince::Known { either, .. }) = replica.written_since {
                view.to_read = either.saturating_add(either);
            }
            Some(common)
        }
        Err(why) => {
            let warning = format!("Quick rollback is not possible. {why}");
            view.warn(CheckSubject::ChangeTracking, warning);
            None
        }
    }
}

/// What the Destination step shows.
pub(crate) fn view(estate: &Estate, body: &DraftBody) -> QuickView {
    let chosen = body.chosen.iter().filter_map(|id| estate.replica(id));
    let vms = chosen.map(|replica| {
        let possible = possible(estate, body.trouble, replica);
        QuickVm {
            name: estate.vm_name(&replica.vm),
            to_look_at: match (&possible, &replica.written_since) {
                (Ok(_), Some(WrittenSince::Known { either, .. })) => Some(*either),
                (Ok(_), Some(WrittenSince::Broken(_)) | None) | (Err(_), _) => None,
            },
            why_not: possible.err(),
        }
    });
    let vms: Vec<QuickVm> = vms.collect();
    QuickView {
        asked: body.quick,
        trouble: body.trouble,
        possible: vms.iter().filter(|vm| vm.why_not.is_none()).count(),
        vms,
    }
}

fn possible(
    estate: &Estate,
    trouble: Trouble,
    replica: &ReplicaRow,
) -> Result<CommonPoint, String> {
    match trouble {
        Trouble::Guest => {}
        Trouble::PowerLoss => {
            return Err(
                "After a power loss the last records of change tracking may be missing, \
                        so the whole disks are compared."
                    .to_owned(),
            );
        }
        Trouble::HardwareOrStorage => {
            return Err(
                "After a fault of hardware or storage disks may differ where nobody \
                        wrote, so the whole disks are compared."
                    .to_owned(),
            );
        }
    }
    if *estate.production_of(replica) != replica.original {
        return Err("Its production VM is no longer the VM that was replicated.".to_owned());
    }
    for vm in [&replica.vm, &replica.original] {
        tracked(estate, vm)?;
    }
    let common = replica.restore_point.as_ref().and_then(|it| it.common());
    let Some(common) = common else {
        return Err(
            "No common point of both sides was recorded with its restore point, so change \
             tracking has nothing to start from."
                .to_owned(),
        );
    };
    match &replica.written_since {
        Some(WrittenSince::Broken(why)) => Err(format!("Change tracking is not whole: {why}.")),
        Some(WrittenSince::Known { .. }) | None => Ok(common),
    }
}

fn tracked(estate: &Estate, vm: &VmRef) -> Result<(), String> {
    let name = || format!("{} at {}", estate.vm_name(vm), estate.site_name(&vm.site));
    let site = estate.site(&vm.site);
    if let Some(why) = site.and_then(|(site, ..)| site.no_quick_rollback.as_ref()) {
        return Err(format!("{}: {why}", estate.site_name(&vm.site)));
    }
    match estate.vm(vm) {
        Some(info) if info.change_tracking => Ok(()),
        Some(_) => Err(format!("Change tracking is off for {}.", name())),
        None => Err(format!("{} cannot be found.", name())),
    }
}

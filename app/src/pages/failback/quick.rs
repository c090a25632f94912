//! Quick rollback on the Destination step: the wish, what happened at production, and for which
//! VMs it cannot work.

use leptos::prelude::*;
use model::{
    Trouble,
    view::{PageInfo, QuickView, QuickVm},
};

use crate::words;

/// The box, the question that decides whether change tracking can be believed, and the answer per
/// VM. It counts for the original VM only.
#[component]
pub(super) fn QuickRollback(quick: QuickView, page: PageInfo) -> impl IntoView {
    let QuickView {
        asked,
        trouble,
        possible,
        vms,
    } = quick;
    let nowhere = !vms.is_empty() && possible == 0;
    // What the declared trouble excludes can be had again by declaring another.
    let off = nowhere && trouble == Trouble::Guest;
    let beyond = page.total.saturating_sub(vms.len());
    let beyond = (beyond > 0).then(|| {
        view! { <p class="hint">{format!("Of {} it is possible for {}.", words::counted(page.total, "VM"), words::grouped(possible))}</p> }
    });
    let rows = vms.into_iter().map(vm_row).collect_view();
    view! {
        <h3>"Quick rollback"</h3>
        <div class="choice">
            <input
                type="checkbox"
                id="quick"
                name="quick"
                value="true"
                checked=asked && !off
                disabled=off
                aria-describedby="quick-note"
            />
            <label for="quick">"Compare only what change tracking names (original VM only)"</label>
        </div>
        <p id="quick-note" class="hint">
            "What was written on either side since the restore point is compared, and a random "
            "sample of the rest. One block of the sample that differs, and the whole disk is compared. "
            "Only a comparison of whole disks gets a certificate."
        </p>
        <fieldset class="choices">
            <legend>"What happened at production?"</legend>
            {trouble_choice(
                Trouble::Guest,
                trouble,
                "Nothing to its disks: a planned failover, or a fault within the guest",
            )}
            {trouble_choice(Trouble::PowerLoss, trouble, "The power failed")}
            {trouble_choice(Trouble::HardwareOrStorage, trouble, "Hardware or storage failed")}
        </fieldset>
        <ul class="quick-vms">{rows}</ul>
        {beyond}
    }
}

fn trouble_choice(value: Trouble, chosen: Trouble, text: &'static str) -> impl IntoView {
    let word = form_value(value);
    let id = format!("trouble-{word}");
    view! {
        <div class="choice">
            <input type="radio" name="trouble" id=id.clone() value=word checked=value == chosen/>
            <label for=id>{text}</label>
        </div>
    }
}

fn vm_row(vm: QuickVm) -> impl IntoView {
    let says = match (vm.why_not, vm.to_look_at) {
        (Some(why), _) => format!("not possible. {why}"),
        (None, Some(bytes)) => format!("possible, {bytes} to compare on each side"),
        (None, None) => "possible".to_owned(),
    };
    view! { <li><strong>{vm.name}</strong> ": " {says}</li> }
}

/// As `serde` reads it from a form.
const fn form_value(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::Guest => "guest",
        Trouble::PowerLoss => "power_loss",
        Trouble::HardwareOrStorage => "hardware_or_storage",
    }
}

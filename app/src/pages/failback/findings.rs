//! What the layout check found, disk by disk.

use leptos::prelude::*;
use model::{LayoutFinding, LayoutKind};

use crate::components::icon::Icon;

/// The findings in the order of the disks.
#[component]
pub(super) fn Findings(findings: Vec<LayoutFinding>) -> impl IntoView {
    let items = findings.into_iter().map(finding).collect_view();
    view! { <ul class="findings">{items}</ul> }
}

fn finding(finding: LayoutFinding) -> impl IntoView {
    let (symbol, class) = match finding.kind {
        LayoutKind::Fits => ("done", ""),
        LayoutKind::Unpaired => ("waiting", "unpaired"),
        LayoutKind::Blocks => ("attention", "blocks"),
    };
    view! {
        <li class=class>
            <Icon name=symbol/>
            <span><strong>{finding.disk}</strong> ": " {finding.what}</span>
        </li>
    }
}

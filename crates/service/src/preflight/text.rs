//! The preflight report and the estimate of a draft as plain text, for a change request or a
//! colleague without a browser.

use model::{
    Destination,
    view::{PlanEstimate, SummaryVm, Verdict},
};

use crate::start::counted;

/// What the report says of all VMs together.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    /// When it was made, in words.
    pub(crate) made: String,
    /// Where the VMs return to.
    pub(crate) destination: Option<Destination>,
    /// When the switchover follows, what follows by itself, and the order: sentences.
    pub(crate) choices: Vec<String>,
}

/// The report.
pub(crate) fn report(head: &Head, vms: &[SummaryVm]) -> String {
    let mut text = Text(String::new());
    text.line("Failback plan");
    text.line(format!("Made {}. Nothing was written.", head.made));
    text.empty();
    let destination = head
        .destination
        .map_or("not chosen yet", Destination::title);
    text.line(format!("Destination: {destination}"));
    for sentence in head.choices.iter().filter(|it| !it.is_empty()) {
        text.line(sentence);
    }
    text.line(all(vms));
    for vm in vms {
        text.empty();
        text.vm(vm);
    }
    text.0
}

fn all(vms: &[SummaryVm]) -> String {
    let blocked = vms.iter().filter(|vm| vm.blocked().next().is_some());
    let count = counted(vms.len(), "VM", "VMs");
    match blocked.count() {
        0 => format!("{count}; nothing stands against the start."),
        stopped => format!("{count}, of which {stopped} cannot start: see \"fail\" below."),
    }
}

struct Text(String);

impl Text {
    fn line(&mut self, line: impl AsRef<str>) {
        self.0.push_str(line.as_ref());
        self.0.push('\n');
    }

    fn empty(&mut self) {
        self.line("");
    }

    fn fact(&mut self, name: &str, value: impl AsRef<str>) {
        self.line(format!("  {name:<20} {}", value.as_ref()));
    }

    fn vm(&mut self, vm: &SummaryVm) {
        let route = match vm.route.as_str() {
            "" => String::new(),
            route => format!(", {route}"),
        };
        self.line(format!("{}{route}", vm.name));
        for (name, value) in &vm.placement {
            self.fact(name, value);
        }
        if let Some(mode) = &vm.own_mode {
            self.fact("Failback mode", mode);
        }
        self.checks(vm);
        if let Some(estimate) = &vm.estimate {
            self.estimate(estimate, vm);
        }
        if !vm.drift.is_empty() {
            self.line("  Not sent, to be seen by name:");
            for drift in &vm.drift {
                self.line(format!("    - {}: {}", drift.item, drift.what));
            }
        }
    }

    fn checks(&mut self, vm: &SummaryVm) {
        let of = |verdict| {
            let checks = vm.checks.iter();
            checks.filter(|check| check.verdict == verdict).count()
        };
        let counts = [Verdict::Pass, Verdict::Warn, Verdict::Fail]
            .map(|verdict| format!("{} {}", of(verdict), verdict.word()));
        self.line(format!("  Checks: {}", counts.join(", ")));
        for check in &vm.checks {
            self.line(format!(
                "    {}  {:<15}  {}",
                check.verdict.word(),
                check.subject.title(),
                check.what
            ));
        }
    }

    fn estimate(&mut self, estimate: &PlanEstimate, vm: &SummaryVm) {
        self.line("  Estimate:");
        let mut fact = |name: &str, value: String| self.fact(&format!("  {name}"), value);
        fact("To read", estimate.to_read.to_string());
        let basis = estimate.basis.words();
        fact("Different", format!("{}, {basis}", estimate.different));
        fact("On the wire", format!("{}, before packing", estimate.wire));
        fact("Phase 1", estimate.phase_1.to_string());
        fact("Downtime", estimate.downtime.to_string());
        if vm.placement.is_empty() {
            let (undo, free) = (vm.undo_space, vm.free_space);
            fact("Space for undo", format!("up to {undo}, {free} free"));
        }
        self.line("  Assumed:");
        for sentence in &estimate.assumptions {
            self.line(format!("    - {sentence}"));
        }
    }
}

//! The wizard: its steps, its draft and what each step shows.

use serde::{Deserialize, Serialize};

use super::{
    AfterInput, Check, CheckSubject, PAGE_ROWS, PageInfo, PlacementView, PlanEstimate,
    ProxyPickView, ReplicaView, SeveralView, TALL_PAGE_ROWS, Verdict,
};
use crate::{
    BatchId, ByteCount, Destination, DraftId, Drift, FailbackMode, LayoutFinding, PolicyChoice,
    ReplicaId, SessionId, Timestamp, Trouble, VmRef,
};

/// A step of the wizard. Which ones apply is computed from the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WizardStep {
    /// Which replicas.
    Replica,
    /// Where they return to.
    Destination,
    /// Which storage policy each original VM gets, where it is not as it was at replication.
    StoragePolicy,
    /// Which name, host or cluster each new VM gets.
    Host,
    /// Which pool or vApp.
    ResourcePool,
    /// Which datastore its files lie on, and how its disks take space.
    Datastore,
    /// Which VM folder, and whether tags come along.
    Folder,
    /// Which network each adapter is attached to.
    Network,
    /// Which existing VM each replica returns to.
    TargetVm,
    /// When the switchover follows.
    FailbackMode,
    /// Everything chosen, with the checks and the estimate.
    Summary,
}

impl WizardStep {
    /// Rows of a full page of the step's list.
    #[must_use]
    pub const fn page_rows(self) -> usize {
        match self {
            Self::TargetVm | Self::Summary => TALL_PAGE_ROWS,
            Self::Replica
            | Self::Destination
            | Self::StoragePolicy
            | Self::Host
            | Self::ResourcePool
            | Self::Datastore
            | Self::Folder
            | Self::Network
            | Self::FailbackMode => PAGE_ROWS,
        }
    }

    /// Every step, in the order in which those that apply follow each other.
    pub const ALL: [Self; 11] = [
        Self::Replica,
        Self::Destination,
        Self::StoragePolicy,
        Self::Host,
        Self::ResourcePool,
        Self::Datastore,
        Self::Folder,
        Self::Network,
        Self::TargetVm,
        Self::FailbackMode,
        Self::Summary,
    ];

    /// The steps that apply to a destination, in order.
    #[must_use]
    pub const fn of(destination: Option<Destination>) -> &'static [Self] {
        match destination {
            None | Some(Destination::OriginalVm) => &[
                Self::Replica,
                Self::Destination,
                Self::FailbackMode,
                Self::Summary,
            ],
            Some(Destination::RecoveredVm) => &[
                Self::Replica,
                Self::Destination,
                Self::TargetVm,
                Self::FailbackMode,
                Self::Summary,
            ],
            Some(Destination::SpecifiedLocation) => &[
                Self::Replica,
                Self::Destination,
                Self::Host,
                Self::ResourcePool,
                Self::Datastore,
                Self::Folder,
                Self::Network,
                Self::FailbackMode,
                Self::Summary,
            ],
        }
    }

    /// The steps of a draft: those of its destination, and Storage policy where there is a question.
    #[must_use]
    pub fn listed(destination: Option<Destination>, policy_asked: bool) -> Vec<Self> {
        let mut steps = Self::of(destination).to_vec();
        if policy_asked {
            let after = steps.iter().position(|step| *step > Self::StoragePolicy);
            steps.insert(after.unwrap_or(steps.len()), Self::StoragePolicy);
        }
        steps
    }

    /// The step in the address: `replica`, `destination`, `target`, `mode`.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Replica => "replica",
            Self::Destination => "destination",
            Self::StoragePolicy => "policy",
            Self::Host => "host",
            Self::ResourcePool => "pool",
            Self::Datastore => "datastore",
            Self::Folder => "folder",
            Self::Network => "network",
            Self::TargetVm => "target",
            Self::FailbackMode => "mode",
            Self::Summary => "summary",
        }
    }

    /// The step of an address.
    #[must_use]
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.slug() == slug)
    }

    /// The step's title on the rail.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Replica => "Replica",
            Self::Destination => "Destination",
            Self::StoragePolicy => "Storage policy",
            Self::Host => "Host",
            Self::ResourcePool => "Resource pool",
            Self::Datastore => "Datastore",
            Self::Folder => "Folder",
            Self::Network => "Network",
            Self::TargetVm => "Target VM",
            Self::FailbackMode => "Failback mode",
            Self::Summary => "Summary",
        }
    }
}

/// One of the three destinations, with its texts and whether it can be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationOption {
    /// Which one.
    pub destination: Destination,
    /// Its title.
    pub title: String,
    /// What travels.
    pub transfers: String,
    /// What it needs.
    pub needs: String,
    /// Why it cannot be chosen; none when it can.
    pub why_not: Option<String>,
}

/// One VM on the Storage policy step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRow {
    /// The replica.
    pub replica: ReplicaId,
    /// The production VM's name.
    pub name: String,
    /// Why it is asked: the policy of replication is gone, or is another now.
    pub why: String,
    /// What was chosen; none before the first choice, and when that is not possible any more.
    pub chosen: Option<PolicyChoice>,
    /// Current, Default and Stored.
    pub options: Vec<PolicyOption>,
}

/// One of the three answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyOption {
    /// Which one.
    pub choice: PolicyChoice,
    /// The policy's name; none where the VM would have no policy.
    pub policy: Option<String>,
    /// Why it cannot be chosen; none when it can.
    pub why_not: Option<String>,
}

/// Quick rollback on the Destination step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuickView {
    /// It was asked for.
    pub asked: bool,
    /// What happened at production.
    pub trouble: Trouble,
    /// For how many of the chosen VMs it can work.
    #[serde(default)]
    pub possible: usize,
    /// The chosen VMs; on a page those first for which it cannot.
    pub vms: Vec<QuickVm>,
}

/// Whether quick rollback can work for a VM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuickVm {
    /// Its name.
    pub name: String,
    /// Bytes that change tracking names on either side; none where that is not known.
    pub to_look_at: Option<ByteCount>,
    /// Why it cannot work; none where it can.
    pub why_not: Option<String>,
}

/// A VM that a replica could return to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetCandidate {
    /// The VM.
    pub vm: VmRef,
    /// Its name and site, in words.
    pub label: String,
    /// What matches the replica's original: "identity, name and disk layout"; empty for nothing.
    pub matched: String,
    /// Why it cannot be chosen; none when it can.
    pub why_not: Option<String>,
    /// Its disks against the replica's, disk by disk; for VMs that match by more than their disks,
    /// and for the chosen one.
    pub layout: Vec<LayoutFinding>,
}

/// One replica on the Target VM step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetRow {
    /// The replica.
    pub replica: ReplicaId,
    /// Its name.
    pub name: String,
    /// The VM that was chosen; none before the first choice.
    pub chosen: Option<VmRef>,
    /// What is proposed: the VM that matches best and can be chosen.
    pub suggested: Option<VmRef>,
    /// The chosen VM, and those that match the replica's original, the best first.
    pub candidates: Vec<TargetCandidate>,
    /// Why the chosen VM cannot be returned to as it is now, with the next step.
    pub blocked: Vec<String>,
}

/// One line of the Target VM step's form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetInput {
    /// The replica.
    pub replica: ReplicaId,
    /// The VM picked from the list, as `site/platform id`; empty for none.
    pub target: String,
    /// The name of a VM that is not in the list; goes before the list when it is not empty.
    pub other: String,
}

/// One VM on Summary: what was chosen and what the checks say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SummaryVm {
    /// The replica.
    pub replica: ReplicaId,
    /// Its name.
    pub name: String,
    /// From where to where, in words.
    pub route: String,
    /// Its own failback mode in words; none when it has that of all.
    #[serde(default)]
    pub own_mode: Option<String>,
    /// Where it is made, as names and choices; empty for a VM that is there.
    #[serde(default)]
    pub placement: Vec<(String, String)>,
    /// Disk layout, disk by disk.
    pub layout: Vec<LayoutFinding>,
    /// What differs and is not sent.
    pub drift: Vec<Drift>,
    /// Bytes that will be read on both sides, an estimate from allocation maps or, with quick
    /// rollback, from change tracking.
    pub to_read: ByteCount,
    /// The storage policy that it is associated with at the switchover; none where that is left
    /// alone.
    #[serde(default)]
    pub policy: Option<String>,
    /// Quick rollback looks only at what change tracking names, and at a sample of the rest.
    #[serde(default)]
    pub quick: bool,
    /// Space that undo may take at production at most.
    pub undo_space: ByteCount,
    /// Free space where it is taken.
    pub free_space: ByteCount,
    /// The preflight report: every check that was made.
    pub checks: Vec<Check>,
    /// What it is expected to cost; none where there is too little to go by.
    #[serde(default)]
    pub estimate: Option<PlanEstimate>,
}

impl SummaryVm {
    /// Adds a check that is as it should be.
    pub fn pass(&mut self, subject: CheckSubject, what: impl Into<String>) {
        self.check(subject, Verdict::Pass, what.into());
    }

    /// Adds a check with something to be known before.
    pub fn warn(&mut self, subject: CheckSubject, what: impl Into<String>) {
        self.check(subject, Verdict::Warn, what.into());
    }

    /// Adds a check that stops Finish. The same twice is said once.
    pub fn fail(&mut self, subject: CheckSubject, what: impl Into<String>) {
        let what = what.into();
        if !self.blocked().any(|known| known == what) {
            self.check(subject, Verdict::Fail, what);
        }
    }

    /// Why Finish is not possible for this VM; nothing when it is.
    pub fn blocked(&self) -> impl Iterator<Item = &str> {
        self.found(Verdict::Fail)
    }

    /// Other things to know: a production VM that runs will be powered off.
    pub fn warnings(&self) -> impl Iterator<Item = &str> {
        self.found(Verdict::Warn)
    }

    fn found(&self, verdict: Verdict) -> impl Iterator<Item = &str> {
        let checks = self.checks.iter();
        checks
            .filter(move |check| check.verdict == verdict)
            .map(|check| check.what.as_str())
    }

    fn check(&mut self, subject: CheckSubject, verdict: Verdict, what: String) {
        self.checks.push(Check {
            subject,
            verdict,
            what,
        });
    }
}

/// The result of a dry run for one VM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DryRunVm {
    /// The replica; none in results from before it was kept.
    #[serde(default)]
    pub replica: Option<ReplicaId>,
    /// The replica's name.
    pub name: String,
    /// Bytes looked at.
    pub scanned: ByteCount,
    /// Bytes that differ.
    pub different: ByteCount,
    /// Bytes that would be sent.
    pub to_send: ByteCount,
    /// Why it could not be measured.
    pub error: Option<String>,
}

/// A dry run: a full difference with nothing written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DryRunView {
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// When it was done; none while it runs.
    pub done_at: Option<Timestamp>,
    /// Bytes to scan in all and scanned so far.
    pub progress: (ByteCount, ByteCount),
    /// Per VM.
    pub vms: Vec<DryRunVm>,
}

/// The failback mode as the form sends it: local time of a zone, not yet an instant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModeInput {
    /// `auto`, `scheduled` or `manual`.
    pub mode: String,
    /// Local date and time as `2026-11-23T04:05`, for `scheduled`.
    pub at: String,
    /// IANA zone name, for `scheduled`.
    pub zone: String,
    /// Minutes after `at` until which it may still switch by itself; 60 when empty.
    pub not_later_minutes: String,
    /// `earlier` or `later`, when clocks are set back and the local time comes twice.
    pub which: String,
}

/// A draft with everything its steps show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftView {
    /// Its id.
    pub id: DraftId,
    /// When the answer was made.
    pub now: Timestamp,
    /// The steps that apply, in order, each with whether its choice is complete. Summary is complete
    /// where the answer has its checks: for that step, or where no step was asked for.
    pub steps: Vec<(WizardStep, bool)>,
    /// Which page of the step's list the answer has; all of every list where none was asked for.
    #[serde(default)]
    pub page: PageInfo,
    /// Replicas, those not in Failover with why not.
    pub replicas: Vec<ReplicaView>,
    /// How many of them the filter lets through and can be chosen.
    #[serde(default)]
    pub selectable: usize,
    /// The chosen ones; of a page, those on it.
    pub chosen: Vec<ReplicaId>,
    /// How many are chosen.
    #[serde(default)]
    pub chosen_count: usize,
    /// The names of the first of them.
    #[serde(default)]
    pub chosen_names: Vec<String>,
    /// The three options.
    pub destinations: Vec<DestinationOption>,
    /// The chosen option.
    pub destination: Option<Destination>,
    /// Which proxies may carry the disks.
    #[serde(default)]
    pub proxies: ProxyPickView,
    /// Quick rollback, for the original VM; only for Destination.
    #[serde(default)]
    pub quick: QuickView,
    /// The chosen mode as it was typed.
    pub mode_input: ModeInput,
    /// The chosen mode, checked.
    pub mode: Option<FailbackMode>,
    /// The chosen mode in words.
    pub mode_words: String,
    /// What happens by itself around the switchover, as it was typed.
    pub after_input: AfterInput,
    /// The same in words; empty until a mode is chosen.
    pub after_words: String,
    /// Order, limit and own modes of several VMs; none for a single one.
    pub several: Option<SeveralView>,
    /// Order and limit in words; empty for a single VM.
    pub several_words: String,
    /// Power on the production VM after switchover.
    pub power_on: bool,
    /// Drift was seen: names of the items ticked, as `replica id/item`.
    pub drift_seen: Vec<String>,
    /// Reason for the audit log.
    pub reason: String,
    /// How many VMs to return to are chosen, for Target VM.
    #[serde(default)]
    pub targets_chosen: usize,
    /// Per VM, for Target VM; empty for other destinations.
    #[serde(default)]
    pub targets: Vec<TargetRow>,
    /// Per VM, for Storage policy; empty where there is no question.
    #[serde(default)]
    pub policies: Vec<PolicyRow>,
    /// For the steps of a specified location; none for other destinations.
    #[serde(default)]
    pub placement: Option<PlacementView>,
    /// What stops Finish: the first reasons, each with its VM's name; only for Summary.
    #[serde(default)]
    pub blocked: Vec<(String, String)>,
    /// Per VM, for Summary.
    pub summary: Vec<SummaryVm>,
    /// Bytes that will be read, all VMs together; only for Summary.
    #[serde(default)]
    pub to_read: ByteCount,
    /// Whether a dry run has anything to compare: VMs that are made empty have nothing; only for Summary.
    #[serde(default)]
    pub comparable: bool,
    /// The newest dry run; only for Summary.
    pub dry_run: Option<DryRunView>,
    /// Set once Finish was pressed: the sessions it started.
    pub finished: Option<FinishReply>,
    /// Zones that can be chosen.
    pub zones: Vec<String>,
}

/// What Finish did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinishReply {
    /// The batch.
    pub batch: BatchId,
    /// One session per replica.
    pub sessions: Vec<SessionId>,
}

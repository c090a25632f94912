//! Storage policies of original VMs: as they were at replication, or a question.

use model::{
    Destination, PolicyChoice, VmInfo,
    view::{CheckSubject, PolicyOption, PolicyRow, SummaryVm},
};
use store::{DraftBody, ReplicaRow, SiteInventory};

use crate::estate::Estate;

/// What becomes of a production VM's policy at the switchover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// Nothing: its platform has none, or replication stored none.
    Untouched,
    /// Associated again, or as the operator chose; none takes the policy away.
    Associate(Option<String>),
    /// To be chosen first.
    Asked,
}

/// The VMs whose policy is not as it was at replication.
pub(crate) fn rows(estate: &Estate, body: &DraftBody) -> Vec<PolicyRow> {
    let chosen = body.chosen.iter().filter_map(|id| estate.replica(id));
    chosen.filter_map(|it| row(estate, body, it)).collect()
}

/// What becomes of a replica's production VM.
pub(crate) fn of(estate: &Estate, body: &DraftBody, replica: &ReplicaRow) -> Policy {
    let Some(question) = Question::of(estate, body, replica) else {
        return Policy::Untouched;
    };
    if question.is_as_stored() {
        return Policy::Associate(Some(question.stored.to_owned()));
    }
    let chosen = body.policies.get(&replica.id);
    let option = chosen.and_then(|choice| question.possible(*choice));
    option.map_or(Policy::Asked, |option| Policy::Associate(option.policy))
}

/// The same, said in the summary.
pub(super) fn apply(
    view: &mut SummaryVm,
    estate: &Estate,
    body: &DraftBody,
    replica: &ReplicaRow,
) -> Policy {
    let policy = of(estate, body, replica);
    view.policy = match &policy {
        Policy::Untouched => None,
        Policy::Associate(Some(name)) => Some(name.clone()),
        Policy::Associate(None) => Some("none".to_owned()),
        Policy::Asked => {
            let why = "Its storage policy is to be chosen. Choose it at Storage policy.";
            view.fail(CheckSubject::StoragePolicy, why);
            None
        }
    };
    if let Some(name) = &view.policy {
        let what = format!("{name} is associated at the switchover.");
        view.pass(CheckSubject::StoragePolicy, what);
    }
    policy
}

fn row(estate: &Estate, body: &DraftBody, replica: &ReplicaRow) -> Option<PolicyRow> {
    let question = Question::of(estate, body, replica)?;
    if question.is_as_stored() {
        return None;
    }
    let chosen = body.policies.get(&replica.id).copied();
    Some(PolicyRow {
        replica: replica.id.clone(),
        name: question.vm.name.clone(),
        why: question.why(),
        chosen: chosen.filter(|choice| question.possible(*choice).is_some()),
        options: question.options(),
    })
}

/// What is known of one VM's policy.
struct Question<'a> {
    site: &'a SiteInventory,
    vm: &'a VmInfo,
    stored: &'a str,
}

impl<'a> Question<'a> {
    fn of(estate: &'a Estate, body: &DraftBody, replica: &'a ReplicaRow) -> Option<Self> {
        match body.destination {
            None | Some(Destination::OriginalVm) => {}
            Some(Destination::RecoveredVm | Destination::SpecifiedLocation) => return None,
        }
        let stored = replica.stored_policy.as_deref()?;
        let vm = estate.vm(estate.production_of(replica))?;
        let (site, ..) = estate.site(&vm.vm.site)?;
        site.storage_policies.then_some(Self { site, vm, stored })
    }

    fn is_as_stored(&self) -> bool {
        self.vm.storage_policy.as_deref() == Some(self.stored) && self.is_there(self.stored)
    }

    fn is_there(&self, policy: &str) -> bool {
        let mut policies = self.site.resources.policies.iter();
        policies.any(|known| known.name == policy)
    }

    fn why(&self) -> String {
        let (stored, now) = (self.stored, self.vm.storage_policy.as_deref());
        if !self.is_there(stored) {
            return format!("The policy {stored} that it had at replication is gone.");
        }
        match now {
            Some(now) => format!("It had {stored} at replication and has {now} now."),
            None => format!("It had {stored} at replication and has no policy now."),
        }
    }

    /// The policy of the datastore where most of it would be: that of its first disk.
    fn default(&self) -> Option<&str> {
        let datastore = self.vm.disks.first()?.datastore.as_ref()?;
        let resources = &self.site.resources;
        let found = resources.datastores.iter().find(|it| it.id == *datastore)?;
        let id = found.default_policy.as_ref()?;
        let policy = resources.policies.iter().find(|it| it.id == *id)?;
        Some(&policy.name)
    }

    fn options(&self) -> Vec<PolicyOption> {
        let gone = |policy: &str| format!("{policy} is gone.");
        let missing = |policy: &str| (!self.is_there(policy)).then(|| gone(policy));
        let current = self.vm.storage_policy.as_deref();
        let default = self.default();
        vec![
            PolicyOption {
                choice: PolicyChoice::Current,
                policy: current.map(str::to_owned),
                why_not: current.and_then(missing),
            },
            PolicyOption {
                choice: PolicyChoice::Default,
                policy: default.map(str::to_owned),
                why_not: default
                    .is_none()
                    .then(|| "Its datastore has no policy of its own.".to_owned()),
            },
            PolicyOption {
                choice: PolicyChoice::Stored,
                policy: Some(self.stored.to_owned()),
                why_not: missing(self.stored),
            },
        ]
    }

    fn possible(&self, choice: PolicyChoice) -> Option<PolicyOption> {
        let mut options = self.options().into_iter();
        options.find(|it| it.choice == choice && it.why_not.is_none())
    }
}

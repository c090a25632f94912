//! Which part of a draft's lists an answer has: all of them, or a page of one step's.

use std::{collections::BTreeSet, ops::Range};

use model::{
    ReplicaId,
    view::{DraftView, ListQuery, PageInfo, ReplicaView, WizardStep},
};

use crate::{estate::Estate, placement::STEPS};

/// Reasons that stop Finish and are listed.
const REASONS: usize = 50;

/// The part.
pub(super) enum Part {
    /// All rows of all lists.
    Whole,
    /// A page of a step's list; the lists of other steps are empty.
    Page(WizardStep, ListQuery),
}

/// The replicas of an answer.
#[derive(Default)]
pub(super) struct Replicas {
    pub(super) views: Vec<ReplicaView>,
    pub(super) page: PageInfo,
    pub(super) selectable: usize,
}

impl Part {
    /// The replicas to choose from, where the step shows them.
    pub(super) fn replicas(&self, estate: &Estate) -> Replicas {
        match self {
            Self::Whole => {
                let views: Vec<ReplicaView> = estate
                    .replicas()
                    .map(|replica| estate.replica_view(replica))
                    .collect();
                Replicas {
                    selectable: estate.choosable("").count(),
                    page: whole(views.len()),
                    views,
                }
            }
            Self::Page(WizardStep::Replica, query) => {
                let (views, page) = estate.choice_page(query);
                Replicas {
                    views,
                    page,
                    selectable: estate.choosable(&query.filter).count(),
                }
            }
            Self::Page(..) => Replicas::default(),
        }
    }

    /// The places of the rows that an answer has of a step, of so many.
    pub(super) fn rows_of(&self, step: WizardStep, all: usize) -> Range<usize> {
        match self {
            Self::Whole => 0..all,
            Self::Page(here, query) if *here == step => {
                let page = page_of(step, query, all);
                page.before..page.before + page.shown
            }
            Self::Page(..) => 0..0,
        }
    }

    /// Whether an answer has what a step shows.
    pub(super) fn shows(&self, step: WizardStep) -> bool {
        match self {
            Self::Whole => true,
            Self::Page(here, _) => *here == step,
        }
    }

    /// Leaves out what the step does not show, once everything that the answer has is counted; `made`
    /// VMs are to be made.
    pub(super) fn narrow(&self, view: &mut DraftView, made: usize) {
        view.to_read = view.summary.iter().map(|vm| vm.to_read).sum();
        let reasons = view.summary.iter().flat_map(|vm| {
            let reasons = vm.blocked();
            reasons.map(|why| (vm.name.clone(), why.to_owned()))
        });
        view.blocked = reasons.take(REASONS).collect();
        let Self::Page(step, query) = self else {
            return;
        };
        let shown: BTreeSet<&ReplicaId> = view.replicas.iter().map(|it| &it.id).collect();
        view.chosen.retain(|id| shown.contains(id));
        if *step == WizardStep::Destination {
            // Those of which there is something to say that is not said of all.
            view.quick.vms.sort_by_key(|vm| vm.why_not.is_none());
            page(*step, &mut view.page, &mut view.quick.vms, query);
        }
        if *step == WizardStep::StoragePolicy {
            page(*step, &mut view.page, &mut view.policies, query);
        } else {
            view.policies.clear();
        }
        if *step == WizardStep::TargetVm {
            page(*step, &mut view.page, &mut view.targets, query);
        } else {
            view.targets.clear();
        }
        if *step == WizardStep::FailbackMode && view.several.is_some() {
            view.page = page_of(*step, query, view.chosen_count);
        }
        if *step == WizardStep::Summary {
            page(*step, &mut view.page, &mut view.summary, query);
        }
        if STEPS.contains(step) && view.placement.is_some() {
            view.page = page_of(*step, query, made);
        }
    }
}

fn whole(rows: usize) -> PageInfo {
    PageInfo {
        shown: rows,
        pages: 1,
        ..PageInfo::of(&ListQuery::default(), rows, rows)
    }
}

/// Cuts a list to the page that is asked for.
fn page<T>(step: WizardStep, info: &mut PageInfo, rows: &mut Vec<T>, query: &ListQuery) {
    *info = page_of(step, query, rows.len());
    rows.drain(..info.before);
    rows.truncate(info.shown);
}

fn page_of(step: WizardStep, query: &ListQuery, all: usize) -> PageInfo {
    PageInfo::with_rows(step.page_rows(), query, all, all)
}

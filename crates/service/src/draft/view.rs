//! A draft with everything that its steps show.

use model::{
    ApiError, ByteCount, DraftId,
    view::{
        CheckSubject, DraftView, FinishReply, ListQuery, PolicyRow, ProxyPickView, QuickView,
        SummaryVm, TargetRow, WizardStep,
    },
};
use store::DraftBody;

use super::{
    destinations,
    finish::{in_order, unseen},
    page::Part,
    several, targets,
};
use crate::{
    Service, after,
    estate::Estate,
    mode,
    placement::{self, Plan, STEPS},
    preflight::{self, Checked},
    refusal::failed,
};

/// Chosen VMs that are named.
const NAMED: usize = 6;

impl Service {
    /// A draft with everything that its steps show, all rows of all lists.
    ///
    /// # Errors
    /// When there is no such draft.
    pub async fn draft_view(&self, id: &DraftId) -> Result<DraftView, ApiError> {
        self.draft_shown(id, &Part::Whole).await
    }

    /// A draft as one of its steps shows it: only that step's list, and of it only a page.
    ///
    /// # Errors
    /// When there is no such draft.
    pub async fn draft_step(
        &self,
        id: &DraftId,
        step: WizardStep,
        query: ListQuery,
    ) -> Result<DraftView, ApiError> {
        self.draft_shown(id, &Part::Page(step, query)).await
    }

    async fn draft_shown(&self, id: &DraftId, part: &Part) -> Result<DraftView, ApiError> {
        let body = self.draft(id).await?.body;
        let batch = self.store().batch_for_draft(id).await.map_err(failed)?;
        let finished: Option<FinishReply> = batch.map(FinishReply::from);
        let estate = self.estate().await?;
        let plan = placement::of(&estate, &body);
        let shown = |step| part.rows_of(step, body.chosen.len());
        let (mut checked, mut dry_run) = (Vec::new(), None);
        if part.shows(WizardStep::Summary) {
            dry_run = self.dry_run_view(id).await?;
            let all = preflight::check_placed(&estate, &body, plan.as_ref());
            checked = in_order(all, &body);
            let told = self.told(id).await?;
            let rows = shown(WizardStep::Summary);
            let rows = checked.iter_mut().skip(rows.start).take(rows.len());
            let places = placement::places(plan.as_ref());
            rows.for_each(|vm| told.add(&estate, &body, &places, vm));
        }
        let targets = targets::rows(&estate, &body, &shown(WizardStep::TargetVm));
        let proxies = part.shows(WizardStep::Destination);
        let proxies = self.proxy_pick(&estate, &body, plan.as_ref(), proxies);
        let proxies = proxies.await?;
        let policies = preflight::policy::rows(&estate, &body);
        // Of a replica that is gone nothing is made.
        let made = plan.as_ref().map_or(0, |plan| plan.vms.len());
        let placed = STEPS.iter().find(|step| part.shows(**step));
        let placed = placed.map_or(0..0, |step| part.rows_of(*step, made));
        let replicas = part.replicas(&estate);
        let targets_chosen = targets.iter().filter(|row| row.chosen.is_some()).count();
        let mut view = DraftView {
            id: id.clone(),
            now: self.now(),
            steps: self.steps(
                &body,
                part.shows(WizardStep::Summary).then_some(&*checked),
                &targets,
                &policies,
                plan.as_ref(),
                &proxies,
            ),
            policies,
            targets,
            placement: plan.as_ref().map(|plan| plan.view(placed)),
            page: replicas.page,
            replicas: replicas.views,
            selectable: replicas.selectable,
            chosen_count: body.chosen.len(),
            chosen_names: chosen_names(&estate, &body),
            targets_chosen,
            destinations: destinations::options(&estate),
            quick: if part.shows(WizardStep::Destination) {
                preflight::quick::view(&estate, &body)
            } else {
                QuickView::default()
            },
            destination: body.destination,
            proxies,
            mode_words: body.mode.as_ref().map(mode::words).unwrap_or_default(),
            after_words: after_words(&body),
            several: several::view(&estate, &body, &shown(WizardStep::FailbackMode)),
            several_words: several::words(&body),
            comparable: checked.iter().any(Checked::is_comparable),
            dry_run,
            blocked: Vec::new(),
            to_read: ByteCount::ZERO,
            summary: checked
                .into_iter()
                .map(|it| self.summary_of(it, &body))
                .collect(),
            chosen: body.chosen,
            mode_input: body.mode_input,
            mode: body.mode,
            after_input: body.after_input,
            power_on: body.power_on,
            drift_seen: body.drift_seen,
            reason: body.reason,
            finished,
            zones: mode::zones(),
        };
        part.narrow(&mut view, made);
        Ok(view)
    }

    /// What Summary shows of a VM: the checks, and a mode of its own with what stands against it.
    pub(super) fn summary_of(&self, checked: Checked, body: &DraftBody) -> SummaryVm {
        let mut view = checked.view;
        match several::own(body, &view.replica, self.now()) {
            Ok(own) => view.own_mode = own.as_ref().map(mode::words),
            Err(error) => view.fail(
                CheckSubject::Mode,
                format!("{} {}", error.message, error.hint),
            ),
        }
        view.checks.sort_by_key(|check| check.subject);
        view
    }

    /// The steps that apply, each with whether its choice is complete. Summary is where the checks are
    /// read: it is complete only where they were made.
    fn steps(
        &self,
        body: &DraftBody,
        checked: Option<&[Checked]>,
        targets: &[TargetRow],
        policies: &[PolicyRow],
        plan: Option<&Plan<'_>>,
        proxies: &ProxyPickView,
    ) -> Vec<(WizardStep, bool)> {
        let replicas = !body.chosen.is_empty();
        let destination = body.destination.is_some() && proxies.refused.is_empty();
        let own = |id| several::own(body, id, self.now()).is_ok();
        let mode = body.mode.as_ref().is_some_and(|mode| {
            mode::still_to_come(mode, self.now()).is_ok() && body.chosen.iter().all(own)
        });
        let is_fine =
            |it: &Checked| it.view.blocked().next().is_none() && unseen(it, body).next().is_none();
        let checks = checked.is_some_and(|checked| checked.iter().all(is_fine));
        let targets = replicas && targets::are_complete(targets);
        let steps = WizardStep::listed(body.destination, !policies.is_empty());
        steps
            .iter()
            .map(|&step| {
                let complete = match step {
                    WizardStep::StoragePolicy => policies.iter().all(|it| it.chosen.is_some()),
                    WizardStep::Replica => replicas,
                    WizardStep::Destination => destination,
                    WizardStep::TargetVm => targets,
                    WizardStep::Host
                    | WizardStep::ResourcePool
                    | WizardStep::Datastore
                    | WizardStep::Folder
                    | WizardStep::Network => {
                        replicas && plan.is_some_and(|plan| plan.is_complete(step))
                    }
                    WizardStep::FailbackMode => mode,
                    WizardStep::Summary => replicas && destination && mode && checks,
                };
                (step, complete)
            })
            .collect()
    }
}

/// The names of the first that are chosen.
fn chosen_names(estate: &Estate, body: &DraftBody) -> Vec<String> {
    let first = body.chosen.iter().take(NAMED);
    let known = first.filter_map(|id| estate.replica(id));
    known
        .map(|replica| estate.production_name(replica))
        .collect()
}

/// What the sessions will do by themselves around their switchover; empty until a mode is chosen.
pub(super) fn after_words(body: &DraftBody) -> String {
    let mode = body.mode.as_ref();
    let checked = mode.and_then(|mode| after::check(&body.after_input, mode).ok());
    checked.map_or_else(String::new, |after| after.words())
}

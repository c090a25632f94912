//! The steps Host to Network: a table of what is chosen or proposed, and above it the lists whose
//! choice goes to the rows that are ticked.

pub mod api;
mod table;

use std::collections::BTreeSet;

use leptos::prelude::*;
use model::{
    ApiError,
    view::{DraftView, PageInfo, PlacementView, WizardStep},
};

use super::{
    Question, Reload, StepButtons,
    view_model::place::{Chooser, choosers, count_changes, rows},
};
use crate::{
    components::{
        dynamic::text,
        error_summary::{ErrorSummary, field_id},
        field::{FieldNote, note_id},
        form::{Form, Sending},
        icon::Icon,
        list_nav::FormPager,
    },
    words,
};
use api::{SaveDatastore, SaveFolder, SaveHost, SaveNetwork, SavePool};
use table::Table;

/// The rows that are ticked in the browser before they are sent.
#[derive(Clone, Copy)]
struct Ticks {
    rows: RwSignal<BTreeSet<String>>,
    all: RwSignal<bool>,
    /// Every row with how many it changes.
    known: StoredValue<Vec<(String, usize)>>,
}

impl Ticks {
    fn count(self) -> usize {
        let (all, ticked) = (self.all.get(), self.rows.get());
        self.known.with_value(|known| {
            count_changes(known, |key| {
                (all && !key.contains('/')) || ticked.contains(key)
            })
        })
    }
}

/// The step.
#[component]
pub(super) fn PlaceStep(draft: DraftView, step: WizardStep) -> impl IntoView {
    let save = match step {
        WizardStep::ResourcePool => Sending::to::<SavePool>(),
        WizardStep::Datastore => Sending::to::<SaveDatastore>(),
        WizardStep::Folder => Sending::to::<SaveFolder>(),
        WizardStep::Network => Sending::to::<SaveNetwork>(),
        WizardStep::Host
        | WizardStep::Replica
        | WizardStep::Destination
        | WizardStep::StoragePolicy
        | WizardStep::TargetVm
        | WizardStep::FailbackMode
        | WizardStep::Summary => Sending::to::<SaveHost>(),
    };
    let error = save.error();
    let reload = expect_context::<Reload>();
    // What was changed is shown, and what it means for the other rows. On the way to another step
    // that one is read anyway; reading twice would take it away under the operator's hands.
    Effect::new(move || {
        if save.stayed() > 0 {
            reload.now();
        }
    });
    let view = draft.placement.unwrap_or_default();
    let rows = rows(step, &view);
    let known = rows.iter().map(|row| (row.key.clone(), row.changes));
    let ticks = Ticks {
        rows: RwSignal::default(),
        all: RwSignal::new(false),
        known: StoredValue::new(known.collect()),
    };
    view! {
        <Question step/>
        <p>{words::place_intro(step)}</p>
        <ErrorSummary error/>
        <Form sending=save>
            <input type="hidden" name="id" value=draft.id.to_string()/>
            <Toolbar choosers=choosers(step, &view) ticks page=draft.page error sending=save/>
            {(step == WizardStep::Datastore).then(|| space(&view))}
            <Table step rows ticks error/>
            <FormPager page=draft.page label="Pages of VMs"/>
            <StepButtons step sending=save/>
        </Form>
    }
}

/// The lists, which rows get their choice, and the button that says how many they are.
#[component]
fn Toolbar(
    choosers: Vec<Chooser>,
    ticks: Ticks,
    page: PageInfo,
    error: Signal<Option<ApiError>>,
    sending: Sending,
) -> impl IntoView {
    // How many rows other pages have is not known here.
    let beyond = page.pages > 1;
    let lists = choosers
        .into_iter()
        .map(|it| chooser(it, error))
        .collect_view();
    view! {
        <fieldset class="panel place-toolbar">
            <legend>"For the ticked rows"</legend>
            {lists}
            <div class="choice">
                <input
                    type="checkbox"
                    name="all"
                    value="true"
                    id=field_id("rows")
                    aria-describedby=note_id("rows")
                    prop:checked=move || ticks.all.get()
                    on:change:target=move |event| ticks.all.set(event.target().checked())
                />
                <label for=field_id("rows")>"All rows"</label>
            </div>
            <button type="submit" class="button" name="press" value=format!("apply-{}", page.page) aria-busy=move || sending.busy()>
                {text(move || {
                    if beyond && ticks.all.get() {
                        "Change all rows".to_owned()
                    } else {
                        words::change_rows(ticks.count())
                    }
                })}
            </button>
            <FieldNote name="rows" error/>
        </fieldset>
    }
}

fn chooser(chooser: Chooser, error: Signal<Option<ApiError>>) -> impl IntoView {
    let Chooser {
        name,
        label,
        options,
    } = chooser;
    // Once it was applied the page is shown anew, and the list is as before.
    let picked = RwSignal::new(String::new());
    let options = options
        .into_iter()
        .map(|option| view! { <option value=option.value>{option.label}</option> })
        .collect_view();
    view! {
        <div class="field">
            <label for=field_id(name)>{label}</label>
            <select
                name=name
                id=field_id(name)
                aria-describedby=note_id(name)
                prop:value=move || picked.get()
                on:change:target=move |event| picked.set(event.target().value())
            >
                <option value="">"As shown in the rows"</option>
                {options}
            </select>
            <FieldNote name error/>
        </div>
    }
}

/// What all choices take of the datastores that are used.
fn space(view: &PlacementView) -> impl IntoView + use<> {
    let items = view
        .space
        .iter()
        .map(|space| {
            let short = space.short.0 > 0;
            let symbol = if short { "attention" } else { "done" };
            let words = words::space_words(space);
            view! { <li class:blocks=short><Icon name=symbol/><span>{words}</span></li> }
        })
        .collect_view();
    view! { <ul class="findings" aria-label="Space">{items}</ul> }
}

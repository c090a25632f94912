//! The dry run: how many bytes would be sent, measured without writing.

use crate::erase::Erase as _;
use leptos::{prelude::*, task::spawn_local};
use model::{
    ByteCount, DraftId,
    view::{DryRunView, DryRunVm, ListQuery, WizardStep},
};

use super::{api::read_draft, view_model};
use crate::{
    browser,
    components::{
        data_table::DataTable,
        dynamic::{part, part_if, text},
        form::Sending,
        icon::Icon,
        progress::ProgressBar,
    },
    words,
};

/// The button, and the newest run's progress and result.
#[component]
pub(super) fn DryRun(
    id: DraftId,
    run: Option<DryRunView>,
    total: ByteCount,
    sending: Sending,
) -> impl IntoView {
    let run = RwSignal::new(run);
    let running =
        Memo::new(move |_| run.with(|run| run.as_ref().is_some_and(|run| run.done_at.is_none())));
    let refresh = {
        let id = StoredValue::new(id);
        move || {
            spawn_local(async move {
                let Some(id) = id.try_get_value() else { return };
                let step = Some(WizardStep::Summary);
                if let Ok(draft) = read_draft(id, step, ListQuery::default()).await {
                    let _gone = run.try_set(draft.dry_run);
                }
            });
        }
    };
    // The form's answer says that a run began; how it goes on is asked for.
    Effect::new(move || {
        if sending.done() > 0 {
            refresh();
        }
    });
    Effect::new(move || {
        if running.get() {
            browser::every(1, refresh);
        }
    });
    let percent = Signal::derive(move || {
        run.with(|run| {
            run.as_ref()
                .and_then(|run| words::percent(run.progress.1, run.progress.0))
        })
    });
    let reads = (total > ByteCount::ZERO).then(|| {
        format!(
            " It reads about {total}: what is known to be empty on a side counts as compared and is \
             not read."
        )
    });
    view! {
        <section class="panel" aria-labelledby="dry-run">
            <h3 id="dry-run">"Dry run"</h3>
            <p>
                "A full comparison of both sides that writes nothing and says how much would be \
                 sent." {reads}
            </p>
            <p role="status">
                {text(move || run.with(|run| run.as_ref().map_or_else(String::new, view_model::dry_run_words)))}
            </p>
            {part_if(
                move || running.get(),
                move || view! { <ProgressBar label="Dry run" percent/> }.erase(),
            )}
            {part(move || run.with(|run| run.as_ref().and_then(|run| results(&run.vms))))}
            <button
                type="submit"
                class="button"
                name="press"
                value="dry_run"
                aria-busy=move || sending.busy()
            >
                {text(move || {
                    let again = run.with(Option::is_some);
                    if again { "Measure again" } else { "Start a dry run" }.to_owned()
                })}
            </button>
        </section>
    }
}

fn results(vms: &[DryRunVm]) -> Option<AnyView> {
    if vms.is_empty() {
        return None;
    }
    let rows = vms
        .iter()
        .map(|vm| {
            let error = vm.error.clone().map(|error| {
                view! { <span class="why-not"><Icon name="attention"/>{error}</span> }
            });
            view! {
                <tr>
                    <th scope="row">{vm.name.clone()} {error}</th>
                    <td data-label="Compared" class="number">{vm.scanned.to_string()}</td>
                    <td data-label="Different" class="number">{vm.different.to_string()}</td>
                    <td data-label="To send" class="number">{vm.to_send.to_string()}</td>
                </tr>
            }
        })
        .collect_view();
    Some(
        view! {
            <DataTable caption="Result of the dry run">
                <thead>
                    <tr>
                        <th scope="col">"Replica"</th>
                        <th scope="col" class="number">"Compared"</th>
                        <th scope="col" class="number">"Different"</th>
                        <th scope="col" class="number">"To send"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </DataTable>
        }
        .erase(),
    )
}

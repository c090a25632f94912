//! Which proxies carried each disk, how and why, and every hand-over.

use crate::erase::Erase as _;
use leptos::prelude::*;
use model::{
    Carrier, CarrierEnded,
    view::{CarrierView, SessionView},
};

use super::Newest;
use crate::{
    components::{data_table::DataTable, dynamic::part},
    keyed::Rows,
    words,
};

/// A row's key: the disk, the pass and when they took it.
type Key = (String, u32, i64);

/// The section; absent until a disk was taken.
#[component]
pub(super) fn Carriers(newest: Newest) -> impl IntoView {
    let rows = Rows::new(newest.with_untracked(carriers), key);
    Effect::new(move || rows.update(newest.with(carriers), key));
    part(move || {
        (!rows.is_empty()).then(|| {
            view! {
                <section class="carriers" aria-labelledby="carriers">
                    <h2 id="carriers">"Proxies"</h2>
                    {table(rows)}
                </section>
            }
            .erase()
        })
    })
}

fn carriers(view: &SessionView) -> Vec<CarrierView> {
    view.carriers.clone()
}

fn key(view: &CarrierView) -> Key {
    let carrier = &view.carrier;
    (view.disk.clone(), carrier.pass, carrier.started_at.0)
}

fn table(rows: Rows<Key, CarrierView>) -> AnyView {
    view! {
        <DataTable caption="Proxies of each disk">
            <thead>
                <tr>
                    <th scope="col">"Disk"</th>
                    <th scope="col">"Read through"</th>
                    <th scope="col">"Written through"</th>
                    <th scope="col">"From, to (UTC)"</th>
                    <th scope="col" class="number">"Acknowledged before"</th>
                    <th scope="col" class="number">"Sent"</th>
                    <th scope="col">"Ended"</th>
                </tr>
            </thead>
            <tbody>
                <For
                    each=move || rows.get()
                    key=|(key, _)| key.clone()
                    children=move |(_, row)| Row(RowProps { row })
                />
            </tbody>
        </DataTable>
    }
    .erase()
}

/// The figures change in place, so that reasons that are unfolded stay so.
#[component]
fn Row(row: ArcRwSignal<CarrierView>) -> impl IntoView {
    let CarrierView { disk, carrier } = row.get_untracked();
    let figure = move |of: fn(&Carrier) -> String| {
        let row = row.clone();
        crate::components::dynamic::text(move || row.with(|view| of(&view.carrier)))
    };
    let reasons = carrier.reasons.iter();
    let reasons = reasons
        .map(|reason| view! { <li>{reason.clone()}</li> })
        .collect_view();
    view! {
        <tr>
            <th scope="row">
                {disk.clone()}
                <span class="sub">"pass " {carrier.pass}</span>
            </th>
            <td data-label="Read through">
                {carrier.source.name.clone()}
                <span class="sub">{carrier.source.mode.words()}</span>
                <details>
                    <summary>"Why" <span class="visually-hidden">" these proxies for " {disk}</span></summary>
                    <ul>{reasons}</ul>
                </details>
            </td>
            <td data-label="Written through">
                {carrier.target.name.clone()}
                <span class="sub">{carrier.target.mode.words()}</span>
            </td>
            <td data-label="From, to (UTC)">{figure(times)}</td>
            <td data-label="Acknowledged before" class="number">{figure(|it| it.resumed.to_string())}</td>
            <td data-label="Sent" class="number">{figure(|it| it.sent.to_string())}</td>
            <td data-label="Ended">{figure(|it| ended(it.ended.as_ref()))}</td>
        </tr>
    }
}

fn times(carrier: &Carrier) -> String {
    let from = words::clock_time(carrier.started_at);
    let to = carrier.ended_at.map(words::clock_time);
    to.map_or_else(
        || format!("{from}, at work"),
        |to| format!("{from} to {to}"),
    )
}

fn ended(ended: Option<&CarrierEnded>) -> String {
    match ended {
        None => "At work".to_owned(),
        Some(CarrierEnded::Done) => "Done".to_owned(),
        Some(CarrierEnded::Stopped) => "Stopped".to_owned(),
        Some(CarrierEnded::HandedOver { why }) => format!("Handed over: {why}"),
    }
}

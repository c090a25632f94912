//! Sessions in a table: at work, or past.

use crate::erase::Erase as _;
use leptos::prelude::*;
use model::{
    SessionId, Timestamp,
    view::{PageInfo, SessionSummary, SortColumn},
};

use super::replicas::nothing_found;
use crate::{
    components::{
        data_table::DataTable,
        dynamic::part,
        list_nav::{ListFilter, ListPlace, Pager, SortHead},
        state_badge::Badges,
        when::When,
    },
    keyed::Rows,
    words,
};

/// One table of sessions.
#[component]
pub(crate) fn Sessions(
    title: &'static str,
    /// Whether they are over.
    past: bool,
    rows: Rows<SessionId, SessionSummary>,
    now: Signal<Timestamp>,
    /// Where the list is.
    place: ListPlace,
    /// Which page of it is shown.
    page: Signal<PageInfo>,
) -> impl IntoView {
    let at = place.clone();
    let id = title.replace(' ', "-").to_lowercase();
    view! {
        <section aria-labelledby=id.clone()>
            <h2 id=id.clone()>{title}</h2>
            <ListFilter place=place.clone() page one="session" label=title/>
            {part(move || Some(if !rows.is_empty() {
                table(title, past, rows, now, at.clone())
            } else if page.with(|page| page.all > 0) || !at.query.filter.is_empty() {
                nothing_found()
            } else {
                empty()
            }))}
            <Pager place page label="Pages of sessions"/>
        </section>
    }
}

fn empty() -> AnyView {
    view! { <p class="empty">"Sessions that ended appear here with what came of them."</p> }.erase()
}

fn table(
    caption: &'static str,
    past: bool,
    rows: Rows<SessionId, SessionSummary>,
    now: Signal<Timestamp>,
    place: ListPlace,
) -> AnyView {
    let at = move || place.clone();
    // Past sessions are sorted by the store, which knows names and times.
    let state = if past {
        view! { <th scope="col">"State"</th> }.erase()
    } else {
        view! { <SortHead place=at() column=SortColumn::State title="State"/> }.erase()
    };
    view! {
        <DataTable caption>
            <thead>
                <tr>
                    <SortHead place=at() column=SortColumn::Name title="VM"/>
                    {state}
                    <SortHead place=at() column=SortColumn::Since title="Started"/>
                    {past.then(|| view! { <th scope="col">"Ended"</th> })}
                    <th scope="col">"By"</th>
                </tr>
            </thead>
            <tbody>
                {rows.body(move |session| row(session, past, now))}
            </tbody>
        </DataTable>
    }
    .erase()
}

fn row(session: &SessionSummary, past: bool, now: Signal<Timestamp>) -> AnyView {
    let cause = session
        .attention
        .as_ref()
        .map(|attention| attention.cause.clone())
        .or_else(|| session.queued.clone())
        .map(|why| view! { <span class="sub">{why}</span> });
    let ended = session.ended_at.map(|at| view! { <When at now/> });
    view! {
        <tr>
            <th scope="row">
                <a href=format!("/sessions/{}", session.id)>{session.vm_name.clone()}</a>
                <span class="sub">{session.route.clone()}</span>
            </th>
            <td data-label="State">
                <Badges badges=words::session_badges(session)/>
                {cause}
            </td>
            <td data-label="Started"><When at=session.started_at now/></td>
            {past.then(|| view! { <td data-label="Ended">{ended}</td> })}
            <td data-label="By" class="short">{session.started_by.to_string()}</td>
        </tr>
    }
    .erase()
}

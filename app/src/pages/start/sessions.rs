//! Sessions in a table: at work, or past.

use leptos::prelude::*;
use model::{SessionId, Timestamp, view::SessionSummary};

use crate::{
    components::{data_table::DataTable, state_badge::StateBadge, when::When},
    keyed::Rows,
    words,
};

/// One table of sessions.
#[component]
pub(super) fn Sessions(
    title: &'static str,
    rows: Rows<SessionId, SessionSummary>,
    now: Signal<Timestamp>,
) -> impl IntoView {
    let id = title.replace(' ', "-").to_lowercase();
    view! {
        <section aria-labelledby=id.clone()>
            <h2 id=id.clone()>{title}</h2>
            <Show
                when=move || !rows.is_empty()
                fallback=|| view! {
                    <p class="empty">"Sessions that ended appear here with what came of them."</p>
                }
            >
                <DataTable caption=title>
                    <thead>
                        <tr>
                            <th scope="col">"VM"</th>
                            <th scope="col">"State"</th>
                            <th scope="col">"Started"</th>
                            <th scope="col">"Ended"</th>
                            <th scope="col">"By"</th>
                        </tr>
                    </thead>
                    <tbody>
                        <For
                            each=move || rows.get()
                            key=|(id, _)| id.clone()
                            children=move |(_, session)| {
                                move || session.with(|session| row(session, now))
                            }
                        />
                    </tbody>
                </DataTable>
            </Show>
        </section>
    }
}

fn row(session: &SessionSummary, now: Signal<Timestamp>) -> impl IntoView + use<> {
    let marks = words::session_marks(session)
        .into_iter()
        .map(|badge| view! { <StateBadge badge/> })
        .collect_view();
    let cause = session
        .attention
        .as_ref()
        .map(|attention| view! { <span class="sub">{attention.cause.clone()}</span> });
    view! {
        <tr>
            <th scope="row">
                <a href=format!("/sessions/{}", session.id)>{session.vm_name.clone()}</a>
                <span class="sub">{session.route.clone()}</span>
            </th>
            <td>
                <StateBadge badge=words::session_badge(session)/>
                {marks}
                {cause}
            </td>
            <td><When at=session.started_at now/></td>
            <td>{session.ended_at.map(|at| view! { <When at now/> })}</td>
            <td>{session.started_by.to_string()}</td>
        </tr>
    }
}

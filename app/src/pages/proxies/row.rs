//! One proxy in the table.

use crate::erase::Erase as _;
use leptos::prelude::*;
use model::view::{ProxyAction, ProxyTaskView, ProxyView};

use super::view_model;
use crate::components::state_badge::StateBadge;

/// The row.
pub(super) fn proxy(proxy: &ProxyView) -> AnyView {
    let tasks = proxy.tasks.iter().map(task).collect_view();
    let actions = proxy.actions.iter();
    let actions = actions.map(|(it, _)| action(proxy, *it)).collect_view();
    let badge = view_model::badge(proxy);
    view! {
        <tr>
            <th scope="row">
                {proxy.name.clone()}
                <span class="sub">{proxy.site.clone()}</span>
                <span class="sub">{proxy.modes.clone()}</span>
            </th>
            <td data-label="State"><StateBadge badge/></td>
            <td data-label="Slots in use" class="number">{view_model::slots(proxy)}</td>
            <td data-label="Carries"><ul class="proxy-tasks">{tasks}</ul></td>
            <td data-label="Rate now" class="number">{proxy.rate_now.to_string()}</td>
            <td data-label="Per disk lately" class="number">{view_model::measured(proxy)}</td>
            <td data-label="Actions"><div class="button-row">{actions}</div></td>
        </tr>
    }
    .erase()
}

fn task(task: &ProxyTaskView) -> impl IntoView + use<> {
    let href = format!("/sessions/{}", task.session);
    view! {
        <li>
            <a href=href>{task.what.clone()}</a>
            " " {task.role.clone()} ", " {task.rate.to_string()}
        </li>
    }
}

fn action(proxy: &ProxyView, action: ProxyAction) -> impl IntoView + use<> {
    let href = view_model::question_href(&proxy.id, action);
    view! {
        <a class="button small" href=href>
            {action.verb()}
            <span class="visually-hidden">" " {proxy.name.clone()}</span>
        </a>
    }
}

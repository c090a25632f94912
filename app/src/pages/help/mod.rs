//! Help: which of the ways out of a failover is the right one, and what each action of a failback
//! means.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::{components::data_table::DataTable, erase::Erase as _};

/// A way out of a failover: its name, when it is right, what becomes of what users changed, what
/// production holds after it, and whether it can be taken back.
type Way = [&'static str; 5];

const WAY_HEADS: Way = [
    "Way",
    "Right when",
    "What users changed",
    "Production holds",
    "Can be taken back",
];

const WAYS: [Way; 3] = [
    [
        "Undo failover",
        "The failover was a test or a mistake, and nothing that happened on the replica counts.",
        "Lost: the replica goes back to its newest restore point.",
        "Its own content, as before the failover.",
        "No.",
    ],
    [
        "Permanent failover",
        "Nobody returns: the DR site is where the VM stays.",
        "Kept, at the DR site.",
        "Nothing of it; the original VM is left as it is.",
        "No. The replica becomes an ordinary VM.",
    ],
    [
        "Failback",
        "Production is to run again, with what users changed on the replica.",
        "Kept: they travel to production.",
        "The replica's content, compared block by block.",
        "Yes, by undo, until commit.",
    ],
];

/// An action of a failback: its name, when it can be taken, what it does, and how to get back.
type Action = [&'static str; 4];

const ACTION_HEADS: Action = ["Action", "When", "What it does", "The way back"];

const ACTIONS: [Action; 6] = [
    [
        "Cancel",
        "Before the switchover is done",
        "Stops at once. Production has the content of before and stays off; the replica serves on.",
        "Start the failback again.",
    ],
    [
        "Catch up now",
        "Ready to switch",
        "Sends what the replica wrote since the last pass, so that less is left for the switchover.",
        "Nothing is to be taken back.",
    ],
    [
        "Switch over now",
        "Ready to switch",
        "Shuts the replica down, sends the last changes and hands over to production. Users are \
         without the VM meanwhile.",
        "Undo.",
    ],
    [
        "Undo, before the switchover",
        "Ready to switch",
        "Removes what was done at production. The running replica is not touched.",
        "Start the failback again.",
    ],
    [
        "Undo, after the switchover",
        "Failback",
        "Powers production off and gives it its old content back; the replica runs again as it was \
         when it was shut down. What users changed at production since is lost.",
        "Start the failback again.",
    ],
    [
        "Commit",
        "Failback",
        "Accepts production. The replica is kept up to date again, and its last state stays as a \
         restore point.",
        "No way back.",
    ],
];

/// The page.
#[component]
pub fn HelpPage() -> impl IntoView {
    view! {
        <Title text="Help"/>
        <header class="page-head">
            <h1>"Undo failover, permanent failover, failback: which?"</h1>
        </header>
        <p>
            "While a replica runs, the failover is not over. It ends in one of three ways. Ask two "
            "questions."
        </p>
        <ol class="numbered">
            <li>
                <strong>"Is the VM to run at production again?"</strong>
                " If not: permanent failover."
            </li>
            <li>
                <strong>"Does what users changed on the replica count?"</strong>
                " If not: undo failover. If it does: failback."
            </li>
        </ol>
        {table("Three ways out of a failover", WAY_HEADS, WAYS)}
        <p>
            "Landfall does failback. The other two are done where the VMs are replicated. Where a "
            "failback does not work out, undo it, and the question is open again."
        </p>
        <h2>"What the actions of a failback do"</h2>
        {table(
            "Actions of a failback and how to get back from each",
            ACTION_HEADS,
            ACTIONS,
        )}
    }
}

/// Rows whose first cell names them; on narrow screens each of the others names its column.
fn table<const N: usize, const ROWS: usize>(
    caption: &'static str,
    heads: [&'static str; N],
    rows: [[&'static str; N]; ROWS],
) -> AnyView {
    let head = heads.map(|head| view! { <th scope="col">{head}</th> });
    let line = |row: [&'static str; N]| {
        let mut cells = heads.into_iter().zip(row);
        let name = cells.next().map(|(_, name)| name);
        let rest = cells.map(|(head, cell)| view! { <td data-label=head>{cell}</td> });
        view! {
            <tr>
                <th scope="row">{name}</th>
                {rest.collect_view()}
            </tr>
        }
    };
    let body = rows.map(line).collect_view();
    view! {
        <DataTable caption>
            <thead>
                <tr>{head.collect_view()}</tr>
            </thead>
            <tbody>{body}</tbody>
        </DataTable>
    }
    .erase()
}

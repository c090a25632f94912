//! The session's log, oldest line first.

use crate::erase::Erase as _;
use leptos::prelude::*;
use model::{LogLevel, view::LogLine};

use crate::{components::dynamic::part, words};

/// All lines so far.
#[component]
pub(super) fn Log(log: RwSignal<Vec<LogLine>>) -> impl IntoView {
    let is_empty = Memo::new(move |_| log.with(Vec::is_empty));
    view! {
        <section aria-labelledby="log">
            <h2 id="log">"Log"</h2>
            <p class="muted">"Times are UTC."</p>
            {part(move || Some(if is_empty.get() { empty() } else { lines(log) }))}
        </section>
    }
}

fn empty() -> AnyView {
    view! { <p class="empty">"What happens is written here."</p> }.erase()
}

fn lines(log: RwSignal<Vec<LogLine>>) -> AnyView {
    view! {
        <div class="log" tabindex="0" role="region" aria-label="Log lines">
            <ol>
                <For each=move || log.get() key=|line| line.seq children=line/>
            </ol>
        </div>
    }
    .erase()
}

fn line(line: LogLine) -> impl IntoView {
    let class = match line.level {
        LogLevel::Info => "log-line",
        LogLevel::Warning => "log-line log-warning",
        LogLevel::Error => "log-line log-error",
    };
    let level = words::level_words(line.level).map(|level| view! { <strong>{level} ": "</strong> });
    view! {
        <li class=class>
            <time datetime=words::machine_time(line.at) title=line.at.utc_text()>
                {words::clock_time(line.at)}
            </time>
            <span>{level} {line.text}</span>
        </li>
    }
}

//! The session's log, oldest line first.

use leptos::prelude::*;
use model::{LogLevel, view::LogLine};

use crate::words;

/// All lines so far.
#[component]
pub(super) fn Log(log: RwSignal<Vec<LogLine>>) -> impl IntoView {
    view! {
        <section aria-labelledby="log">
            <h2 id="log">"Log"</h2>
            <p class="muted">"Times are UTC."</p>
            <Show
                when=move || log.with(|log| !log.is_empty())
                fallback=|| view! { <p class="empty">"What happens is written here."</p> }
            >
                <ol class="log" tabindex="0" aria-label="Log lines">
                    <For each=move || log.get() key=|line| line.seq children=line/>
                </ol>
            </Show>
        </section>
    }
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

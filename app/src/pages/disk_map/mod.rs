//! The map of a session's disk: a picture of its blocks that can be zoomed, live, and the same as a
//! table. The part that is shown is in the address, so zooming works by links, without scripts too.

pub mod api;
mod canvas;
mod picture;
mod table;
pub mod view_model;

use std::rc::Rc;

use crate::erase::Erase as _;
use leptos::{prelude::*, task::spawn_local};
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};
use model::{
    DiskCounters, DiskKey, SessionId,
    view::{DiskMapView, SessionView},
};

use crate::{
    browser::events,
    components::{
        dynamic::{part, part_if, text},
        live_status::{LiveState, LiveStatus},
        load::{Loading, fetched},
    },
};
use api::read_map;
use picture::{Legend, Picture};
use table::Table;
use view_model::Move;

/// The newest answer, which every part of the page reads its own slice of.
type Newest = Memo<DiskMapView>;

/// The part of a map that an address names.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    id: SessionId,
    disk: DiskKey,
    pass: String,
    from: String,
    to: String,
}

impl Asked {
    async fn read(self) -> crate::error::Answer<DiskMapView> {
        read_map(self.id, self.disk, self.pass, self.from, self.to).await
    }
}

/// The page of a disk's map: `/sessions/:id/disks/:key/map`.
#[component]
pub fn DiskMapPage() -> impl IntoView {
    let (params, query) = (use_params_map(), use_query_map());
    let disk = Memo::new(move |_| {
        params.with(|params| {
            let get = |name| params.get_str(name).unwrap_or_default().to_owned();
            (SessionId::new(get("id")), DiskKey::new(get("key")))
        })
    });
    let asked = Memo::new(move |_| {
        let (id, disk) = disk.get();
        query.with(|query| {
            let get = |name| query.get_str(name).unwrap_or_default().to_owned();
            Asked {
                id,
                disk,
                pass: get("pass"),
                from: get("from"),
                to: get("to"),
            }
        })
    });
    // Another part of the same map changes the page in place: the focus stays where it is.
    let first = Resource::new(move || disk.get(), move |_| asked.get_untracked().read());
    fetched(first, move |view| view! { <DiskMap view asked/> }.erase())
}

#[component]
fn DiskMap(view: DiskMapView, asked: Memo<Asked>) -> impl IntoView {
    let fetched = RwSignal::new(Loading::Ready(view.clone()));
    let newest = Memo::new(move |_| fetched.with(|it| it.data().clone()));
    let link = keep_fresh(fetched, newest, asked);
    let title = Memo::new(move |_| newest.with(view_model::title));
    let session = Memo::new(move |_| newest.with(|view| format!("/sessions/{}", view.session)));
    let standing = Memo::new(move |_| newest.with(view_model::standing));
    let there = move || newest.with(|view| view.picture.is_some());
    view! {
        <Title text=move || title.get()/>
        <p class="trail"><a href=move || session.get()>"Session"</a></p>
        <header class="page-head">
            <div>
                <h1>{text(move || title.get())}</h1>
                <p class="route">{text(move || standing.get())}</p>
            </div>
            <LiveStatus state=link/>
        </header>
        {part(move || fetched.with(not_refreshed))}
        <Passes newest/>
        <div class="map">
            {part_if(there, move || view! {
                <Moves newest/>
                <Picture newest/>
                <Legend newest/>
                <Table newest/>
            }.erase())}
        </div>
    }
}

/// Asks again when the address names another part, and when the mover got further.
fn keep_fresh(
    fetched: RwSignal<Loading<DiskMapView>>,
    newest: Newest,
    asked: Memo<Asked>,
) -> ReadSignal<LiveState> {
    let refresh = move || {
        let now = asked.get_untracked();
        spawn_local(async move {
            let answer = now.clone().read().await;
            // The page may have gone meanwhile, or shows another part.
            if asked.try_get_untracked() == Some(now) {
                let _gone = fetched.try_update(|it| *it = it.clone().take(answer));
            }
        });
    };
    Effect::new(move |before: Option<Asked>| {
        let now = asked.get();
        if before.is_some_and(|before| before != now) {
            refresh();
        }
        now
    });
    let last = StoredValue::new(None);
    let address = asked.with_untracked(|asked| format!("/api/v1/sessions/{}/events", asked.id));
    let over = Memo::new(move |_| newest.with(|view| view.over));
    let snapshot = move |data: &str| {
        let Ok(view) = serde_json::from_str::<SessionView>(data) else {
            return;
        };
        let counters = asked.with_untracked(|asked| counters_of(&view, &asked.disk));
        let now = Some((counters, view.summary.outcome));
        if last.with_value(|last| *last != now) {
            last.set_value(now);
            refresh();
        }
    };
    events::follow(
        move || address.clone(),
        Signal::derive(move || !over.get()),
        vec![("snapshot", Rc::new(snapshot))],
    )
}

fn counters_of(view: &SessionView, disk: &DiskKey) -> Option<DiskCounters> {
    let disk = view.disks.iter().find(|it| it.key == *disk);
    disk.map(|disk| disk.counters)
}

fn not_refreshed(view: &Loading<DiskMapView>) -> Option<AnyView> {
    match view {
        Loading::Stale(_, error) => {
            let words = format!("Not refreshed: {} {}", error.message, error.hint);
            Some(view! { <p class="why-not" role="alert">{words}</p> }.erase())
        }
        Loading::Ready(_) => None,
    }
}

/// The passes of the disk, where there are several.
#[component]
fn Passes(newest: Newest) -> impl IntoView {
    part(move || {
        newest.with(|view| {
            if view.passes.len() < 2 {
                return None;
            }
            let links = view.passes.iter().map(|pass| {
                let here = (view.pass == Some(*pass)).then_some("page");
                let href = view_model::pass_address(view, *pass);
                view! {
                    <li>
                        <a href=href aria-current=here data-noscroll="">{format!("Pass {pass}")}</a>
                    </li>
                }
            });
            let links = links.collect_view();
            Some(
                view! { <nav class="map-passes" aria-label="Passes"><ul>{links}</ul></nav> }
                    .erase(),
            )
        })
    })
}

/// Zoom and pan, as links.
#[component]
fn Moves(newest: Newest) -> impl IntoView {
    let words = Memo::new(move |_| {
        newest.with(|view| {
            let picture = view.picture.as_ref();
            picture.map_or_else(String::new, |it| view_model::part_words(view, it))
        })
    });
    let links = [
        (Move::In, "Zoom in"),
        (Move::Out, "Zoom out"),
        (Move::Back, "Towards the start"),
        (Move::On, "Towards the end"),
        (Move::Whole, "Whole disk"),
    ];
    let links = links.map(|(how, words)| {
        let href = Memo::new(move |_| newest.with(|view| address_of(view, how)));
        let off = move || href.with(|href| href.1.then_some("true"));
        view! {
            <a class="button quiet" href=move || href.get().0 aria-disabled=off data-noscroll="">
                {words}
            </a>
        }
    });
    view! {
        <nav class="button-row map-moves" aria-label="Part of the disk">{links.collect_view()}</nav>
        <p class="map-part" role="status">{text(move || words.get())}</p>
    }
}

/// Where a move leads; and whether it leads nowhere else.
fn address_of(view: &DiskMapView, how: Move) -> (String, bool) {
    let shown = view.picture.as_ref().map(|picture| picture.range);
    let part = shown.and_then(|shown| view_model::moved(view.size.0, shown, how));
    let here = shown.unwrap_or(model::ByteRange::new(0, view.size.0));
    (
        view_model::part_address(view, part.unwrap_or(here)),
        part.is_none(),
    )
}

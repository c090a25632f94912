//! The picture: drawn on a canvas where there are scripts, and otherwise as the server rendered it,
//! and its legend. Each state has a pattern as well as a colour.

use crate::erase::Erase as _;
use leptos::{html, prelude::*};
use leptos_router::{NavigateOptions, hooks::use_navigate};
use model::{MapState, view::DiskMapView};
use web_sys::{KeyboardEvent, MouseEvent, PointerEvent, WheelEvent};

use super::{
    Newest, address_of, canvas,
    view_model::{self, COLUMNS, HEIGHT, Move, Rect},
};
use crate::components::dynamic::text;

/// A cell of the picture without scripts, in units of its drawing.
const CELL: (u32, u32) = (16, 32);

/// The picture. With scripts it is a canvas that keys, wheel and clicks move.
#[component]
pub(super) fn Picture(newest: Newest) -> impl IntoView {
    let words = Memo::new(move |_| newest.with(said));
    let server_drawn = newest.with_untracked(fallback);
    let under = RwSignal::new(None::<u64>);
    let node = NodeRef::<html::Canvas>::new();
    canvas::keep_drawn(node, newest);

    let go = goer(newest);
    let byte_at = move |event: &MouseEvent| byte_at(newest, node, event);
    let key = {
        let go = go.clone();
        move |event: KeyboardEvent| {
            if let Some(how) = move_of(&event) {
                event.prevent_default();
                go(how);
            }
        }
    };
    let wheel = {
        let go = go.clone();
        move |event: WheelEvent| {
            // Without it the page scrolls, as everywhere.
            if !event.ctrl_key() && !canvas::has_focus(node) {
                return;
            }
            event.prevent_default();
            if event.delta_y() > 0.0 {
                go(Move::Out);
            } else if let Some(byte) = byte_at(&event) {
                go(Move::InAt(byte));
            }
        }
    };
    let click = move |event: MouseEvent| {
        if let Some(byte) = byte_at(&event) {
            go(Move::InAt(byte));
        }
    };
    let point = move |event: PointerEvent| {
        let cell = node.get_untracked();
        under.set(cell.and_then(|canvas| canvas::cell_at(&canvas, &event)));
    };
    view! {
        <Patterns/>
        <div class="map-frame">
            {server_drawn}
            <canvas
                class="map-canvas"
                node_ref=node
                tabindex="0"
                role="img"
                aria-label=move || words.get()
                aria-describedby="map-keys"
                on:keydown=key
                on:wheel=wheel
                on:click=click
                on:pointermove=point
                on:pointerleave=move |_| under.set(None)
            ></canvas>
        </div>
        {help(newest, under)}
    }
}

/// Leads to another part of the map, in place of this one in the browser's history.
fn goer(newest: Newest) -> impl Fn(Move) + Clone + 'static {
    let navigate = use_navigate();
    move |how| {
        let (address, nowhere) = newest.with_untracked(|view| address_of(view, how));
        if !nowhere {
            let options = NavigateOptions {
                scroll: false,
                replace: true,
                ..NavigateOptions::default()
            };
            navigate(&address, options);
        }
    }
}

/// The byte in the middle of the cell that the pointer is on.
fn byte_at(newest: Newest, node: NodeRef<html::Canvas>, event: &MouseEvent) -> Option<u64> {
    let cell = canvas::cell_at(&node.get_untracked()?, event)?;
    newest.with_untracked(|view| {
        let picture = view.picture.as_ref()?;
        let byte = picture.range.start + cell * picture.cell.0;
        (byte < picture.range.end()).then_some(byte + picture.cell.0 / 2)
    })
}

/// What is under the pointer, and which keys do what.
fn help(newest: Newest, under: RwSignal<Option<u64>>) -> AnyView {
    let words =
        move || newest.with(|view| view_model::cell_words(view.picture.as_ref()?, under.get()?));
    view! {
        <p class="map-under">{text(move || words().unwrap_or_default())}</p>
        <p class="map-keys" id="map-keys">
            "On the picture: plus and minus zoom, arrows move, Home shows the whole disk; a click "
            "zooms in there, and so does the wheel while the picture has the focus."
        </p>
    }
    .erase()
}

fn move_of(event: &KeyboardEvent) -> Option<Move> {
    if event.ctrl_key() || event.alt_key() || event.meta_key() {
        return None;
    }
    Some(match event.key().as_str() {
        "+" | "=" => Move::In,
        "-" => Move::Out,
        "ArrowLeft" | "ArrowUp" => Move::Back,
        "ArrowRight" | "ArrowDown" => Move::On,
        "Home" | "0" => Move::Whole,
        _ => return None,
    })
}

fn said(view: &DiskMapView) -> String {
    let picture = view.picture.as_ref();
    picture.map_or_else(String::new, |it| view_model::picture_words(view, it))
}

/// The picture as the server draws it: for browsers without scripts, and until there are any.
fn fallback(view: &DiskMapView) -> Option<AnyView> {
    let picture = view.picture.as_ref()?;
    let rows = view_model::coarse_rows(picture);
    let frame = format!("0 0 {} {}", COLUMNS * CELL.0, rows * CELL.1);
    let rects = view_model::coarse(picture).into_iter().map(rect);
    let rects = rects.collect_view();
    let words = said(view);
    Some(
        view! {
            <svg class="map-drawn" viewBox=frame role="img" aria-label=words>{rects}</svg>
        }
        .erase(),
    )
}

fn rect(rect: Rect) -> impl IntoView {
    let high = |part: u32| part * CELL.1 / HEIGHT;
    let top = high(rect.band.top);
    let height = high(rect.band.top + rect.band.height) - top;
    view! {
        <rect
            x=rect.column * CELL.0
            y=rect.row * CELL.1 + top
            width=rect.width * CELL.0
            height=height
            fill=fill(rect.band.state)
        />
    }
}

fn fill(state: MapState) -> String {
    format!("url(#map-{})", view_model::state_slug(state))
}

/// The patterns that the legend and the picture without scripts are filled with.
#[component]
fn Patterns() -> impl IntoView {
    let patterns = MapState::ALL.map(|state| {
        let slug = view_model::state_slug(state);
        view! {
            <pattern id=format!("map-{slug}") width="16" height="16" patternUnits="userSpaceOnUse">
                <rect width="16" height="16" class=format!("map-fill-{slug}")/>
                <path d=mark(state) class=format!("map-mark-{slug}")/>
            </pattern>
        }
    });
    view! {
        <svg class="map-patterns" width="0" height="0" aria-hidden="true">
            <defs>{patterns.collect_view()}</defs>
        </svg>
    }
}

/// What stands on the colour of a state, in a square of 16.
const fn mark(state: MapState) -> &'static str {
    match state {
        MapState::Unreadable => "M3 3 13 13M13 3 3 13",
        MapState::Different => "M-1 17 17 -1M-1 1 1 -1M15 17 17 15",
        MapState::Sent => "M0 8H16",
        MapState::Verified => "M6 8H10",
        MapState::Equal => "",
        MapState::Hole => "M7 8H9",
        MapState::Unread => "M0 0H16M0 0V16",
        MapState::Outside => "M8 0V16",
    }
}

/// What the patterns mean, and how much of the part is in which state.
#[component]
pub(super) fn Legend(newest: Newest) -> impl IntoView {
    let items = MapState::ALL.map(|state| {
        let bytes = Memo::new(move |_| {
            newest.with(|view| {
                let picture = view.picture.as_ref();
                picture.map_or(model::ByteCount::ZERO, |picture| {
                    view_model::bytes_of(&picture.shares, state)
                })
            })
        });
        let none = move || bytes.get() == model::ByteCount::ZERO;
        view! {
            <li class="map-key" class:none=none>
                <svg class="map-swatch" viewBox="0 0 16 16" aria-hidden="true">
                    <rect width="16" height="16" fill=fill(state)/>
                </svg>
                <span>
                    <strong>{view_model::state_word(state)}</strong>
                    " "
                    <span class="map-bytes">{text(move || bytes.get().to_string())}</span>
                    <span class="sub">{view_model::state_meaning(state)}</span>
                </span>
            </li>
        }
    });
    view! {
        <section aria-labelledby="legend">
            <h2 id="legend">"What is shown"</h2>
            <ul class="map-legend">{items.collect_view()}</ul>
        </section>
    }
}

//! Draws the cells of a map on a canvas: called from effects and handlers, so in browsers only.
//!
//! Colours are the style sheet's: each state's custom properties, as they are for the canvas now.

use leptos::{
    html,
    leptos_dom::helpers::{
        WindowListenerHandle, request_animation_frame, window_event_listener_untyped,
    },
    prelude::*,
};
use model::MapState;
use wasm_bindgen::{JsCast as _, closure::Closure};
use web_sys::{
    CanvasRenderingContext2d, CssStyleDeclaration, HtmlCanvasElement, MediaQueryList, MouseEvent,
};

use super::{
    Newest,
    view_model::{self, Band, HEIGHT},
};

/// From this width on a picture has [`WIDE`] columns.
const ROOM: u32 = 640;
const WIDE: u32 = 64;
const NARROW: u32 = 32;

/// Draws the picture, and again whenever it changes, or the room for it or the theme does.
pub(super) fn keep_drawn(node: NodeRef<html::Canvas>, newest: Newest) {
    let cells =
        Memo::new(move |_| newest.with(|view| view.picture.as_ref().map(view_model::cells)));
    let looked = RwSignal::new(0_u32);
    Effect::new(move || {
        // Dropped when the page goes.
        StoredValue::new_local(Watch::over(move || {
            let _gone = looked.try_update(|times| *times += 1);
        }));
    });
    Effect::new(move || {
        looked.track();
        cells.track();
        let Some(canvas) = node.get() else {
            return;
        };
        // Not before the styles show it: until then it has no width.
        request_animation_frame(move || {
            let _gone = cells.try_with_untracked(|cells| {
                draw(&canvas, cells.as_deref().unwrap_or_default());
            });
        });
    });
}

/// Tells when the room for the picture or the theme changes.
struct Watch {
    resized: Option<WindowListenerHandle>,
    theme: Option<(MediaQueryList, Closure<dyn Fn()>)>,
}

impl Watch {
    fn over(changed: impl Fn() + Copy + 'static) -> Self {
        let theme = window().match_media("(prefers-color-scheme: dark)");
        let theme = theme.ok().flatten().map(|theme| {
            let changed = Closure::<dyn Fn()>::new(changed);
            theme.set_onchange(Some(changed.as_ref().unchecked_ref()));
            (theme, changed)
        });
        let resized = window_event_listener_untyped("resize", move |_| changed());
        Self {
            resized: Some(resized),
            theme,
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(resized) = self.resized.take() {
            resized.remove();
        }
        if let Some((theme, _)) = &self.theme {
            theme.set_onchange(None);
        }
    }
}

/// Whether the keyboard is on the canvas.
pub(super) fn has_focus(node: NodeRef<html::Canvas>) -> bool {
    let here = node.get_untracked().map(web_sys::Element::from);
    here.is_some() && document().active_element() == here
}

/// Which cell the pointer is on.
pub(super) fn cell_at(canvas: &HtmlCanvasElement, event: &MouseEvent) -> Option<u64> {
    let width = whole(canvas.client_width());
    let columns = columns(whole(canvas.parent_element()?.client_width()));
    let side = width / columns;
    let column = whole(event.offset_x()).checked_div(side)?.min(columns - 1);
    let row = whole(event.offset_y()).checked_div(side)?;
    Some(u64::from(row) * u64::from(columns) + u64::from(column))
}

const fn columns(width: u32) -> u32 {
    if width < ROOM { NARROW } else { WIDE }
}

/// Pixels, which are never less than none.
fn whole(pixels: i32) -> u32 {
    u32::try_from(pixels).unwrap_or(0)
}

fn draw(canvas: &HtmlCanvasElement, cells: &[Vec<Band>]) {
    let Some(frame) = canvas.parent_element() else {
        return;
    };
    let room = whole(frame.client_width());
    let columns = columns(room);
    // Cells are whole pixels, so that their edges are sharp.
    let side = room / columns;
    let scale = if window().device_pixel_ratio() > 1.0 {
        2
    } else {
        1
    };
    let rows = u32::try_from(cells.len()).unwrap_or(0).div_ceil(columns);
    let context = canvas.get_context("2d").ok().flatten();
    let context = context.and_then(|it| it.dyn_into::<CanvasRenderingContext2d>().ok());
    let style = window().get_computed_style(canvas).ok().flatten();
    let (Some(context), Some(style)) = (context, style) else {
        return;
    };
    canvas.set_width(side * columns * scale);
    canvas.set_height(side * rows.max(1) * scale);
    let shown = format!("{}px", side * columns);
    drop(web_sys::HtmlElement::style(canvas).set_property("width", &shown));
    let paints = MapState::ALL.map(|state| Paint::of(&style, state));
    let side = side * scale;
    for (number, bands) in (0..).zip(cells) {
        let (x, y) = (number % columns * side, number / columns * side);
        for band in bands {
            let top = band.top * side / HEIGHT;
            let height = (band.top + band.height) * side / HEIGHT - top;
            let at = Area {
                x: f64::from(x),
                y: f64::from(y + top),
                width: f64::from(side.saturating_sub(scale)),
                height: f64::from(height.saturating_sub(scale)),
            };
            if let Some(paint) = paints.get(band.state.place()) {
                paint.put(&context, band.state, at);
            }
        }
    }
}

/// Where a band lies, in pixels.
#[derive(Clone, Copy)]
struct Area {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

/// The colours of a state.
struct Paint {
    fill: String,
    mark: String,
}

impl Paint {
    fn of(style: &CssStyleDeclaration, state: MapState) -> Self {
        let slug = view_model::state_slug(state);
        let colour = |name: String| {
            let value = style.get_property_value(&name).unwrap_or_default();
            value.trim().to_owned()
        };
        Self {
            fill: colour(format!("--map-{slug}")),
            mark: colour(format!("--map-{slug}-mark")),
        }
    }

    fn put(&self, context: &CanvasRenderingContext2d, state: MapState, at: Area) {
        let Area {
            x,
            y,
            width,
            height,
        } = at;
        context.set_fill_style_str(&self.fill);
        context.fill_rect(x, y, width, height);
        // Too low for a mark that could be told from dirt.
        if height < 4.0 {
            return;
        }
        context.set_fill_style_str(&self.mark);
        context.set_stroke_style_str(&self.mark);
        let (across, down) = (x + width / 2.0, y + height / 2.0);
        let thin = (width / 8.0).max(1.0);
        let dot = |part: f64| {
            let side = (width.min(height) / part).max(2.0);
            context.fill_rect(across - side / 2.0, down - side / 2.0, side, side);
        };
        match state {
            MapState::Unreadable => {
                line(context, thin, (x, y), (x + width, y + height));
                line(context, thin, (x + width, y), (x, y + height));
            }
            MapState::Different => line(context, thin, (x, y + height), (x + width, y)),
            MapState::Sent => context.fill_rect(x, down - thin, width, thin * 2.0),
            MapState::Verified => dot(3.0),
            MapState::Equal => {}
            MapState::Hole => dot(5.0),
            MapState::Unread => {
                context.set_line_width(1.0);
                context.stroke_rect(x + 0.5, y + 0.5, width - 1.0, height - 1.0);
            }
            MapState::Outside => context.fill_rect(across - thin / 2.0, y, thin, height),
        }
    }
}

fn line(context: &CanvasRenderingContext2d, width: f64, from: (f64, f64), to: (f64, f64)) {
    context.set_line_width(width);
    context.begin_path();
    context.move_to(from.0, from.1);
    context.line_to(to.0, to.1);
    context.stroke();
}

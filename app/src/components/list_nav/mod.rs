//! Around a long list: its filter, the heads that sort it, and the way to its other pages. Links and GET
//! forms, so that all of it works without scripts.

pub mod types;

use leptos::prelude::*;
use model::view::{ListQuery, PageInfo, Sort, SortColumn};

pub use types::ListPlace;

use self::types::{aria_sort, neighbours, next_sort, range_words, shown_words};
use super::dynamic::{part, text};
use crate::erase::Erase as _;

/// The filter of a list, where the list is long enough to want one.
#[component]
pub fn ListFilter(
    /// Where the list is.
    place: ListPlace,
    /// What of it is shown.
    page: Signal<PageInfo>,
    /// One of its rows, in words.
    one: &'static str,
    /// What is filtered, for assistive technology.
    label: &'static str,
) -> impl IntoView {
    part(move || {
        let wanted = page.with(PageInfo::is_long) || !place.query.filter.is_empty();
        wanted.then(|| filter_form(&place, page, one, label))
    })
}

fn filter_form(
    place: &ListPlace,
    page: Signal<PageInfo>,
    one: &'static str,
    label: &'static str,
) -> AnyView {
    let id = format!("{}list-filter", place.prefix);
    let kept = ListQuery {
        filter: String::new(),
        page: 1,
        ..place.query.clone()
    };
    let kept = place
        .others
        .iter()
        .cloned()
        .chain(kept.fields(place.prefix));
    let hidden = kept
        .map(|(name, value)| view! { <input type="hidden" name=name value=value/> })
        .collect_view();
    let clear = (!place.query.filter.is_empty()).then(|| {
        view! { <a class="button small" href=place.unfiltered_href()>"Show all"</a> }
    });
    view! {
        <form method="get" action=place.path.clone() role="search" aria-label=label class="toolbar">
            {hidden}
            <label for=id.clone()>"Filter"</label>
            <input
                type="search"
                id=id
                name=format!("{}filter", place.prefix)
                value=place.query.filter.clone()
            />
            <button type="submit" class="button small">"Apply"</button>
            {clear}
            <span class="toolbar-count" role="status">
                {text(move || page.with(|page| shown_words(page, one)))}
            </span>
        </form>
    }
    .erase()
}

/// The head of a column that sorts the list.
#[component]
pub fn SortHead(
    /// Where the list is.
    place: ListPlace,
    /// By what it sorts.
    column: SortColumn,
    /// The column's title.
    title: &'static str,
    /// The column holds numbers.
    #[prop(optional)]
    number: bool,
) -> impl IntoView {
    let class = if number { "number sort" } else { "sort" };
    let sorted = place.aria_sort(column);
    view! {
        <th scope="col" class=class aria-sort=sorted>
            <a href=place.sort_href(column)>{title}</a>
        </th>
    }
}

/// The way to the other pages.
#[component]
pub fn Pager(
    /// Where the list is.
    place: ListPlace,
    /// Which page is shown.
    page: Signal<PageInfo>,
    /// What is paged, for assistive technology.
    label: &'static str,
) -> impl IntoView {
    part(move || {
        page.with(|page| {
            let links = neighbours(page).into_iter();
            let links = links
                .map(|(to, word)| {
                    view! {
                        <a class="button small" href=place.page_href(to)>
                            {word} ": " {range_words(page, to)}
                        </a>
                    }
                })
                .collect_view();
            let here = format!("Page {} of {}", page.page, page.pages);
            (page.pages > 1).then(|| {
                view! { <nav class="pager" aria-label=label><span>{here}</span> {links}</nav> }
                    .erase()
            })
        })
    })
}

/// The same within a form: what was typed on this page is sent with the way to the next.
#[component]
pub fn FormPager(
    /// Which page is shown.
    page: PageInfo,
    /// What is paged, for assistive technology.
    label: &'static str,
) -> impl IntoView {
    let buttons = neighbours(&page)
        .into_iter()
        .map(|(to, word)| {
            view! {
                <button type="submit" class="button small" name="press" value=format!("page-{to}")>
                    {word} ": " {range_words(&page, to)}
                </button>
            }
        })
        .collect_view();
    let here = format!("Page {} of {}", page.page, page.pages);
    (page.pages > 1).then(|| {
        view! {
            // Enter in a field presses the first button of the form.
            <button type="submit" hidden=true name="press" value="next">"Next"</button>
            <nav class="pager" aria-label=label><span>{here}</span> {buttons}</nav>
        }
    })
}

/// The head of a column of a list within a form.
#[component]
pub fn FormSortHead(
    /// The order now.
    sort: Option<Sort>,
    /// By what it sorts.
    column: SortColumn,
    /// The column's title.
    title: &'static str,
    /// The column holds numbers.
    #[prop(optional)]
    number: bool,
) -> impl IntoView {
    let class = if number { "number sort" } else { "sort" };
    let next = next_sort(sort, column).map_or_else(|| "none".to_owned(), Sort::word);
    view! {
        <th scope="col" class=class aria-sort=aria_sort(sort, column)>
            <button type="submit" name="press" value=format!("order-{next}")>{title}</button>
        </th>
    }
}

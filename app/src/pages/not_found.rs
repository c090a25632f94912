//! The page for an address that means nothing. The server answers it with status 404.

use leptos::prelude::*;
use leptos_meta::Title;

/// Says that the page does not exist and where to go.
#[component]
pub fn NotFound() -> impl IntoView {
    view! {
        <Title text="No such page"/>
        <section class="load-failed">
            <h1>"There is no such page"</h1>
            <p>"The address may be mistyped, or what it named was removed."</p>
            <p>
                <a href="/">"Go to the start page"</a>
            </p>
        </section>
    }
}

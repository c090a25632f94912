//! The browser's entry: hydrates the console over the page that the server rendered. No logic here.

use app::layout::App;
use wasm_bindgen::prelude::wasm_bindgen;

/// Takes over the page. The script that the shell names calls it once the module is loaded.
#[wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_body(App);
}

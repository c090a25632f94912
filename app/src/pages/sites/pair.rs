//! The form for one pair: which VM is the original, and which disks belong together. Which original is
//! looked at is in the address, so that it works without scripts.

use crate::erase::Erase as _;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use model::{
    ApiError, VmRef,
    view::{PairDisk, PairView},
};

use super::{
    api::{RegisterPair, read_pair},
    view_model,
};
use crate::components::{
    error_summary::{ErrorSummary, field_id},
    field::{Field, FieldNote, note_id},
    form::{Form, Sending},
    load::fetched,
};

/// The page of one pair: `/sites/pair?vm=SITE/ID&original=SITE/ID`.
#[component]
pub fn PairPage() -> impl IntoView {
    let query = use_query_map();
    let asked = Memo::new(move |_| {
        query.with(|query| view_model::pair_query(query.get_str("vm"), query.get_str("original")))
    });
    let pair = Resource::new(
        move || asked.get(),
        |asked| read_pair(asked.vm, asked.original),
    );
    fetched(pair, |view| view! { <Pair view/> }.erase())
}

#[component]
fn Pair(view: PairView) -> impl IntoView {
    let PairView {
        vm,
        replica,
        originals,
        original,
        disks,
        left_over,
    } = view;
    let register = Sending::to::<RegisterPair>();
    let chosen = original.and_then(|original| {
        let found = originals.iter().find(|(value, _)| *value == original);
        found.cloned()
    });
    let value = chosen.as_ref().map(|(value, _)| value.clone());
    let disks = chosen.map(|original| {
        view! { <Disks vm=vm.clone() original disks left_over sending=register/> }
    });
    view! {
        <Title text="Register a pair"/>
        <header class="page-head">
            <div>
                <h1>"Register a pair"</h1>
                <p class="headline">"Of which VM is " {replica} " the replica?"</p>
            </div>
            <a class="button quiet" href=view_model::PLACE>"Back to the sites"</a>
        </header>
        <p>
            "Nothing is written to either VM except the registration. No common point is recorded, so "
            "quick rollback is not offered and the first pass compares everything."
        </p>
        <ErrorSummary error=register.error()/>
        <Original vm originals chosen=value error=register.error()/>
        {disks}
    }
}

/// The choice of the original.
#[component]
fn Original(
    vm: VmRef,
    originals: Vec<(String, String)>,
    chosen: Option<String>,
    error: Signal<Option<ApiError>>,
) -> impl IntoView {
    let none = originals.is_empty().then(|| {
        view! {
            <p class="why-not">
                "No VM of a connected production site is without a replica."
            </p>
        }
    });
    let not_chosen = chosen
        .is_none()
        .then(|| view! { <option value="" selected=true>"Not chosen yet"</option> });
    let options = originals.into_iter().map(|(value, words)| {
        let selected = chosen.as_ref() == Some(&value);
        view! { <option value=value selected=selected>{words}</option> }
    });
    let options = options.collect_view();
    view! {
        <section class="panel" aria-labelledby="original">
            <h2 id="original">"The original"</h2>
            {none}
            <form method="get" action="/sites/pair" class="pair-form">
                <input type="hidden" name="vm" value=vm.to_string()/>
                <Field name="original" label="VM that it is a copy of" error>
                    <select
                        name="original"
                        id=field_id("original")
                        aria-describedby=note_id("original")
                    >
                        {not_chosen}
                        {options}
                    </select>
                </Field>
                <button type="submit" class="button">"Show its disks"</button>
            </form>
        </section>
    }
}

/// Which disks belong together, and registering it.
#[component]
fn Disks(
    vm: VmRef,
    /// What the form sends, and its words.
    original: (String, String),
    disks: Vec<PairDisk>,
    left_over: Vec<String>,
    sending: Sending,
) -> impl IntoView {
    let (value, words) = original;
    let fields = disks.into_iter().enumerate().map(disk).collect_view();
    view! {
        <section class="panel" aria-labelledby="disks">
            <h2 id="disks">"Disks"</h2>
            <p>"The original is " <strong>{words}</strong> "."</p>
            <Form sending>
                <div class="pair-form">
                    <input type="hidden" name="vm" value=vm.to_string()/>
                    <input type="hidden" name="original" value=value/>
                    <fieldset class="choices" aria-describedby=note_id("disks")>
                        <legend>"Each disk of the replica, and the disk that it is a copy of"</legend>
                        {fields}
                        <FieldNote
                            name="disks"
                            hint="Only disks of the same size pair. One without a pair is not failed back."
                            error=sending.error()
                        />
                    </fieldset>
                    {left(left_over)}
                    <button type="submit" class="button primary">"Register the pair"</button>
                </div>
            </Form>
        </section>
    }
}

fn disk((index, disk): (usize, PairDisk)) -> impl IntoView {
    let PairDisk {
        key,
        words,
        choices,
        chosen,
    } = disk;
    let id = view_model::disk_id(index);
    let options = choices.into_iter().map(|(original, words)| {
        let selected = chosen.as_ref() == Some(&original);
        let value = view_model::pair_value(&key, Some(&original));
        view! { <option value=value selected=selected>{words}</option> }
    });
    let options = options.collect_view();
    view! {
        <div class="field">
            <label for=id.clone()>{words}</label>
            <select name="disks[]" id=id>
                <option value=view_model::pair_value(&key, None) selected=chosen.is_none()>
                    "No pair"
                </option>
                {options}
            </select>
        </div>
    }
}

/// Disks of the original for which nothing is proposed.
fn left(disks: Vec<String>) -> Option<impl IntoView> {
    if disks.is_empty() {
        return None;
    }
    let disks = disks.into_iter().map(|words| view! { <li>{words}</li> });
    let disks = disks.collect_view();
    Some(view! {
        <div>
            <p>"Disks of the original that no disk is proposed for:"</p>
            <ul class="pair-left">{disks}</ul>
        </div>
    })
}

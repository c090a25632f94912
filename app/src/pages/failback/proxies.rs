//! Pick proxies, on the Destination step: automatic, or by hand from a list for each site.

use leptos::prelude::*;
use model::{
    ApiError,
    view::{PickProxy, PickReach, PickSite, ProxyPickView},
};

use crate::components::{
    error_summary::field_id,
    field::{FieldNote, note_id},
    icon::Icon,
};

/// The choice, as a part of the step's form.
#[component]
pub(super) fn PickProxies(pick: ProxyPickView, error: Signal<Option<ApiError>>) -> impl IntoView {
    let by_hand = pick.by_hand;
    let sites = pick.sites.into_iter().map(site).collect_view();
    let warnings = pick.warnings.into_iter();
    let warnings = warnings
        .map(|warning| view! { <li><Icon name="waiting"/>{warning}</li> })
        .collect_view();
    view! {
        <fieldset class="cards" aria-describedby=note_id("proxies")>
            <legend class="visually-hidden">"Proxies"</legend>
            <div class="card">
                <input type="radio" name="pick" value="automatic" id="pick-automatic" checked=!by_hand/>
                <label for="pick-automatic">
                    <strong>"Automatic"</strong>
                    <span>
                        "Before each disk the best pair of all proxies is taken, by transport mode, "
                        "load and rate. The session says which and why."
                    </span>
                </label>
            </div>
            <div class="card">
                <input type="radio" name="pick" value="by_hand" id=field_id("proxies") checked=by_hand/>
                <label for=field_id("proxies")>
                    <strong>"Pick proxies by hand"</strong>
                    <span>
                        "Only the ticked ones are taken. Tick at least one at each site, and better "
                        "two: when one fails, the other goes on."
                    </span>
                </label>
            </div>
            <div class="proxy-lists">
                <ul class="warnings">{warnings}</ul>
                {sites}
            </div>
            <FieldNote name="proxies" error/>
        </fieldset>
    }
}

fn site(site: PickSite) -> impl IntoView {
    let empty = site.proxies.is_empty().then(|| {
        view! { <p class="empty">"This site has no proxy yet. Add one on the proxies page."</p> }
    });
    let proxies = site.proxies.into_iter().map(proxy).collect_view();
    view! {
        <fieldset class="choices">
            <legend>{site.title}</legend>
            {empty}
            {proxies}
        </fieldset>
    }
}

fn proxy(proxy: PickProxy) -> impl IntoView {
    let id = format!("proxy-{}", proxy.id);
    let reach = proxy.reach.iter().map(reach).collect_view();
    view! {
        <div class="choice">
            <input
                type="checkbox"
                name="proxies[]"
                id=id.clone()
                value=proxy.id.to_string()
                checked=proxy.picked
            />
            <label for=id>
                <strong>{proxy.name}</strong> ": " {proxy.facts}
                <span class="proxy-reach">{reach}</span>
            </label>
        </div>
    }
}

fn reach(reach: &PickReach) -> impl IntoView + use<> {
    let mut vms = reach.vms.join(", ");
    if reach.more > 0 {
        vms = format!("{vms} and {} more", reach.more);
    }
    let words = if reach.reached {
        format!("Reaches {vms} {}", reach.how)
    } else {
        format!("Does not reach {vms}: {}", reach.how)
    };
    view! { <span>{words}</span> }
}

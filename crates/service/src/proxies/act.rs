//! What an operator does with proxies: enable, drain, disable, add; and what each will do.

use model::{
    Actor, ApiError, ModeLimit, ProxyId, ProxySettings, ProxyState, Reach, SiteId,
    view::{NewProxyInput, ProxyAction},
};
use store::{ProxyChange, fresh_id};

use super::{applies, carried, stand_ins};
use crate::{
    LiveProxy, Service,
    actor::authorise,
    refusal::{conflict, failed, invalid, not_found},
};

const NAME_CHARACTERS: usize = 80;
const MOST_SLOTS: u32 = 64;

/// What may be done with a proxy, each with its consequence.
pub(super) fn offered(
    proxy: &ProxySettings,
    all: &[ProxySettings],
    work: &LiveProxy,
    lab: bool,
) -> Vec<(ProxyAction, String)> {
    let offered = ProxyAction::ALL.into_iter();
    offered
        .filter(|action| applies(*action, proxy, lab))
        .map(|action| (action, consequence(action, proxy, all, work)))
        .collect()
}

fn consequence(
    action: ProxyAction,
    proxy: &ProxySettings,
    all: &[ProxySettings],
    work: &LiveProxy,
) -> String {
    let name = &proxy.name;
    match action {
        ProxyAction::Enable => {
            format!("{name} gets tasks again: disks that wait may begin at once.")
        }
        ProxyAction::Drain if work.tasks.is_empty() => {
            format!("{name} carries nothing and gets no tasks until it is enabled again.")
        }
        ProxyAction::Drain => format!(
            "{name} ends the {} that it carries and gets no others until it is enabled again.",
            carried(work)
        ),
        ProxyAction::Disable => format!(
            "{name} gets no tasks until it is enabled again. {}",
            hand_over(proxy, all, work)
        ),
        ProxyAction::CutOff => format!(
            "{name} does not answer any more, as if its link had failed. {}",
            hand_over(proxy, all, work)
        ),
        ProxyAction::Reconnect => format!("{name} answers again."),
    }
}

/// What becomes of the disks that a proxy carries when it may not any more.
fn hand_over(proxy: &ProxySettings, all: &[ProxySettings], work: &LiveProxy) -> String {
    if work.tasks.is_empty() {
        return "It carries nothing now.".to_owned();
    }
    let disks = carried(work);
    let others: Vec<&str> = stand_ins(proxy, all).map(|it| it.name.as_str()).collect();
    if others.is_empty() {
        return format!(
            "The {disks} that it carries stop at once and wait: no other proxy of its site is \
             enabled. They go on from their last acknowledged range when one is."
        );
    }
    format!(
        "The {disks} that it carries stop at once and go on from their last acknowledged range \
         through {}, as far as slots are free.",
        others.join(" or ")
    )
}

impl Service {
    /// Changes whether a proxy works.
    ///
    /// # Errors
    /// When there is no such proxy, or the change has nothing to do with it as it is.
    pub async fn proxy_act(
        &self,
        actor: &Actor,
        id: &ProxyId,
        action: ProxyAction,
    ) -> Result<(), ApiError> {
        authorise(actor)?;
        let all = self.store().proxy_list().await.map_err(failed)?;
        let proxy = all.iter().find(|proxy| proxy.id == *id);
        let proxy = proxy.ok_or_else(|| no_such(id))?;
        if !applies(action, proxy, self.wired.lab_directory.is_some()) {
            return Err(conflict(
                format!("{} is so already, or cannot be.", proxy.name),
                "Load the page again to see what is possible now.",
            ));
        }
        let (change, said) = match action {
            ProxyAction::Enable => (ProxyChange::State(ProxyState::Enabled), "Enabled"),
            ProxyAction::Drain => (ProxyChange::State(ProxyState::Draining), "Drained"),
            ProxyAction::Disable => (ProxyChange::State(ProxyState::Disabled), "Disabled"),
            ProxyAction::CutOff => (ProxyChange::CutOff(true), "Cut the link of"),
            ProxyAction::Reconnect => (ProxyChange::CutOff(false), "Mended the link of"),
        };
        let audit = format!("{said} proxy {}.", proxy.name);
        let now = self.now();
        let store = self.store();
        store
            .audit_append(actor, &audit, now)
            .await
            .map_err(failed)?;
        let changed = store.proxy_set_state(id, change).await.map_err(failed)?;
        self.wake();
        changed.then_some(()).ok_or_else(|| no_such(id))
    }

    /// Adds a proxy.
    ///
    /// # Errors
    /// When a field lacks something or is not possible.
    pub async fn proxy_add(&self, actor: &Actor, input: NewProxyInput) -> Result<(), ApiError> {
        authorise(actor)?;
        let estate = self.estate().await?;
        let all = self.store().proxy_list().await.map_err(failed)?;
        let site = SiteId::new(input.site);
        if estate.site(&site).is_none() {
            return Err(invalid(
                "site",
                "No site is chosen.",
                "Choose where the proxy stands.",
            ));
        }
        let name = name(&input.name, &all)?;
        let slots = slots(&input.slots)?;
        if input.modes.is_empty() {
            return Err(invalid(
                "modes",
                "No transport mode is chosen.",
                "Tick how the proxy may reach disks.",
            ));
        }
        let modes = input.modes.into_iter();
        let proxy = ProxySettings {
            id: ProxyId::new(fresh_id()),
            name,
            modes: modes.map(|mode| ModeLimit { mode, most: None }).collect(),
            falls_back: true,
            hosts: Reach::All,
            datastores: Reach::All,
            slots,
            state: ProxyState::Enabled,
            cut_off: false,
            site,
        };
        let audit = format!(
            "Added proxy {} at {}, with {slots} slots.",
            proxy.name,
            estate.site_name(&proxy.site)
        );
        let store = self.store();
        store
            .audit_append(actor, &audit, self.now())
            .await
            .map_err(failed)?;
        store.proxy_insert(&proxy).await.map_err(failed)?;
        self.wake();
        Ok(())
    }
}

fn name(typed: &str, all: &[ProxySettings]) -> Result<String, ApiError> {
    let name = typed.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARACTERS {
        return Err(invalid(
            "name",
            format!("A proxy has a name of 1 to {NAME_CHARACTERS} characters."),
            "Type what operators will call it.",
        ));
    }
    if all.iter().any(|it| it.name.eq_ignore_ascii_case(name)) {
        return Err(invalid(
            "name",
            format!("There is a proxy {name} already."),
            "Type another name.",
        ));
    }
    Ok(name.to_owned())
}

fn slots(typed: &str) -> Result<u32, ApiError> {
    let slots = typed.trim().parse().ok();
    slots
        .filter(|slots| (1..=MOST_SLOTS).contains(slots))
        .ok_or_else(|| {
            invalid(
                "slots",
                format!("The slots are no whole number from 1 to {MOST_SLOTS}."),
                "Type how many disks the proxy may carry at a time.",
            )
        })
}

fn no_such(id: &ProxyId) -> ApiError {
    not_found(
        format!("There is no proxy {id}."),
        "Load the proxies page again.",
    )
}

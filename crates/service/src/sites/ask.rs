//! Asking for a site or a pair to be recorded or forgotten: checked here, done by the engine, which
//! reaches the platforms.

use model::{
    Actor, ApiError, NewSite, SiteId, SiteRole,
    view::{NewSiteInput, PairInput},
};
use store::{EstateAsk, IntentKind, IntentRow};

use super::{keep_pair_why, keep_site_why, named, pair};
use crate::{
    Service,
    actor::authorise,
    refusal::{conflict, failed, invalid, not_found},
};

const NAME_CHARACTERS: usize = 80;
const URI_CHARACTERS: usize = 500;

impl Service {
    /// Asks for a site to be tried and connected.
    ///
    /// # Errors
    /// When a field lacks something, a name is taken, or another request is at work.
    pub async fn site_connect(&self, actor: &Actor, input: &NewSiteInput) -> Result<(), ApiError> {
        authorise(actor)?;
        let estate = self.estate().await?;
        // A host that is connected already may get another name or address.
        let connected = self.store().site_list().await.map_err(failed)?;
        let others = estate.sites.iter().map(|(site, ..)| site);
        let others = others.filter(|site| connected.iter().all(|it| it.id != site.site));
        let names: Vec<&str> = others.map(|site| site.name.as_str()).collect();
        let site = checked(input, &names)?;
        let audit = format!("Asked to connect site {} at {}.", site.name, site.uri);
        self.ask(actor, EstateAsk::PutSite { site }, &audit).await
    }

    /// Asks for a site to be forgotten.
    ///
    /// # Errors
    /// When there is no such site, or it is in use.
    pub async fn site_forget(&self, actor: &Actor, id: &SiteId) -> Result<(), ApiError> {
        authorise(actor)?;
        let known = self.store().site_list().await.map_err(failed)?;
        if known.iter().all(|site| site.id != *id) {
            return Err(not_found(
                format!("No site {id} is connected."),
                "Load the sites page again.",
            ));
        }
        let estate = self.estate().await?;
        if let Some(why) = keep_site_why(&estate, id) {
            return Err(conflict(why, "Then forget the site."));
        }
        let audit = format!("Asked to forget site {}.", estate.site_name(id));
        let ask = EstateAsk::RemoveSite { site: id.clone() };
        self.ask(actor, ask, &audit).await
    }

    /// Asks for a VM to be registered as the replica of another.
    ///
    /// # Errors
    /// When a VM or disk is not there, a disk is paired twice, or sizes differ.
    pub async fn pair_register(&self, actor: &Actor, input: &PairInput) -> Result<(), ApiError> {
        authorise(actor)?;
        let estate = self.estate().await?;
        let pair = pair::checked(&estate, input)?;
        let audit = format!(
            "Asked to register {} as the replica of {}.",
            named(&estate, &pair.replica),
            named(&estate, &pair.original)
        );
        self.ask(actor, EstateAsk::RegisterPair { pair }, &audit)
            .await
    }

    /// Asks for a pair to be forgotten.
    ///
    /// # Errors
    /// When there is none, or a session is at work on it.
    pub async fn pair_forget(&self, actor: &Actor, vm: &str) -> Result<(), ApiError> {
        authorise(actor)?;
        let estate = self.estate().await?;
        let found = pair::parse(vm).and_then(|vm| estate.replicas().find(|it| it.vm == vm));
        let Some(replica) = found.filter(|it| super::is_at_libvirt(&estate, &it.vm)) else {
            return Err(not_found(
                "There is no such registered pair.",
                "Load the sites page again.",
            ));
        };
        if let Some(why) = keep_pair_why(&estate, replica) {
            return Err(conflict(why, "Then forget the pair."));
        }
        let audit = format!(
            "Asked to forget that {} is a replica.",
            named(&estate, &replica.vm)
        );
        let vm = replica.vm.clone();
        self.ask(actor, EstateAsk::ForgetPair { vm }, &audit).await
    }

    async fn ask(&self, actor: &Actor, ask: EstateAsk, audit: &str) -> Result<(), ApiError> {
        let recent: Vec<IntentRow> = self.estate_intents().await?;
        if recent.iter().any(|intent| intent.done_at.is_none()) {
            return Err(conflict(
                "Another request about sites is at work.",
                "Wait until it is done, then try again.",
            ));
        }
        let intent = self
            .intend(actor, None, IntentKind::Estate(ask), audit)
            .await?;
        self.answered(&intent).await
    }
}

fn checked(input: &NewSiteInput, names: &[&str]) -> Result<NewSite, ApiError> {
    let name = input.name.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARACTERS {
        return Err(invalid(
            "name",
            "The site has no name, or one that is too long.",
            format!("Give it a name of at most {NAME_CHARACTERS} characters."),
        ));
    }
    if names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return Err(invalid(
            "name",
            format!("There is a site named {name} already."),
            "Choose another name.",
        ));
    }
    let role = match input.role.as_str() {
        "production" => SiteRole::Production,
        "disaster_recovery" => SiteRole::DisasterRecovery,
        _ => {
            return Err(invalid(
                "role",
                "What the site is for is not chosen.",
                "Choose production or disaster recovery.",
            ));
        }
    };
    let uri = input.uri.trim();
    if uri.is_empty() || uri.len() > URI_CHARACTERS {
        return Err(invalid(
            "uri",
            "There is no address, or one that is too long.",
            "Write qemu:///system for this machine, or qemu+ssh://USER@HOST/system.",
        ));
    }
    Ok(NewSite {
        name: name.to_owned(),
        role,
        uri: uri.to_owned(),
    })
}

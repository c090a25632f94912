//! The start page: sites, replicas with what may be done, sessions at work and over.

use model::{
    ApiError, VisibleState,
    view::{ReplicaView, SessionSummary, SiteView, StartView},
};

use crate::{Service, estate::Estate, refusal::failed, session::Work};

/// Sessions that are over and still shown.
const PAST: u32 = 50;

impl Service {
    /// The start page.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn start(&self) -> Result<StartView, ApiError> {
        let estate = self.estate().await?;
        let past = self
            .store()
            .session_list_ended(PAST)
            .await
            .map_err(failed)?;
        let past = past
            .into_iter()
            .map(|row| Ok(Work::of(row)?.summary(&estate)))
            .collect::<Result<_, ApiError>>()?;
        let replicas = estate.replica_views();
        let running: Vec<_> = estate
            .running
            .iter()
            .map(|work| work.summary(&estate))
            .collect();
        Ok(StartView {
            now: self.now(),
            headline: headline(&estate, &replicas, &running),
            sites: site_views(&estate),
            replicas,
            running,
            past,
            open_to_network: self.wired.open_to_network,
        })
    }
}

fn site_views(estate: &Estate) -> Vec<SiteView> {
    estate
        .sites
        .iter()
        .map(|(inventory, read_at, error)| SiteView {
            id: inventory.site.clone(),
            name: inventory.name.clone(),
            role: inventory.role,
            platform: inventory.platform.clone(),
            inventory_at: Some(*read_at),
            inventory_error: error.clone(),
        })
        .collect()
}

/// The state of the whole in one line: what waits first, then what is lost from sight.
fn headline(estate: &Estate, replicas: &[ReplicaView], running: &[SessionSummary]) -> String {
    if estate.newest_reading().is_none() && estate.unread.is_empty() {
        return "The sites are being read for the first time.".to_owned();
    }
    let failed_over = replicas
        .iter()
        .filter(|replica| replica.state == VisibleState::Failover)
        .count();
    let attention = running.iter().filter(|it| it.attention.is_some()).count();
    let waiting = running
        .iter()
        .filter(|it| it.waits_for_you && it.attention.is_none())
        .count();
    let at_work = running.len() - attention - waiting;
    let mut parts = vec![counted(failed_over, "replica", "replicas") + " in Failover"];
    let sessions = |count| counted(count, "session", "sessions");
    parts.extend((attention > 0).then(|| sessions(attention) + " in need of attention"));
    parts.extend((waiting > 0).then(|| sessions(waiting) + " waiting for you"));
    parts.extend((at_work > 0).then(|| sessions(at_work) + " at work"));
    parts.extend(
        estate
            .unread
            .iter()
            .map(|site| format!("site {} could not be read yet: {}", site.site, site.error)),
    );
    parts.join(", ")
}

/// A count with its noun.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

//! The start page: sites, replicas with what may be done, sessions at work and over.

use std::sync::Arc;

use model::{
    ApiError, VisibleState,
    view::{ListQuery, PAGE_ROWS, PageInfo, SessionSummary, SiteView, StartQuery, StartView},
};
use store::PastQuery;

use crate::{Service, estate::Estate, lists::past_order, refusal::failed, session::Work};

impl Service {
    /// The start page, with the pages of its lists that are asked for.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn start(&self, query: &StartQuery) -> Result<StartView, ApiError> {
        let estate = self.estate().await?;
        let (past, past_page) = self.past_page(&estate, &query.past).await?;
        let (replicas, replica_page) = estate.replica_page(&query.replicas);
        let works = || estate.running().iter().map(Arc::as_ref);
        let (running, running_page) = estate.session_page(works(), &query.running);
        let counts = Counts::of(&estate);
        Ok(StartView {
            now: self.now(),
            headline: headline(&estate, &counts),
            sites: site_views(&estate),
            replicas,
            replica_page,
            running,
            running_page,
            waiting: counts.attention + counts.waiting,
            past,
            past_page,
            open_to_network: self.wired.open_to_network,
        })
    }

    async fn past_page(
        &self,
        estate: &Estate,
        query: &ListQuery,
    ) -> Result<(Vec<SessionSummary>, PageInfo), ApiError> {
        let wanted = PageInfo::of(query, usize::MAX, usize::MAX);
        let ask = |before: usize| PastQuery {
            filter: &query.filter,
            order: past_order(query.sort),
            skip: u32::try_from(before).unwrap_or(u32::MAX),
            take: u32::try_from(PAGE_ROWS).unwrap_or(u32::MAX),
        };
        let store = self.store();
        let (mut rows, total) = store
            .session_list_past(&ask(wanted.before))
            .await
            .map_err(failed)?;
        let total = usize::try_from(total).unwrap_or(usize::MAX);
        let page = PageInfo::of(query, total, total);
        if page.before != wanted.before {
            // Past the end: the last one.
            let last = store.session_list_past(&ask(page.before)).await;
            (rows, _) = last.map_err(failed)?;
        }
        let views = rows.into_iter();
        let views = views.map(|row| Ok(Work::of(row)?.summary(estate)));
        Ok((views.collect::<Result<_, ApiError>>()?, page))
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

/// What the whole is at, all pages together.
struct Counts {
    failed_over: usize,
    attention: usize,
    waiting: usize,
    at_work: usize,
}

impl Counts {
    fn of(estate: &Estate) -> Self {
        let replicas = estate.replicas();
        let running = estate.running();
        let attention = running.iter().filter(|it| it.session.attention.is_some());
        let attention = attention.count();
        let waiting = running.iter().filter(|it| {
            it.session.attention.is_none()
                && !it.session.is_over()
                && it.session.waits_for_operator()
        });
        let waiting = waiting.count();
        Self {
            failed_over: replicas
                .filter(|replica| estate.state_of(replica) == VisibleState::Failover)
                .count(),
            attention,
            waiting,
            at_work: running.len() - attention - waiting,
        }
    }
}

/// The state of the whole in one line: what waits first, then what is lost from sight.
fn headline(estate: &Estate, counts: &Counts) -> String {
    if estate.newest_reading().is_none() && estate.unread.is_empty() {
        return "The sites are being read for the first time.".to_owned();
    }
    let Counts {
        failed_over,
        attention,
        waiting,
        at_work,
    } = *counts;
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

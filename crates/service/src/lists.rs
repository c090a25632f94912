//! Lists a page at a time: which rows the filter lets through, in which order, and which of them are
//! on the page. Only those are made ready to be shown.

use std::cmp::Reverse;

use model::{
    ReplicaId, Timestamp, VisibleState,
    view::{ListQuery, PageInfo, ReplicaView, SessionSummary, Sort, SortColumn},
};
use store::{PastOrder, ReplicaRow};

use crate::{
    estate::{Estate, size},
    session::Work,
};

/// A text in lower case, to be looked for in others.
pub(crate) struct Needle(String);

impl Needle {
    pub(crate) fn of(filter: &str) -> Self {
        Self(filter.trim().to_lowercase())
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a text holds it, whatever its case.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        if self.is_empty() {
            return true;
        }
        if !text.is_ascii() || !self.0.is_ascii() {
            return text.to_lowercase().contains(&self.0);
        }
        let needle = self.0.as_bytes();
        let mut windows = text.as_bytes().windows(needle.len());
        windows.any(|window| window.eq_ignore_ascii_case(needle))
    }

    /// Whether a text that is in lower case already holds it.
    pub(crate) fn is_in_lower(&self, text: &str) -> bool {
        text.contains(&self.0)
    }
}

/// In the order that was asked for, by a key of each row.
fn in_order<T, K: Ord>(rows: &mut [T], descending: bool, key: impl Fn(&T) -> K) {
    if descending {
        rows.sort_by_cached_key(|row| Reverse(key(row)));
    } else {
        rows.sort_by_cached_key(key);
    }
}

impl Estate {
    /// The replicas that a filter lets through, in the order of their sites: those of which a name, the
    /// job or the state holds it.
    pub(crate) fn replicas_matching(&self, filter: &str) -> Vec<&ReplicaRow> {
        let needle = Needle::of(filter);
        if needle.is_empty() {
            return self.replicas().collect();
        }
        let all = self.texts().filter(|(replica, text)| {
            needle.is_in_lower(text) || needle.is_in(self.state_of(replica).words())
        });
        all.map(|(replica, _)| replica).collect()
    }

    /// Puts replicas in order; without a wish they stay as they are.
    pub(crate) fn sort_replicas(&self, replicas: &mut [&ReplicaRow], sort: Option<Sort>) {
        let Some(Sort { column, descending }) = sort else {
            return;
        };
        match column {
            SortColumn::Name => in_order(replicas, descending, |&it| self.production_name_of(it)),
            SortColumn::State => in_order(replicas, descending, |&it| {
                (self.state_of(it).words(), self.production_name_of(it))
            }),
            SortColumn::Size => in_order(replicas, descending, |it| {
                self.vm(&it.vm).map(size).unwrap_or_default()
            }),
            SortColumn::Since => in_order(replicas, descending, |it| it.running_since),
        }
    }

    /// The page of replicas that a query asks for.
    pub(crate) fn replica_page(&self, query: &ListQuery) -> (Vec<ReplicaView>, PageInfo) {
        let mut found = self.replicas_matching(&query.filter);
        self.sort_replicas(&mut found, query.sort);
        self.page_of(found, query)
    }

    /// The page of replicas to choose from: without another wish those that can be chosen come first.
    pub(crate) fn choice_page(&self, query: &ListQuery) -> (Vec<ReplicaView>, PageInfo) {
        let mut found = self.replicas_matching(&query.filter);
        if query.sort.is_none() {
            found.sort_by_cached_key(|replica| !self.can_begin(replica));
        }
        self.sort_replicas(&mut found, query.sort);
        self.page_of(found, query)
    }

    fn page_of(&self, found: Vec<&ReplicaRow>, query: &ListQuery) -> (Vec<ReplicaView>, PageInfo) {
        let page = PageInfo::of(query, found.len(), self.replicas().count());
        let rows = page.cut(found);
        let views = rows.into_iter().map(|replica| self.replica_view(replica));
        (views.collect(), page)
    }

    /// Whether a failback of a replica can begin now.
    pub(crate) fn can_begin(&self, replica: &ReplicaRow) -> bool {
        let at_work = self.session_on(&replica.id).is_some();
        failback::why_not_begin(replica.state, at_work).is_none()
    }

    /// The replicas that a filter lets through and whose failback can begin now.
    pub(crate) fn choosable(&self, filter: &str) -> impl Iterator<Item = &ReplicaId> {
        let found = self.replicas_matching(filter).into_iter();
        let found = found.filter(move |replica| self.can_begin(replica));
        found.map(|replica| &replica.id)
    }

    /// The page of sessions that a query asks for, of sessions that are given in their order.
    pub(crate) fn session_page<'a>(
        &self,
        works: impl Iterator<Item = &'a Work>,
        query: &ListQuery,
    ) -> (Vec<SessionSummary>, PageInfo) {
        let needle = Needle::of(&query.filter);
        let all: Vec<&Work> = works.collect();
        let mut found: Vec<&Work> = all
            .iter()
            .copied()
            .filter(|work| {
                needle.is_in(&work.row.vm_name) || needle.is_in(work.session.visible().words())
            })
            .collect();
        sort_sessions(&mut found, query.sort);
        let page = PageInfo::of(query, found.len(), all.len());
        let rows = page.cut(found);
        let views = rows.into_iter().map(|work| work.summary(self));
        (views.collect(), page)
    }
}

fn sort_sessions(works: &mut [&Work], sort: Option<Sort>) {
    let Some(Sort { column, descending }) = sort else {
        return;
    };
    let state = |work: &&Work| -> VisibleState { work.session.visible() };
    match column {
        SortColumn::Name => in_order(works, descending, |work| work.row.vm_name.clone()),
        SortColumn::State => in_order(works, descending, |work| {
            (state(work).words(), work.row.vm_name.clone())
        }),
        SortColumn::Since | SortColumn::Size => {
            in_order(works, descending, |work| -> Timestamp {
                work.row.started_at
            });
        }
    }
}

/// The order of past sessions that comes nearest to what was asked for.
pub(crate) fn past_order(sort: Option<Sort>) -> PastOrder {
    let Some(Sort { column, descending }) = sort else {
        return PastOrder::Newest;
    };
    match (column, descending) {
        (SortColumn::Name, false) => PastOrder::Name,
        (SortColumn::Name, true) => PastOrder::NameBackwards,
        (SortColumn::Since, false) => PastOrder::Oldest,
        (SortColumn::Since, true) | (SortColumn::State | SortColumn::Size, _) => PastOrder::Newest,
    }
}

/// Cuts what is only listed as an example to so many, and says how many are beyond.
pub(crate) fn first<T>(items: impl Iterator<Item = T>, most: usize) -> (Vec<T>, usize) {
    let mut items = items;
    let first: Vec<T> = items.by_ref().take(most).collect();
    (first, items.count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_finds_text_whatever_its_case() {
        for (text, filter, holds) in [
            ("web-01 at Hamburg", " HAM", true),
            ("web-01", "", true),
            ("web-01", "web-02", false),
            ("", "a", false),
            ("Köln-01", "kÖl", true),
        ] {
            assert_eq!(Needle::of(filter).is_in(text), holds, "{filter} in {text}");
        }
    }

    #[test]
    fn what_is_beyond_the_first_is_counted() {
        assert_eq!(first(1..=5, 2), (vec![1, 2], 3));
        assert_eq!(first(1..=2, 2), (vec![1, 2], 0));
    }
}

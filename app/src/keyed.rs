//! Rows that change in place: a list whose items keep their identity, so that an answer that arrives
//! while somebody is in the table moves neither focus nor scroll position.

use std::hash::Hash;

use leptos::prelude::*;

use crate::components::dynamic::part;

/// The rows of a table by key, each with a signal of its own.
#[derive(Debug)]
pub struct Rows<K: 'static, T: 'static>(RwSignal<Vec<Row<K, T>>>);

/// One row: its key and what it shows now.
pub type Row<K, T> = (K, ArcRwSignal<T>);

impl<K, T> Clone for Rows<K, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, T> Copy for Rows<K, T> {}

impl<K, T> Rows<K, T>
where
    K: PartialEq + Clone + Send + Sync + 'static,
    T: PartialEq + Send + Sync + 'static,
{
    /// Rows of the first answer.
    pub fn new(items: Vec<T>, key: impl Fn(&T) -> K) -> Self {
        Self(RwSignal::new(
            items.into_iter().map(|item| row(item, &key)).collect(),
        ))
    }

    /// The rows in order; changes when rows come, go or move.
    pub fn get(self) -> Vec<Row<K, T>> {
        self.0.get()
    }

    /// The rows as the body of a table shows them, each by itself.
    pub fn body(self, row: impl Fn(&T) -> AnyView + Copy + Send + Sync + 'static) -> impl IntoView
    where
        K: Eq + Hash,
    {
        view! {
            <For
                each=move || self.get()
                key=|(key, _)| key.clone()
                children=move |(_, item)| part(move || Some(item.with(row)))
            />
        }
    }

    /// Whether there are rows.
    pub fn is_empty(self) -> bool {
        self.0.with(Vec::is_empty)
    }

    /// Takes a new answer in. Rows whose place is unchanged are told only what changed in them.
    pub fn update(self, items: Vec<T>, key: impl Fn(&T) -> K) {
        let same_keys = self.0.with_untracked(|rows| {
            rows.len() == items.len()
                && rows
                    .iter()
                    .zip(&items)
                    .all(|((old, _), item)| *old == key(item))
        });
        let old = self.0.get_untracked();
        if same_keys {
            for ((_, signal), item) in old.into_iter().zip(items) {
                set_if_changed(&signal, item);
            }
            return;
        }
        let rows = items
            .into_iter()
            .map(|item| {
                let key_of_item = key(&item);
                match old.iter().find(|(key, _)| *key == key_of_item) {
                    Some((_, signal)) => {
                        set_if_changed(signal, item);
                        (key_of_item, signal.clone())
                    }
                    None => (key_of_item, ArcRwSignal::new(item)),
                }
            })
            .collect();
        self.0.set(rows);
    }
}

fn row<K, T>(item: T, key: &impl Fn(&T) -> K) -> Row<K, T>
where
    T: Send + Sync + 'static,
{
    (key(&item), ArcRwSignal::new(item))
}

fn set_if_changed<T>(signal: &ArcRwSignal<T>, item: T)
where
    T: PartialEq + Send + Sync + 'static,
{
    if signal.with_untracked(|old| *old != item) {
        signal.set(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(item: &(u8, &str)) -> u8 {
        item.0
    }

    fn shown(rows: Rows<u8, (u8, &'static str)>) -> Vec<&'static str> {
        rows.0
            .get_untracked()
            .iter()
            .map(|(_, signal)| signal.get_untracked().1)
            .collect()
    }

    #[test]
    fn rows_keep_their_signals() {
        let owner = Owner::new();
        owner.with(|| {
            let rows = Rows::new(vec![(1, "a"), (2, "b")], first);
            let kept = rows.0.get_untracked()[1].1.clone();
            rows.update(vec![(1, "a"), (2, "B")], first);
            assert_eq!(kept.get_untracked().1, "B");
            rows.update(vec![(3, "c"), (2, "bb")], first);
            assert_eq!(shown(rows), ["c", "bb"]);
            assert_eq!(kept.get_untracked().1, "bb");
        });
    }
}

//! Long lists a page at a time: what is asked for, and what was found. It is all in the address, so that
//! a list can be bookmarked, reloaded and read without scripts.

use serde::{Deserialize, Serialize};

/// Rows of a page.
pub const PAGE_ROWS: usize = 100;
/// Rows of a page where each is tall.
pub const TALL_PAGE_ROWS: usize = 50;
/// Lists shorter than this need no filter.
const SHORT: usize = 10;

/// A column that lists are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SortColumn {
    /// The name of the VM.
    Name,
    /// The state.
    State,
    /// The size of the disks.
    Size,
    /// When it began: a replica to run, a session.
    Since,
}

impl SortColumn {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Name, Self::State, Self::Size, Self::Since];

    /// The column in an address.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::State => "state",
            Self::Size => "size",
            Self::Since => "since",
        }
    }
}

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sort {
    /// By this.
    pub column: SortColumn,
    /// The largest or newest first.
    pub descending: bool,
}

impl Sort {
    /// The order that an address names: `name`, `-size`; none for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let word = text.strip_prefix('-').unwrap_or(text);
        let mut columns = SortColumn::ALL.into_iter();
        Some(Self {
            column: columns.find(|column| column.word() == word)?,
            descending: text.starts_with('-'),
        })
    }

    /// The order in an address.
    #[must_use]
    pub fn word(self) -> String {
        let sign = if self.descending { "-" } else { "" };
        format!("{sign}{}", self.column.word())
    }
}

/// The part of a list that is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ListQuery {
    /// What rows must hold, whatever its case; empty is every row.
    #[serde(default)]
    pub filter: String,
    /// In which order; none is the list's own.
    #[serde(default)]
    pub sort: Option<Sort>,
    /// Which page, from 1; 0 is the first too.
    #[serde(default)]
    pub page: usize,
}

impl ListQuery {
    /// From an address's query, where the fields of this list begin with a prefix. What cannot be
    /// read is as if it was not there.
    pub fn read(prefix: &str, get: impl Fn(&str) -> Option<String>) -> Self {
        let field = |name: &str| get(&format!("{prefix}{name}")).unwrap_or_default();
        Self {
            filter: field("filter").trim().to_owned(),
            sort: Sort::parse(&field("sort")),
            page: field("page").parse().unwrap_or_default(),
        }
    }

    /// The fields of an address's query that are not as by default.
    #[must_use]
    pub fn fields(&self, prefix: &str) -> Vec<(String, String)> {
        let sort = self.sort.map(Sort::word).unwrap_or_default();
        let page = if self.page > 1 {
            self.page.to_string()
        } else {
            String::new()
        };
        let fields = [
            ("filter", self.filter.clone()),
            ("sort", sort),
            ("page", page),
        ];
        let told = fields.into_iter().filter(|(_, value)| !value.is_empty());
        told.map(|(name, value)| (format!("{prefix}{name}"), value))
            .collect()
    }
}

/// Which part of a list an answer shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageInfo {
    /// Rows in all, whatever the filter.
    pub all: usize,
    /// Rows that the filter lets through.
    pub total: usize,
    /// Rows before this page.
    pub before: usize,
    /// Rows on this page.
    pub shown: usize,
    /// This page, from 1.
    pub page: usize,
    /// How many pages there are; one at least.
    pub pages: usize,
    /// Rows of a full page.
    pub rows: usize,
}

impl PageInfo {
    /// The page that a query asks for, of `total` rows that its filter lets through, of `all`. A page
    /// past the end is the last.
    #[must_use]
    pub fn of(query: &ListQuery, total: usize, all: usize) -> Self {
        Self::with_rows(PAGE_ROWS, query, total, all)
    }

    /// The same with so many rows on a full page; one at least.
    #[must_use]
    pub fn with_rows(rows: usize, query: &ListQuery, total: usize, all: usize) -> Self {
        let rows = rows.max(1);
        let pages = total.div_ceil(rows).max(1);
        let page = query.page.clamp(1, pages);
        let before = (page - 1) * rows;
        Self {
            all,
            total,
            before,
            shown: total.saturating_sub(before).min(rows),
            page,
            pages,
            rows,
        }
    }

    /// The rows of the page, of all that the filter let through.
    pub fn cut<T>(&self, rows: impl IntoIterator<Item = T>) -> Vec<T> {
        let rows = rows.into_iter().skip(self.before);
        rows.take(self.shown).collect()
    }

    /// Whether the list is worth a filter.
    #[must_use]
    pub const fn is_long(&self) -> bool {
        self.all > SHORT
    }
}

/// The lists of the start page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StartQuery {
    /// The replicas.
    #[serde(default)]
    pub replicas: ListQuery,
    /// The sessions at work.
    #[serde(default)]
    pub running: ListQuery,
    /// The sessions that are over.
    #[serde(default)]
    pub past: ListQuery,
}

impl StartQuery {
    /// What the fields of the sessions at work begin with.
    pub const RUNNING: &str = "running_";
    /// What the fields of the sessions that are over begin with.
    pub const PAST: &str = "past_";

    /// From the address's query.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Self {
        Self {
            replicas: ListQuery::read("", &get),
            running: ListQuery::read(Self::RUNNING, &get),
            past: ListQuery::read(Self::PAST, &get),
        }
    }

    /// The fields of the address's query.
    #[must_use]
    pub fn fields(&self) -> Vec<(String, String)> {
        let mut fields = self.replicas.fields("");
        fields.extend(self.running.fields(Self::RUNNING));
        fields.extend(self.past.fields(Self::PAST));
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(page: usize) -> ListQuery {
        ListQuery {
            page,
            ..ListQuery::default()
        }
    }

    #[test]
    fn pages_cover_all_rows_once() {
        for total in [0, 1, 99, 100, 101, 250] {
            let pages = PageInfo::of(&query(1), total, total).pages;
            let rows: Vec<usize> = (1..=pages)
                .flat_map(|page| PageInfo::of(&query(page), total, total).cut(0..total))
                .collect();
            assert_eq!(rows, (0..total).collect::<Vec<_>>(), "{total}");
        }
    }

    #[test]
    fn a_page_past_the_end_is_the_last() {
        let info = PageInfo::of(&query(9), 101, 300);
        assert_eq!(
            (info.page, info.pages, info.before, info.shown),
            (2, 2, 100, 1)
        );
        assert_eq!(PageInfo::of(&query(0), 0, 0).page, 1);
    }

    #[test]
    fn an_address_says_what_is_not_as_by_default() {
        let asked = StartQuery {
            replicas: ListQuery {
                filter: "web".to_owned(),
                sort: Sort::parse("-size"),
                page: 3,
            },
            past: query(2),
            ..StartQuery::default()
        };
        let fields = asked.fields();
        let words: Vec<String> = fields.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(words, ["filter=web", "sort=-size", "page=3", "past_page=2"]);
        let get = |name: &str| {
            let found = fields.iter().find(|(field, _)| field == name);
            found.map(|(_, value)| value.clone())
        };
        assert_eq!(StartQuery::read(get), asked);
        assert_eq!(Sort::parse("colour"), None);
    }
}

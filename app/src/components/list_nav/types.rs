//! Where a list is: the address that shows it, filtered, sorted and a page at a time.

use model::view::{ListQuery, PageInfo, Sort, SortColumn};

use crate::words;

/// A list in the address of its page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListPlace {
    /// The page's path.
    pub path: String,
    /// What the list's own fields begin with.
    pub prefix: &'static str,
    /// What is asked of it.
    pub query: ListQuery,
    /// The fields of the address that are not the list's.
    pub others: Vec<(String, String)>,
}

impl ListPlace {
    /// The address that asks otherwise.
    pub fn href(&self, query: &ListQuery) -> String {
        let fields = self.others.iter().cloned().chain(query.fields(self.prefix));
        address(&self.path, fields)
    }

    /// The address of another page.
    pub fn page_href(&self, page: usize) -> String {
        self.href(&ListQuery {
            page,
            ..self.query.clone()
        })
    }

    /// The address without a filter.
    pub fn unfiltered_href(&self) -> String {
        self.href(&ListQuery {
            filter: String::new(),
            page: 1,
            ..self.query.clone()
        })
    }

    /// The address that sorts by a column: upwards first, then downwards, then not at all.
    pub fn sort_href(mut self, column: SortColumn) -> String {
        let mut query = std::mem::take(&mut self.query);
        query.sort = next_sort(query.sort, column);
        query.page = 1;
        self.href(&query)
    }

    /// `aria-sort` of a column's head.
    pub fn aria_sort(&self, column: SortColumn) -> Option<&'static str> {
        aria_sort(self.query.sort, column)
    }
}

/// What a column's head asks for next.
pub fn next_sort(now: Option<Sort>, column: SortColumn) -> Option<Sort> {
    match now.filter(|sort| sort.column == column) {
        None => Some(Sort {
            column,
            descending: false,
        }),
        Some(Sort {
            descending: false, ..
        }) => Some(Sort {
            column,
            descending: true,
        }),
        Some(Sort {
            descending: true, ..
        }) => None,
    }
}

/// `aria-sort` of a column's head under an order.
pub fn aria_sort(now: Option<Sort>, column: SortColumn) -> Option<&'static str> {
    let sort = now.filter(|sort| sort.column == column)?;
    Some(if sort.descending {
        "descending"
    } else {
        "ascending"
    })
}

/// An address with fields in its query.
pub fn address(path: &str, fields: impl IntoIterator<Item = (String, String)>) -> String {
    let fields: Vec<String> = fields
        .into_iter()
        .map(|(name, value)| format!("{name}={}", percent_encoded(&value)))
        .collect();
    if fields.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{}", fields.join("&"))
    }
}

/// A text as the value of a field in an address.
pub fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
        encoded
    })
}

/// How much of the list is there and shown: "7 VMs", "101 to 200 of 450 VMs, 10,000 without the filter".
pub fn shown_words(page: &PageInfo, one: &str) -> String {
    let total = words::counted(page.total, one);
    let beyond = if page.all > page.total {
        format!(", {} without the filter", words::grouped(page.all))
    } else {
        String::new()
    };
    if page.pages > 1 {
        format!("{} of {total}{beyond}", range_words(page, page.page))
    } else {
        format!("{total}{beyond}")
    }
}

/// The rows of a page by their numbers: "101 to 200".
pub fn range_words(page: &PageInfo, of: usize) -> String {
    let first = of.saturating_sub(1) * page.rows + 1;
    let last = (of * page.rows).min(page.total);
    format!("{} to {}", words::grouped(first), words::grouped(last))
}

/// The pages beside one: the first, the one before, the one after and the last, as far as there are.
pub fn neighbours(page: &PageInfo) -> Vec<(usize, &'static str)> {
    let here = page.page;
    let mut pages = Vec::new();
    if here > 2 {
        pages.push((1, "First"));
    }
    if here > 1 {
        pages.push((here - 1, "Before"));
    }
    if here < page.pages {
        pages.push((here + 1, "After"));
    }
    if here + 1 < page.pages {
        pages.push((page.pages, "Last"));
    }
    pages
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> ListPlace {
        ListPlace {
            path: "/".to_owned(),
            prefix: "past_",
            query: ListQuery {
                filter: "a b".to_owned(),
                sort: Sort::parse("name"),
                page: 3,
            },
            others: vec![("filter".to_owned(), "web".to_owned())],
        }
    }

    #[test]
    fn links_keep_what_they_do_not_change() {
        let place = place();
        assert_eq!(
            place.page_href(4),
            "/?filter=web&past_filter=a%20b&past_sort=name&past_page=4"
        );
        assert_eq!(place.unfiltered_href(), "/?filter=web&past_sort=name");
        assert_eq!(
            place.clone().sort_href(SortColumn::Name),
            "/?filter=web&past_filter=a%20b&past_sort=-name"
        );
        assert_eq!(place.aria_sort(SortColumn::Name), Some("ascending"));
        assert_eq!(place.aria_sort(SortColumn::Size), None);
    }

    #[test]
    fn a_head_sorts_upwards_then_downwards_then_not() {
        let mut sort = None;
        let mut seen = Vec::new();
        for _ in 0..3 {
            sort = next_sort(sort, SortColumn::Size);
            seen.push(sort.map(Sort::word).unwrap_or_default());
        }
        assert_eq!(seen, ["size", "-size", ""]);
    }

    #[test]
    fn a_page_says_what_it_shows() {
        let query = |page| ListQuery {
            page,
            ..ListQuery::default()
        };
        let info = PageInfo::of(&query(2), 450, 10_000);
        assert_eq!(
            shown_words(&info, "VM"),
            "101 to 200 of 450 VMs, 10,000 without the filter"
        );
        assert_eq!(
            neighbours(&info),
            [(1, "Before"), (3, "After"), (5, "Last")]
        );
        let whole = PageInfo::of(&query(1), 7, 7);
        assert_eq!(shown_words(&whole, "VM"), "7 VMs");
        assert_eq!(neighbours(&whole), []);
        assert_eq!(range_words(&info, 5), "401 to 450");
    }
}

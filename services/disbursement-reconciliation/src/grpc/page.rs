//! Page requests → places in a list (P4).

use countersign_platform::{Page, Rejection, Violations};

use crate::store;

/// Reads a page request of a list whose rows are numbered.
pub(super) fn parse(size: i32, token: &str) -> Result<Page<i64>, Rejection> {
    Page::parse(size, token, |cursor| cursor.parse().ok())
}

/// As [`parse`], where other fields may be wrong too.
pub(super) fn within(wrong: &mut Violations, size: i32, token: &str) -> Option<Page<i64>> {
    let page = parse(size, token);
    for violation in page
        .as_ref()
        .err()
        .into_iter()
        .flat_map(Rejection::violations)
    {
        wrong.add(
            &violation.field,
            violation.reason,
            violation.description.clone(),
        );
    }
    page.ok()
}

/// What the store is asked for.
pub(super) fn place(page: &Page<i64>) -> store::Page {
    store::Page {
        after: page.after.unwrap_or_default(),
        limit: page.limit(),
    }
}

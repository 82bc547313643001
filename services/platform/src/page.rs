//! Pages of lists (P4): a size with a default and a limit, and an opaque token for the next page.

use std::fmt::Write as _;

use crate::rejection::Rejection;
use crate::violations::Violations;

/// The size of a page when none is asked for.
pub const DEFAULT_PAGE_SIZE: i32 = 50;
/// The largest page; who asks for more gets this.
pub const MAX_PAGE_SIZE: i32 = 200;

/// Which page is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<C> {
    size: usize,
    /// The cursor of the last row of the page before; `None` for the first page.
    pub after: Option<C>,
}

impl<C> Page<C> {
    /// Reads `page_size` and `page_token`; `parse` reads a cursor as [`Page::cut`] was given it.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`: a negative size (`PAGE_SIZE_NEGATIVE`), or a token that is none
    /// (`PAGE_TOKEN_INVALID`).
    pub fn parse(
        page_size: i32,
        page_token: &str,
        parse: impl FnOnce(&str) -> Option<C>,
    ) -> Result<Self, Rejection> {
        let mut wrong = Violations::default();
        if page_size < 0 {
            wrong.add("page_size", "PAGE_SIZE_NEGATIVE", "at or above zero");
        }
        let after = if page_token.is_empty() {
            None
        } else {
            let cursor = decode(page_token).and_then(|cursor| parse(&cursor));
            if cursor.is_none() {
                wrong.add(
                    "page_token",
                    "PAGE_TOKEN_INVALID",
                    "take it from the page before",
                );
            }
            cursor
        };
        let size = match page_size {
            0 => DEFAULT_PAGE_SIZE,
            asked => asked.min(MAX_PAGE_SIZE),
        };
        wrong.finish(usize::try_from(size).ok().map(|size| Self { size, after }))
    }

    /// How many rows to select: one more than the page, to know whether there is another.
    #[must_use]
    pub fn limit(&self) -> i64 {
        i64::try_from(self.size).map_or(i64::MAX, |size| size.saturating_add(1))
    }

    /// Cuts the selected rows to the page; the token of the next page, empty on the last one.
    /// `cursor` says where a row lies.
    pub fn cut<T>(&self, mut rows: Vec<T>, cursor: impl FnOnce(&T) -> String) -> (Vec<T>, String) {
        if rows.len() <= self.size {
            return (rows, String::new());
        }
        rows.truncate(self.size);
        let next = rows
            .last()
            .map(|row| encode(&cursor(row)))
            .unwrap_or_default();
        (rows, next)
    }
}

fn encode(cursor: &str) -> String {
    cursor.bytes().fold(
        String::with_capacity(cursor.len() * 2),
        |mut token, byte| {
            // Writing to a String cannot fail.
            let _ = write!(token, "{byte:02x}");
            token
        },
    )
}

fn decode(token: &str) -> Option<String> {
    if !token.is_ascii() || !token.len().is_multiple_of(2) {
        return None;
    }
    let bytes: Option<Vec<u8>> = (0..token.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&token[at..at + 2], 16).ok())
        .collect();
    String::from_utf8(bytes?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(size: i32, token: &str) -> Result<Page<u32>, Rejection> {
        Page::parse(size, token, |cursor| cursor.parse().ok())
    }

    /// P4: sizes, and that following the tokens visits every row once.
    #[test]
    fn pages_follow_one_another() {
        assert_eq!(page(0, "").unwrap().limit(), 51);
        assert_eq!(page(1_000, "").unwrap().limit(), 201);
        let mut seen = Vec::new();
        let mut token = String::new();
        loop {
            let page = page(2, &token).unwrap();
            let from = page.after.map_or(0, |last| last + 1);
            let rows: Vec<u32> = (from..5).take(3).collect();
            let (rows, next) = page.cut(rows, u32::to_string);
            seen.extend(rows);
            token = next;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(seen, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn what_is_no_page_is_refused() {
        let reasons = |refused: Rejection| -> Vec<&'static str> {
            refused
                .violations()
                .iter()
                .map(|wrong| wrong.reason)
                .collect()
        };
        let both = page(-1, "zz").unwrap_err();
        assert_eq!(reasons(both), ["PAGE_SIZE_NEGATIVE", "PAGE_TOKEN_INVALID"]);
        for token in ["7", "é7", "7g", &encode("seven")] {
            assert_eq!(
                reasons(page(1, token).unwrap_err()),
                ["PAGE_TOKEN_INVALID"],
                "{token}"
            );
        }
    }
}

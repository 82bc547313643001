//! Every wrong field of a request at once: parse, don't validate (P4).

use std::fmt;

use crate::rejection::{INVALID_FIELDS, REQUIRED, Rejection, Violation};

/// Collects every wrong field of a request while it is parsed, so that the caller hears of all at
/// once.
///
/// ```
/// use countersign_platform::{Rejection, Violations};
///
/// fn parse(name: &str, hours: &str) -> Result<(String, u32), Rejection> {
///     let mut wrong = Violations::default();
///     let name = wrong.required("name", name);
///     let hours = wrong.check("hours", "NOT_A_NUMBER", hours.parse::<u32>());
///     wrong.finish(name.zip(hours).map(|(name, hours)| (name.to_owned(), hours)))
/// }
/// assert_eq!(parse("", "ten").unwrap_err().violations().len(), 2);
/// assert_eq!(parse("review", "10").unwrap(), ("review".to_owned(), 10));
/// ```
#[derive(Debug, Default)]
pub struct Violations {
    prefix: String,
    found: Vec<Violation>,
}

impl Violations {
    /// Notes a wrong field.
    pub fn add(&mut self, field: &str, reason: &'static str, description: impl Into<String>) {
        self.found.push(Violation {
            field: format!("{}{field}", self.prefix),
            reason,
            description: description.into(),
        });
    }

    /// The value, or a note of why there is none.
    pub fn check<T, E: fmt::Display>(
        &mut self,
        field: &str,
        reason: &'static str,
        parsed: Result<T, E>,
    ) -> Option<T> {
        parsed
            .map_err(|error| self.add(field, reason, error.to_string()))
            .ok()
    }

    /// The text, or a note that it is [`REQUIRED`].
    pub fn required<'t>(&mut self, field: &str, text: &'t str) -> Option<&'t str> {
        self.present(field, (!text.is_empty()).then_some(text))
    }

    /// The value, or a note that it is [`REQUIRED`].
    pub fn present<T>(&mut self, field: &str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.add(field, REQUIRED, "must be given");
        }
        value
    }

    /// Runs `parse` with `prefix` (such as `lines[0]`) before every field that it notes.
    pub fn within<T>(
        &mut self,
        prefix: impl fmt::Display,
        parse: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let outer = self.prefix.len();
        self.prefix = format!("{}{prefix}.", self.prefix);
        let parsed = parse(self);
        self.prefix.truncate(outer);
        parsed
    }

    /// Whether nothing is wrong so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The parsed value if nothing is wrong.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` with reason [`INVALID_FIELDS`] and every violation. A value that is
    /// missing without a note counts as wrong too.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Rejection> {
        match value {
            Some(value) if self.found.is_empty() => Ok(value),
            _ => Err(self.into_rejection()),
        }
    }

    /// The refusal that carries what was found.
    #[must_use]
    pub fn into_rejection(self) -> Rejection {
        let fields: Vec<&str> = self
            .found
            .iter()
            .map(|violation| violation.field.as_str())
            .collect();
        let message = format!("wrong: {}", fields.join(", "));
        Rejection::invalid_argument(INVALID_FIELDS, message).violations_found(self.found)
    }
}

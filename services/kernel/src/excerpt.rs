//! What an error repeats of a text that it refuses: its beginning. A text comes from outside and
//! may be of any length; an error is logged, stored and sent back.

/// The most characters that are repeated: more than any text that is accepted and long enough to
/// recognise one that is not.
const LONGEST: usize = 64;

/// The text, cut after [`LONGEST`] characters.
pub(crate) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Currency, EngagementId, IsoDuration, Money, Rate};

    #[test]
    fn a_text_is_cut_after_its_beginning() {
        let longest = "é".repeat(LONGEST);
        assert_eq!(excerpt(&longest), longest);
        assert_eq!(excerpt(&format!("{longest}é")), format!("{longest}…"));
    }

    /// P4: no refusal sends a large text back.
    #[test]
    fn errors_repeat_only_the_beginning() {
        let long = "9".repeat(1_000_000);
        let errors = [
            Money::parse(&long, Currency::Usd).unwrap_err().to_string(),
            Rate::parse(&long).unwrap_err().to_string(),
            long.parse::<Currency>().unwrap_err().to_string(),
            long.parse::<IsoDuration>().unwrap_err().to_string(),
            long.parse::<EngagementId>().unwrap_err().to_string(),
        ];
        for error in errors {
            assert!(error.len() < 200, "{error}");
        }
    }
}

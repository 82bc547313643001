//! What a person may have done to a published offer in AWS's portal (O10, O11): given it another last day, ended
//! it, or restricted it. All else of a released offer AWS keeps as it is (facts §1.2, §1.5).

use countersign_kernel::chrono::NaiveDate;

use super::{Shown, Status};

/// What AWS has of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Left {
    /// The last day; `None` where AWS shows none that can be read.
    pub(crate) until: Option<NaiveDate>,
    /// Whether it is an authorization that was restricted.
    pub(crate) restricted: bool,
}

impl Left {
    /// What is shown of it.
    pub(crate) fn of(shown: &Shown) -> Self {
        let until = shown.available_until.as_deref();
        Self {
            until: until.and_then(|day| day.parse().ok()),
            restricted: shown.status == Status::Restricted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample;

    #[test]
    fn what_is_left_is_the_last_day_and_whether_it_is_restricted() {
        let shown = |status, until: &str| Shown {
            status,
            available_until: Some(until.into()),
            ..Shown::default()
        };
        let until = Some(sample::day("2026-04-15"));
        for (status, text, until, restricted) in [
            (Status::Released, "2026-04-15", until, false),
            (Status::Restricted, "2026-04-15", until, true),
            (Status::Draft, "soon", None, false),
        ] {
            let left = Left::of(&shown(status, text));
            assert_eq!(left, Left { until, restricted }, "{status:?}");
        }
    }
}

//! What a person may have done to a published offer in AWS's portal (O10, O11): given it another last day, ended
//! it, or restricted it. All else of a released offer AWS keeps as it is (facts §1.2, §1.5).

use countersign_kernel::chrono::NaiveDate;

use super::{Shown, Status};

/// What AWS has of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

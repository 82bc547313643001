//! The import of what a seller has at AWS already (O12): page by page, from what changed since the last one,
//! so that a person can pick what to associate. It can stop after any page, and goes on behind it.

use countersign_kernel::chrono::{DateTime, TimeDelta, Utc};

/// Pages that one import reads: 100 000 offers, at AWS's 50 a page.
pub(crate) const MAX_PAGES: u32 = 2_000;
/// How far an import reaches back before the last one began: AWS's clock is not ours.
const OVERLAP: TimeDelta = TimeDelta::hours(1);

/// An offer as AWS lists it, in AWS's words. What AWS leaves out is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Listed {
    pub(crate) aws_offer_id: String,
    pub(crate) name: String,
    pub(crate) product_id: String,
    pub(crate) state: String,
    pub(crate) buyer_accounts: Vec<String>,
    pub(crate) available_until: String,
    pub(crate) released_at: String,
    pub(crate) modified_at: String,
}

/// Whether an offer of AWS's is one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ownership {
    /// Made here.
    Ours,
    /// Made elsewhere, and adopted.
    Associated,
    NotOurs,
}

impl Ownership {
    /// Whose it is: whether there is an offer of ours, and whether that was adopted.
    pub(crate) const fn of(ours: bool, associated: bool) -> Self {
        match (ours, associated) {
            (false, _) => Self::NotOurs,
            (true, true) => Self::Associated,
            (true, false) => Self::Ours,
        }
    }

    /// As the store has it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Associated => "associated",
            Self::NotOurs => "not-ours",
        }
    }
}

/// An import, under way or over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Import {
    /// 1, 2, 3 and so on.
    pub(crate) number: u32,
    pub(crate) started_at: DateTime<Utc>,
    /// Only what AWS changed after it is read; `None`: everything.
    pub(crate) since: Option<DateTime<Utc>>,
    pub(crate) pages: u32,
    pub(crate) counts: Counts,
    pub(crate) state: State,
}

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) seen: u32,
    pub(crate) new: u32,
    pub(crate) changed: u32,
}

/// Where an import stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// The page behind `next_token` is next; without one the first.
    Running {
        next_token: Option<String>,
    },
    Done {
        at: DateTime<Utc>,
    },
    Failed {
        at: DateTime<Utc>,
        problem: String,
    },
}

impl Import {
    /// The import after `last`: of what changed since that began. One that failed left things unread.
    pub(crate) fn after(last: Option<&Self>, now: DateTime<Utc>) -> Self {
        Self {
            number: last.map_or(1, |last| last.number + 1),
            started_at: now,
            since: last.and_then(|last| match last.state {
                State::Done { .. } => Some(last.started_at - OVERLAP),
                State::Running { .. } | State::Failed { .. } => last.since,
            }),
            pages: 0,
            counts: Counts::default(),
            state: State::Running { next_token: None },
        }
    }

    /// Whether the task of import `number` has something to do.
    pub(crate) fn runs(&self, number: u32) -> bool {
        self.number == number && matches!(self.state, State::Running { .. })
    }

    /// After a page with these counts; without a next one it is done.
    #[must_use]
    pub(crate) fn read(self, page: Counts, next_token: Option<String>, now: DateTime<Utc>) -> Self {
        let pages = self.pages + 1;
        let state = match next_token {
            None => State::Done { at: now },
            Some(_) if pages >= MAX_PAGES => State::Failed {
                at: now,
                problem: format!("AWS lists more than {MAX_PAGES} pages of offers"),
            },
            next_token => State::Running { next_token },
        };
        Self {
            pages,
            counts: Counts {
                seen: self.counts.seen + page.seen,
                new: self.counts.new + page.new,
                changed: self.counts.changed + page.changed,
            },
            state,
            ..self
        }
    }

    /// After AWS refused a page. How long AWS knows its token is not documented (facts §1.1): behind one
    /// that it no longer takes the import reads from the first page again, which counts as a page.
    #[must_use]
    pub(crate) fn refused(self, problem: String, forgotten: bool, now: DateTime<Utc>) -> Self {
        let pages = self.pages + 1;
        let behind = matches!(&self.state, State::Running { next_token } if next_token.is_some());
        let state = if forgotten && behind && pages < MAX_PAGES {
            State::Running { next_token: None }
        } else {
            State::Failed { at: now, problem }
        };
        Self {
            pages,
            state,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample::at;

    const NOW: &str = "2026-03-02T10:00:00Z";

    fn page(seen: u32, new: u32, changed: u32) -> Counts {
        Counts { seen, new, changed }
    }

    #[test]
    fn pages_add_up_and_the_next_import_reads_what_changed_since() {
        let first = Import::after(None, at(NOW));
        assert_eq!((first.number, first.since), (1, None));
        let half = first.read(page(50, 50, 0), Some("p2".into()), at(NOW));
        assert!(half.runs(1) && !half.runs(2));
        let done = half.read(page(3, 2, 1), None, at("2026-03-02T10:01:00Z"));
        assert_eq!((done.pages, done.counts), (2, page(53, 52, 1)));
        assert!(!done.runs(1));
        let next = Import::after(Some(&done), at("2026-03-03T10:00:00Z"));
        assert_eq!(next.number, 2);
        assert_eq!(next.since, Some(at("2026-03-02T09:00:00Z")));
    }

    #[test]
    fn a_token_that_aws_forgot_begins_anew_and_another_refusal_ends_it() {
        let first = Import::after(None, at(NOW));
        let half = first
            .clone()
            .read(page(50, 50, 0), Some("p2".into()), at(NOW));
        let anew = half.clone().refused("old token".into(), true, at(NOW));
        assert_eq!(anew.state, State::Running { next_token: None });
        assert_eq!(anew.counts, half.counts);
        let problem = "denied".to_owned();
        for ended in [
            half.refused(problem.clone(), false, at(NOW)),
            first.refused(problem.clone(), true, at(NOW)),
        ] {
            let failed = State::Failed {
                at: at(NOW),
                problem: problem.clone(),
            };
            assert_eq!(ended.state, failed);
            assert_eq!(Import::after(Some(&ended), at(NOW)).since, None);
        }
    }

    #[test]
    fn a_list_without_an_end_is_given_up() {
        let mut import = Import::after(None, at(NOW));
        import.pages = MAX_PAGES - 1;
        let ended = import.read(page(50, 0, 0), Some("more".into()), at(NOW));
        assert!(matches!(ended.state, State::Failed { .. }));
    }
}

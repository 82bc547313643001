//! The import of what a seller has at AWS already (O12): page by page, from what changed since the last one,
//! so that a person can pick what to associate. It can stop after any page, and goes on behind it.

use countersign_kernel::chrono::{DateTime, TimeDelta, Utc};

/// Pages that one import reads: 100 000 offers and authorizations, at AWS's 50 a page.
pub(crate) const MAX_PAGES: u32 = 2_000;
/// How far an import reaches back before the last one began: AWS's clock is not ours.
const OVERLAP: TimeDelta = TimeDelta::hours(1);

/// AWS's lists, in the order in which an import reads them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    Offers,
    /// Authorizations that the seller gave to resellers.
    Given,
    /// Authorizations that other sellers gave to this one.
    Received,
}

impl List {
    /// As the store has it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Offers => "offers",
            Self::Given => "given",
            Self::Received => "received",
        }
    }

    /// The one of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let all = [Self::Offers, Self::Given, Self::Received];
        all.into_iter().find(|list| list.name() == name)
    }

    const fn next(self) -> Option<Self> {
        match self {
            Self::Offers => Some(Self::Given),
            Self::Given => Some(Self::Received),
            Self::Received => None,
        }
    }
}

/// What it is that AWS lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ListedKind {
    /// An offer of a product of the seller's own.
    #[default]
    Offer,
    /// An offer that was made from an authorization.
    Partner,
    /// An authorization that the seller gave.
    Given,
    /// An authorization that the seller was given.
    Received,
}

impl ListedKind {
    /// As the store has it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Offer => "offer",
            Self::Partner => "partner",
            Self::Given => "given",
            Self::Received => "received",
        }
    }

    /// The one of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let all = [Self::Offer, Self::Partner, Self::Given, Self::Received];
        all.into_iter().find(|kind| kind.name() == name)
    }
}

/// An offer or an authorization as AWS lists it, in AWS's words. What AWS leaves out is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Listed {
    pub(crate) kind: ListedKind,
    pub(crate) aws_offer_id: String,
    pub(crate) name: String,
    pub(crate) product_id: String,
    pub(crate) state: String,
    pub(crate) buyer_accounts: Vec<String>,
    pub(crate) available_until: String,
    pub(crate) released_at: String,
    pub(crate) modified_at: String,
    /// A partner's offer's: what it was made from.
    pub(crate) authorization_id: String,
    /// An authorization's: to whom it was given.
    pub(crate) reseller_account: String,
    /// An authorization's: whose product it is.
    pub(crate) manufacturer_account: String,
    /// An authorization's: whether offers were made from it.
    pub(crate) used: String,
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
    /// The page of `list` behind `next_token` is next; without one the first.
    Running {
        list: List,
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
            state: State::Running {
                list: List::Offers,
                next_token: None,
            },
        }
    }

    /// Whether the task of import `number` has something to do.
    pub(crate) fn runs(&self, number: u32) -> bool {
        self.number == number && matches!(self.state, State::Running { .. })
    }

    /// After a page of `list` with these counts; without a next one the next list begins, and behind the last
    /// it is done.
    #[must_use]
    pub(crate) fn read(
        self,
        list: List,
        page: Counts,
        next_token: Option<String>,
        now: DateTime<Utc>,
    ) -> Self {
        let pages = self.pages + 1;
        let next = match &next_token {
            Some(_) => Some(list),
            None => list.next(),
        };
        let state = match next {
            None => State::Done { at: now },
            Some(_) if pages >= MAX_PAGES => State::Failed {
                at: now,
                problem: format!("AWS lists more than {MAX_PAGES} pages"),
            },
            Some(list) => State::Running { list, next_token },
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
    /// that it no longer takes the import reads that list from its first page again, which counts as a page.
    #[must_use]
    pub(crate) fn refused(self, problem: String, forgotten: bool, now: DateTime<Utc>) -> Self {
        let pages = self.pages + 1;
        let state = match self.state {
            State::Running {
                list,
                next_token: Some(_),
            } if forgotten && pages < MAX_PAGES => State::Running {
                list,
                next_token: None,
            },
            State::Running { .. } | State::Done { .. } | State::Failed { .. } => {
                State::Failed { at: now, problem }
            }
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
        let half = first.read(List::Offers, page(50, 50, 0), Some("p2".into()), at(NOW));
        assert!(half.runs(1) && !half.runs(2));
        let later = "2026-03-02T10:01:00Z";
        let given = half.read(List::Offers, page(3, 2, 1), None, at(later));
        let at_list = |list| State::Running {
            list,
            next_token: None,
        };
        assert_eq!(given.state, at_list(List::Given));
        let received = given.read(List::Given, page(1, 1, 0), None, at(later));
        assert_eq!(received.state, at_list(List::Received));
        let done = received.read(List::Received, page(0, 0, 0), None, at(later));
        assert_eq!((done.pages, done.counts), (4, page(54, 53, 1)));
        assert!(!done.runs(1));
        let next = Import::after(Some(&done), at("2026-03-03T10:00:00Z"));
        assert_eq!(next.number, 2);
        assert_eq!(next.since, Some(at("2026-03-02T09:00:00Z")));
    }

    #[test]
    fn a_token_that_aws_forgot_begins_its_list_anew_and_another_refusal_ends_it() {
        let first = Import::after(None, at(NOW));
        let half = first
            .clone()
            .read(List::Given, page(50, 50, 0), Some("p2".into()), at(NOW));
        let anew = half.clone().refused("old token".into(), true, at(NOW));
        let begun = State::Running {
            list: List::Given,
            next_token: None,
        };
        assert_eq!(anew.state, begun);
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

    /// Beginning anew counts as a page, so that a token which AWS forgets again and again ends it.
    #[test]
    fn a_list_that_begins_anew_for_ever_is_given_up() {
        let next = Some("p2".to_owned());
        let half = Import::after(None, at(NOW)).read(List::Offers, page(50, 50, 0), next, at(NOW));
        for (pages, goes_on) in [(1, true), (MAX_PAGES - 2, true), (MAX_PAGES - 1, false)] {
            let half = Import {
                pages,
                ..half.clone()
            };
            let anew = half.refused("old token".into(), true, at(NOW));
            assert_eq!(anew.pages, pages + 1);
            let runs = matches!(anew.state, State::Running { .. });
            assert_eq!(runs, goes_on, "{pages}");
        }
    }

    #[test]
    fn a_list_without_an_end_is_given_up() {
        let mut import = Import::after(None, at(NOW));
        import.pages = MAX_PAGES - 1;
        for next_token in [Some("more".into()), None] {
            let import = import.clone();
            let ended = import.read(List::Offers, page(50, 0, 0), next_token, at(NOW));
            assert!(matches!(ended.state, State::Failed { .. }));
        }
    }

    #[test]
    fn what_the_store_has_is_the_list_or_the_kind_of_that_name() {
        for list in [List::Offers, List::Given, List::Received] {
            assert_eq!(List::named(list.name()), Some(list));
        }
        for kind in [
            ListedKind::Offer,
            ListedKind::Partner,
            ListedKind::Given,
            ListedKind::Received,
        ] {
            assert_eq!(ListedKind::named(kind.name()), Some(kind));
        }
        assert_eq!((List::named(""), ListedKind::named("")), (None, None));
        // As the query of what was accepted writes them.
        let owners = [Ownership::Ours, Ownership::Associated, Ownership::NotOurs];
        let names = owners.map(Ownership::name);
        assert_eq!(names, ["ours", "associated", "not-ours"]);
    }
}

//! Clocks and calendars: proto ↔ domain.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use countersign_platform::{Rejection, Violations};
use countersign_proto::offer::v1 as pb;

use super::parse;
use crate::domain::calendar::Calendar;
use crate::domain::clock::{Clock, Kind};
use crate::domain::id::OfferId;
use crate::domain::rejection;
use crate::store::clock::Wanted;
use crate::wire;

/// A clock that a person starts.
pub(super) fn start(
    request: &pb::StartClockRequest,
) -> Result<(OfferId, Kind, DateTime<Utc>), Rejection> {
    let mut wrong = Violations::default();
    let id = wrong.check("offer_id", "OFFER_ID_INVALID", request.offer_id.parse());
    let wanted = request.kind();
    let kind = Kind::all().find(|kind| wire::clock_kind(*kind) == wanted);
    let kind = wrong.check(
        "kind",
        "CLOCK_KIND_REQUIRED",
        kind.ok_or("say what it watches"),
    );
    let started_at = request.started_at.parse::<DateTime<Utc>>();
    let started_at = wrong.check("started_at", "TIME_INVALID", started_at);
    let parsed = id.zip(kind).zip(started_at);
    wrong.finish(parsed.map(|((id, kind), at)| (id, kind, at)))
}

/// Which clocks, and which part of the list.
pub(super) fn wanted(request: &pb::ListClocksRequest) -> Result<(Wanted, parse::Page), Rejection> {
    use pb::clock::State;
    let state = match request.state() {
        State::Unspecified => None,
        State::Running => Some("running"),
        State::Settled => Some("settled"),
        State::Breached => Some("breached"),
    };
    let offer_id = Some(request.offer_id.clone()).filter(|id| !id.is_empty());
    let page = parse::page(request.page_size, &request.page_token)?;
    Ok((Wanted { state, offer_id }, page))
}

/// One page of what was `found`.
pub(super) fn page(page: &parse::Page, found: Vec<Clock>) -> pb::ListClocksResponse {
    let (shown, next_page_token) = page.cut(found, |clock| parse::cursor(clock.due_at, &clock.id));
    pb::ListClocksResponse {
        clocks: shown.iter().map(wire::clock).collect(),
        next_page_token,
    }
}

pub(super) fn calendar(request: &pb::PutCalendarRequest) -> Result<Calendar, Rejection> {
    let given = request.calendar.clone().unwrap_or_default();
    let mut wrong = Violations::default();
    let days =
        given.holidays.iter().enumerate().filter_map(|(at, day)| {
            parse::day(&mut wrong, &format!("calendar.holidays[{at}]"), day)
        });
    let holidays: BTreeSet<_> = days.collect();
    let holidays = wrong.finish(Some(holidays))?;
    let weekdays = given.working_weekdays.iter().copied().collect();
    Calendar::of(holidays, weekdays)
        .map_err(|wrong| crate::commands::refusal(&rejection::Rejection::Invalid(wrong)))
}

pub(super) fn shown(calendar: &Calendar) -> pb::Calendar {
    pb::Calendar {
        holidays: calendar.holidays.iter().map(ToString::to_string).collect(),
        working_weekdays: calendar.working_weekdays.iter().copied().collect(),
    }
}

//! The days that count (O18): the calls, and proto ↔ domain.

use std::collections::BTreeSet;

use countersign_platform::{Rejection, Violations};
use countersign_proto::offer::v1 as pb;
use tonic::{Request, Response, Status};

use super::{Offers, failed, parse};
use crate::domain::calendar::Calendar;
use crate::domain::rejection;
use crate::{commands, store};

impl Offers {
    pub(super) async fn calendar(
        &self,
        request: Request<pb::GetCalendarRequest>,
    ) -> Result<Response<pb::Calendar>, Status> {
        let call = self.commands.query(&request)?;
        let mut reader = self.commands.database().reading(&call.seller).await?;
        let found = store::calendar::find(&mut *reader, &call.seller).await;
        let calendar = found.map_err(failed)?.unwrap_or_default();
        Ok(Response::new(shown(&calendar)))
    }

    pub(super) async fn calendar_put(
        &self,
        request: Request<pb::PutCalendarRequest>,
    ) -> Result<Response<pb::Calendar>, Status> {
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let calendar = given(&request)?;
        let seller = call.seller.clone();
        self.commands
            .execute(&call, "offer.v1/PutCalendar", &request, move |uow| {
                let (seller, calendar) = (seller.clone(), calendar.clone());
                Box::pin(async move {
                    let kept = commands::clock::put_calendar(uow, &seller, calendar).await?;
                    Ok(shown(&kept))
                })
            })
            .await
    }
}

fn given(request: &pb::PutCalendarRequest) -> Result<Calendar, Rejection> {
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
        .map_err(|wrong| commands::refusal(&rejection::Rejection::Invalid(wrong)))
}

fn shown(calendar: &Calendar) -> pb::Calendar {
    pb::Calendar {
        holidays: calendar.holidays.iter().map(ToString::to_string).collect(),
        working_weekdays: calendar.working_weekdays.iter().copied().collect(),
    }
}

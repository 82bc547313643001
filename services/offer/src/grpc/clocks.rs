//! Clocks (O18): the calls, and proto ↔ domain.

use chrono::{DateTime, Utc};
use countersign_platform::{Rejection, Violations};
use countersign_proto::offer::v1 as pb;
use tonic::{Request, Response, Status};

use super::{Offers, failed, parse};
use crate::domain::clock::{Clock, Kind};
use crate::domain::id::OfferId;
use crate::store::clock::Wanted;
use crate::{commands, store, wire};

impl Offers {
    pub(super) async fn clock_started(
        &self,
        request: Request<pb::StartClockRequest>,
    ) -> Result<Response<pb::Clock>, Status> {
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let (offer_id, kind, at) = start(&request)?;
        let seller = call.seller.clone();
        self.commands
            .execute(&call, "offer.v1/StartClock", &request, move |uow| {
                let (seller, id) = (seller.clone(), offer_id.clone());
                Box::pin(async move {
                    let by_hand = commands::clock::start_by_hand;
                    Ok(wire::clock(&by_hand(uow, &seller, &id, kind, at).await?))
                })
            })
            .await
    }

    pub(super) async fn clock_settled(
        &self,
        request: Request<pb::SettleClockRequest>,
    ) -> Result<Response<pb::Clock>, Status> {
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let (seller, given) = (call.seller.clone(), request.clone());
        self.commands
            .execute(&call, "offer.v1/SettleClock", &request, move |uow| {
                let (seller, given) = (seller.clone(), given.clone());
                Box::pin(async move {
                    let (id, reason) = (&given.clock_id, &given.reason);
                    let clock = commands::clock::settle(uow, &seller, id, reason).await?;
                    Ok(wire::clock(&clock))
                })
            })
            .await
    }

    pub(super) async fn clocks(
        &self,
        request: Request<pb::ListClocksRequest>,
    ) -> Result<Response<pb::ListClocksResponse>, Status> {
        let call = self.commands.query(&request)?;
        let (wanted, part) = wanted(request.get_ref())?;
        let mut reader = self.commands.database().reading(&call.seller).await?;
        let (after, limit) = (part.after.as_ref(), part.limit());
        let found = store::clock::page(&mut *reader, &call.seller, &wanted, after, limit).await;
        let found = found.map_err(failed)?;
        Ok(Response::new(page(&part, found)))
    }
}

/// A clock that a person starts.
fn start(request: &pb::StartClockRequest) -> Result<(OfferId, Kind, DateTime<Utc>), Rejection> {
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
fn wanted(request: &pb::ListClocksRequest) -> Result<(Wanted, parse::Page), Rejection> {
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
fn page(page: &parse::Page, found: Vec<Clock>) -> pb::ListClocksResponse {
    let (shown, next_page_token) = page.cut(found, |clock| parse::cursor(clock.due_at, &clock.id));
    pb::ListClocksResponse {
        clocks: shown.iter().map(wire::clock).collect(),
        next_page_token,
    }
}

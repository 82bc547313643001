//! What a seller has at AWS, and the import that reads it: the calls, and domain → proto (O12).

use countersign_platform::Rejection;
use countersign_proto::offer::v1 as pb;
use tonic::{Request, Response, Status};

use super::{Offers, failed, parse};
use crate::domain::import::{Import, ListedKind, Ownership, State};
use crate::store::accepted::Accepted;
use crate::store::agreement::Seen;
use crate::store::import::{Known, Wanted};
use crate::{commands, store, wire};

impl Offers {
    pub(super) async fn import_started(
        &self,
        request: Request<pb::StartImportRequest>,
    ) -> Result<Response<pb::Import>, Status> {
        self.connected(&request)?;
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let seller = call.seller.clone();
        self.commands
            .execute(&call, "offer.v1/StartImport", &request, move |uow| {
                let seller = seller.clone();
                Box::pin(async move {
                    let import = commands::import::start(uow, &seller).await?;
                    Ok(shown(&import))
                })
            })
            .await
    }

    pub(super) async fn import(
        &self,
        request: Request<pb::GetImportRequest>,
    ) -> Result<Response<pb::Import>, Status> {
        let call = self.commands.query(&request)?;
        let mut reader = self.commands.database().reading(&call.seller).await?;
        let found = store::import::find(&mut *reader, &call.seller).await;
        let import = found.map_err(failed)?;
        let import = import.ok_or_else(|| {
            Rejection::not_found("IMPORT_UNKNOWN", "import", call.seller.as_str())
        })?;
        Ok(Response::new(shown(&import)))
    }

    pub(super) async fn marketplace_offers(
        &self,
        request: Request<pb::ListMarketplaceOffersRequest>,
    ) -> Result<Response<pb::ListMarketplaceOffersResponse>, Status> {
        let call = self.commands.query(&request)?;
        let request = request.into_inner();
        let wanted = Wanted {
            ownership: wanted(request.ownership()),
            kind: kind_wanted(request.kind()),
        };
        let page = parse::page(request.page_size, &request.page_token)?;
        let mut reader = self.commands.database().reading(&call.seller).await?;
        let (after, limit) = (page.after.as_ref(), page.limit());
        let found = store::import::page(&mut *reader, &call.seller, wanted, after, limit).await;
        let (listed, next_page_token) = page.cut(found.map_err(failed)?, |known| {
            parse::cursor(known.first_seen, &known.listed.aws_offer_id)
        });
        Ok(Response::new(pb::ListMarketplaceOffersResponse {
            offers: listed.into_iter().map(offer).collect(),
            next_page_token,
        }))
    }

    pub(super) async fn marketplace_agreements(
        &self,
        request: Request<pb::ListMarketplaceAgreementsRequest>,
    ) -> Result<Response<pb::ListMarketplaceAgreementsResponse>, Status> {
        let call = self.commands.query(&request)?;
        let request = request.into_inner();
        let wanted = wanted(request.ownership());
        let page = parse::page(request.page_size, &request.page_token)?;
        let mut reader = self.commands.database().reading(&call.seller).await?;
        let (after, limit) = (page.after.as_ref(), page.limit());
        let found = store::accepted::page(&mut *reader, &call.seller, wanted, after, limit).await;
        let (listed, next_page_token) = page.cut(found.map_err(failed)?, |accepted| {
            parse::cursor(accepted.first_seen, accepted.seen.line.id.as_str())
        });
        Ok(Response::new(pb::ListMarketplaceAgreementsResponse {
            agreements: listed.into_iter().map(agreement).collect(),
            next_page_token,
        }))
    }
}

const fn wanted(asked: pb::marketplace_offer::Ownership) -> Option<Ownership> {
    use pb::marketplace_offer::Ownership as Asked;
    match asked {
        Asked::Unspecified => None,
        Asked::Ours => Some(Ownership::Ours),
        Asked::Associated => Some(Ownership::Associated),
        Asked::NotOurs => Some(Ownership::NotOurs),
    }
}

const fn kind_wanted(asked: pb::marketplace_offer::Kind) -> Option<ListedKind> {
    use pb::marketplace_offer::Kind as Asked;
    match asked {
        Asked::Unspecified => None,
        Asked::Offer => Some(ListedKind::Offer),
        Asked::PartnerOffer => Some(ListedKind::Partner),
        Asked::Authorization => Some(ListedKind::Given),
        Asked::ReceivedAuthorization => Some(ListedKind::Received),
    }
}

const fn kind_told(kind: ListedKind) -> pb::marketplace_offer::Kind {
    use pb::marketplace_offer::Kind as Told;
    match kind {
        ListedKind::Offer => Told::Offer,
        ListedKind::Partner => Told::PartnerOffer,
        ListedKind::Given => Told::Authorization,
        ListedKind::Received => Told::ReceivedAuthorization,
    }
}

const fn told(ownership: Ownership) -> pb::marketplace_offer::Ownership {
    use pb::marketplace_offer::Ownership as Told;
    match ownership {
        Ownership::Ours => Told::Ours,
        Ownership::Associated => Told::Associated,
        Ownership::NotOurs => Told::NotOurs,
    }
}

fn shown(import: &Import) -> pb::Import {
    let mut out = pb::Import {
        number: import.number,
        started_at: wire::time(import.started_at),
        changed_since: import.since.map(wire::time).unwrap_or_default(),
        pages: import.pages,
        seen: import.counts.seen,
        new_offers: import.counts.new,
        changed_offers: import.counts.changed,
        ..pb::Import::default()
    };
    match &import.state {
        State::Running { .. } => out.set_state(pb::import::State::Running),
        State::Done { at } => {
            out.set_state(pb::import::State::Done);
            out.ended_at = wire::time(*at);
        }
        State::Failed { at, problem } => {
            out.set_state(pb::import::State::Failed);
            out.ended_at = wire::time(*at);
            out.problem.clone_from(problem);
        }
    }
    out
}

fn offer(known: Known) -> pb::MarketplaceOffer {
    let listed = known.listed;
    pb::MarketplaceOffer {
        aws_offer_id: listed.aws_offer_id,
        name: listed.name,
        product_id: listed.product_id,
        state: listed.state,
        buyer_account_ids: listed.buyer_accounts,
        available_until: listed.available_until,
        released_at: listed.released_at,
        modified_at: listed.modified_at,
        ownership: told(known.ownership).into(),
        offer_id: known.offer_id.unwrap_or_default(),
        kind: kind_told(listed.kind).into(),
        authorization_id: listed.authorization_id,
        reseller_account_id: listed.reseller_account,
        manufacturer_account_id: listed.manufacturer_account,
        offer_extended_status: listed.used,
    }
}

fn agreement(accepted: Accepted) -> pb::MarketplaceAgreement {
    let Seen { line, details, .. } = accepted.seen;
    let out = pb::MarketplaceAgreement {
        agreement_id: line.id.to_string(),
        aws_offer_id: line.aws_offer_id,
        status: line.standing.status,
        updated_at: line.standing.updated_at.map(wire::time).unwrap_or_default(),
        ownership: told(accepted.ownership).into(),
        offer_id: accepted.offer_id.unwrap_or_default(),
        ..pb::MarketplaceAgreement::default()
    };
    match details {
        Err(problem) => pb::MarketplaceAgreement { problem, ..out },
        Ok(read) => {
            let acceptance = read.acceptance();
            pb::MarketplaceAgreement {
                accepted_at: wire::time(acceptance.at),
                starts_at: wire::time(read.starts_at),
                ends_at: read.ends_at.map(wire::time).unwrap_or_default(),
                acceptor_account_id: acceptance.acceptor.to_string(),
                value: acceptance.total.map(wire::money),
                ..out
            }
        }
    }
}

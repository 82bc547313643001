//! Renewals: the calls, and proto ↔ domain (O16).

use chrono::{DateTime, Utc};
use countersign_kernel::Principal;
use countersign_platform::{Rejection, Violations};
use countersign_proto::offer::v1 as pb;
use tonic::{Request, Response, Status};

use super::payments::amount;
use super::{Offers, failed, parse};
use crate::domain::cosell::{self, CoSell};
use crate::domain::id::AgreementId;
use crate::domain::milestones::Milestones;
use crate::domain::rejection;
use crate::domain::renewal::Renewal;
use crate::domain::resale::SellerKind;
use crate::store::ending::Wanted;
use crate::{commands, store, wire};

impl Offers {
    pub(super) async fn renewal_policy(
        &self,
        request: Request<pb::GetRenewalPolicyRequest>,
    ) -> Result<Response<pb::RenewalPolicy>, Status> {
        let call = self.commands.query(&request)?;
        let mut reader = self.commands.database().reading(&call.seller).await?;
        let found = store::renewal::milestones(&mut *reader, &call.seller).await;
        let milestones = found.map_err(failed)?.unwrap_or_default();
        Ok(Response::new(policy(&milestones)))
    }

    pub(super) async fn renewal_policy_put(
        &self,
        request: Request<pb::PutRenewalPolicyRequest>,
    ) -> Result<Response<pb::RenewalPolicy>, Status> {
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let milestones = milestones(&request)?;
        let seller = call.seller.clone();
        self.commands
            .execute(&call, "offer.v1/PutRenewalPolicy", &request, move |uow| {
                let (seller, milestones) = (seller.clone(), milestones.clone());
                Box::pin(async move {
                    let put = commands::renewal::put_milestones;
                    let kept = put(uow, &seller, milestones).await?;
                    Ok(policy(&kept))
                })
            })
            .await
    }

    pub(super) async fn renewals(
        &self,
        request: Request<pb::ListRenewalsRequest>,
    ) -> Result<Response<pb::ListRenewalsResponse>, Status> {
        let call = self.commands.query(&request)?;
        let (wanted, part) = wanted(request.get_ref())?;
        let database = self.commands.database();
        let mut reader = database.reading(&call.seller).await?;
        let (after, limit) = (part.after.as_ref(), part.limit());
        let (seller, now) = (&call.seller, database.clock().now());
        let found = store::ending::page(&mut reader, seller, &wanted, after, limit, now).await;
        let found = found.map_err(failed)?;
        let seller_kind = self.config.kind_of(seller);
        Ok(Response::new(page(&part, found, seller_kind)))
    }

    pub(super) async fn assigned(
        &self,
        request: Request<pb::AssignRenewalRequest>,
    ) -> Result<Response<pb::Renewal>, Status> {
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let (agreement, owner) = assignment(&request)?;
        let seller = call.seller.clone();
        let seller_kind = self.config.kind_of(&seller);
        self.commands
            .execute(&call, "offer.v1/AssignRenewal", &request, move |uow| {
                let (seller, id, owner) = (seller.clone(), agreement.clone(), owner.clone());
                Box::pin(async move {
                    let assign = commands::renewal::assign;
                    let renewal = assign(uow, &seller, &id, owner).await?;
                    Ok(shown(&renewal, seller_kind))
                })
            })
            .await
    }
}

/// The milestones as they were given.
fn milestones(request: &pb::PutRenewalPolicyRequest) -> Result<Milestones, Rejection> {
    let given = request.policy.clone().unwrap_or_default();
    Milestones::of(given.milestone_days)
        .map_err(|wrong| commands::refusal(&rejection::Rejection::Invalid(wrong)))
}

/// The policy as it goes out.
fn policy(milestones: &Milestones) -> pb::RenewalPolicy {
    pb::RenewalPolicy {
        milestone_days: milestones.days().to_vec(),
    }
}

fn assignment(request: &pb::AssignRenewalRequest) -> Result<(AgreementId, Principal), Rejection> {
    let mut wrong = Violations::default();
    let id = request.agreement_id.parse();
    let id = wrong.check("agreement_id", "AGREEMENT_ID_INVALID", id);
    let owner = wrong.check("owner", "OWNER_INVALID", request.owner.parse());
    wrong.finish(id.zip(owner))
}

fn wanted(request: &pb::ListRenewalsRequest) -> Result<(Wanted, parse::Page), Rejection> {
    let mut wrong = Violations::default();
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let before = given(&request.ends_before).and_then(|text| {
        let read = text.parse::<DateTime<Utc>>();
        wrong.check("ends_before", "TIME_INVALID", read)
    });
    let owner = given(&request.owner)
        .and_then(|text| wrong.check("owner", "OWNER_INVALID", text.parse::<Principal>()));
    let least = request.at_least.as_ref();
    let least = least.and_then(|least| wrong.check("at_least", "AMOUNT_INVALID", amount(least)));
    let wanted = wrong.finish(Some(Wanted {
        agreement_id: None,
        ends_before: before,
        owner,
        at_least: least,
    }))?;
    Ok((wanted, parse::page(request.page_size, &request.page_token)?))
}

/// One page of what was `found`.
fn page(page: &parse::Page, found: Vec<Renewal>, seller: SellerKind) -> pb::ListRenewalsResponse {
    let (listed, next_page_token) = page.cut(found, |renewal| {
        parse::cursor(renewal.ends_at, renewal.agreement_id.as_str())
    });
    pb::ListRenewalsResponse {
        renewals: listed.iter().map(|one| shown(one, seller)).collect(),
        next_page_token,
    }
}

fn shown(renewal: &Renewal, seller: SellerKind) -> pb::Renewal {
    let (co_sell, growth) = cosell::of(renewal.value, renewal.successor.as_ref());
    let mut out = pb::Renewal {
        agreement_id: renewal.agreement_id.to_string(),
        offer_id: renewal
            .offer_id
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        engagement_id: renewal.engagement_id.to_string(),
        customer_name: renewal.customer_name.clone(),
        product_title: renewal.product_title.clone(),
        buyer_account_id: renewal.buyer_account.to_string(),
        ends_at: wire::time(renewal.ends_at),
        value: renewal.value.map(wire::money),
        owner: renewal
            .owner
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        markable: renewal
            .kind
            .as_ref()
            .is_some_and(|kind| seller.can_mark_renewals(kind)),
        growth: growth.map(wire::money),
        ..pb::Renewal::default()
    };
    out.set_co_sell(match co_sell {
        CoSell::NotPriced => pb::CoSell::NotPriced,
        CoSell::Qualifies => pb::CoSell::Qualifies,
        CoSell::NoGrowth => pb::CoSell::NoGrowth,
        CoSell::OtherCurrency => pb::CoSell::OtherCurrency,
    });
    if let Some(next) = &renewal.successor {
        out.renewal_engagement_id = next.engagement_id.to_string();
        out.renewal_value = Some(wire::money(next.value));
    }
    if let Some(kind) = renewal.reached {
        out.set_reached(wire::clock_kind(kind));
    }
    out
}

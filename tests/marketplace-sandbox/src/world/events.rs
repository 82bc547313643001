//! What AWS tells sellers as it happens: EventBridge events, delivered to a queue of each seller
//! (facts §5.1). Best effort: a rehearsal may lose, repeat or reorder them.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::model::{Agreement, ChangeSet, ChangeSetStatus, Offer};
use super::queue::Queue;
use super::{World, arn, timestamp};

const CATALOG: &str = "aws.marketplacecatalog";
const AGREEMENTS: &str = "aws.agreement-marketplace";

/// What becomes of a coming event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum EventFault {
    /// It never arrives.
    Lose,
    /// It arrives twice, with the same id.
    Duplicate,
    /// It arrives after the one that comes next.
    Late,
}

/// `times` coming events whose detail-type holds `detail_type` go wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct EventInjection {
    pub(crate) fault: EventFault,
    #[serde(default)]
    pub(crate) detail_type: String,
    #[serde(default = "once")]
    pub(crate) times: u32,
}

fn once() -> u32 {
    1
}

/// Every seller's queue, and what is about to go wrong.
#[derive(Debug, Default)]
pub(crate) struct Events {
    pub(crate) queues: BTreeMap<String, Queue>,
    pub(crate) injections: VecDeque<EventInjection>,
    /// Held back until the next event of that account.
    held: Vec<(String, String)>,
}

impl Events {
    fn fault(&mut self, detail_type: &str) -> Option<EventFault> {
        let position = self
            .injections
            .iter()
            .position(|injection| detail_type.contains(&injection.detail_type))?;
        let injection = &mut self.injections[position];
        let fault = injection.fault;
        injection.times = injection.times.saturating_sub(1);
        if injection.times == 0 {
            self.injections.remove(position);
        }
        Some(fault)
    }

    fn deliver(&mut self, now: DateTime<Utc>, account: &str, detail_type: &str, body: &str) {
        let late: Vec<String> = self
            .held
            .extract_if(.., |(held_for, _)| held_for == account)
            .map(|(_, body)| body)
            .collect();
        let fault = self.fault(detail_type);
        let queue = self.queues.entry(account.to_owned()).or_default();
        match fault {
            Some(EventFault::Lose) => {}
            Some(EventFault::Late) => self.held.push((account.to_owned(), body.to_owned())),
            Some(EventFault::Duplicate) => {
                queue.send(now, body);
                queue.send(now, body);
            }
            None => queue.send(now, body),
        }
        if let Some(queue) = self.queues.get_mut(account) {
            for body in late {
                queue.send(now, &body);
            }
        }
    }
}

/// One event on its way: what it is, and what it is about.
struct Event<'a> {
    source: &'static str,
    detail_type: String,
    resources: Vec<String>,
    detail: Value,
    account: &'a str,
}

impl World {
    fn emit(&mut self, at: DateTime<Utc>, event: Event<'_>) {
        if !self.sellers.iter().any(|seller| seller == event.account) {
            return;
        }
        let mut detail = event.detail;
        detail["requestId"] = json!(self.ids.reference());
        let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, self.ids.reference().as_bytes());
        let body = json!({
            "version": "0",
            "id": id.to_string(),
            "detail-type": event.detail_type,
            "source": event.source,
            "account": event.account,
            "time": timestamp(at),
            "region": "us-east-1",
            "resources": event.resources,
            "detail": detail,
        });
        self.events
            .deliver(at, event.account, &event.detail_type, &body.to_string());
    }

    /// A change set ended: only its id and name; what failed is for `DescribeChangeSet` to tell.
    pub(super) fn change_set_ended(&mut self, at: DateTime<Utc>, set: &ChangeSet) {
        let how = match set.status {
            ChangeSetStatus::Succeeded => "Succeeded",
            ChangeSetStatus::Failed => "Failed",
            ChangeSetStatus::Cancelled => "Cancelled",
            ChangeSetStatus::Preparing | ChangeSetStatus::Applying => return,
        };
        let mut detail = json!({
            "Catalog": "AWSMarketplace",
            "ChangeSetId": set.id,
            "ChangeSetName": set.name,
            "StartTime": timestamp(set.started_at),
            "EndTime": timestamp(at),
        });
        if let Some((code, _)) = set.failure {
            detail["FailureCode"] = json!(code);
        }
        self.emit(
            at,
            Event {
                source: CATALOG,
                detail_type: format!("Change Set {how}"),
                resources: vec![arn(&set.owner, "ChangeSet", &set.id)],
                detail,
                account: &set.owner,
            },
        );
    }

    /// An offer went in front of its buyers: told to who sells and to whose product it is.
    pub(crate) fn offer_released(&mut self, at: DateTime<Utc>, offer: &Offer) {
        let maker = self
            .product_owner(&offer.product_id)
            .unwrap_or(&offer.owner)
            .to_owned();
        let title = self
            .product(&offer.product_id)
            .map(|product| product.title.clone());
        let offer_arn = arn(&offer.owner, "Offer", &offer.id);
        let detail = json!({
            "catalog": "AWSMarketplace",
            "offer": { "id": offer.id, "arn": offer_arn, "name": offer.name,
                "expirationDate": offer.availability_end.map(|day| format!("{day}T23:59:59Z")) },
            "product": { "id": offer.product_id, "title": title,
                "arn": arn(&maker, "ProfessionalServicesProduct", &offer.product_id) },
            "manufacturer": { "accountId": maker, "name": super::authorizations::legal_name(&maker) },
            "sellerOfRecord": { "accountId": offer.owner,
                "name": super::authorizations::legal_name(&offer.owner) },
            "targetedBuyerAccountIds": offer.buyers(),
        });
        let mut told = vec![offer.owner.clone(), maker];
        told.dedup();
        for account in &told {
            self.emit(
                at,
                Event {
                    source: CATALOG,
                    detail_type: "Offer Released".to_owned(),
                    resources: vec![offer_arn.clone()],
                    detail: detail.clone(),
                    account,
                },
            );
        }
    }

    /// A buyer accepted, or an agreement renewed itself.
    pub(super) fn agreement_created(
        &mut self,
        at: DateTime<Utc>,
        agreement: &Agreement,
        intent: &str,
    ) {
        let mut detail = parties(agreement);
        detail["agreement"] = json!({
            "id": agreement.id,
            "intent": intent,
            "status": agreement.status.as_str(),
            "acceptanceTime": timestamp(agreement.accepted_at),
            "startTime": timestamp(agreement.accepted_at),
            "endTime": timestamp(agreement.ends_at),
        });
        if let Some(preceding) = &agreement.preceding {
            detail["agreement"]["previousAgreementId"] = json!(preceding);
        }
        self.tell(at, agreement, "Purchase Agreement Created", &detail);
    }

    /// An agreement ends in so many days: told to its seller of record only.
    pub(super) fn agreement_ending(&mut self, at: DateTime<Utc>, agreement: &Agreement, days: i64) {
        let renews = agreement.renewing().is_some();
        let mut detail = parties(agreement);
        detail["agreement"] = json!({
            "id": agreement.id,
            "status": agreement.status.as_str(),
            "acceptanceTime": timestamp(agreement.accepted_at),
            "startTime": timestamp(agreement.accepted_at),
            "endTime": timestamp(agreement.ends_at),
            "daysBeforeEndTime": days,
            "autoRenewalEnabled": renews,
        });
        if let Some(term) = &agreement.renewal {
            let lockout = agreement.ends_at - TimeDelta::days(term.lockout.into());
            detail["renewalSummary"] = json!({ "lockoutStartTime": timestamp(lockout) });
        }
        self.emit(
            at,
            Event {
                source: AGREEMENTS,
                detail_type: "Purchase Agreement Ending - Proposer".to_owned(),
                resources: vec![agreement_arn(agreement)],
                detail,
                account: &agreement.proposer,
            },
        );
    }

    /// An agreement is over, whatever the way.
    pub(super) fn agreement_ended(&mut self, at: DateTime<Utc>, agreement: &Agreement) {
        let mut detail = parties(agreement);
        detail["agreement"] = json!({ "id": agreement.id, "status": agreement.status.as_str() });
        self.tell(at, agreement, "Purchase Agreement Ended", &detail);
    }

    /// A cancellation request moved. Its detail has a layout of its own.
    pub(super) fn cancellation_moved(
        &mut self,
        at: DateTime<Utc>,
        agreement: &Agreement,
        how: &str,
        request: &Value,
    ) {
        let detail = json!({
            "agreement": { "id": agreement.id, "acceptorId": agreement.acceptor,
                "productId": agreement.product_id, "offerId": agreement.offer_id },
            "agreementCancellationRequest": request,
        });
        let name = format!("Agreement Cancellation Request {how}");
        self.tell_about(at, agreement, &name, &detail, &[]);
    }

    /// A billing adjustment came to its end. The amount is negative here, positive in the API.
    pub(super) fn adjustment_ended(
        &mut self,
        at: DateTime<Utc>,
        agreement: &Agreement,
        how: &str,
        detail: &Value,
    ) {
        let name = format!("Purchase Agreement Billing Adjustment {how}");
        self.tell_about(at, agreement, &name, detail, &[]);
    }

    fn tell(&mut self, at: DateTime<Utc>, agreement: &Agreement, name: &str, detail: &Value) {
        let resources = [agreement_arn(agreement)];
        self.tell_about(at, agreement, name, detail, &resources);
    }

    /// To the proposer and to the manufacturer, each by its own detail-type.
    fn tell_about(
        &mut self,
        at: DateTime<Utc>,
        agreement: &Agreement,
        name: &str,
        detail: &Value,
        resources: &[String],
    ) {
        let roles = [
            (&agreement.proposer, "Proposer"),
            (&agreement.manufacturer, "Manufacturer"),
        ];
        for (account, role) in roles {
            self.emit(
                at,
                Event {
                    source: AGREEMENTS,
                    detail_type: format!("{name} - {role}"),
                    resources: resources.to_vec(),
                    detail: detail.clone(),
                    account,
                },
            );
        }
    }
}

fn agreement_arn(agreement: &Agreement) -> String {
    format!(
        "arn:aws:aws-marketplace::{}:AWSMarketplace/Agreement/{}",
        agreement.acceptor, agreement.id
    )
}

fn parties(agreement: &Agreement) -> Value {
    json!({
        "catalog": "AWSMarketplace",
        "resaleAuthorization": agreement.authorization_id.as_ref().map(|id| json!({ "id": id })),
        "acceptor": { "accountId": agreement.acceptor },
        "proposer": { "accountId": agreement.proposer },
        "offer": { "id": agreement.offer_id },
        "product": { "id": agreement.product_id },
    })
}

//! `NotificationService`: parse, call, convert.

mod convert;
mod parse;

use countersign_kernel::SellerId;
use countersign_platform::{Commands, Failure, Rejection};
use countersign_proto::notification::v1 as proto;
use countersign_proto::notification::v1::notification_service_server::NotificationService;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use crate::commands::{deliveries, subscriptions};
use crate::domain::address::UrlPolicy;
use crate::domain::subscription::Address;
use crate::store;
use crate::store::views;

/// The gRPC face of the service.
#[derive(Debug, Clone)]
pub(crate) struct Notifications {
    commands: Commands,
    policy: UrlPolicy,
}

impl Notifications {
    pub(crate) const fn new(commands: Commands, policy: UrlPolicy) -> Self {
        Self { commands, policy }
    }

    async fn delivery(&self, seller: &SellerId, id: Uuid) -> Result<proto::Delivery, Failure> {
        let mut reader = self.commands.database().reading(seller).await?;
        let view = views::get(&mut *reader, seller, id).await?;
        let view = view.ok_or_else(|| deliveries::unknown(&id.to_string()))?;
        convert::delivery(view)
    }
}

#[async_trait]
impl NotificationService for Notifications {
    async fn put_subscription(
        &self,
        request: Request<proto::PutSubscriptionRequest>,
    ) -> Result<Response<proto::Subscription>, Status> {
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let (audience, address) = parse::put(&request, self.policy)?;
        let seller = call.seller.clone();
        self.commands
            .execute(&call, "PutSubscription", &request, move |uow| {
                let (seller, address) = (seller.clone(), address.clone());
                Box::pin(async move {
                    let put = subscriptions::put(uow, &seller, audience, address).await?;
                    Ok(convert::subscription(&put))
                })
            })
            .await
    }

    async fn remove_subscription(
        &self,
        request: Request<proto::RemoveSubscriptionRequest>,
    ) -> Result<Response<proto::RemoveSubscriptionResponse>, Status> {
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let id = parse::id(
            "subscription_id",
            &request.subscription_id,
            subscriptions::unknown,
        )?;
        let seller = call.seller.clone();
        self.commands
            .execute(&call, "RemoveSubscription", &request, move |uow| {
                let seller = seller.clone();
                Box::pin(async move {
                    subscriptions::remove(uow, &seller, id).await?;
                    Ok(proto::RemoveSubscriptionResponse {})
                })
            })
            .await
    }

    async fn list_subscriptions(
        &self,
        request: Request<proto::ListSubscriptionsRequest>,
    ) -> Result<Response<proto::ListSubscriptionsResponse>, Status> {
        let call = self.commands.query(&request)?;
        let mut reader = self.commands.database().reading(&call.seller).await?;
        let known = store::subscriptions::list(&mut *reader, &call.seller)
            .await
            .map_err(Failure::from)?;
        let subscriptions = known.iter().map(convert::subscription).collect();
        Ok(Response::new(proto::ListSubscriptionsResponse {
            subscriptions,
        }))
    }

    async fn list_deliveries(
        &self,
        request: Request<proto::ListDeliveriesRequest>,
    ) -> Result<Response<proto::ListDeliveriesResponse>, Status> {
        let call = self.commands.query(&request)?;
        let (filter, page) = parse::list(request.get_ref())?;
        let mut reader = self.commands.database().reading(&call.seller).await?;
        let views = views::list(&mut reader, &call.seller, &filter, page.limit()).await;
        Ok(Response::new(convert::list(
            views.map_err(Failure::from)?,
            &page,
        )?))
    }

    async fn get_delivery(
        &self,
        request: Request<proto::GetDeliveryRequest>,
    ) -> Result<Response<proto::Delivery>, Status> {
        let call = self.commands.query(&request)?;
        let id = parse::id(
            "delivery_id",
            &request.get_ref().delivery_id,
            deliveries::unknown,
        )?;
        Ok(Response::new(self.delivery(&call.seller, id).await?))
    }

    async fn redrive_delivery(
        &self,
        request: Request<proto::RedriveDeliveryRequest>,
    ) -> Result<Response<proto::Delivery>, Status> {
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        let id = parse::id("delivery_id", &request.delivery_id, deliveries::unknown)?;
        let seller = call.seller.clone();
        self.commands
            .execute(&call, "RedriveDelivery", &request, move |uow| {
                let seller = seller.clone();
                Box::pin(async move {
                    deliveries::redrive(uow, &seller, id).await?;
                    let view = views::get(uow.connection(), &seller, id).await?;
                    convert::delivery(view.ok_or_else(|| deliveries::unknown(&id.to_string()))?)
                })
            })
            .await
    }

    async fn replay_webhook(
        &self,
        request: Request<proto::ReplayWebhookRequest>,
    ) -> Result<Response<proto::ReplayWebhookResponse>, Status> {
        let call = self.commands.query(&request)?;
        let request = request.get_ref();
        let (id, after, size) = parse::replay(request)?;
        let (database, seller) = (self.commands.database(), &call.seller);
        let mut reader = database.reading(seller).await?;
        let known = store::subscriptions::get(&mut *reader, seller, id).await;
        let known = known
            .map_err(Failure::from)?
            .ok_or_else(|| subscriptions::unknown(&request.subscription_id))?;
        let Address::Webhook { url, .. } = &known.address else {
            return Err(not_a_webhook().into());
        };
        let settled = views::settled(&mut reader, seller).await;
        let settled = settled.map_err(Failure::from)?;
        drop(reader);
        let mut reader = database.reading(seller).await?;
        let places = (after, settled);
        let sent = views::replay(&mut reader, seller, url.as_str(), places, size).await;
        Ok(Response::new(convert::replayed(
            sent.map_err(Failure::from)?,
            after,
        )))
    }
}

fn not_a_webhook() -> Rejection {
    Rejection::failed_precondition(
        "SUBSCRIPTION_NOT_A_WEBHOOK",
        "only a webhook subscription can be replayed",
    )
}

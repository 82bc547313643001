//! A deal on its way in the world: approved, drafted, released, sold.

use countersign_kernel::Digest;
use countersign_marketplace_sandbox as sandbox;
use countersign_proto::approval::v1 as approval_pb;
use countersign_proto::common::v1::ApprovedDeal;
use countersign_proto::offer::v1 as pb;

use super::{ENGAGEMENT, World};
use crate::deals::{self, File};

impl World {
    /// Stamped and signed: the handbook's deal with these documents.
    pub(crate) async fn signed_with(&self, files: &[File]) -> Digest {
        let digest = Digest::of(b"what was approved");
        let deal = deals::deal(ENGAGEMENT, files, digest);
        self.signed(deal, files).await;
        digest
    }

    /// Stamped and signed: this deal.
    pub(crate) async fn signed(&self, deal: ApprovedDeal, files: &[File]) {
        for file in files {
            self.approval.keep(&file.bytes);
        }
        let deal = Some(deal);
        let stamped = approval_pb::DealStamped { deal: deal.clone() };
        assert_eq!(self.hear(&stamped).await, "applied");
        let signed = approval_pb::SowSigned {
            deal,
            ..approval_pb::SowSigned::default()
        };
        assert_eq!(self.hear(&signed).await, "applied");
    }

    /// All that a draft of this deal needs.
    pub(crate) async fn ready_to_draft(&self, deal: ApprovedDeal) {
        self.ready_to_draft_for(pb::ReleaseWay::Unspecified, deal)
            .await;
    }

    /// The same, of an offer that reaches AWS this way.
    pub(crate) async fn ready_to_draft_for(&self, way: pb::ReleaseWay, deal: ApprovedDeal) {
        let price = deal.estimate.as_ref().unwrap().economics.as_ref().unwrap();
        let total_price = price.price_total.clone();
        self.signed(deal, &deals::files()).await;
        self.close_checklist().await;
        self.register_listing_for(way).await;
        let intake = pb::CompleteIntakeRequest {
            total_price,
            ..Self::intake()
        };
        let mut client = self.client.clone();
        client.complete_intake(self.command(intake)).await.unwrap();
    }

    /// The draft, once its legal document is assembled.
    pub(crate) async fn assembled(&self, offer_id: &str) -> pb::Offer {
        let assembling = pb::legal_document::State::Assembling;
        self.until(offer_id, |offer| {
            offer.legal_document.as_ref().unwrap().state() != assembling
        })
        .await
    }

    /// What pre-flight finds.
    pub(crate) async fn findings(&self, offer_id: &str) -> Vec<String> {
        let offer_id = offer_id.to_owned();
        let request = Self::query(pb::PreflightRequest { offer_id });
        let found = self.client.clone().preflight(request).await.unwrap();
        let findings = found.into_inner().findings.into_iter();
        findings.map(|finding| finding.rule).collect()
    }

    pub(crate) async fn close_checklist(&self) {
        let case_id = format!("case-{ENGAGEMENT}");
        let completed = approval_pb::ChecklistCompleted {
            case_id,
            items: Vec::new(),
        };
        assert_eq!(self.hear(&completed).await, "applied");
    }

    pub(crate) fn intake() -> pb::CompleteIntakeRequest {
        pb::CompleteIntakeRequest {
            engagement_id: ENGAGEMENT.into(),
            billing_terms_days: 30,
            buyer_account_id: "123456789012".into(),
            buyer_account_kind: pb::AccountKind::CommercialPayer.into(),
            contact_name: "Bea Buyer".into(),
            contact_email: "bea.buyer@example.com".into(),
            total_price: Some(deals::usd("102500.00")),
            scope_duration: "P90D".into(),
            product_id: sandbox::DEFAULT_PRODUCT_ID.into(),
        }
    }

    pub(crate) async fn register_listing(&self) {
        self.register_listing_for(pb::ReleaseWay::Unspecified).await;
    }

    /// The listing, whose offers reach AWS this way.
    pub(crate) async fn register_listing_for(&self, way: pb::ReleaseWay) {
        let listing = pb::Listing {
            release_way: way.into(),
            product_id: sandbox::DEFAULT_PRODUCT_ID.into(),
            title: "Handbook Professional Services".into(),
            dimension_keys: vec!["professional_services".into()],
        };
        let request = pb::RegisterListingRequest {
            listing: Some(listing.clone()),
        };
        let kept = self
            .client
            .clone()
            .register_listing(self.command(request))
            .await
            .unwrap();
        assert_eq!(kept.into_inner(), listing);
    }

    pub(crate) fn draft_request() -> pb::DraftOfferRequest {
        pb::DraftOfferRequest {
            engagement_id: ENGAGEMENT.into(),
            name: "Landing zone for Example Corp".into(),
            description: "Opportunity 006".into(),
            expires_on: "2026-03-31".into(),
            change_order_id: String::new(),
        }
    }

    /// A draft of the handbook's deal, its legal document ready.
    pub(crate) async fn draft(&self) -> pb::Offer {
        self.draft_with(&deals::files()).await
    }

    pub(crate) async fn draft_with(&self, files: &[File]) -> pb::Offer {
        self.signed_with(files).await;
        self.close_checklist().await;
        self.register_listing().await;
        let mut client = self.client.clone();
        client
            .complete_intake(self.command(Self::intake()))
            .await
            .unwrap();
        let drafted = client
            .draft_offer(self.command(Self::draft_request()))
            .await
            .unwrap();
        self.assembled(&drafted.into_inner().offer_id).await
    }

    /// The handbook's deal of another engagement, drafted for this buyer; the listing is registered.
    pub(crate) async fn drafted_for(&self, engagement: &str, buyer: &str) -> pb::Offer {
        let deal = deals::deal(
            engagement,
            &deals::files(),
            Digest::of(b"what was approved"),
        );
        self.drafted_from(deal, buyer, Self::draft_request()).await
    }

    /// The same of any deal, asked for in these words, whatever engagement they name.
    pub(crate) async fn drafted_from(
        &self,
        deal: ApprovedDeal,
        buyer: &str,
        words: pb::DraftOfferRequest,
    ) -> pb::Offer {
        // Boxed, it does not weigh on every caller.
        let engagement_id = Box::pin(self.ready_for(deal, buyer)).await;
        let draft = pb::DraftOfferRequest {
            engagement_id,
            ..words
        };
        let mut client = self.client.clone();
        let drafted = client.draft_offer(self.command(draft)).await.unwrap();
        self.assembled(&drafted.into_inner().offer_id).await
    }

    /// All that a draft of any deal needs, for this buyer; the listing is registered. Returns its engagement.
    pub(crate) async fn ready_for(&self, deal: ApprovedDeal, buyer: &str) -> String {
        let intake = pb::CompleteIntakeRequest {
            buyer_account_id: buyer.into(),
            ..Self::intake()
        };
        self.ready_with(deal, intake).await
    }

    /// The same with this intake, but for the engagement and the price.
    pub(crate) async fn ready_with(
        &self,
        deal: ApprovedDeal,
        intake: pb::CompleteIntakeRequest,
    ) -> String {
        for file in deals::files() {
            self.approval.keep(&file.bytes);
        }
        let estimate = deal.estimate.as_ref().unwrap();
        let engagement_id = estimate.engagement_id.clone();
        let total_price = estimate.economics.as_ref().unwrap().price_total.clone();
        let case_id = deal.case_id.clone();
        let deal = Some(deal);
        let stamped = approval_pb::DealStamped { deal: deal.clone() };
        let signed = approval_pb::SowSigned {
            deal,
            ..approval_pb::SowSigned::default()
        };
        let items = Vec::new();
        let completed = approval_pb::ChecklistCompleted { case_id, items };
        self.hear_of(&engagement_id, 1, &stamped).await;
        self.hear_of(&engagement_id, 2, &signed).await;
        self.hear_of(&engagement_id, 3, &completed).await;
        let mut client = self.client.clone();
        let intake = pb::CompleteIntakeRequest {
            engagement_id: engagement_id.clone(),
            total_price,
            ..intake
        };
        client.complete_intake(self.command(intake)).await.unwrap();
        engagement_id
    }

    pub(crate) fn release_request(offer: &pb::Offer) -> pb::ReleaseOfferRequest {
        pb::ReleaseOfferRequest {
            offer_id: offer.offer_id.clone(),
            approved_digest: offer.approved_digest.clone(),
        }
    }

    pub(crate) async fn release(&self, offer: &pb::Offer) -> pb::Offer {
        let request = self.command(Self::release_request(offer));
        self.client
            .clone()
            .release_offer(request)
            .await
            .unwrap()
            .into_inner()
    }

    pub(crate) async fn published(&self) -> pb::Offer {
        let draft = self.draft().await;
        let releasing = self.release(&draft).await;
        assert_eq!(releasing.state(), pb::offer::State::Releasing);
        self.until_state(&draft.offer_id, pb::offer::State::Published)
            .await
    }

    /// The draft, released, published and accepted by its buyer; the first acceptance of this world.
    pub(crate) async fn sold(&self, draft: &pb::Offer) -> pb::AgreementAccepted {
        self.release(draft).await;
        let published = pb::offer::State::Published;
        let offer = self.until_state(&draft.offer_id, published).await;
        let summary = offer.summary.as_ref().unwrap();
        let (offer_id, buyer) = (&summary.aws_offer_id, &summary.buyer_account_id);
        let body = serde_json::json!({ "offerId": offer_id, "buyerAccountId": buyer });
        self.act("accept", body).await;
        self.until_state(&draft.offer_id, pb::offer::State::Accepted)
            .await;
        self.events().await.remove(0)
    }
}

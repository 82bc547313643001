//! Offers that were made elsewhere: the calls, and proto ↔ domain (O12). AWS is asked first, outside of any
//! transaction; what it says is compared, or adopted, behind it.

use countersign_kernel::EngagementId;
use countersign_platform::{Failure, Rejection, Violations};
use countersign_proto::offer::v1 as pb;
use tonic::{Request, Response, Status};

use super::{Offers, failed, parse_resale, reply};
use crate::domain::association::{self, Asked, Comparison, Expected, Field, Seen, Verdict};
use crate::domain::id::{AwsOfferId, OfferId};
use crate::domain::portal::{self, Shown};
use crate::marketplace::CallError;
use crate::{commands, store};

const ASSOCIATE: &str = "offer.v1/AssociateOffer";

impl Offers {
    pub(super) async fn compared(
        &self,
        request: Request<pb::CompareOfferRequest>,
    ) -> Result<Response<pb::OfferComparison>, Status> {
        let call = self.commands.query(&request)?;
        self.has_account(&call.seller)?;
        let (engagement_id, aws_offer_id, expected) = subject(request.get_ref())?;
        let seen = self.seen(&aws_offer_id, &expected).await?;
        let database = self.commands.database();
        let mut reader = database.reading(&call.seller).await?;
        let found = store::engagement::find(&mut *reader, &call.seller, &engagement_id).await;
        let found = found.map_err(failed)?;
        let known = found.ok_or_else(|| commands::engagement::unknown(&engagement_id))?;
        let ours = store::offer::by_aws_id(&mut *reader, &call.seller, &aws_offer_id).await;
        let ours = ours.map_err(failed)?;
        let now = database.clock().now();
        let compared = association::compare(&aws_offer_id, &known, &expected, &seen, now);
        let compared = compared.map_err(|refused| commands::refusal(&refused))?;
        let told = comparison(&engagement_id, &aws_offer_id, compared, ours.as_ref());
        Ok(Response::new(told))
    }

    pub(super) async fn associated(
        &self,
        request: Request<pb::AssociateOfferRequest>,
    ) -> Result<Response<pb::Offer>, Status> {
        self.connected(&request)?;
        let call = self.commands.call(&request)?;
        let request = request.into_inner();
        // What was answered is answered again, though AWS may be away by now.
        if let Some(answer) = self.commands.answered(&call, ASSOCIATE, &request).await? {
            return Ok(answer);
        }
        let asked = asked(&request)?;
        let seen = self.seen(&asked.aws_offer_id, &asked.expected).await?;
        let (seller, config) = (call.seller.clone(), self.config.clone());
        self.commands
            .execute(&call, ASSOCIATE, &request, move |uow| {
                let (seller, asked, seen) = (seller.clone(), asked.clone(), seen.clone());
                let config = config.clone();
                Box::pin(async move {
                    let url =
                        |product: &str| config.offer_url(asked.aws_offer_id.as_str(), product);
                    let associate = commands::association::associate;
                    let offer = associate(uow, &seller, &asked, &seen, url).await?;
                    Ok(reply::offer(&offer, uow.now().date_naive()))
                })
            })
            .await
    }

    /// What AWS has under the id, and whatever else it must be compared with.
    async fn seen(&self, id: &AwsOfferId, expected: &Expected) -> Result<Seen, Status> {
        let shown = self.shown(id).await?;
        let given = match expected {
            Expected::Authorization(_) if shown.entity_type == portal::AUTHORIZATION => {
                let given = self.marketplace.gave(id).await;
                Some(given.map_err(|error| not_shown(id, error))?)
            }
            Expected::Authorization(_) | Expected::Direct | Expected::Partner(_) => None,
        };
        let authorization = match expected.authorization_id() {
            Some(authorization) => Some(self.shown(authorization).await?),
            None => None,
        };
        Ok(Seen {
            shown,
            authorization,
            given,
        })
    }

    pub(super) async fn shown(&self, id: &AwsOfferId) -> Result<Shown, Status> {
        match self.marketplace.entity(id).await {
            Ok(Ok(shown)) => Ok(shown),
            Ok(Err(unread)) => Err(not_read(id, &unread).into()),
            Err(error) => Err(not_shown(id, error)),
        }
    }
}

/// AWS has something under that id, of which this is not understood here.
pub(super) fn not_read(id: &AwsOfferId, unread: &str) -> Rejection {
    let text = format!("what AWS has under {id} cannot be read: {unread}");
    Rejection::failed_precondition("ENTITY_NOT_READ", text)
}

fn not_shown(id: &AwsOfferId, error: CallError) -> Status {
    if error.is_unknown() {
        return Rejection::not_found("AWS_OFFER_UNKNOWN", "offer of AWS", id.as_str()).into();
    }
    match error {
        refused @ CallError::Refused(_) => {
            let text = refused.to_string();
            Rejection::failed_precondition("AWS_OFFER_NOT_SHOWN", text).into()
        }
        later @ CallError::Later(_) => Failure::unavailable("AWS Marketplace", later).into(),
    }
}

type Subject = (EngagementId, AwsOfferId, Expected);

fn subject(request: &pb::CompareOfferRequest) -> Result<Subject, Rejection> {
    let mut wrong = Violations::default();
    let read = read(&mut wrong, request);
    wrong.finish(read)
}

fn read(wrong: &mut Violations, request: &pb::CompareOfferRequest) -> Option<Subject> {
    let engagement = request.engagement_id.parse();
    let engagement = wrong.check("engagement_id", "ENGAGEMENT_ID_INVALID", engagement);
    let aws = request.aws_offer_id.parse();
    let aws = wrong.check("aws_offer_id", "AWS_OFFER_ID_INVALID", aws);
    let expected = parse_resale::expected(wrong, request.resale.as_ref());
    Some((engagement?, aws?, expected?))
}

fn asked(request: &pb::AssociateOfferRequest) -> Result<Asked, Rejection> {
    let mut wrong = Violations::default();
    let compared = pb::CompareOfferRequest {
        engagement_id: request.engagement_id.clone(),
        aws_offer_id: request.aws_offer_id.clone(),
        resale: request.resale.clone(),
    };
    let subject = read(&mut wrong, &compared);
    let seen = request.comparison_digest.parse();
    let seen = wrong.check("comparison_digest", "DIGEST_INVALID", seen);
    let parsed = subject.zip(seen);
    wrong.finish(
        parsed.map(|((engagement_id, aws_offer_id, expected), seen)| Asked {
            engagement_id,
            aws_offer_id,
            expected,
            seen,
            legal_document_read: request.legal_document_read,
        }),
    )
}

fn comparison(
    engagement: &EngagementId,
    aws_offer_id: &AwsOfferId,
    compared: Comparison,
    ours: Option<&OfferId>,
) -> pb::OfferComparison {
    pb::OfferComparison {
        engagement_id: engagement.to_string(),
        aws_offer_id: aws_offer_id.to_string(),
        digest: compared.digest.to_string(),
        released: compared.released,
        adoptable: compared.adoptable() && ours.is_none(),
        offer_id: ours.map(ToString::to_string).unwrap_or_default(),
        fields: compared.fields.into_iter().map(field).collect(),
    }
}

fn field(field: Field) -> pb::ComparedField {
    use pb::compared_field::Verdict as Told;
    pb::ComparedField {
        field: field.name.to_owned(),
        approved: field.approved,
        at_aws: field.at_aws,
        verdict: match field.verdict {
            Verdict::Same => Told::Same,
            Verdict::Adopted => Told::Adopted,
            Verdict::ToRead => Told::ToRead,
            Verdict::Differs => Told::Differs,
        }
        .into(),
    }
}

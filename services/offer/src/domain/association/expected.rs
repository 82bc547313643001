//! What a caller expects under an id of AWS's (O2): nobody approves to whom an authorization is given, or from which
//! one a reseller's offer is made. Whoever drafts one says it, and so does whoever associates one.

use crate::domain::deal::PaymentPlan;
use crate::domain::engagement::Engagement;
use crate::domain::id::AwsOfferId;
use crate::domain::portal::{self, Shown};
use crate::domain::rejection::Rejection;
use crate::domain::resale::{Authorization, Kind, Markup, NetTerms, Partner};

/// What is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expected {
    /// An offer of the seller to the buyer.
    Direct,
    /// An authorization that the seller gave like this.
    Authorization(Authorization),
    /// A reseller's offer.
    Partner(Resold),
}

/// What a reseller's offer is made from, and what its buyer is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resold {
    pub(crate) authorization_id: AwsOfferId,
    pub(crate) net_terms: Option<NetTerms>,
}

/// What AWS has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) shown: Shown,
    /// The authorization that a reseller's offer is expected to be made from; `None` for other kinds.
    pub(crate) authorization: Option<Shown>,
    /// Whether the seller itself gave the authorization that is expected; `None` for other kinds. AWS shows those too
    /// that it was given.
    pub(crate) given: Option<bool>,
}

impl Expected {
    /// The authorization that AWS must be asked for too.
    pub(crate) const fn authorization_id(&self) -> Option<&AwsOfferId> {
        match self {
            Self::Partner(resold) => Some(&resold.authorization_id),
            Self::Direct | Self::Authorization(_) => None,
        }
    }

    /// The kind to compare with. What the reseller owes is read from AWS's authorization: nothing of it is typed.
    pub(super) fn kind(&self, engagement: &Engagement, seen: &Seen) -> Result<Kind, Rejection> {
        match self {
            Self::Direct => Ok(Kind::Direct),
            Self::Authorization(allowed) => Ok(Kind::Authorization(allowed.clone())),
            Self::Partner(resold) => partner(resold, engagement, seen).map(Kind::Partner),
        }
    }
}

/// Approved installments are the reseller's amounts, however AWS was told of them. Else the price is what the
/// mark-up leaves that AWS has.
fn partner(resold: &Resold, engagement: &Engagement, seen: &Seen) -> Result<Partner, Rejection> {
    let shown = seen.authorization.as_ref();
    let received = shown.map_or_else(
        || Err("AWS was not asked for it".to_owned()),
        |shown| portal::received(&resold.authorization_id, shown),
    );
    let authorization = received.map_err(|problem| Rejection::AuthorizationNotRead { problem })?;
    let plan = engagement
        .signed_deal()
        .map(|deal| &deal.estimate.payment_plan);
    let by_installments = matches!(plan, Some(PaymentPlan::Installments(_)));
    let markup = seen.shown.markup.as_deref();
    let markup = markup.filter(|_| !by_installments);
    let markup: Option<Markup> = markup.and_then(|percentage| percentage.parse().ok());
    Ok(Partner {
        markup,
        fixed_amounts: markup.is_none(),
        // AWS makes no offer from one whose contract is not accepted (facts §1.4).
        contract_accepted: authorization.has_contract,
        net_terms: resold.net_terms,
        authorization,
    })
}

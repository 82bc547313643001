//! What AWS is sent, as values. Pre-flight checks a [`Plan`] and the change set is written from the
//! same plan, so that nothing else can reach AWS than what was checked (O3, O4).

use countersign_kernel::chrono::{Days, NaiveDate};
use countersign_kernel::{AwsAccountId, Currency, Digest, IsoDuration, Money};

use super::deal::{DatedAmount, Estimate, PaymentPlan};
use super::id::{AwsOfferId, OfferId};
use super::offer::{Basis, Offer, PendingChange, Terms};
use super::resale::{self, Kind, Partner, SellerKind, Split};

/// The terms of an offer of any kind (O2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) product_id: String,
    /// Buyer-visible; of an authorization the reseller sees it.
    pub(crate) name: String,
    /// Seller-only; of an authorization the reseller sees it.
    pub(crate) description: String,
    pub(crate) buyer_accounts: Vec<String>,
    pub(crate) currency: Currency,
    /// The price of the fixed term itself: zero, since the schedule charges (facts §1.3).
    pub(crate) fixed_price: Money,
    /// What is charged when.
    pub(crate) schedule: Vec<DatedAmount>,
    /// The whole price, where it is not charged by a schedule: resale without installments.
    pub(crate) upfront: Option<Money>,
    /// What payment requests may add up to, where they charge in place of a schedule (O17).
    pub(crate) cap: Option<Money>,
    /// Of the agreement, from acceptance.
    pub(crate) duration: IsoDuration,
    /// The one dimension that is granted.
    pub(crate) dimension_key: Option<String>,
    /// The last day on which it can be accepted, or used by the reseller, until 23:59:59 UTC (O7);
    /// `None` for an authorization without end.
    pub(crate) available_until: Option<NaiveDate>,
    /// What AWS is told that the buyer had before; `None` where it is not told (O16).
    pub(crate) pre_existing: Option<PreExisting>,
    /// The one PDF (O6).
    pub(crate) legal_document: Option<Digest>,
    /// The PDF of the seller's own reseller contract, where an authorization carries it.
    pub(crate) reseller_contract: Option<Digest>,
    /// What is particular to the kind.
    pub(crate) kind: Kind,
}

impl Plan {
    /// The plan for a release on `day` (UTC). A prepaid deal is one charge on that day: it lies
    /// before the expiry, so AWS invoices it on acceptance (facts §1.3). Resale without a schedule
    /// has a price and no dates: the end of an authorization must lie before each of its charges.
    pub(crate) fn of(offer: &Offer, day: NaiveDate) -> Self {
        let document = &offer.document;
        Self {
            reseller_contract: document.reseller_contract(),
            ..Self::of_terms(&offer.basis, &offer.terms, document.digest(), day)
        }
    }

    /// The plan for these terms of this deal, with this legal document.
    pub(crate) fn of_terms(
        basis: &Basis,
        terms: &Terms,
        legal_document: Option<Digest>,
        day: NaiveDate,
    ) -> Self {
        let Basis {
            deal, intake, kind, ..
        } = basis;
        let estimate = &deal.estimate;
        let listing = &intake.listing;
        let (schedule, upfront) = match kind {
            Kind::Direct => (scheduled(&estimate.payment_plan, deal.price(), day), None),
            Kind::Authorization(_) => wholesale(&estimate.payment_plan, deal.price()),
            Kind::Partner(partner) => retail(partner, &estimate.payment_plan),
        };
        Self {
            product_id: listing.product_id.to_string(),
            name: terms.name.clone(),
            description: terms.description.clone(),
            buyer_accounts: match kind {
                Kind::Direct | Kind::Partner(_) => vec![intake.buyer_account.to_string()],
                Kind::Authorization(allowed) => texts(&allowed.buyers),
            },
            currency: estimate.currency,
            fixed_price: Money::zero(estimate.currency),
            schedule,
            upfront,
            cap: match (kind, &estimate.payment_plan) {
                (Kind::Direct, PaymentPlan::Variable { cap }) => Some(*cap),
                (Kind::Direct | Kind::Authorization(_) | Kind::Partner(_), _) => None,
            },
            duration: estimate.scope_duration,
            dimension_key: listing.dimension_keys.first().cloned(),
            available_until: terms.expires_on,
            pre_existing: PreExisting::of(estimate, kind),
            legal_document,
            reseller_contract: None,
            kind: kind.clone(),
        }
    }

    /// Whether such a seller can carry it out as it is: a renewal is marked by an ISV alone (O16).
    pub(crate) fn can_be_sold_by(&self, seller: SellerKind) -> bool {
        self.pre_existing.is_none() || seller.can_mark_renewals(&self.kind)
    }

    /// What the buyer pays in all, or the reseller owes; `None` while amounts do not add up.
    pub(crate) fn total(&self) -> Option<Money> {
        let amounts = self.schedule.iter().map(|charge| charge.amount);
        Money::sum(amounts.chain(self.upfront).chain(self.cap), self.currency).ok()
    }

    /// Who gets what, where a reseller stands between (S1 step 5).
    pub(crate) fn split(&self) -> Option<Split> {
        match &self.kind {
            Kind::Partner(partner) => {
                resale::split(&partner.authorization, &self.schedule, self.total()?)
            }
            Kind::Direct | Kind::Authorization(_) => None,
        }
    }
}

/// The agreement that a renewal renews, as AWS is told of it by its acquisition channel: its listing fee is
/// a renewal's then (E3, facts §1.2, §4). Its pricing model is the one that professional services have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PreExisting {
    /// The buyer accepted it in AWS Marketplace.
    AwsMarketplace,
    /// It was made elsewhere, and migrates.
    External,
}

impl PreExisting {
    /// AWS's name of the pricing model.
    pub(crate) const PRICING_MODEL: &'static str = "Contract";

    /// Only who sells a product of its own can tell AWS, in its offer or in its authorization: AWS has no
    /// renewal checkbox for a reseller (facts §1.5).
    const fn of(estimate: &Estimate, kind: &Kind) -> Option<Self> {
        match (kind, estimate.renewal, &estimate.follows) {
            (Kind::Partner(_), _, _) | (_, false, _) => None,
            (Kind::Direct | Kind::Authorization(_), true, Some(_)) => Some(Self::AwsMarketplace),
            (Kind::Direct | Kind::Authorization(_), true, None) => Some(Self::External),
        }
    }

    /// AWS's name of the acquisition channel.
    pub(crate) const fn channel(self) -> &'static str {
        match self {
            Self::AwsMarketplace => "AwsMarketplace",
            Self::External => "External",
        }
    }
}

/// Account ids as AWS is sent them.
fn texts(accounts: &[AwsAccountId]) -> Vec<String> {
    accounts.iter().map(ToString::to_string).collect()
}

/// A variable plan has no schedule but a cap; AWS's API cannot make one (facts §2).
fn scheduled(plan: &PaymentPlan, price: Money, day: NaiveDate) -> Vec<DatedAmount> {
    match plan {
        PaymentPlan::Prepaid => vec![DatedAmount {
            date: day,
            amount: price,
        }],
        PaymentPlan::Installments(installments) => installments.clone(),
        PaymentPlan::Variable { .. } => Vec::new(),
    }
}

fn wholesale(plan: &PaymentPlan, price: Money) -> (Vec<DatedAmount>, Option<Money>) {
    match plan {
        PaymentPlan::Prepaid => (Vec::new(), Some(price)),
        PaymentPlan::Installments(installments) => (installments.clone(), None),
        PaymentPlan::Variable { .. } => (Vec::new(), None),
    }
}

/// What the buyer is charged: the reseller's amounts, else what it owes with its mark-up. Amounts win
/// where both are given, which pre-flight refuses.
fn retail(partner: &Partner, plan: &PaymentPlan) -> (Vec<DatedAmount>, Option<Money>) {
    let received = &partner.authorization;
    let installments = match plan {
        PaymentPlan::Installments(installments) => installments.as_slice(),
        PaymentPlan::Prepaid | PaymentPlan::Variable { .. } => &[],
    };
    match partner.markup {
        Some(markup) if !partner.fixed_amounts => {
            let raised = |amount| markup.added_to(amount).unwrap_or(amount);
            if received.schedule.is_empty() {
                return (Vec::new(), Some(raised(received.total)));
            }
            let charges = received.schedule.iter().map(|owed| DatedAmount {
                date: owed.date,
                amount: raised(owed.amount),
            });
            (charges.collect(), None)
        }
        Some(_) | None => (installments.to_vec(), None),
    }
}

/// What AWS is asked to change on an offer that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AfterRelease {
    Availability {
        aws_offer_id: AwsOfferId,
        available_until: NaiveDate,
    },
    /// For good; the offers that were made from the authorization stand (facts §1.5).
    Restriction { authorization_id: AwsOfferId },
}

/// What the change set of a pending change says. Ending an offer is an expiry in the past: yesterday
/// of the day on which it was asked (facts §0.15). Ending an authorization is restricting it.
pub(crate) fn after_release(
    kind: &Kind,
    aws_offer_id: &AwsOfferId,
    change: &PendingChange,
) -> AfterRelease {
    let available_until = match (kind, change) {
        (_, PendingChange::Expiry { to, .. }) => *to,
        (Kind::Authorization(_), PendingChange::Cancellation { .. }) => {
            return AfterRelease::Restriction {
                authorization_id: aws_offer_id.clone(),
            };
        }
        (Kind::Direct | Kind::Partner(_), PendingChange::Cancellation { asked_at, .. }) => {
            let today = asked_at.date_naive();
            today.checked_sub_days(Days::new(1)).unwrap_or(today)
        }
    };
    AfterRelease::Availability {
        aws_offer_id: aws_offer_id.clone(),
        available_until,
    }
}

/// The idempotency token of the change set that the offer's `revision` asks for: at most 51
/// characters, the same however often it is sent (O9).
pub(crate) fn client_request_token(offer_id: &OfferId, revision: u32) -> String {
    format!("{offer_id}.{revision}")
}

/// AWS lists change sets by name: ours says which offer and revision asked for it.
pub(crate) fn change_set_name(offer_id: &OfferId, revision: u32) -> String {
    format!("countersign {offer_id} revision {revision}")
}

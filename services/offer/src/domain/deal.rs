//! The approved deal, whole: what legal stamped and the customer signed (A4 to A6). The digest is
//! approval's: it binds price, schedule, scope, duration, currency and every document.

use countersign_kernel::chrono::{DateTime, NaiveDate, Utc};
use countersign_kernel::{Currency, Digest, EngagementId, IsoDuration, Money, Principal, Rate};

use super::id::{AgreementId, CaseId};

/// What was approved, with the digest that binds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApprovedDeal {
    pub(crate) case_id: CaseId,
    pub(crate) estimate: Estimate,
    /// In upload order, without signed copies.
    pub(crate) documents: Vec<Document>,
    pub(crate) digest: Digest,
    pub(crate) stamped_by: Principal,
    pub(crate) stamped_at: DateTime<Utc>,
}

/// The version of the estimate that was approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Estimate {
    pub(crate) id: String,
    pub(crate) version: u32,
    pub(crate) engagement_id: EngagementId,
    pub(crate) customer_name: String,
    pub(crate) currency: Currency,
    pub(crate) packages: Vec<Package>,
    pub(crate) payment_plan: PaymentPlan,
    pub(crate) scope_description: String,
    pub(crate) scope_duration: IsoDuration,
    pub(crate) valid_until: NaiveDate,
    pub(crate) economics: Economics,
    pub(crate) author: Principal,
    /// Whether it renews an agreement (O16).
    pub(crate) renewal: bool,
    /// The agreement that it was started from (E11).
    pub(crate) follows: Option<AgreementId>,
}

/// One fixed-price work package (E1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) base_price: Money,
    pub(crate) price: Money,
}

/// How the customer pays (E2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PaymentPlan {
    /// One charge of the whole price.
    Prepaid,
    /// A flexible payment schedule.
    Installments(Vec<DatedAmount>),
    /// A cap, drawn by payment requests.
    Variable {
        /// What the requests may add up to.
        cap: Money,
    },
}

/// An amount on a day, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DatedAmount {
    pub(crate) date: NaiveDate,
    pub(crate) amount: Money,
}

/// What the deal should bring (E3, E5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Economics {
    pub(crate) base_total: Money,
    pub(crate) price_total: Money,
    pub(crate) uplift: Uplift,
    pub(crate) listing_fee_rate: Rate,
    pub(crate) expected_fee: Money,
    pub(crate) expected_net: Money,
    pub(crate) shortfall: Money,
    pub(crate) effort_cost: Option<Money>,
    pub(crate) margin: Option<Money>,
}

/// How the price was raised over the base (E3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Uplift {
    /// price = base × (1 + rate).
    Markup(Rate),
    /// price = base / (1 − rate).
    GrossUp(Rate),
    /// price = base.
    None,
}

/// A document of the deal, named by its content (A7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Document {
    pub(crate) id: String,
    pub(crate) kind: DocumentKind,
    pub(crate) file_name: String,
    pub(crate) media_type: MediaType,
    pub(crate) size_bytes: u64,
    pub(crate) digest: Digest,
}

/// What a document is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DocumentKind {
    Sow,
    Eula,
    Annex,
    /// The seller's own contract with a reseller.
    ResellerContract,
}

/// What a document is, by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MediaType {
    Pdf,
    PlainText,
}

impl ApprovedDeal {
    /// The price that was approved: what the offer asks, to the minor unit (O3).
    pub(crate) const fn price(&self) -> Money {
        self.estimate.economics.price_total
    }

    /// The documents in the order of the merged legal document: the EULA first, the others as they
    /// were uploaded (O6). A reseller contract is none of the buyer's.
    pub(crate) fn documents_in_merge_order(&self) -> Vec<&Document> {
        let (eula, others): (Vec<_>, Vec<_>) = self
            .documents
            .iter()
            .filter(|document| document.kind != DocumentKind::ResellerContract)
            .partition(|document| document.kind == DocumentKind::Eula);
        eula.into_iter().chain(others).collect()
    }

    /// The seller's own contract with a reseller, if one was approved.
    pub(crate) fn reseller_contract(&self) -> Option<&Document> {
        reseller_contract(&self.documents)
    }
}

/// The seller's own contract with a reseller, if it is among them.
pub(crate) fn reseller_contract(documents: &[Document]) -> Option<&Document> {
    let kind = DocumentKind::ResellerContract;
    documents.iter().find(|document| document.kind == kind)
}

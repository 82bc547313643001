//! The approved deal.

use chrono::{DateTime, NaiveDate, Utc};
use countersign_kernel::Rate;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{StoredCharge, StoredMoney, Unreadable, from_value, parse, to_value};
use crate::domain::deal::{
    ApprovedDeal, Document, DocumentKind, Economics, Estimate, MediaType, Package, PaymentPlan,
    Uplift,
};

#[derive(Serialize, Deserialize)]
pub(super) struct StoredDeal {
    case_id: String,
    digest: String,
    stamped_by: String,
    stamped_at: DateTime<Utc>,
    estimate: StoredEstimate,
    documents: Vec<StoredDocument>,
}

#[derive(Serialize, Deserialize)]
struct StoredEstimate {
    estimate_id: String,
    version: u32,
    engagement_id: String,
    customer_name: String,
    currency: String,
    packages: Vec<StoredPackage>,
    payment_plan: StoredPlan,
    scope_description: String,
    scope_duration: String,
    valid_until: NaiveDate,
    economics: StoredEconomics,
    author: String,
    /// Absent of what was approved before it was told of.
    #[serde(default)]
    renewal: bool,
    /// See [`Self::renewal`].
    #[serde(default)]
    follows_agreement_id: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredPackage {
    package_id: String,
    name: String,
    description: String,
    base_price: StoredMoney,
    price: StoredMoney,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredPlan {
    Prepaid,
    Installments(Vec<StoredCharge>),
    Variable { cap: StoredMoney },
}

#[derive(Serialize, Deserialize)]
struct StoredEconomics {
    base_total: StoredMoney,
    price_total: StoredMoney,
    uplift: StoredUplift,
    listing_fee_rate: String,
    expected_fee: StoredMoney,
    expected_net: StoredMoney,
    shortfall: StoredMoney,
    effort_cost: Option<StoredMoney>,
    margin: Option<StoredMoney>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredUplift {
    Markup(String),
    GrossUp(String),
    None,
}

#[derive(Serialize, Deserialize)]
struct StoredDocument {
    document_id: String,
    kind: StoredKind,
    file_name: String,
    media_type: StoredMediaType,
    size_bytes: u64,
    digest: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredKind {
    Sow,
    Eula,
    Annex,
    ResellerContract,
}

#[derive(Serialize, Deserialize)]
enum StoredMediaType {
    #[serde(rename = "application/pdf")]
    Pdf,
    #[serde(rename = "text/plain")]
    PlainText,
}

impl StoredDeal {
    pub(super) fn of(deal: &ApprovedDeal) -> Self {
        Self {
            case_id: deal.case_id.to_string(),
            digest: deal.digest.to_string(),
            stamped_by: deal.stamped_by.to_string(),
            stamped_at: deal.stamped_at,
            estimate: StoredEstimate::of(&deal.estimate),
            documents: deal.documents.iter().map(StoredDocument::of).collect(),
        }
    }

    pub(super) fn read(self) -> Result<ApprovedDeal, Unreadable> {
        Ok(ApprovedDeal {
            case_id: parse(&self.case_id, "case id")?,
            estimate: self.estimate.read()?,
            documents: self
                .documents
                .into_iter()
                .map(StoredDocument::read)
                .collect::<Result<_, _>>()?,
            digest: parse(&self.digest, "digest")?,
            stamped_by: parse(&self.stamped_by, "principal")?,
            stamped_at: self.stamped_at,
        })
    }
}

impl StoredEstimate {
    fn of(estimate: &Estimate) -> Self {
        Self {
            estimate_id: estimate.id.clone(),
            version: estimate.version,
            engagement_id: estimate.engagement_id.to_string(),
            customer_name: estimate.customer_name.clone(),
            currency: estimate.currency.code().to_owned(),
            packages: estimate.packages.iter().map(StoredPackage::of).collect(),
            payment_plan: match &estimate.payment_plan {
                PaymentPlan::Prepaid => StoredPlan::Prepaid,
                PaymentPlan::Installments(charges) => {
                    StoredPlan::Installments(StoredCharge::list(charges))
                }
                PaymentPlan::Variable { cap } => StoredPlan::Variable {
                    cap: StoredMoney::of(*cap),
                },
            },
            scope_description: estimate.scope_description.clone(),
            scope_duration: estimate.scope_duration.to_string(),
            valid_until: estimate.valid_until,
            economics: StoredEconomics::of(&estimate.economics),
            author: estimate.author.to_string(),
            renewal: estimate.renewal,
            follows_agreement_id: estimate.follows.as_ref().map(ToString::to_string),
        }
    }

    fn read(self) -> Result<Estimate, Unreadable> {
        Ok(Estimate {
            id: self.estimate_id,
            version: self.version,
            engagement_id: parse(&self.engagement_id, "engagement id")?,
            customer_name: self.customer_name,
            currency: parse(&self.currency, "currency")?,
            packages: self
                .packages
                .into_iter()
                .map(StoredPackage::read)
                .collect::<Result<_, _>>()?,
            payment_plan: match self.payment_plan {
                StoredPlan::Prepaid => PaymentPlan::Prepaid,
                StoredPlan::Installments(charges) => {
                    PaymentPlan::Installments(StoredCharge::read(&charges)?)
                }
                StoredPlan::Variable { cap } => PaymentPlan::Variable { cap: cap.read()? },
            },
            scope_description: self.scope_description,
            scope_duration: parse(&self.scope_duration, "scope duration")?,
            valid_until: self.valid_until,
            economics: self.economics.read()?,
            author: parse(&self.author, "principal")?,
            renewal: self.renewal,
            follows: self
                .follows_agreement_id
                .map(|id| parse(&id, "agreement id"))
                .transpose()?,
        })
    }
}

impl StoredPackage {
    fn of(package: &Package) -> Self {
        Self {
            package_id: package.id.clone(),
            name: package.name.clone(),
            description: package.description.clone(),
            base_price: StoredMoney::of(package.base_price),
            price: StoredMoney::of(package.price),
        }
    }

    fn read(self) -> Result<Package, Unreadable> {
        Ok(Package {
            base_price: self.base_price.read()?,
            price: self.price.read()?,
            id: self.package_id,
            name: self.name,
            description: self.description,
        })
    }
}

impl StoredEconomics {
    fn of(economics: &Economics) -> Self {
        Self {
            base_total: StoredMoney::of(economics.base_total),
            price_total: StoredMoney::of(economics.price_total),
            uplift: match economics.uplift {
                Uplift::Markup(rate) => StoredUplift::Markup(rate.to_string()),
                Uplift::GrossUp(rate) => StoredUplift::GrossUp(rate.to_string()),
                Uplift::None => StoredUplift::None,
            },
            listing_fee_rate: economics.listing_fee_rate.to_string(),
            expected_fee: StoredMoney::of(economics.expected_fee),
            expected_net: StoredMoney::of(economics.expected_net),
            shortfall: StoredMoney::of(economics.shortfall),
            effort_cost: economics.effort_cost.map(StoredMoney::of),
            margin: economics.margin.map(StoredMoney::of),
        }
    }

    fn read(&self) -> Result<Economics, Unreadable> {
        let optional =
            |money: &Option<StoredMoney>| money.as_ref().map(StoredMoney::read).transpose();
        Ok(Economics {
            base_total: self.base_total.read()?,
            price_total: self.price_total.read()?,
            uplift: match &self.uplift {
                StoredUplift::Markup(text) => Uplift::Markup(rate(text)?),
                StoredUplift::GrossUp(text) => Uplift::GrossUp(rate(text)?),
                StoredUplift::None => Uplift::None,
            },
            listing_fee_rate: rate(&self.listing_fee_rate)?,
            expected_fee: self.expected_fee.read()?,
            expected_net: self.expected_net.read()?,
            shortfall: self.shortfall.read()?,
            effort_cost: optional(&self.effort_cost)?,
            margin: optional(&self.margin)?,
        })
    }
}

impl StoredDocument {
    fn of(document: &Document) -> Self {
        Self {
            document_id: document.id.clone(),
            kind: match document.kind {
                DocumentKind::Sow => StoredKind::Sow,
                DocumentKind::Eula => StoredKind::Eula,
                DocumentKind::Annex => StoredKind::Annex,
                DocumentKind::ResellerContract => StoredKind::ResellerContract,
            },
            file_name: document.file_name.clone(),
            media_type: match document.media_type {
                MediaType::Pdf => StoredMediaType::Pdf,
                MediaType::PlainText => StoredMediaType::PlainText,
            },
            size_bytes: document.size_bytes,
            digest: document.digest.to_string(),
        }
    }

    fn read(self) -> Result<Document, Unreadable> {
        Ok(Document {
            id: self.document_id,
            kind: match self.kind {
                StoredKind::Sow => DocumentKind::Sow,
                StoredKind::Eula => DocumentKind::Eula,
                StoredKind::Annex => DocumentKind::Annex,
                StoredKind::ResellerContract => DocumentKind::ResellerContract,
            },
            file_name: self.file_name,
            media_type: match self.media_type {
                StoredMediaType::Pdf => MediaType::Pdf,
                StoredMediaType::PlainText => MediaType::PlainText,
            },
            size_bytes: self.size_bytes,
            digest: parse(&self.digest, "digest")?,
        })
    }
}

fn rate(text: &str) -> Result<Rate, Unreadable> {
    Rate::parse(text).map_err(|_| Unreadable::Value {
        field: "rate",
        value: text.to_owned(),
    })
}

pub(crate) fn deal(deal: &ApprovedDeal) -> Value {
    to_value(&StoredDeal::of(deal))
}

pub(crate) fn deal_from(value: Value) -> Result<ApprovedDeal, Unreadable> {
    from_value::<StoredDeal>(value)?.read()
}

//! What exactly an approval binds (A4): the deal as parts, each with a digest.
//!
//! A version number is not part of it: a new version that says the same leaves approvals standing.

use countersign_kernel::{Digest, DigestBuilder};

use super::document::Document;
use super::estimate::{Estimate, PaymentPlan};

/// A part of a deal that a step can bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The packages' prices, before and after uplift, and their total. Of a renewal also that it is one, and
    /// of which agreement: its listing fee is another (O16).
    Price,
    /// When how much is charged.
    PaymentSchedule,
    /// What is delivered to whom: description, packages, customer.
    Scope,
    /// For how long.
    Duration,
    /// The currency.
    Currency,
    /// Kind, order and SHA-256 of every document but signed copies.
    Documents,
}

impl Part {
    /// Every part, in the order in which they are digested.
    pub const ALL: [Self; 6] = [
        Self::Price,
        Self::PaymentSchedule,
        Self::Scope,
        Self::Duration,
        Self::Currency,
        Self::Documents,
    ];

    /// The part's stable word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Price => "price",
            Self::PaymentSchedule => "payment_schedule",
            Self::Scope => "scope",
            Self::Duration => "duration",
            Self::Currency => "currency",
            Self::Documents => "documents",
        }
    }

    /// The part of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.word() == word)
    }
}

/// The digest of each part of a deal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts([Digest; Part::ALL.len()]);

impl Parts {
    /// Digests `estimate` with `documents` in upload order.
    #[must_use]
    pub fn of(estimate: &Estimate, documents: &[Document]) -> Self {
        Self(Part::ALL.map(|part| match part {
            Part::Price => price(estimate),
            Part::PaymentSchedule => payment_schedule(&estimate.payment_plan),
            Part::Scope => scope(estimate),
            Part::Duration => single(part, estimate.scope_duration.to_string()),
            Part::Currency => single(part, estimate.currency.to_string()),
            Part::Documents => listed(documents),
        }))
    }

    /// The digest of one part.
    #[must_use]
    pub fn digest(&self, wanted: Part) -> Digest {
        self.0[wanted as usize]
    }

    /// The digest over some parts: what an approval of them binds. Order and repetition of `binds`
    /// do not count.
    #[must_use]
    pub fn bound(&self, binds: &[Part]) -> Digest {
        Part::ALL
            .into_iter()
            .filter(|part| binds.contains(part))
            .fold(purpose("bound"), |digest, part| {
                digest.field(part.word(), self.digest(part))
            })
            .finish()
    }

    /// The digest over all of it: what a decision must name and what the stamp binds.
    #[must_use]
    pub fn subject(&self) -> Digest {
        self.bound(&Part::ALL)
    }
}

fn purpose(word: &str) -> DigestBuilder {
    DigestBuilder::new(&format!("countersign.approval.{word}.v1"))
}

fn single(part: Part, value: String) -> Digest {
    purpose(part.word()).field("value", value).finish()
}

fn price(estimate: &Estimate) -> Digest {
    let builder = purpose(Part::Price.word()).list("packages", estimate.packages.len());
    let lines = estimate.packages.iter().fold(builder, |digest, package| {
        digest
            .field("package_id", &package.package_id)
            .field("base_price", package.base_price)
            .field("price", package.price)
    });
    // Only of a renewal: what was digested before there were any stays what it is.
    let lines = if estimate.renewal {
        lines.field("renewal_of", &estimate.follows_agreement_id)
    } else {
        lines
    };
    match estimate.total() {
        Ok(total) => lines.field("total", total).finish(),
        // Refused on intake; digested as what it is rather than as nothing.
        Err(reason) => lines.field("no_total", reason).finish(),
    }
}

fn payment_schedule(plan: &PaymentPlan) -> Digest {
    let builder = purpose(Part::PaymentSchedule.word());
    match plan {
        PaymentPlan::Prepaid => builder.field("plan", "prepaid"),
        PaymentPlan::Variable { cap } => builder.field("plan", "variable").field("cap", cap),
        PaymentPlan::Installments(installments) => installments.iter().fold(
            builder
                .field("plan", "installments")
                .list("installments", installments.len()),
            |digest, one| {
                digest
                    .field("date", one.charge_date)
                    .field("amount", one.amount)
            },
        ),
    }
    .finish()
}

fn scope(estimate: &Estimate) -> Digest {
    let builder = purpose(Part::Scope.word())
        .field("customer_name", &estimate.customer_name)
        .field("description", &estimate.scope_description)
        .list("packages", estimate.packages.len());
    estimate
        .packages
        .iter()
        .fold(builder, |digest, package| {
            digest
                .field("package_id", &package.package_id)
                .field("name", &package.name)
                .field("description", &package.description)
        })
        .finish()
}

fn listed(documents: &[Document]) -> Digest {
    let bound = || {
        documents
            .iter()
            .filter(|document| document.kind.is_approved())
    };
    bound()
        .fold(
            purpose(Part::Documents.word()).list("documents", bound().count()),
            |digest, one| {
                digest
                    .field("kind", one.kind.word())
                    .field("sha256", one.digest)
            },
        )
        .finish()
}

//! Protobuf ↔ domain for the words that both gRPC and events say: estimate, document, money, time.

use chrono::{DateTime, SecondsFormat, Utc};
use countersign_kernel::{Currency, Money};
use countersign_proto::common::v1;

use crate::domain::estimate::{Economics, Estimate, Installment, Package, PaymentPlan, Uplift};
use crate::domain::{Document, DocumentKind};

/// An estimate that cannot be taken over exactly: it is not guessed at.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnusableEstimate {
    /// A field is missing or has no meaning.
    #[error("{0} is missing or has no meaning")]
    Field(&'static str),
    /// The packages' prices do not add up to the total that came with them (E4).
    #[error("the prices do not add up to the total")]
    DoesNotAddUp,
    /// Something came that would be lost on the way to others (A4).
    #[error("it cannot be passed on as it came")]
    Lossy,
}

/// Takes an estimate over, whole: what [`snapshot`] makes of it later is what came.
pub(crate) fn estimate(
    received: &v1::EstimateSnapshot,
    submitted_by: &str,
) -> Result<Estimate, UnusableEstimate> {
    let field = UnusableEstimate::Field;
    let currency = received
        .currency_code
        .parse()
        .map_err(|_| UnusableEstimate::Field("currency_code"))?;
    let amounts = Amounts(currency);
    let packages = received.packages.iter().map(|one| amounts.package(one));
    let economics = received.economics.as_ref();
    let estimate = Estimate {
        estimate_id: received.estimate_id.clone(),
        version: received.version,
        engagement: received
            .engagement_id
            .parse()
            .map_err(|_| field("engagement_id"))?,
        customer_name: received.customer_name.clone(),
        currency,
        packages: packages.collect::<Result<_, _>>()?,
        payment_plan: amounts.plan(received.payment_plan.as_ref())?,
        scope_description: received.scope_description.clone(),
        scope_duration: received
            .scope_duration
            .parse()
            .map_err(|_| field("scope_duration"))?,
        valid_until: received
            .valid_until
            .parse()
            .map_err(|_| field("valid_until"))?,
        economics: amounts.economics(economics.ok_or(field("economics"))?)?,
        renewal: received.renewal,
        follows_agreement_id: received.follows_agreement_id.clone(),
        author: received.author.parse().map_err(|_| field("author"))?,
        submitted_by: submitted_by.parse().map_err(|_| field("submitted_by"))?,
    };
    let total = estimate
        .total()
        .map_err(|_| UnusableEstimate::DoesNotAddUp)?;
    if estimate
        .economics
        .price_total
        .is_some_and(|told| told != total)
    {
        return Err(UnusableEstimate::DoesNotAddUp);
    }
    if snapshot(&estimate) != *received {
        return Err(UnusableEstimate::Lossy);
    }
    Ok(estimate)
}

/// Reads amounts, all in the estimate's one currency (E9).
#[derive(Clone, Copy)]
struct Amounts(Currency);

impl Amounts {
    fn read(
        self,
        money: Option<&v1::Money>,
        name: &'static str,
    ) -> Result<Money, UnusableEstimate> {
        let money = money.filter(|money| money.currency_code == self.0.code());
        let money = money.ok_or(UnusableEstimate::Field(name))?;
        Money::parse(&money.amount, self.0).map_err(|_| UnusableEstimate::Field(name))
    }

    fn maybe(
        self,
        money: Option<&v1::Money>,
        name: &'static str,
    ) -> Result<Option<Money>, UnusableEstimate> {
        money.map(|money| self.read(Some(money), name)).transpose()
    }

    fn package(self, package: &v1::PricedPackage) -> Result<Package, UnusableEstimate> {
        Ok(Package {
            package_id: package.package_id.clone(),
            name: package.name.clone(),
            description: package.description.clone(),
            base_price: self.read(package.base_price.as_ref(), "base_price")?,
            price: self.read(package.price.as_ref(), "price")?,
        })
    }

    fn plan(self, plan: Option<&v1::PaymentPlan>) -> Result<PaymentPlan, UnusableEstimate> {
        let installment = |one: &v1::Installment| {
            let date = one.charge_date.parse();
            Ok(Installment {
                charge_date: date.map_err(|_| UnusableEstimate::Field("charge_date"))?,
                amount: self.read(one.amount.as_ref(), "installments.amount")?,
            })
        };
        let plan = plan.and_then(|plan| plan.plan.as_ref());
        Ok(match plan.ok_or(UnusableEstimate::Field("payment_plan"))? {
            v1::payment_plan::Plan::Prepaid(v1::Prepaid {}) => PaymentPlan::Prepaid,
            v1::payment_plan::Plan::Installments(all) => {
                let all = all
                    .installments
                    .iter()
                    .map(installment)
                    .collect::<Result<_, _>>()?;
                PaymentPlan::Installments(all)
            }
            v1::payment_plan::Plan::Variable(variable) => PaymentPlan::Variable {
                cap: self.read(variable.cap.as_ref(), "cap")?,
            },
        })
    }

    fn economics(self, from: &v1::Economics) -> Result<Economics, UnusableEstimate> {
        let uplift = from.uplift.as_ref().map(|uplift| match &uplift.kind {
            Some(v1::uplift::Kind::Markup(rate)) => Ok(Uplift::Markup(rate.clone())),
            Some(v1::uplift::Kind::GrossUp(rate)) => Ok(Uplift::GrossUp(rate.clone())),
            Some(v1::uplift::Kind::None(_)) => Ok(Uplift::None),
            None => Err(UnusableEstimate::Field("uplift")),
        });
        Ok(Economics {
            base_total: self.maybe(from.base_total.as_ref(), "base_total")?,
            price_total: self.maybe(from.price_total.as_ref(), "price_total")?,
            uplift: uplift.transpose()?,
            listing_fee_rate: from.listing_fee_rate.clone(),
            expected_fee: self.maybe(from.expected_fee.as_ref(), "expected_fee")?,
            expected_net: self.maybe(from.expected_net.as_ref(), "expected_net")?,
            shortfall: self.maybe(from.shortfall.as_ref(), "shortfall")?,
            effort_cost: self.maybe(from.effort_cost.as_ref(), "effort_cost")?,
            margin: self.maybe(from.margin.as_ref(), "margin")?,
        })
    }
}

/// The estimate as it came, to be passed on.
pub(crate) fn snapshot(estimate: &Estimate) -> v1::EstimateSnapshot {
    v1::EstimateSnapshot {
        estimate_id: estimate.estimate_id.clone(),
        version: estimate.version,
        engagement_id: estimate.engagement.to_string(),
        customer_name: estimate.customer_name.clone(),
        currency_code: estimate.currency.to_string(),
        packages: estimate.packages.iter().map(package).collect(),
        payment_plan: Some(plan(&estimate.payment_plan)),
        scope_description: estimate.scope_description.clone(),
        scope_duration: estimate.scope_duration.to_string(),
        valid_until: estimate.valid_until.to_string(),
        economics: Some(economics(&estimate.economics)),
        author: estimate.author.to_string(),
        renewal: estimate.renewal,
        follows_agreement_id: estimate.follows_agreement_id.clone(),
    }
}

fn money(money: Money) -> v1::Money {
    v1::Money {
        currency_code: money.currency().to_string(),
        amount: money.amount_text(),
    }
}

fn package(package: &Package) -> v1::PricedPackage {
    v1::PricedPackage {
        package_id: package.package_id.clone(),
        name: package.name.clone(),
        description: package.description.clone(),
        base_price: Some(money(package.base_price)),
        price: Some(money(package.price)),
    }
}

fn plan(plan: &PaymentPlan) -> v1::PaymentPlan {
    let installment = |one: &Installment| v1::Installment {
        charge_date: one.charge_date.to_string(),
        amount: Some(money(one.amount)),
    };
    let plan = match plan {
        PaymentPlan::Prepaid => v1::payment_plan::Plan::Prepaid(v1::Prepaid {}),
        PaymentPlan::Installments(all) => v1::payment_plan::Plan::Installments(v1::Installments {
            installments: all.iter().map(installment).collect(),
        }),
        PaymentPlan::Variable { cap } => v1::payment_plan::Plan::Variable(v1::Variable {
            cap: Some(money(*cap)),
        }),
    };
    v1::PaymentPlan { plan: Some(plan) }
}

fn economics(economics: &Economics) -> v1::Economics {
    let uplift = economics.uplift.as_ref().map(|uplift| v1::Uplift {
        kind: Some(match uplift {
            Uplift::Markup(rate) => v1::uplift::Kind::Markup(rate.clone()),
            Uplift::GrossUp(rate) => v1::uplift::Kind::GrossUp(rate.clone()),
            Uplift::None => v1::uplift::Kind::None(true),
        }),
    });
    v1::Economics {
        base_total: economics.base_total.map(money),
        price_total: economics.price_total.map(money),
        uplift,
        listing_fee_rate: economics.listing_fee_rate.clone(),
        expected_fee: economics.expected_fee.map(money),
        expected_net: economics.expected_net.map(money),
        shortfall: economics.shortfall.map(money),
        effort_cost: economics.effort_cost.map(money),
        margin: economics.margin.map(money),
    }
}

/// A document.
pub(crate) fn document(document: &Document) -> v1::Document {
    v1::Document {
        document_id: document.document_id.to_string(),
        kind: kind(document.kind).into(),
        file_name: document.file_name.clone(),
        media_type: document.media_type.name().to_owned(),
        // At most 10 MiB.
        size_bytes: i64::try_from(document.size_bytes).unwrap_or(i64::MAX),
        digest: document.digest.to_string(),
    }
}

const fn kind(kind: DocumentKind) -> v1::DocumentKind {
    match kind {
        DocumentKind::Sow => v1::DocumentKind::Sow,
        DocumentKind::Eula => v1::DocumentKind::Eula,
        DocumentKind::Annex => v1::DocumentKind::Annex,
        DocumentKind::SignedSow => v1::DocumentKind::SignedSow,
        DocumentKind::ResellerContract => v1::DocumentKind::ResellerContract,
    }
}

/// The kind of this number, if it is one that can be uploaded.
pub(crate) fn document_kind(number: i32) -> Option<DocumentKind> {
    match v1::DocumentKind::try_from(number) {
        Ok(v1::DocumentKind::Sow) => Some(DocumentKind::Sow),
        Ok(v1::DocumentKind::Eula) => Some(DocumentKind::Eula),
        Ok(v1::DocumentKind::Annex) => Some(DocumentKind::Annex),
        Ok(v1::DocumentKind::SignedSow) => Some(DocumentKind::SignedSow),
        Ok(v1::DocumentKind::ResellerContract) => Some(DocumentKind::ResellerContract),
        Ok(v1::DocumentKind::Unspecified) | Err(_) => None,
    }
}

/// RFC 3339, UTC.
pub(crate) fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tests::{estimate as sample, usd};

    fn economics() -> Economics {
        Economics {
            base_total: Some(usd("100000.00")),
            price_total: Some(usd("102500.00")),
            uplift: Some(Uplift::Markup("0.0250".to_owned())),
            listing_fee_rate: "0.025".to_owned(),
            expected_fee: Some(usd("2562.50")),
            expected_net: Some(usd("99937.50")),
            shortfall: Some(usd("62.50")),
            effort_cost: None,
            margin: None,
        }
    }

    fn received() -> v1::EstimateSnapshot {
        let whole = Estimate {
            economics: economics(),
            renewal: true,
            follows_agreement_id: "agmt-before".to_owned(),
            ..sample(3)
        };
        snapshot(&whole)
    }

    /// A4: what is passed on is what came, for every plan and uplift.
    #[test]
    fn estimates_are_taken_over_exactly() {
        let installments = vec![
            Installment {
                charge_date: "2027-01-01".parse().unwrap(),
                amount: usd("2500.00"),
            },
            Installment {
                charge_date: "2027-02-01".parse().unwrap(),
                amount: usd("100000.00"),
            },
        ];
        let plans = [
            PaymentPlan::Prepaid,
            PaymentPlan::Installments(installments),
            PaymentPlan::Variable {
                cap: usd("102500.00"),
            },
        ];
        let uplifts = [
            Uplift::Markup("0.025".into()),
            Uplift::GrossUp("0.5".into()),
            Uplift::None,
        ];
        for (payment_plan, uplift) in plans.into_iter().zip(uplifts) {
            let economics = Economics {
                uplift: Some(uplift),
                ..economics()
            };
            let whole = Estimate {
                payment_plan,
                economics,
                ..sample(3)
            };
            let sent = snapshot(&whole);
            let back = estimate(&sent, whole.submitted_by.as_str()).unwrap();
            assert_eq!(back, whole);
            assert_eq!(snapshot(&back), sent);
        }
    }

    /// A case per row: what is broken in a snapshot makes it unusable, never half-right.
    #[test]
    fn what_cannot_be_taken_over_exactly_is_refused() {
        type Break = fn(&mut v1::EstimateSnapshot);
        let rows: [(&str, Break, &str); 10] = [
            (
                "currency",
                |s| s.currency_code = "JPN".into(),
                "currency_code is missing",
            ),
            ("price", |s| s.packages[0].price = None, "price is missing"),
            ("other currency", |s| euro(s), "price is missing"),
            (
                "three decimals",
                |s| price(s, "41000.000"),
                "price is missing",
            ),
            ("total", |s| price(s, "41000.01"), "do not add up"),
            (
                "trimmed amount",
                |s| price(s, "41000"),
                "cannot be passed on",
            ),
            ("plan", |s| s.payment_plan = None, "payment_plan is missing"),
            (
                "duration",
                |s| s.scope_duration = "P0Y90D".into(),
                "cannot be passed on",
            ),
            (
                "validity",
                |s| s.valid_until = "31.12.2026".into(),
                "valid_until is missing",
            ),
            ("author", |s| s.author = String::new(), "author is missing"),
        ];
        for (what, broken, expected) in rows {
            let mut snapshot = received();
            broken(&mut snapshot);
            let error = estimate(&snapshot, "ops@acme.example")
                .unwrap_err()
                .to_string();
            assert!(error.contains(expected), "{what}: {error}");
        }
        assert!(estimate(&received(), "").is_err());
        assert!(estimate(&received(), "ops@acme.example").is_ok());
    }

    fn price(snapshot: &mut v1::EstimateSnapshot, amount: &str) {
        snapshot.packages[0].price.as_mut().unwrap().amount = amount.to_owned();
    }

    fn euro(snapshot: &mut v1::EstimateSnapshot) {
        snapshot.packages[0].price.as_mut().unwrap().currency_code = "EUR".to_owned();
    }
}

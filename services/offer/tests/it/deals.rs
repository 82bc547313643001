//! The handbook's deal, as approval tells it.

use countersign_kernel::Digest;
use countersign_proto::common::v1 as common;

/// One document with its bytes.
pub(crate) struct File {
    pub(crate) name: &'static str,
    pub(crate) kind: common::DocumentKind,
    pub(crate) media_type: &'static str,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) fn text(name: &'static str, kind: common::DocumentKind, text: &str) -> File {
    File {
        name,
        kind,
        media_type: "text/plain",
        bytes: text.as_bytes().to_vec(),
    }
}

/// SOW, EULA and an annex, in upload order.
pub(crate) fn files() -> Vec<File> {
    vec![
        text(
            "sow.txt",
            common::DocumentKind::Sow,
            "Statement of work\nA landing zone in 90 days",
        ),
        text(
            "eula.txt",
            common::DocumentKind::Eula,
            "End-user licence agreement",
        ),
        text(
            "annex.txt",
            common::DocumentKind::Annex,
            "Annex: prices are without tax",
        ),
    ]
}

pub(crate) fn usd(amount: &str) -> common::Money {
    common::Money {
        currency_code: "USD".into(),
        amount: amount.into(),
    }
}

fn package(number: &str, base: &str, price: &str) -> common::PricedPackage {
    common::PricedPackage {
        package_id: number.into(),
        name: format!("Package {number}"),
        description: "Fixed price".into(),
        base_price: Some(usd(base)),
        price: Some(usd(price)),
    }
}

fn estimate(engagement: &str) -> common::EstimateSnapshot {
    use common::payment_plan::Plan;
    common::EstimateSnapshot {
        estimate_id: "estimate-1".into(),
        version: 1,
        engagement_id: engagement.into(),
        customer_name: "Example Corp".into(),
        currency_code: "USD".into(),
        packages: vec![
            package("1", "20000.00", "20500.00"),
            package("2", "50000.00", "51250.00"),
            package("3", "30000.00", "30750.00"),
        ],
        payment_plan: Some(common::PaymentPlan {
            plan: Some(Plan::Prepaid(common::Prepaid {})),
        }),
        scope_description: "A landing zone".into(),
        scope_duration: "P90D".into(),
        valid_until: "2026-03-31".into(),
        economics: Some(common::Economics {
            base_total: Some(usd("100000.00")),
            price_total: Some(usd("102500.00")),
            uplift: Some(common::Uplift {
                kind: Some(common::uplift::Kind::Markup("0.025".into())),
            }),
            listing_fee_rate: "0.025".into(),
            expected_fee: Some(usd("2562.50")),
            expected_net: Some(usd("99937.50")),
            shortfall: Some(usd("62.50")),
            effort_cost: None,
            margin: None,
        }),
        author: "em@acme.example".into(),
        ..common::EstimateSnapshot::default()
    }
}

/// The deal with these documents, approved under `digest`.
pub(crate) fn deal(engagement: &str, files: &[File], digest: Digest) -> common::ApprovedDeal {
    let documents = files.iter().map(|file| common::Document {
        document_id: file.name.into(),
        kind: file.kind.into(),
        file_name: file.name.into(),
        media_type: file.media_type.into(),
        size_bytes: i64::try_from(file.bytes.len()).unwrap(),
        digest: Digest::of(&file.bytes).to_string(),
    });
    common::ApprovedDeal {
        case_id: format!("case-{engagement}"),
        estimate: Some(estimate(engagement)),
        documents: documents.collect(),
        digest: digest.to_string(),
        stamped_by: "legal@acme.example".into(),
        stamped_at: "2026-03-01T09:00:00Z".into(),
    }
}

/// An installment of US dollars.
pub(crate) fn installment(charge_date: &str, amount: &str) -> common::Installment {
    common::Installment {
        charge_date: charge_date.into(),
        amount: Some(usd(amount)),
    }
}

/// The same deal at another price, paid in installments.
pub(crate) fn in_installments(
    mut deal: common::ApprovedDeal,
    total: &str,
    installments: Vec<common::Installment>,
) -> common::ApprovedDeal {
    use common::payment_plan::Plan;
    let estimate = deal.estimate.as_mut().unwrap();
    estimate.payment_plan = Some(common::PaymentPlan {
        plan: Some(Plan::Installments(common::Installments { installments })),
    });
    estimate.economics.as_mut().unwrap().price_total = Some(usd(total));
    deal
}

/// The same deal with its price as a cap, drawn by payment requests.
pub(crate) fn with_cap(mut deal: common::ApprovedDeal) -> common::ApprovedDeal {
    use common::payment_plan::Plan;
    let estimate = deal.estimate.as_mut().unwrap();
    let cap = estimate.economics.as_ref().unwrap().price_total.clone();
    estimate.payment_plan = Some(common::PaymentPlan {
        plan: Some(Plan::Variable(common::Variable { cap })),
    });
    deal
}

//! The portal path (O10): where AWS's API does not take a product (facts §0.3), a person enters the
//! offer in AWS's portal. The sheet is written from the plan that pre-flight checked, field by field in
//! the portal's order; what the person made is compared with the same plan before it is adopted.

use std::fmt::Write as _;

use countersign_kernel::chrono::NaiveDate;

use super::deal::DatedAmount;
use super::offer::AwsError;
use super::plan::Plan;
use super::resale::{Contract, Kind};

/// One page of the portal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) title: &'static str,
    /// Name and value, exactly as it is to be entered.
    pub(crate) fields: Vec<(String, String)>,
}

/// What is to be entered. `document` names the file to upload.
pub(crate) fn sheet(plan: &Plan, document: &str) -> Vec<Section> {
    let mut sections = vec![Section {
        title: start(&plan.kind),
        fields: information(plan),
    }];
    sections.push(Section {
        title: "Pricing and duration",
        fields: pricing(plan),
    });
    if !plan.schedule.is_empty() {
        sections.push(Section {
            title: "Payment schedule",
            fields: schedule(&plan.schedule),
        });
    }
    sections.push(Section {
        title: "Legal terms",
        fields: legal(plan, document),
    });
    sections.push(Section {
        title: "Expiration",
        fields: vec![field(
            "Expiration date (23:59:59 UTC)",
            until(plan.available_until),
        )],
    });
    sections
}

fn field(name: impl Into<String>, value: impl Into<String>) -> (String, String) {
    (name.into(), value.into())
}

const fn start(kind: &Kind) -> &'static str {
    match kind {
        Kind::Direct => "Offers: create private offer, direct to buyer",
        Kind::Authorization(_) => "Partners: create selling authorization",
        Kind::Partner(_) => "Partners: create offer from the authorization",
    }
}

fn until(day: Option<NaiveDate>) -> String {
    day.map_or_else(|| "none".to_owned(), |day| day.to_string())
}

fn information(plan: &Plan) -> Vec<(String, String)> {
    let mut fields = vec![
        field("Product id", &plan.product_id),
        field("Name", &plan.name),
        field("Description", &plan.description),
    ];
    match &plan.kind {
        Kind::Direct => {}
        Kind::Authorization(allowed) => {
            fields.push(field(
                "Reseller account id",
                allowed.reseller.account.as_str(),
            ));
            let usage = if allowed.single_use {
                "Single use"
            } else {
                "Reusable"
            };
            fields.push(field("Usage", usage));
        }
        Kind::Partner(partner) => {
            fields.push(field("Authorization", partner.authorization.id.as_str()));
            if partner.authorization.has_contract {
                fields.push(field("Reseller contract", "I accept"));
            }
        }
    }
    let buyers = if plan.buyer_accounts.is_empty() {
        "any".to_owned()
    } else {
        plan.buyer_accounts.join(", ")
    };
    fields.push(field("Buyer account ids", buyers));
    fields
}

fn pricing(plan: &Plan) -> Vec<(String, String)> {
    let mut fields = vec![
        field("Pricing model", "Contract"),
        field("Currency", plan.currency.code()),
        field("Contract duration", plan.duration.to_string()),
        field(
            "Dimension",
            plan.dimension_key.as_deref().unwrap_or_default(),
        ),
        field("Quantity", "1"),
    ];
    if let Kind::Partner(partner) = &plan.kind {
        let way = partner.markup.map_or_else(
            || "Fixed price".to_owned(),
            |markup| format!("Markup {} %", markup.percentage().normalize()),
        );
        fields.push(field("Adjust price", way));
    }
    if !plan.schedule.is_empty() {
        fields.push(field("Buyers pay in installments", "Yes"));
    }
    let total = plan.total().map(|total| total.to_string());
    fields.push(field("Total price", total.unwrap_or_default()));
    fields
}

fn schedule(charges: &[DatedAmount]) -> Vec<(String, String)> {
    let numbered = (1_u32..).zip(charges);
    let fields = numbered.map(|(number, charge)| {
        field(
            format!("Payment {number}, invoice date {}", charge.date),
            charge.amount.amount_text(),
        )
    });
    fields.collect()
}

fn legal(plan: &Plan, document: &str) -> Vec<(String, String)> {
    let mut fields = vec![field(
        "End user license agreement: custom, upload",
        document,
    )];
    if let Kind::Authorization(allowed) = &plan.kind {
        let contract = match &allowed.contract {
            Contract::None => "none",
            Contract::Standard => "Reseller Contract for AWS Marketplace (RCMP)",
            Contract::Custom { url } => url,
        };
        fields.push(field("Reseller contract", contract));
    }
    fields
}

/// The sheet as plain text, for printing: one field a line, with a box to tick.
pub(crate) fn printable(title: &str, sections: &[Section]) -> String {
    let mut text = format!("{title}\n{}\n", "=".repeat(title.chars().count()));
    for (number, section) in (1_u32..).zip(sections) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n{number}. {}", section.title);
        for (name, value) in &section.fields {
            let _ = writeln!(text, "   [ ] {name}: {value}");
        }
    }
    text.push_str("\nWhen it is extended, give its id back: offer id ____________________\n");
    text
}

/// An offer or authorization as AWS shows it. What AWS leaves out is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Shown {
    pub(crate) released: bool,
    pub(crate) product_id: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) buyer_accounts: Vec<String>,
    pub(crate) currency: Option<String>,
    /// Date and amount as AWS writes them, by date.
    pub(crate) schedule: Vec<(String, String)>,
    pub(crate) duration: Option<String>,
    pub(crate) available_until: Option<String>,
}

/// Every difference between what was approved and what AWS has; empty: it is the offer (O3).
pub(crate) fn differences(plan: &Plan, shown: &Shown) -> Vec<AwsError> {
    let mut found = Vec::new();
    let mut compare = |code: &str, approved: String, has: String| {
        if approved != has {
            found.push(AwsError {
                code: code.to_owned(),
                message: format!("approved is {approved:?}, AWS has {has:?}"),
            });
        }
    };
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    compare(
        "PRODUCT_DIFFERS",
        plan.product_id.clone(),
        text(&shown.product_id),
    );
    compare("NAME_DIFFERS", plan.name.clone(), text(&shown.name));
    let joined = |accounts: &[String]| {
        let mut accounts = accounts.to_vec();
        accounts.sort_unstable();
        accounts.join(", ")
    };
    let buyers = (joined(&plan.buyer_accounts), joined(&shown.buyer_accounts));
    compare("BUYERS_DIFFER", buyers.0, buyers.1);
    let end = plan
        .available_until
        .map(|day| day.to_string())
        .unwrap_or_default();
    compare("EXPIRY_DIFFERS", end, text(&shown.available_until));
    compare(
        "DURATION_DIFFERS",
        plan.duration.to_string(),
        text(&shown.duration),
    );
    if !plan.schedule.is_empty() {
        let code = plan.currency.code().to_owned();
        compare("CURRENCY_DIFFERS", code, text(&shown.currency));
        let charges = plan.schedule.iter();
        let charges: Vec<_> = charges
            .map(|charge| (charge.date.to_string(), charge.amount.amount_text()))
            .collect();
        compare(
            "SCHEDULE_DIFFERS",
            listed(&charges),
            listed(&shown.schedule),
        );
    }
    found
}

/// Amounts without their trailing zeros: AWS writes them as they were entered.
fn listed(charges: &[(String, String)]) -> String {
    let plain = |amount: &str| match amount.split_once('.') {
        Some((whole, digits)) if digits.trim_end_matches('0').is_empty() => whole.to_owned(),
        Some(_) => amount.trim_end_matches('0').to_owned(),
        None => amount.to_owned(),
    };
    let lines = charges
        .iter()
        .map(|(date, amount)| format!("{date} {}", plain(amount)));
    lines.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample;

    fn shown() -> Shown {
        Shown {
            released: true,
            product_id: Some("prod-landingzone1".into()),
            name: Some("Landing zone for Example Corp".into()),
            buyer_accounts: vec!["123456789012".into()],
            currency: Some("USD".into()),
            schedule: vec![("2026-03-02".into(), "102500".into())],
            duration: Some("P90D".into()),
            available_until: Some("2026-03-31".into()),
        }
    }

    #[test]
    fn what_was_entered_as_the_sheet_says_is_the_offer() {
        assert_eq!(differences(&sample::candidate().plan, &shown()), []);
    }

    #[test]
    fn every_difference_is_told() {
        type Change = fn(&mut Shown);
        let cases: [(Change, &str); 8] = [
            (|shown| shown.product_id = None, "PRODUCT_DIFFERS"),
            (|shown| shown.name = Some("Other".into()), "NAME_DIFFERS"),
            (
                |shown| shown.buyer_accounts.push("1".into()),
                "BUYERS_DIFFER",
            ),
            (
                |shown| shown.currency = Some("EUR".into()),
                "CURRENCY_DIFFERS",
            ),
            (
                |shown| shown.schedule[0].1 = "102500.01".into(),
                "SCHEDULE_DIFFERS",
            ),
            (
                |shown| shown.schedule[0].0 = "2026-03-03".into(),
                "SCHEDULE_DIFFERS",
            ),
            (
                |shown| shown.duration = Some("P91D".into()),
                "DURATION_DIFFERS",
            ),
            (|shown| shown.available_until = None, "EXPIRY_DIFFERS"),
        ];
        let plan = sample::candidate().plan;
        for (change, code) in cases {
            let mut other = shown();
            change(&mut other);
            let found = differences(&plan, &other);
            let codes: Vec<&str> = found.iter().map(|error| error.code.as_str()).collect();
            assert_eq!(codes, [code]);
        }
        assert_eq!(differences(&plan, &Shown::default()).len(), 7);
    }

    /// O10: each field as it is entered, for each kind.
    #[test]
    fn the_sheet_says_what_to_enter() {
        let sections = sheet(&sample::candidate().plan, "legal.pdf");
        let text = printable("Offer offer-1", &sections);
        for line in [
            "1. Offers: create private offer, direct to buyer",
            "[ ] Buyer account ids: 123456789012",
            "[ ] Contract duration: P90D",
            "[ ] Payment 1, invoice date 2026-03-02: 102500.00",
            "[ ] End user license agreement: custom, upload: legal.pdf",
            "[ ] Expiration date (23:59:59 UTC): 2026-03-31",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        let plan = sample::candidate_of(&sample::authorization_draft()).plan;
        let text = printable("", &sheet(&plan, "legal.pdf"));
        assert!(text.contains("[ ] Reseller account id: 999988887777"));
        assert!(text.contains("[ ] Usage: Single use"));
        let plan = sample::candidate_of(&sample::partner_draft()).plan;
        let text = printable("", &sheet(&plan, "legal.pdf"));
        assert!(text.contains("[ ] Adjust price: Fixed price"));
        assert!(text.contains("[ ] Total price: 1.10 USD"));
    }
}

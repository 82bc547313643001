//! The sheet that a person enters in AWS's portal (O10): written from the plan that pre-flight checked, field by
//! field in the portal's order.

use std::fmt::Write as _;

use countersign_kernel::chrono::NaiveDate;

use super::had;
use crate::domain::deal::DatedAmount;
use crate::domain::plan::Plan;
use crate::domain::resale::{Contract, Kind};

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
    if let Some(before) = plan.pre_existing {
        fields.push(field("Renewal of an existing agreement", had(before)));
    }
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
    if let Some(cap) = plan.cap {
        fields.push(field("Payments", "Variable payments"));
        fields.push(field("Maximum total charge", cap.amount_text()));
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
        let contract = match allowed.contract {
            Contract::None => "none".to_owned(),
            Contract::Standard => "Reseller Contract for AWS Marketplace (RCMP)".to_owned(),
            Contract::Own => {
                let file = plan.reseller_contract.map(|digest| format!("{digest}.pdf"));
                format!("custom, upload {}", file.unwrap_or_default())
            }
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

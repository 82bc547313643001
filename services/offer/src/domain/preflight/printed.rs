//! The whole table as Markdown: what `countersign-offer rules` and `just docs` print.

use std::fmt::Write as _;

use super::prerequisite::CHECKLIST;
use super::{Kinds, Rule, Severity, form, payment, rules};

const HEAD: &str = "| rule | for | field | AWS would answer | fix |\n|---|---|---|---|---|\n";

/// Every rule: of the intake, of offers, of payment requests, and the seller's checklist.
pub(crate) fn markdown() -> String {
    let mut text = String::from("# What is checked before AWS is called (O4)\n\n## The intake\n\n");
    text.push_str(HEAD);
    for rule in form::RULES {
        let fields = (rule.id, "intake", rule.field);
        line(&mut text, fields, rule.aws_error_code, rule.fix);
    }
    text.push_str("\n## Offers\n\n");
    text.push_str(HEAD);
    for rule in rules() {
        let fix = with_severity(rule);
        line(
            &mut text,
            (rule.id, &kinds(rule.kinds), rule.field),
            rule.aws_error_code,
            &fix,
        );
    }
    text.push_str("\n## Payment requests\n\n");
    text.push_str(HEAD);
    for rule in payment::RULES {
        let fields = (rule.id, "payment request", rule.field);
        line(&mut text, fields, rule.aws_error_code, rule.fix);
    }
    text.push_str("\n## The seller's account: a checklist\n\n");
    text.push_str("| item | AWS would answer | what |\n|---|---|---|\n");
    for item in &CHECKLIST {
        let code = item.aws_error_code;
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| `{}` | `{code}` | {} |", item.id, item.what);
    }
    text
}

fn line(text: &mut String, (id, kinds, field): (&str, &str, &str), code: &str, fix: &str) {
    let code = if code.is_empty() {
        "a rule of ours".to_owned()
    } else {
        format!("`{code}`")
    };
    let _ = writeln!(text, "| `{id}` | {kinds} | `{field}` | {code} | {fix} |");
}

fn kinds(kinds: Kinds) -> String {
    let each = [
        (kinds.direct, "direct"),
        (kinds.authorization, "authorization"),
        (kinds.partner, "partner"),
    ];
    let names: Vec<&str> = each
        .into_iter()
        .filter_map(|(has, name)| has.then_some(name))
        .collect();
    names.join(", ")
}

fn with_severity(rule: &Rule) -> String {
    match rule.severity {
        Severity::Error => rule.fix.to_owned(),
        Severity::Warning => format!("{} (a warning)", rule.fix),
    }
}

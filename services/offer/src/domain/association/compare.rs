//! The comparison: what AWS has beside what is approved, field by field (O3, O12).

use std::fmt::Write as _;

use countersign_kernel::chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use countersign_kernel::{Digest, EngagementId};

use super::{Comparison, Expected, Field, Seen, Verdict, resold};
use crate::domain::command;
use crate::domain::deal::PaymentPlan;
use crate::domain::engagement::Engagement;
use crate::domain::id::AwsOfferId;
use crate::domain::offer::{Basis, Origin, Terms};
use crate::domain::plan::Plan;
use crate::domain::portal::{self, Compared, Shown, Status};
use crate::domain::rejection::Rejection;
use crate::domain::resale::Kind;

/// Lays what AWS has under `aws_offer_id` beside what is approved of `engagement`, and expected.
///
/// # Errors
/// There is nothing approved to compare with: no stamp that holds, no signatures, no intake that fits. Or the
/// authorization of a reseller's offer cannot be read.
pub(crate) fn compare(
    aws_offer_id: &AwsOfferId,
    engagement: &Engagement,
    expected: &Expected,
    seen: &Seen,
    now: DateTime<Utc>,
) -> Result<Comparison, Rejection> {
    let kind = expected.kind(engagement, seen)?;
    let basis = command::basis(engagement, kind, Origin::Associated)?;
    let shown = &seen.shown;
    let terms = Terms {
        name: shown.name.clone().unwrap_or_default(),
        description: shown.description.clone().unwrap_or_default(),
        expires_on: shown
            .available_until
            .as_deref()
            .and_then(|day| day.parse().ok()),
    };
    let day = charged_on(&basis, shown, &terms);
    let day = day.unwrap_or_else(|| now.date_naive());
    let plan = Plan::of_terms(&basis, &terms, None, day);
    let mut fields: Vec<Field> = portal::compared(&plan, shown)
        .into_iter()
        .map(|compared| field(&basis.kind, compared))
        .collect();
    fields.push(Field {
        name: "description",
        code: "",
        approved: String::new(),
        at_aws: terms.description.clone(),
        verdict: Verdict::Adopted,
    });
    fields.push(legal(&basis, seen));
    fields.extend(resold::fields(&basis, seen, now));
    Ok(Comparison {
        digest: digest(&engagement.id, aws_offer_id, &basis, &fields),
        fields,
        released: shown.status != Status::Draft,
        basis,
        terms,
        released_at: day.and_time(NaiveTime::MIN).and_utc(),
    })
}

/// A prepaid deal is one charge on acceptance, on whatever day it was entered: AWS invoices what is dated on
/// or before the expiry at once (facts §1.3).
fn charged_on(basis: &Basis, shown: &Shown, terms: &Terms) -> Option<NaiveDate> {
    let plan = &basis.deal.estimate.payment_plan;
    let charges = shown.schedule.as_slice();
    let (Kind::Direct, PaymentPlan::Prepaid, [(date, _)]) = (&basis.kind, plan, charges) else {
        return None;
    };
    let date = date.parse().ok()?;
    (date <= terms.expires_on?).then_some(date)
}

/// Fields that nobody approves: who makes the offer chooses them.
const CHOSEN: [&str; 2] = ["name", "expires_on"];

fn field(kind: &Kind, compared: Compared) -> Field {
    let Compared {
        field: name,
        code,
        own,
        has,
    } = compared;
    let endless = name == "expires_on" && matches!(kind, Kind::Authorization(_));
    // The amounts are compared: by which way the reseller came to them is nobody's to approve.
    let way = name == "markup" && matches!(kind, Kind::Partner(_));
    let chosen = way || CHOSEN.contains(&name);
    let verdict = match (own == has, chosen) {
        _ if way => Verdict::Adopted,
        // What a buyer accepts has a name, and an end.
        (_, true) if has.is_empty() && !endless => Verdict::Differs,
        (true, true) => Verdict::Adopted,
        (true, false) => Verdict::Same,
        (false, _) => Verdict::Differs,
    };
    Field {
        name,
        code,
        approved: if chosen { String::new() } else { own },
        at_aws: has,
        verdict,
    }
}

fn legal(
    basis: &Basis,
    Seen {
        shown,
        authorization,
        ..
    }: &Seen,
) -> Field {
    let documents = basis.deal.documents_in_merge_order();
    let names = documents.iter().map(|document| document.file_name.as_str());
    // AWS puts a reseller's document behind what its authorization carries (facts §1.2).
    let carried = authorization.iter().flat_map(|carrying| &carrying.legal);
    let own = portal::CUSTOM_EULA.to_owned();
    let merged: Vec<String> = carried.cloned().chain([own]).collect();
    let types = portal::types(&shown.legal);
    let one_of_ours = types == portal::CUSTOM_EULA || types == portal::types(&merged);
    Field {
        name: "legal_document",
        code: "LEGAL_DOCUMENT_DIFFERS",
        approved: names.collect::<Vec<_>>().join(", "),
        at_aws: shown.legal.join(", "),
        verdict: if one_of_ours {
            Verdict::ToRead
        } else {
            Verdict::Differs
        },
    }
}

/// Each text with its length before it, so that no two comparisons read the same.
fn digest(
    engagement: &EngagementId,
    aws_offer_id: &AwsOfferId,
    basis: &Basis,
    fields: &[Field],
) -> Digest {
    let approved = basis.deal.digest.to_string();
    let head = [engagement.as_str(), aws_offer_id.as_str(), &approved];
    let rows = fields
        .iter()
        .flat_map(|field| [field.name, &field.approved, &field.at_aws]);
    let mut all = String::new();
    for text in head.into_iter().chain(rows) {
        // Writing to a string cannot fail.
        let _ = write!(all, "{}:{text}", text.len());
    }
    Digest::of(all.as_bytes())
}

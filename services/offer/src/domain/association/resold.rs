//! What only resale has to compare (O2, O5), beside the fields of every kind.

use countersign_kernel::chrono::{DateTime, NaiveDate, Utc};

use super::{Field, Seen, Verdict};
use crate::domain::deal::ApprovedDeal;
use crate::domain::offer::Basis;
use crate::domain::portal::{self, Shown, Status};
use crate::domain::resale::{Authorization, Contract, Kind, Received};

/// The fields of the kind.
pub(super) fn fields(basis: &Basis, seen: &Seen, now: DateTime<Utc>) -> Vec<Field> {
    let Seen { shown, .. } = seen;
    match &basis.kind {
        Kind::Direct => Vec::new(),
        // Whose it is, and whether it is over, says nothing of what is no authorization.
        Kind::Authorization(_) if shown.entity_type != portal::AUTHORIZATION => Vec::new(),
        Kind::Authorization(allowed) => vec![
            giver(seen.given),
            standing(shown, now.date_naive()),
            contract(allowed, &basis.deal, shown),
        ],
        Kind::Partner(partner) => {
            vec![total(&basis.deal, shown), wholesale(&partner.authorization)]
        }
    }
}

fn equal(name: &'static str, code: &'static str, (approved, at_aws): (String, String)) -> Field {
    Field {
        verdict: if approved == at_aws {
            Verdict::Same
        } else {
            Verdict::Differs
        },
        name,
        code,
        approved,
        at_aws,
    }
}

/// What another seller gave is not this one's to restrict, nor to be paid for.
fn giver(is_ours: Option<bool>) -> Field {
    let ours = "this seller".to_owned();
    let giver = if is_ours == Some(true) {
        ours.clone()
    } else {
        "another seller".to_owned()
    };
    equal("giver", "AUTHORIZATION_OF_ANOTHER", (ours, giver))
}

/// From one that is restricted or over nothing can be made any more, so that there is nothing to adopt.
fn standing(shown: &Shown, today: NaiveDate) -> Field {
    let until: Option<NaiveDate> = shown
        .available_until
        .as_deref()
        .and_then(|day| day.parse().ok());
    let ended = until.filter(|until| *until < today);
    let at_aws = match (shown.status, ended) {
        (Status::Restricted, _) => "restricted".to_owned(),
        (_, Some(until)) => format!("ended on {until}"),
        (Status::Draft | Status::Released, None) => "in force".to_owned(),
    };
    let code = "AUTHORIZATION_OVER";
    equal("standing", code, ("in force".to_owned(), at_aws))
}

/// The seller's own contract is given exactly where one was approved.
fn contract(allowed: &Authorization, deal: &ApprovedDeal, shown: &Shown) -> Field {
    let own = deal.reseller_contract().is_some();
    let approved = match (own, allowed.contract) {
        (true, _) => Contract::Own,
        (false, Contract::Own) => Contract::None,
        (false, other) => other,
    };
    let texts = (
        portal::contract_type(approved).to_owned(),
        portal::types(&shown.reseller_contract),
    );
    let compared = equal("reseller_contract", "RESELLER_CONTRACT_DIFFERS", texts);
    let verdict = match (compared.verdict, approved == allowed.contract) {
        (_, false) => Verdict::Differs,
        (Verdict::Same, true) if own => Verdict::ToRead,
        (verdict, true) => verdict,
    };
    Field {
        verdict,
        at_aws: shown.reseller_contract.join(", "),
        ..compared
    }
}

/// Whatever way the reseller priced it: what the buyer pays in all was approved (O3).
fn total(deal: &ApprovedDeal, shown: &Shown) -> Field {
    let charged = portal::charged(shown, deal.estimate.currency);
    let charged = charged.map(|total| total.to_string());
    let texts = (deal.price().to_string(), charged.unwrap_or_default());
    equal("total_price", "TOTAL_DIFFERS", texts)
}

/// What the reseller owes is as AWS has it in the authorization.
fn wholesale(received: &Received) -> Field {
    let charges = received.schedule.iter();
    let charges = charges.map(|owed| format!(", {} on {}", owed.amount, owed.date));
    Field {
        name: "wholesale_price",
        code: "",
        approved: String::new(),
        at_aws: charges.fold(received.total.to_string(), |all, charge| all + &charge),
        verdict: Verdict::Adopted,
    }
}

//! Requests about resale → drafts of their kind (O2, O5). Every wrong field at once.

use chrono::NaiveDate;
use countersign_kernel::{AwsAccountId, Currency, EngagementId, Money};
use countersign_platform::{Rejection, Violations};
use countersign_proto::common::v1 as common;
use countersign_proto::offer::v1 as pb;

use super::parse::day;
use crate::domain::association::{Expected, Resold};
use crate::domain::deal::DatedAmount;
use crate::domain::offer::Terms;
use crate::domain::preflight::form::is_email;
use crate::domain::resale::{
    Authorization, Contract, Kind, Markup, NetTerms, Partner, Received, Reseller,
};

type Draft = (EngagementId, Terms, Kind);

/// The most entries of a list that are read: more than AWS takes of any, and no more.
const MAX_ENTRIES: usize = 100;

pub(super) fn authorization(
    request: &pb::DraftResaleAuthorizationRequest,
) -> Result<Draft, Rejection> {
    let mut wrong = Violations::default();
    let id = request.engagement_id.parse();
    let id = wrong.check("engagement_id", "ENGAGEMENT_ID_INVALID", id);
    let expires_on = optional_day(&mut wrong, "expires_on", &request.expires_on);
    let allowed = allowed(&mut wrong, request);
    let terms = terms(&request.name, &request.description, expires_on);
    let parsed = id.zip(allowed);
    wrong.finish(parsed.map(|(id, allowed)| (id, terms, Kind::Authorization(allowed))))
}

/// What the reseller is allowed.
fn allowed(
    wrong: &mut Violations,
    request: &pb::DraftResaleAuthorizationRequest,
) -> Option<Authorization> {
    let reseller = reseller(wrong, request);
    let buyers = accounts(wrong, "buyer_account_ids", &request.buyer_account_ids);
    let net_terms = net_terms(wrong, "net_terms_days", request.net_terms_days);
    let contract = contract(wrong, request.contract.as_ref());
    Some(Authorization {
        reseller: reseller?,
        buyers,
        single_use: request.single_use,
        contract,
        net_terms,
    })
}

/// What is expected under an id of AWS's (O12), with what a draft of it would say.
pub(super) fn expected(
    wrong: &mut Violations,
    given: Option<&pb::ExpectedResale>,
) -> Option<Expected> {
    use pb::expected_resale::Kind as Given;
    match given.and_then(|given| given.kind.as_ref()) {
        None => Some(Expected::Direct),
        Some(Given::Authorization(given)) => {
            let drafted = pb::DraftResaleAuthorizationRequest {
                reseller_account_id: given.reseller_account_id.clone(),
                reseller_contact_name: given.reseller_contact_name.clone(),
                reseller_contact_email: given.reseller_contact_email.clone(),
                buyer_account_ids: given.buyer_account_ids.clone(),
                single_use: given.single_use,
                contract: given.contract.clone(),
                net_terms_days: given.net_terms_days,
                ..pb::DraftResaleAuthorizationRequest::default()
            };
            allowed(wrong, &drafted).map(Expected::Authorization)
        }
        Some(Given::PartnerOffer(given)) => {
            let id = given.authorization_id.parse();
            let id = wrong.check("authorization_id", "AUTHORIZATION_ID_INVALID", id);
            let net_terms = net_terms(wrong, "net_terms_days", given.net_terms_days);
            id.map(|authorization_id| {
                Expected::Partner(Resold {
                    authorization_id,
                    net_terms,
                })
            })
        }
    }
}

pub(super) fn partner(request: &pb::DraftPartnerOfferRequest) -> Result<Draft, Rejection> {
    let mut wrong = Violations::default();
    let id = request.engagement_id.parse();
    let id = wrong.check("engagement_id", "ENGAGEMENT_ID_INVALID", id);
    let expires_on = day(&mut wrong, "expires_on", &request.expires_on);
    let given = request.authorization.clone().unwrap_or_default();
    let authorization = received(&mut wrong, &given);
    let text = Some(&request.markup_percentage).filter(|text| !text.is_empty());
    let markup = text.and_then(|text| {
        let parsed = text.parse::<Markup>();
        wrong.check("markup_percentage", "PERCENTAGE_INVALID", parsed)
    });
    let net_terms = net_terms(&mut wrong, "net_terms_days", request.net_terms_days);
    let terms = terms(&request.name, &request.description, expires_on);
    let parsed = id.zip(authorization).map(|(id, authorization)| {
        let kind = Kind::Partner(Partner {
            authorization,
            markup,
            fixed_amounts: request.fixed_amounts,
            contract_accepted: request.contract_accepted,
            net_terms,
        });
        (id, terms, kind)
    });
    wrong.finish(parsed)
}

fn terms(name: &str, description: &str, expires_on: Option<NaiveDate>) -> Terms {
    Terms {
        name: name.to_owned(),
        description: description.to_owned(),
        expires_on,
    }
}

/// `None` when it is empty; one that cannot be read is noted.
fn optional_day(wrong: &mut Violations, field: &str, text: &str) -> Option<NaiveDate> {
    if text.is_empty() {
        return None;
    }
    day(wrong, field, text)
}

fn account(wrong: &mut Violations, field: &str, text: &str) -> Option<AwsAccountId> {
    wrong.check(field, "ACCOUNT_ID_INVALID", text.parse())
}

fn accounts(wrong: &mut Violations, field: &str, texts: &[String]) -> Vec<AwsAccountId> {
    if texts.len() > MAX_ENTRIES {
        wrong.add(field, "TOO_MANY", format!("at most {MAX_ENTRIES} are read"));
        return Vec::new();
    }
    let read = texts.iter().enumerate();
    read.filter_map(|(at, text)| account(wrong, &format!("{field}[{at}]"), text))
        .collect()
}

fn reseller(
    wrong: &mut Violations,
    request: &pb::DraftResaleAuthorizationRequest,
) -> Option<Reseller> {
    let account = account(wrong, "reseller_account_id", &request.reseller_account_id);
    let name = request.reseller_contact_name.trim();
    let named = (1..=200).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if !named {
        let text = "the contact's name is needed, at most 200 characters in one line";
        wrong.add("reseller_contact_name", "CONTACT_NAME_REQUIRED", text);
    }
    let contact_email = request.reseller_contact_email.clone();
    if !is_email(&contact_email) {
        let text = format!("{contact_email:?} is no e-mail address");
        wrong.add("reseller_contact_email", "CONTACT_EMAIL_INVALID", text);
    }
    Some(Reseller {
        account: account?,
        contact_name: name.to_owned(),
        contact_email,
    })
}

fn contract(wrong: &mut Violations, given: Option<&pb::ResellerContract>) -> Contract {
    use pb::reseller_contract::Contract as Given;
    match given.and_then(|given| given.contract.as_ref()) {
        Some(Given::Standard(true)) => Contract::Standard,
        Some(Given::Own(true)) => Contract::Own,
        Some(Given::Url(_)) => {
            let text = "upload the contract with the deal's documents, and say that it is your own";
            wrong.add("contract.url", "CONTRACT_NOT_APPROVED", text);
            Contract::None
        }
        Some(Given::Standard(false) | Given::Own(false)) | None => Contract::None,
    }
}

fn net_terms(wrong: &mut Violations, field: &str, days: u32) -> Option<NetTerms> {
    if days == 0 {
        return None;
    }
    wrong.check(field, "NET_TERMS_INVALID", NetTerms::of_days(days))
}

fn received(wrong: &mut Violations, given: &pb::ReceivedAuthorization) -> Option<Received> {
    let id = given.authorization_id.parse();
    let id = wrong.check(
        "authorization.authorization_id",
        "AUTHORIZATION_ID_INVALID",
        id,
    );
    let product = given.product_id.parse();
    let product = wrong.check("authorization.product_id", "PRODUCT_ID_INVALID", product);
    let duration = given.scope_duration.parse();
    let duration = wrong.check("authorization.scope_duration", "DURATION_INVALID", duration);
    let total = money(
        wrong,
        "authorization.wholesale_price",
        given.wholesale_price.as_ref(),
    );
    let schedule = schedule(wrong, &given.schedule);
    let until = optional_day(wrong, "authorization.expires_on", &given.expires_on);
    let buyers = accounts(
        wrong,
        "authorization.buyer_account_ids",
        &given.buyer_account_ids,
    );
    let days = given.net_terms_days;
    let net_terms = net_terms(wrong, "authorization.net_terms_days", days);
    let total = total?;
    let sum = Money::sum(
        schedule.iter().map(|charge| charge.amount),
        total.currency(),
    );
    if !schedule.is_empty() && sum.ok() != Some(total) {
        let text = format!("the schedule does not add up to {total}");
        wrong.add("authorization.schedule", "SCHEDULE_DOES_NOT_ADD_UP", text);
    }
    Some(Received {
        id: id?,
        product_id: product?,
        duration: duration?,
        total,
        schedule,
        buyers,
        until,
        has_eula: given.has_eula,
        has_contract: given.has_contract,
        net_terms,
    })
}

fn money(wrong: &mut Violations, field: &str, given: Option<&common::Money>) -> Option<Money> {
    let given = given.cloned().unwrap_or_default();
    let currency = given.currency_code.parse::<Currency>();
    let currency = wrong.check(field, "MONEY_INVALID", currency)?;
    wrong.check(
        field,
        "MONEY_INVALID",
        Money::parse(&given.amount, currency),
    )
}

fn schedule(wrong: &mut Violations, given: &[common::Installment]) -> Vec<DatedAmount> {
    let field = "authorization.schedule";
    if given.len() > MAX_ENTRIES {
        wrong.add(field, "TOO_MANY", format!("at most {MAX_ENTRIES} are read"));
        return Vec::new();
    }
    let charges = given.iter().enumerate().filter_map(|(at, charge)| {
        let date = day(
            wrong,
            &format!("{field}[{at}].charge_date"),
            &charge.charge_date,
        );
        let amount = format!("{field}[{at}].amount");
        let amount = money(wrong, &amount, charge.amount.as_ref());
        date.zip(amount)
            .map(|(date, amount)| DatedAmount { date, amount })
    });
    let mut charges: Vec<_> = charges.collect();
    charges.sort_by_key(|charge| charge.date);
    charges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wrong_field_of_an_authorization_is_named_at_once() {
        let refused = authorization(&pb::DraftResaleAuthorizationRequest {
            expires_on: "31.03.2026".into(),
            reseller_account_id: "1".into(),
            buyer_account_ids: vec!["123456789012".into(), "x".into()],
            net_terms_days: 31,
            ..pb::DraftResaleAuthorizationRequest::default()
        });
        let refused = refused.unwrap_err();
        let reasons: Vec<_> = refused
            .violations()
            .iter()
            .map(|wrong| wrong.reason)
            .collect();
        assert_eq!(
            reasons,
            [
                "ENGAGEMENT_ID_INVALID",
                "DATE_INVALID",
                "ACCOUNT_ID_INVALID",
                "CONTACT_NAME_REQUIRED",
                "CONTACT_EMAIL_INVALID",
                "ACCOUNT_ID_INVALID",
                "NET_TERMS_INVALID",
            ]
        );
    }

    #[test]
    fn a_schedule_that_does_not_add_up_is_refused() {
        let usd = |amount: &str| {
            Some(common::Money {
                currency_code: "USD".into(),
                amount: amount.into(),
            })
        };
        let charge = |date: &str, amount| common::Installment {
            charge_date: date.into(),
            amount: usd(amount),
        };
        let request = |total| pb::DraftPartnerOfferRequest {
            engagement_id: "006".into(),
            expires_on: "2026-03-16".into(),
            fixed_amounts: true,
            authorization: Some(pb::ReceivedAuthorization {
                authorization_id: "resaleauthz-1".into(),
                product_id: "prod-1".into(),
                scope_duration: "P90D".into(),
                wholesale_price: usd(total),
                schedule: vec![charge("2026-03-18", "0.50"), charge("2026-03-17", "0.50")],
                ..pb::ReceivedAuthorization::default()
            }),
            ..pb::DraftPartnerOfferRequest::default()
        };
        let (_, _, kind) = partner(&request("1.00")).unwrap();
        let Kind::Partner(parsed) = kind else {
            panic!("{kind:?}")
        };
        let dates = parsed
            .authorization
            .schedule
            .iter()
            .map(|charge| charge.date);
        assert!(dates.is_sorted());
        let refused = partner(&request("1.01")).unwrap_err();
        assert_eq!(refused.violations()[0].reason, "SCHEDULE_DOES_NOT_ADD_UP");
    }
}

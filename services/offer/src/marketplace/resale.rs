//! The change sets of resale: an authorization, and an offer made from one (facts §1.4, §1.5).

use serde_json::{Value, json};

use super::request::{self, ChangeRequest, Entity, Urls};
use crate::domain::plan::Plan;
use crate::domain::resale::{Authorization, Contract, NetTerms, Partner};

pub(super) const AUTHORIZATION: Entity = Entity {
    r#type: "ResaleAuthorization@1.0",
    create: "CreateResaleAuthorization",
};

/// An offer of the same type as a direct one, made by another change.
const OFFER: Entity = Entity {
    r#type: "Offer@1.0",
    create: "CreateOfferUsingResaleAuthorization",
};

/// Of the offers that a single-use authorization allows: AWS takes no other number.
const SINGLE_USE: u32 = 1;

/// Makes and releases an authorization.
pub(super) fn authorization(
    plan: &Plan,
    allowed: &Authorization,
    urls: Urls<'_>,
) -> Vec<ChangeRequest> {
    let mut changes = vec![AUTHORIZATION.made(&json!({
        "ProductId": plan.product_id,
        "Name": plan.name,
        "Description": plan.description,
        "ResellerAccountId": allowed.reseller.account.as_str(),
    }))];
    let mut change = |name: &str, details: &Value| {
        changes.push(AUTHORIZATION.then(name, details));
    };
    if !plan.buyer_accounts.is_empty() {
        let mut term = request::targeting(plan);
        term["Type"] = json!("BuyerTargetingTerm");
        change("UpdateBuyerTargetingTerms", &request::terms(&[term]));
    }
    if let Some(had) = plan.pre_existing {
        let told = json!({ "PreExistingBuyerAgreement": request::pre_existing(had) });
        change("UpdateInformation", &told);
    }
    if let Some(availability) = availability(plan, allowed) {
        change("UpdateAvailability", &availability);
    }
    change("UpdateLegalTerms", &legal_terms(allowed.contract, urls));
    let pricing = json!({ "PricingModel": "Contract", "Terms": [pricing_term(plan)] });
    change("UpdatePricingTerms", &pricing);
    if !plan.schedule.is_empty() {
        let schedule = request::schedule_term("ResalePaymentScheduleTerm", plan);
        change("UpdatePaymentScheduleTerms", &request::terms(&[schedule]));
    }
    if let Some(terms) = allowed.net_terms {
        change(
            "UpdateNetPaymentTerms",
            &net_terms("ResaleNetPaymentTerm", terms),
        );
    }
    change("ReleaseResaleAuthorization", &json!({}));
    changes
}

fn availability(plan: &Plan, allowed: &Authorization) -> Option<Value> {
    let mut details = serde_json::Map::new();
    if let Some(day) = plan.available_until {
        details.insert("AvailabilityEndDate".to_owned(), json!(day.to_string()));
    }
    if allowed.single_use {
        details.insert("OffersMaxQuantity".to_owned(), json!(SINGLE_USE));
    }
    (!details.is_empty()).then_some(Value::Object(details))
}

fn legal_terms(contract: Contract, urls: Urls<'_>) -> Value {
    let buyer = json!({
        "Type": "BuyerLegalTerm",
        "Documents": [{ "Type": "CustomEula", "Url": urls.legal }],
    });
    let document = match contract {
        Contract::None => None,
        Contract::Standard => Some(json!({ "Type": "StandardResellerContract" })),
        // Pre-flight lets none be released without it.
        Contract::Own => urls
            .reseller_contract
            .map(|url| json!({ "Type": "CustomResellerContract", "Url": url })),
    };
    let resale = document.map(|one| json!({ "Type": "ResaleLegalTerm", "Documents": [one] }));
    request::terms(
        &[Some(buyer), resale]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>(),
    )
}

/// With a schedule the fixed term costs nothing; without one the price stands on a rate card.
fn pricing_term(plan: &Plan) -> Value {
    let Some(price) = plan.upfront else {
        return request::fixed_term("ResaleFixedUpfrontPricingTerm", plan);
    };
    let prices: Vec<Value> = plan
        .dimension_key
        .iter()
        .map(|key| json!({ "DimensionKey": key, "Price": price.amount_text() }))
        .collect();
    json!({
        "Type": "ResaleConfigurableUpfrontPricingTerm",
        "CurrencyCode": plan.currency.code(),
        "RateCards": [{
            "Selector": { "Type": "Duration", "Value": plan.duration.to_string() },
            "RateCard": prices,
            "Constraints": {
                "MultipleDimensionSelection": "Disallowed",
                "QuantityConfiguration": "Disallowed",
            },
        }],
    })
}

fn net_terms(term: &str, days: NetTerms) -> Value {
    request::terms(&[json!({ "Type": term, "PaymentDuePeriod": days.to_string() })])
}

/// Makes and releases an offer from an authorization: AWS fills the draft with its terms, and the
/// reseller sets buyer, price, expiry and documents.
pub(super) fn partner(plan: &Plan, partner: &Partner, url: &str) -> Vec<ChangeRequest> {
    let mut changes = vec![
        OFFER.made(&json!({
            "ResaleAuthorizationId": partner.authorization.id.as_str(),
            "Name": plan.name,
            "Description": plan.description,
        })),
        OFFER.then("UpdateTargeting", &request::targeting(plan)),
        OFFER.then("UpdateLegalTerms", &request::legal_terms(url)),
    ];
    match partner.markup {
        // Without dates there is nothing but the percentage to send.
        Some(markup) if plan.schedule.is_empty() => {
            let percentage = markup.percentage().normalize().to_string();
            changes.push(OFFER.then("UpdateMarkup", &json!({ "Percentage": percentage })));
        }
        // The amounts that were approved, not a percentage of what AWS may have as wholesale (O3).
        Some(_) | None => changes.extend(request::charges(OFFER, plan)),
    }
    if let Some(terms) = partner.net_terms {
        let details = net_terms("NetPaymentTerm", terms);
        changes.push(OFFER.then("UpdateNetPaymentTerms", &details));
    }
    changes.extend(request::availability(OFFER, plan));
    changes.push(OFFER.then("ReleaseOffer", &json!({})));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::engagement::Engagement;
    use crate::domain::offer::Offer;
    use crate::domain::resale::Kind;
    use crate::domain::sample;
    use crate::marketplace::ChangeSetRequest;

    const URLS: Urls<'_> = Urls {
        legal: "https://files.example/1.pdf",
        reseller_contract: Some("https://files.example/2.pdf"),
    };

    fn release(plan: &Plan) -> Vec<(String, Value)> {
        let id = "offer-1".parse().unwrap();
        let request = ChangeSetRequest::release(&id, 3, plan, URLS);
        let changes = request.changes.iter().map(|change| {
            let details = serde_json::from_str(&change.details).unwrap();
            (change.change_type.clone(), details)
        });
        changes.collect()
    }

    fn types(changes: &[(String, Value)]) -> Vec<&str> {
        changes.iter().map(|(name, _)| name.as_str()).collect()
    }

    fn details<'a>(changes: &'a [(String, Value)], name: &str) -> &'a Value {
        &changes.iter().find(|(other, _)| other == name).unwrap().1
    }

    /// O2: single use, two installments, a reseller contract.
    #[test]
    fn s1s_authorization_says_what_was_approved() {
        let candidate = sample::candidate_of(&sample::authorization_draft());
        let changes = release(&candidate.plan);
        assert_eq!(
            types(&changes),
            [
                "CreateResaleAuthorization",
                "UpdateBuyerTargetingTerms",
                "UpdateAvailability",
                "UpdateLegalTerms",
                "UpdatePricingTerms",
                "UpdatePaymentScheduleTerms",
                "ReleaseResaleAuthorization",
            ]
        );
        assert_eq!(
            details(&changes, "UpdateAvailability"),
            &json!({ "AvailabilityEndDate": "2026-03-16", "OffersMaxQuantity": 1 })
        );
        assert_eq!(
            details(&changes, "CreateResaleAuthorization")["ResellerAccountId"],
            "999988887777"
        );
        assert_eq!(
            details(&changes, "UpdatePaymentScheduleTerms")["Terms"][0],
            json!({
                "Type": "ResalePaymentScheduleTerm",
                "CurrencyCode": "USD",
                "Schedule": [
                    { "ChargeDate": "2026-03-17", "ChargeAmount": "0.50" },
                    { "ChargeDate": "2026-03-18", "ChargeAmount": "0.50" },
                ],
            })
        );
        let legal = details(&changes, "UpdateLegalTerms");
        assert_eq!(legal["Terms"][0]["Type"], "BuyerLegalTerm");
        assert_eq!(
            legal["Terms"][1]["Documents"][0]["Type"],
            "StandardResellerContract"
        );
    }

    #[test]
    fn the_sellers_own_contract_is_read_where_it_lies() {
        let mut plan = sample::candidate_of(&sample::authorization_draft()).plan;
        let mut allowed = sample::authorization();
        allowed.contract = Contract::Own;
        plan.kind = Kind::Authorization(allowed);
        let changes = release(&plan);
        let contract = &details(&changes, "UpdateLegalTerms")["Terms"][1]["Documents"][0];
        let read =
            json!({ "Type": "CustomResellerContract", "Url": "https://files.example/2.pdf" });
        assert_eq!(contract, &read);
    }

    /// O16: of what is resold, the authorization is marked, and not the reseller's offer.
    #[test]
    fn a_renewal_is_marked_in_the_authorization() {
        let renewing = |(mut offer, engagement): (Offer, Engagement)| {
            offer.basis.deal.estimate.renewal = true;
            release(&sample::candidate_of(&(offer, engagement)).plan)
        };
        let changes = renewing(sample::authorization_draft());
        assert_eq!(
            details(&changes, "UpdateInformation"),
            &json!({ "PreExistingBuyerAgreement": {
                "AcquisitionChannel": "External",
                "PricingModel": "Contract",
            } })
        );
        let plain = release(&sample::candidate_of(&sample::partner_draft()).plan);
        assert_eq!(renewing(sample::partner_draft()), plain);
    }

    /// O2: open-ended, for any buyer, without a contract: one price on a rate card.
    #[test]
    fn an_open_ended_authorization_has_no_end_no_buyers_and_no_schedule() {
        let mut plan = sample::candidate_of(&sample::authorization_draft()).plan;
        plan.schedule.clear();
        plan.upfront = Some(sample::usd("1.00"));
        plan.available_until = None;
        plan.buyer_accounts.clear();
        let mut allowed = sample::authorization();
        (allowed.single_use, allowed.contract) = (false, Contract::None);
        plan.kind = Kind::Authorization(allowed);
        let changes = release(&plan);
        assert_eq!(
            types(&changes),
            [
                "CreateResaleAuthorization",
                "UpdateLegalTerms",
                "UpdatePricingTerms",
                "ReleaseResaleAuthorization",
            ]
        );
        let term = &details(&changes, "UpdatePricingTerms")["Terms"][0];
        assert_eq!(term["RateCards"][0]["RateCard"][0]["Price"], "1.00");
        assert_eq!(
            details(&changes, "UpdateLegalTerms")["Terms"]
                .as_array()
                .unwrap()
                .len(),
            1
        );
    }

    /// O5: amounts for each of the authorization's dates, however they were reckoned; one percentage
    /// where there are no dates; never both.
    #[test]
    fn a_resellers_offer_has_amounts_or_a_markup() {
        let plan = sample::candidate_of(&sample::partner_draft()).plan;
        let changes = release(&plan);
        assert_eq!(
            types(&changes),
            [
                "CreateOfferUsingResaleAuthorization",
                "UpdateTargeting",
                "UpdateLegalTerms",
                "UpdatePricingTerms",
                "UpdatePaymentScheduleTerms",
                "UpdateAvailability",
                "ReleaseOffer",
            ]
        );
        let schedule = &details(&changes, "UpdatePaymentScheduleTerms")["Terms"][0]["Schedule"];
        assert_eq!(
            schedule[1],
            json!({ "ChargeDate": "2026-03-18", "ChargeAmount": "0.55" })
        );
        let mut partner = sample::partner();
        (partner.markup, partner.fixed_amounts) = (Some("10.50".parse().unwrap()), false);
        let mut plan = Plan {
            kind: Kind::Partner(partner),
            ..plan
        };
        assert_eq!(release(&plan), changes);
        plan.schedule.clear();
        let changes = release(&plan);
        assert_eq!(
            details(&changes, "UpdateMarkup"),
            &json!({ "Percentage": "10.5" })
        );
        assert!(!types(&changes).contains(&"UpdatePaymentScheduleTerms"));
    }
}

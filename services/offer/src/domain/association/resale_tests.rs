//! What is compared of what resells, and what is adopted of it (O2, O12).

use super::*;
use crate::domain::engagement::Approval;
use crate::domain::offer::{Offer, evolve};
use crate::domain::portal::{Shown, Status};
use crate::domain::resale::{Contract, Kind, NetTerms};
use crate::domain::sample;

const NOW: &str = "2026-03-10T10:00:00Z";
const EULA: &str = "CustomEula https://aws.example/eula.pdf";

/// S1's authorization, as the portal made it for the reseller.
fn given() -> Shown {
    Shown {
        status: Status::Released,
        entity_type: "ResaleAuthorization".into(),
        product_id: Some("prod-landingzone1".into()),
        name: Some("Made elsewhere".into()),
        description: Some("By another tool".into()),
        buyer_accounts: vec!["123456789012".into()],
        currency: Some("USD".into()),
        schedule: scheduled("0.50"),
        price: Some("0".into()),
        duration: Some("P90D".into()),
        available_until: Some("2026-03-16".into()),
        reseller_account: Some("999988887777".into()),
        offers_max_quantity: Some(1),
        legal: vec![EULA.into()],
        reseller_contract: vec!["StandardResellerContract".into()],
        granted: vec!["landing_zone".into()],
        ..Shown::default()
    }
}

fn scheduled(amount: &str) -> Vec<(String, String)> {
    let days = ["2026-03-17", "2026-03-18"];
    days.map(|day| (day.into(), amount.into())).into()
}

/// S1's offer from it, as the portal made it at a mark-up.
fn resold() -> Shown {
    Shown {
        entity_type: "Offer".into(),
        schedule: scheduled("0.55"),
        reseller_account: None,
        offers_max_quantity: None,
        authorization_id: Some("resaleauthz-1".into()),
        markup: Some("10".into()),
        legal: vec![EULA.into(), "CustomEula https://aws.example/sow.pdf".into()],
        reseller_contract: Vec::new(),
        ..given()
    }
}

/// What is compared with what, as of `NOW`.
struct Case {
    engagement: Engagement,
    expected: Expected,
    seen: Seen,
}

impl Case {
    fn authorization() -> Self {
        Self {
            engagement: sample::authorization_draft().1,
            expected: Expected::Authorization(sample::authorization()),
            seen: Seen {
                shown: given(),
                authorization: None,
                given: Some(true),
            },
        }
    }

    fn partner() -> Self {
        Self {
            engagement: sample::partner_draft().1,
            expected: Expected::Partner(Resold {
                authorization_id: sample::received().id,
                net_terms: None,
            }),
            seen: Seen {
                shown: resold(),
                authorization: Some(given()),
                given: None,
            },
        }
    }

    /// The handbook's price, prepaid, of an authorization at one price.
    fn at_one_price(price: &str, percentage: &str, charged: &str) -> Self {
        let mut case = Self::partner();
        case.engagement = sample::engagement();
        let shown = &mut case.seen.shown;
        shown.schedule.clear();
        shown.price = Some(charged.into());
        shown.markup = Some(percentage.into());
        let authorization = case.seen.authorization.as_mut().unwrap();
        authorization.schedule.clear();
        authorization.price = Some(price.into());
        case
    }

    fn aws_id(&self) -> AwsOfferId {
        let id = match self.expected {
            Expected::Authorization(_) => "resaleauthz-elsewhere",
            Expected::Direct | Expected::Partner(_) => "offer-elsewhere",
        };
        id.parse().unwrap()
    }

    fn compared(&self) -> Result<Comparison, Rejection> {
        let (id, now) = (self.aws_id(), sample::at(NOW));
        compare(&id, &self.engagement, &self.expected, &self.seen, now)
    }

    fn asked(&self, seen: Digest) -> Asked {
        Asked {
            engagement_id: self.engagement.id.clone(),
            aws_offer_id: self.aws_id(),
            expected: self.expected.clone(),
            seen,
            legal_document_read: true,
        }
    }

    fn associated(&self) -> Result<Vec<Event>, Rejection> {
        let comparison = self.compared()?;
        let asked = self.asked(comparison.digest);
        let facts = Facts {
            id: "offer-1".parse().unwrap(),
            engagement: &self.engagement,
            open_offer: None,
            namesake: None,
            agreement: None,
            url: String::new(),
            now: sample::at(NOW),
        };
        associate(comparison, &asked, facts)
    }

    fn adopted(&self) -> Offer {
        let events = self.associated().unwrap();
        events.iter().fold(None, evolve).unwrap()
    }

    /// The reason codes of what differs.
    fn differences(&self) -> Vec<&'static str> {
        match self.associated() {
            Ok(_) => Vec::new(),
            Err(Rejection::AwsOfferDiffers { differences }) => {
                differences.iter().map(|one| one.reason).collect()
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    fn fields(&self, verdict: Verdict) -> Vec<(&'static str, String)> {
        let fields = self.compared().unwrap().fields.into_iter();
        let such = fields.filter(|field| field.verdict == verdict);
        such.map(|field| (field.name, field.at_aws)).collect()
    }
}

#[test]
fn an_authorization_that_is_as_expected_is_adopted() {
    let case = Case::authorization();
    assert!(case.compared().unwrap().adoptable());
    let offer = case.adopted();
    assert_eq!(offer.stage.name(), "published");
    assert_eq!(
        offer.basis.kind,
        Kind::Authorization(sample::authorization())
    );
    assert_eq!(offer.terms.name, "Made elsewhere");
    assert_eq!(offer.terms.expires_on, Some(sample::day("2026-03-16")));
    assert_eq!(offer.publication().unwrap().aws_offer_id, case.aws_id());
}

/// Reusable, for any buyer, at one price, without an end.
#[test]
fn an_authorization_without_an_end_is_adopted_without_one() {
    let (draft, engagement) = sample::open_ended_draft();
    let Kind::Authorization(allowed) = draft.basis.kind else {
        panic!("{draft:?}")
    };
    let case = Case {
        engagement,
        expected: Expected::Authorization(allowed),
        seen: Seen {
            shown: Shown {
                buyer_accounts: Vec::new(),
                schedule: Vec::new(),
                price: Some("102500".into()),
                available_until: None,
                offers_max_quantity: None,
                reseller_contract: Vec::new(),
                ..given()
            },
            authorization: None,
            given: Some(true),
        },
    };
    assert_eq!(case.differences(), [""; 0]);
    assert_eq!(case.adopted().terms.expires_on, None);
}

#[test]
fn what_differs_of_an_authorization_is_refused() {
    type Change = fn(&mut Case);
    let cases: [(Change, &str); 20] = [
        (|it| it.seen.given = Some(false), "AUTHORIZATION_OF_ANOTHER"),
        (|it| it.seen.given = None, "AUTHORIZATION_OF_ANOTHER"),
        (
            |it| it.seen.shown.status = Status::Restricted,
            "AUTHORIZATION_OVER",
        ),
        (
            |it| it.seen.shown.available_until = Some("2026-03-09".into()),
            "AUTHORIZATION_OVER",
        ),
        (
            |it| it.seen.shown.reseller_account = Some("222233334444".into()),
            "RESELLER_DIFFERS",
        ),
        (|it| it.seen.shown.buyer_accounts.clear(), "BUYERS_DIFFER"),
        (
            |it| it.seen.shown.offers_max_quantity = None,
            "USAGE_DIFFERS",
        ),
        (|it| it.seen.shown.name = None, "NAME_DIFFERS"),
        (
            |it| it.seen.shown.available_until = Some("soon".into()),
            "EXPIRY_DIFFERS",
        ),
        (
            |it| it.seen.shown.product_id = Some("prod-other".into()),
            "PRODUCT_DIFFERS",
        ),
        (
            |it| it.seen.shown.currency = Some("EUR".into()),
            "CURRENCY_DIFFERS",
        ),
        (|it| it.seen.shown.price = Some("1".into()), "PRICE_DIFFERS"),
        (
            |it| it.seen.shown.schedule[1].1 = "0.51".into(),
            "SCHEDULE_DIFFERS",
        ),
        (
            |it| it.seen.shown.duration = Some("P91D".into()),
            "DURATION_DIFFERS",
        ),
        (
            |it| it.seen.shown.net_terms = Some("P30D".into()),
            "NET_TERMS_DIFFER",
        ),
        (
            |it| it.seen.shown.reseller_contract.clear(),
            "RESELLER_CONTRACT_DIFFERS",
        ),
        (
            |it| it.seen.shown.legal = vec!["StandardEula 2022-07-14".into()],
            "LEGAL_DOCUMENT_DIFFERS",
        ),
        (|it| it.seen.shown.legal.clear(), "LEGAL_DOCUMENT_DIFFERS"),
        (
            |it| it.seen.shown.pre_existing = Some("External Contract".into()),
            "PRE_EXISTING_AGREEMENT_DIFFERS",
        ),
        (
            |it| it.seen.shown.granted = vec!["extra".into()],
            "DIMENSION_DIFFERS",
        ),
    ];
    for (change, code) in cases {
        let mut case = Case::authorization();
        change(&mut case);
        assert_eq!(case.differences(), [code]);
        assert!(!case.compared().unwrap().adoptable(), "{code}");
    }
}

/// The last day of one that ends is one of its days (O7).
#[test]
fn an_authorization_is_adopted_on_its_last_day() {
    let mut case = Case::authorization();
    case.seen.shown.available_until = Some("2026-03-10".into());
    assert_eq!(case.differences(), [""; 0]);
}

#[test]
fn an_authorization_that_is_a_draft_is_not_released() {
    let mut case = Case::authorization();
    case.seen.shown.status = Status::Draft;
    assert_eq!(case.associated(), Err(Rejection::AwsOfferNotReleased));
}

/// The seller's own contract is what was approved, and AWS's copy of it is read.
#[test]
fn the_sellers_own_contract_is_given_exactly_where_one_was_approved() {
    let own = "CustomResellerContract https://aws.example/contract.pdf";
    let with = |approved: bool, asked: Contract, shown: &str| {
        let mut case = Case::authorization();
        if approved && let Approval::Signed(deal) = &mut case.engagement.approval {
            let contract = crate::domain::deal::DocumentKind::ResellerContract;
            let mut document = deal.documents[0].clone();
            document.kind = contract;
            deal.documents.push(document);
        }
        let allowed = crate::domain::resale::Authorization {
            contract: asked,
            ..sample::authorization()
        };
        case.expected = Expected::Authorization(allowed);
        case.seen.shown.reseller_contract = vec![shown.to_owned()];
        case
    };
    let approved = with(true, Contract::Own, own);
    assert_eq!(approved.differences(), [""; 0]);
    let to_read: Vec<_> = approved.fields(Verdict::ToRead);
    assert_eq!(to_read[1], ("reseller_contract", own.to_owned()));
    let standard = "StandardResellerContract";
    for (approved, asked, shown) in [
        (false, Contract::Own, own),
        (true, Contract::Standard, standard),
        (true, Contract::Own, standard),
        (false, Contract::Standard, own),
    ] {
        let case = with(approved, asked, shown);
        assert_eq!(case.differences(), ["RESELLER_CONTRACT_DIFFERS"]);
    }
}

/// An id of the one kind, where the other is expected.
#[test]
fn what_is_another_kind_differs_in_it() {
    let of = |expected: &Case, shown: Shown| {
        let seen = Seen {
            shown,
            ..expected.seen.clone()
        };
        let case = Case {
            engagement: expected.engagement.clone(),
            expected: expected.expected.clone(),
            seen,
        };
        case.differences()
    };
    assert!(of(&Case::authorization(), resold()).contains(&"KIND_DIFFERS"));
    assert!(of(&Case::partner(), given()).contains(&"KIND_DIFFERS"));
    let direct = Case {
        expected: Expected::Direct,
        ..Case::partner()
    };
    assert!(of(&direct, resold()).contains(&"AUTHORIZATION_DIFFERS"));
}

/// O5: approved amounts are the reseller's, whether they were entered or come of a mark-up; what it owes is AWS's.
#[test]
fn a_resellers_offer_with_the_approved_amounts_is_adopted() {
    let marked_up = Case::partner();
    let mut entered = Case::partner();
    entered.seen.shown.markup = None;
    for case in [marked_up, entered] {
        assert_eq!(case.differences(), [""; 0]);
        let offer = case.adopted();
        assert_eq!(offer.basis.kind, Kind::Partner(sample::partner()));
        let charges = offer.charges(sample::day("2026-03-10"));
        assert_eq!(charges[1], sample::dated("2026-03-18", "0.55"));
        let wholesale = "1.00 USD, 0.50 USD on 2026-03-17, 0.50 USD on 2026-03-18";
        let adopted = case.fields(Verdict::Adopted);
        assert!(adopted.contains(&("wholesale_price", wholesale.to_owned())));
    }
}

/// A part of a cent that a mark-up leaves is nobody's to pay.
#[test]
fn a_resellers_offer_at_a_mark_up_is_adopted_at_the_approved_price() {
    let case = Case::at_one_price("99999.99", "2.5000102", "102499.99994999898");
    assert_eq!(case.differences(), [""; 0]);
    let offer = case.adopted();
    let plan = crate::domain::plan::Plan::of(&offer, sample::day("2026-03-10"));
    assert_eq!(plan.total(), Some(sample::usd("102500.00")));
    let split = plan.split().unwrap();
    assert_eq!(split.to_seller, sample::usd("99999.99"));
    // What AWS has is what comes of its mark-up, and still not what was approved.
    let dear = Case::at_one_price("99999.99", "2.6", "102599.98974");
    assert_eq!(dear.differences(), ["TOTAL_DIFFERS"]);
    let wrong = Case::at_one_price("99999.99", "2.5000102", "102499.98");
    assert_eq!(wrong.differences(), ["PRICE_DIFFERS", "TOTAL_DIFFERS"]);
}

#[test]
fn what_differs_of_a_resellers_offer_is_refused() {
    type Change = fn(&mut Case);
    let cases: [(Change, &[&str]); 9] = [
        (
            |it| it.seen.shown.authorization_id = Some("resaleauthz-2".into()),
            &["AUTHORIZATION_DIFFERS"],
        ),
        (
            |it| it.seen.shown.schedule[1].1 = "0.56".into(),
            &["SCHEDULE_DIFFERS", "TOTAL_DIFFERS"],
        ),
        (
            |it| it.seen.shown.schedule[1].0 = "2026-03-19".into(),
            &["SCHEDULE_DIFFERS"],
        ),
        (
            |it| it.seen.shown.buyer_accounts = vec!["210987654321".into()],
            &["BUYERS_DIFFER"],
        ),
        (
            |it| it.seen.shown.available_until = None,
            &["EXPIRY_DIFFERS"],
        ),
        (
            |it| it.seen.shown.net_terms = Some("P30D".into()),
            &["NET_TERMS_DIFFER"],
        ),
        (
            |it| it.seen.shown.legal.push(EULA.into()),
            &["LEGAL_DOCUMENT_DIFFERS"],
        ),
        (
            |it| it.seen.shown.legal[1] = "StandardEula 2022-07-14".into(),
            &["LEGAL_DOCUMENT_DIFFERS"],
        ),
        (
            |it| it.seen.shown.granted.push("extra".into()),
            &["DIMENSION_DIFFERS"],
        ),
    ];
    for (change, codes) in cases {
        let mut case = Case::partner();
        change(&mut case);
        assert_eq!(case.differences(), codes);
    }
    let mut granted = Case::partner();
    granted.seen.shown.net_terms = Some("P30D".into());
    granted.expected = Expected::Partner(Resold {
        authorization_id: sample::received().id,
        net_terms: NetTerms::of_days(30).ok(),
    });
    assert_eq!(granted.differences(), [""; 0]);
}

/// What the reseller owes is bound by what was looked at, as the offer is.
#[test]
fn an_authorization_that_changed_since_it_was_looked_at_is_compared_again() {
    let case = Case::partner();
    let seen = case.compared().unwrap().digest;
    let mut changed = Case::partner();
    let authorization = changed.seen.authorization.as_mut().unwrap();
    authorization.schedule = scheduled("0.49");
    assert_ne!(changed.compared().unwrap().digest, seen);
}

#[test]
fn an_authorization_that_cannot_be_read_is_told() {
    let mut case = Case::partner();
    case.seen.authorization.as_mut().unwrap().currency = None;
    let refused = case.compared().unwrap_err();
    assert_eq!(refused.reason(), "AUTHORIZATION_NOT_READ");
    case.seen.authorization = None;
    let refused = case.compared().unwrap_err();
    assert_eq!(refused.reason(), "AUTHORIZATION_NOT_READ");
}

//! The handbook's deal as values, for tests: 100 000.00 USD net, 102 500.00 to the buyer, prepaid,
//! 90 days.

use std::str::FromStr;

use countersign_kernel::chrono::{DateTime, NaiveDate, Utc};
use countersign_kernel::{Currency, Digest, EngagementId, Money, Rate};

use super::agreement::{Agreement, VariablePayments};
use super::change_order::{self, ChangeOrder};
use super::deal::{
    ApprovedDeal, DatedAmount, Document, DocumentKind, Economics, Estimate, MediaType, Package,
    PaymentPlan, Uplift,
};
use super::engagement::{Approval, Engagement};
use super::intake::{self, AccountKind, Form, Intake};
use super::listing::{Listing, ReleaseWay};
use super::offer::{Basis, Event, Offer, Origin, Publication, ReadyDocument, Terms, evolve};
use super::payment::{self, PaymentRequest};
use super::preflight::Candidate;
use super::resale::{Authorization, Contract, Kind, Partner, Received, Reseller};
use super::unpaid::Unpaid;

pub(crate) fn day(text: &str) -> NaiveDate {
    NaiveDate::from_str(text).unwrap()
}

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    DateTime::from_str(text).unwrap()
}

pub(crate) fn usd(text: &str) -> Money {
    Money::parse(text, Currency::Usd).unwrap()
}

pub(crate) fn engagement_id() -> EngagementId {
    "006-acme-landing-zone".parse().unwrap()
}

fn package(number: &str, base: &str, price: &str) -> Package {
    Package {
        id: number.into(),
        name: format!("Package {number}"),
        description: "Fixed price".into(),
        base_price: usd(base),
        price: usd(price),
    }
}

fn document(id: &str, kind: DocumentKind, media_type: MediaType) -> Document {
    Document {
        id: id.into(),
        kind,
        file_name: match media_type {
            MediaType::Pdf => format!("{id}.pdf"),
            MediaType::PlainText => format!("{id}.txt"),
        },
        media_type,
        size_bytes: 1000,
        digest: Digest::of(id.as_bytes()),
    }
}

pub(crate) fn deal() -> ApprovedDeal {
    ApprovedDeal {
        case_id: "case-1".parse().unwrap(),
        estimate: Estimate {
            id: "estimate-1".into(),
            version: 1,
            engagement_id: engagement_id(),
            customer_name: "Example Corp".into(),
            currency: Currency::Usd,
            packages: vec![
                package("1", "20000.00", "20500.00"),
                package("2", "50000.00", "51250.00"),
                package("3", "30000.00", "30750.00"),
            ],
            payment_plan: PaymentPlan::Prepaid,
            scope_description: "A landing zone".into(),
            scope_duration: "P90D".parse().unwrap(),
            valid_until: day("2026-03-31"),
            economics: Economics {
                base_total: usd("100000.00"),
                price_total: usd("102500.00"),
                uplift: Uplift::Markup(Rate::parse("0.025").unwrap()),
                listing_fee_rate: Rate::parse("0.025").unwrap(),
                expected_fee: usd("2562.50"),
                expected_net: usd("99937.50"),
                shortfall: usd("62.50"),
                effort_cost: None,
                margin: None,
            },
            author: "em@acme.example".parse().unwrap(),
            renewal: false,
            follows: None,
        },
        documents: vec![
            document("sow", DocumentKind::Sow, MediaType::Pdf),
            document("eula", DocumentKind::Eula, MediaType::PlainText),
            document("annex", DocumentKind::Annex, MediaType::Pdf),
        ],
        digest: Digest::of(b"approved"),
        stamped_by: "legal@acme.example".parse().unwrap(),
        stamped_at: at("2026-03-01T09:00:00Z"),
    }
}

pub(crate) fn listing() -> Listing {
    Listing {
        product_id: "prod-landingzone1".parse().unwrap(),
        title: "Landing zone".into(),
        dimension_keys: vec!["landing_zone".into(), "extra".into()],
        release_way: ReleaseWay::Api,
    }
}

pub(crate) fn form() -> Form {
    Form {
        billing_terms_days: 30,
        buyer_account_id: "123456789012".into(),
        buyer_account_kind: AccountKind::CommercialPayer,
        contact_name: "Bea Buyer".into(),
        contact_email: "bea.buyer@example.com".into(),
        price_currency: "USD".into(),
        price_amount: "102500.00".into(),
        scope_duration: "P90D".into(),
        product_id: "prod-landingzone1".into(),
    }
}

pub(crate) fn intake() -> Intake {
    intake::check(&form(), Some(&deal()), Some(&listing())).unwrap()
}

/// Stamped, signed, checklist complete, intake complete.
pub(crate) fn engagement() -> Engagement {
    Engagement {
        id: engagement_id(),
        revision: 4,
        approval: Approval::Signed(deal()),
        checklist: Some(deal().case_id),
        intake: Some(intake()),
    }
}

pub(crate) fn terms() -> Terms {
    Terms {
        name: "Landing zone for Example Corp".into(),
        description: "Opportunity 006".into(),
        expires_on: Some(day("2026-03-31")),
    }
}

pub(crate) fn ready_document() -> ReadyDocument {
    ReadyDocument {
        digest: Digest::of(b"merged"),
        pages: 7,
        size_bytes: 70_000,
        reseller_contract: None,
    }
}

/// A draft whose legal document is ready.
pub(crate) fn draft() -> Offer {
    drafted(made_from(deal(), intake(), Kind::Direct), terms())
}

const fn made_from(deal: ApprovedDeal, intake: Intake, kind: Kind) -> Basis {
    Basis {
        deal,
        intake,
        kind,
        origin: Origin::Drafted,
    }
}

fn drafted(basis: Basis, terms: Terms) -> Offer {
    let drafted = Event::Drafted {
        id: "offer-1".parse().unwrap(),
        basis: Box::new(basis),
        terms,
    };
    let events = [drafted, Event::LegalDocumentReady(ready_document())];
    events.iter().fold(None, evolve).unwrap()
}

pub(crate) fn dated(date: &str, amount: &str) -> DatedAmount {
    DatedAmount {
        date: day(date),
        amount: usd(amount),
    }
}

/// The approved deal with these installments in place of the one charge.
pub(crate) fn installment_deal(charges: &[DatedAmount]) -> ApprovedDeal {
    let mut deal = deal();
    let amounts = charges.iter().map(|charge| charge.amount);
    deal.estimate.economics.price_total = Money::sum(amounts, Currency::Usd).unwrap();
    deal.estimate.payment_plan = PaymentPlan::Installments(charges.to_vec());
    deal
}

/// S1's wholesale schedule, as its reseller got it.
pub(crate) fn received() -> Received {
    Received {
        id: "resaleauthz-1".parse().unwrap(),
        product_id: listing().product_id,
        duration: "P90D".parse().unwrap(),
        total: usd("1.00"),
        schedule: vec![dated("2026-03-17", "0.50"), dated("2026-03-18", "0.50")],
        buyers: vec!["123456789012".parse().unwrap()],
        until: Some(day("2026-03-16")),
        has_eula: true,
        has_contract: true,
        net_terms: None,
    }
}

/// S1's authorization as its seller gives it: single use, two installments.
pub(crate) fn authorization() -> Authorization {
    Authorization {
        reseller: Reseller {
            account: "999988887777".parse().unwrap(),
            contact_name: "Rhea Reseller".into(),
            contact_email: "rhea@reseller.example".into(),
        },
        buyers: vec!["123456789012".parse().unwrap()],
        single_use: true,
        contract: Contract::Standard,
        net_terms: None,
    }
}

/// S1's offer as its reseller makes it: fixed amounts.
pub(crate) fn partner() -> Partner {
    Partner {
        authorization: received(),
        markup: None,
        fixed_amounts: true,
        contract_accepted: true,
        net_terms: None,
    }
}

/// A draft of this kind whose charges are these, and its engagement.
pub(crate) fn resale_draft(kind: Kind, charges: &[DatedAmount]) -> (Offer, Engagement) {
    let deal = installment_deal(charges);
    let mut intake = intake();
    intake.total_price = deal.price();
    let mut engagement = engagement();
    engagement.approval = Approval::Signed(deal.clone());
    engagement.intake = Some(intake.clone());
    let terms = Terms {
        name: "Landing zone for Example Corp".into(),
        description: "Opportunity 006".into(),
        expires_on: Some(day("2026-03-16")),
    };
    (drafted(made_from(deal, intake, kind), terms), engagement)
}

/// A draft with a cap in place of the one charge, entered in AWS's portal, and its engagement.
pub(crate) fn variable_draft() -> (Offer, Engagement) {
    let mut deal = deal();
    let cap = deal.price();
    deal.estimate.payment_plan = PaymentPlan::Variable { cap };
    let mut intake = intake();
    intake.listing.release_way = ReleaseWay::Portal;
    let mut engagement = engagement();
    engagement.approval = Approval::Signed(deal.clone());
    engagement.intake = Some(intake.clone());
    let kind = Kind::Direct;
    (drafted(made_from(deal, intake, kind), terms()), engagement)
}

pub(crate) fn authorization_draft() -> (Offer, Engagement) {
    let charges = received().schedule;
    resale_draft(Kind::Authorization(authorization()), &charges)
}

pub(crate) fn partner_draft() -> (Offer, Engagement) {
    let charges = [dated("2026-03-17", "0.55"), dated("2026-03-18", "0.55")];
    resale_draft(Kind::Partner(partner()), &charges)
}

/// The handbook's prepaid deal as one of resale, and its engagement: there is one price and no dates.
fn prepaid_resale(kind: Kind, expires_on: Option<NaiveDate>) -> (Offer, Engagement) {
    let terms = Terms {
        expires_on,
        ..terms()
    };
    (
        drafted(made_from(deal(), intake(), kind), terms),
        engagement(),
    )
}

/// An authorization for any buyer, without end and as often as the reseller likes.
pub(crate) fn open_ended_draft() -> (Offer, Engagement) {
    let allowed = Authorization {
        buyers: Vec::new(),
        single_use: false,
        contract: Contract::None,
        ..authorization()
    };
    prepaid_resale(Kind::Authorization(allowed), None)
}

/// An offer of what another authorized at 100 000.00, at that many per cent more.
pub(crate) fn marked_up_draft(percentage: &str) -> (Offer, Engagement) {
    let authorization = Received {
        total: usd("100000.00"),
        schedule: Vec::new(),
        until: None,
        ..received()
    };
    let kind = Kind::Partner(Partner {
        authorization,
        markup: Some(percentage.parse().unwrap()),
        fixed_amounts: false,
        ..partner()
    });
    prepaid_resale(kind, Some(day("2026-03-16")))
}

/// What would be released of such a draft on 2026-03-02.
pub(crate) fn candidate_of((offer, engagement): &(Offer, Engagement)) -> Candidate {
    Candidate::of(offer, engagement, day("2026-03-02"))
}

pub(crate) fn candidate() -> Candidate {
    Candidate::of(&draft(), &engagement(), day("2026-03-02"))
}

pub(crate) fn agreement() -> Agreement {
    Agreement {
        id: "agmt-1".parse().unwrap(),
        accepted_at: at("2026-03-05T12:00:00Z"),
        starts_at: at("2026-03-05T12:00:00Z"),
        ends_at: Some(at("2026-06-03T23:59:59Z")),
        acceptor: "210987654321".parse().unwrap(),
        charges: vec![DatedAmount {
            date: day("2026-03-02"),
            amount: usd("102500.00"),
        }],
        variable: None,
    }
}

/// What the agreement left unpaid that an offer replaces.
pub(crate) fn unpaid(charges: &[(&str, &str)]) -> Unpaid {
    let charges = charges.iter().map(|(date, amount)| dated(date, amount));
    Unpaid {
        agreement_id: agreement().id,
        charges: charges.collect(),
    }
}

/// The handbook's offer, released and published at one time.
pub(crate) fn published() -> Offer {
    let at = at("2026-03-02T10:00:00Z");
    let publication = Publication {
        aws_offer_id: "offer-abc".parse().unwrap(),
        url: String::new(),
        released_at: at,
        published_at: at,
    };
    let events = [Event::ReleaseStarted { at }, Event::Published(publication)];
    events.iter().fold(Some(draft()), evolve).unwrap()
}

/// A published offer that the buyer accepted like this.
fn accepted_as(offer: Offer, agreement: Agreement) -> Offer {
    let events = [
        Event::ReleaseStarted {
            at: at("2026-03-02T10:00:00Z"),
        },
        Event::Published(Publication {
            aws_offer_id: "offer-abc".parse().unwrap(),
            url: "https://aws.example/offer-abc".into(),
            released_at: at("2026-03-02T10:00:00Z"),
            published_at: at("2026-03-02T10:20:00Z"),
        }),
        Event::AgreementRecorded(agreement),
    ];
    events.iter().fold(Some(offer), evolve).unwrap()
}

/// The handbook's offer, accepted.
pub(crate) fn accepted() -> Offer {
    accepted_as(draft(), agreement())
}

/// The same with a cap in place of the one charge.
pub(crate) fn variable_accepted() -> Offer {
    accepted_as(variable_draft().0, variable_agreement())
}

/// A request for 30 000.00 USD under that cap, on its way to AWS.
pub(crate) fn payment_request() -> PaymentRequest {
    PaymentRequest {
        id: "0196-pay-1".parse().unwrap(),
        revision: 1,
        offer_id: "offer-1".parse().unwrap(),
        engagement_id: engagement_id(),
        agreement_id: "agmt-1".parse().unwrap(),
        number: 1,
        term_id: "term-1".into(),
        milestone: "Design accepted".into(),
        description: "As of 10 March".into(),
        amount: usd("30000.00"),
        approves_after: Some("P10D".parse().unwrap()),
        requested_by: "em@acme.example".parse().unwrap(),
        requested_at: at("2026-03-10T10:00:00Z"),
        last_errors: Vec::new(),
        stage: payment::Stage::Sending,
    }
}

/// A change order of the handbook's agreement, of which AWS knows nothing yet.
pub(crate) fn change_order() -> ChangeOrder {
    ChangeOrder {
        id: "0196-co-1".parse().unwrap(),
        revision: 1,
        offer_id: "offer-1".parse().unwrap(),
        engagement_id: engagement_id(),
        agreement_id: "agmt-1".parse().unwrap(),
        reason: "the scope grew".into(),
        started_by: "em@acme.example".parse().unwrap(),
        started_at: at("2026-04-09T10:00:00Z"),
        cancellation: None,
        last_errors: Vec::new(),
        stage: change_order::Stage::Started,
        invoices: Vec::new(),
        adjustments: Vec::new(),
    }
}

/// The handbook's agreement with a cap in place of the one charge; the buyer chose approval by silence.
pub(crate) fn variable_agreement() -> Agreement {
    Agreement {
        charges: Vec::new(),
        variable: Some(VariablePayments {
            term_id: "term-1".into(),
            cap: usd("102500.00"),
            approves_after: Some("P10D".parse().unwrap()),
        }),
        ..agreement()
    }
}

//! The rules as tables, and properties of the machine.

mod digests;
mod filing;
mod properties;
mod review;
mod signing;

use countersign_kernel::chrono::{DateTime, Utc};
use countersign_kernel::{Currency, Digest, EngagementId, Money};
use uuid::Uuid;

use super::command::{Actor, Command, Decision, Facts};
use super::document::{Document, DocumentKind, MediaType};
use super::dossier::{Case, Dossier};
use super::estimate::{Economics, Estimate, Package, PaymentPlan};
use super::event::Event;
use super::policy::{Policy, PolicyStep};
use super::subject::Part;
use super::{Rejection, decide};

pub(crate) const EM: &str = "em@acme.example";
pub(crate) const LEAD: &str = "lead@acme.example";
pub(crate) const REVENUE: &str = "revenue@acme.example";
pub(crate) const LEGAL: &str = "legal@acme.example";

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub(crate) fn usd(text: &str) -> Money {
    Money::parse(text, Currency::Usd).unwrap()
}

/// The handbook's deal: three packages, 102 500.00 USD, prepaid, 90 days.
pub(crate) fn estimate(version: u32) -> Estimate {
    let package = |id: &str, base, price| Package {
        package_id: id.to_owned(),
        name: format!("package {id}"),
        description: String::new(),
        base_price: usd(base),
        price: usd(price),
    };
    Estimate {
        estimate_id: "est-1".to_owned(),
        version,
        engagement: "006-handbook".parse().unwrap(),
        customer_name: "Initech".to_owned(),
        currency: Currency::Usd,
        packages: vec![
            package("1", "40000.00", "41000.00"),
            package("2", "35000.00", "35875.00"),
            package("3", "25000.00", "25625.00"),
        ],
        payment_plan: PaymentPlan::Prepaid,
        scope_description: "migrate the ledger".to_owned(),
        scope_duration: "P90D".parse().unwrap(),
        valid_until: "2026-12-31".parse().unwrap(),
        economics: Economics::default(),
        renewal: false,
        follows_agreement_id: String::new(),
        author: EM.parse().unwrap(),
        submitted_by: "ops@acme.example".parse().unwrap(),
    }
}

pub(crate) fn document(number: u128, kind: DocumentKind) -> Document {
    Document {
        document_id: Uuid::from_u128(number),
        kind,
        file_name: format!("{number}.pdf"),
        media_type: MediaType::Pdf,
        size_bytes: 3,
        digest: Digest::of(&number.to_be_bytes()),
    }
}

/// Leadership → revenue → legal, as the default policy says (A1).
pub(crate) fn policy() -> Policy {
    let commercial = [
        Part::Price,
        Part::PaymentSchedule,
        Part::Duration,
        Part::Currency,
    ];
    let with_scope = commercial.into_iter().chain([Part::Scope]);
    let step = |name: &str, binds: Vec<Part>| PolicyStep {
        name: name.to_owned(),
        role: name.to_owned(),
        binds,
    };
    let steps = vec![
        step("leadership", commercial.to_vec()),
        step("revenue", with_scope.collect()),
        step("legal", Part::ALL.to_vec()),
    ];
    let checklist = vec![
        "record-complete".to_owned(),
        "staffing-confirmed".to_owned(),
    ];
    Policy::new(steps, checklist, false).unwrap()
}

/// A dossier under test: commands that must succeed fold their events.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    pub(crate) state: Dossier,
    pub(crate) now: DateTime<Utc>,
}

impl Desk {
    /// Estimate and documents there, no case yet.
    pub(crate) fn prepared() -> Self {
        let engagement: EngagementId = "006-handbook".parse().unwrap();
        let mut desk = Self {
            state: Dossier::new(engagement),
            now: at("2026-11-22T10:00:00Z"),
        };
        desk.ok(EM, Command::ReceiveEstimate(Box::new(estimate(1))));
        for (number, kind) in [(1, DocumentKind::Sow), (2, DocumentKind::Eula)] {
            desk.ok(
                EM,
                Command::AddDocument {
                    document: document(number, kind),
                    replaces: None,
                },
            );
        }
        desk
    }

    /// With an open case.
    pub(crate) fn in_review() -> Self {
        let mut desk = Self::prepared();
        desk.ok(
            EM,
            Command::OpenCase {
                case_id: Uuid::from_u128(77),
                policy: policy(),
            },
        );
        desk
    }

    /// With every step approved.
    pub(crate) fn stamped() -> Self {
        let mut desk = Self::in_review();
        for (who, step) in [(LEAD, "leadership"), (REVENUE, "revenue"), (LEGAL, "legal")] {
            desk.ok(who, desk.asks(step, Decision::Approve));
        }
        desk
    }

    /// With the SOW out for signature.
    pub(crate) fn routed() -> Self {
        let mut desk = Self::stamped();
        desk.ok(EM, route());
        desk
    }

    /// The caller holds the role that its address begins with.
    pub(crate) fn facts(&self, who: &str) -> Facts {
        let role = who.split('@').next().unwrap().replace("lead", "leadership");
        let roles = [role].into();
        Facts {
            now: self.now,
            actor: Actor {
                principal: who.parse().unwrap(),
                roles,
            },
        }
    }

    pub(crate) fn tries(&self, who: &str, command: Command) -> Result<Vec<Event>, Rejection> {
        decide(&self.state, command, &self.facts(who))
    }

    pub(crate) fn ok(&mut self, who: &str, command: Command) -> Vec<Event> {
        let events = self.tries(who, command).unwrap();
        for event in &events {
            self.state.apply(event);
        }
        events
    }

    /// A decision on what is there now.
    pub(crate) fn asks(&self, step: &str, decision: Decision) -> Command {
        Command::DecideStep {
            step: step.to_owned(),
            decision,
            comment: "as agreed".to_owned(),
            subject_digest: self.state.parts().unwrap().subject(),
        }
    }

    pub(crate) fn case(&self) -> &Case {
        self.state.case.as_ref().unwrap()
    }

    /// The names of the steps that hold.
    pub(crate) fn standing(&self) -> Vec<&str> {
        let holds = self
            .case()
            .steps
            .iter()
            .filter(|step| step.outcome.approval().is_some());
        holds.map(|step| step.policy.name.as_str()).collect()
    }
}

pub(crate) fn route() -> Command {
    Command::RouteForSignature {
        internal_signatory: "coo@acme.example".to_owned(),
        customer_signatory: "cio@initech.example".to_owned(),
    }
}

//! The shell: one transaction per command, begun and committed by the harness. Lock, decide, fold,
//! write the state, then the audit entry, then the events (P2, P3).

pub(crate) mod callback;
mod record;
mod refusal;

use std::collections::BTreeSet;

use countersign_kernel::{Digest, EngagementId, Principal, SellerId};
use countersign_platform::{CallContext, Failure, NewAudit, Rejection, UnitOfWork};
use uuid::Uuid;

use crate::domain::{
    Actor, Command, Document, DocumentKind, Dossier, Event, Facts, MediaType, Policy, decide,
};
use crate::events::outbound;
use crate::store::dossier::{self, Change};
use crate::store::policies;

/// On whose behalf a command runs.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The tenant.
    pub(crate) seller: SellerId,
    /// Who asks, and as what.
    pub(crate) actor: Actor,
}

impl From<&CallContext> for Caller {
    fn from(call: &CallContext) -> Self {
        let actor = Actor {
            principal: call.principal.clone(),
            roles: call.roles.iter().cloned().collect(),
        };
        Self {
            seller: call.seller.clone(),
            actor,
        }
    }
}

impl Caller {
    /// Another service, whose event says what happened there.
    pub(crate) fn service(seller: SellerId, principal: Principal) -> Self {
        Self {
            seller,
            actor: Actor {
                principal,
                roles: BTreeSet::new(),
            },
        }
    }

    fn change(&self, uow: &UnitOfWork) -> Change {
        Change {
            seller: self.seller.clone(),
            by: self.actor.principal.clone(),
            at: uow.now(),
        }
    }
}

/// What a command did, and what is true after it.
#[derive(Debug)]
pub(crate) struct Done {
    /// The engagement now.
    pub(crate) dossier: Dossier,
    /// Whether anything changed; a command that was applied before changes nothing.
    pub(crate) changed: bool,
}

/// Runs a command on an engagement.
pub(crate) async fn run(
    uow: &mut UnitOfWork,
    caller: &Caller,
    engagement: &EngagementId,
    command: Command,
) -> Result<Done, Failure> {
    uow.concerns(engagement);
    let before = dossier::lock(uow.connection(), &caller.seller, engagement).await?;
    let (action, reason) = record::described(&command);
    let facts = Facts {
        now: uow.now(),
        actor: caller.actor.clone(),
    };
    let events = decide(&before.dossier, command, &facts).map_err(refusal::answer)?;
    if events.is_empty() {
        return Ok(Done {
            dossier: before.dossier,
            changed: false,
        });
    }
    let mut after = before.dossier.clone();
    for event in &events {
        after.apply(event);
    }
    let change = caller.change(uow);
    dossier::save(uow.connection(), &change, &before, &after).await?;
    uow.audit(NewAudit {
        seller: caller.seller.clone(),
        engagement: Some(engagement.clone()),
        aggregate_id: format!("engagement/{engagement}"),
        action: action.to_owned(),
        reason,
        before: (before.version > 0).then(|| record::summary(&before.dossier)),
        after: Some(record::summary(&after)),
    })
    .await?;
    publish(uow, caller, &after, &events).await?;
    Ok(Done {
        dossier: after,
        changed: true,
    })
}

/// Tells others the few events that are theirs to hear.
async fn publish(
    uow: &mut UnitOfWork,
    caller: &Caller,
    after: &Dossier,
    events: &[Event],
) -> Result<(), Failure> {
    for event in events {
        if let Some(event) = outbound::published(&caller.seller, after, event) {
            uow.publish(event).await?;
        }
    }
    Ok(())
}

/// Runs a command on the engagement of a case.
pub(crate) async fn run_on_case(
    uow: &mut UnitOfWork,
    caller: &Caller,
    case_id: Uuid,
    command: Command,
) -> Result<Done, Failure> {
    let found = dossier::engagement_of_case(uow.connection(), &caller.seller, case_id).await?;
    let engagement = found.ok_or_else(|| unknown_case(&case_id.to_string()))?;
    run(uow, caller, &engagement, command).await
}

/// Opens the case of an engagement under the seller's policy (A1).
pub(crate) async fn open_case(
    uow: &mut UnitOfWork,
    caller: &Caller,
    engagement: &EngagementId,
) -> Result<Done, Failure> {
    let policy = policies::load(&mut *uow.connection(), &caller.seller).await?;
    let case_id = uow.new_id();
    run(
        uow,
        caller,
        engagement,
        Command::OpenCase { case_id, policy },
    )
    .await
}

/// A document whose bytes are stored, before it has a name.
#[derive(Debug, Clone)]
pub(crate) struct NewDocument {
    pub(crate) kind: DocumentKind,
    pub(crate) file_name: String,
    pub(crate) media_type: MediaType,
    pub(crate) size_bytes: u64,
    pub(crate) digest: Digest,
}

/// Puts a document into an engagement.
pub(crate) async fn add_document(
    uow: &mut UnitOfWork,
    caller: &Caller,
    engagement: &EngagementId,
    new: NewDocument,
    replaces: Option<Uuid>,
) -> Result<Document, Failure> {
    let document = Document {
        document_id: uow.new_id(),
        kind: new.kind,
        file_name: new.file_name,
        media_type: new.media_type,
        size_bytes: new.size_bytes,
        digest: new.digest,
    };
    let command = Command::AddDocument {
        document: document.clone(),
        replaces,
    };
    run(uow, caller, engagement, command).await?;
    Ok(document)
}

/// Replaces the seller's policy; open cases keep theirs.
pub(crate) async fn put_policy(
    uow: &mut UnitOfWork,
    caller: &Caller,
    policy: &Policy,
) -> Result<(), Failure> {
    let before = policies::load(&mut *uow.connection(), &caller.seller).await?;
    let change = caller.change(uow);
    policies::put(&mut *uow.connection(), &change, policy).await?;
    uow.audit(NewAudit {
        seller: caller.seller.clone(),
        engagement: None,
        aggregate_id: "approval-policy".to_owned(),
        action: "put-policy".to_owned(),
        reason: String::new(),
        before: Some(record::policy(&before)),
        after: Some(record::policy(policy)),
    })
    .await
}

/// There is no such case, for this caller.
pub(crate) fn unknown_case(name: &str) -> Rejection {
    Rejection::not_found("CASE_UNKNOWN", "case", name)
}

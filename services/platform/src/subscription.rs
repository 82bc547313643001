//! What a service does with another's events.

use tonic::async_trait;

use crate::envelope::IncomingEvent;
use crate::failure::Failure;
use crate::rejection::Rejection;
use crate::unit_of_work::UnitOfWork;

/// What became of an event: three different answers (style rule 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handled {
    /// It changed something.
    Applied,
    /// It says nothing new here.
    Ignored,
    /// What it would have done is refused here. Recorded as a fact; the event counts as dealt
    /// with. What the handler wrote before stays: return [`Failure::Rejected`] to undo it.
    Rejected(Rejection),
}

/// Applies the events of one other service, each once and in the order of its aggregate.
#[async_trait]
pub trait EventHandler: Send + Sync + 'static {
    /// The full protobuf names that it handles. Others are passed over without being decoded.
    fn types(&self) -> &'static [&'static str];

    /// Applies one event, in a transaction that others of the same batch may share. It must not do
    /// anything that a rollback cannot undo: it may be called again for the same event then.
    ///
    /// # Errors
    /// [`Failure::Rejected`] is recorded and counts as dealt with. [`Failure::Conflict`] and
    /// [`Failure::Unavailable`] are tried again later. [`Failure::Undecodable`] parks the event at
    /// once, [`Failure::Internal`] after eight deliveries; later events of the same aggregate are
    /// parked behind it, all others go on.
    async fn handle(&self, uow: &mut UnitOfWork, event: &IncomingEvent)
    -> Result<Handled, Failure>;
}

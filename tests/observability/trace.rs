//! What must hold of the trace of a deal.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use countersign_local::environment::Service;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use crate::collector::{Span, hex};

/// One way through the house, hop by hop: service, what the span's name is or begins with.
const HOPS: [(Service, &str); 26] = [
    // The caller's gRPC, its command and its transaction.
    (
        Service::Estimate,
        "countersign.estimate.v1.EstimateService/SubmitEstimate",
    ),
    (Service::Estimate, "command"),
    (Service::Estimate, "transaction"),
    // Outbox to JetStream, and the consumer.
    (Service::Estimate, "send estimate.*.estimate_submitted.v1"),
    (
        Service::Approval,
        "process estimate.*.estimate_submitted.v1",
    ),
    (
        Service::Approval,
        "countersign.approval.v1.ApprovalService/UploadDocument",
    ),
    (Service::Approval, "send approval.*.deal_stamped.v1"),
    (Service::Estimate, "process approval.*.deal_stamped.v1"),
    (Service::Offer, "process approval.*.deal_stamped.v1"),
    // Tasks, a call to another service, calls to AWS.
    (Service::Offer, "task offer."),
    (
        Service::Offer,
        "countersign.approval.v1.ApprovalService/DownloadDocument",
    ),
    (
        Service::Approval,
        "countersign.approval.v1.ApprovalService/DownloadDocument",
    ),
    (Service::Offer, "StartChangeSet"),
    (Service::Offer, "DescribeChangeSet"),
    (Service::Offer, "send offer.*.offer_published.v1"),
    // Mail and webhooks.
    (Service::Notification, "process offer.*.offer_published.v1"),
    (Service::Notification, "task deliver"),
    (Service::Notification, "SMTP"),
    (Service::Notification, "POST"),
    (Service::Notification, "send notification.*.notice_sent.v1"),
    // What a clock found out goes on in the deal's trace. (Feeds are read by a clock or by a call of the
    // deal, whichever is first.)
    (Service::Offer, "resume"),
    (Service::Offer, "send offer.*.agreement_accepted.v1"),
    (
        Service::DisbursementReconciliation,
        "process offer.*.agreement_accepted.v1",
    ),
    (
        Service::DisbursementReconciliation,
        "send disbursement_reconciliation.*.cash_disbursed.v1",
    ),
    (
        Service::Notification,
        "process disbursement_reconciliation.*.cash_disbursed.v1",
    ),
    (
        Service::Notification,
        "process disbursement_reconciliation.*.engagement_settled.v1",
    ),
];

/// The trace of one deal.
pub(crate) struct Trace<'a> {
    spans: Vec<&'a Span>,
}

impl<'a> Trace<'a> {
    pub(crate) fn of(spans: &'a [Span], trace_id: &str) -> Self {
        Self {
            spans: spans
                .iter()
                .filter(|span| span.trace_id() == trace_id)
                .collect(),
        }
    }

    pub(crate) fn names_every_service(&self) -> Result<()> {
        let services: BTreeSet<&str> = self.spans.iter().map(|span| &*span.service).collect();
        let all = Service::ALL.map(Service::name).into_iter().collect();
        ensure!(services == all, "only {services:?} are in the trace");
        Ok(())
    }

    pub(crate) fn names_every_hop(&self) -> Result<()> {
        let found = |(service, name): &(Service, &str)| {
            self.spans
                .iter()
                .any(|span| span.service == service.name() && span.sent.name.starts_with(name))
        };
        let missing: Vec<_> = HOPS.iter().filter(|hop| !found(hop)).collect();
        let names: BTreeSet<_> = self
            .spans
            .iter()
            .map(|span| (&span.service, &span.sent.name))
            .collect();
        ensure!(missing.is_empty(), "{missing:?} are not among {names:#?}");
        Ok(())
    }

    /// Kinds, names and links as the semantic conventions want them; and who a span is about.
    pub(crate) fn keeps_to_the_conventions(&self) -> Result<()> {
        for span in &self.spans {
            let (name, sent) = (span.sent.name.as_str(), &span.sent);
            let kind = match name {
                "command" | "resume" => SpanKind::Internal,
                "transaction" | "SMTP" | "POST" => SpanKind::Client,
                _ if name.starts_with("task ") => SpanKind::Internal,
                _ if name.starts_with("process ") => SpanKind::Consumer,
                _ if name.contains('/') && span.service != called(name) => SpanKind::Client,
                _ if name.contains('/') => SpanKind::Server,
                _ => SpanKind::Client,
            };
            ensure!(sent.kind() == kind, "{name} is {:?}", sent.kind());
            if name.starts_with("process ") || name.starts_with("send ") {
                let parent = &sent.parent_span_id;
                let linked = sent.links.iter().any(|link| link.span_id == *parent);
                ensure!(linked, "{name} has no link to what it follows from");
                ensure!(span.attribute("messaging.system") == Some("nats"));
                ensure!(span.attribute("seller") == Some("acme"), "{name}");
            }
            if kind == SpanKind::Server {
                ensure!(span.attribute("rpc.system.name") == Some("grpc"));
                ensure!(span.attribute("rpc.method") == Some(name));
                ensure!(span.attribute("rpc.response.status_code").is_some());
            }
        }
        // What a timer found out in its own trace is linked to that; what a call of this trace did, is not.
        let resumed = self.spans.iter().map(|span| &span.sent);
        let resumed = resumed.filter(|sent| sent.name == "resume");
        let is_elsewhere: Vec<bool> = resumed
            .flat_map(|sent| sent.links.iter().map(|link| link.trace_id != sent.trace_id))
            .collect();
        ensure!(
            !is_elsewhere.is_empty(),
            "no resume has a link to who found it out"
        );
        ensure!(
            is_elsewhere.iter().all(|yes| *yes),
            "a resume is linked to its own trace"
        );
        Ok(())
    }
}

/// The service that answers a method: `countersign.<schema>.v1.…`.
fn called(method: &str) -> String {
    let schema = method.split('.').nth(1).unwrap_or_default();
    schema.replace('_', "-")
}

/// Every span of every trace has a parent that is there, or begins a trace. Only the player's own
/// step, which it does not export, is missing.
pub(crate) fn none_is_an_orphan(spans: &[Span], deal: &str) -> Result<()> {
    let mut ids: BTreeMap<String, BTreeSet<&[u8]>> = BTreeMap::new();
    for span in spans {
        let ids = ids.entry(span.trace_id()).or_default();
        ids.insert(&span.sent.span_id);
    }
    ensure!(!spans.is_empty(), "no spans came");
    for span in spans {
        let parent = span.sent.parent_span_id.as_slice();
        let caller = span.trace_id() == deal && hex(parent) == deal[..16];
        let known = ids[&span.trace_id()].contains(parent);
        ensure!(
            parent.is_empty() || caller || known,
            "{} of {} has a parent that nobody sent: {}",
            span.sent.name,
            span.service,
            hex(parent)
        );
    }
    Ok(())
}

//! The table: which event tells what to whom (N1, N2, N3). A new notice is a row here, its three
//! template files, and their line in `templates.rs`.

use super::cause::CauseKind;
use super::subscription::Audience;
use Audience::{Alliances, DealDesk, Finance, SalesSupport};

/// Who a notice is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// The buyer's contact: hears by e-mail, and never reads internal figures (E5).
    Buyer,
    /// The seller's people.
    Audience(Audience),
}

/// One notice: a template and its readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) template: &'static str,
    pub(crate) readers: &'static [Reader],
}

const BUYER: Reader = Reader::Buyer;
const DEAL_DESK: Reader = Reader::Audience(DealDesk);
const ALLIANCES: Reader = Reader::Audience(Alliances);
const SALES_SUPPORT: Reader = Reader::Audience(SalesSupport);
const FINANCE: Reader = Reader::Audience(Finance);

const fn notice(template: &'static str, readers: &'static [Reader]) -> Notice {
    Notice { template, readers }
}

/// What `kind` causes.
pub(crate) const fn of(kind: CauseKind) -> &'static [Notice] {
    match kind {
        CauseKind::EstimateExpired => &const { [notice("estimate-expired", &[DEAL_DESK])] },
        CauseKind::ChangesRequested => &const { [notice("changes-requested", &[DEAL_DESK])] },
        CauseKind::CaseRejected => &const { [notice("case-rejected", &[DEAL_DESK])] },
        CauseKind::StampVoided => &const { [notice("stamp-voided", &[DEAL_DESK])] },
        CauseKind::SowSigned => &const { [notice("sow-signed", &[DEAL_DESK])] },
        CauseKind::IntakeCompleted => {
            &const {
                [notice(
                    "data-elements",
                    &[DEAL_DESK, ALLIANCES, SALES_SUPPORT],
                )]
            }
        }
        CauseKind::OfferPublished => {
            &const {
                [
                    notice("buyer-offer", &[BUYER]),
                    notice("offer-published", &[ALLIANCES]),
                ]
            }
        }
        CauseKind::OfferPublishOverdue => {
            &const { [notice("offer-publish-overdue", &[ALLIANCES, DEAL_DESK])] }
        }
        CauseKind::OfferReleaseFailed => {
            &const { [notice("offer-release-failed", &[ALLIANCES, DEAL_DESK])] }
        }
        CauseKind::OfferExpiryChanged => {
            &const {
                [
                    notice("buyer-expiry-changed", &[BUYER]),
                    notice("offer-expiry-changed", &[ALLIANCES]),
                ]
            }
        }
        CauseKind::OfferCancelled => {
            &const {
                [
                    notice("buyer-offer-cancelled", &[BUYER]),
                    notice("offer-cancelled", &[ALLIANCES]),
                ]
            }
        }
        CauseKind::OfferExpired => &const { [notice("offer-expired", &[DEAL_DESK, ALLIANCES])] },
        CauseKind::AgreementAccepted => {
            &const {
                [
                    notice("agreement-accepted", &[ALLIANCES, DEAL_DESK]),
                    notice("expected-cash", &[FINANCE]),
                ]
            }
        }
        CauseKind::PublicOrderFlagged => {
            &const { [notice("public-order", &[ALLIANCES, DEAL_DESK])] }
        }
        CauseKind::OrderRegistered => {
            &const { [notice("order-registered", &[ALLIANCES, DEAL_DESK])] }
        }
        CauseKind::OrderRefundAdvised => {
            &const {
                [notice(
                    "order-refund-advised",
                    &[ALLIANCES, DEAL_DESK, FINANCE],
                )]
            }
        }
        CauseKind::ClockBreached => &const { [notice("clock-breached", &[DEAL_DESK])] },
        CauseKind::PaymentRequestApproved => {
            &const { [notice("payment-request-approved", &[FINANCE])] }
        }
        CauseKind::PaymentRequestRejected => {
            &const { [notice("payment-request-rejected", &[FINANCE, DEAL_DESK])] }
        }
        CauseKind::PaymentRequestFailed => {
            &const { [notice("payment-request-failed", &[FINANCE, ALLIANCES])] }
        }
        CauseKind::CancellationRequested => {
            &const { [notice("cancellation-requested", &[ALLIANCES, FINANCE])] }
        }
        CauseKind::CancellationEnded => {
            &const {
                [notice(
                    "cancellation-ended",
                    &[ALLIANCES, DEAL_DESK, FINANCE],
                )]
            }
        }
        CauseKind::CashDisbursed => &const { [notice("cash-disbursed", &[FINANCE])] },
        CauseKind::EngagementSettled => {
            &const { [notice("engagement-settled", &[DEAL_DESK, FINANCE])] }
        }
        CauseKind::DiscrepancyFound => &const { [notice("discrepancy-found", &[FINANCE])] },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readers(kind: CauseKind, template: &str) -> Vec<Reader> {
        let named = of(kind).iter().find(|notice| notice.template == template);
        named.map_or_else(Vec::new, |notice| notice.readers.to_vec())
    }

    /// N2: the collected data elements go to all three; alliances and deal desk hear of acceptance.
    #[test]
    fn the_handbook_s_readers_are_told() {
        let data_elements = readers(CauseKind::IntakeCompleted, "data-elements");
        assert_eq!(data_elements, [DEAL_DESK, ALLIANCES, SALES_SUPPORT]);
        assert_eq!(readers(CauseKind::OfferPublished, "buyer-offer"), [BUYER]);
        let accepted = readers(CauseKind::AgreementAccepted, "agreement-accepted");
        assert_eq!(accepted, [ALLIANCES, DEAL_DESK]);
        let settled = readers(CauseKind::EngagementSettled, "engagement-settled");
        assert_eq!(settled, [DEAL_DESK, FINANCE]);
    }

    /// E5: a template is the buyer's alone or never the buyer's.
    #[test]
    fn buyers_have_templates_of_their_own() {
        for kind in CauseKind::ALL {
            assert!(!of(kind).is_empty(), "{kind:?} tells nobody anything");
            for notice in of(kind) {
                let to_buyer = notice.readers.contains(&BUYER);
                assert_eq!(
                    to_buyer,
                    notice.template.starts_with("buyer-"),
                    "{notice:?}"
                );
                assert!(!to_buyer || notice.readers.len() == 1, "{notice:?}");
            }
        }
    }
}

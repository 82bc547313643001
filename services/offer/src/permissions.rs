//! Who may call what (P5).

use countersign_kernel::role;
use countersign_platform::Permission;

/// Who makes offers on AWS Marketplace.
const MAKERS: &[&str] = &[role::ALLIANCES];
/// Who collects what an offer needs (O1), and finds out who bought (O14).
const COLLECTORS: &[&str] = &[role::ENGAGEMENT_MANAGER, role::ALLIANCES];
/// Who asks the buyer for money when a milestone is reached, and takes it back (O17).
const BILLERS: &[&str] = &[role::ENGAGEMENT_MANAGER, role::ALLIANCES, role::FINANCE];
/// Who gives invoiced money back to the buyer (O15).
const REFUNDERS: &[&str] = &[role::ALLIANCES, role::FINANCE];
/// Who sees to what a clock watches (O18), and prepares or gives up a change order (O15).
const KEEPERS: &[&str] = &[role::ENGAGEMENT_MANAGER, role::ALLIANCES, role::FINANCE];
const READERS: &[&str] = &[
    role::ENGAGEMENT_MANAGER,
    role::LEADERSHIP,
    role::REVENUE,
    role::LEGAL,
    role::DEAL_DESK,
    role::ALLIANCES,
    role::FINANCE,
    role::AUDITOR,
];

/// The whole table.
pub(crate) const PERMISSIONS: [Permission; 49] = [
    Permission::roles("countersign.offer.v1.OfferService/RegisterListing", MAKERS),
    Permission::roles("countersign.offer.v1.OfferService/ListListings", READERS),
    Permission::roles(
        "countersign.offer.v1.OfferService/CompleteIntake",
        COLLECTORS,
    ),
    Permission::roles("countersign.offer.v1.OfferService/GetEngagement", READERS),
    Permission::roles("countersign.offer.v1.OfferService/DraftOffer", MAKERS),
    Permission::roles("countersign.offer.v1.OfferService/CloneOffer", MAKERS),
    Permission::roles("countersign.offer.v1.OfferService/CompareOffer", READERS),
    Permission::roles("countersign.offer.v1.OfferService/AssociateOffer", MAKERS),
    Permission::roles("countersign.offer.v1.OfferService/StartImport", MAKERS),
    Permission::roles("countersign.offer.v1.OfferService/GetImport", READERS),
    Permission::roles(
        "countersign.offer.v1.OfferService/ListMarketplaceOffers",
        READERS,
    ),
    Permission::roles(
        "countersign.offer.v1.OfferService/ListMarketplaceAgreements",
        READERS,
    ),
    Permission::roles("countersign.offer.v1.OfferService/ReviseOffer", MAKERS),
    Permission::roles("countersign.offer.v1.OfferService/Preflight", READERS),
    Permission::roles("countersign.offer.v1.OfferService/ReleaseOffer", MAKERS),
    Permission::roles("countersign.offer.v1.OfferService/ChangeExpiry", MAKERS),
    Permission::roles("countersign.offer.v1.OfferService/CancelOffer", MAKERS),
    Permission::roles("countersign.offer.v1.OfferService/GetOffer", READERS),
    Permission::roles("countersign.offer.v1.OfferService/ListOffers", READERS),
    Permission::roles(
        "countersign.offer.v1.OfferService/DownloadLegalDocument",
        READERS,
    ),
    Permission::roles(
        "countersign.offer.v1.OfferService/DraftResaleAuthorization",
        MAKERS,
    ),
    Permission::roles(
        "countersign.offer.v1.OfferService/DraftPartnerOffer",
        MAKERS,
    ),
    Permission::roles(
        "countersign.offer.v1.OfferService/ConfirmPrerequisite",
        MAKERS,
    ),
    Permission::roles("countersign.offer.v1.OfferService/GetPortalSheet", READERS),
    Permission::roles(
        "countersign.offer.v1.OfferService/RecordPortalOffer",
        MAKERS,
    ),
    Permission::roles("countersign.offer.v1.OfferService/ReadOfferBack", MAKERS),
    Permission::roles("countersign.offer.v1.OfferService/StartClock", KEEPERS),
    Permission::roles("countersign.offer.v1.OfferService/SettleClock", KEEPERS),
    Permission::roles("countersign.offer.v1.OfferService/ListClocks", READERS),
    Permission::roles(
        "countersign.offer.v1.OfferService/RegisterOrder",
        COLLECTORS,
    ),
    Permission::roles("countersign.offer.v1.OfferService/ListOrders", READERS),
    Permission::roles("countersign.offer.v1.OfferService/GetCalendar", READERS),
    Permission::roles("countersign.offer.v1.OfferService/PutCalendar", MAKERS),
    Permission::roles(
        "countersign.offer.v1.OfferService/GetMarketplaceLimits",
        READERS,
    ),
    Permission::roles(
        "countersign.offer.v1.OfferService/PutMarketplaceLimits",
        MAKERS,
    ),
    Permission::roles(
        "countersign.offer.v1.OfferService/GetRenewalPolicy",
        READERS,
    ),
    Permission::roles("countersign.offer.v1.OfferService/PutRenewalPolicy", MAKERS),
    Permission::roles("countersign.offer.v1.OfferService/RequestPayment", BILLERS),
    Permission::roles(
        "countersign.offer.v1.OfferService/CancelPaymentRequest",
        BILLERS,
    ),
    Permission::roles(
        "countersign.offer.v1.OfferService/StartChangeOrder",
        KEEPERS,
    ),
    Permission::roles(
        "countersign.offer.v1.OfferService/RequestCancellation",
        MAKERS,
    ),
    Permission::roles(
        "countersign.offer.v1.OfferService/WithdrawChangeOrder",
        KEEPERS,
    ),
    Permission::roles(
        "countersign.offer.v1.OfferService/RequestAdjustments",
        REFUNDERS,
    ),
    Permission::roles("countersign.offer.v1.OfferService/GetChangeOrder", READERS),
    Permission::roles(
        "countersign.offer.v1.OfferService/ListChangeOrders",
        READERS,
    ),
    Permission::roles("countersign.offer.v1.OfferService/ListRenewals", READERS),
    Permission::roles("countersign.offer.v1.OfferService/AssignRenewal", KEEPERS),
    Permission::roles(
        "countersign.offer.v1.OfferService/GetPaymentRequest",
        READERS,
    ),
    Permission::roles(
        "countersign.offer.v1.OfferService/ListPaymentRequests",
        READERS,
    ),
];

#[cfg(test)]
mod tests {
    use countersign_platform::check_permissions;
    use countersign_proto::FILE_DESCRIPTOR_SET;
    use countersign_proto::offer::v1::offer_service_server::SERVICE_NAME;

    use super::*;

    /// P5: every method has a rule, every rule a method.
    #[test]
    fn the_table_is_the_service() {
        let checked = check_permissions(&PERMISSIONS, SERVICE_NAME, FILE_DESCRIPTOR_SET);
        assert_eq!(checked, Ok(()));
    }
}

//! Who may call what (P5).

use countersign_kernel::role;
use countersign_platform::Permission;

const AUTHORS: &[&str] = &[role::ENGAGEMENT_MANAGER];
/// The gateway files signed copies, and `domain` holds it to them (A6).
const FILERS: &[&str] = &[role::ENGAGEMENT_MANAGER, role::SIGNATURE_GATEWAY];
/// Who hands on what e-signature providers tell: whoever else has one of their webhooks may not.
const GATEWAY: &[&str] = &[role::SIGNATURE_GATEWAY];
/// Whom a seller's policy may ask; which of them decides a step, the policy says, and `domain` holds
/// to it (A1, A3).
pub(crate) const DECIDERS: &[&str] = &[
    role::ENGAGEMENT_MANAGER,
    role::LEADERSHIP,
    role::REVENUE,
    role::LEGAL,
    role::DEAL_DESK,
    role::ALLIANCES,
    role::FINANCE,
];
/// They read, and so do auditors.
const READERS: &[&str] = &{
    let mut readers = [role::AUDITOR; DECIDERS.len() + 1];
    let (deciders, _auditor) = readers.split_at_mut(DECIDERS.len());
    deciders.copy_from_slice(DECIDERS);
    readers
};
/// Who decides what must be decided.
const RULERS: &[&str] = &[role::LEADERSHIP, role::LEGAL];
/// The service that makes offers reads the approved documents.
const OFFER: &[&str] = &["offer"];

/// The whole table.
pub(crate) const PERMISSIONS: [Permission; 14] = [
    Permission::roles(
        "countersign.approval.v1.ApprovalService/UploadDocument",
        FILERS,
    ),
    Permission::roles(
        "countersign.approval.v1.ApprovalService/RemoveDocument",
        AUTHORS,
    ),
    Permission::roles(
        "countersign.approval.v1.ApprovalService/DownloadDocument",
        READERS,
    )
    .and_services(OFFER),
    Permission::roles(
        "countersign.approval.v1.ApprovalService/ListDocuments",
        READERS,
    ),
    Permission::roles("countersign.approval.v1.ApprovalService/OpenCase", AUTHORS),
    Permission::roles("countersign.approval.v1.ApprovalService/GetCase", READERS),
    Permission::roles("countersign.approval.v1.ApprovalService/ListCases", READERS),
    Permission::roles(
        "countersign.approval.v1.ApprovalService/DecideStep",
        DECIDERS,
    ),
    Permission::roles(
        "countersign.approval.v1.ApprovalService/RouteForSignature",
        AUTHORS,
    ),
    Permission::roles(
        "countersign.approval.v1.ApprovalService/RecordSignature",
        AUTHORS,
    ),
    Permission::roles(
        "countersign.approval.v1.ApprovalService/ReceiveSignatureCallback",
        GATEWAY,
    ),
    Permission::roles(
        "countersign.approval.v1.ApprovalService/CloseChecklistItem",
        AUTHORS,
    ),
    Permission::roles(
        "countersign.approval.v1.ApprovalService/GetApprovalPolicy",
        READERS,
    ),
    Permission::roles(
        "countersign.approval.v1.ApprovalService/PutApprovalPolicy",
        RULERS,
    ),
];

#[cfg(test)]
mod tests {
    use countersign_platform::check_permissions;
    use countersign_proto::FILE_DESCRIPTOR_SET;
    use countersign_proto::approval::v1::approval_service_server::SERVICE_NAME;

    use super::*;

    /// P5: every method has a rule, every rule a method.
    #[test]
    fn the_table_is_the_service() {
        let checked = check_permissions(&PERMISSIONS, SERVICE_NAME, FILE_DESCRIPTOR_SET);
        assert_eq!(checked, Ok(()));
    }
}

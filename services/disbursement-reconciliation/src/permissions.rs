//! Who may call what (P5).

use countersign_kernel::role;
use countersign_platform::Permission;

/// The money is finance's.
const BOOKKEEPERS: &[&str] = &[role::FINANCE];
const READERS: &[&str] = &[
    role::FINANCE,
    role::LEADERSHIP,
    role::REVENUE,
    role::AUDITOR,
];

/// The whole table.
pub(crate) const PERMISSIONS: [Permission; 10] = [
    Permission::roles(
        "countersign.disbursement_reconciliation.v1.DisbursementReconciliationService/IngestFeeds",
        BOOKKEEPERS,
    ),
    Permission::roles(
        "countersign.disbursement_reconciliation.v1.DisbursementReconciliationService/ListFeedReports",
        READERS,
    ),
    Permission::roles(
        "countersign.disbursement_reconciliation.v1.DisbursementReconciliationService/GetEngagementCash",
        READERS,
    ),
    Permission::roles(
        "countersign.disbursement_reconciliation.v1.DisbursementReconciliationService/ListLedgerEntries",
        READERS,
    ),
    Permission::roles(
        "countersign.disbursement_reconciliation.v1.DisbursementReconciliationService/GetTrialBalance",
        READERS,
    ),
    Permission::roles(
        "countersign.disbursement_reconciliation.v1.DisbursementReconciliationService/ListDiscrepancies",
        READERS,
    ),
    Permission::roles(
        "countersign.disbursement_reconciliation.v1.DisbursementReconciliationService/ResolveDiscrepancy",
        BOOKKEEPERS,
    ),
    Permission::roles(
        "countersign.disbursement_reconciliation.v1.DisbursementReconciliationService/ListUnmatchedEvents",
        READERS,
    ),
    Permission::roles(
        "countersign.disbursement_reconciliation.v1.DisbursementReconciliationService/PutCashPolicy",
        BOOKKEEPERS,
    ),
    Permission::roles(
        "countersign.disbursement_reconciliation.v1.DisbursementReconciliationService/GetCashPolicy",
        READERS,
    ),
];

#[cfg(test)]
mod tests {
    use countersign_platform::check_permissions;
    use countersign_proto::FILE_DESCRIPTOR_SET;
    use countersign_proto::disbursement_reconciliation::v1::disbursement_reconciliation_service_server::SERVICE_NAME;

    use super::*;

    /// P5: every method has a rule, every rule a method.
    #[test]
    fn the_table_is_the_service() {
        let checked = check_permissions(&PERMISSIONS, SERVICE_NAME, FILE_DESCRIPTOR_SET);
        assert_eq!(checked, Ok(()));
    }
}

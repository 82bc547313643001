//! Who may call what (P5).

use countersign_kernel::role;
use countersign_platform::Permission;

const AUTHORS: &[&str] = &[role::ENGAGEMENT_MANAGER];
/// Whoever works on a deal may read its estimate; who keeps the services running need not.
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
/// Mark-up and fees decide what every deal brings.
const PRICERS: &[&str] = &[role::FINANCE];

/// The whole table.
pub(crate) const PERMISSIONS: [Permission; 16] = [
    Permission::roles(
        "countersign.estimate.v1.EstimateService/CreateEstimate",
        AUTHORS,
    ),
    Permission::roles(
        "countersign.estimate.v1.EstimateService/ReviseEstimate",
        AUTHORS,
    ),
    Permission::roles(
        "countersign.estimate.v1.EstimateService/SubmitEstimate",
        AUTHORS,
    ),
    Permission::roles(
        "countersign.estimate.v1.EstimateService/WithdrawEstimate",
        AUTHORS,
    ),
    Permission::roles(
        "countersign.estimate.v1.EstimateService/StartRenewal",
        AUTHORS,
    ),
    Permission::roles(
        "countersign.estimate.v1.EstimateService/StartReplacement",
        AUTHORS,
    ),
    Permission::roles(
        "countersign.estimate.v1.EstimateService/CloneEstimate",
        AUTHORS,
    ),
    Permission::roles(
        "countersign.estimate.v1.EstimateService/GetEstimate",
        READERS,
    ),
    Permission::roles(
        "countersign.estimate.v1.EstimateService/ListEstimates",
        READERS,
    ),
    Permission::roles(
        "countersign.estimate.v1.EstimateService/GetCustomerView",
        READERS,
    ),
    Permission::roles(
        "countersign.estimate.v1.EstimateService/CompareVersions",
        READERS,
    ),
    Permission::roles("countersign.estimate.v1.EstimateService/Solve", READERS),
    Permission::roles(
        "countersign.estimate.v1.EstimateService/GetPricingPolicy",
        READERS,
    ),
    Permission::roles(
        "countersign.estimate.v1.EstimateService/PutPricingPolicy",
        PRICERS,
    ),
    Permission::roles(
        "countersign.estimate.v1.EstimateService/ListListingFees",
        READERS,
    ),
    Permission::roles(
        "countersign.estimate.v1.EstimateService/AddListingFee",
        PRICERS,
    ),
];

#[cfg(test)]
mod tests {
    use countersign_platform::check_permissions;
    use countersign_proto::FILE_DESCRIPTOR_SET;
    use countersign_proto::estimate::v1::estimate_service_server::SERVICE_NAME;

    use super::*;

    /// P5: every method has a rule, every rule a method.
    #[test]
    fn the_table_is_the_service() {
        let checked = check_permissions(&PERMISSIONS, SERVICE_NAME, FILE_DESCRIPTOR_SET);
        assert_eq!(checked, Ok(()));
    }
}

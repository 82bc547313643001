//! Who may call what (P5).

use countersign_kernel::role;
use countersign_platform::Permission;

/// Who hears of what is the operator's.
const OPERATORS: &[&str] = &[role::OPERATOR];
const READERS: &[&str] = &[role::OPERATOR, role::AUDITOR];
/// What did not arrive is the deal desk's too, which is alerted of it.
const SENDERS: &[&str] = &[role::OPERATOR, role::DEAL_DESK];
const FOLLOWERS: &[&str] = &[role::OPERATOR, role::DEAL_DESK, role::AUDITOR];

/// The whole table.
pub(crate) const PERMISSIONS: [Permission; 7] = [
    Permission::roles(
        "countersign.notification.v1.NotificationService/PutSubscription",
        OPERATORS,
    ),
    Permission::roles(
        "countersign.notification.v1.NotificationService/RemoveSubscription",
        OPERATORS,
    ),
    Permission::roles(
        "countersign.notification.v1.NotificationService/ListSubscriptions",
        READERS,
    ),
    Permission::roles(
        "countersign.notification.v1.NotificationService/ListDeliveries",
        FOLLOWERS,
    ),
    Permission::roles(
        "countersign.notification.v1.NotificationService/GetDelivery",
        FOLLOWERS,
    ),
    Permission::roles(
        "countersign.notification.v1.NotificationService/RedriveDelivery",
        SENDERS,
    ),
    Permission::roles(
        "countersign.notification.v1.NotificationService/ReplayWebhook",
        OPERATORS,
    ),
];

#[cfg(test)]
mod tests {
    use countersign_platform::check_permissions;
    use countersign_proto::FILE_DESCRIPTOR_SET;
    use countersign_proto::notification::v1::notification_service_server::SERVICE_NAME;

    use super::*;

    /// P5: every method has a rule, every rule a method.
    #[test]
    fn the_table_is_the_service() {
        let checked = check_permissions(&PERMISSIONS, SERVICE_NAME, FILE_DESCRIPTOR_SET);
        assert_eq!(checked, Ok(()));
    }
}

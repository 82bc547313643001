//! Who may call which method: a table per service, complete or the service does not start (P5).

use std::collections::{BTreeMap, BTreeSet};

use countersign_kernel::role;
use tonic::{Code, Status};

use super::denial::denied;
use super::identity::Identity;
use crate::methods::described;

/// Who may call one method. Whoever holds one of the roles, or is one of the services, may.
#[derive(Debug, Clone, Copy)]
pub struct Permission {
    method: &'static str,
    roles: &'static [&'static str],
    services: &'static [&'static str],
}

impl Permission {
    /// The callers in one of `roles` may call `method`, written `package.Service/Method`.
    #[must_use]
    pub const fn roles(method: &'static str, roles: &'static [&'static str]) -> Self {
        Self {
            method,
            roles,
            services: &[],
        }
    }

    /// So may the services of these names, such as `things` for the caller `service:things`.
    #[must_use]
    pub const fn and_services(self, services: &'static [&'static str]) -> Self {
        Self { services, ..self }
    }

    fn admits(&self, caller: &Identity) -> bool {
        let holds = |role: &&str| caller.roles.iter().any(|held| held == role);
        let service = caller.service();
        self.roles.iter().any(holds) || service.is_some_and(|name| self.services.contains(&name))
    }
}

/// Why a table of permissions cannot be served by.
#[derive(Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error(
    "the permissions do not fit: methods without a rule {without_rule:?}, rules without a method \
     {without_method:?}, more than one rule {twice:?}, unknown roles {unknown_roles:?}, services \
     that no descriptor tells of {undescribed:?}"
)]
pub struct PermissionsError {
    /// Methods that are served and that nobody may call.
    pub without_rule: Vec<String>,
    /// Rules for what is not served.
    pub without_method: Vec<String>,
    /// Methods that two rules speak of.
    pub twice: Vec<String>,
    /// Roles that there are none of.
    pub unknown_roles: Vec<String>,
    /// gRPC services whose methods nobody knows.
    pub undescribed: Vec<String>,
}

/// The whole table of a process.
#[derive(Debug)]
pub(crate) struct Permissions(BTreeMap<&'static str, Permission>);

impl Permissions {
    /// Takes rules that cover every method of the gRPC services called `served`, and no other.
    ///
    /// # Errors
    /// Everything that does not fit.
    pub(crate) fn new(
        rules: &[Permission],
        served: &[&str],
        descriptors: &[&[u8]],
    ) -> Result<Self, PermissionsError> {
        let mut wrong = PermissionsError::default();
        let known = described(descriptors);
        let mut methods = BTreeSet::new();
        for service in served {
            match known.get(*service) {
                Some(found) => methods.extend(found.iter().map(|method| method.name.as_str())),
                None => wrong.undescribed.push((*service).to_owned()),
            }
        }
        let mut table = BTreeMap::new();
        for rule in rules {
            let unknown = rule.roles.iter().filter(|name| !role::ALL.contains(name));
            wrong
                .unknown_roles
                .extend(unknown.map(|name| (*name).to_owned()));
            if table.insert(rule.method, *rule).is_some() {
                wrong.twice.push(rule.method.to_owned());
            }
            if !methods.contains(rule.method) {
                wrong.without_method.push(rule.method.to_owned());
            }
        }
        let without_rule = methods
            .into_iter()
            .filter(|method| !table.contains_key(*method));
        wrong.without_rule = without_rule.map(str::to_owned).collect();
        if wrong == PermissionsError::default() {
            return Ok(Self(table));
        }
        Err(wrong)
    }

    /// Whether the caller may call the method. Asked before the request is read: who may not,
    /// learns nothing of what there is.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`; `UNIMPLEMENTED` for a method that is not served.
    pub(crate) fn check(&self, method: &str, caller: &Identity) -> Result<(), Status> {
        let Some(rule) = self.0.get(method) else {
            let message = "there is no such method";
            return Err(denied(Code::Unimplemented, "METHOD_UNKNOWN", message));
        };
        if rule.admits(caller) {
            return Ok(());
        }
        Err(denied(
            Code::PermissionDenied,
            "METHOD_FORBIDDEN",
            "none of the caller's roles may call this method",
        ))
    }
}

/// Whether `rules` cover every method of `service` and no other: what a service's test asks of its
/// own table.
///
/// # Errors
/// Everything that does not fit.
pub fn check_permissions(
    rules: &[Permission],
    service: &str,
    descriptors: &[u8],
) -> Result<(), PermissionsError> {
    Permissions::new(rules, &[service], &[descriptors]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations_proto::FILE_DESCRIPTOR_SET;
    use crate::operations_proto::operations_service_server::SERVICE_NAME;

    const STATUS: &str = "countersign.platform.v1.OperationsService/GetStatus";

    fn caller(principal: &str, roles: &[&str]) -> Identity {
        Identity {
            seller: "acme".parse().unwrap(),
            principal: principal.parse().unwrap(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        }
    }

    /// P5: a method without a rule cannot exist, nor a rule without a method.
    #[test]
    fn a_table_that_does_not_fit_is_refused_by_name() {
        let rules = [
            Permission::roles(STATUS, &[role::OPERATOR]),
            Permission::roles(STATUS, &["king"]),
            Permission::roles("a.B/C", &[]),
        ];
        let served = [SERVICE_NAME, "a.Undescribed"];
        let wrong = Permissions::new(&rules, &served, &[FILE_DESCRIPTOR_SET]).unwrap_err();
        assert_eq!(wrong.twice, [STATUS]);
        assert_eq!(wrong.unknown_roles, ["king"]);
        assert_eq!(wrong.without_method, ["a.B/C"]);
        assert_eq!(wrong.undescribed, ["a.Undescribed"]);
        let missing = "countersign.platform.v1.OperationsService/ReplayEvents".to_owned();
        assert!(wrong.without_rule.contains(&missing), "{wrong}");
        assert!(!wrong.without_rule.contains(&STATUS.to_owned()));
    }

    /// P5: roles decide, or the name of a service; nothing else does.
    #[test]
    fn only_whom_the_rule_names_is_admitted() {
        let rule = Permission::roles(STATUS, &[role::OPERATOR]).and_services(&["things"]);
        let table = Permissions(BTreeMap::from([(STATUS, rule)]));
        for (caller, expected) in [
            (caller("ops@acme.example", &["legal", "operator"]), None),
            (caller("service:things", &[]), None),
            (caller("service:others", &[]), Some(Code::PermissionDenied)),
            (caller("things", &[]), Some(Code::PermissionDenied)),
            (
                caller("ops@acme.example", &["legal"]),
                Some(Code::PermissionDenied),
            ),
        ] {
            let answer = table.check(STATUS, &caller).map_err(|status| status.code());
            assert_eq!(answer.err(), expected, "{caller:?}");
        }
        let unknown = table.check("a.B/C", &caller("service:things", &["operator"]));
        assert_eq!(unknown.unwrap_err().code(), Code::Unimplemented);
    }
}

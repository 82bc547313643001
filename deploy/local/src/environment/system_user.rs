//! Whom a server runs as: Postgres refuses to run as root.

use anyhow::{Result, bail};

/// An account of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SystemUser {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// Whether this tool runs as root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The account that a server must run as: `None` (the caller's own) unless the caller is root.
pub(crate) fn unprivileged() -> Result<Option<SystemUser>> {
    if !is_root() {
        return Ok(None);
    }
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    for name in ["postgres", "nobody"] {
        if let Some(user) = find(&accounts, name) {
            return Ok(Some(user));
        }
    }
    bail!(
        "this runs as root, Postgres refuses to, and the machine has neither an account `postgres` nor `nobody`"
    )
}

fn find(accounts: &str, name: &str) -> Option<SystemUser> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != name {
            return None;
        }
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(SystemUser {
            name: name.to_owned(),
            uid,
            gid,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let accounts = "root:x:0:0::/root:/bin/sh\npostgresql:x:1:1::/:\npostgres:x:104:109::/:\n";
        let user = find(accounts, "postgres").unwrap();
        assert_eq!((user.uid, user.gid), (104, 109));
        assert_eq!(find(accounts, "nobody"), None);
    }
}

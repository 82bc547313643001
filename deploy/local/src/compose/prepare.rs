//! What compose.yaml mounts: a file per secret, the NATS configuration, the issuer's key set, the
//! rehearsal's folders.
//!
//! Secrets that are there are kept, so that a started Postgres goes on with them, and tokens count
//! on. Written anew are the NATS configuration, since the table of permissions may have changed, and
//! the token with which offer reads from approval, since it counts for a month.

use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use countersign_platform::Secret;

use crate::environment::{
    Issuer, IssuerFiles, OPERATOR, Service, key_set, nats_access, nats_configuration, nats_users,
    new_key, password, role_url, signature_secrets, webhook_secret,
};

/// Disk of the NATS volume: five streams of a gigabyte, and as much again.
const MAX_FILE_STORE: &str = "10GB";
const NATS_PORT: u16 = 4222;
/// The superuser, as the services' containers reach Postgres.
const DATABASE_HOST: &str = "postgres:5432/countersign";
/// What the marketplace sandbox knows by itself; it protects nothing.
const SANDBOX_SECRET_KEY: &str = "countersign-sandbox-secret";
/// Whoever reads it mints tokens: it is mounted nowhere.
const ISSUER_KEY: &str = "issuer_key";
/// What approval is told of the e-signature providers.
const SIGNATURE_SECRETS: &str = "approval_signature_secrets";
/// Who may read a file.
const EVERYBODY: u32 = 0o644;
const OWNER: u32 = 0o600;

/// A folder that is ready to be mounted.
#[derive(Debug)]
pub(crate) struct Prepared {
    folder: PathBuf,
}

impl Prepared {
    /// What was written before.
    pub(crate) fn read(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// Writes what is missing.
    pub(crate) fn write(folder: &Path) -> Result<Self> {
        let prepared = Self::read(folder);
        let made = prepared
            .folders()
            .and_then(|()| prepared.secrets())
            .and_then(|()| prepared.tokens());
        made.with_context(|| format!("preparing {}", folder.display()))?;
        Ok(prepared)
    }

    /// What the rehearsal clock's file will be.
    pub(crate) fn clock_file(&self) -> PathBuf {
        self.folder.join("rehearsal/clock")
    }

    /// Where the sandbox drops the seller data feeds.
    pub(crate) fn feeds(&self) -> PathBuf {
        self.folder.join("feeds")
    }

    /// Who signs the tokens that count here.
    pub(crate) fn issuer(&self) -> IssuerFiles {
        IssuerFiles {
            key: self.folder.join("secrets").join(ISSUER_KEY),
            key_set: self.folder.join("issuer/jwks.json"),
        }
    }

    /// The NATS operator's password.
    pub(crate) fn operator_password(&self) -> Result<String> {
        self.secret(&nats_password(OPERATOR), password)
    }

    /// The superuser's URL of Postgres at `address`, seen from this machine.
    pub(crate) fn admin_url(&self, address: SocketAddr) -> Result<String> {
        self.superuser(&format!("{address}/countersign"))
    }

    /// The URL by which the owner of a service's schema enters Postgres at `address`.
    pub(crate) fn owner_url(&self, service: Service, address: SocketAddr) -> Result<String> {
        let role = format!("{}_owner", service.schema());
        let inside = self.secret(
            &format!("{}_database_owner_url", service.schema()),
            password,
        )?;
        let inside = reqwest::Url::parse(&inside)?;
        role_url(
            &self.admin_url(address)?,
            &role,
            inside.password().unwrap_or_default(),
        )
    }

    /// With what the sellers' e-signature providers sign their callbacks.
    pub(crate) fn signature_secret(&self) -> Result<Secret> {
        let told = self.secret(SIGNATURE_SECRETS, || signature_secrets(&webhook_secret()))?;
        let first = told.split_whitespace().next().unwrap_or_default();
        let (_, secret) = first.split_once('=').unwrap_or_default();
        Ok(Secret::new(secret))
    }

    fn folders(&self) -> Result<()> {
        // A container enters under another account; the secrets lie one folder deeper.
        for (name, mode) in [
            ("", 0o755),
            ("secrets", 0o700),
            ("rehearsal", 0o755),
            ("issuer", 0o755),
            // The sandbox writes here, and so does whoever rehearses.
            ("feeds", 0o777),
        ] {
            let folder = self.folder.join(name);
            fs::create_dir_all(&folder)?;
            fs::set_permissions(&folder, Permissions::from_mode(mode))?;
        }
        Ok(())
    }

    fn secrets(&self) -> Result<()> {
        let admin = self.superuser(DATABASE_HOST)?;
        self.secret("database_admin_url", || admin.clone())?;
        self.secret("marketplace_secret_access_key", || {
            SANDBOX_SECRET_KEY.to_owned()
        })?;
        self.signature_secret()?;
        for service in Service::ALL {
            let schema = service.schema();
            for (name, kind) in [("database_url", "run"), ("database_owner_url", "owner")] {
                let url = role_url(&admin, &format!("{schema}_{kind}"), &password())?;
                self.secret(&format!("{schema}_{name}"), || url)?;
            }
        }
        let users = nats_users(|user| self.secret(&nats_password(user), password))?;
        let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, NATS_PORT));
        let configuration = nats_configuration(
            address,
            Path::new("/data"),
            MAX_FILE_STORE,
            &nats_access(&users),
        );
        self.replace("nats.conf", &configuration)
    }

    /// The key set, which the services read as a file, and the one token that a service brings.
    fn tokens(&self) -> Result<()> {
        let key = match self.existing(ISSUER_KEY)? {
            Some(key) => key,
            None => self.made(ISSUER_KEY, new_key()?)?,
        };
        let issuer = self.issuer();
        write(&issuer.key_set, &key_set(&key)?, EVERYBODY)?;
        self.replace("approval_token", &Issuer::open(&issuer)?.offer_token()?)
    }

    fn superuser(&self, place: &str) -> Result<String> {
        let password = self.secret("postgres_password", password)?;
        Ok(format!("postgres://postgres:{password}@{place}"))
    }

    /// The secret as it is, or as it is made now.
    fn secret(&self, name: &str, made: impl FnOnce() -> String) -> Result<String> {
        match self.existing(name)? {
            Some(text) => Ok(text),
            None => self.made(name, made()),
        }
    }

    fn existing(&self, name: &str) -> Result<Option<String>> {
        match fs::read_to_string(self.folder.join("secrets").join(name)) {
            Ok(text) => Ok(Some(text.trim_end_matches('\n').to_owned())),
            Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(other) => Err(other).with_context(|| format!("reading {name}")),
        }
    }

    fn made(&self, name: &str, text: String) -> Result<String> {
        self.replace(name, &text)?;
        Ok(text)
    }

    fn replace(&self, name: &str, text: &str) -> Result<()> {
        // The folder is its owner's only; a container, which sees just the file, reads it under an account
        // of its own. What is mounted nowhere is its owner's too.
        let mounted = name != ISSUER_KEY && name != nats_password(OPERATOR);
        let mode = if mounted { EVERYBODY } else { OWNER };
        write(&self.folder.join("secrets").join(name), text, mode)
    }
}

/// Written in place: a file that is renamed would be another than the one a container has mounted.
fn write(file: &Path, text: &str, mode: u32) -> Result<()> {
    fs::write(file, text)
        .and_then(|()| fs::set_permissions(file, Permissions::from_mode(mode)))
        .with_context(|| format!("writing {}", file.display()))
}

fn nats_password(user: &str) -> String {
    format!("{user}_nats_password")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn contents(folder: &Path) -> BTreeMap<String, String> {
        let files = fs::read_dir(folder.join("secrets")).unwrap();
        let read = files.map(|file| {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        });
        read.collect()
    }

    #[test]
    fn what_is_there_is_kept_and_what_is_missing_is_made() {
        let folder = tempfile::tempdir().unwrap();
        Prepared::write(folder.path()).unwrap();
        let first = contents(folder.path());
        fs::remove_file(folder.path().join("secrets/offer_nats_password")).unwrap();
        Prepared::write(folder.path()).unwrap();
        let second = contents(folder.path());
        let changed: Vec<_> = first
            .iter()
            .filter(|(name, text)| second[*name] != **text)
            .collect();
        let names: Vec<_> = changed.iter().map(|(name, _)| name.as_str()).collect();
        let renewed = ["approval_token", "nats.conf", "offer_nats_password"];
        // A token made in the same second is the same.
        assert!(names.iter().all(|name| renewed.contains(name)), "{names:?}");
        assert!(names.contains(&"nats.conf") && names.contains(&"offer_nats_password"));
        assert!(second["nats.conf"].contains(&second["offer_nats_password"]));
        let secrets = fs::metadata(folder.path().join("secrets")).unwrap();
        assert_eq!(secrets.permissions().mode() & 0o777, 0o700);
        let key = fs::metadata(folder.path().join("secrets").join(ISSUER_KEY)).unwrap();
        assert_eq!(key.permissions().mode() & 0o777, OWNER);
    }

    #[test]
    fn urls_name_the_host_as_it_is_seen_from_where_they_are_used() {
        let folder = tempfile::tempdir().unwrap();
        let prepared = Prepared::write(folder.path()).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], 5432));
        let inside = &contents(folder.path())["offer_database_owner_url"];
        let outside = prepared.owner_url(Service::Offer, address).unwrap();
        assert!(inside.starts_with("postgres://offer_owner:"), "{inside}");
        assert_eq!(
            inside.replace("@postgres:5432/", "@127.0.0.1:5432/"),
            outside
        );
    }
}

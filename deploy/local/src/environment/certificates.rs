//! The authority of one run and the certificates that it vouches for (P5): one for each service, for
//! the private servers, and for this tool. The authority's own key is never written down.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use async_nats::ConnectOptions;
use chrono::{DateTime, Datelike, TimeDelta, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, SanType, date_time_ymd,
};
use serde::{Deserialize, Serialize};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use super::run_folder::RunFolder;
use super::services::Service;
use super::system_user::SystemUser;

/// No run lasts longer.
const RUN_LIMIT: Duration = Duration::from_hours(30 * 24);
/// What all of them are called by.
const HOSTS: [&str; 2] = ["localhost", "127.0.0.1"];

/// What one end of a connection has: its certificate and key, and who vouches for the other end. All
/// PEM; the key is only its owner's.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TlsFiles {
    /// The certificate of those who vouch for the other end.
    pub authority: PathBuf,
    /// The certificate to show.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// Everybody's certificates in this run.
#[derive(Debug)]
pub(crate) struct Identities {
    pub(crate) authority: Authority,
    /// This tool's own.
    pub(crate) tool: TlsFiles,
    services: BTreeMap<Service, TlsFiles>,
}

impl Identities {
    /// Makes the authority, a certificate for each service, and one for this tool.
    pub(crate) fn make(folder: &RunFolder) -> Result<Self> {
        let authority = Authority::make(folder)?;
        let of = |service| Ok((service, authority.of_service(folder, service)?));
        let services = Service::ALL.into_iter().map(of);
        Ok(Self {
            services: services.collect::<Result<_>>()?,
            tool: authority.of(folder, "tool", None)?,
            authority,
        })
    }

    /// What a service is given.
    pub(crate) fn of(&self, service: Service) -> Result<&TlsFiles> {
        let files = self.services.get(&service);
        files.with_context(|| format!("{service} has no certificate"))
    }
}

/// Who vouches for everybody in this run.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: PathBuf,
}

impl Authority {
    /// Makes one, and the file with its certificate.
    fn make(folder: &RunFolder) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        limit(&mut params)?;
        let name = "countersign, this run only";
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().context("making the authority's key")?;
        let issuer = CertifiedIssuer::self_signed(params, key).context("making the authority")?;
        let file = folder.file("ca.pem", &issuer.pem())?;
        Ok(Self { issuer, file })
    }

    /// Of a service: it names the service to the others.
    fn of_service(&self, folder: &RunFolder, service: Service) -> Result<TlsFiles> {
        let id = format!("spiffe://countersign/{service}");
        self.issue(folder, service.name(), Some(&id), None)
    }

    /// Of a server, or of this tool: it lets in, and names nobody.
    pub(crate) fn of(
        &self,
        folder: &RunFolder,
        name: &str,
        owner: Option<&SystemUser>,
    ) -> Result<TlsFiles> {
        self.issue(folder, name, None, owner)
    }

    fn issue(
        &self,
        folder: &RunFolder,
        name: &str,
        id: Option<&str>,
        owner: Option<&SystemUser>,
    ) -> Result<TlsFiles> {
        let mut params = CertificateParams::new(HOSTS.map(str::to_owned))?;
        limit(&mut params)?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        if let Some(id) = id {
            params.subject_alt_names.push(SanType::URI(id.try_into()?));
        }
        let key = KeyPair::generate().with_context(|| format!("making the key of {name}"))?;
        let certificate = params.signed_by(&key, &self.issuer);
        let certificate = certificate.with_context(|| format!("vouching for {name}"))?;
        Ok(TlsFiles {
            authority: self.file.clone(),
            certificate: folder.file(&format!("{name}.pem"), &certificate.pem())?,
            key: folder.secret_file(&format!("{name}.key"), &key.serialize_pem(), owner)?,
        })
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority(…)")
    }
}

impl TlsFiles {
    /// This end of a gRPC connection.
    pub(crate) fn endpoint(&self, address: SocketAddr) -> Result<Endpoint> {
        // These two print their key; the endpoint does not.
        let identity = Identity::from_pem(read(&self.certificate)?, read(&self.key)?);
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(read(&self.authority)?))
            .identity(identity);
        let endpoint = Endpoint::new(format!("https://{address}"))?;
        Ok(endpoint.tls_config(tls)?)
    }

    /// This end of a connection to NATS.
    pub(crate) fn for_nats(&self, options: ConnectOptions) -> ConnectOptions {
        options
            .require_tls(true)
            .add_root_certificates(self.authority.clone())
            .add_client_certificate(self.certificate.clone(), self.key.clone())
    }

    /// This end of a connection to Postgres: the URL with what it needs, for sqlx and libpq alike.
    ///
    /// # Errors
    /// If it is no URL.
    pub fn for_postgres(&self, url: &str) -> Result<String> {
        let mut url = reqwest::Url::parse(url).context("the Postgres URL")?;
        url.query_pairs_mut()
            .append_pair("sslmode", "verify-full")
            .append_pair("sslrootcert", &self.authority.display().to_string())
            .append_pair("sslcert", &self.certificate.display().to_string())
            .append_pair("sslkey", &self.key.display().to_string());
        Ok(url.into())
    }
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))
}

/// Bounds a certificate to the time of a run, by whole days.
fn limit(params: &mut CertificateParams) -> Result<()> {
    let now = system_now();
    let date = |at: DateTime<Utc>| -> Result<_> {
        let (month, day) = (u8::try_from(at.month())?, u8::try_from(at.day())?);
        Ok(date_time_ymd(at.year(), month, day))
    };
    params.not_before = date(now - TimeDelta::days(1))?;
    params.not_after = date(now + TimeDelta::from_std(RUN_LIMIT)? + TimeDelta::days(1))?;
    Ok(())
}

/// Certificates know no rehearsal: TLS checks them by the system's clock.
#[expect(
    clippy::disallowed_methods,
    reason = "certificates are of the system's time, whatever the rehearsal clock says"
)]
fn system_now() -> DateTime<Utc> {
    Utc::now()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// P5: keys are their owner's alone, go with the run, and do not print.
    #[test]
    fn keys_are_private_and_go_with_the_run() {
        let folder = RunFolder::create().unwrap();
        let authority = Authority::make(&folder).unwrap();
        let files = authority.of_service(&folder, Service::Offer).unwrap();
        let mode = std::fs::metadata(&files.key).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let endpoint = files.endpoint("127.0.0.1:1".parse().unwrap()).unwrap();
        let printed = format!("{authority:?} {files:?} {endpoint:?}");
        for line in folder.secret_lines().unwrap() {
            let bytes = format!("{:?}", line.as_bytes());
            let bytes = bytes.trim_matches(['[', ']']);
            assert!(
                !printed.contains(&line) && !printed.contains(bytes),
                "{printed}"
            );
        }
        let written = std::fs::read_dir(folder.path()).unwrap();
        let keys = written.filter(|entry| {
            let path = entry.as_ref().unwrap().path();
            path.extension().is_some_and(|extension| extension == "key")
        });
        assert_eq!(keys.count(), 1, "the authority's is not written");
        drop(folder);
        assert!(!files.key.exists());
    }
}

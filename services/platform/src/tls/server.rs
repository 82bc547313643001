//! What the gRPC port serves TLS with: read from its files, and again when they have changed.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::{TlsError, certificates, identity_files, key};
use crate::config::Settings;

/// What gRPC is over TLS (RFC 7301).
const HTTP2: &[u8] = b"h2";

/// The server's side of TLS.
#[derive(Debug)]
pub(crate) struct ServerTls {
    files: Files,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    callers: Option<Callers>,
}

/// Whose certificates count.
#[derive(Debug)]
struct Callers {
    authorities: PathBuf,
    optional: bool,
}

#[derive(Debug)]
struct Held {
    config: Arc<ServerConfig>,
    /// The files as they were when they were read last, whether they were of use or not.
    seen: Vec<Option<Version>>,
}

/// A file at a time: another one has another.
#[derive(Debug, PartialEq, Eq)]
struct Version {
    inode: (u64, u64),
    modified: (i64, i64),
    size: u64,
}

impl ServerTls {
    /// Reads the files, if the settings name any.
    ///
    /// # Errors
    /// Settings or files by which nobody could be served.
    pub(crate) fn new(settings: &Settings) -> Result<Option<Self>, TlsError> {
        let Some((certificate, key)) = identity_files(settings)? else {
            return match settings.tls_client_ca_file {
                Some(_) => Err(TlsError::NoIdentity),
                None => Ok(None),
            };
        };
        let files = Files {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            callers: settings.tls_client_ca_file.clone().map(|file| Callers {
                authorities: file,
                optional: settings.tls_client_certificate_optional,
            }),
        };
        let seen = files.versions();
        let config = Arc::new(files.load()?);
        let held = Mutex::new(Held { config, seen });
        Ok(Some(Self { files, held }))
    }

    /// What a connection that comes in now is served with. Looks at the files.
    pub(super) fn current(&self) -> Arc<ServerConfig> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // Looked at before they are read: what changes in between is another version next time.
        let versions = self.files.versions();
        if versions != held.seen {
            held.seen = versions;
            match self.files.load() {
                Ok(config) => {
                    held.config = Arc::new(config);
                    tracing::info!("the certificate's files have changed and are read");
                }
                Err(error) => {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::warn!(%error, cause, "the certificate's new files are of no use yet");
                }
            }
        }
        Arc::clone(&held.config)
    }
}

impl Files {
    fn versions(&self) -> Vec<Option<Version>> {
        let authorities = self.callers.as_ref().map(|callers| &callers.authorities);
        let files = [Some(&self.certificate), Some(&self.key), authorities];
        files
            .into_iter()
            .flatten()
            .map(|file| version(file))
            .collect()
    }

    fn load(&self) -> Result<ServerConfig, TlsError> {
        let builder = ServerConfig::builder();
        let builder = match &self.callers {
            None => builder.with_no_client_auth(),
            Some(callers) => {
                let mut roots = RootCertStore::empty();
                for authority in certificates(&callers.authorities)? {
                    roots
                        .add(authority)
                        .map_err(|error| TlsError::Authority(callers.authorities.clone(), error))?;
                }
                let mut verifier = WebPkiClientVerifier::builder(Arc::new(roots));
                if callers.optional {
                    verifier = verifier.allow_unauthenticated();
                }
                builder.with_client_cert_verifier(verifier.build().map_err(TlsError::Callers)?)
            }
        };
        let identity = (certificates(&self.certificate)?, key(&self.key)?);
        let mut config = builder
            .with_single_cert(identity.0, identity.1)
            .map_err(TlsError::Identity)?;
        config.alpn_protocols = vec![HTTP2.to_vec()];
        Ok(config)
    }
}

/// None: it is not there.
fn version(file: &Path) -> Option<Version> {
    let about = std::fs::metadata(file).ok()?;
    Some(Version {
        inode: (about.dev(), about.ino()),
        modified: (about.mtime(), about.mtime_nsec()),
        size: about.size(),
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
            let name = format!("countersign-tls-{name}-{}", std::process::id());
            let folder = std::env::temp_dir().join(name);
            std::fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }

        /// Puts a file there as a renewal does: made beside, then moved over the old one.
        fn put(&self, name: &str, text: &str) {
            std::fs::write(self.0.join("new"), text).unwrap();
            std::fs::rename(self.0.join("new"), self.0.join(name)).unwrap();
        }

        fn settings(&self) -> Settings {
            Settings {
                tls_certificate_file: Some(self.0.join("certificate")),
                tls_key_file: Some(self.0.join("key")),
                ..Settings::default()
            }
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    /// A certificate and its key, in PEM.
    fn identity() -> (String, String) {
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    #[test]
    fn an_identity_is_whole_or_none() {
        let file = || Some(PathBuf::from("/nowhere/at-all.pem"));
        assert!(matches!(ServerTls::new(&Settings::default()), Ok(None)));
        let half = Settings {
            tls_key_file: file(),
            ..Settings::default()
        };
        assert!(matches!(ServerTls::new(&half), Err(TlsError::HalfIdentity)));
        let unread = Settings {
            tls_certificate_file: file(),
            ..half
        };
        assert!(matches!(ServerTls::new(&unread), Err(TlsError::File(..))));
        let authority = Settings {
            tls_client_ca_file: file(),
            ..Settings::default()
        };
        assert!(matches!(
            ServerTls::new(&authority),
            Err(TlsError::NoIdentity)
        ));
    }

    /// Each file that is of no use is told by its own error, and none by what it holds.
    #[test]
    fn files_that_are_of_no_use_are_told_apart() {
        let folder = Folder::new("useless");
        let ((certificate, key), (_, stranger)) = (identity(), identity());
        let told = |certificate: &str, key: &str, authorities: Option<&str>| {
            folder.put("certificate", certificate);
            folder.put("key", key);
            folder.put("authorities", authorities.unwrap_or_default());
            let settings = Settings {
                tls_client_ca_file: authorities.map(|_| folder.0.join("authorities")),
                ..folder.settings()
            };
            let error = ServerTls::new(&settings).err();
            let told = format!("{error:?}");
            assert!(!told.contains("hunter2"), "{told}");
            error
        };
        let hidden = "-----BEGIN PRIVATE KEY-----\nhunter2";
        assert!(told(&certificate, &key, Some(&certificate)).is_none());
        let empty = told("", &key, None);
        assert!(matches!(empty, Some(TlsError::Empty(_))), "{empty:?}");
        for no_key in ["", &certificate, hidden] {
            let error = told(&certificate, no_key, None);
            assert!(matches!(error, Some(TlsError::Pem(..))), "{error:?}");
        }
        let mixed = told(&certificate, &stranger, None);
        assert!(matches!(mixed, Some(TlsError::Identity(_))), "{mixed:?}");
        let nobody = told(&certificate, &key, Some(&key));
        assert!(matches!(nobody, Some(TlsError::Empty(_))), "{nobody:?}");
    }

    /// A renewed certificate counts for the next connection; until its key is there, the old one.
    #[test]
    fn files_are_read_again_when_they_have_changed() {
        let folder = Folder::new("renewed");
        let ((certificate, key), (renewed, its_key)) = (identity(), identity());
        folder.put("certificate", &certificate);
        folder.put("key", &key);
        let tls = ServerTls::new(&folder.settings()).unwrap().unwrap();
        let first = tls.current();
        assert!(Arc::ptr_eq(&first, &tls.current()));
        folder.put("certificate", &renewed);
        assert!(Arc::ptr_eq(&first, &tls.current()), "without its key");
        folder.put("key", &its_key);
        let second = tls.current();
        assert!(!Arc::ptr_eq(&first, &second));
        std::fs::remove_file(folder.0.join("key")).unwrap();
        assert!(Arc::ptr_eq(&second, &tls.current()), "taken away");
    }

    /// Neither what is held nor where it came from shows a key.
    #[test]
    fn keys_do_not_print() {
        let folder = Folder::new("printed");
        let (certificate, key) = identity();
        folder.put("certificate", &certificate);
        folder.put("key", &key);
        let tls = ServerTls::new(&folder.settings()).unwrap().unwrap();
        let read = super::key(&folder.0.join("key")).unwrap();
        let secret = format!("{:?}", read.secret_der());
        let printed = format!("{tls:?} {read:?}");
        let body: String = key.lines().filter(|line| !line.starts_with('-')).collect();
        assert!(
            !printed.contains(secret.trim_matches(['[', ']'])),
            "{printed}"
        );
        assert!(!printed.contains(&body), "{printed}");
    }
}

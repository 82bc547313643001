//! Who calls, and what they may (P5).
//!
//! | file | what |
//! |---|---|
//! | `door` | the layer that every call passes: identity, then rate, then permission, then the handler |
//! | `token`, `keys`, `key_source`, `key_cache` | bearer tokens, and the issuer's keys |
//! | `permission` | the table of a service: method → roles and services |
//! | `rate` | calls per caller |
//! | `identity` | a caller whose name, tenant and roles are proven |
//! | `denial` | how a caller is turned away |
//!
//! Health and reflection are open to anybody who reaches the port; only health has neither slot nor
//! deadline. Everything else needs a rule: a
//! service whose table leaves out a method that it serves does not start.
//!
//! # Who is who
//! A **token** names a person or a system of the tenant that it is for; a **certificate** names a
//! service of ours ([`crate::tls`]), which works for every tenant and says in `countersign-seller` for
//! which. Where callers' certificates are looked at (`tls_client_ca_file`):
//!
//! | token | certificate for `spiffe://countersign/things` | the caller |
//! |---|---|---|
//! | of a person | with or without | the person |
//! | none | yes | `service:things`, of the seller that the metadata names |
//! | of `service:things` | yes | `service:things`, of the token's seller |
//! | of `service:things` | no, or another's | refused: `CERTIFICATE_REQUIRED` |
//! | none | no, or of no service | refused: `TOKEN_REQUIRED` |
//!
//! Elsewhere tokens alone decide, and a token may name a service.
//!
//! # Threats
//! | who | could | what stops it | what is left |
//! |---|---|---|---|
//! | anybody on the network | call without a token, or with a forged one | algorithms pinned and bound to the key's type; issuer, audience and time checked; plain metadata counts on loopback only, else the service does not start | a token that was stolen counts until it expires: issue short ones, and keep the way encrypted |
//! | anybody on the network | read or change what is said, or pose as a service | TLS, with certificates on both sides where `tls_client_ca_file` is set | in plain text (no `tls_certificate_file`), everything: for one machine, or a mesh that encrypts |
//! | whoever has a service's token | call as that service | beside its certificate only, where callers' certificates are looked at | elsewhere it counts as any stolen token |
//! | whoever has a service's key | call as that service, for every tenant | what services may call is a few methods in the table; short-lived certificates, renewed without a restart | revocation lists are not read: take the authority out, or wait for the certificate's end |
//! | anybody on the network | exhaust the process | concurrent calls, streams per connection, message sizes, deadlines that hold whether the caller reads or not, age of connections | connections themselves are not counted: that is the ingress's; a caller that reads nothing keeps one chunk a stream until its connection ends |
//! | anybody on the network | make it ask the issuer without end, or wait for it, by unknown key ids | one reading at a time, with a least interval; few calls wait for one | while an issuer hangs, callers with a new key are told to come back |
//! | a caller of one tenant | name another tenant | the tenant is the token's, and every statement's first condition | what an operator sees of tasks and counts (`OperationsService`) is the process's, not one tenant's |
//! | a caller in one role | do what another role may | a table per service, asked before the request is read | a person with several roles: the domain still refuses self-approval |
//! | a caller | learn what exists by what is refused | refused before the request is looked at, always alike | none known |
//! | a caller | call so often that others wait | a bucket per seller and principal | the issuer decides how many principals there are |
//! | whoever held a key that was taken back | sign on | it stops counting at the next reading, five minutes at most | an hour, if it can also cut the way to the issuer |
//! | whoever sits between service and issuer | put in keys of its own | https, or loopback; no redirects | where `auth_jwks_insecure` is set, everything |
//! | whoever reads logs | find tokens or passwords | the door takes the token out of the request; `Secret` does not print | names of callers and tenants are in the logs, as they should be |

mod denial;
mod door;
mod identity;
#[cfg(test)]
mod issuer;
mod key_cache;
mod key_source;
mod keys;
mod permission;
mod rate;
mod token;

use std::net::SocketAddr;
use std::sync::Arc;

use crate::clock::Clock;
use crate::config::Settings;
use crate::lifecycle::Lifecycle;
use crate::metrics::Counter;
use door::Proof;
use key_cache::KeyCache;
use key_source::{KeySource, SourceError};
use rate::Rates;
use token::Tokens;

pub(crate) use denial::{denied, denied_for};
pub(crate) use door::{Door, DoorLayer, is_health, is_open};
pub use identity::Identity;
pub(crate) use permission::Permissions;
pub use permission::{Permission, PermissionsError, check_permissions};

/// Callers cannot be told apart as configured: the service does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthError {
    /// Whoever reaches the port could say that it is anybody.
    #[error(
        "auth_jwks_url is not set and {0} is not loopback: without an issuer, callers are believed, \
         and only this machine's may be"
    )]
    BelievesTheNetwork(SocketAddr),
    /// Tokens of any issuer would count.
    #[error("auth_jwks_url is set, so auth_issuer and auth_audience must be")]
    NoIssuer,
    /// The keys cannot be read from there.
    #[error(transparent)]
    Source(#[from] SourceError),
}

impl Door {
    /// The door of a process that listens at `address`. Its keys keep themselves fresh until the
    /// lifecycle stops; it counts in `refused` whom it turns away, by reason.
    ///
    /// # Errors
    /// Settings by which callers cannot be told apart.
    pub(crate) fn new(
        settings: &Settings,
        permissions: Permissions,
        address: SocketAddr,
        lifecycle: &Lifecycle,
        refused: &Counter,
    ) -> Result<Self, AuthError> {
        let rates = Rates::new(settings.rate_limit_per_second, settings.rate_limit_burst);
        let proof = if settings.auth_jwks_url.is_empty() {
            if !address.ip().to_canonical().is_loopback() {
                return Err(AuthError::BelievesTheNetwork(address));
            }
            Proof::Loopback
        } else {
            Proof::Token {
                tokens: tokens(settings, lifecycle)?,
                certificates: settings.tls_client_ca_file.is_some(),
            }
        };
        Ok(Self {
            proof,
            rates,
            permissions,
            refused: refused.clone(),
        })
    }
}

fn tokens(settings: &Settings, lifecycle: &Lifecycle) -> Result<Tokens, AuthError> {
    let (issuer, audience) = (&settings.auth_issuer, &settings.auth_audience);
    if issuer.is_empty() || audience.is_empty() {
        return Err(AuthError::NoIssuer);
    }
    let source = KeySource::new(settings.auth_jwks_url.expose(), settings.auth_jwks_insecure)?;
    let keys = Arc::new(KeyCache::new(source));
    lifecycle.spawn(Arc::clone(&keys).keep_fresh(lifecycle.clone()));
    // The system's clock, not the service's: see `token`.
    Ok(Tokens::new(keys, issuer, audience, Clock::system()))
}

#[cfg(test)]
mod tests {
    use http::Request;
    use tonic::body::Body;

    use super::*;
    use crate::config::Secret;
    use crate::metrics::{Instruments, Metrics};

    fn door(address: &str, change: impl Fn(&mut Settings)) -> Result<(), AuthError> {
        let metrics = Metrics::new("things").unwrap();
        counted(&metrics, address, change).map(drop)
    }

    fn counted(
        metrics: &Metrics,
        address: &str,
        change: impl Fn(&mut Settings),
    ) -> Result<Door, AuthError> {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut settings = Settings::default();
        change(&mut settings);
        let permissions = Permissions::new(&[], &[], &[]).unwrap();
        let address = address.parse().unwrap();
        let refused = Instruments::new(metrics).refused;
        let lifecycle = Lifecycle::default();
        Door::new(&settings, permissions, address, &lifecycle, &refused)
    }

    /// P6: who is turned away is counted by reason, and by nothing that a caller can make up.
    #[tokio::test]
    async fn refusals_are_counted_by_reason() {
        let metrics = Metrics::new("things").unwrap();
        let door = counted(&metrics, "127.0.0.1:1", |settings| {
            issuer(settings);
            settings.auth_jwks_url = Secret::new("file:///there/is/none");
        });
        let door = door.unwrap();
        for authorization in ["", "Basic eDp5", "Bearer made.up", "Bearer more.made.up"] {
            let mut request = Request::new(Body::empty());
            *request.uri_mut() = "/a.B/C".parse().unwrap();
            let headers = request.headers_mut();
            headers.insert("authorization", authorization.parse().unwrap());
            door.admit(&mut request).await.unwrap_err();
        }
        let shown = metrics.render().unwrap();
        let counted: Vec<_> = shown
            .lines()
            .filter(|line| line.starts_with("countersign_calls_refused_total{"))
            .filter_map(|line| line.split_once("reason=\"")?.1.split_once('"'))
            .map(|(reason, rest)| (reason, rest.rsplit(' ').next().unwrap_or_default()))
            .collect();
        assert_eq!(counted, [("TOKEN_MALFORMED", "2"), ("TOKEN_REQUIRED", "2")]);
    }

    fn issuer(settings: &mut Settings) {
        settings.auth_jwks_url = Secret::new("https://issuer.example/keys");
        settings.auth_issuer = "https://issuer.example".to_owned();
    }

    /// P5: who believes its callers listens to this machine only, or does not start.
    #[tokio::test]
    async fn callers_are_believed_on_loopback_only() {
        for here in ["127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert!(door(here, |_| {}).is_ok(), "{here}");
        }
        for anywhere in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1"] {
            let refused = door(anywhere, |_| {});
            assert!(matches!(refused, Err(AuthError::BelievesTheNetwork(_))));
            assert!(door(anywhere, issuer).is_ok(), "{anywhere}");
        }
    }

    #[tokio::test]
    async fn an_issuer_has_a_name_and_a_place() {
        let nameless = door("127.0.0.1:1", |settings| {
            issuer(settings);
            settings.auth_issuer.clear();
        });
        assert!(matches!(nameless, Err(AuthError::NoIssuer)));
        let plain = |settings: &mut Settings| {
            issuer(settings);
            settings.auth_jwks_url = Secret::new("http://issuer.example/keys");
        };
        let refused = door("127.0.0.1:1", plain);
        assert!(matches!(refused, Err(AuthError::Source(_))));
        let trusted = door("127.0.0.1:1", |settings| {
            plain(settings);
            settings.auth_jwks_insecure = true;
        });
        assert!(trusted.is_ok());
    }
}

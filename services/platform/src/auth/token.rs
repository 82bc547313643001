//! Bearer tokens: JWTs of one issuer, for this audience, signed by a key that it has now (P5).
//!
//! Their time is the system's, whatever clock the service runs by: a rehearsal that moves a year
//! ahead (P8) must neither end the sessions of those who rehearse nor bring expired tokens back.

use std::sync::Arc;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Validation, decode, decode_header};
use serde::Deserialize;
use tonic::{Code, Status};

use super::denial::{denied, denied_for};
use super::identity::{Identity, roles};
use super::key_cache::{KeyCache, NoKey};
use super::keys::ALGORITHMS;
use crate::clock::Clock;

/// How far the clocks of issuer and service may be apart, in seconds.
const SKEW_SECONDS: i64 = 60;
/// The longest token that is looked at.
const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// The most roles that a token may name.
const MAX_ROLES: usize = 32;
/// When to come back while the issuer's keys cannot be read.
const KEYS_AWAY: std::time::Duration = std::time::Duration::from_secs(5);

/// What a token says. Times are whole seconds since 1970.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: i64,
    nbf: Option<i64>,
    iat: Option<i64>,
    countersign_seller: String,
    #[serde(default)]
    countersign_roles: Vec<String>,
}

/// Verifies tokens.
#[derive(Debug)]
pub(crate) struct Tokens {
    keys: Arc<KeyCache>,
    issuer: String,
    audience: String,
    clock: Clock,
}

impl Tokens {
    pub(super) fn new(keys: Arc<KeyCache>, issuer: &str, audience: &str, clock: Clock) -> Self {
        Self {
            keys,
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            clock,
        }
    }

    /// Who the token says that its bearer is.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` with what is wrong with it; `UNAVAILABLE` when nobody can tell.
    pub(super) async fn verify(&self, token: &str) -> Result<Identity, Status> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(refused("TOKEN_MALFORMED"));
        }
        let header = decode_header(token).map_err(|_| refused("TOKEN_MALFORMED"))?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(refused("TOKEN_ALGORITHM_REFUSED"));
        }
        // Critical extensions must be understood; none is here (RFC 7515, 4.1.11).
        if header.crit.is_some() {
            return Err(refused("TOKEN_MALFORMED"));
        }
        let id = header.kid.unwrap_or_default();
        let key = self.keys.find(&id, header.alg).await.map_err(no_key)?;
        let mut validation = Validation::new(header.alg);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        // By our own clock, below.
        validation.validate_exp = false;
        let token = decode::<Claims>(token, &key, &validation);
        let claims = token.map_err(|error| invalid(error.kind()))?.claims;
        self.in_time(&claims)?;
        identity(&claims)
    }

    fn in_time(&self, claims: &Claims) -> Result<(), Status> {
        let now = self.clock.now().timestamp();
        if claims.exp.saturating_add(SKEW_SECONDS) <= now {
            return Err(refused("TOKEN_EXPIRED"));
        }
        let from = claims.nbf.max(claims.iat);
        if from.is_some_and(|from| from.saturating_sub(SKEW_SECONDS) > now) {
            return Err(refused("TOKEN_NOT_YET_VALID"));
        }
        Ok(())
    }
}

fn identity(claims: &Claims) -> Result<Identity, Status> {
    let wrong = || refused("TOKEN_CLAIMS_INVALID");
    if claims.countersign_roles.len() > MAX_ROLES {
        return Err(wrong());
    }
    Ok(Identity {
        seller: claims.countersign_seller.parse().map_err(|_| wrong())?,
        principal: claims.sub.parse().map_err(|_| wrong())?,
        roles: roles(claims.countersign_roles.iter().map(String::as_str)),
    })
}

fn no_key(why: NoKey) -> Status {
    match why {
        NoKey::Unknown => refused("TOKEN_KEY_UNKNOWN"),
        NoKey::Unavailable => denied_for(
            Code::Unavailable,
            "JWKS_UNAVAILABLE",
            "the issuer's keys cannot be read",
            KEYS_AWAY,
        ),
    }
}

fn invalid(kind: &ErrorKind) -> Status {
    refused(match kind {
        ErrorKind::InvalidSignature => "TOKEN_SIGNATURE_INVALID",
        ErrorKind::InvalidIssuer => "TOKEN_ISSUER_WRONG",
        ErrorKind::InvalidAudience => "TOKEN_AUDIENCE_WRONG",
        _ => "TOKEN_CLAIMS_INVALID",
    })
}

fn refused(reason: &'static str) -> Status {
    denied(
        Code::Unauthenticated,
        reason,
        "the bearer token does not count",
    )
}

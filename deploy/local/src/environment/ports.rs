//! Free loopback ports.
//!
//! They are taken below the range that the kernel hands to outgoing connections: a service that is
//! killed and started again must find its port still free.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail};

const LOWEST: u16 = 15_000;
const HIGHEST: u16 = 32_000;

static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A loopback address that nobody listens on, and that this process gives out only once.
pub(crate) fn free_address() -> Result<SocketAddr> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    // Two runs at a time start looking at different places.
    let span = u32::from(HIGHEST - LOWEST);
    let start = std::process::id().wrapping_mul(97) % span;
    for step in 0..span {
        let offset = u16::try_from((start + step) % span)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, LOWEST + offset));
        if !given.contains(&address.port()) && TcpListener::bind(address).is_ok() {
            given.insert(address.port());
            return Ok(address);
        }
    }
    bail!("no free port between {LOWEST} and {HIGHEST} on 127.0.0.1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_given_once_and_is_free() {
        let first = free_address().unwrap();
        let second = free_address().unwrap();
        assert_ne!(first, second);
        assert!(first.ip().is_loopback());
        TcpListener::bind(second).unwrap();
    }
}

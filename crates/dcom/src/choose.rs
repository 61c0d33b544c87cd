use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::DualStringArray;

/// Most endpoints that [`choose`] returns: each may cost a connection time-out.
pub const MAX_CANDIDATES: usize = 16;

/// Where to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// A name, an IPv4 or an IPv6 address (without brackets).
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// The endpoints to try for `bindings`, best first: no more than [`MAX_CANDIDATES`].
///
/// `used` is the host that led here, as it was reached (a name or an address). It comes first with
/// every port that is listed: what a multi-homed, renamed or translated server calls itself is often
/// not reachable, while its ports are right. Then the server's own addresses, in its order.
/// A binding without a port means `resolver_port`. Only TCP bindings count; hosts with characters
/// that no host has are passed over.
///
/// A server can thereby name any host. Whoever does not want its credentials offered there tries the
/// leading entries whose host is `used` and no others.
pub fn choose(bindings: &DualStringArray, used: &str, resolver_port: u16) -> Vec<Endpoint> {
    let listed = bindings.strings.iter().filter_map(|binding| {
        let (host, port) = binding.host_port()?;
        Some((host, port.unwrap_or(resolver_port)))
    });
    let known = listed.clone().map(|(_, port)| (used, port));
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for (host, port) in known.chain(listed) {
        let is_new = |known: &Endpoint| known.port != port || !known.host.eq_ignore_ascii_case(host);
        if endpoints.len() < MAX_CANDIDATES && endpoints.iter().all(is_new) {
            endpoints.push(Endpoint { host: host.to_string(), port });
        }
    }
    endpoints
}

//! `[network]` and `[kerberos]` of `ca.toml`.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where and how a CA directory is served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// Address that both listeners bind, IPv4 or IPv6. Default 127.0.0.1.
    pub address: IpAddr,
    /// Port of the resolver: what a client dials first, 135 on a Windows CA. 0, the default, lets the
    /// system choose; [`crate::Server::local_addrs`] tells.
    pub resolver_port: u16,
    /// Port of the CA's own interfaces; clients learn it from the resolver. 0, the default, lets the
    /// system choose.
    pub exporter_port: u16,
    /// Seconds between two pings of a client. After three of them without a ping or a call a client
    /// counts as lost. At least 1; default 120, which is what DCOM clients expect.
    pub ping_period: u32,
    /// Host names and addresses that clients are told to dial, best first. Empty, the default, stands
    /// for the address that the client's first connection came to.
    pub advertise: Vec<String>,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            resolver_port: 0,
            exporter_port: 0,
            ping_period: 120,
            advertise: Vec::new(),
        }
    }
}

/// What lets clients in that have a Kerberos ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kerberos {
    /// The keytab with the keys of the CA's host; relative to the CA directory.
    pub keytab: PathBuf,
}

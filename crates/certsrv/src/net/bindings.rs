//! What clients are told to dial.

use std::net::IpAddr;

use dcom::{DualStringArray, SecurityBinding, StringBinding};

use crate::Config;

/// The addresses of `ca.toml`, or the one that the client came to; with the mechanisms that this server
/// has. NTLM and the negotiation are named whether or not there are users with hashes: the bindings are
/// for everybody, and need not tell.
pub(super) fn at(config: &Config, local: IpAddr, port: Option<u16>) -> DualStringArray {
    let mut hosts = config.network.advertise.clone();
    if hosts.is_empty() {
        hosts.push(local.to_canonical().to_string());
    }
    let kerberos = config.kerberos.is_some();
    let services = [(NEGOTIATE, true), (NTLM, true), (KERBEROS, kerberos)];
    let security = services.into_iter().filter(|(_, is_served)| *is_served);
    DualStringArray {
        strings: hosts.iter().map(|host| StringBinding::tcp(host, port)).collect(),
        security: security
            .map(|(service, _)| SecurityBinding { service, principal: String::new() })
            .collect(),
    }
}

const NEGOTIATE: u16 = 9;
const NTLM: u16 = 10;
const KERBEROS: u16 = 16;

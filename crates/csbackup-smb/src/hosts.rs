//! Which file servers may be given the credentials.

use std::io;
use std::net::Ipv4Addr;

/// A file server that may be given the credentials.
///
/// A CA names its files as it likes, `\\attacker\share` included, and whoever is asked for a file
/// receives an answer made with the credentials: a gift to guess passwords with, or to relay.
/// So a name only chooses among the hosts that were allowed, and never says where to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    name: String,
    address: String,
}

impl Host {
    /// A host reached by its name, at the port of SMB (445).
    ///
    /// `name` is a DNS name, a NetBIOS name, or an IPv4 address.
    pub fn new(name: &str) -> Self {
        Self::at(name, &format!("{name}:445"))
    }

    /// A host reached somewhere else: `address` is `host:port`.
    pub fn at(name: &str, address: &str) -> Self {
        Self { name: name.to_owned(), address: address.to_owned() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The host that `name` means.
    ///
    /// That is one with the same name; or else one whose name is the short form of the other, as in
    /// `CA01` and `ca01.corp.example`, because a CA reports either.
    pub(crate) fn find<'a>(hosts: &'a [Self], name: &str) -> io::Result<&'a Self> {
        let exact = hosts.iter().find(|host| host.name.eq_ignore_ascii_case(name));
        let found = exact.or_else(|| hosts.iter().find(|host| is_short_form(&host.name, name)));
        found.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::Unsupported,
                format!("the host `{name}` is not one that may be given the credentials"),
            )
        })
    }
}

fn is_short_form(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    let Some((label, _)) = long.split_once('.') else { return false };
    label.eq_ignore_ascii_case(short) && long.parse::<Ipv4Addr>().is_err()
}

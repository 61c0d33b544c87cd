use ntlm::{Host, User};
use std::sync::Arc;

/// The users that may log on with NTLM.
///
/// Names and domains are compared without regard to case. A user without a domain is one of the
/// machine: whatever domain the client names. A user with one is found under its name, under both the
/// NetBIOS and the DNS name when it is either of the server's, and under no domain at all.
#[derive(Debug, Clone, Default)]
pub struct Users(Vec<User>);

impl Users {
    /// These users; of two with the same name and domain the first counts.
    pub fn new(users: impl IntoIterator<Item = User>) -> Self {
        Self(users.into_iter().collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The users as seen by a server of this name.
pub(crate) struct Known {
    pub(crate) users: Users,
    pub(crate) host: Arc<Host>,
}

impl ntlm::Users for Known {
    fn user(&self, domain: &str, user: &str) -> Option<User> {
        let (user, domain) = match user.rsplit_once('@') {
            Some(upn) if domain.is_empty() => upn,
            _ => (user, domain),
        };
        let is_ours = |domain: &str| {
            let Host { netbios_domain, dns_domain, .. } = self.host.as_ref();
            !domain.is_empty() && (same(domain, netbios_domain) || same(domain, dns_domain))
        };
        let named = || self.users.0.iter().filter(|known| same(&known.name, user));
        named()
            .find(|known| same(&known.domain, domain))
            .or_else(|| named().find(|known| is_ours(domain) && is_ours(&known.domain)))
            .or_else(|| named().find(|known| known.domain.is_empty() || domain.is_empty()))
            .cloned()
    }
}

fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

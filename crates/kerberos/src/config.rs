//! Where the KDCs are: given by the caller, or from `krb5.conf`.

use std::collections::BTreeMap;
use std::path::Path;

use crate::Error;
use crate::cursor::read_file;

/// Port of a KDC when none is given.
const PORT: u16 = 88;

/// What is known of realms.
///
/// Of `krb5.conf` two things are read: `default_realm` in `[libdefaults]` and `kdc` of each realm in
/// `[realms]`. `include` and `includedir` are not followed. A realm without a known KDC is asked at the
/// address its own name has in DNS: in Active Directory these are the domain controllers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    default_realm: Option<String>,
    /// Realm in upper case to addresses `host:port`.
    kdcs: BTreeMap<String, Vec<String>>,
}

impl Config {
    /// Reads the files of `KRB5_CONFIG` (separated by `:`), or `/etc/krb5.conf`. Of two files, the first
    /// with a setting counts. Files that are absent are empty.
    ///
    /// # Errors
    /// [`Error::Read`] for a file that is there and cannot be read.
    pub fn load() -> Result<Self, Error> {
        let paths = std::env::var_os("KRB5_CONFIG").unwrap_or_else(|| "/etc/krb5.conf".into());
        let mut config = Self::default();
        for path in std::env::split_paths(&paths).filter(|path| path.exists()) {
            config.merge(Self::open(&path)?);
        }
        Ok(config)
    }

    /// Reads one file.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self::parse(&String::from_utf8_lossy(&read_file(path)?)))
    }

    /// Reads the text of a `krb5.conf`. Lines that are not understood are passed over.
    pub fn parse(text: &str) -> Self {
        let mut config = Self::default();
        let mut section = String::new();
        // Names of the open `{`; a realm is the first.
        let mut open: Vec<String> = Vec::new();
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
                name.trim().clone_into(&mut section);
                open.clear();
            } else if line.starts_with('}') {
                open.pop();
            } else if let Some((key, value)) = line.split_once('=') {
                let (key, value) = (key.trim(), value.trim().trim_matches('"'));
                match (section.as_str(), open.as_slice(), key) {
                    _ if value.starts_with('{') => open.push(key.to_owned()),
                    ("libdefaults", [], "default_realm") if config.default_realm.is_none() => {
                        config.default_realm = Some(value.to_owned());
                    }
                    ("realms", [realm], "kdc") => config.add(&realm.clone(), value),
                    _ => {}
                }
            }
        }
        config
    }

    /// Adds a KDC of a realm: `host`, `host:port`, `[v6]:port`. The first added is asked first.
    #[must_use]
    pub fn with_kdc(mut self, realm: &str, address: &str) -> Self {
        self.add(realm, address);
        self
    }

    /// The realm of names without one.
    pub fn default_realm(&self) -> Option<&str> {
        self.default_realm.as_deref()
    }

    /// Addresses `host:port` of a realm's KDCs, in the order they are asked.
    pub fn kdcs(&self, realm: &str) -> Vec<String> {
        match self.kdcs.get(&realm.to_uppercase()) {
            Some(known) => known.clone(),
            None => vec![format!("{}:{PORT}", realm.to_lowercase())],
        }
    }

    fn add(&mut self, realm: &str, address: &str) {
        // A bare IPv6 address has several colons, and no brackets.
        let has_port = match address.rsplit_once(':') {
            Some((host, port)) => port.parse::<u16>().is_ok() && (!host.contains(':') || host.ends_with(']')),
            None => false,
        };
        let address = match has_port {
            true => address.to_owned(),
            false if address.contains(':') && !address.starts_with('[') => format!("[{address}]:{PORT}"),
            false => format!("{address}:{PORT}"),
        };
        self.kdcs.entry(realm.to_uppercase()).or_default().push(address);
    }

    fn merge(&mut self, other: Self) {
        self.default_realm = self.default_realm.take().or(other.default_realm);
        for (realm, addresses) in other.kdcs {
            self.kdcs.entry(realm).or_insert(addresses);
        }
    }
}

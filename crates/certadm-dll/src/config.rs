//! What no argument of the interface says: who logs on, how, and where a CA is when its name does not tell.

use std::collections::BTreeMap;
use std::env::VarError;
use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rpc_auth::Secret;
use serde::Deserialize;

use crate::failure::Failure;

/// Settings of one layer; each of them may be missing.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Name or address to connect to, in place of the server's name.
    pub(crate) address: Option<String>,
    /// Port of the object resolver there.
    pub(crate) port: Option<u16>,
    /// Common name of the CA, where the host does not tell it.
    pub(crate) ca: Option<String>,
    /// Account: `DOMAIN\user`, `user@realm` or `user`.
    pub(crate) user: Option<String>,
    /// File with the password and nothing else.
    pub(crate) password_file: Option<PathBuf>,
    /// File with the account's Kerberos key.
    pub(crate) keytab: Option<PathBuf>,
    /// File with Kerberos tickets.
    pub(crate) ccache: Option<PathBuf>,
    /// `negotiate`, `kerberos` or `ntlm`.
    pub(crate) auth: Option<String>,
    /// The KDC of the user's realm, `host` or `host:port`.
    pub(crate) kdc: Option<String>,
    /// Seconds for a connection, and for an answer.
    pub(crate) timeout: Option<u64>,
    /// The CA's own directory, where this is its host: restores are registered there.
    pub(crate) ca_dir: Option<PathBuf>,
    #[serde(skip)]
    pub(crate) password: Option<Secret>,
}

/// The file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    /// For every server.
    #[serde(default)]
    defaults: Settings,
    /// By the name that programs give.
    #[serde(default)]
    server: BTreeMap<String, Settings>,
}

/// The settings for one server: environment, the file's for this server, the file's for all. The first
/// layer that has a setting counts.
pub(crate) struct Config([Settings; 3]);

impl Config {
    /// Reads what there is for `server`; its case does not matter.
    pub(crate) fn load(server: &str) -> Result<Self, Failure> {
        let environment = from_environment()?;
        let Document { defaults, server: servers } = match file()? {
            Some(path) => document(&path)?,
            None => Document::default(),
        };
        let named = servers.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(server));
        Ok(Self([environment, named.map(|(_, settings)| settings).unwrap_or_default(), defaults]))
    }

    /// A setting, from the first layer that has it.
    pub(crate) fn find<'a, T: 'a>(&'a self, setting: impl FnMut(&'a Settings) -> Option<T>) -> Option<T> {
        self.0.iter().find_map(setting)
    }
}

/// The variable that names the file.
const FILE: &str = "CERTADM_CONFIG";

/// Longest file that is read, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// Longest password file, in bytes.
const MAX_PASSWORD: usize = 4096;

/// The file to read: one that is named must be there, the system's may. On Windows there is none of the
/// system's: in the folder for such files any user may make one.
fn file() -> Result<Option<PathBuf>, Failure> {
    if let Some(path) = variable_os(FILE) {
        return Ok(Some(path.into()));
    }
    let usual = (!cfg!(windows)).then(|| PathBuf::from("/etc/certadm.toml"));
    Ok(usual.filter(|path| path.exists()))
}

fn document(path: &Path) -> Result<Document, Failure> {
    let shown = path.display();
    let cannot = |error| Failure::configuration(format!("cannot read `{shown}`: {error}"));
    let mut text = String::new();
    let file = File::open(path).map_err(cannot)?;
    let length = file.take(MAX_FILE).read_to_string(&mut text).map_err(cannot)?;
    if u64::try_from(length).is_ok_and(|length| length == MAX_FILE) {
        return Err(Failure::configuration(format!("`{shown}` is longer than {MAX_FILE} bytes")));
    }
    toml::from_str(&text).map_err(|error| {
        // Its `Display` would show the line, and a line may hold a password that does not belong there.
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count().saturating_add(1);
        Failure::configuration(format!("`{shown}` line {line}: {}", error.message()))
    })
}

fn from_environment() -> Result<Settings, Failure> {
    Ok(Settings {
        address: variable("CERTADM_ADDRESS")?,
        port: number("CERTADM_PORT")?,
        ca: variable("CERTADM_CA")?,
        user: variable("CERTADM_USER")?,
        password_file: variable_os("CERTADM_PASSWORD_FILE").map(PathBuf::from),
        keytab: variable_os("CERTADM_KEYTAB").map(PathBuf::from),
        ccache: variable_os("CERTADM_CCACHE").map(PathBuf::from),
        auth: variable("CERTADM_AUTH")?,
        kdc: variable("CERTADM_KDC")?,
        timeout: number("CERTADM_TIMEOUT")?,
        ca_dir: variable_os("CERTADM_CA_DIR").map(PathBuf::from),
        password: variable("CERTADM_PASSWORD")?.map(Secret::new),
    })
}

/// A variable; one that is empty is not set.
fn variable_os(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

fn variable(name: &str) -> Result<Option<String>, Failure> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        // The error of the standard library would show the value.
        Err(VarError::NotUnicode(_)) => Err(Failure::configuration(format!("{name} is not UTF-8"))),
    }
}

fn number<T: FromStr>(name: &str) -> Result<Option<T>, Failure> {
    let parse = |value: String| {
        value.parse().map_err(|_| Failure::configuration(format!("{name} is not a number that fits")))
    };
    variable(name)?.map(parse).transpose()
}

/// The password in a file, without the end of its line. A file that others than its owner can open is
/// refused.
pub(crate) fn password(path: &Path) -> Result<Secret, Failure> {
    let shown = path.display();
    let failed =
        |reason: &dyn std::fmt::Display| Failure::configuration(format!("password file `{shown}`: {reason}"));
    let file = File::open(path).map_err(|error| failed(&error))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = file.metadata().map_err(|error| failed(&error))?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let reason = format!("others can open it (mode {mode:04o}): `chmod 600 {shown}`");
            return Err(failed(&reason));
        }
    }
    // Room for all of it at once: a string that grows leaves copies behind.
    let mut text = String::with_capacity(MAX_PASSWORD.saturating_add(1));
    let limit = u64::try_from(text.capacity()).unwrap_or(u64::MAX);
    let read = file.take(limit).read_to_string(&mut text);
    let is_long = text.len() > MAX_PASSWORD;
    let bare = text.strip_suffix('\n').map_or(text.len(), |line| line.trim_end_matches('\r').len());
    text.truncate(bare);
    let secret = Secret::new(text);
    match read {
        Err(error) if error.kind() == ErrorKind::InvalidData => Err(failed(&"it is not UTF-8")),
        Err(error) => Err(failed(&error)),
        Ok(_) if is_long => Err(failed(&format!("it is longer than {MAX_PASSWORD} bytes"))),
        Ok(_) if secret.expose().is_empty() => Err(failed(&"it is empty")),
        Ok(_) => Ok(secret),
    }
}

//! Where repositories lie.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use url::Url;

/// A place with one repository per CA, each in a folder of its own.
///
/// ```text
/// /srv/backup   D:\backup   \\host\share   a folder; `local:` before it is allowed
/// s3:https://HOST[:PORT]/BUCKET[/PREFIX]   an S3 server; `s3:http://` without encryption
/// s3:BUCKET[/PREFIX]                       Amazon's own, in the region of the environment
/// rest:http[s]://[USER@]HOST[:PORT]/PATH   rest-server, or `rclone serve restic`
/// ```
///
/// The spelling is restic's. A location never holds a password: it is shown, logged and kept in notes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Location {
    /// A folder of this machine, or a share.
    Local(PathBuf),
    /// Part of a bucket.
    S3(Bucket),
    /// A server that speaks restic's protocol; the address ends with `/`.
    Rest(Url),
}

/// Part of an S3 bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// The server as `https://host:port`; `None` is Amazon's own.
    pub endpoint: Option<String>,
    /// Its name.
    pub name: String,
    /// What the keys of all objects begin with, without slashes around it; may be empty.
    pub prefix: String,
}

/// Why a location cannot be understood. The text never repeats what may be a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LocationError {
    /// Nothing at all.
    #[error("the location is empty")]
    Empty,
    /// No bucket behind `s3:`.
    #[error("the location names no bucket; write `s3:https://HOST/BUCKET/PREFIX`")]
    NoBucket,
    /// An address that cannot be understood.
    #[error("`{scheme}:` needs an address like `{example}`: {reason}")]
    Address {
        /// What stands before the first colon.
        scheme: &'static str,
        /// How it should look.
        example: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A password, or for S3 a user.
    #[error("the location holds {what}, and locations are shown and logged; put it into {variables} instead")]
    Secret {
        /// What should not be there.
        what: &'static str,
        /// The environment variables that it belongs into.
        variables: &'static str,
    },
    /// A kind of store that this program does not know.
    #[error(
        "`{0}:` is not a kind of store (they are a folder, `s3:` and `rest:`); a folder of that name is `./{0}:..`"
    )]
    UnknownScheme(String),
}

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        let Some((scheme, rest)) = scheme(text) else {
            return local(text);
        };
        match scheme {
            "local" => local(rest),
            "s3" => Ok(Self::S3(rest.parse()?)),
            "rest" => rest_address(rest).map(Self::Rest),
            other => Err(LocationError::UnknownScheme(other.to_owned())),
        }
    }
}

impl FromStr for Bucket {
    type Err = LocationError;

    /// Parses what stands behind `s3:`.
    fn from_str(text: &str) -> Result<Self, LocationError> {
        let text = text.strip_prefix("//").unwrap_or(text);
        let (endpoint, path) = if text.contains("://") {
            let url = address(text, "s3", "s3:https://host:9000/bucket/prefix")?;
            if !(url.username().is_empty() && url.password().is_none()) {
                let variables = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
                return Err(LocationError::Secret { what: "credentials", variables });
            }
            // What the parser made of the path is of no use: it would encode characters of the prefix.
            let path = text.splitn(4, '/').nth(3).unwrap_or_default().to_owned();
            (Some(url.origin().ascii_serialization()), path)
        } else {
            let (first, path) = text.split_once('/').unwrap_or((text, ""));
            match first.contains(':') || first.ends_with(".amazonaws.com") {
                true => (Some(format!("https://{first}")), path.to_owned()),
                false => (None, text.to_owned()),
            }
        };
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        let name = parts.next().ok_or(LocationError::NoBucket)?.to_owned();
        Ok(Self { endpoint, name, prefix: parts.collect::<Vec<_>>().join("/") })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => write!(f, "{}", path.display()),
            Self::S3(bucket) => write!(f, "s3:{bucket}"),
            Self::Rest(url) => write!(f, "rest:{}", url.as_str().trim_end_matches('/')),
        }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(endpoint) = &self.endpoint {
            write!(f, "{endpoint}/")?;
        }
        f.write_str(&self.name)?;
        if !self.prefix.is_empty() {
            write!(f, "/{}", self.prefix)?;
        }
        Ok(())
    }
}

/// What stands before the first colon, if it can be the name of a kind of store: `C:` is a drive, and
/// what has a slash before its colon is a path.
fn scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let named = scheme.len() > 1
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-".contains(c));
    named.then_some((scheme, rest))
}

fn local(path: &str) -> Result<Location, LocationError> {
    if path.is_empty() { Err(LocationError::Empty) } else { Ok(Location::Local(PathBuf::from(path))) }
}

fn rest_address(text: &str) -> Result<Url, LocationError> {
    let mut url = address(text, "rest", "rest:https://user@host:8000/path")?;
    if url.password().is_some() {
        let variables = "RESTIC_REST_PASSWORD";
        return Err(LocationError::Secret { what: "a password", variables });
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// An address with a host over HTTP.
fn address(text: &str, scheme: &'static str, example: &'static str) -> Result<Url, LocationError> {
    let wrong = |reason: String| LocationError::Address { scheme, example, reason };
    let url = Url::parse(text).map_err(|error| wrong(error.to_string()))?;
    if !(["http", "https"].contains(&url.scheme()) && url.has_host()) {
        return Err(wrong("it must begin with `https://` or `http://`".to_owned()));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("`?` and `#` have no meaning here".to_owned()));
    }
    Ok(url)
}

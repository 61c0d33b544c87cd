//! Where a CA publishes its lists: `CRLPublicationURLs`.
//!
//! Each is a number and a place with replaceable parts (windowsserverdocs, "Configure the CDP and AIA extensions"):
//! 1 says that the CA itself writes lists there, 2 that certificates name it.

use certadm::{ConfigEntry, ConfigValue};
use csbackup::manifest::Ca;

/// The CA writes base lists there.
const PUBLISHES: u32 = 1;
/// Certificates name it.
const IN_CERTIFICATES: u32 = 2;

/// A place of a list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) url: String,
    /// The CA wrote it there; otherwise somebody else had to.
    is_written: bool,
    /// The CA's host, as the directory knows it.
    host: String,
}

impl Point {
    /// What is to be done.
    pub(super) fn how(&self, file: &str) -> String {
        let lower = self.url.to_lowercase();
        if lower.starts_with("ldap:") {
            return format!("certutil -f -dspublish \"{file}\" {}", self.host);
        }
        if lower.starts_with("http:") || lower.starts_with("https:") {
            return format!("put it on that web server: {}", self.url);
        }
        let path = self
            .url
            .strip_prefix("file:")
            .map_or_else(|| self.url.clone(), |rest| rest.trim_start_matches('/').replace('/', r"\"));
        let path =
            if lower.starts_with("file://") && !path.contains(':') { format!(r"\\{path}") } else { path };
        format!("copy /y \"{file}\" \"{path}\"")
    }
}

/// What the replaceable parts stand for.
pub(super) struct Names {
    host: String,
    ca: String,
    suffix: String,
    configuration: String,
}

impl Names {
    pub(super) fn of(ca: &Ca, file: &str, entries: &[ConfigEntry]) -> Self {
        let text =
            |name: &str| entries.iter().find(|entry| entry.name.eq_ignore_ascii_case(name)).and_then(text_of);
        // The key of the CA has its name as files have it.
        let own = entries.iter().find(|entry| entry.name.eq_ignore_ascii_case("CRLPublicationURLs"));
        let own = own.and_then(|entry| entry.node.split('\\').next()).filter(|node| !node.is_empty());
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        let suffix = stem.rfind('(').and_then(|at| stem.get(at..)).filter(|suffix| suffix.ends_with(')'));
        Self {
            host: text("CAServerName").unwrap_or_else(|| ca.host.clone()),
            ca: own.unwrap_or(&ca.name).to_owned(),
            suffix: suffix.unwrap_or_default().to_owned(),
            configuration: text("DSConfigDN").unwrap_or_else(|| "CN=Configuration,DC=...".to_owned()),
        }
    }

    fn short_host(&self) -> String {
        self.host.split('.').next().unwrap_or_default().to_uppercase()
    }

    /// Puts the names in the place of their signs.
    fn replace(&self, url: &str) -> String {
        let mut replaced = String::new();
        let mut rest = url;
        while let Some((before, after)) = rest.split_once('%') {
            replaced.push_str(before);
            // The longer ones first.
            let known = [
                ("10", "?certificateRevocationList?base?objectClass=cRLDistributionPoint".to_owned()),
                ("11", "?cACertificate?base?objectClass=certificationAuthority".to_owned()),
                ("1", self.host.clone()),
                ("2", self.short_host()),
                ("3", self.ca.clone()),
                ("4", self.suffix.clone()),
                ("6", self.configuration.clone()),
                ("7", self.ca.clone()),
                ("8", self.suffix.clone()),
                // Delta lists have a sign there.
                ("9", String::new()),
            ];
            match known.into_iter().find(|(sign, _)| after.starts_with(sign)) {
                Some((sign, name)) => {
                    replaced.push_str(&name);
                    rest = after.get(sign.len()..).unwrap_or_default();
                }
                None => {
                    replaced.push('%');
                    rest = after;
                }
            }
        }
        replaced + rest
    }
}

fn text_of(entry: &ConfigEntry) -> Option<String> {
    match &entry.value {
        ConfigValue::Text(text) | ConfigValue::ExpandText(text) => Some(text.clone()),
        _ => None,
    }
}

/// Where the CA wrote its base lists, and where clients fetch them.
pub(super) fn points(entries: &[ConfigEntry], names: &Names) -> Vec<Point> {
    let urls = entries.iter().find(|entry| entry.name.eq_ignore_ascii_case("CRLPublicationURLs"));
    let urls = match urls.map(|entry| &entry.value) {
        Some(ConfigValue::List(urls)) => urls.as_slice(),
        _ => &[],
    };
    let mut points = Vec::new();
    for url in urls {
        let Some((flags, place)) = url.split_once(':') else { continue };
        let Ok(flags) = flags.trim().parse::<u32>() else { continue };
        if flags & (PUBLISHES | IN_CERTIFICATES) == 0 {
            continue;
        }
        let (url, host) = (names.replace(place), names.short_host());
        points.push(Point { url, is_written: flags & PUBLISHES != 0, host });
    }
    points.sort_by_key(|point| !point.is_written);
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, value: ConfigValue) -> ConfigEntry {
        ConfigEntry { node: "Corp-CA".to_owned(), name: name.to_owned(), value }
    }

    #[test]
    fn each_place_of_a_default_ca_is_named_with_what_is_to_be_done() {
        let urls = [
            r"65:C:\Windows\system32\CertSrv\CertEnroll\%3%8%9.crl",
            "79:ldap:///CN=%7%8,CN=%2,CN=CDP,CN=Public Key Services,CN=Services,%6%10",
            "0:http://%1/CertEnroll/%3%8%9.crl",
            "6:http://pki.corp.example/%3%8%9.crl",
            "1:file://files.corp.example/pki/%3%8%9.crl",
            "nonsense",
        ];
        let entries = [
            entry("CRLPublicationURLs", ConfigValue::List(urls.map(str::to_owned).to_vec())),
            entry("CAServerName", ConfigValue::Text("ca01.corp.example".to_owned())),
            entry("DSConfigDN", ConfigValue::Text("CN=Configuration,DC=corp,DC=example".to_owned())),
        ];
        let ca = Ca { host: "x".to_owned(), name: "Corp CA".to_owned() };
        let names = Names::of(&ca, "Corp-CA(1).crl", &entries);
        let told: Vec<(String, String)> = points(&entries, &names)
            .iter()
            .map(|point| (point.url.clone(), point.how("Corp-CA(1).crl")))
            .collect();
        let expected = [
            (
                r"C:\Windows\system32\CertSrv\CertEnroll\Corp-CA(1).crl",
                r#"copy /y "Corp-CA(1).crl" "C:\Windows\system32\CertSrv\CertEnroll\Corp-CA(1).crl""#,
            ),
            (
                "ldap:///CN=Corp-CA(1),CN=CA01,CN=CDP,CN=Public Key Services,CN=Services,CN=Configuration,DC=corp,DC=example?certificateRevocationList?base?objectClass=cRLDistributionPoint",
                r#"certutil -f -dspublish "Corp-CA(1).crl" CA01"#,
            ),
            (
                "file://files.corp.example/pki/Corp-CA(1).crl",
                r#"copy /y "Corp-CA(1).crl" "\\files.corp.example\pki\Corp-CA(1).crl""#,
            ),
            (
                "http://pki.corp.example/Corp-CA(1).crl",
                "put it on that web server: http://pki.corp.example/Corp-CA(1).crl",
            ),
        ];
        let expected = expected.map(|(url, how)| (url.to_owned(), how.to_owned()));
        assert_eq!(told, expected);
    }
}

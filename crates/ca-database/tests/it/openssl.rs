//! Facts of certificates and revocation lists against what openssl says.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use ca_database::FileTime;
use time::OffsetDateTime;

use crate::engine::database_of;
use crate::open;

/// Is openssl here? Says so when it is not.
pub(crate) fn openssl() -> bool {
    let is_there =
        Command::new("openssl").arg("version").output().is_ok_and(|output| output.status.success());
    if !is_there {
        testkit::data::skip("openssl is not on this machine");
    }
    is_there
}

/// Runs openssl on DER bytes; its lines `name=value`.
fn facts(arguments: &[&str], der: &[u8]) -> BTreeMap<String, String> {
    let mut command = Command::new("openssl");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("start openssl");
    child.stdin.take().expect("its input").write_all(der).expect("feed openssl");
    let output = child.wait_with_output().expect("wait for openssl");
    let text = String::from_utf8(output.stdout).expect("openssl prints UTF-8");
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(a, b)| (a.to_owned(), b.trim().to_owned()))
        .collect()
}

/// `2026-11-22 08:00:00Z`, as `-dateopt iso_8601` prints it.
fn time(text: &str) -> FileTime {
    let text = text.replacen(' ', "T", 1);
    let at = OffsetDateTime::parse(&text, &time::format_description::well_known::Rfc3339).expect("a time");
    FileTime::try_from(at).expect("a time after 1601")
}

#[test]
fn certificates_say_what_openssl_reads_in_them() {
    if !openssl() {
        return;
    }
    let certlog = testkit::data::field_folder("ca").map(|folder| folder.join("CertLog.edb"));
    for path in [certlog, database_of("page8k", "clean")].into_iter().flatten() {
        let rows: Vec<_> = open(&path).certificates().collect::<Result<_, _>>().expect("certificates read");
        let mut checked = 0;
        for row in rows.iter().filter(|row| row.der.is_some()).take(20) {
            let (summary, der) = (&row.summary, row.der.as_deref().expect("a certificate"));
            let base = ["x509", "-inform", "DER", "-noout"];
            let found = facts(
                &[&base[..], &["-serial", "-startdate", "-enddate", "-fingerprint", "-dateopt", "iso_8601"]]
                    .concat(),
                der,
            );
            let text = found["serial"].to_lowercase();
            let serial = summary.serial.as_deref().expect("a serial number");
            assert_eq!(serial.trim_start_matches('0'), text.trim_start_matches('0'));
            assert_eq!(summary.not_before, Some(time(&found["notBefore"])));
            assert_eq!(summary.not_after, Some(time(&found["notAfter"])));
            let sha1 =
                found.iter().find(|(name, _)| name.to_lowercase().starts_with("sha1")).expect("a hash").1;
            assert_eq!(summary.sha1, Some(sha1.replace(':', "").to_lowercase()));
            checked += 1;
        }
        assert!(checked >= 8, "{}", path.display());
    }
}

#[test]
fn revocation_lists_say_what_openssl_reads_in_them() {
    if !openssl() {
        return;
    }
    let certlog = testkit::data::field_folder("ca").map(|folder| folder.join("CertLog.edb"));
    for path in [certlog, database_of("page8k", "clean")].into_iter().flatten() {
        for row in open(&path).crls().map(|row| row.expect("CRLs read")) {
            let Some(der) = row.der else { continue };
            let options = ["-crlnumber", "-lastupdate", "-nextupdate", "-dateopt", "iso_8601"];
            let found = facts(&[&["crl", "-inform", "DER", "-noout"][..], &options].concat(), &der);
            if found.is_empty() {
                continue;
            }
            let own = row.summary.own_number.expect("a number");
            let number = found["crlNumber"].trim_start_matches("0x");
            assert_eq!(u64::from_str_radix(number, 16).ok(), own.parse().ok());
            assert!(row.summary.issuer.is_some() && row.summary.error.is_none());
        }
    }
}

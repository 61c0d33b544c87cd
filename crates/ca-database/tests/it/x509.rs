//! Certificates and revocation lists that were made for one point each.

use std::process::Command;

use ca_database::{CertificateFacts, CrlFacts, San, purpose_name};

use crate::openssl::openssl;

/// A self-signed certificate with this subject and these extensions.
fn certificate(subject: &str, key: &[&str], extensions: &[&str]) -> Option<Vec<u8>> {
    if !openssl() {
        return None;
    }
    let temp = tempfile_dir();
    let key_file = temp.join("key.pem");
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-nodes", "-utf8", "-days", "30", "-outform", "DER", "-subj", subject]);
    command.args(["-newkey"]).args(key).arg("-keyout").arg(&key_file);
    for extension in extensions {
        command.args(["-addext", extension]);
    }
    let output = command.output().expect("run openssl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::remove_file(key_file).expect("remove a key");
    Some(output.stdout)
}

/// A folder of this process for keys that are thrown away.
fn tempfile_dir() -> std::path::PathBuf {
    let name = std::thread::current().name().unwrap_or("x509").replace(':', "-");
    let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&dir).expect("create a folder");
    dir
}

const P256: &[&str] = &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

#[test]
fn every_kind_of_alternative_name_is_shown() {
    let names = "subjectAltName=DNS:a.example.test,email:a@example.test,IP:192.0.2.1,IP:2001:db8::1,\
                 URI:https://a.example.test/,otherName:1.3.6.1.4.1.311.20.2.3;UTF8:a@corp.example,RID:1.2.3";
    let Some(der) = certificate("/CN=a", P256, &[names]) else { return };
    let facts = CertificateFacts::parse(&der).expect("a certificate");
    let expected = [
        San::Dns("a.example.test".to_owned()),
        San::Email("a@example.test".to_owned()),
        San::Ip("192.0.2.1".to_owned()),
        San::Ip("2001:db8::1".to_owned()),
        San::Uri("https://a.example.test/".to_owned()),
        San::Upn("a@corp.example".to_owned()),
        San::Other("oid 1.2.3".to_owned()),
    ];
    assert_eq!(facts.sans, expected);
}

#[test]
fn the_extensions_of_windows_are_read() {
    let sid = "S-1-5-21-1-2-3-1105";
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":");
    // SEQUENCE { [0] { 1.3.6.1.4.1.311.25.2.1, [0] OCTET STRING } }
    let oid = [0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x19, 0x02, 0x01];
    let wrap =
        |tag: u8, content: &[u8]| [&[tag, u8::try_from(content.len()).expect("short")], content].concat();
    let other = [&oid[..], &wrap(0xa0, &wrap(0x04, sid.as_bytes()))].concat();
    let security = format!("1.3.6.1.4.1.311.25.2=DER:{}", hex(&wrap(0x30, &wrap(0xa0, &other))));
    let name: Vec<u8> = "Machine".encode_utf16().flat_map(u16::to_be_bytes).collect();
    let first = format!("1.3.6.1.4.1.311.20.2=DER:{}", hex(&wrap(0x1e, &name)));
    // SEQUENCE { 1.3.6.1.4.1.311.21.8.1, INTEGER 100, INTEGER 4 }
    let oid = [0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x15, 0x08, 0x01];
    let second = [&oid[..], &[0x02, 0x01, 100, 0x02, 0x01, 4]].concat();
    let second = format!("1.3.6.1.4.1.311.21.7=DER:{}", hex(&wrap(0x30, &second)));
    let usage = "keyUsage=critical,digitalSignature,keyEncipherment";
    let purposes = "extendedKeyUsage=serverAuth,1.3.6.1.4.1.311.20.2.2";
    let Some(der) = certificate("/CN=a", P256, &[&security, &first, &second, usage, purposes]) else {
        return;
    };
    let facts = CertificateFacts::parse(&der).expect("a certificate");
    assert_eq!(facts.sid.as_deref(), Some(sid));
    assert_eq!(facts.template_name.as_deref(), Some("Machine"));
    assert_eq!(facts.template.as_deref(), Some("1.3.6.1.4.1.311.21.8.1"));
    let usage: Vec<_> = facts.key_usage.expect("a key usage").names().collect();
    assert_eq!(usage, ["digital-signature", "key-encipherment"]);
    let purposes: Vec<_> = facts.purposes.iter().map(|oid| purpose_name(oid)).collect();
    assert_eq!(purposes, [Some("server-auth"), Some("smartcard-logon")]);
}

#[test]
fn names_are_written_as_windows_writes_them() {
    let subject =
        "/DC=test/DC=example/OU=One+L=Here/O=Example, Inc./CN=\u{17d}\u{e1}\"x\"/emailAddress=a@example.test";
    let Some(der) = certificate(subject, P256, &[]) else { return };
    let facts = CertificateFacts::parse(&der).expect("a certificate");
    assert_eq!(
        facts.subject,
        "E=a@example.test, CN=\"\u{17d}\u{e1}\"\"x\"\"\", O=\"Example, Inc.\", OU=One + L=Here, DC=example, DC=test"
            .replace("OU=One + L=Here", if facts.subject.contains("L=Here + ") { "L=Here + OU=One" } else { "OU=One + L=Here" })
    );
    assert_eq!(facts.issuer, facts.subject);
}

#[test]
fn keys_have_their_algorithm_and_size() {
    for (key, algorithm, bits) in [
        (&["rsa:2048"][..], "RSA", Some(2048)),
        (&["rsa:1031"], "RSA", Some(1031)),
        (P256, "EC P-256", Some(256)),
        (&["ec", "-pkeyopt", "ec_paramgen_curve:P-521"], "EC P-521", Some(521)),
        (&["ed25519"], "Ed25519", Some(256)),
    ] {
        let Some(der) = certificate("/CN=a", key, &[]) else { return };
        let facts = CertificateFacts::parse(&der).expect("a certificate");
        assert_eq!((facts.key_algorithm.as_str(), facts.key_bits), (algorithm, bits));
    }
}

#[test]
fn bytes_that_are_no_certificate_are_said_to_be_none() {
    assert!(CertificateFacts::parse(&[]).is_err_and(|why| why.starts_with("is no X.509 certificate")));
    assert!(CertificateFacts::parse(&[0x30, 3, 1, 2, 3]).is_err());
    assert!(
        CrlFacts::parse(&[0x30, 3, 1, 2, 3]).is_err_and(|why| why.contains("no certificate revocation list"))
    );
    let Some(mut der) = certificate("/CN=a", P256, &[]) else { return };
    der.push(0);
    assert_eq!(CertificateFacts::parse(&der), Err("has 1 bytes behind the certificate".to_owned()));
}

#[test]
fn a_certificate_that_is_cut_anywhere_is_an_error_and_no_panic() {
    let Some(der) = certificate("/CN=a", P256, &["subjectAltName=DNS:a"]) else { return };
    for end in 0..der.len() {
        assert!(CertificateFacts::parse(&der[..end]).is_err(), "cut at {end}");
    }
    for at in 0..der.len() {
        let mut bent = der.clone();
        bent[at] ^= 0xff;
        // Whatever it says: it must come back.
        let _ = CertificateFacts::parse(&bent);
        let _ = CrlFacts::parse(&bent);
    }
}

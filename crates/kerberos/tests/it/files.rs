//! Keytabs, credential caches, `krb5.conf`, principal names.

use kerberos::{Config, CredentialCache, Error, Keytab, Principal};

use crate::forge::{Forged, keytab};

/// A keytab as `ktutil` writes it.
const KEYTAB: &[u8] = &[
    0x05, 0x02, // version
    0x00, 0x00, 0x00, 0x33, // size of the entry: 51
    0x00, 0x02, // components
    0x00, 0x04, b'T', b'E', b'S', b'T', // realm
    0x00, 0x04, b'h', b'o', b's', b't', // component
    0x00, 0x02, b'c', b'a', // component
    0x00, 0x00, 0x00, 0x03, // name type: NT-SRV-HST
    0x66, 0x00, 0x00, 0x00, // timestamp
    0x02, // kvno, 8 bits
    0x00, 0x11, // etype: aes128-cts-hmac-sha1-96
    0x00, 0x10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, // key
    0x00, 0x00, 0x01, 0x02, // kvno, 32 bits: 258
    0xFF, 0xFF, 0xFF, 0xFC, 9, 9, 9, 9, // a hole of 4 bytes
];

fn principals(bytes: &[u8]) -> Vec<String> {
    Keytab::parse(bytes).unwrap().principals().map(ToString::to_string).collect()
}

#[test]
fn a_keytab_is_read_past_its_holes() {
    assert_eq!(principals(KEYTAB), ["host/ca@TEST"]);
    let more = keytab(&[("robot", 1, 18, &[1; 32])]);
    assert_eq!(principals(&[KEYTAB, &more[2..]].concat()), ["host/ca@TEST", "robot@TEST.EXAMPLE"]);
    assert_eq!(principals(&[&KEYTAB[..57], &[0; 64]].concat()), ["host/ca@TEST"]);
    assert_eq!(principals(&[5, 2]), [""; 0]);
}

#[test]
fn keys_of_other_types_are_left_out() {
    assert_eq!(principals(&keytab(&[("a", 1, 23, &[0; 16]), ("b", 1, 17, &[0; 16])])), ["b@TEST.EXAMPLE"]);
}

#[test]
fn a_keytab_that_is_cut_is_refused() {
    for cut in (0..KEYTAB.len()).filter(|cut| ![2, 57].contains(cut)) {
        assert!(matches!(Keytab::parse(&KEYTAB[..cut]), Err(Error::File { .. })), "{cut}");
    }
    let error = Keytab::parse(&[5, 1, 0, 0]).err().unwrap().to_string();
    assert_eq!(error, "keytab: version is 0x0501, expected 0x0502");
}

#[test]
fn an_absent_file_is_named() {
    let error = Keytab::open("/nowhere/x.keytab".as_ref()).err().unwrap().to_string();
    assert_eq!(error, "cannot read `/nowhere/x.keytab`");
}

#[test]
fn a_credential_cache_names_its_client() {
    let bytes = Forged::default().cache();
    assert_eq!(CredentialCache::parse(&bytes).unwrap().client().to_string(), "backup@TEST.EXAMPLE");
    // The header and the default principal stand alone in an empty cache.
    let empty = 4 + 4 + 4 + (4 + 12) + (4 + 6);
    for cut in (0..bytes.len()).filter(|&cut| cut != empty) {
        assert!(matches!(CredentialCache::parse(&bytes[..cut]), Err(Error::File { .. })), "{cut}");
    }
}

const KRB5_CONF: &str = r#"
# comment
[libdefaults]
    default_realm = LAB.TEST
    dns_lookup_kdc = false
[realms]
LAB.TEST = {
    kdc = dc1.lab.test
    kdc = dc2.lab.test:1088
    kdc = [::1]:88
    kdc = fe80::1
    auth_to_local = {
        kdc = not.this
    }
    admin_server = dc1.lab.test
}
other.test = { 
    kdc = "dc.other.test"
}
[domain_realm]
    kdc = not.this.either
"#;

#[test]
fn kdcs_are_found_in_the_configuration() {
    let config = Config::parse(KRB5_CONF);
    assert_eq!(config.default_realm(), Some("LAB.TEST"));
    let expected = ["dc1.lab.test:88", "dc2.lab.test:1088", "[::1]:88", "[fe80::1]:88"];
    assert_eq!(config.kdcs("LAB.TEST"), expected);
    assert_eq!(config.kdcs("lab.test"), expected);
    assert_eq!(config.kdcs("OTHER.TEST"), ["dc.other.test:88"]);
}

#[test]
fn a_realm_that_is_not_configured_is_asked_at_its_own_name() {
    assert_eq!(Config::default().kdcs("AD.TEST"), ["ad.test:88"]);
    assert_eq!(Config::default().with_kdc("AD.TEST", "10.0.0.1:1088").kdcs("AD.TEST"), ["10.0.0.1:1088"]);
}

#[test]
fn principals_are_read_and_written() {
    let parse = |text| Principal::parse(text, Some("DEFAULT"));
    for (text, components, realm) in [
        ("backup@LAB.TEST", vec!["backup"], "LAB.TEST"),
        ("host/ca.lab.test@LAB.TEST", vec!["host", "ca.lab.test"], "LAB.TEST"),
        (r"u\@mail.test@LAB.TEST", vec!["u@mail.test"], "LAB.TEST"),
        (r"a\/b\\c@LAB.TEST", vec![r"a/b\c"], "LAB.TEST"),
        ("müller@LAB.TEST", vec!["müller"], "LAB.TEST"),
    ] {
        let principal = parse(text).unwrap();
        assert_eq!(principal.components(), components);
        assert_eq!(principal.realm(), realm);
        assert_eq!(principal.to_string(), text);
    }
    assert_eq!(parse("backup").unwrap().realm(), "DEFAULT");
    for text in ["", "@LAB", "a//b@LAB", "a@", "a\\"] {
        assert!(parse(text).is_err(), "{text}");
    }
    assert!(Principal::parse("backup", None).is_err());
}

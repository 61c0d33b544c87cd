//! The machine of an embedded CA: its directory.

use std::fs;

use certadm::{
    CaHost as _, CertServer as _, ConfigEntry, ConfigValue, ConfigurationPart, HostError, HostState, KeyKind,
    PartKind, ServerState,
};
use testkit::data::workspace;

use crate::invented::{Invented, authority};

fn data(name: &str) -> Vec<u8> {
    fs::read(workspace().join("testdata").join(name)).unwrap()
}

fn put(at: &mut Invented, index: u32, content: &[u8]) {
    let part = ConfigurationPart { kind: PartKind::Certificate, index, content: content.to_vec() };
    at.ca.set_part(&part).unwrap();
}

/// A CA with one certificate and its key.
fn keyed() -> Invented {
    let mut at = Invented::new();
    put(&mut at, 0, &data("ExampleCA.cer"));
    at.ca.set_key(0, &data("ExampleCA.key")).unwrap();
    at
}

fn entry(node: &str, name: &str, value: ConfigValue) -> ConfigEntry {
    ConfigEntry { node: node.to_owned(), name: name.to_owned(), value }
}

#[test]
fn a_bare_directory_has_its_registry_and_lacks_nothing() {
    let at = Invented::new();
    let state = at.ca.host().capture();
    assert!(!state.registry.is_empty());
    assert_eq!(HostState { registry: Vec::new(), ..state }, HostState::default());
}

#[test]
fn what_lies_in_the_directory_is_captured() {
    let at = keyed();
    fs::write(at.path().join("ca/CAPolicy.inf"), "[Version]").unwrap();
    fs::create_dir(at.path().join("CertEnroll")).unwrap();
    fs::write(at.path().join("CertEnroll/a.crl"), "crl").unwrap();
    fs::create_dir(at.path().join("CertEnroll/folder")).unwrap();
    let mut host = at.ca.host();
    let state = host.capture();
    assert_eq!(state.policy.as_deref(), Some(&b"[Version]"[..]));
    assert_eq!(state.enroll, [("a.crl".to_owned(), b"crl".to_vec())]);
    assert_eq!(state.certificates, [data("ExampleCA.cer")]);
    let [key] = state.keys.as_slice() else { panic!("{:?}", state.keys) };
    assert_eq!((key.certificate, key.kind), (0, KeyKind::Exportable));
    assert_eq!(key.container, authority().name);
    assert_eq!(state.missing, []);
    assert_eq!(host.enroll_folder().unwrap(), at.path().join("CertEnroll").to_str().unwrap());
    assert_eq!(host.policy_file().unwrap(), at.path().join("ca/CAPolicy.inf").to_str().unwrap());
}

#[test]
fn what_cannot_be_read_is_missing_with_a_reason() {
    let at = keyed();
    fs::create_dir(at.path().join("ca/CAPolicy.inf")).unwrap();
    fs::write(at.path().join("ca/configuration.toml"), "[[broken").unwrap();
    fs::write(at.path().join("ca/keys/ca-0.toml"), "kind = \"wood\"").unwrap();
    let state = at.ca.host().capture();
    let missing: Vec<&str> = state.missing.iter().map(|part| part.what.as_str()).collect();
    assert_eq!(missing, ["registry key of the CA", "CAPolicy.inf", "key 0 of the CA"]);
    assert!(state.missing.iter().all(|part| !part.reason.is_empty()));
}

#[test]
#[cfg(unix)]
fn a_key_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let at = keyed();
    let mode = fs::metadata(at.path().join("ca/keys/ca-0.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn an_exported_key_can_be_imported_into_another_ca() {
    let at = keyed();
    let pkcs12 = at.ca.host().export_keys("secret").unwrap();
    let other = Invented::new();
    other.ca.host().import_keys(&pkcs12, "secret").unwrap();
    assert_eq!(fs::read(other.path().join("ca/ca-0.cer")).unwrap(), data("ExampleCA.cer"));
    // Its own export holds the same key.
    let again = other.ca.host().export_keys("other").unwrap();
    at.ca.host().import_keys(&again, "other").unwrap();
    let key = |at: &Invented| fs::read(at.path().join("ca/keys/ca-0.key")).unwrap();
    assert_eq!(key(&at), key(&other));
    assert!(!at.path().join("ca/ca-1.cer").exists(), "the certificate was there already");
}

#[test]
fn a_wrong_password_and_rubbish_change_nothing() {
    let at = keyed();
    let pkcs12 = at.ca.host().export_keys("secret").unwrap();
    let other = Invented::new();
    let mut host = other.ca.host();
    assert_eq!(host.import_keys(&pkcs12, "wrong"), Err(HostError::WrongPassword));
    assert!(matches!(host.import_keys(b"rubbish", "secret"), Err(HostError::Failed { .. })));
    assert!(!other.path().join("ca").exists());
}

#[test]
fn nothing_is_exported_without_a_password() {
    let at = keyed();
    let error = at.ca.host().export_keys("").unwrap_err();
    assert_eq!(error.to_string(), "the password of the keys is empty");
}

#[test]
fn keys_that_stay_where_they_are_say_why() {
    let at = keyed();
    for (text, kind, reason) in [
        ("kind = \"hardware\"\nprovider = \"HSM\"\ncontainer = \"c\"", KeyKind::Hardware, "in hardware"),
        ("kind = \"not-exportable\"", KeyKind::NotExportable, "marked as not exportable"),
        ("kind = \"unknown\"", KeyKind::Unknown, "not here"),
    ] {
        fs::write(at.path().join("ca/keys/ca-0.toml"), text).unwrap();
        let mut host = at.ca.host();
        assert_eq!(host.capture().keys[0].kind, kind);
        let expected = HostError::NoKey { reason: format!("key 0 is {reason}") };
        assert_eq!(host.export_keys("secret"), Err(expected));
    }
    fs::remove_file(at.path().join("ca/keys/ca-0.toml")).unwrap();
    fs::remove_file(at.path().join("ca/keys/ca-0.key")).unwrap();
    assert_eq!(at.ca.host().capture().keys[0].kind, KeyKind::Unknown);
    fs::write(at.path().join("ca/keys/ca-0.key"), "-----BEGIN rubbish").unwrap();
    assert!(matches!(at.ca.host().export_keys("secret"), Err(HostError::Failed { .. })));
}

#[test]
fn imported_registry_values_are_read_back_with_their_types() {
    let at = Invented::new();
    let own = authority().name;
    let entries = [
        entry("", "Version", ConfigValue::Dword(2)),
        entry(&own, "CRLPeriod", ConfigValue::Text("Weeks".to_owned())),
        entry(&own, "Where", ConfigValue::ExpandText("%SystemRoot%".to_owned())),
        entry(&own, "List", ConfigValue::List(vec!["a".to_owned(), String::new()])),
        entry(&format!(r"{own}\CSP"), "Hash", ConfigValue::Binary(vec![0, 0xff])),
        entry(&format!(r"{own}\CSP\Deep"), "Since", ConfigValue::Qword(u64::MAX)),
        entry("Other CA", "Type", ConfigValue::Dword(1)),
    ];
    let mut host = at.ca.host();
    host.import_registry(&entries).unwrap();
    // Case does not count, and the last one counts.
    host.import_registry(&[entry(&own.to_uppercase(), "crlperiod", ConfigValue::Text("Days".to_owned()))])
        .unwrap();
    let registry = host.capture().registry;
    for expected in entries.iter().filter(|entry| entry.name != "CRLPeriod") {
        assert!(registry.contains(expected), "{expected:?} in {registry:?}");
    }
    let period: Vec<&ConfigEntry> =
        registry.iter().filter(|entry| entry.name.eq_ignore_ascii_case("CRLPeriod")).collect();
    assert_eq!(period, [&entry(&own, "crlperiod", ConfigValue::Text("Days".to_owned()))]);
}

#[test]
fn values_and_keys_of_one_name_are_refused() {
    let at = Invented::new();
    let mut host = at.ca.host();
    let value = |node: &str, name: &str| entry(node, name, ConfigValue::Dword(1));
    host.import_registry(&[value("A", "B")]).unwrap();
    assert!(host.import_registry(&[value(r"A\B", "C")]).is_err());
    assert!(host.import_registry(&[value("", "a")]).is_err());
    assert!(host.import_registry(&[value(&r"x\".repeat(40), "y")]).is_err());
    assert!(host.capture().registry.contains(&value("A", "B")));
}

#[test]
fn the_service_is_stopped_and_started() {
    let at = Invented::new();
    let mut host = at.ca.host();
    host.stop_service().unwrap();
    assert_eq!(at.ca.connect().state().unwrap(), ServerState::Stopped);
    host.start_service().unwrap();
    assert_eq!(at.ca.connect().state().unwrap(), ServerState::Online);
    assert_eq!(host.pending_restore(), Ok(Vec::new()));
}

#[test]
fn only_a_stop_moves_a_deep_checkpoint() {
    let mut at = Invented::new();
    at.reconfigure(|config| config.deep_checkpoint = true);
    assert!(at.ca.host().capture().hoards_logs.is_some());
    let truncate = |at: &Invented| {
        let mut connection = at.ca.connect();
        let mut backup = connection.prepare_backup(certadm::BackupType::Full).unwrap();
        crate::invented::copy(&mut *backup).unwrap();
        backup.truncate_logs().unwrap();
        backup.end().unwrap();
    };
    truncate(&at);
    assert_eq!(at.ca.generations(), 3..=6);
    let mut host = at.ca.host();
    host.stop_service().unwrap();
    host.start_service().unwrap();
    truncate(&at);
    assert_eq!(at.ca.generations(), 5..=6, "as far as the checkpoint of the state");
}

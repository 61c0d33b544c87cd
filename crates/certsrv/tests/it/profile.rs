//! What a CA tells of itself, in process.

use std::fs;

use certadm::{CertServer as _, ConfigValue, Configuration, ConfigurationPart, PartKind};
use certsrv::CaDirectory;

use crate::invented::{Invented, authority};

fn value(at: &Invented, node: &str, name: &str) -> Option<ConfigValue> {
    let configuration = at.ca.connect().configuration().unwrap();
    let mut entries = configuration.entries.into_iter();
    entries.find(|entry| entry.node == node && entry.name == name).map(|entry| entry.value)
}

#[test]
fn values_follow_from_the_configuration_once_there_is_a_folder_for_them() {
    let at = Invented::new();
    assert_eq!(at.ca.connect().configuration().unwrap(), Configuration::default());
    fs::create_dir(at.path().join("ca")).unwrap();
    let name = authority().name;
    assert_eq!(value(&at, "", "Active"), Some(ConfigValue::Text(name.clone())));
    assert_eq!(value(&at, &name, "InterfaceFlags"), Some(ConfigValue::Dword(0x641)));
}

#[test]
fn parts_are_what_was_put_down() {
    let mut at = Invented::new();
    let parts = [
        (PartKind::Certificate, 0, "first"),
        (PartKind::Chain, 0, "chain"),
        (PartKind::Certificate, 1, "second"),
        (PartKind::Crl, 1, "crl"),
        (PartKind::DeltaCrl, 1, "delta"),
        (PartKind::Templates, 0, "WebServer\n1.2.3\n"),
    ]
    .map(|(kind, index, content)| ConfigurationPart { kind, index, content: content.into() });
    parts.iter().for_each(|part| at.ca.set_part(part).unwrap());
    let configuration = at.ca.connect().configuration().unwrap();
    assert_eq!(configuration.parts, parts);
    assert!(configuration.missing.is_empty());
}

#[test]
fn registry_values_are_read_and_go_before_what_follows() {
    let at = Invented::new();
    fs::create_dir(at.path().join("ca")).unwrap();
    let file = at.path().join("ca/configuration.toml");
    let text = "[root]\nVersion = 0x00020002\n[ca]\nlist = [\"a\", \"b\"]\ncommonname = \"Other\"\n\
                Security = { hex = \"0100\" }\n[ca.CSP]\nProvider = \"P\"\n[ca.CSP.Deep]\nn = 1\n";
    fs::write(&file, text).unwrap();
    let own = authority().name;
    assert_eq!(value(&at, "", "Version"), Some(ConfigValue::Dword(0x0002_0002)));
    assert_eq!(value(&at, &own, "list"), Some(ConfigValue::List(vec!["a".into(), "b".into()])));
    assert_eq!(value(&at, &own, "Security"), Some(ConfigValue::Binary(vec![1, 0])));
    assert_eq!(value(&at, &own, "CommonName"), None, "names have no case");
    assert_eq!(value(&at, &format!(r"{own}\CSP"), "Provider"), Some(ConfigValue::Text("P".into())));
    assert_eq!(value(&at, &format!(r"{own}\CSP\Deep"), "n"), Some(ConfigValue::Dword(1)));
    fs::write(&file, "[ca]\nSecurity = { hex = \"0\" }\n").unwrap();
    let told = at.ca.connect().configuration().unwrap();
    assert_eq!((told.entries.len(), told.missing.len()), (0, 1), "{told:?}");
}

#[test]
fn configurations_that_make_no_sense_are_refused() {
    let mut at = Invented::new();
    let good = fs::read_to_string(at.path().join("ca.toml")).unwrap();
    let user = "[[user]]\nname = \"a\"\nroles = []\n";
    for bad in [
        "[network]\nping_period = 0\n".to_owned(),
        "[network]\nadvertise = [\"a b\"]\n".to_owned(),
        "[network]\nadress = \"::1\"\n".to_owned(),
        format!("{user}{}", user.replace("\"a\"", "\"A\"")),
        format!("{user}nt_hash = \"00\"\n"),
        format!("{user}password = \"x\"\n"),
    ] {
        let old = good.split("[network]").next().unwrap();
        fs::write(at.path().join("ca.toml"), format!("{old}{bad}")).unwrap();
        assert!(CaDirectory::open(at.path()).is_err(), "{bad}");
    }
    let old = good.split("[network]").next().unwrap();
    fs::write(at.path().join("ca.toml"), old).unwrap();
    at.reopen();
    assert_eq!(at.ca.config().network.ping_period, 120, "files of before the network still do");
}

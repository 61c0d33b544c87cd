//! What the CA tells of its configuration is part of the set.

use std::fs;

use certadm::{ConfigEntry, ConfigValue, Configuration, ConfigurationPart, MissingPart, PartKind};
use csbackup::manifest::Content;
use csbackup::{
    BackupOptions, Catalogue, Directory, MappedFiles, Quiet, RestoreOptions, RestoreTarget, backup,
    plan_restore, restore,
};

use crate::fake::{AnyFile, FakeCa};

fn told() -> Configuration {
    let part = |kind, content: &[u8]| ConfigurationPart { kind, index: 0, content: content.to_vec() };
    let entry = ConfigEntry {
        node: "Corp".to_owned(),
        name: "InterfaceFlags".to_owned(),
        value: ConfigValue::Dword(0x641),
    };
    let missing = MissingPart { what: "CRL 0".to_owned(), reason: "it was refused".to_owned() };
    Configuration {
        parts: vec![part(PartKind::Certificate, b"der"), part(PartKind::Templates, b"WebServer\n1.2.3\n")],
        entries: vec![entry],
        missing: vec![missing],
    }
}

#[test]
fn what_the_ca_tells_is_stored_and_restored_beside_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let medium = Directory::new(folder.path().join("medium"));
    let mut ca = FakeCa::new("Corp");
    ca.configuration = told();
    let options = BackupOptions { keep_logs: true, ..BackupOptions::default() };
    let outcome = backup(&mut ca, &medium, &AnyFile, &options, &Quiet).unwrap();

    let set = &outcome.sets[0];
    let stored: Vec<&str> = set
        .manifest
        .files
        .iter()
        .filter(|file| file.content == Content::Configuration)
        .map(|file| file.path.as_str())
        .collect();
    assert_eq!(stored, ["Config/ca-0.cer", "Config/templates.txt", "Config/CertSvc-Configuration.reg"]);
    let gaps: Vec<&str> = set.manifest.gaps.iter().map(|gap| gap.name.as_str()).collect();
    assert_eq!(gaps, ["CRL 0"]);

    let catalogue = Catalogue::load(&medium, None).unwrap();
    let to = folder.path().join("restored");
    let options = RestoreOptions {
        target: RestoreTarget::Folder(to.clone()),
        force: true,
        only: Vec::new(),
        recovered: None,
    };
    let plan = plan_restore(&catalogue, &catalogue.sets()[0], &options).unwrap();
    restore(&medium, &plan, &Quiet).unwrap();
    assert_eq!(fs::read(to.join("Config/ca-0.cer")).unwrap(), b"der");

    // On the CA itself a registry file has no place; the database goes where it was.
    let place = MappedFiles::new([(r"\\ca\C$".to_owned(), folder.path().join("c"))]);
    let options = RestoreOptions {
        target: RestoreTarget::Original(place),
        force: true,
        only: Vec::new(),
        recovered: None,
    };
    let plan = plan_restore(&catalogue, &catalogue.sets()[0], &options).unwrap();
    assert!(plan.items.iter().all(|item| item.content != Content::Configuration));
}

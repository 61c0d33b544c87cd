//! The engine on an embedded CA's own machine.

use std::fs;
use std::time::Duration;

use certadm::{ConfigurationPart, PartKind};
use csbackup::manifest::Content;
use csbackup::{KeyPassword, OnHost, Requested, registry};
use testkit::ca::Moment;
use testkit::world::World;

use crate::fake_host::{Identity, PASSWORD, on_host};

/// A CA with one key, and more logs than it needs.
fn world() -> World {
    let mut world = World::new(&[Moment::new(1, 1, 12).keeping(12)]);
    let identity = Identity::example();
    let part = ConfigurationPart { kind: PartKind::Certificate, index: 0, content: identity.certificate };
    world.ca.set_part(&part).unwrap();
    world.ca.set_key(0, &identity.key).unwrap();
    world
}

fn deep(world: &mut World) {
    let mut config = world.ca.config().clone();
    config.deep_checkpoint = true;
    world.ca.reconfigure(config).unwrap();
}

#[test]
fn the_whole_machine_is_in_the_set() {
    let world = world();
    fs::write(world.ca.path().join("ca/CAPolicy.inf"), "[Version]").unwrap();
    fs::create_dir(world.ca.path().join("CertEnroll")).unwrap();
    fs::write(world.ca.path().join("CertEnroll/Corp.crl"), "crl").unwrap();
    let mut host = world.ca.host();
    let key_password = KeyPassword::new(PASSWORD.to_owned());
    on_host(&world, OnHost { host: &mut host, key_password, restart: None }).unwrap();
    let set = world.newest();
    let folder = world.path_of(&set);
    assert_eq!(set.manifest.gaps, []);
    assert_eq!(fs::read(folder.join("Config/CAPolicy.inf")).unwrap(), b"[Version]");
    assert_eq!(fs::read(folder.join("Config/CertEnroll/Corp.crl")).unwrap(), b"crl");
    let entries = registry::decode(&fs::read(folder.join("Config/registry.json")).unwrap()).unwrap();
    assert!(entries.iter().any(|entry| entry.name == "CommonName"));
    assert!(set.manifest.files.iter().any(|file| file.content == Content::Key));
    assert!(set.manifest.keys.unwrap()[0].saved);
    assert_eq!(world.errors(), [] as [String; 0]);
}

#[test]
fn a_restart_lets_a_hoarder_delete_its_logs() {
    let mut world = world();
    deep(&mut world);
    world.good(Requested::Full);
    assert_eq!(world.generations(), 1..=12, "a truncation alone does not");
    let mut host = world.ca.host();
    on_host(&world, OnHost { host: &mut host, key_password: None, restart: None }).unwrap();
    assert_eq!(world.generations(), 1..=12);
    assert!(world.seen.warned("deep_checkpoint in its ca.toml"));
    world.seen.clear();
    let restart = Some(Duration::ZERO);
    on_host(&world, OnHost { host: &mut host, key_password: None, restart }).unwrap();
    assert_eq!(world.generations(), 12..=12);
    assert!(!world.seen.warned("Event 225"), "it was let go");
    assert_eq!(world.lost(), [] as [u32; 0]);
}

//! What only the CA's machine has: in the set, or a gap with a name.

use std::fs;

use certadm::{ConfigEntry, ConfigValue, ConfigurationPart, HostState, KeyKind, MissingPart, PartKind};
use csbackup::manifest::{Content, Manifest};
use csbackup::registry;
use testkit::ca::plain_life;
use testkit::world::World;

use crate::fake_host::{FakeHost, Identity, key, run};

fn paths(manifest: &Manifest, content: Content) -> Vec<&str> {
    manifest.files.iter().filter(|file| file.content == content).map(|file| file.path.as_str()).collect()
}

/// Name and reason of each gap.
fn gaps(manifest: &Manifest) -> Vec<(String, String)> {
    manifest.gaps.iter().map(|gap| (gap.name.clone(), gap.reason.clone())).collect()
}

fn full_state() -> HostState {
    let entry = |name: &str, value| ConfigEntry { node: "Corp".to_owned(), name: name.to_owned(), value };
    HostState {
        registry: vec![
            entry("DWORD", ConfigValue::Dword(7)),
            entry("QWORD", ConfigValue::Qword(u64::MAX)),
            entry("SZ", ConfigValue::Text("text".to_owned())),
            entry("EXPAND", ConfigValue::ExpandText("%SystemRoot%".to_owned())),
            entry("MULTI", ConfigValue::List(vec!["a".to_owned(), "b".to_owned()])),
            entry("BINARY", ConfigValue::Binary(vec![1, 2])),
        ],
        policy: Some(b"[Version]".to_vec()),
        enroll: vec![("Corp.crl".to_owned(), b"crl".to_vec()), ("Corp.crt".to_owned(), b"crt".to_vec())],
        certificates: vec![Identity::example().certificate],
        keys: vec![key(0, KeyKind::Exportable)],
        hoards_logs: None,
        missing: Vec::new(),
    }
}

#[test]
fn everything_is_in_the_set_and_reads_back_as_it_was() {
    let world = World::new(&plain_life());
    let state = full_state();
    let mut host = FakeHost { state: state.clone(), ..FakeHost::default() };
    run(&world, &mut host).unwrap();
    let set = world.newest();
    assert_eq!(
        paths(&set.manifest, Content::Configuration),
        [
            "Config/CertSvc-Configuration.reg",
            "Config/registry.json",
            "Config/ca-0.cer",
            "Config/CAPolicy.inf",
            "Config/CertEnroll/Corp.crl",
            "Config/CertEnroll/Corp.crt",
            "Config/keys.json",
        ]
    );
    assert_eq!(set.manifest.gaps, []);
    assert_eq!(set.manifest.keys, None, "nobody asked for keys");
    let read = |name: &str| fs::read(world.path_of(&set).join("Config").join(name)).unwrap();
    let mut expected = state.registry;
    expected.sort_by_key(|entry| entry.name.clone());
    assert_eq!(registry::decode(&read("registry.json")), Ok(expected));
    assert_eq!(read("CAPolicy.inf"), b"[Version]");
    assert_eq!(read("CertEnroll/Corp.crl"), b"crl");
    assert_eq!(read("ca-0.cer"), state.certificates[0]);
    assert!(!host.calls.contains(&"export"));
    assert_eq!(world.errors(), [] as [String; 0]);
}

#[test]
fn hostile_names_stay_in_their_folder() {
    let world = World::new(&plain_life());
    let names = ["../../x", r"..\y", "/etc/passwd", "CON", "", "a\u{0}b", "Same", "SAME"];
    let enroll = names.iter().map(|name| ((*name).to_owned(), b"c".to_vec())).collect();
    let mut host = FakeHost { state: HostState { enroll, ..HostState::default() }, ..FakeHost::default() };
    run(&world, &mut host).unwrap();
    let set = world.newest();
    let stored = paths(&set.manifest, Content::Configuration);
    assert_eq!(stored.len(), names.len());
    let folder = world.path_of(&set);
    for path in stored {
        let name = path.strip_prefix("Config/CertEnroll/").expect("it is in the folder");
        assert!(!name.contains('/') && name != "..", "{path}");
        assert_eq!(fs::read(folder.join(path)).unwrap(), b"c", "{path}");
    }
}

#[test]
fn a_certificate_that_the_road_gave_is_not_there_twice() {
    let mut world = World::new(&plain_life());
    let certificate = Identity::example().certificate;
    let kind = PartKind::Certificate;
    world.ca.set_part(&ConfigurationPart { kind, index: 0, content: certificate.clone() }).unwrap();
    let state = HostState { certificates: vec![certificate, b"another".to_vec()], ..HostState::default() };
    run(&world, &mut FakeHost { state, ..FakeHost::default() }).unwrap();
    let set = world.newest();
    let mut stored = paths(&set.manifest, Content::Configuration);
    stored.retain(|path| path.ends_with(".cer"));
    assert_eq!(stored, ["Config/ca-0.cer", "Config/ca-1.cer"]);
}

#[test]
fn what_could_not_be_had_is_a_gap_with_a_name() {
    let world = World::new(&plain_life());
    let part = MissingPart { what: "CAPolicy.inf".to_owned(), reason: "it is locked".to_owned() };
    let state = HostState { missing: vec![part], ..HostState::default() };
    run(&world, &mut FakeHost { state, ..FakeHost::default() }).unwrap();
    assert_eq!(gaps(&world.newest().manifest), [("CAPolicy.inf".to_owned(), "it is locked".to_owned())]);
    assert!(world.seen.warned("`CAPolicy.inf` is missing from this set: it is locked"));
}

#[test]
fn a_file_beyond_all_measure_is_a_gap() {
    let world = World::new(&plain_life());
    let enroll = vec![("big.crl".to_owned(), vec![0; (64 << 20) + 1]), ("small.crl".to_owned(), vec![0])];
    let mut host = FakeHost { state: HostState { enroll, ..HostState::default() }, ..FakeHost::default() };
    run(&world, &mut host).unwrap();
    let manifest = world.newest().manifest;
    assert_eq!(paths(&manifest, Content::Configuration), ["Config/CertEnroll/small.crl"]);
    let [(name, reason)] = gaps(&manifest).try_into().unwrap();
    assert_eq!(name, "Config/CertEnroll/big.crl");
    assert_eq!(reason, "it has 67108865 bytes, more than 67108864");
}

#[test]
fn too_many_bytes_together_are_a_gap() {
    let world = World::new(&plain_life());
    let enroll = (0..5).map(|number| (format!("{number}.crl"), vec![0; 60 << 20])).collect();
    let mut host = FakeHost { state: HostState { enroll, ..HostState::default() }, ..FakeHost::default() };
    run(&world, &mut host).unwrap();
    let manifest = world.newest().manifest;
    assert_eq!(paths(&manifest, Content::Configuration).len(), 4);
    let [(name, reason)] = gaps(&manifest).try_into().unwrap();
    assert_eq!(name, "Config/CertEnroll/4.crl");
    assert!(reason.contains("more than 268435456 bytes of such files"), "{reason}");
}

#[test]
fn hardware_keys_are_named_with_what_must_be_saved() {
    let world = World::new(&plain_life());
    let mut host = FakeHost::with(&[&Identity::example()]);
    host.state.keys = vec![key(0, KeyKind::Hardware)];
    run(&world, &mut host).unwrap();
    let json = fs::read(world.path_of(&world.newest()).join("Config/keys.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let key = &json["keys"][0];
    assert_eq!((&key["certificate"], &key["kind"]), (&0.into(), &"hardware".into()));
    assert_eq!((&key["provider"], &key["container"]), (&"Vendor KSP".into(), &"Corp(0)".into()));
    assert_eq!(key["subject"], "CN=ExampleCA");
    assert!(
        key["to_save"].as_str().unwrap().contains("vendor of `Vendor KSP` must save container `Corp(0)`")
    );
}

//! Keys are saved on request only, and nothing is said of them that was not seen.

use std::fs;

use certadm::{HostError, KeyKind};
use csbackup::KeyPassword;
use csbackup::manifest::{Content, KeptIn, Manifest};
use testkit::ca::plain_life;
use testkit::world::{World, tree};

use crate::fake_host::{FakeHost, Identity, PASSWORD, key, openssl, pkcs12, run_with_key};

const FILE: &str = "Corp Issuing CA.p12";

fn key_files(manifest: &Manifest) -> Vec<&str> {
    let keys = manifest.files.iter().filter(|file| file.content == Content::Key);
    keys.map(|file| file.path.as_str()).collect()
}

/// Index, saved, reason of each certificate.
fn record(manifest: &Manifest) -> Vec<(u32, bool, Option<&str>)> {
    let record = manifest.keys.as_deref().expect("keys were asked for");
    record.iter().map(|key| (key.index, key.saved, key.reason.as_deref())).collect()
}

fn gap(manifest: &Manifest, name: &str) -> String {
    let gap = manifest.gaps.iter().find(|gap| gap.name.starts_with(name));
    gap.unwrap_or_else(|| panic!("no gap {name}: {:?}", manifest.gaps)).reason.clone()
}

/// Nothing was saved, and `reason` says why.
#[track_caller]
fn is_not_saved(world: &World, reason: &str) {
    let manifest = world.newest().manifest;
    assert_eq!(key_files(&manifest), [] as [&str; 0]);
    assert!(record(&manifest).iter().all(|(_, saved, _)| !saved), "{:?}", manifest.keys);
    let told = gap(&manifest, FILE);
    assert!(told.contains(reason), "{told}");
    assert!(world.seen.warned(&format!("`{FILE}` is missing from this set: {told}")));
}

#[test]
fn a_saved_key_lies_beside_the_database_and_is_on_record() {
    let world = World::new(&plain_life());
    let identity = Identity::example();
    let mut host = FakeHost::with(&[&identity]).exporting(&[&identity]);
    run_with_key(&world, &mut host);
    let set = world.newest();
    assert_eq!(key_files(&set.manifest), [FILE]);
    assert_eq!(set.manifest.gaps, []);
    let record = set.manifest.keys.unwrap();
    let [key] = record.as_slice() else { panic!("{record:?}") };
    assert!(key.saved && key.reason.is_none());
    assert_eq!((key.subject.as_str(), key.serial.as_str()), ("CN=ExampleCA", "01"));
    assert_eq!(key.kind, Some(KeptIn::Exportable));
    // As `openssl x509 -fingerprint -sha1` and `openssl pkey -pubin -outform DER | sha256sum` say.
    if let Some(text) =
        openssl(&["x509", "-inform", "DER", "-noout", "-fingerprint"], Some(&identity.certificate))
    {
        let text = String::from_utf8(text).unwrap().replace(':', "").to_lowercase();
        assert!(text.contains(&key.thumbprint), "{text}");
        let public =
            openssl(&["pkey", "-inform", "DER", "-pubout", "-outform", "DER"], Some(&identity.key)).unwrap();
        let text = String::from_utf8(openssl(&["dgst", "-sha256"], Some(&public)).unwrap()).unwrap();
        assert!(text.contains(&key.spki_sha256), "{text}");
    }
    assert_eq!(host.passwords, [PASSWORD]);
    assert_eq!(world.errors(), [] as [String; 0]);
}

#[test]
fn openssl_reads_what_we_read() {
    let identity = Identity::example();
    let world = World::new(&plain_life());
    run_with_key(&world, &mut FakeHost::with(&[&identity]).exporting(&[&identity]));
    let stored = fs::read(world.path_of(&world.newest()).join(FILE)).unwrap();
    let pass = format!("pass:{PASSWORD}");
    let args = ["pkcs12", "-nodes", "-nocerts", "-passin", &pass];
    let Some(pem) = openssl(&args, Some(&stored)) else { return };
    let der = openssl(&["pkcs8", "-topk8", "-nocrypt", "-outform", "DER"], Some(&pem)).unwrap();
    assert_eq!(der, identity.key);
}

#[test]
fn keys_of_all_kinds_are_matched_with_their_certificates() {
    let kinds: [&[&str]; 4] = [
        &["RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        &["EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
        &["EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
    ];
    let identities: Option<Vec<Identity>> = kinds.iter().map(|kind| Identity::new(kind)).collect();
    let Some(identities) = identities else { return };
    let all: Vec<&Identity> = identities.iter().collect();
    let world = World::new(&plain_life());
    run_with_key(&world, &mut FakeHost::with(&all).exporting(&all));
    let manifest = world.newest().manifest;
    assert_eq!(record(&manifest), [(0, true, None), (1, true, None), (2, true, None), (3, true, None)]);
    assert_eq!(manifest.gaps, []);
}

#[test]
fn what_openssl_wrote_is_read() {
    let Some(identity) = Identity::new(&["RSA", "-pkeyopt", "rsa_keygen_bits:2048"]) else { return };
    let pem = |kind: &str, der: &[u8]| openssl(&[kind, "-inform", "DER"], Some(der)).unwrap();
    let both = [pem("pkey", &identity.key), pem("x509", &identity.certificate)].concat();
    // Triple DES and SHA-1 are what Windows writes.
    let old = ["-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"];
    let pass = format!("pass:{PASSWORD}");
    for algorithms in [&[][..], &old] {
        let args = [&["pkcs12", "-export", "-passout", &pass], algorithms].concat();
        let pkcs12 = openssl(&args, Some(&both)).unwrap();
        let world = World::new(&plain_life());
        let mut host = FakeHost::with(&[&identity]);
        host.pkcs12 = Some(Ok(pkcs12));
        run_with_key(&world, &mut host);
        assert_eq!(record(&world.newest().manifest), [(0, true, None)], "{algorithms:?}");
    }
}

#[test]
fn a_certificate_without_its_key_is_listed() {
    let Some(renewed) = Identity::renewed() else { return };
    let first = Identity::example();
    let world = World::new(&plain_life());
    run_with_key(&world, &mut FakeHost::with(&[&first, &renewed]).exporting(&[&first]));
    let manifest = world.newest().manifest;
    let reason = "`Corp Issuing CA.p12` does not hold it";
    assert_eq!(record(&manifest), [(0, true, None), (1, false, Some(reason))]);
    assert_eq!(key_files(&manifest), [FILE]);
    assert_eq!(
        gap(&manifest, "private key of certificate 1 of the CA (CN=ExampleCA, serial number 02"),
        reason
    );
}

#[test]
fn a_pkcs12_that_does_not_open_is_not_saved() {
    let identity = Identity::example();
    for (pkcs12, reason) in [
        (pkcs12(&[&identity], "another"), "does not open with its password"),
        (b"not a PKCS #12".to_vec(), "cannot be opened again"),
        (Vec::new(), "cannot be opened again"),
        (pkcs12(&[], PASSWORD), "holds no private key"),
    ] {
        let world = World::new(&plain_life());
        let mut host = FakeHost::with(&[&identity]);
        host.pkcs12 = Some(Ok(pkcs12));
        run_with_key(&world, &mut host);
        is_not_saved(&world, reason);
    }
}

#[test]
fn keys_of_somebody_else_are_not_saved() {
    let Some(other) = Identity::renewed() else { return };
    let world = World::new(&plain_life());
    run_with_key(&world, &mut FakeHost::with(&[&Identity::example()]).exporting(&[&other]));
    is_not_saved(&world, "none of its keys belongs to a certificate of the CA");
}

#[test]
fn keys_that_nobody_can_match_are_not_saved() {
    let world = World::new(&plain_life());
    run_with_key(&world, &mut FakeHost::default().exporting(&[&Identity::example()]));
    is_not_saved(&world, "no certificate of the CA is known");
}

#[test]
fn a_key_in_the_clear_is_not_saved() {
    let identity = Identity::example();
    let pem = |kind: &str, der: &[u8]| openssl(&[kind, "-inform", "DER"], Some(der));
    let Some(key) = pem("pkey", &identity.key) else { return };
    let both = [key, pem("x509", &identity.certificate).unwrap()].concat();
    let pass = format!("pass:{PASSWORD}");
    let args = ["pkcs12", "-export", "-passout", &pass, "-keypbe", "NONE", "-certpbe", "NONE"];
    let pkcs12 = openssl(&args, Some(&both)).unwrap();
    let world = World::new(&plain_life());
    let mut host = FakeHost::with(&[&identity]);
    host.pkcs12 = Some(Ok(pkcs12));
    run_with_key(&world, &mut host);
    is_not_saved(&world, "a key that its password does not protect");
}

#[test]
fn keys_in_hardware_are_named() {
    let world = World::new(&plain_life());
    let mut host = FakeHost::with(&[&Identity::example()]);
    host.state.keys = vec![key(0, KeyKind::Hardware)];
    host.pkcs12 = Some(Err(HostError::NoKey { reason: "key 0 is in hardware".to_owned() }));
    run_with_key(&world, &mut host);
    is_not_saved(&world, "no key can be saved: key 0 is in hardware");
    let manifest = world.newest().manifest;
    let told = gap(&manifest, "private key of certificate 0");
    assert!(told.contains("vendor of `Vendor KSP` must save container `Corp(0)`"), "{told}");
    let key = &manifest.keys.unwrap()[0];
    assert_eq!((key.kind, key.provider.as_deref()), (Some(KeptIn::Hardware), Some("Vendor KSP")));
    assert_eq!(key.reason.as_ref(), Some(&told));
}

#[test]
fn a_refused_export_is_a_gap_with_its_reason() {
    let world = World::new(&plain_life());
    let mut host = FakeHost::with(&[&Identity::example()]);
    host.pkcs12 = Some(Err(HostError::Denied { what: "PFXExportCertStoreEx".to_owned() }));
    run_with_key(&world, &mut host);
    is_not_saved(&world, "access denied: PFXExportCertStoreEx");
    assert_eq!(world.newest().manifest.gaps.len(), 1, "one reason is told once");
}

#[test]
fn the_password_is_never_empty_and_nowhere_to_be_seen() {
    assert!(KeyPassword::new(String::new()).is_none());
    let password = KeyPassword::new(PASSWORD.to_owned()).unwrap();
    assert_eq!(format!("{password:?}"), "KeyPassword(..)");
    let identity = Identity::example();
    let world = World::new(&plain_life());
    run_with_key(&world, &mut FakeHost::with(&[&identity]).exporting(&[&identity]));
    for (path, content) in tree(world.folder()) {
        let seen = content.windows(PASSWORD.len()).any(|window| window == PASSWORD.as_bytes());
        assert!(!seen, "{}", path.display());
        let clear = content.windows(identity.key.len()).any(|window| window == identity.key);
        assert!(!clear, "{}", path.display());
    }
    assert!(!format!("{:?}", world.seen.all()).contains(PASSWORD));
}

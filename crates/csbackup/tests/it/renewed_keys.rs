//! A key that is in no set is a warning in every backup.

use std::fs;

use certadm::{ConfigurationPart, HostError, KeyKind, PartKind};
use csbackup::{Folder, ImportOptions, Medium as _, NoteBody, Quiet, ReadExtent, Requested, import};
use testkit::ca::plain_life;
use testkit::world::{World, tree};

use crate::fake_host::{FakeHost, Identity, run, run_remote, run_with_key};

const NEVER: &str = "no key of this CA was ever saved here: ";
const RENEWED: &str = "key renewed since keys were last saved";

/// The warnings about keys of the last run.
fn warnings(world: &World) -> Vec<String> {
    let mut warnings = world.seen.all().warnings;
    warnings.retain(|warning| warning.contains("key of") || warning.contains("keys"));
    world.seen.clear();
    warnings
}

/// A certificate that the CA tells of itself.
fn put(world: &mut World, index: u32, identity: &Identity) {
    let content = identity.certificate.clone();
    world.ca.set_part(&ConfigurationPart { kind: PartKind::Certificate, index, content }).unwrap();
}

#[test]
fn keys_that_were_never_saved_are_one_short_warning() {
    let Some(renewed) = Identity::renewed() else { return };
    let world = World::new(&plain_life());
    let mut host = FakeHost::with(&[&Identity::example(), &renewed]);
    run(&world, &mut host).unwrap();
    let expected = format!("{NEVER}`csbackup backup --with-key` saves it, as PKCS #12 under a password");
    assert_eq!(warnings(&world), std::slice::from_ref(&expected));
    run(&world, &mut host).unwrap();
    assert_eq!(warnings(&world), [expected], "in every backup");
}

#[test]
fn a_saved_key_is_no_warning() {
    let world = World::new(&plain_life());
    let identity = Identity::example();
    let mut host = FakeHost::with(&[&identity]).exporting(&[&identity]);
    run_with_key(&world, &mut host);
    assert_eq!(warnings(&world), [] as [String; 0], "it is being saved");
    run(&world, &mut host).unwrap();
    assert_eq!(warnings(&world), [] as [String; 0]);
    run_with_key(&world, &mut host);
    assert_eq!(warnings(&world), [] as [String; 0]);
}

#[test]
fn a_renewed_key_is_a_warning_that_names_its_certificate() {
    let Some(renewed) = Identity::renewed() else { return };
    let world = World::new(&plain_life());
    let first = Identity::example();
    run_with_key(&world, &mut FakeHost::with(&[&first]).exporting(&[&first]));
    let saved = world.newest();
    world.seen.clear();
    let mut host = FakeHost::with(&[&first, &renewed]).exporting(&[&first, &renewed]);
    for _ in 0..2 {
        run(&world, &mut host).unwrap();
        let warnings = warnings(&world);
        let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
        assert!(warning.starts_with(RENEWED), "{warning}");
        for part in [
            "certificate 1 of the CA (CN=ExampleCA, serial number 02, thumbprint ",
            "valid from 20",
            saved.id.as_str(),
            &saved.manifest.started,
            "`csbackup backup --with-key` saves it",
        ] {
            assert!(warning.contains(part), "{part}: {warning}");
        }
    }
    run_with_key(&world, &mut host);
    run(&world, &mut host).unwrap();
    assert_eq!(warnings(&world), [] as [String; 0]);
}

#[test]
fn a_certificate_renewed_with_the_same_key_is_no_warning() {
    let first = Identity::example();
    let world = World::new(&plain_life());
    run_with_key(&world, &mut FakeHost::with(&[&first]).exporting(&[&first]));
    run(&world, &mut FakeHost::with(&[&first, &first])).unwrap();
    assert_eq!(warnings(&world), [] as [String; 0]);
}

#[test]
fn a_renewed_key_in_hardware_is_for_its_vendor() {
    let Some(renewed) = Identity::renewed() else { return };
    let world = World::new(&plain_life());
    let first = Identity::example();
    let hardware = |identities: &[&Identity]| {
        let mut host = FakeHost::with(identities);
        host.state.keys.iter_mut().for_each(|key| key.kind = KeyKind::Hardware);
        host.pkcs12 = Some(Err(HostError::NoKey { reason: "hardware".to_owned() }));
        host
    };
    run(&world, &mut hardware(&[&first])).unwrap();
    let told = warnings(&world);
    let advice = "it is in hardware, save it by the procedure of the vendor of `Vendor KSP`";
    assert!(told.len() == 1 && told[0].starts_with(&format!("{NEVER}{advice}")), "{told:?}");
    run_with_key(&world, &mut hardware(&[&first]));
    world.seen.clear();
    run(&world, &mut hardware(&[&first])).unwrap();
    assert_eq!(warnings(&world), [] as [String; 0], "note was taken of it");
    run(&world, &mut hardware(&[&first, &renewed])).unwrap();
    let told = warnings(&world);
    assert!(told.len() == 1 && told[0].starts_with(RENEWED) && told[0].contains(advice), "{told:?}");
}

#[test]
fn from_afar_the_advice_is_to_run_it_on_the_ca() {
    let Some(renewed) = Identity::renewed() else { return };
    let mut world = World::new(&plain_life());
    let first = Identity::example();
    put(&mut world, 0, &first);
    run_remote(&world);
    assert_eq!(warnings(&world), [format!("{NEVER}run `csbackup backup --with-key` on the CA itself")]);
    run_with_key(&world, &mut FakeHost::with(&[&first]).exporting(&[&first]));
    run_remote(&world);
    assert_eq!(warnings(&world), [] as [String; 0]);
    put(&mut world, 1, &renewed);
    run_remote(&world);
    let told = warnings(&world);
    assert!(
        told.len() == 1 && told[0].ends_with("run `csbackup backup --with-key` on the CA itself"),
        "{told:?}"
    );
}

#[test]
fn a_key_on_a_medium_that_lost_it_is_not_saved() {
    let world = World::new(&plain_life());
    let identity = Identity::example();
    let mut host = FakeHost::with(&[&identity]).exporting(&[&identity]);
    run_with_key(&world, &mut host);
    let body = NoteBody::ReadBack { good: false, extent: ReadExtent::Full, detail: None };
    world.medium.note(&world.newest(), body).unwrap();
    world.seen.clear();
    run(&world, &mut host).unwrap();
    assert_eq!(warnings(&world).len(), 1);
}

/// The same certificate, valid from the first day of this year on; nobody looks at signatures.
fn valid_from(year: &str) -> Identity {
    let mut identity = Identity::example();
    let position = identity.certificate.windows(2).position(|bytes| bytes == [0x17, 13]).unwrap();
    identity.certificate[position + 2..][..6].copy_from_slice(format!("{year}0101").as_bytes());
    identity
}

#[test]
fn what_an_imported_folder_may_hold_is_no_warning() {
    let world = World::new(&plain_life());
    let (old, new) = (valid_from("20"), valid_from("49"));
    // What `certutil -backup` would have written.
    let elsewhere = World::new(&plain_life());
    elsewhere.good(Requested::Full);
    let folder = world.folder().join("folder");
    fs::create_dir_all(folder.join("DataBase")).unwrap();
    for (path, content) in tree(&elsewhere.path_of(&elsewhere.newest()).join("DataBase")) {
        fs::write(folder.join("DataBase").join(path.file_name().unwrap()), content).unwrap();
    }
    fs::write(folder.join("Corp Issuing CA.p12"), "never opened").unwrap();
    let options = ImportOptions { host: Some("ca01.corp.example".to_owned()), ca_name: None };
    import(&Folder::open(&folder).unwrap(), &world.medium, &options, &Quiet).unwrap();
    run(&world, &mut FakeHost::with(&[&old])).unwrap();
    assert_eq!(warnings(&world), [] as [String; 0]);
    run(&world, &mut FakeHost::with(&[&old, &new])).unwrap();
    let told = warnings(&world);
    assert!(told.len() == 1 && told[0].starts_with(RENEWED), "{told:?}");
    assert!(
        told[0].contains("certificate 1 of the CA") && told[0].contains("valid from 2049-01-01"),
        "{told:?}"
    );
}

//! What was written is not what is there.

use std::fs;
use std::path::{Path, PathBuf};

use csbackup::{Error, Medium as _, Observer, Quiet, Requested, SetState, Step, VerifyLevel, verify_set};
use testkit::ca::plain_life;
use testkit::world::World;

use crate::world::{Pair, catalogue, chain, flip, holder, host, place, run, run_seen, states, store_big};

/// Does something to an archive between publishing and reading back.
struct Meddler<F> {
    folder: PathBuf,
    meddle: F,
}

impl<F: Fn(&Path) + Sync> Observer for Meddler<F> {
    fn step(&self, step: &Step) {
        if let Step::Published(id) = step {
            (self.meddle)(&self.folder.join(format!("{id}.csbackup")));
        }
    }
}

/// A backup whose archive is meddled with truncates nothing and leaves a set that is known to be bad.
fn assert_is_noticed(case: &str, meddle: impl Fn(&Path) + Sync) {
    let (mut world, pair) = (World::new(&plain_life()), Pair::new());
    let medium = host(&world, &pair);
    let before = world.generations();
    let folder = place(&world).join(csbackup::safe_name(&world.ca.authority().name));
    let error = run_seen(&world, &medium, Requested::Full, &Meddler { folder, meddle }).unwrap_err();
    assert!(matches!(error, Error::ReadBack { .. } | Error::Manifest { .. }), "{case}: {error:?}");
    world.reopen();
    assert_eq!(world.generations(), before, "{case}: the CA lost logs");
    assert_eq!(states(&medium), [SetState::Misread], "{case}");
    run(&world, &medium, Requested::Auto).unwrap();
    assert_eq!(states(&medium).last(), Some(&SetState::Good), "{case}");
}

#[test]
fn a_byte_that_changed_before_it_was_read_back_is_noticed_wherever_it_is() {
    // The header of age: one of its stanzas, this run's own included.
    assert_is_noticed("header", |path| flip(path, 90));
    assert_is_noticed("own stanza", |path| flip(path, 250));
    assert_is_noticed("first chunk", |path| flip(path, 500));
    assert_is_noticed("middle", |path| {
        flip(path, i64::try_from(fs::metadata(path).unwrap().len() / 2).unwrap())
    });
    assert_is_noticed("end", |path| flip(path, -1));
}

#[test]
fn an_archive_that_was_cut_or_replaced_before_it_was_read_back_is_noticed() {
    assert_is_noticed("cut", |path| {
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_len(file.metadata().unwrap().len() - 20).unwrap();
    });
    assert_is_noticed("empty", |path| fs::write(path, b"").unwrap());
}

#[test]
fn a_manifest_that_changed_before_it_was_read_back_is_noticed() {
    let (mut world, pair) = (World::new(&plain_life()), Pair::new());
    let before = world.generations();
    let folder = place(&world).join(csbackup::safe_name(&world.ca.authority().name));
    let meddler = Meddler { folder, meddle: |path: &Path| flip(&path.with_extension("json"), 40) };
    let error = run_seen(&world, &host(&world, &pair), Requested::Full, &meddler).unwrap_err();
    assert!(matches!(error, Error::Manifest { .. }), "{error:?}");
    world.reopen();
    assert_eq!(world.generations(), before);
}

#[test]
fn a_damaged_archive_is_a_finding_of_the_files_it_hits() {
    let (world, pair) = (World::new(&plain_life()), Pair::new());
    run(&world, &host(&world, &pair), Requested::Full).unwrap();
    let medium = holder(&place(&world), &pair);
    let set = store_big(&host(&world, &pair), &world);
    let path = medium.path_of(&set);
    flip(&path, i64::try_from(fs::metadata(&path).unwrap().len() / 2).unwrap());
    let report = verify_set(&medium, &catalogue(&medium), &set, VerifyLevel::Stream, &Quiet).unwrap();
    let found: Vec<_> = report.all_findings().collect();
    assert!(matches!(found[..], [("big", finding)] if finding.code == "file-damaged"), "{found:?}");
    assert!(found[0].1.text.contains("cannot be decrypted"), "{found:?}");
    assert_eq!(report.files.len(), 3, "those behind it were read as well");
}

#[test]
fn damage_is_told_as_damage_at_every_level() {
    let (world, pair) = (World::new(&plain_life()), Pair::new());
    run(&world, &host(&world, &pair), Requested::Full).unwrap();
    let medium = holder(&place(&world), &pair);
    let set = catalogue(&medium).sets()[0].clone();
    let path = medium.path_of(&set);
    flip(&path, i64::try_from(fs::metadata(&path).unwrap().len() / 2).unwrap());
    for level in [VerifyLevel::Stream, VerifyLevel::Full, VerifyLevel::Deep] {
        let report = verify_set(&medium, &catalogue(&medium), &set, level, &Quiet).unwrap();
        let codes: Vec<_> = report.all_findings().map(|(_, finding)| finding.code.as_str()).collect();
        // Out of reach would mean that nothing is known of it.
        assert!(codes.contains(&"file-damaged") && !codes.contains(&"file-unreadable"), "{codes:?}");
    }
}

#[test]
fn an_archive_that_ends_where_a_chunk_of_age_does_is_not_whole() {
    let (world, pair) = (World::new(&plain_life()), Pair::new());
    run(&world, &host(&world, &pair), Requested::Full).unwrap();
    let medium = holder(&place(&world), &pair);
    let set = store_big(&host(&world, &pair), &world);
    let bytes = fs::read(medium.path_of(&set)).unwrap();
    // The last line of the header has a MAC of 43 characters; 16 bytes of a nonce follow.
    let header = bytes.windows(5).position(|five| five == b"\n--- ").unwrap() + 5 + 43 + 1 + 16;
    fs::write(medium.path_of(&set), &bytes[..header + 3 * (65_536 + 16)]).unwrap();
    let error = medium.open(&set, &set.manifest.files[0].set_path().unwrap()).err().unwrap();
    assert!(error.to_string().contains("truncated"), "{error}");
}

#[test]
fn a_manifest_beside_the_archive_that_was_changed_is_refused() {
    let (mut world, pair) = (World::new(&plain_life()), Pair::new());
    let set = chain(&mut world, &pair).remove(0);
    let path = host(&world, &pair).path_of(&set).with_extension("json");
    let text = fs::read_to_string(&path).unwrap().replace("\"sequence\": 1", "\"sequence\": 9");
    fs::write(&path, text).unwrap();
    let found = catalogue(&host(&world, &pair));
    assert_eq!(found.sets().len(), 2);
    assert!(found.unreadable[0].to_string().contains("was changed"), "{}", found.unreadable[0]);
}

#[test]
fn an_archive_under_the_name_of_another_is_refused() {
    let (mut world, pair) = (World::new(&plain_life()), Pair::new());
    let sets = chain(&mut world, &pair);
    let medium = holder(&place(&world), &pair);
    fs::copy(medium.path_of(&sets[0]), medium.path_of(&sets[1])).unwrap();
    let path = sets[1].manifest.files[0].set_path().unwrap();
    let error = medium.open(&sets[1], &path).err().unwrap();
    assert!(matches!(error, Error::Manifest { .. }), "{error:?}");
    assert!(error.to_string().contains("another set"), "{error}");
}

#[test]
fn an_encrypted_file_that_is_no_archive_is_refused() {
    let (world, pair) = (World::new(&plain_life()), Pair::new());
    run(&world, &host(&world, &pair), Requested::Full).unwrap();
    let medium = holder(&place(&world), &pair);
    let sets = catalogue(&medium);
    let set = sets.newest().unwrap();
    let path = set.manifest.files[0].set_path().unwrap();
    let recipient: age::x25519::Recipient = pair.public().parse().unwrap();
    let unseekable = zstd::encode_all(&[0_u8; 5_000][..], 3).unwrap();
    for content in [&b""[..], b"short", &[0x92; 3_000], &unseekable] {
        fs::write(medium.path_of(set), age::encrypt(&recipient, content).unwrap()).unwrap();
        let error = medium.open(set, &path).err().unwrap();
        assert!(matches!(error, Error::ReadBack { .. }), "{error:?}");
    }
    fs::write(medium.path_of(set), b"no age file at all").unwrap();
    assert!(matches!(medium.open(set, &path).err().unwrap(), Error::ReadBack { .. }));
}

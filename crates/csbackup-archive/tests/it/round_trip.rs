//! Sets go in with public keys only, and come out elsewhere.

use std::fs;
use std::io::Read as _;

use csbackup::manifest::Kind;
use csbackup::{
    BackupOptions, Medium as _, Quiet, Requested, SetPath, SetState, TruncationOutcome, VerifyLevel,
    verify_set,
};
use testkit::ca::plain_life;
use testkit::world::World;

use crate::world::{Pair, catalogue, chain, holder, host, place, run, states, store_big};

#[test]
fn a_host_without_a_secret_key_proves_each_set_and_truncates() {
    let (mut world, pair) = (World::new(&plain_life()), Pair::new());
    for (kind, got) in [
        (Requested::Full, Kind::Full),
        (Requested::Auto, Kind::Incremental),
        (Requested::Auto, Kind::Incremental),
    ] {
        let medium = host(&world, &pair);
        let outcome = run(&world, &medium, kind).unwrap();
        assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done);
        assert_eq!(catalogue(&medium).newest().unwrap().manifest.kind, got);
        world.ca.advance().unwrap();
    }
    assert_eq!(states(&host(&world, &pair)), [SetState::Good, SetState::Good, SetState::Good]);
}

#[test]
fn a_host_without_a_secret_key_verifies_what_it_can_of_an_increment_says_so_and_truncates() {
    let (mut world, pair) = (World::new(&plain_life()), Pair::new());
    run(&world, &host(&world, &pair), Requested::Full).unwrap();
    world.ca.advance().unwrap();
    let options = BackupOptions { verify: VerifyLevel::Full, ..BackupOptions::default() };
    let (medium, mut ca) = (host(&world, &pair), world.ca.connect());
    let outcome = world.run_observed(&mut ca, &medium, &options, &world.seen).unwrap();
    assert_eq!(outcome.sets[0].manifest.kind, Kind::Incremental);
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done, "{:?}", outcome.truncation);
    assert!(world.seen.warned("is not compared with the database"), "{:?}", world.seen.all().warnings);
}

#[test]
fn after_the_run_its_host_cannot_read_what_it_wrote() {
    let (world, pair) = (World::new(&plain_life()), Pair::new());
    let medium = host(&world, &pair);
    run(&world, &medium, Requested::Full).unwrap();
    let sets = catalogue(&medium);
    let set = sets.newest().unwrap();
    let path = set.manifest.files[0].set_path().unwrap();
    let error = medium.open(set, &path).err().unwrap();
    assert!(error.to_string().contains("encrypted and no identity is given"), "{error}");
    assert!(medium.source(set, &path).is_err());
}

#[test]
fn another_machine_with_the_key_verifies_the_whole_chain() {
    let (mut world, pair) = (World::new(&plain_life()), Pair::new());
    chain(&mut world, &pair);
    let elsewhere = world.folder().join("elsewhere");
    fs::rename(place(&world), &elsewhere).unwrap();
    let medium = holder(&elsewhere, &pair);
    let sets = catalogue(&medium);
    assert_eq!(sets.sets().len(), 3);
    for set in sets.sets() {
        let report = verify_set(&medium, &sets, set, VerifyLevel::Stream, &Quiet).unwrap();
        assert_eq!(report.all_findings().collect::<Vec<_>>(), [], "{}", set.id);
    }
}

#[test]
fn archives_alone_are_enough_for_whoever_has_the_key() {
    let (mut world, pair) = (World::new(&plain_life()), Pair::new());
    let sets = chain(&mut world, &pair);
    let medium = host(&world, &pair);
    for set in &sets {
        fs::remove_file(medium.path_of(set).with_extension("json")).unwrap();
    }
    assert_eq!(catalogue(&medium).unreadable.len(), 3, "without a key the manifests are missed");
    let found = catalogue(&holder(&place(&world), &pair));
    assert!(found.sets().iter().zip(&sets).all(|(found, set)| found.manifest == set.manifest));
    assert_eq!(found.sets().len(), 3);
}

#[test]
fn every_place_of_a_file_reads_as_the_stream_does() {
    let (world, pair) = (World::new(&plain_life()), Pair::new());
    run(&world, &host(&world, &pair), Requested::Full).unwrap();
    store_big(&host(&world, &pair), &world);
    let medium = holder(&place(&world), &pair);
    let sets = catalogue(&medium);
    for (set, file) in
        sets.sets().iter().flat_map(|set| set.manifest.files.iter().map(move |file| (set, file)))
    {
        let path = file.set_path().unwrap();
        let mut whole = Vec::new();
        medium.open(set, &path).unwrap().read_to_end(&mut whole).unwrap();
        assert_eq!(whole.len() as u64, file.size);
        let source = medium.source(set, &path).unwrap();
        assert_eq!(source.size(), file.size);
        // Backwards, across the ends of frames.
        let step = 100_003;
        for start in (0..whole.len()).step_by(step).rev() {
            let mut piece = vec![0; step.min(whole.len() - start)];
            source.read_at(start as u64, &mut piece).unwrap();
            assert!(piece == whole[start..start + piece.len()], "{} at {start}", file.path);
        }
        assert!(source.read_at(file.size, &mut [0]).is_err());
        assert!(source.read_at(u64::MAX, &mut [0, 0]).is_err());
    }
    let set = sets.newest().unwrap();
    let missing = medium.open(set, &SetPath::parse("DataBase/nothing").unwrap()).err().unwrap();
    assert!(missing.to_string().contains("nothing"), "{missing}");
}

#[test]
fn a_set_is_forgotten_with_all_that_is_beside_it() {
    let (mut world, pair) = (World::new(&plain_life()), Pair::new());
    let sets = chain(&mut world, &pair);
    let medium = host(&world, &pair);
    medium.forget(&[&sets[2], &sets[1]]).unwrap();
    assert_eq!(catalogue(&medium).sets().len(), 1);
    let left = testkit::world::names(medium.path_of(&sets[0]).parent().unwrap());
    assert_eq!(left.len(), 4, "the lock, and archive, manifest and notes of one set: {left:?}");
}

#[test]
fn nothing_is_written_without_a_recipient() {
    let (world, pair) = (World::new(&plain_life()), Pair::new());
    let error = run(&world, &holder(&place(&world), &pair), Requested::Full).unwrap_err();
    assert!(error.to_string().contains("no recipient"), "{error}");
    assert_eq!(world.generations(), World::new(&plain_life()).generations());
}

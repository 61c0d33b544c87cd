//! CAs of one name on several hosts, and new log streams, in one place.

use std::path::Path;

use certadm::Authority;
use certsrv::{CaDirectory, StateSource};
use csbackup::manifest::Kind;
use csbackup::{
    BackupOptions, Catalogue, Directory, Folder, ImportOptions, MappedFiles, Outcome, Quiet, Requested,
    SetState, TruncationOutcome, backup, import,
};
use testkit::ca::{self, Moment, authority, plain_life};
use testkit::synthetic::History;
use testkit::world::World;

/// The CA of the same name on another host, with a log stream of its own.
fn namesake(dir: &Path) -> CaDirectory {
    let other = Authority { host: "ca02.corp.example".to_owned(), name: authority().name };
    let states: Vec<StateSource> = (1..)
        .zip(plain_life())
        .map(|(number, moment)| moment.of(&History::new(2)).write(&dir.join(format!("source-{number}"))))
        .collect();
    CaDirectory::create(dir.join("ca"), &other, &states).unwrap()
}

fn run(ca: &CaDirectory, medium: &Directory) -> Outcome {
    let files = MappedFiles::new(ca.mappings());
    backup(&mut ca.connect(), medium, &files, &BackupOptions::default(), &Quiet).unwrap()
}

/// Three rounds of both; the one that comes second has perhaps been backed up elsewhere before.
fn alternate(backed_up_elsewhere: bool) {
    let mut world = World::new(&plain_life());
    let mut other = namesake(&world.folder().join("other"));
    if backed_up_elsewhere {
        run(&other, &Directory::new(world.folder().join("elsewhere")));
    }
    for round in 0..3 {
        for outcome in [world.good(Requested::Auto), run(&other, &world.medium)] {
            assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done, "round {round}");
            let kind = if round == 0 { Kind::Full } else { Kind::Incremental };
            assert_eq!(outcome.sets[0].manifest.kind, kind, "round {round}");
        }
        if round < 2 {
            world.advance();
            assert!(other.advance().unwrap());
        }
    }
    let sets = world.sets();
    assert_eq!(sets.len(), 6);
    for set in &sets {
        let host = &set.manifest.ca.host;
        let before = sets.iter().take_while(|earlier| earlier.id != set.id);
        let own = before.filter(|earlier| earlier.manifest.ca.host == *host).last();
        assert_eq!(set.manifest.base, own.map(|own| own.id.clone()), "{host}");
        let chain = world.catalogue();
        assert!(chain.chain(set).unwrap().iter().all(|link| link.manifest.ca.host == *host));
    }
    assert!(world.states().iter().all(|state| *state == SetState::Good), "{:?}", world.states());
    assert_eq!(world.errors(), [] as [String; 0]);
    for (host, own) in [(&authority(), 0), (other.authority(), 1)] {
        let catalogue = Catalogue::load(&world.medium, Some(host)).unwrap();
        assert_eq!(catalogue.newest().unwrap().manifest.ca.host, host.host);
        assert!(catalogue.is_historic(&sets[1 - own]) && !catalogue.is_historic(&sets[own]));
    }
}

#[test]
fn cas_of_one_name_on_two_hosts_each_continue_their_own_chain() {
    alternate(false);
}

#[test]
fn a_namesakes_chain_is_no_base_although_the_ca_would_give_an_increment() {
    alternate(true);
}

#[test]
fn a_folder_that_does_not_tell_its_host_belongs_to_the_namesake_whose_logs_it_has() {
    let mut world = World::new(&plain_life());
    let ours = world.good(Requested::Full).sets.remove(0);
    let other = namesake(&world.folder().join("other"));
    run(&other, &world.medium);
    // Newer than all there is, and of the namesake's log stream.
    let folder = world.folder().join("foreign");
    Moment::new(7, 7, 9).of(&History::new(2)).write(&folder);
    let options = ImportOptions { ca_name: Some(authority().name), host: None };
    let imported = import(&Folder::open(&folder).unwrap(), &world.medium, &options, &Quiet).unwrap();
    let newest = |host: &Authority| {
        Catalogue::load(&world.medium, Some(host)).unwrap().newest().map(|set| set.id.clone()).unwrap()
    };
    assert_eq!(newest(&authority()), ours.id);
    assert_eq!(newest(other.authority()), imported.id);
    world.advance();
    assert_eq!(world.good(Requested::Auto).sets[0].manifest.base, Some(ours.id));
}

#[test]
fn a_first_full_of_another_log_stream_says_that_older_logs_are_in_no_set() {
    let mut world = World::new(&plain_life());
    world.good(Requested::Full);
    world.seen.clear();
    ca::replace(&mut world.ca, &Moment::new(2, 5, 9).of(&History::new(2)));
    let outcome = world.good(Requested::Auto);
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done);
    assert_eq!(world.generations(), 5..=9, "2 to 4 are gone");
    assert!(world.seen.warned("below generation 0x5"), "{:?}", world.seen.all().warnings);

    // The next one of this stream has a chain before it, and nothing to say.
    world.seen.clear();
    world.good(Requested::Full);
    assert!(!world.seen.warned("below generation"), "{:?}", world.seen.all().warnings);
}

#[test]
fn a_chain_goes_on_when_its_ca_has_another_host_name() {
    let world = World::new(&plain_life());
    let old = Authority { host: "CA01".to_owned(), name: authority().name };
    plain_life()[0].write(&world.folder().join("certutil"));
    let options = ImportOptions { ca_name: Some(old.name), host: Some(old.host) };
    let full =
        import(&Folder::open(&world.folder().join("certutil")).unwrap(), &world.medium, &options, &Quiet)
            .unwrap();
    // Another program's backup, so that the CA accepts increments.
    let elsewhere = Directory::new(world.folder().join("elsewhere"));
    let (mut ca, _) = World::parts(world.folder());
    run(&ca, &elsewhere);
    ca.advance().unwrap();
    let second = run(&ca, &world.medium);
    assert_eq!(second.sets[0].manifest.base, Some(full.id), "it continues the import");
    ca.advance().unwrap();
    let third = run(&ca, &world.medium);
    assert_eq!(third.sets[0].manifest.base, Some(second.sets[0].id.clone()), "and goes on");
    assert_eq!(third.truncation.outcome, TruncationOutcome::Done);
}

#[test]
fn latest_is_refused_where_several_hosts_share_a_name() {
    let world = World::new(&plain_life());
    let other = namesake(&world.folder().join("other"));
    let set = world.good(Requested::Auto).sets.remove(0);
    run(&other, &world.medium);
    let catalogue = Catalogue::load(&world.medium, None).unwrap();
    let error = catalogue.find("latest").unwrap_err();
    assert!(error.to_string().contains("several hosts"), "{error}");
    assert_eq!(catalogue.find(set.id.as_str()).unwrap().id, set.id);
}

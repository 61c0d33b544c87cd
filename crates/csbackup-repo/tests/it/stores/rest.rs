//! A rest server: `rclone serve restic`.

use std::fs;
use std::net::TcpListener;

use csbackup::{Catalogue, Medium, Requested, SetState, StoreTrouble};
use csbackup_repo::StoreOptions;
use testkit::stores::{RestServer, free_port};
use testkit::world::World;

use super::{
    IMPATIENT, a_chain_is_stored_and_comes_back_whole, contents, credentials, good, medium, options,
    repository, run, trouble,
};

#[test]
fn a_chain_on_a_rest_server_comes_back_whole() {
    let folder = tempfile::tempdir_in(testkit::ca::scratch()).unwrap();
    let Some(server) = RestServer::start(folder.path(), &[]) else { return };
    a_chain_is_stored_and_comes_back_whole(&format!("{}nested/", server.location()), options());
}

#[test]
fn an_append_only_server_takes_sets_and_lets_none_go() {
    let folder = tempfile::tempdir_in(testkit::ca::scratch()).unwrap();
    let Some(server) = RestServer::start(folder.path(), &["--append-only"]) else { return };
    let mut world = World::new(&testkit::ca::plain_life());
    let medium = repository(&world, &server.location(), options());
    let full = good(&world, &medium, Requested::Full);
    world.advance();
    let increment = good(&world, &medium, Requested::Incremental);
    let before = contents(&medium, &full);
    let (kind, reason) = trouble(medium.forget(&[&increment]));
    assert_eq!(kind, StoreTrouble::ReadOnly, "{reason}");
    let catalogue = Catalogue::load(&medium, Some(world.ca.authority())).unwrap();
    assert!(catalogue.sets().iter().all(|set| catalogue.state(set) == SetState::Good));
    assert_eq!((catalogue.sets().len(), contents(&medium, &full)), (2, before));
}

#[test]
fn a_password_is_sent_and_its_lack_is_told() {
    let folder = tempfile::tempdir_in(testkit::ca::scratch()).unwrap();
    let Some(server) = RestServer::start(folder.path(), &["--user", r"CORP\ca", "--pass", "p:/@ss"]) else {
        return;
    };
    let world = World::new(&testkit::ca::plain_life());
    let wrong = medium(&server.location(), options());
    // Wrong credentials must never look like a place without a repository.
    assert_eq!(trouble(wrong.init("Corp Issuing CA", 1)).0, StoreTrouble::Refused);
    assert_eq!(trouble(wrong.sets(Some(world.ca.authority()))).0, StoreTrouble::Refused);
    let right = [("RESTIC_REST_USERNAME", r"CORP\ca"), ("RESTIC_REST_PASSWORD", "p:/@ss")];
    let right = StoreOptions { credentials: credentials(&right), ..options() };
    good(&world, &repository(&world, &server.location(), right), Requested::Full);
}

#[test]
fn a_rest_server_asks_for_the_name_of_the_ca() {
    let medium = medium("rest:http://127.0.0.1:1/", options());
    assert!(trouble(medium.sets(None)).1.contains("--ca-name"));
}

#[test]
fn a_place_without_a_repository_says_so() {
    let folder = tempfile::tempdir_in(testkit::ca::scratch()).unwrap();
    let Some(server) = RestServer::start(folder.path(), &[]) else { return };
    let medium = medium(&server.location(), options());
    let world = World::new(&testkit::ca::plain_life());
    assert_eq!(trouble(medium.sets(Some(world.ca.authority()))).0, StoreTrouble::Missing);
}

#[test]
fn a_server_that_is_not_there_or_never_answers_is_unreachable() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let options = || StoreOptions { timeout: IMPATIENT, retries: 1, ..options() };
    for port in [free_port(), silent.local_addr().unwrap().port()] {
        for location in
            [format!("rest:http://127.0.0.1:{port}/"), format!("s3:http://127.0.0.1:{port}/bucket")]
        {
            let medium = medium(&location, options());
            let (kind, reason) = trouble(medium.init("Corp Issuing CA", 1));
            assert_eq!(kind, StoreTrouble::Unreachable, "{location}: {reason}");
        }
    }
}

#[test]
fn no_password_is_in_an_error() {
    let variables = [("RESTIC_REST_USERNAME", "user"), ("RESTIC_REST_PASSWORD", "hunter2")];
    let options = StoreOptions { credentials: credentials(&variables), retries: 0, ..options() };
    let medium = medium(&format!("rest:http://127.0.0.1:{}/", free_port()), options);
    let error = medium.init("Corp Issuing CA", 1).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

#[test]
fn a_pack_that_is_missing_on_the_server_is_no_good_set() {
    let folder = tempfile::tempdir_in(testkit::ca::scratch()).unwrap();
    let Some(server) = RestServer::start(folder.path(), &[]) else { return };
    let world = World::new(&testkit::ca::plain_life());
    let medium = repository(&world, &server.location(), options());
    let set = good(&world, &medium, Requested::Full);
    let files = testkit::world::tree(server.folder());
    let packs = files.into_iter().filter(|(path, _)| path.to_string_lossy().contains("/data/"));
    fs::remove_file(packs.max_by_key(|(_, bytes)| bytes.len()).unwrap().0).unwrap();
    let fresh = super::medium(&server.location(), options());
    let file = set.manifest.files.iter().max_by_key(|file| file.size).unwrap();
    let read = fresh.open(&set, &file.set_path().unwrap()).and_then(|mut reader| {
        std::io::copy(&mut reader, &mut std::io::sink()).map_err(|source| csbackup::Error::Io {
            doing: "read",
            path: file.path.clone().into(),
            source,
        })
    });
    assert!(read.is_err());
    assert!(run(&world, &fresh, Requested::Full).is_ok());
}

//! Stores: how they are named, what they say when something is wrong, and real ones on the loopback.

mod distributed;
mod local;
mod locations;
mod rest;
mod s3;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::time::Duration;

use csbackup::{
    BackupOptions, Catalogue, Error, Medium, Outcome, Quiet, Requested, SetState, StoreTrouble, StoredSet,
    TruncationOutcome, VerifyLevel, backup, verify_set,
};
use csbackup_repo::{Password, Repositories, StoreCredentials, StoreOptions};
use testkit::world::World;

/// Credentials as the environment would give them.
fn credentials(variables: &[(&str, &str)]) -> StoreCredentials {
    let variables: BTreeMap<&str, &str> = variables.iter().copied().collect();
    StoreCredentials::from_variables(|name| variables.get(name).map(|value| (*value).to_owned()))
}

/// Options for servers that accept anybody, patient enough for a busy machine.
fn options() -> StoreOptions {
    let anybody = [
        ("AWS_ACCESS_KEY_ID", "anybody"),
        ("AWS_SECRET_ACCESS_KEY", "anything"),
        ("RESTIC_REST_USERNAME", "anybody"),
    ];
    StoreOptions { credentials: credentials(&anybody), retries: 2, ..StoreOptions::default() }
}

fn medium(location: &str, options: StoreOptions) -> Repositories {
    Repositories::new(location.parse().unwrap(), options, Password::new("quite secret"))
}

/// A medium with a new repository of the world's CA.
fn repository(world: &World, location: &str, options: StoreOptions) -> Repositories {
    let medium = medium(location, options);
    medium.init(&world.ca.authority().name, 1 << 20).unwrap();
    medium
}

fn run(world: &World, medium: &dyn Medium, kind: Requested) -> Result<Outcome, Error> {
    let options = BackupOptions { kind, ..BackupOptions::default() };
    backup(&mut world.ca.connect(), medium, &world.files(), &options, &Quiet)
}

/// A backup that must succeed, be proven and truncate.
fn good(world: &World, medium: &dyn Medium, kind: Requested) -> StoredSet {
    let outcome = run(world, medium, kind).unwrap();
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done, "{:?}", outcome.truncation.detail);
    let set = outcome.sets.last().unwrap();
    let catalogue = Catalogue::load(medium, Some(&testkit::ca::authority())).unwrap();
    let listed = catalogue.sets().iter().find(|listed| listed.id == set.id).unwrap();
    assert_eq!(catalogue.state(listed), SetState::Good);
    listed.clone()
}

/// Every file of a set, as the medium gives it.
fn contents(medium: &dyn Medium, set: &StoredSet) -> BTreeMap<String, Vec<u8>> {
    let files = set.manifest.files.iter().map(|entry| {
        let mut bytes = Vec::new();
        medium.open(set, &entry.set_path().unwrap()).unwrap().read_to_end(&mut bytes).unwrap();
        (entry.path.clone(), bytes)
    });
    files.collect()
}

/// What is wrong with a set when all of it is read again.
fn errors(medium: &dyn Medium, set: &StoredSet) -> Vec<String> {
    let catalogue = Catalogue::load(medium, Some(&testkit::ca::authority())).unwrap();
    let report = verify_set(medium, &catalogue, set, VerifyLevel::Stream, &Quiet).unwrap();
    report.all_findings().map(|(file, finding)| format!("{file}: {}", finding.text)).collect()
}

/// The trouble of an error of a store, and what it says.
fn trouble<T>(result: Result<T, Error>) -> (StoreTrouble, String) {
    match result.err() {
        Some(Error::Store { trouble, reason, .. }) => (trouble, reason),
        other => panic!("not an error of a store: {other:?}"),
    }
}

/// A chain of three sets, each with the very bytes that another medium gets of the same CA.
fn a_chain_is_stored_and_comes_back_whole(location: &str, options: StoreOptions) {
    let mut world = World::new(&testkit::ca::plain_life());
    let medium = repository(&world, location, options.clone());
    for _ in 0..3 {
        let twin = world.copy();
        let set = good(&world, &medium, Requested::Auto);
        let kind = if set.manifest.base.is_some() { Requested::Incremental } else { Requested::Full };
        if kind == Requested::Full {
            twin.good(kind);
            let (ours, theirs) = (contents(&medium, &set), contents(&twin.medium, &twin.newest()));
            assert_eq!(ours, theirs);
        }
        world.ca.advance().ok();
    }
    let fresh = self::medium(location, options);
    let catalogue = Catalogue::load(&fresh, Some(world.ca.authority())).unwrap();
    assert_eq!(catalogue.sets().len(), 3);
    for set in catalogue.sets() {
        assert_eq!(errors(&fresh, set), Vec::<String>::new());
    }
}

/// Short enough for a test of what never answers.
const IMPATIENT: Duration = Duration::from_millis(300);

//! A repository need not be opened to see that nothing happened in it.

use csbackup::status::{Facts, StatusCache, facts};
use csbackup::{BackupOptions, Error, Medium, NoteBody, StoreTrouble, VerifyLevel};
use csbackup_repo::{Location, Password, Repositories, StoreOptions};
use testkit::ca::{authority, plain_life};
use testkit::world::World;

use crate::place::{opened, place};

/// As one who cannot open it.
fn without_password(world: &World) -> Repositories {
    let location = Location::Local(world.folder().join("repository"));
    Repositories::new(location, StoreOptions::default(), Password::new("no idea"))
}

fn cached(world: &World, medium: &dyn Medium) -> Result<Facts, Error> {
    facts(medium, &authority(), &StatusCache::new(world.folder().join("cache")))
}

fn is_refused(answer: &Result<Facts, Error>) -> bool {
    matches!(answer, Err(Error::Store { trouble: StoreTrouble::WrongPassword, .. }))
}

#[test]
fn what_is_known_needs_no_key_until_there_is_a_new_set_or_note() {
    let world = World::new(&plain_life());
    let medium = place(&world);
    let backup = || world.run_on(&mut world.ca.connect(), &medium, &BackupOptions::default()).unwrap();
    backup();
    assert!(is_refused(&cached(&world, &without_password(&world))));
    let known = cached(&world, &opened(&world)).unwrap();
    assert_eq!(known.sets, 1);
    assert_eq!(cached(&world, &without_password(&world)).unwrap(), known);

    let set = medium.sets(None).unwrap().remove(0).unwrap();
    medium.note(&set, NoteBody::Verified { level: VerifyLevel::Stream, worst: None, findings: 0 }).unwrap();
    assert!(is_refused(&cached(&world, &without_password(&world))));
    cached(&world, &opened(&world)).unwrap();
    backup();
    assert!(is_refused(&cached(&world, &without_password(&world))));
    assert_eq!(cached(&world, &opened(&world)).unwrap().sets, 2);
    assert!(cached(&world, &without_password(&world)).is_ok());
}

#[test]
fn where_there_is_no_repository_opening_says_so() {
    let world = World::new(&plain_life());
    assert!(matches!(
        cached(&world, &opened(&world)),
        Err(Error::Store { trouble: StoreTrouble::Missing, .. })
    ));
}

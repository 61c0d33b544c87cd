//! A set goes in and comes out.

use csbackup::{BackupOptions, Catalogue, Requested, SetState, TruncationOutcome};
use csbackup_repo::{Location, Password, Repositories, StoreOptions};
use testkit::ca::plain_life;
use testkit::world::World;

fn repository(world: &World) -> Repositories {
    let location = Location::Local(world.folder().join("repository"));
    let medium = Repositories::new(location, StoreOptions::default(), Password::new("quite secret"));
    medium.init(&world.ca.authority().name, 1 << 20).unwrap();
    medium
}

#[test]
fn a_chain_is_proven_set_by_set_and_truncates() {
    let mut world = World::new(&plain_life());
    let medium = repository(&world);
    for kind in [Requested::Full, Requested::Auto, Requested::Auto] {
        let options = BackupOptions { kind, ..BackupOptions::default() };
        let outcome = world.run_on(&mut world.ca.connect(), &medium, &options).unwrap();
        assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done);
        world.ca.advance().ok();
    }
    let catalogue = Catalogue::load(&medium, None).unwrap();
    assert_eq!(catalogue.sets().len(), 3);
    assert!(catalogue.sets().iter().all(|set| catalogue.state(set) == SetState::Good));
    world.reopen();
}

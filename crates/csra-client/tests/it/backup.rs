//! Whole backups over the wire.

use certadm::{CertServer, ServerState};
use csbackup::{Requested, SetState, TruncationOutcome};
use rpc_auth::Method;
use testkit::ca::plain_life;
use testkit::world::World;

use crate::wire::{PASSWORD, USER, Wire, options};
use csra_client::RemoteCa;

/// Stored files by path, without what depends on the road.
fn contents(world: &World) -> Vec<(String, Vec<u8>)> {
    let set = world.newest();
    let files = set.manifest.files.iter().filter(|file| !file.path.starts_with("Config/"));
    files
        .map(|file| {
            let bytes = std::fs::read(world.path_of(&set).join(&file.path)).unwrap();
            (file.path.clone(), bytes)
        })
        .collect()
}

#[test]
fn a_backup_over_the_wire_is_the_backup_in_process() {
    let local = World::new(&plain_life());
    local.good(Requested::Full);
    for method in [Method::Negotiate, Method::Ntlm] {
        let wire = Wire::new(&plain_life());
        let mut ca = RemoteCa::connect(wire.target(), options(USER, PASSWORD, method)).unwrap();
        assert_eq!(ca.state().unwrap(), ServerState::Online);
        let outcome = wire.run_on(&mut ca, &wire.medium, &csbackup::BackupOptions::default()).unwrap();
        assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done);
        assert!(outcome.ended);
        assert_eq!(contents(&wire), contents(&local));
        assert_eq!(wire.errors(), [] as [String; 0]);
    }
}

#[test]
fn increments_follow_over_the_wire() {
    let mut wire = Wire::new(&plain_life());
    wire.back_up(Requested::Full).unwrap();
    wire.advance();
    wire.back_up(Requested::Incremental).unwrap();
    wire.advance();
    wire.back_up(Requested::Auto).unwrap();
    assert_eq!(wire.states(), [SetState::Good, SetState::Good, SetState::Good]);
    assert_eq!(wire.lost(), [] as [u32; 0]);
}

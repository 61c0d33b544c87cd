//! How long the CA's object lives: as long as the client does, and no longer.

use std::time::Duration;

use certadm::{BackupType, CertServer, Error as CallError, ServerState};
use csra_client::RemoteCa;
use dtyp::HResult;
use rpc_auth::Method;
use testkit::ca::{self, plain_life};
use testkit::world::World;

use crate::proxy::Proxy;
use crate::wire::{Hand, PASSWORD, PERIOD, USER, Wire, options, prepare};

/// A CA that goes by a clock at hand, a proxy before it, and a road through that with this time
/// between two pings.
fn through_proxy(ping_period: Duration) -> (Wire, Hand, Proxy, RemoteCa) {
    let hand = Hand::default();
    let mut world = World::new(&plain_life());
    prepare(&mut world, |_| {});
    let wire = Wire::serve(world, hand.options());
    let proxy = Proxy::new(&wire.server, None);
    let mut road = options(USER, PASSWORD, Method::Negotiate);
    road.ping_period = ping_period;
    let ca = RemoteCa::connect(proxy.target(&ca::authority().name), road).unwrap();
    (wire, hand, proxy, ca)
}

#[test]
fn a_backup_that_stalls_for_hours_keeps_its_session() {
    let (wire, hand, proxy, mut ca) = through_proxy(Duration::from_millis(1));
    let mut session = ca.prepare_backup(BackupType::Full).unwrap();
    for _ in 0..60 {
        hand.advance(2 * PERIOD);
        // One may have been answered before the clock went on.
        proxy.wait_for_pings(2);
        assert_eq!(wire.server.reclaim(), 0);
    }
    let databases = session.database_files().unwrap();
    let file = databases.files()[0].name.clone();
    assert!(session.open_file(&file).unwrap() > 0);
    session.close_file().unwrap();
    session.end().unwrap();
}

#[test]
fn without_pings_the_object_goes_and_calls_say_that_it_is_gone() {
    let (wire, hand, proxy, mut ca) = through_proxy(Duration::from_secs(3600));
    // The first ping comes at once.
    proxy.wait_for_pings(1);
    let mut session = ca.prepare_backup(BackupType::Full).unwrap();
    hand.advance(3 * PERIOD);
    assert_eq!(wire.server.reclaim(), 0, "not a moment earlier");
    hand.advance(Duration::from_secs(1));
    assert_eq!(wire.server.reclaim(), 1);
    for error in [session.database_files().unwrap_err(), session.truncate_logs().unwrap_err()] {
        let CallError::Refused { code, .. } = error else { panic!("{error:?}") };
        assert_eq!(code, HResult::DISCONNECTED);
    }
    drop(session);
    assert_eq!(*wire.generations().start(), 1, "nothing is truncated");

    // The road goes on with a new object.
    assert_eq!(ca.state().unwrap(), ServerState::Online);
    hand.advance(4 * PERIOD);
    wire.server.reclaim();
    ca.prepare_backup(BackupType::Full).unwrap().end().unwrap();
}

#[test]
fn a_road_that_is_dropped_leaves_no_object_and_no_session() {
    let wire = Wire::new(&plain_life());
    let mut first = wire.connect();
    let mut second = wire.connect();
    assert_eq!(wire.server.objects(), 2);
    drop(first.prepare_backup(BackupType::Full).unwrap());
    // The context is gone without its End: only the object holds the session.
    let busy = second.prepare_backup(BackupType::Full).map(drop).unwrap_err();
    assert_eq!(busy.code(), Some(HResult::BACKUP_IN_PROGRESS));
    drop(first);
    assert_eq!(wire.server.objects(), 1);
    second.prepare_backup(BackupType::Full).unwrap().end().unwrap();
    drop(second);
    assert_eq!(wire.server.objects(), 0);
}

#[test]
fn a_whole_backup_and_its_questions_take_one_object() {
    let wire = Wire::new(&plain_life());
    let mut ca = wire.connect();
    ca.survey();
    wire.run_on(&mut ca, &wire.medium, &csbackup::BackupOptions::default()).unwrap();
    assert_eq!(wire.server.objects(), 1);
}

#[test]
fn a_session_is_for_the_object_that_opened_it() {
    let wire = Wire::new(&plain_life());
    let mut first = wire.connect();
    let mut session = first.prepare_backup(BackupType::Full).unwrap();
    // A second road of the same user comes and goes.
    let mut second = wire.connect();
    assert_eq!(second.state().unwrap(), ServerState::Online);
    drop(second);
    assert!(!session.log_files().unwrap().files().is_empty());
    session.end().unwrap();
}

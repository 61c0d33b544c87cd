//! The service is restarted on request only, and never left down in silence.

use certadm::{CaHost as _, CertServer as _, HostError, ServerState};
use csbackup::{Error, Step};
use testkit::ca::plain_life;
use testkit::world::World;

use crate::fake_host::{FakeHost, run, run_restarted};

fn failed() -> HostError {
    HostError::Failed { what: "StartService: error 1069".to_owned() }
}

/// A machine that stops and starts the embedded CA.
fn real(world: &World) -> FakeHost {
    let (mut stopping, mut starting) = (world.ca.host(), world.ca.host());
    FakeHost {
        on_stop: Some(Box::new(move || stopping.stop_service().unwrap())),
        on_start: Some(Box::new(move || starting.start_service().unwrap())),
        ..FakeHost::default()
    }
}

#[test]
fn nobody_restarts_it_unasked() {
    let world = World::new(&plain_life());
    let mut host = FakeHost::default();
    run(&world, &mut host).unwrap();
    assert_eq!(host.calls, ["capture"]);
}

#[test]
fn it_is_restarted_before_the_session() {
    let world = World::new(&plain_life());
    let mut host = real(&world);
    run_restarted(&world, &mut host).unwrap();
    assert_eq!(host.calls, ["stop", "start", "capture"]);
    let steps = world.seen.all().steps;
    let position = |wanted: fn(&Step) -> bool| steps.iter().position(wanted).unwrap();
    assert!(
        position(|step| *step == Step::Restarted) < position(|step| matches!(step, Step::Prepared(_))),
        "{steps:?}"
    );
    assert_eq!(world.sets().len(), 1);
}

#[test]
fn a_service_that_does_not_come_up_again_is_an_error_of_its_own() {
    let world = World::new(&plain_life());
    let mut host = real(&world);
    host.on_start = None;
    host.start = Some(failed());
    let error = run_restarted(&world, &mut host).unwrap_err();
    assert!(matches!(error, Error::NotRestarted { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.starts_with("THE CERTIFICATE SERVICE OF `ca01.corp.example"), "{text}");
    assert!(text.contains("IS DOWN") && text.ends_with("StartService: error 1069"), "{text}");
    assert!(error.hints()[0].contains("start it now"), "{:?}", error.hints());
    assert!(world.sets().is_empty() && world.leftovers().is_empty());
}

#[test]
fn a_service_that_starts_and_does_not_serve_is_down_too() {
    let world = World::new(&plain_life());
    let mut host = real(&world);
    host.on_start = None;
    let error = run_restarted(&world, &mut host).unwrap_err();
    assert!(matches!(&error, Error::NotRestarted { reason, .. } if reason == "it is stopped"), "{error:?}");
}

#[test]
fn a_service_that_does_not_stop_goes_on_and_nothing_is_backed_up() {
    let world = World::new(&plain_life());
    let mut host =
        FakeHost { stop: Some(HostError::Denied { what: "OpenService".to_owned() }), ..FakeHost::default() };
    let error = run_restarted(&world, &mut host).unwrap_err();
    assert!(
        matches!(&error, Error::NotStopped { reason, .. } if reason == "access denied: OpenService"),
        "{error:?}"
    );
    assert_eq!(host.calls, ["stop"]);
    assert!(world.sets().is_empty());
}

#[test]
fn a_service_that_stops_after_all_is_started_again() {
    let world = World::new(&plain_life());
    let mut host = real(&world);
    host.stop = Some(failed());
    let error = run_restarted(&world, &mut host).unwrap_err();
    assert!(matches!(error, Error::NotStopped { .. }), "{error:?}");
    assert_eq!(host.calls, ["stop", "start"]);
    assert_eq!(world.ca.connect().state().unwrap(), ServerState::Online);
}

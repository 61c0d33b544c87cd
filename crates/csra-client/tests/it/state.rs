//! What the CA's condition and the caller's standing look like from afar, before anything is read.

use certadm::server::Roles;
use certadm::{BackupType, CertServer, Error as CallError, ServerState};
use certsrv::{Config, Role, ServerOptions, Service};
use csbackup::{Error, Requested, TruncationOutcome};
use csra::Interface;
use csra_client::{RemoteCa, Target};
use dtyp::HResult;
use rpc_auth::Method;
use testkit::ca::plain_life;
use testkit::world::World;

use crate::fake::{Fake, Offer};
use crate::held::assert_heals;
use crate::wire::{PASSWORD, USER, Wire, options};

fn wire(change: impl FnOnce(&mut Config)) -> Wire {
    Wire::of(World::new(&plain_life()), ServerOptions::default(), change)
}

fn prepare(ca: &mut RemoteCa) -> Result<(), CallError> {
    ca.prepare_backup(BackupType::Full)?.end()
}

#[test]
fn a_stopped_service_gives_out_no_object() {
    let wire = wire(|config| config.service = Service::Stopped);
    let mut ca = wire.connect();
    assert_eq!(ca.state().unwrap(), ServerState::Stopped);
    assert!(prepare(&mut ca).unwrap_err().code().is_some());
    let error = wire.back_up(Requested::Full).unwrap_err();
    assert!(matches!(error, Error::NotOnline { state: ServerState::Stopped, .. }), "{error:?}");

    // Nobody there to ask for the name.
    let road = options(USER, PASSWORD, Method::Negotiate);
    let Err(error) = RemoteCa::connect(Target { name: None, ..wire.target() }, road) else { panic!() };
    assert!(error.is_stopped(), "{error:?}");
}

#[test]
fn a_suspended_service_says_so() {
    let wire = wire(|config| config.service = Service::Suspended);
    let mut ca = wire.connect();
    assert_eq!(ca.state().unwrap(), ServerState::Suspended);
    assert_eq!(prepare(&mut ca).unwrap_err().code(), Some(HResult(0x8009_4006)));
    let error = wire.back_up(Requested::Full).unwrap_err();
    assert!(matches!(error, Error::NotOnline { state: ServerState::Suspended, .. }), "{error:?}");
}

#[test]
fn a_caller_who_may_not_read_is_told_so_and_not_that_the_service_is_down() {
    let wire = wire(|config| config.users[0].roles = vec![Role::Operator]);
    let error = wire.connect().state().unwrap_err();
    assert!(matches!(error, CallError::NoReadRight { .. }), "{error:?}");
    let error = wire.back_up(Requested::Full).unwrap_err();
    let Error::Server { source, .. } = &error else { panic!("{error:?}") };
    assert!(matches!(source, CallError::NoReadRight { .. }), "{error:?}");
}

#[test]
fn a_wrong_password_and_an_unknown_user_are_refused_before_anything_else() {
    let wire = wire(|_| {});
    for (user, password) in [(USER, "correct horse"), ("nobody", PASSWORD), (USER, "")] {
        for method in [Method::Negotiate, Method::Ntlm] {
            let Err(error) = RemoteCa::connect(wire.target(), options(user, password, method)) else {
                panic!("{user} was let in");
            };
            assert!(
                error.is_logon_refused() && error.is_denied() && !error.is_stopped(),
                "{method:?}: {error:?}"
            );
            assert_eq!(wire.server.objects(), 0);
        }
    }
}

#[test]
fn names_of_users_do_not_depend_on_case_and_domain() {
    let wire = wire(|_| {});
    for user in ["BACKUP", r"CORP\Backup", "backup@corp.example"] {
        let mut ca = RemoteCa::connect(wire.target(), options(user, PASSWORD, Method::Ntlm)).unwrap();
        assert_eq!(ca.state().unwrap(), ServerState::Online, "{user}");
    }
}

#[test]
fn a_caller_without_the_role_or_against_the_interface_flags_is_refused_at_prepare() {
    let refusing: [fn(&mut Config); 2] = [
        |config| config.users[0].roles = vec![Role::Read, Role::Officer],
        |config| config.interface_flags |= 0x40,
    ];
    for change in refusing {
        let wire = wire(change);
        let mut ca = wire.connect();
        assert_eq!(ca.state().unwrap(), ServerState::Online);
        let error = prepare(&mut ca).unwrap_err();
        assert_eq!(error.code(), Some(HResult::ACCESS_DENIED), "{error:?}");
        let error = wire.back_up(Requested::Full).unwrap_err();
        let Error::Server { source, .. } = &error else { panic!("{error:?}") };
        assert_eq!(source.code(), Some(HResult::ACCESS_DENIED));
        assert_eq!(wire.sets().len(), 0);
    }
}

#[test]
fn a_survey_tells_what_stands_in_the_way() {
    let wire = wire(|config| config.interface_flags |= 0x40);
    let survey = wire.connect().survey();
    assert_eq!(survey.state.unwrap(), ServerState::Online);
    assert_eq!(survey.interface, Some(Interface::CertAdmin2));
    assert!(survey.roles.unwrap().has(Roles::OPERATOR.with(Roles::READ)));
    assert_eq!(survey.flags.unwrap(), 0x641);
}

#[test]
fn the_name_of_the_ca_is_found_when_only_its_host_is_given() {
    for name in ["Corp Issuing CA", r"Größe & Söhne #1 \ R/2", "!"] {
        let wire = wire(|config| config.name = name.to_owned());
        let road = options(USER, PASSWORD, Method::Negotiate);
        let mut ca = RemoteCa::connect(Target { name: None, ..wire.target() }, road).unwrap();
        assert_eq!(ca.authority().name, name);
        assert_eq!(ca.state().unwrap(), ServerState::Online);
        prepare(&mut ca).unwrap();
    }
}

#[test]
fn a_host_that_may_not_tell_the_name_is_to_be_given_one() {
    let wire = wire(|config| config.users[0].roles = vec![Role::Operator]);
    let road = options(USER, PASSWORD, Method::Negotiate);
    let Err(error) = RemoteCa::connect(Target { name: None, ..wire.target() }, road) else { panic!() };
    assert!(error.to_string().contains("give it as"), "{error}");
}

#[test]
fn another_name_than_the_cas_is_refused() {
    let wire = wire(|_| {});
    let target = Target { name: Some("Corp Root CA".to_owned()), ..wire.target() };
    let mut ca = RemoteCa::connect(target, options(USER, PASSWORD, Method::Negotiate)).unwrap();
    for error in [ca.state().unwrap_err(), prepare(&mut ca).unwrap_err()] {
        assert_eq!(error.code(), Some(HResult::INVALID_ARG), "{error:?}");
    }
}

#[test]
fn a_service_that_was_started_again_is_found_again() {
    let wire = wire(|_| {});
    let mut idle = wire.connect();
    let mut asking = wire.connect();
    let mut preparing = wire.connect();
    for ca in [&mut idle, &mut asking, &mut preparing] {
        assert_eq!(ca.state().unwrap(), ServerState::Online);
    }
    let wire = wire.restart(ServerOptions::default(), |_| {});
    assert_eq!(asking.state().unwrap(), ServerState::Online);
    prepare(&mut asking).unwrap();
    // A call that may have opened a session is not made twice: the first one finds the connection
    // broken and says so.
    let lost = prepare(&mut preparing).unwrap_err();
    assert!(lost.is_lost(), "{lost:?}");
    prepare(&mut preparing).unwrap();
    drop((asking, preparing));
    // A run asks for the state first.
    assert_heals(&wire, &mut idle, "after a restart");
}

#[test]
fn a_service_that_goes_and_comes_shows_in_its_state() {
    let wire = wire(|_| {});
    let mut ca = wire.connect();
    assert_eq!(ca.state().unwrap(), ServerState::Online);
    let wire = wire.restart(ServerOptions::default(), |config| config.service = Service::Stopped);
    assert_eq!(ca.state().unwrap(), ServerState::Stopped);
    let wire = wire.restart(ServerOptions::default(), |config| config.service = Service::Suspended);
    assert_eq!(ca.state().unwrap(), ServerState::Suspended);
    let wire = wire.restart(ServerOptions::default(), |config| config.service = Service::Online);
    assert_eq!(ca.state().unwrap(), ServerState::Online);
    let outcome = wire.run_on(&mut ca, &wire.medium, &csbackup::BackupOptions::default()).unwrap();
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done);
}

#[test]
fn an_older_ca_is_asked_through_the_older_interface() {
    let offer = Offer { admin: vec![Interface::CertAdmin], plain_activation: false };
    let fake = Fake::start(offer);
    let mut ca = fake.connect().unwrap();
    assert_eq!(ca.state().unwrap(), ServerState::Online);
    assert_eq!(ca.survey().interface, Some(Interface::CertAdmin));
    assert!(fake.calls().contains(&(Interface::CertAdmin, 19)), "{:?}", fake.calls());
    assert!(fake.calls().iter().all(|(interface, _)| *interface == Interface::CertAdmin));
    // What only the newer interface has is missing, not an end.
    let error = ca.survey().roles.unwrap_err();
    assert!(error.code().is_some(), "{error:?}");
}

#[test]
fn a_host_without_the_newer_activation_is_asked_through_the_older() {
    let offer = Offer { admin: vec![Interface::CertAdmin2, Interface::CertAdmin], plain_activation: true };
    let fake = Fake::start(offer);
    let mut ca = fake.connect().unwrap();
    assert_eq!(ca.state().unwrap(), ServerState::Online);
    assert_eq!(fake.calls(), [(Interface::CertAdmin2, 19)]);
    drop(ca);
    assert_eq!(fake.objects(), 0);
}

#[test]
fn a_host_that_offers_neither_interface_refuses_activation() {
    let fake = Fake::start(Offer { admin: Vec::new(), plain_activation: false });
    let Err(error) = fake.connect() else { panic!("connected") };
    let csra_client::Error::Activation { code, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*code, HResult::NO_INTERFACE);
    assert!(!error.is_stopped());
}

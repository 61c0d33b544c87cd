//! The connection is cut at every PDU of a backup, and in it: the client says so, the invariants
//! hold, and the next backup succeeds; at once where the client could still reach the CA, else as soon
//! as the CA gave the lost client up.

use std::collections::HashMap;
use std::time::Duration;

use certadm::{BackupType, Call, CertServer};
use certsrv::ServerOptions;
use csbackup::{BackupOptions, Error, Observer, Requested, SetState, TruncationOutcome};
use csra_client::{Options, RemoteCa};
use dtyp::HResult;
use rpc_auth::Method;
use testkit::ca;
use testkit::world::World;

use crate::held::{Before, Ended, assert_heals, scenarios};
use crate::proxy::{Cut, Pdu, Port, Proxy, REQUEST, RESPONSE};
use crate::wire::{Hand, PASSWORD, USER, Wire, options};

pub(crate) fn operator() -> Options {
    options(USER, PASSWORD, Method::Negotiate)
}

/// A backup through a proxy.
fn run(wire: &Wire, proxy: &Proxy, kind: Requested, road: Options) -> Ended {
    let mut ca = RemoteCa::connect(proxy.target(&ca::authority().name), road)?;
    let options = BackupOptions { kind, ..BackupOptions::default() };
    Ok(wire.run_on(&mut ca, &wire.medium, &options)?)
}

/// What passes in a backup that nobody disturbs.
fn clean(before: &World, kind: Requested) -> Vec<Pdu> {
    let wire = Wire::serve(before.copy(), ServerOptions::default());
    let proxy = Proxy::new(&wire.server, None);
    let outcome = run(&wire, &proxy, kind, operator()).unwrap();
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done);
    proxy.log()
}

/// Numbers of the PDUs to cut at: of each kind (the first, the last) for each connection, direction
/// and method.
fn places(log: &[Pdu]) -> Vec<usize> {
    let mut kinds: HashMap<Pdu, (usize, usize)> = HashMap::new();
    for (number, pdu) in (1..).zip(log) {
        kinds.entry(*pdu).or_insert((number, number)).1 = number;
    }
    let mut places: Vec<usize> = kinds.into_values().flat_map(|(first, last)| [first, last]).collect();
    places.sort_unstable();
    places.dedup();
    places
}

/// Number of the first PDU that carries a call's request or reply.
fn place_of(log: &[Pdu], call: Call, kind: u8) -> usize {
    let opnum = call.opnum().unwrap();
    let is_it = |pdu: &Pdu| pdu.port == Port::Exporter && pdu.kind == kind && pdu.method == Some((0, opnum));
    log.iter().position(is_it).unwrap() + 1
}

fn cut_everywhere(cut: Cut) {
    for (before, kind) in scenarios() {
        let log = clean(&before, kind);
        for number in 1..=log.len() {
            one_cut(&before, kind, (number, cut), &log[number - 1]);
        }
    }
}

fn cut_each_kind(cut: Cut) {
    for (before, kind) in scenarios() {
        let log = clean(&before, kind);
        for number in places(&log) {
            one_cut(&before, kind, (number, cut), &log[number - 1]);
        }
    }
}

fn one_cut(before: &World, kind: Requested, plan: (usize, Cut), pdu: &Pdu) {
    let case = format!("{kind:?}, {plan:?}, {pdu:?}");
    let hand = Hand::default();
    let wire = Wire::serve(before.copy(), hand.options());
    let held = Before::of(&wire);
    let proxy = Proxy::new(&wire.server, Some(plan));
    let ended = run(&wire, &proxy, kind, operator());
    assert!(proxy.log().len() >= plan.0, "{case}: nothing was cut");
    drop(proxy);
    held.assert_held(&wire, &ended, &case);
    held.assert_whole(&wire, &case);
    if plan.1 == Cut::Host {
        // Nobody could tell the CA that the session is over, and pings do not come any more.
        wire.lose_clients(&hand);
    }
    assert_heals(&wire, &mut wire.connect(), &case);
}

#[test]
fn each_pdu_is_lost_with_its_connection() {
    cut_everywhere(Cut::Before);
}

#[test]
fn each_kind_of_pdu_arrives_in_part() {
    cut_each_kind(Cut::Within);
}

#[test]
fn each_kind_of_pdu_is_the_last_of_its_connection() {
    cut_each_kind(Cut::After);
}

#[test]
fn the_host_goes_at_each_pdu() {
    cut_everywhere(Cut::Host);
}

#[test]
fn a_backup_makes_the_calls_that_are_cut() {
    for (before, kind) in scenarios() {
        let log = clean(&before, kind);
        let count = |call| log.iter().filter_map(Pdu::call).filter(|other| *other == call).count();
        for call in [Call::GetServerState, Call::BackupPrepare, Call::BackupTruncateLogs, Call::BackupEnd] {
            assert_eq!(count(call), 1, "{call}");
            assert!(place_of(&log, call, REQUEST) < place_of(&log, call, RESPONSE));
        }
        let places = places(&log);
        assert!(places.len() > 40 && places.contains(&1) && places.contains(&log.len()), "{places:?}");
    }
}

/// What a cut left.
struct Disturbed {
    wire: Wire,
    hand: Hand,
    held: Before,
    ended: Ended,
}

fn disturb(call: Call, kind: u8, cut: Cut, road: Options) -> Disturbed {
    let [(before, requested), _] = scenarios();
    let place = place_of(&clean(&before, requested), call, kind);
    let hand = Hand::default();
    let wire = Wire::serve(before.copy(), hand.options());
    let held = Before::of(&wire);
    let proxy = Proxy::new(&wire.server, Some((place, cut)));
    let ended = run(&wire, &proxy, requested, road);
    Disturbed { wire, hand, held, ended }
}

#[test]
fn a_lost_reply_to_truncation_is_an_unknown_effect() {
    for (kind, acted) in [(REQUEST, false), (RESPONSE, true)] {
        for cut in [Cut::Before, Cut::Host] {
            let Disturbed { wire, held, ended, .. } =
                disturb(Call::BackupTruncateLogs, kind, cut, operator());
            let outcome = ended.unwrap();
            assert_eq!(outcome.truncation.outcome, TruncationOutcome::Unknown);
            assert_eq!(outcome.ended, cut == Cut::Before, "{kind} {cut:?}");
            assert_eq!(wire.states(), [SetState::Good]);
            assert_eq!(*wire.generations().start() > held.lowest(), acted, "{kind} {cut:?}");
        }
    }
}

#[test]
fn a_lost_reply_to_prepare_leaves_no_session() {
    let Disturbed { wire, ended, .. } = disturb(Call::BackupPrepare, RESPONSE, Cut::Before, operator());
    let error = ended.unwrap_err();
    let Some(Error::Server { source, .. }) = error.downcast_ref() else { panic!("{error:?}") };
    assert!(source.is_lost() && source.call() == Call::BackupPrepare, "{source}");
    assert_eq!(wire.server.objects(), 0, "the client released it");
    drop(wire.connect().prepare_backup(BackupType::Full).unwrap());
}

#[test]
fn a_reply_that_never_comes_is_a_lost_reply() {
    let mut road = operator();
    road.timeouts.answer = Duration::from_secs(3);
    let Disturbed { wire, ended, .. } = disturb(Call::BackupTruncateLogs, RESPONSE, Cut::Silence, road);
    let outcome = ended.unwrap();
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Unknown);
    assert!(outcome.ended, "over another connection");
    assert_eq!(wire.server.objects(), 0);
}

#[test]
fn after_a_break_the_next_question_takes_a_new_object() {
    let [(before, kind), _] = scenarios();
    let place = place_of(&clean(&before, kind), Call::BackupReadFile, RESPONSE);
    let wire = Wire::serve(before.copy(), ServerOptions::default());
    let proxy = Proxy::new(&wire.server, Some((place, Cut::Before)));
    let mut ca = RemoteCa::connect(proxy.target(&ca::authority().name), operator()).unwrap();
    wire.run_on(&mut ca, &wire.medium, &BackupOptions::default()).unwrap_err();
    // The old one served to end the session; short waits are all that it is good for.
    assert_eq!(wire.server.objects(), 1);
    assert_heals(&wire, &mut ca, "on the same road");
    assert_eq!(wire.server.objects(), 1);
    let is_activation = |pdu: &&Pdu| pdu.port == Port::Resolver && pdu.secured && pdu.kind == REQUEST;
    assert_eq!(proxy.log().iter().filter(is_activation).count(), 2);
}

/// Lets the CA give up its clients as soon as the run waits: also the one that waits, which takes a new
/// object then.
struct Waiting<'a>(&'a Wire, Hand);

impl Observer for Waiting<'_> {
    fn warning(&self, text: &str) {
        if text.contains("waiting for another backup") {
            self.0.lose_clients(&self.1);
        }
    }
}

#[test]
fn the_session_of_a_client_that_vanished_is_busy_until_it_is_given_up() {
    let Disturbed { wire, hand, ended, .. } = disturb(Call::BackupPrepare, RESPONSE, Cut::Host, operator());
    assert!(ended.is_err());
    assert_eq!(wire.server.objects(), 1, "nobody could release it");

    let busy = wire.back_up(Requested::Auto).unwrap_err();
    assert!(matches!(busy, Error::Busy { code: HResult::BACKUP_IN_PROGRESS, .. }), "{busy:?}");
    assert_eq!(wire.server.objects(), 1);

    let options = BackupOptions { wait: Duration::from_secs(600), ..BackupOptions::default() };
    let observer = Waiting(&wire, hand);
    let outcome = wire.run_observed(&mut wire.connect(), &wire.medium, &options, &observer).unwrap();
    assert_eq!(outcome.truncation.outcome, TruncationOutcome::Done);
}

use std::time::Duration;

use dcom::client::{Ping, PingSet};
use dcom::exporter::{ComplexPing, ComplexPingReply, MAX_OIDS, SimplePing};
use dcom::{Oid, SetId, status};

const SET: SetId = SetId(77);

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn complex(ping: Option<Ping>) -> ComplexPing {
    match ping {
        Some(Ping::Complex(ping)) => ping,
        other => panic!("{other:?}"),
    }
}

fn answer(set: SetId) -> ComplexPingReply {
    ComplexPingReply { set, backoff: 0, status: status::OK }
}

/// A set with one object that the resolver knows since second 0.
fn established() -> PingSet {
    let mut pings = PingSet::new(PingSet::PERIOD);
    pings.add(Oid(1));
    let ping = complex(pings.next_ping(at(0)));
    pings.complex_answered(at(0), &ping, answer(SET));
    pings
}

#[test]
fn the_first_ping_makes_the_set_at_once() {
    let mut pings = PingSet::new(PingSet::PERIOD);
    assert_eq!((pings.due_at(), pings.next_ping(at(500))), (None, None));
    pings.add(Oid(1));
    let expected = ComplexPing { set: SetId(0), sequence: 1, add: vec![Oid(1)], delete: vec![] };
    assert_eq!(complex(pings.next_ping(at(0))), expected);
}

#[test]
fn an_unchanged_set_is_pinged_simply_every_period() {
    let mut pings = established();
    assert_eq!(pings.due_at(), Some(at(120)));
    assert_eq!(pings.next_ping(at(119)), None);
    let simple = Some(Ping::Simple(SimplePing { set: SET }));
    assert_eq!(pings.next_ping(at(120)), simple);
    pings.simple_answered(at(121), status::OK);
    assert_eq!((pings.next_ping(at(240)), pings.next_ping(at(241))), (None, simple));
}

#[test]
fn changes_are_told_at_once_with_growing_numbers() {
    let mut pings = established();
    pings.add(Oid(2));
    pings.remove(Oid(1));
    let ping = complex(pings.next_ping(at(5)));
    let expected = ComplexPing { set: SET, sequence: 2, add: vec![Oid(2)], delete: vec![Oid(1)] };
    assert_eq!(ping, expected);
    pings.complex_answered(at(5), &ping, answer(SET));
    assert_eq!(pings.due_at(), Some(at(125)));
}

#[test]
fn a_change_while_a_ping_is_under_way_is_not_forgotten() {
    let mut pings = established();
    pings.add(Oid(2));
    let ping = complex(pings.next_ping(at(5)));
    pings.add(Oid(3));
    pings.complex_answered(at(5), &ping, answer(SET));
    let expected = ComplexPing { set: SET, sequence: 3, add: vec![Oid(3)], delete: vec![] };
    assert_eq!(complex(pings.next_ping(at(5))), expected);

    let mut pings = established();
    assert!(pings.next_ping(at(120)).is_some());
    pings.add(Oid(2));
    pings.simple_answered(at(120), status::OK);
    assert_eq!(complex(pings.next_ping(at(120))).add, [Oid(2)]);
}

#[test]
fn an_empty_set_is_told_once_and_then_left_alone() {
    let mut pings = established();
    pings.remove(Oid(1));
    let ping = complex(pings.next_ping(at(1)));
    assert_eq!(ping.delete, [Oid(1)]);
    pings.complex_answered(at(1), &ping, answer(SET));
    assert_eq!(pings.due_at(), None);
}

#[test]
fn a_lost_ping_is_repeated_within_the_period() {
    let mut pings = established();
    pings.failed(at(120));
    assert_eq!((pings.next_ping(at(149)), pings.due_at()), (None, Some(at(150))));
    assert!(matches!(pings.next_ping(at(150)), Some(Ping::Simple(_))));
    // A change keeps its number until it was answered.
    pings.add(Oid(2));
    let first = complex(pings.next_ping(at(150)));
    pings.failed(at(150));
    assert_eq!(complex(pings.next_ping(at(180))), first);
}

#[test]
fn a_forgotten_set_is_made_anew() {
    let mut pings = established();
    pings.simple_answered(at(120), status::INVALID_SET);
    let ping = complex(pings.next_ping(at(120)));
    assert_eq!(ping, ComplexPing { set: SetId(0), sequence: 1, add: vec![Oid(1)], delete: vec![] });
    // A resolver that forgets it again and again is not asked in a tight loop.
    pings.complex_answered(
        at(120),
        &ping,
        ComplexPingReply { set: SetId(0), backoff: 0, status: status::INVALID_SET },
    );
    assert_eq!(pings.due_at(), Some(at(150)));
}

#[test]
fn a_refusal_is_not_repeated_at_once() {
    let mut pings = established();
    pings.simple_answered(at(120), status::ACCESS_DENIED);
    assert_eq!(pings.due_at(), Some(at(150)));
}

#[test]
fn long_lists_go_in_several_pings() {
    let mut pings = PingSet::new(PingSet::PERIOD);
    (0..5000).for_each(|oid| pings.add(Oid(oid)));
    let first = complex(pings.next_ping(at(0)));
    assert_eq!(first.add.len(), MAX_OIDS);
    pings.complex_answered(at(0), &first, answer(SET));
    let second = complex(pings.next_ping(at(0)));
    assert_eq!((second.add.len(), second.sequence), (5000 - MAX_OIDS, 2));
}

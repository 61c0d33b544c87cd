use std::time::Duration;

use dcom::exporter::ComplexPing;
use dcom::remunknown::InterfaceRef;
use dcom::server::{INITIAL_REFS, Limits, ObjectTable};
use dcom::{Ipid, Oid, SetId, StdObjRef, iid, status};
use dtyp::{Guid, HResult};

use crate::samples::{ADMIN, ADMIN_2, CERT_ADMIN, ipid};

const PERIOD: Duration = Duration::from_secs(120);

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Ids 1, 2, 3 and so on.
fn ids() -> impl FnMut() -> [u8; 16] {
    let mut last = 0u128;
    move || {
        last += 1;
        last.to_le_bytes()
    }
}

struct Setup<F> {
    table: ObjectTable<&'static str>,
    ids: F,
}

fn setup(limits: Limits) -> Setup<impl FnMut() -> [u8; 16]> {
    let mut ids = ids();
    Setup { table: ObjectTable::new(limits, &mut ids), ids }
}

impl<F: FnMut() -> [u8; 16]> Setup<F> {
    fn export(&mut self, wanted: &[Guid], now: Duration) -> Vec<Result<StdObjRef, HResult>> {
        let Self { table, ids } = self;
        table.export("object", &[ADMIN, ADMIN_2], wanted, now, ids).unwrap().interfaces
    }

    fn one(&mut self) -> StdObjRef {
        self.export(&[ADMIN_2], at(0))[0].unwrap()
    }

    fn query(&mut self, ipid: Ipid, refs: u32, iid: Guid) -> Result<Result<StdObjRef, HResult>, HResult> {
        let found = self.table.query_interface(ipid, refs, &[iid], at(0), &mut self.ids);
        found.map(|results| results[0])
    }

    fn ping(
        &mut self,
        set: SetId,
        sequence: u16,
        add: &[Oid],
        delete: &[Oid],
        now: u64,
    ) -> Result<SetId, u32> {
        let ping = ComplexPing { set, sequence, add: add.into(), delete: delete.into() };
        let reply = self.table.complex_ping(&ping, at(now), &mut self.ids);
        if reply.status == status::OK { Ok(reply.set) } else { Err(reply.status) }
    }

    fn lost(&mut self, now: u64) -> usize {
        self.table.reclaim(at(now), PERIOD, |_| false).len()
    }
}

fn refs(ipid: Ipid, public: u32) -> [InterfaceRef; 1] {
    [InterfaceRef { ipid, public, private: 0 }]
}

#[test]
fn an_object_is_called_by_its_interfaces() {
    let mut s = setup(Limits::default());
    let both = s.export(&[ADMIN_2, CERT_ADMIN, ADMIN], at(0));
    let [two, none, one] = both.try_into().unwrap();
    assert_eq!(none, Err(HResult::NO_INTERFACE));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!((one.oid, one.public_refs, one.oxid), (two.oid, INITIAL_REFS, s.table.oxid()));
    assert_ne!(one.ipid, two.ipid);
    let (oid, interface, value) = s.table.call(one.ipid, at(1)).unwrap();
    assert_eq!((oid, interface, *value), (one.oid, ADMIN, "object"));
    assert_eq!(s.table.call(two.ipid, at(1)).unwrap().1, ADMIN_2);
    assert_eq!(s.table.call(ipid(9), at(1)).unwrap_err(), HResult::DISCONNECTED);
    let exporter = s.table.rem_unknown();
    assert_eq!(s.table.call(exporter, at(1)).unwrap_err(), HResult::DISCONNECTED);
}

#[test]
fn an_object_without_a_wanted_interface_is_not_taken_in() {
    let mut s = setup(Limits::default());
    let refused = s.table.export("x", &[ADMIN], &[ADMIN_2], at(0), &mut s.ids);
    assert_eq!(refused, Err(HResult::NO_INTERFACE));
    assert!(s.table.is_empty());
    assert!(s.export(&[iid::UNKNOWN], at(0))[0].is_ok(), "every object has IUnknown");
}

#[test]
fn queries_give_more_references() {
    let mut s = setup(Limits::default());
    let first = s.one();
    let other = s.query(first.ipid, 1, ADMIN).unwrap().unwrap();
    assert_eq!((other.oid, other.public_refs), (first.oid, 1));
    let again = s.query(other.ipid, 2, ADMIN).unwrap().unwrap();
    assert_eq!(again, StdObjRef { public_refs: 2, ..other });
    assert_eq!(s.query(first.ipid, 1, CERT_ADMIN), Ok(Err(HResult::NO_INTERFACE)));
    assert_eq!(s.query(ipid(9), 1, ADMIN), Err(HResult::INVALID_OBJECT));
    // Three are to be released, not two.
    s.table.release(&refs(other.ipid, 2));
    assert!(s.table.call(other.ipid, at(0)).is_ok());
    s.table.release(&refs(other.ipid, 1));
    assert!(s.table.call(other.ipid, at(0)).is_err());
}

#[test]
fn released_objects_are_given_back() {
    let mut s = setup(Limits::default());
    let object = s.one();
    s.table.release(&refs(object.ipid, INITIAL_REFS - 1));
    assert_eq!(s.lost(0), 0);
    s.table.release(&refs(object.ipid, 1));
    assert_eq!(s.table.call(object.ipid, at(0)).unwrap_err(), HResult::DISCONNECTED);
    assert_eq!(s.table.reclaim(at(0), PERIOD, |_| false), [(object.oid, "object")]);
    assert!(s.table.is_empty());
    assert_eq!(s.lost(0), 0);
}

#[test]
fn counts_stop_at_zero() {
    let mut s = setup(Limits::default());
    let [two, one] = s.export(&[ADMIN_2, ADMIN], at(0)).try_into().unwrap();
    let (two, one) = (two.unwrap(), one.unwrap());
    s.table.release(&refs(two.ipid, u32::MAX));
    s.table.release(&refs(ipid(9), 1));
    assert_eq!(s.lost(0), 0, "the other interface holds it");
    assert_eq!(s.query(one.ipid, 1, ADMIN_2).unwrap().unwrap().ipid, two.ipid);
    assert!(s.table.call(two.ipid, at(0)).is_ok(), "one reference, not one below zero");
}

#[test]
fn references_are_added() {
    let mut s = setup(Limits::default());
    let object = s.one();
    let add = [refs(object.ipid, 2), refs(ipid(9), 1)].concat();
    assert_eq!(s.table.add_refs(&add, at(0)), [HResult::OK, HResult::OBJECT_NOT_REGISTERED]);
    s.table.release(&refs(object.ipid, INITIAL_REFS + 1));
    assert_eq!(s.lost(0), 0);
    let private = [InterfaceRef { ipid: object.ipid, public: 0, private: 1 }];
    assert_eq!(s.table.add_refs(&private, at(0)), [HResult::OK]);
    s.table.release(&refs(object.ipid, 1));
    assert_eq!(s.lost(0), 0, "a private reference holds it");
    s.table.release(&private);
    assert_eq!(s.lost(0), 1);
}

#[test]
fn silence_for_three_periods_loses_the_object() {
    let mut s = setup(Limits::default());
    let object = s.one();
    assert_eq!(s.lost(360), 0);
    assert_eq!(s.lost(361), 1);
    assert_eq!(s.table.call(object.ipid, at(361)).unwrap_err(), HResult::DISCONNECTED);
}

#[test]
fn calls_keep_an_object() {
    let mut s = setup(Limits::default());
    let object = s.one();
    s.table.call(object.ipid, at(300)).unwrap();
    assert_eq!((s.lost(660), s.lost(661)), (0, 1));
}

#[test]
fn pings_keep_an_object() {
    let mut s = setup(Limits::default());
    let object = s.one();
    let set = s.ping(SetId(0), 1, &[object.oid], &[], 100).unwrap();
    assert_ne!(set, SetId(0));
    assert_eq!(s.lost(460), 0);
    assert_eq!(s.table.simple_ping(set, at(400)), status::OK);
    assert_eq!((s.lost(760), s.lost(761)), (0, 1));
    assert_eq!(s.table.simple_ping(set, at(761)), status::INVALID_SET);
}

#[test]
fn an_object_taken_out_of_the_set_is_on_its_own() {
    let mut s = setup(Limits::default());
    let object = s.one();
    let set = s.ping(SetId(0), 1, &[object.oid], &[], 0).unwrap();
    assert_eq!(s.ping(set, 2, &[], &[object.oid], 1), Ok(set));
    assert_eq!(s.table.simple_ping(set, at(300)), status::OK);
    assert_eq!(s.lost(361), 1);
}

#[test]
fn old_numbers_ping_and_add_but_do_not_delete() {
    let mut s = setup(Limits::default());
    let [first, second] = [s.one(), s.one()];
    let set = s.ping(SetId(0), 0xffff, &[first.oid], &[], 0).unwrap();
    // The same number again, an older one: both objects are in the set now.
    assert_eq!(s.ping(set, 0xffff, &[second.oid], &[first.oid], 1), Ok(set));
    assert_eq!(s.ping(set, 0xfffe, &[], &[first.oid], 200), Ok(set));
    assert_eq!(s.lost(500), 0);
    // A newer one, past the end of the numbers.
    assert_eq!(s.ping(set, 0, &[], &[first.oid], 500), Ok(set));
    assert_eq!(s.table.reclaim(at(501), PERIOD, |_| false), [(first.oid, "object")]);
}

#[test]
fn unknown_sets_and_objects() {
    let mut s = setup(Limits::default());
    assert_eq!(s.table.simple_ping(SetId(5), at(0)), status::INVALID_SET);
    assert_eq!(s.table.simple_ping(SetId(0), at(0)), status::INVALID_SET);
    assert_eq!(s.ping(SetId(5), 1, &[], &[], 0), Err(status::INVALID_SET));
    let object = s.one();
    let set = s.ping(SetId(0), 1, &[object.oid, Oid(4711)], &[Oid(4712)], 0).unwrap();
    assert_eq!(s.ping(set, 2, &[Oid(4711)], &[], 0), Ok(set), "objects may have gone already");
}

#[test]
fn a_new_set_without_an_object_is_not_made() {
    let mut s = setup(Limits::default());
    for add in [&[][..], &[Oid(4711)]] {
        assert_eq!(s.ping(SetId(0), 1, add, &[], 0), Err(status::INVALID_OID), "{add:?}");
    }
}

#[test]
fn an_object_that_is_called_is_not_given_up() {
    let mut s = setup(Limits::default());
    let [silent, released] = [s.one(), s.one()];
    s.table.release(&refs(released.ipid, INITIAL_REFS));
    assert_eq!(s.table.reclaim(at(361), PERIOD, |_| true), []);
    s.table.call(silent.ipid, at(361)).unwrap();
    assert_eq!(s.table.reclaim(at(361), PERIOD, |_| false), [(released.oid, "object")]);
}

#[test]
fn a_look_at_an_object_is_no_sign_of_life() {
    let mut s = setup(Limits::default());
    let object = s.one();
    s.lost(360);
    assert_eq!(s.table.object(object.ipid), Ok(&"object"));
    assert_eq!(s.lost(361), 1);
    assert_eq!(s.table.object(object.ipid), Err(HResult::DISCONNECTED));
}

#[test]
fn limits_hold() {
    let mut s = setup(Limits { objects: 2, sets: 1, oids_per_set: 1 });
    let [first, second] = [s.one(), s.one()];
    let third = s.table.export("x", &[ADMIN], &[ADMIN], at(0), &mut s.ids);
    assert_eq!(third, Err(HResult::OUT_OF_MEMORY));
    assert_eq!(s.ping(SetId(0), 1, &[first.oid, second.oid], &[], 0), Err(status::OUT_OF_RESOURCES));
    let set = s.ping(SetId(0), 1, &[first.oid, first.oid, Oid(99)], &[], 0).unwrap();
    assert_eq!(s.ping(SetId(0), 1, &[first.oid], &[], 0), Err(status::OUT_OF_RESOURCES));
    assert_eq!(s.ping(set, 2, &[second.oid], &[], 0), Err(status::OUT_OF_RESOURCES));
    assert_eq!(s.ping(set, 2, &[second.oid], &[first.oid], 0), Ok(set), "the refused change did nothing");
    assert_eq!(s.table.remove(second.oid), Some("object"));
    assert_eq!((s.table.len(), s.table.remove(second.oid)), (1, None));
}

#[test]
fn a_generator_that_repeats_itself_does_not_hang() {
    let mut same = || [7u8; 16];
    let mut table = ObjectTable::new(Limits::default(), &mut same);
    let refused = table.export((), &[ADMIN], &[ADMIN], at(0), &mut same).unwrap();
    assert_eq!(refused.interfaces, [Err(HResult::OUT_OF_MEMORY)], "the exporter itself has that IPID");
    assert_eq!(table.export((), &[ADMIN], &[ADMIN], at(0), &mut same), Err(HResult::OUT_OF_MEMORY));
    assert_eq!(table.reclaim(at(0), PERIOD, |()| false).len(), 1);
}

//! Bytes that no honest peer sends. Each decoder is also cut at every byte of a good value.

use std::fmt::Debug;

use dcom::activation::{
    RemoteActivation, RemoteActivationReply, RemoteCreateInstance, RemoteCreateInstanceReply,
};
use dcom::exporter::{
    ComplexPing, ComplexPingReply, ResolveOxid, ResolveOxid2Reply, ResolveOxidReply, ServerAlive2Reply,
    SimplePing, StatusReply,
};
use dcom::remunknown::{
    InterfaceRef, RemAddRefReply, RemQueryInterface, RemQueryInterface2, RemQueryInterface2Reply,
    RemQueryInterfaceReply, RemRefs, RemReleaseReply,
};
use dcom::{DualStringArray, ObjRef, Oid, OrpcThat, OrpcThis, Oxid, SetId, choose};
use dtyp::HResult;
use ndr::Ndr;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::samples::{
    ADMIN, ADMIN_2, activated, activation, exporter, ipid, objref, resolver, std_ref, this,
};

/// A good value's bytes and its decoder, without the type.
struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    decode: fn(&[u8]) -> Result<String, ndr::Error>,
}

fn case<T: Ndr + Debug>(value: &T) -> Case {
    let decode = |bytes: &[u8]| T::from_bytes(bytes).map(|value| format!("{value:?}"));
    Case { name: std::any::type_name::<T>(), bytes: value.to_bytes(), decode }
}

fn cases() -> Vec<Case> {
    let oxid = Oxid(1);
    let found = vec![Ok(std_ref()), Err(HResult::NO_INTERFACE)];
    let whole = vec![Ok(objref()), Err(HResult::NO_INTERFACE)];
    let refs = vec![InterfaceRef { ipid: ipid(1), public: 1, private: 0 }];
    vec![
        case(&this()),
        case(&OrpcThat),
        case(&resolver()),
        case(&objref()),
        case(&RemoteCreateInstance { this: this(), activation: activation() }),
        case(&RemoteCreateInstanceReply { result: Ok(activated()) }),
        case(&RemoteActivation { this: this(), activation: activation(), mode: 0 }),
        case(&RemoteActivationReply { result: Ok(activated()), requested: 2 }),
        case(&ResolveOxid { oxid, protocols: vec![7, 8] }),
        case(&ResolveOxidReply { result: Ok(exporter()) }),
        case(&ResolveOxid2Reply { result: Ok(exporter()) }),
        case(&ServerAlive2Reply { result: Ok((this().version, resolver())) }),
        case(&SimplePing { set: SetId(1) }),
        case(&StatusReply { status: 0 }),
        case(&ComplexPing { set: SetId(1), sequence: 1, add: vec![Oid(1)], delete: vec![Oid(2)] }),
        case(&ComplexPingReply { set: SetId(1), backoff: 0, status: 0 }),
        case(&RemQueryInterface { this: this(), ipid: ipid(1), refs: 1, iids: vec![ADMIN, ADMIN_2] }),
        case(&RemQueryInterfaceReply::new(Ok(found))),
        case(&RemQueryInterface2 { this: this(), ipid: ipid(1), iids: vec![ADMIN] }),
        case(&RemQueryInterface2Reply::new(Ok(whole), 2)),
        case(&RemRefs { this: this(), refs }),
        case(&RemAddRefReply { results: vec![HResult::OK], status: HResult::OK }),
        case(&RemReleaseReply { status: HResult::OK }),
    ]
}

#[test]
fn a_cut_at_any_byte_is_an_error() {
    for Case { name, bytes, decode } in cases() {
        assert!(decode(&bytes).is_ok(), "{name}");
        for end in 0..bytes.len() {
            let cut = decode(&bytes[..end]);
            assert!(cut.is_err(), "{name} cut at {end} of {}: {cut:?}", bytes.len());
        }
    }
}

#[test]
fn huge_numbers_anywhere_are_survived() {
    for Case { bytes, decode, .. } in cases() {
        for at in 0..bytes.len().saturating_sub(3) {
            for value in [u32::MAX, i32::MAX.unsigned_abs(), 0xffff, 0] {
                let mut broken = bytes.clone();
                broken[at..at + 4].copy_from_slice(&value.to_le_bytes());
                let _ = decode(&broken);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_survived(bytes in vec(any::<u8>(), 0..400)) {
        for case in cases() {
            let _ = (case.decode)(&bytes);
        }
    }

    #[test]
    fn changed_bytes_are_survived(which in 0usize..23, changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let Case { mut bytes, decode, .. } = cases().remove(which);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = decode(&bytes);
    }

    #[test]
    fn any_units_are_an_array_or_an_error(units in vec(prop_oneof![Just(0u16), Just(7), any::<u16>()], 0..64), security in 0u16..70) {
        let count = u32::try_from(units.len()).unwrap();
        let head = [count.to_le_bytes(), (count | u32::from(security) << 16).to_le_bytes()].concat();
        let bytes: Vec<u8> = head.into_iter().chain(units.iter().flat_map(|unit| unit.to_le_bytes())).collect();
        if let Ok(array) = DualStringArray::from_bytes(&bytes) {
            prop_assert_eq!(DualStringArray::from_bytes(&array.to_bytes()), Ok(array.clone()));
            choose(&array, "host", 135);
        }
    }

    #[test]
    fn headers_survive_the_way_there_and_back(flags in any::<u32>(), cid in any::<[u8; 16]>(), minor in any::<u16>()) {
        let version = dcom::ComVersion { major: 5, minor };
        let header = OrpcThis { version, flags, cid: dtyp::Guid::from_bytes(cid) };
        prop_assert_eq!(OrpcThis::from_bytes(&header.to_bytes()), Ok(header));
    }

    #[test]
    fn custom_data_survives_the_way_there_and_back(data in vec(any::<u8>(), 0..64)) {
        let custom = ObjRef::Custom { iid: ADMIN, clsid: ADMIN_2, data };
        prop_assert_eq!(ObjRef::from_bytes(&custom.to_bytes()), Ok(custom));
    }

    #[test]
    fn pings_survive_the_way_there_and_back(set in any::<u64>(), sequence in any::<u16>(), add in vec(any::<u64>(), 0..5), delete in vec(any::<u64>(), 0..5)) {
        let oids = |oids: Vec<u64>| oids.into_iter().map(Oid).collect::<Vec<_>>();
        let ping = ComplexPing { set: SetId(set), sequence, add: oids(add), delete: oids(delete) };
        prop_assert_eq!(ComplexPing::from_bytes(&ping.to_bytes()), Ok(ping));
    }
}

//! Activation, resolver and `IRemUnknown`, both ways: decoded or refused, and what was decoded encodes
//! to the same.
#![no_main]

use std::fmt::Debug;

use dcom::activation::{
    RemoteActivation, RemoteActivationReply, RemoteCreateInstance, RemoteCreateInstanceReply,
};
use dcom::choose;
use dcom::exporter::{
    ComplexPing, ComplexPingReply, ResolveOxid, ResolveOxid2Reply, ResolveOxidReply, ServerAlive2Reply,
    SimplePing, StatusReply,
};
use dcom::remunknown::{
    RemAddRefReply, RemQueryInterface, RemQueryInterface2, RemQueryInterface2Reply, RemQueryInterfaceReply,
    RemRefs, RemReleaseReply,
};
use libfuzzer_sys::fuzz_target;
use ndr::Ndr;

fuzz_target!(|bytes: &[u8]| {
    let Some((selector, stub)) = bytes.split_first() else { return };
    match selector {
        0 => drop(decoded::<RemoteCreateInstance>(stub)),
        1 => {
            if let Some(RemoteCreateInstanceReply { result: Ok(activated) }) = decoded(stub) {
                assert!(choose(&activated.exporter.bindings, "host", 135).len() <= dcom::MAX_CANDIDATES);
            }
        }
        2 => drop(decoded::<RemoteActivation>(stub)),
        // A failure whose code is none becomes one that says nothing; the rest has to hold.
        3 => match RemoteActivationReply::from_bytes(stub) {
            Ok(RemoteActivationReply { result: Ok(_), .. }) => drop(decoded::<RemoteActivationReply>(stub)),
            _ => {}
        },
        4 => drop(decoded::<ComplexPing>(stub)),
        5 => drop(decoded::<ComplexPingReply>(stub)),
        6 => drop(decoded::<ResolveOxid>(stub)),
        7 => drop(decoded::<ResolveOxid2Reply>(stub)),
        8 => drop(decoded::<ResolveOxidReply>(stub)),
        9 => drop(decoded::<ServerAlive2Reply>(stub)),
        10 => drop((
            decoded::<SimplePing>(stub),
            decoded::<StatusReply>(stub),
            decoded::<RemReleaseReply>(stub),
        )),
        11 => drop(decoded::<RemQueryInterface>(stub)),
        12 => drop(decoded::<RemQueryInterfaceReply>(stub)),
        13 => drop(decoded::<RemQueryInterface2>(stub)),
        14 => drop(decoded::<RemQueryInterface2Reply>(stub)),
        15 => drop(decoded::<RemRefs>(stub)),
        _ => drop(decoded::<RemAddRefReply>(stub)),
    }
});

fn decoded<T: Ndr + Debug + PartialEq>(stub: &[u8]) -> Option<T> {
    let value = T::from_bytes(stub).ok()?;
    let again = T::from_bytes(&value.to_bytes()).expect("an encoded value decodes");
    assert_eq!(again, value);
    Some(value)
}

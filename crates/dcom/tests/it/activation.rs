use dcom::activation::{
    Activated, Activation, Interface, RemoteActivation, RemoteActivationReply, RemoteCreateInstance,
    RemoteCreateInstanceReply,
};
use dcom::{ComVersion, OrpcThis};
use dtyp::{Guid, HResult};
use ndr::Ndr;

use crate::samples::{ADMIN, ADMIN_2, CERT_ADMIN, activated, activation, golden, hex, this};

const CREATE: &str = include_str!("../data/create_instance.hex");
const CREATE_IMPACKET: &str = include_str!("../data/create_instance_impacket.hex");
const CREATE_REPLY: &str = include_str!("../data/create_instance_reply.hex");
const ACTIVATION: &str = include_str!("../data/remote_activation.hex");
const ACTIVATION_IMPACKET: &str = include_str!("../data/remote_activation_impacket.hex");
const ACTIVATION_REPLY: &str = include_str!("../data/remote_activation_reply.hex");

#[test]
fn activation_by_properties_has_these_bytes() {
    let both = Activation::new(CERT_ADMIN, [ADMIN_2, ADMIN]);
    golden(&RemoteCreateInstance { this: this(), activation: both }, CREATE);
    golden(&RemoteCreateInstanceReply { result: Ok(activated()) }, CREATE_REPLY);
    golden(
        &RemoteCreateInstanceReply { result: Err(HResult::CLASS_NOT_REGISTERED) },
        "00 00 00 00 00 00 00 00 # ORPCTHAT
         00 00 00 00             # ppActProperties
         54 01 04 80             # REGDB_E_CLASSNOTREG",
    );
}

#[test]
fn plain_activation_has_these_bytes() {
    let both = Activation::new(CERT_ADMIN, [ADMIN_2, ADMIN]);
    golden(&RemoteActivation { this: this(), activation: both, mode: 0 }, ACTIVATION);
    // This road does not repeat the IID of a refused interface.
    let mut seen = activated();
    seen.interfaces[1].iid = Guid::NIL;
    golden(&RemoteActivationReply { result: Ok(seen), requested: 2 }, ACTIVATION_REPLY);
    golden(
        &RemoteActivationReply { result: Err(HResult::CLASS_NOT_REGISTERED), requested: 1 },
        "00 00 00 00 00 00 00 00                         # ORPCTHAT
         00 00 00 00 00 00 00 00                         # pOxid
         00 00 00 00                                     # ppdsaOxidBindings
         00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 # pipidRemUnknown
         00 00 00 00                                     # pAuthnHint
         05 00 07 00                                     # pServerVersion
         54 01 04 80                                     # phr: REGDB_E_CLASSNOTREG
         01 00 00 00 00 00 00 00                         # ppInterfaceData
         01 00 00 00 54 01 04 80                         # pResults
         00 00 00 00                                     # error_status_t",
    );
}

#[test]
fn requests_of_impacket_are_read() {
    let create = RemoteCreateInstance::from_bytes(&hex(CREATE_IMPACKET)).unwrap();
    assert_eq!(create.this, OrpcThis { flags: 1, ..this() });
    assert_eq!(create.activation, activation());

    let plain = RemoteActivation::from_bytes(&hex(ACTIVATION_IMPACKET)).unwrap();
    assert_eq!(plain.this, OrpcThis::new(ComVersion::OURS, Guid::NIL), "with empty extensions");
    assert_eq!((plain.activation, plain.mode), (activation(), 0));
}

#[test]
fn junk_after_the_last_parameter_is_ignored() {
    let request = [hex(CREATE), vec![0xff; 7]].concat();
    assert_eq!(RemoteCreateInstance::from_bytes(&request).unwrap().activation.interfaces, [ADMIN_2, ADMIN]);
}

/// Offset of the CustomHeader's body in a request: after the stub's head, the OBJREF's and the blob's.
const HEADER: usize = 48 + 48 + 8 + 16;

#[test]
fn unknown_properties_are_passed_over() {
    let mut bytes = hex(CREATE);
    let context_class = HEADER + 48 + 4 + 16;
    assert_eq!(bytes[context_class], 0xa5);
    bytes[context_class..context_class + 16].fill(0x77);
    assert_eq!(RemoteCreateInstance::from_bytes(&bytes).unwrap().activation.class, CERT_ADMIN);
}

#[test]
fn broken_headers_are_refused() {
    let error = |at: usize, value: u8| {
        let mut bytes = hex(CREATE);
        bytes[at] = value;
        RemoteCreateInstance::from_bytes(&bytes).unwrap_err().to_string()
    };
    assert_eq!(error(HEADER + 16, 0), "cIfs at offset 16 is 0x0");
    assert_eq!(error(HEADER + 16, 11), "cIfs at offset 16 is 0xb");
    assert_eq!(error(HEADER + 16, 3), "pclsid at offset 48 is 0x4");
    assert_eq!(error(HEADER + 52, 0xff), "InstantiationInfo is missing");
    // A size beyond the end.
    assert!(error(HEADER + 52 + 64 + 4 + 3, 0xff).starts_with("pSizes at offset "));
    assert!(error(HEADER + 7, 0xff).starts_with("headerSize at offset 8 needs 4278190"));
    // ulCntData below its conformance.
    assert_eq!(error(44, 0), "pActProperties at offset 40 is 0x1b0");
    // Not the properties of a request.
    assert_eq!(error(48 + 24, 0x39), "pActProperties at offset 40 is 0x0");
    assert_eq!(error(48 + 4, 1), "pActProperties at offset 40 is 0x0");
}

#[test]
fn interfaces_are_counted_before_they_are_read() {
    let at = hex(ACTIVATION).windows(16).position(|window| window == ADMIN_2.to_bytes()).unwrap();
    let with = |count: u32| {
        let mut bytes = hex(ACTIVATION);
        bytes[at - 12..at - 8].copy_from_slice(&count.to_le_bytes());
        RemoteActivation::from_bytes(&bytes).unwrap_err().to_string()
    };
    assert_eq!(with(0), "Interfaces at offset 64 is 0x0");
    assert_eq!(with(1), "pIIDs at offset 72 is 0x2");
    assert_eq!(with(65), "Interfaces is 65, at most 64 are accepted");
}

#[test]
fn properties_of_a_reply_may_come_in_any_order() {
    let bytes = hex(CREATE_REPLY);
    // Both classes, both sizes and both properties change places.
    let body = 20 + 48 + 8 + 16;
    let classes = body + 48 + 4;
    let sizes = classes + 32 + 4;
    let size = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let first = sizes + 8;
    let second = first + size(sizes);
    let end = second + size(sizes + 4);
    let swapped = [
        &bytes[..classes],
        &bytes[classes + 16..classes + 32],
        &bytes[classes..classes + 16],
        &bytes[classes + 32..sizes],
        &bytes[sizes + 4..sizes + 8],
        &bytes[sizes..sizes + 4],
        &bytes[second..end],
        &bytes[first..second],
        &bytes[end..],
    ]
    .concat();
    assert_ne!(swapped, bytes);
    let reply = RemoteCreateInstanceReply::from_bytes(&swapped).unwrap();
    assert_eq!(reply.result, Ok(activated()));
}

#[test]
fn success_without_an_object_is_refused() {
    let nothing = hex("0000000000000000 00000000 00000000");
    let error = RemoteCreateInstanceReply::from_bytes(&nothing).unwrap_err().to_string();
    assert_eq!(error, "ppActProperties is missing");

    let mut plain = RemoteActivationReply { result: Err(HResult::NO_INTERFACE), requested: 1 }.to_bytes();
    plain[44..48].fill(0);
    let error = RemoteActivationReply::from_bytes(&plain).unwrap_err().to_string();
    assert_eq!(error, "ppdsaOxidBindings is missing");
}

#[test]
fn an_interface_that_succeeded_without_a_reference_is_refused() {
    let lie = Interface { iid: ADMIN_2, object: Err(HResult::OK) };
    let lie = Activated { interfaces: vec![lie], ..activated() };
    let create = RemoteCreateInstanceReply { result: Ok(lie.clone()) }.to_bytes();
    let error = RemoteCreateInstanceReply::from_bytes(&create).unwrap_err().to_string();
    assert_eq!(error, "ppIntfData is missing");
    let plain = RemoteActivationReply { result: Ok(lie), requested: 1 }.to_bytes();
    assert!(RemoteActivationReply::from_bytes(&plain).is_err());
}

#[test]
fn a_status_of_the_call_itself_fails_the_activation() {
    let mut denied = RemoteActivationReply { result: Ok(activated()), requested: 2 }.to_bytes();
    let end = denied.len();
    denied[end - 4] = 5;
    let reply = RemoteActivationReply::from_bytes(&denied).unwrap();
    assert_eq!(reply.result, Err(HResult::ACCESS_DENIED));
}

#[test]
fn partial_success_is_success() {
    let mut bytes = hex(CREATE_REPLY);
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&0x0008_0012u32.to_le_bytes()); // CO_S_NOTALLINTERFACES
    assert!(RemoteCreateInstanceReply::from_bytes(&bytes).unwrap().result.is_ok());
}

use dcom::Ipid;
use dcom::remunknown::{
    InterfaceRef, RemAddRefReply, RemQueryInterface, RemQueryInterface2, RemQueryInterface2Reply,
    RemQueryInterfaceReply, RemRefs, RemReleaseReply,
};
use dtyp::HResult;
use ndr::Ndr;

use crate::samples::{ADMIN_2, CID, golden, hex, ipid, objref, std_ref, this};

const THIS: &str = "
    05 00 07 00 00 00 00 00 00 00 00 00             # version, flags, reserved1
    04 03 02 01 06 05 08 07 09 0a 0b 0c 0d 0e 0f 10 # cid
    00 00 00 00                                     # extensions
";
const THAT: &str = "00 00 00 00 00 00 00 00 # ORPCTHAT\n";
const IPID: &str = "aa aa aa aa bb bb cc cc dd dd dd dd dd dd dd dd # ipid\n";
const IID: &str = "35 d9 e0 7f a6 dd 3f 44 85 d0 1c fb 58 fe 41 dd # iid\n";

#[test]
fn queries_have_these_bytes() {
    let query = RemQueryInterface { this: this(), ipid: ipid(0xaaaa_aaaa), refs: 1, iids: vec![ADMIN_2] };
    let tail = "01 00 00 00 # cRefs\n 01 00 00 00 # cIids, pad\n 01 00 00 00 # conformance\n";
    golden(&query, &[THIS, IPID, tail, IID].concat());

    let query = RemQueryInterface2 { this: this(), ipid: ipid(0xaaaa_aaaa), iids: vec![ADMIN_2] };
    golden(&query, &[THIS, IPID, "01 00 00 00 # cIids, pad\n 01 00 00 00 # conformance\n", IID].concat());
}

#[test]
fn answers_to_queries_have_these_bytes() {
    let found = RemQueryInterfaceReply::new(Ok(vec![Ok(std_ref()), Err(HResult::NO_INTERFACE)]));
    assert_eq!(found.status, HResult(1), "S_FALSE: some");
    golden(
        &found,
        &[
            THAT,
            "00 00 02 00             # ppQIResults
             02 00 00 00             # conformance
             00 00 00 00 00 00 00 00 # hResult, pad
             00 00 00 00             # std.flags
             05 00 00 00             # cPublicRefs
             18 17 16 15 14 13 12 11 # oxid
             28 27 26 25 24 23 22 21 # oid\n",
            IPID,
            "02 40 00 80 00 00 00 00 # E_NOINTERFACE, pad
             00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
             00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 # no std
             01 00 00 00             # S_FALSE",
        ]
        .concat(),
    );
    let lost = RemQueryInterfaceReply::new(Err(HResult::INVALID_OBJECT));
    golden(&lost, &[THAT, "00 00 00 00 # ppQIResults\n 14 01 01 80 # RPC_E_INVALID_OBJECT"].concat());
}

#[test]
fn answers_with_whole_references_have_these_bytes() {
    let found = RemQueryInterface2Reply::new(Ok(vec![Ok(objref()), Err(HResult::NO_INTERFACE)]), 2);
    let reference: String = objref().to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    golden(
        &found,
        &[
            THAT,
            "02 00 00 00             # phr
             00 00 00 00 02 40 00 80 # S_OK, E_NOINTERFACE
             02 00 00 00             # ppMIF
             00 00 02 00 00 00 00 00 # pointers
             58 00 00 00             # conformance
             58 00 00 00             # ulCntData\n",
            &reference,
            "01 00 00 00             # S_FALSE",
        ]
        .concat(),
    );
    let lost = RemQueryInterface2Reply::new(Err(HResult::INVALID_OBJECT), 3);
    assert_eq!(lost.results, vec![Err(HResult::INVALID_OBJECT); 3]);
    assert_eq!(RemQueryInterface2Reply::from_bytes(&lost.to_bytes()).unwrap(), lost);
}

#[test]
fn nothing_found_is_the_failure_itself() {
    let none = RemQueryInterfaceReply::new(Ok(vec![Err(HResult::NO_INTERFACE)]));
    assert_eq!(none.status, HResult::NO_INTERFACE);
    assert_eq!(RemQueryInterfaceReply::new(Ok(vec![Ok(std_ref())])).status, HResult::OK);
}

#[test]
fn counting_has_these_bytes() {
    let refs = vec![InterfaceRef { ipid: ipid(0xaaaa_aaaa), public: 5, private: 0 }];
    let head = "01 00 00 00 # cInterfaceRefs, pad\n 01 00 00 00 # conformance\n";
    let counts = "05 00 00 00 # cPublicRefs\n 00 00 00 00 # cPrivateRefs";
    golden(&RemRefs { this: this(), refs }, &[THIS, head, IPID, counts].concat());
    golden(
        &RemAddRefReply { results: vec![HResult::OK, HResult::OBJECT_NOT_REGISTERED], status: HResult::OK },
        &[
            THAT,
            "02 00 00 00 # pResults
             00 00 00 00
             fb 01 04 80 # CO_E_OBJNOTREG
             00 00 00 00 # S_OK",
        ]
        .concat(),
    );
    golden(&RemReleaseReply { status: HResult::OK }, &[THAT, "00 00 00 00 # S_OK"].concat());
}

/// Recorded from impacket 0.13.1, see tests/data/README.md.
#[test]
fn requests_of_impacket_are_read() {
    let this_hex = "0500070000000000000000000403020106050807090a0b0c0d0e0f1000000000";
    let cid = "0403020106050807090a0b0c0d0e0f10";
    let query = format!("{this_hex} {cid} 01000000 0100cece 01000000 35d9e07fa6dd3f4485d01cfb58fe41dd");
    let query = RemQueryInterface::from_bytes(&hex(&query)).unwrap();
    assert_eq!(query, RemQueryInterface { this: this(), ipid: Ipid(CID), refs: 1, iids: vec![ADMIN_2] });

    let add =
        RemRefs::from_bytes(&hex(&format!("{this_hex} 0100cece 01000000 {cid} 05000000 00000000"))).unwrap();
    assert_eq!(add.refs, [InterfaceRef { ipid: Ipid(CID), public: 5, private: 0 }]);
}

#[test]
fn a_count_that_differs_from_the_array_is_refused() {
    let request = RemRefs { this: this(), refs: vec![InterfaceRef { ipid: ipid(1), public: 1, private: 0 }] };
    let mut bytes = request.to_bytes();
    bytes[32] = 2;
    assert_eq!(RemRefs::from_bytes(&bytes).unwrap_err().to_string(), "InterfaceRefs at offset 36 is 0x1");
    bytes[32..34].fill(0xff);
    let error = RemRefs::from_bytes(&bytes).unwrap_err().to_string();
    assert_eq!(error, "cInterfaceRefs is 65535, at most 256 are accepted");
}

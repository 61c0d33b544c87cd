use dcom::exporter::{
    ComplexPing, ComplexPingReply, Exporter, ResolveOxid, ResolveOxid2Reply, ResolveOxidReply,
    ServerAlive2Reply, SimplePing, StatusReply,
};
use dcom::{ComVersion, DualStringArray, Oid, Oxid, SetId, StringBinding, status};
use ndr::Ndr;

use crate::samples::{golden, hex, ipid};

fn small() -> Exporter {
    let bindings = DualStringArray { strings: vec![StringBinding::tcp("a", None)], security: vec![] };
    Exporter { bindings, rem_unknown: ipid(0xeeee_eeee), authn_hint: 6, version: ComVersion::OURS }
}

const SMALL: &str = "
    00 00 02 00                                     # ppdsaOxidBindings
    06 00 00 00                                     # conformance
    06 00 04 00                                     # wNumEntries, wSecurityOffset
    07 00 61 00 00 00 00 00                         # tcp, a, end
    00 00 00 00                                     # no security bindings
    ee ee ee ee bb bb cc cc dd dd dd dd dd dd dd dd # pipidRemUnknown
    06 00 00 00                                     # pAuthnHint
";

#[test]
fn resolution_has_these_bytes() {
    golden(
        &ResolveOxid { oxid: Oxid(0x1122_3344_5566_7788), protocols: vec![7] },
        "88 77 66 55 44 33 22 11 # pOxid
         01 00 00 00             # cRequestedProtseqs, pad
         01 00 00 00             # conformance
         07 00                   # ncacn_ip_tcp",
    );
    let old = Exporter { version: ComVersion::OLDEST, ..small() };
    golden(&ResolveOxidReply { result: Ok(old) }, &[SMALL, "00 00 00 00 # error_status_t"].concat());
    golden(
        &ResolveOxid2Reply { result: Ok(small()) },
        &[SMALL, "05 00 07 00 # pComVersion\n", "00 00 00 00 # error_status_t"].concat(),
    );
    golden(
        &ResolveOxid2Reply { result: Err(status::INVALID_OXID) },
        "00 00 00 00                                     # ppdsaOxidBindings
         00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 # pipidRemUnknown
         00 00 00 00                                     # pAuthnHint
         05 00 07 00                                     # pComVersion
         76 07 00 00                                     # OR_INVALID_OXID",
    );
}

#[test]
fn pings_have_these_bytes() {
    golden(&SimplePing { set: SetId(0x1122) }, "22 11 00 00 00 00 00 00 # pSetId");
    golden(&StatusReply { status: status::INVALID_SET }, "78 07 00 00 # OR_INVALID_SET");
    golden(
        &ComplexPing { set: SetId(0), sequence: 1, add: vec![Oid(1), Oid(2)], delete: vec![] },
        "00 00 00 00 00 00 00 00 # pSetId
         01 00                   # SequenceNum
         02 00 00 00             # cAddToSet, cDelFromSet
         00 00                   # pad
         00 00 02 00             # AddToSet
         02 00 00 00             # conformance
         01 00 00 00 00 00 00 00 # OID
         02 00 00 00 00 00 00 00 # OID
         00 00 00 00             # DelFromSet",
    );
    golden(
        &ComplexPingReply { set: SetId(0x1122), backoff: 0, status: 0 },
        "22 11 00 00 00 00 00 00 # pSetId
         00 00 00 00             # pPingBackoffFactor, pad
         00 00 00 00             # error_status_t",
    );
}

#[test]
fn signs_of_life_have_these_bytes() {
    golden(
        &ServerAlive2Reply { result: Ok((ComVersion::OURS, small().bindings)) },
        "05 00 07 00             # pComVersion
         00 00 02 00             # ppdsaOrBindings
         06 00 00 00             # conformance
         06 00 04 00             # wNumEntries, wSecurityOffset
         07 00 61 00 00 00 00 00 # tcp, a, end
         00 00 00 00             # no security bindings
         00 00 00 00             # pReserved
         00 00 00 00             # error_status_t",
    );
    golden(
        &ServerAlive2Reply { result: Err(status::ACCESS_DENIED) },
        "05 00 07 00 # pComVersion
         00 00 00 00 # ppdsaOrBindings
         00 00 00 00 # pReserved
         05 00 00 00 # ERROR_ACCESS_DENIED",
    );
}

/// Recorded from impacket 0.13.1, see tests/data/README.md.
#[test]
fn requests_of_impacket_are_read() {
    let resolve = ResolveOxid::from_bytes(&hex("88776655443322110100cece010000000700")).unwrap();
    assert_eq!(resolve, ResolveOxid { oxid: Oxid(0x1122_3344_5566_7788), protocols: vec![7] });
    assert_eq!(SimplePing::from_bytes(&hex("2211000000000000")).unwrap().set, SetId(0x1122));

    let add =
        "0000000000000000 0000 0200 0000 aaaa cec20000 02000000 0100000000000000 0200000000000000 00000000";
    let add = ComplexPing::from_bytes(&hex(add)).unwrap();
    assert_eq!(add, ComplexPing { set: SetId(0), sequence: 0, add: vec![Oid(1), Oid(2)], delete: vec![] });

    let delete = "2211000000000000 2211 0000 0100 bfbf 00000000 b3840000 01000000 bfbfbfbf 0100000000000000";
    let delete = ComplexPing::from_bytes(&hex(delete)).unwrap();
    // The sequence number is the set's id there.
    let expected = ComplexPing { set: SetId(0x1122), sequence: 0x1122, add: vec![], delete: vec![Oid(1)] };
    assert_eq!(delete, expected);
}

#[test]
fn success_without_bindings_is_refused() {
    let mut bytes = ServerAlive2Reply { result: Err(5) }.to_bytes();
    bytes[12] = 0;
    let error = ServerAlive2Reply::from_bytes(&bytes).unwrap_err().to_string();
    assert_eq!(error, "ppdsaOrBindings is missing");
}

#[test]
fn lists_without_elements_and_counts_without_lists_do_not_pass() {
    let ping = ComplexPing { set: SetId(1), sequence: 1, add: vec![Oid(1)], delete: vec![] };
    let mut no_list = ping.to_bytes();
    no_list[16..20].fill(0);
    let error = ComplexPing::from_bytes(&no_list).unwrap_err().to_string();
    assert_eq!(error, "AddToSet at offset 14 is 0x0");
    let mut lying = ping.to_bytes();
    lying[20] = 2;
    assert!(ComplexPing::from_bytes(&lying).is_err());
    let mut many = ping.to_bytes();
    many[10..12].fill(0xff);
    let error = ComplexPing::from_bytes(&many).unwrap_err().to_string();
    assert_eq!(error, "AddToSet is 65535, at most 4096 are accepted");
}

use dcom::{ObjRef, clsid, iid};
use ndr::{Error, Ndr};

use crate::samples::{ADMIN_2, golden, hex, objref, std_ref};

const STD: &str = "
    00 00 00 00                                     # flags
    05 00 00 00                                     # cPublicRefs
    18 17 16 15 14 13 12 11                         # oxid
    28 27 26 25 24 23 22 21                         # oid
    aa aa aa aa bb bb cc cc dd dd dd dd dd dd dd dd # ipid
";

const RESOLVER: &str = "
    0a 00 06 00                # wNumEntries 10, wSecurityOffset 6
    07 00 43 00 41 00 31 00 00 00 # ncacn_ip_tcp, CA1
    00 00                      # end of string bindings
    0a 00 ff ff 00 00          # NTLM, 0xFFFF, no name
    00 00                      # end of security bindings
";

fn head(flags: &str) -> String {
    format!(
        "4d 45 4f 57 # MEOW
         {flags} 00 00 00 # flags
         35 d9 e0 7f a6 dd 3f 44 85 d0 1c fb 58 fe 41 dd # iid\n"
    )
}

#[test]
fn standard_reference_has_these_bytes() {
    golden(&std_ref(), STD);
    golden(&objref(), &[head("01").as_str(), STD, RESOLVER].concat());
}

#[test]
fn custom_reference_has_these_bytes() {
    let custom = ObjRef::Custom {
        iid: iid::ACTIVATION_PROPERTIES_IN,
        clsid: clsid::ACTIVATION_PROPERTIES_IN,
        data: vec![1, 2, 3],
    };
    golden(
        &custom,
        "4d 45 4f 57                                     # MEOW
         04 00 00 00                                     # flags
         a2 01 00 00 00 00 00 00 c0 00 00 00 00 00 00 46 # iid
         38 03 00 00 00 00 00 00 c0 00 00 00 00 00 00 46 # clsid
         00 00 00 00                                     # cbExtension
         0b 00 00 00                                     # reserved
         01 02 03                                        # pObjectData",
    );
    assert_eq!(custom.standard(), None);
}

#[test]
fn handler_and_extended_references_are_read_as_standard_ones() {
    let class = "73 6e 9e d9 88 fc d0 11 b4 98 00 a0 c9 03 12 f3 # clsid\n";
    let handler = [head("02").as_str(), STD, class, RESOLVER].concat();
    assert_eq!(ObjRef::from_bytes(&hex(&handler)).unwrap(), objref());

    let context = "01 00 00 00 # nElms\n 56 59 53 4e # Signature2\n 00 11 22 33 # and more";
    let extended = [head("08").as_str(), STD, "56 59 53 4e # Signature1\n", RESOLVER, context].concat();
    assert_eq!(ObjRef::from_bytes(&hex(&extended)).unwrap(), objref());
}

#[test]
fn an_empty_array_is_two_pairs_of_zeros() {
    let none = ObjRef::Standard { iid: ADMIN_2, std: std_ref(), resolver: Default::default() };
    let array = "04 00 02 00 00 00 00 00 00 00 00 00 # four zeros";
    golden(&none, &[head("01").as_str(), STD, array].concat());
}

#[test]
fn each_broken_field_is_named() {
    let error = |at: usize, value: u8| {
        let mut bytes = objref().to_bytes();
        bytes[at] = value;
        ObjRef::from_bytes(&bytes).unwrap_err().to_string()
    };
    assert_eq!(error(0, 0), "OBJREF.signature at offset 0 is 0x574f4500");
    assert_eq!(error(4, 3), "OBJREF.flags at offset 4 is 0x3");
    assert_eq!(error(4, 5), "OBJREF.flags at offset 4 is 0x5", "one kind, not two");
    assert_eq!(error(64, 0xff), "aStringArray at offset 68 needs 510 bytes, 20 are left");
    assert_eq!(error(66, 11), "wSecurityOffset at offset 64 is 0xb");
    // The offset in the middle of the host: its NUL is beyond the end of the string bindings.
    assert_eq!(error(66, 3), "aNetworkAddr at offset 64 is not a NUL-terminated UTF-16 string");
    // A lone surrogate.
    assert_eq!(error(71, 0xd8), "aNetworkAddr at offset 64 is not a NUL-terminated UTF-16 string");

    let mut extended = objref().to_bytes();
    extended[4] = 8;
    let error = ObjRef::from_bytes(&extended).unwrap_err();
    assert_eq!(error, Error::Invalid { what: "Signature1", at: 64, value: 0x0006_000a });
}

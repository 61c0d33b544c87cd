//! Values that many tests use, and reading of annotated bytes.

use std::fmt::Debug;

use dcom::activation::{Activated, Activation, Interface};
use dcom::exporter::Exporter;
use dcom::{
    ComVersion, DualStringArray, Ipid, ObjRef, Oid, OrpcThis, Oxid, SecurityBinding, StdObjRef, StringBinding,
};
use dtyp::{Guid, HResult};
use ndr::Ndr;

pub(crate) const CERT_ADMIN: Guid =
    Guid::new(0xd99e_6e73, 0xfc88, 0x11d0, [0xb4, 0x98, 0, 0xa0, 0xc9, 3, 0x12, 0xf3]);
pub(crate) const ADMIN: Guid =
    Guid::new(0xd99e_6e71, 0xfc88, 0x11d0, [0xb4, 0x98, 0, 0xa0, 0xc9, 3, 0x12, 0xf3]);
pub(crate) const ADMIN_2: Guid =
    Guid::new(0x7fe0_d935, 0xdda6, 0x443f, [0x85, 0xd0, 0x1c, 0xfb, 0x58, 0xfe, 0x41, 0xdd]);
pub(crate) const CID: Guid = Guid::new(0x0102_0304, 0x0506, 0x0708, [9, 10, 11, 12, 13, 14, 15, 16]);

/// Bytes of `text`: hex digits, blanks between, `#` starts a comment.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let code = text.lines().map(|line| line.split('#').next().unwrap());
    let digits: Vec<u8> = code.flat_map(str::bytes).filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// The value has these bytes, both ways.
#[track_caller]
pub(crate) fn golden<T: Ndr + Debug + PartialEq>(value: &T, bytes: &str) {
    let bytes = hex(bytes);
    assert_eq!(show(&value.to_bytes()), show(&bytes));
    assert_eq!(&T::from_bytes(&bytes).unwrap(), value);
}

/// Sixteen bytes a line, so that a difference can be seen.
pub(crate) fn show(bytes: &[u8]) -> String {
    let line = |chunk: &[u8]| chunk.iter().map(|byte| format!("{byte:02x} ")).collect::<String>();
    bytes.chunks(16).map(|chunk| line(chunk) + "\n").collect()
}

pub(crate) fn this() -> OrpcThis {
    OrpcThis::new(ComVersion::OURS, CID)
}

pub(crate) fn ipid(number: u32) -> Ipid {
    Ipid(Guid::new(number, 0xbbbb, 0xcccc, [0xdd; 8]))
}

pub(crate) fn std_ref() -> StdObjRef {
    StdObjRef {
        flags: 0,
        public_refs: 5,
        oxid: Oxid(0x1112_1314_1516_1718),
        oid: Oid(0x2122_2324_2526_2728),
        ipid: ipid(0xaaaa_aaaa),
    }
}

/// As resolvers say it: no port.
pub(crate) fn resolver() -> DualStringArray {
    DualStringArray {
        strings: vec![StringBinding::tcp("CA1", None)],
        security: vec![SecurityBinding { service: 10, principal: String::new() }],
    }
}

pub(crate) fn objref() -> ObjRef {
    ObjRef::Standard { iid: ADMIN_2, std: std_ref(), resolver: resolver() }
}

pub(crate) fn exporter() -> Exporter {
    Exporter {
        bindings: DualStringArray {
            strings: vec![
                StringBinding::tcp("192.0.2.7", Some(49667)),
                StringBinding::tcp("CA1", Some(49667)),
            ],
            security: vec![SecurityBinding { service: 9, principal: String::new() }],
        },
        rem_unknown: ipid(0xeeee_eeee),
        authn_hint: 6,
        version: ComVersion::OURS,
    }
}

pub(crate) fn activation() -> Activation {
    Activation::new(CERT_ADMIN, [ADMIN_2])
}

/// One interface had, one refused.
pub(crate) fn activated() -> Activated {
    let interfaces = vec![
        Interface { iid: ADMIN_2, object: Ok(objref()) },
        Interface { iid: ADMIN, object: Err(HResult::NO_INTERFACE) },
    ];
    Activated { oxid: std_ref().oxid, exporter: exporter(), interfaces }
}

//! Annotated bytes, and the checks that both directions agree on them.

use csra::method::Method;
use dcom::{ComVersion, OrpcThat, OrpcThis};
use dtyp::Guid;
use ndr::{Ndr, Reader, Writer};

/// Hex digits with spaces as one likes; `'text'` is UTF-16LE without a NUL; `;` begins a comment.
pub(crate) fn bytes(annotated: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in annotated.lines() {
        let code = line.split(';').next().unwrap();
        for (index, part) in code.split('\'').enumerate() {
            if index % 2 == 1 {
                bytes.extend(part.encode_utf16().flat_map(u16::to_le_bytes));
                continue;
            }
            let digits: Vec<u32> = part.chars().filter(|c| !c.is_whitespace()).map(hex).collect();
            assert!(digits.len().is_multiple_of(2), "half a byte in {line:?}");
            bytes.extend(digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()));
        }
    }
    bytes
}

fn hex(c: char) -> u32 {
    c.to_digit(16).unwrap_or_else(|| panic!("{c:?} is no hex digit"))
}

pub(crate) fn this() -> OrpcThis {
    OrpcThis::new(ComVersion::OURS, Guid::from_bytes([0x11; 16]))
}

/// ORPCTHIS: version 5.7, flags, reserved1, cid, no extensions.
const THIS: &str = "0500 0700 00000000 00000000 11111111111111111111111111111111 00000000";
/// ORPCTHAT: flags, no extensions.
const THAT: &str = "00000000 00000000";

/// The request stub of `parameters`, as bytes.
pub(crate) fn stub_in(parameters: &str) -> Vec<u8> {
    [bytes(THIS), bytes(parameters)].concat()
}

/// A reply stub, as bytes.
pub(crate) fn stub_out(parameters: &str) -> Vec<u8> {
    [bytes(THAT), bytes(parameters)].concat()
}

/// `request` has these bytes behind ORPCTHIS, both ways.
pub(crate) fn goes_in<R: Ndr + PartialEq + std::fmt::Debug>(request: &R, expected: &str) {
    let stub = stub_in(expected);
    assert_eq!(csra::request(this(), request), stub, "{request:?} encoded");
    let mut reader = Reader::new(&stub);
    OrpcThis::decode(&mut reader).unwrap();
    assert_eq!(R::decode(&mut reader).as_ref(), Ok(request), "decoded");
    assert_eq!(reader.remaining(), 0, "{request:?} left bytes unread");
}

/// `reply` has these bytes behind ORPCTHAT and before a HRESULT of success, both ways.
pub(crate) fn comes_out<M>(reply: &M::Reply, expected: &str)
where
    M: Method,
    M::Reply: PartialEq + std::fmt::Debug,
{
    let mut writer = Writer::new();
    OrpcThat.encode(&mut writer);
    reply.encode(&mut writer);
    writer.u32(0);
    let stub = stub_out(expected);
    assert_eq!(writer.finish(), stub, "{reply:?} encoded");
    assert_eq!(csra::reply::<M>(&stub).as_ref(), Ok(reply), "decoded");
}

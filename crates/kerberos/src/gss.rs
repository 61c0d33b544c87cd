//! The frame of GSS tokens: `60 len 06 09 <OID> <token id> <message>` (RFC 4121 4.1, RFC 2743 3.1).

use crate::der::{Malformed, Reader};

/// Kerberos 5, 1.2.840.113554.1.2.2; and the number Windows 2000 wrote by mistake, 1.2.840.48018.1.2.2.
const OIDS: [&[u8]; 2] = [
    &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x12, 0x01, 0x02, 0x02],
    &[0x2A, 0x86, 0x48, 0x82, 0xF7, 0x12, 0x01, 0x02, 0x02],
];

/// The message in a token, framed or bare. DCE style sends it bare; some initiators frame it.
pub(crate) fn unframed(token: &[u8]) -> Result<&[u8], Malformed> {
    if token.first() != Some(&0x60) {
        return Ok(token);
    }
    let (_, content) = Reader::new(token).element("GSS token")?;
    let mut inner = Reader::new(content);
    let oid = inner.raw("mechanism OID")?;
    if !OIDS.contains(&oid.get(2..).unwrap_or_default()) {
        return Err(Malformed("mechanism OID"));
    }
    // Behind the OID two bytes say what follows: 01 00 AP-REQ, 02 00 AP-REP, 03 00 KRB-ERROR.
    content.get(oid.len().saturating_add(2)..).ok_or(Malformed("token id"))
}

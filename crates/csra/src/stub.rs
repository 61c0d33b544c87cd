use alloc::vec::Vec;

use dcom::{OrpcThat, OrpcThis};
use dtyp::HResult;
use ndr::{Ndr, Reader, Writer};

use crate::Error;
use crate::method::Method;

/// The request stub of a method: ORPCTHIS and the in-parameters.
pub fn request(this: OrpcThis, parameters: &impl Ndr) -> Vec<u8> {
    let mut writer = Writer::new();
    this.encode(&mut writer);
    parameters.encode(&mut writer);
    writer.finish()
}

/// What the reply stub of a method says: ORPCTHAT, the out-parameters, the HRESULT.
///
/// # Errors
/// [`Error::Refused`] for another code than success, [`Error::Malformed`].
pub fn reply<M: Method>(stub: &[u8]) -> Result<M::Reply, Error> {
    let (reply, code) = decode::<M>(stub).map_err(|reason| Error::Malformed { call: M::CALL, reason })?;
    if M::is_success(code) { Ok(reply) } else { Err(Error::Refused { call: M::CALL, code }) }
}

fn decode<M: Method>(stub: &[u8]) -> Result<(M::Reply, HResult), ndr::Error> {
    let mut reader = Reader::new(stub);
    OrpcThat::decode(&mut reader)?;
    let reply = M::Reply::decode(&mut reader)?;
    Ok((reply, HResult(reader.u32("HRESULT")?)))
}

/// The reply stub of a method.
pub(crate) fn answer(reply: &impl Ndr, code: HResult) -> Vec<u8> {
    let mut writer = Writer::new();
    OrpcThat.encode(&mut writer);
    reply.encode(&mut writer);
    writer.u32(code.0);
    writer.finish()
}

//! Shapes that several structures share: bytes behind a size (`MInterfacePointer`), arrays, results.

use alloc::vec::Vec;

use dtyp::{Guid, HResult};
use ndr::{Error, Ndr, Reader, Writer};

use crate::ObjRef;

/// Most elements that this side accepts in an array of interfaces or references. Peers ask for one
/// or two; the specification allows 0x8000.
pub(crate) const MAX_ELEMENTS: usize = 256;

/// An `MInterfacePointer`, which a pointer led to: conformance, `ulCntData`, bytes.
pub(crate) fn write_interface_pointer(writer: &mut Writer, bytes: &[u8]) {
    writer.count(bytes.len());
    writer.byte_array(bytes);
}

pub(crate) fn read_interface_pointer<'a>(
    reader: &mut Reader<'a>,
    what: &'static str,
) -> Result<&'a [u8], Error> {
    reader.align(4);
    let at = reader.position();
    let conformance = reader.u32(what)?;
    let count = reader.count(what, 1)?;
    if u32::try_from(count) != Ok(conformance) {
        return Err(Error::Invalid { what, at, value: u64::from(conformance) });
    }
    reader.raw(what, count)
}

/// `ulCntData` bytes behind a unique pointer, read past.
pub(crate) fn skip_interface_pointer(reader: &mut Reader<'_>, what: &'static str) -> Result<(), Error> {
    if reader.referent(what)? {
        read_interface_pointer(reader, what)?;
    }
    Ok(())
}

/// A conformance that must be the count that was announced before it.
pub(crate) fn conformance(
    reader: &mut Reader<'_>,
    what: &'static str,
    expected: usize,
    size: usize,
) -> Result<(), Error> {
    reader.align(4);
    let at = reader.position();
    let count = reader.count(what, size)?;
    if count == expected {
        Ok(())
    } else {
        Err(Error::Invalid { what, at, value: u64::try_from(count).unwrap_or(u64::MAX) })
    }
}

/// Refuses counts that no honest peer sends, before anything is allocated.
pub(crate) fn limited(what: &'static str, count: u32, limit: usize) -> Result<usize, Error> {
    match usize::try_from(count) {
        Ok(count) if count <= limit => Ok(count),
        _ => Err(Error::TooMany {
            what,
            value: u64::from(count),
            limit: u64::try_from(limit).unwrap_or(u64::MAX),
        }),
    }
}

pub(crate) fn write_guids(writer: &mut Writer, guids: &[Guid]) {
    writer.count(guids.len());
    guids.iter().for_each(|guid| writer.guid(*guid));
}

pub(crate) fn read_guids(
    reader: &mut Reader<'_>,
    what: &'static str,
    count: usize,
) -> Result<Vec<Guid>, Error> {
    conformance(reader, what, count, 16)?;
    (0..count).map(|_| reader.guid(what)).collect()
}

/// The outcome for each interface of a call: HRESULTs and pointers travel in arrays of their own.
pub(crate) type Outcome = Result<ObjRef, HResult>;

pub(crate) fn write_results<T>(writer: &mut Writer, outcomes: &[Result<T, HResult>]) {
    writer.count(outcomes.len());
    for outcome in outcomes {
        writer.u32(outcome.as_ref().err().unwrap_or(&HResult::OK).0);
    }
}

pub(crate) fn read_results(
    reader: &mut Reader<'_>,
    what: &'static str,
    count: usize,
) -> Result<Vec<HResult>, Error> {
    conformance(reader, what, count, 4)?;
    (0..count).map(|_| reader.u32(what).map(HResult)).collect()
}

/// An array of `MInterfacePointer *`: conformance, pointers, then what they lead to in order.
pub(crate) fn write_pointers(writer: &mut Writer, outcomes: &[Outcome]) {
    writer.count(outcomes.len());
    outcomes.iter().for_each(|outcome| writer.referent(outcome.is_ok()));
    for object in outcomes.iter().flatten() {
        write_interface_pointer(writer, &object.to_bytes());
    }
}

pub(crate) fn read_pointers(
    reader: &mut Reader<'_>,
    what: &'static str,
    count: usize,
) -> Result<Vec<Option<ObjRef>>, Error> {
    conformance(reader, what, count, 4)?;
    let present: Vec<bool> = (0..count).map(|_| reader.referent(what)).collect::<Result<_, _>>()?;
    let read = |present: bool| {
        if !present {
            return Ok(None);
        }
        read_interface_pointer(reader, what).and_then(ObjRef::from_bytes).map(Some)
    };
    present.into_iter().map(read).collect()
}

/// Joins both arrays. A success without a pointer is a lie.
pub(crate) fn outcomes(
    what: &'static str,
    results: Vec<HResult>,
    objects: Vec<Option<ObjRef>>,
) -> Result<Vec<Outcome>, Error> {
    let join = |(result, object): (HResult, Option<ObjRef>)| match object {
        _ if failed(result) => Ok(Err(result)),
        Some(object) => Ok(Ok(object)),
        None => Err(Error::Missing { what }),
    };
    results.into_iter().zip(objects).map(join).collect()
}

/// The severity bit. COM's partial successes (`S_FALSE`, `CO_S_NOTALLINTERFACES`) are no failures,
/// unlike what [`HResult::is_success`] says of the CA's methods.
pub(crate) fn failed(result: HResult) -> bool {
    result.0 >= 0x8000_0000
}

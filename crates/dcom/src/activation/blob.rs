//! The activation properties blob: a header that lists classes and sizes, then one serialized
//! structure for each.
//!
//! ```text
//!  0  4  dwSize        bytes from the CustomHeader to the end
//!  4  4  dwReserved    0
//!  8     CustomHeader  serialized, headerSize bytes
//!        properties    serialized, pSizes[n] bytes each, in the order of pclsid
//! ```
//!
//! Source: [MS-DCOM] 2.2.22.
//!
//! [MS-DCOM]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-dcom/

use alloc::vec::Vec;

use dtyp::Guid;
use ndr::{Error, Ndr, Reader, Writer, pickle};

use crate::nested::{conformance, read_guids, write_guids};

/// Most properties in a blob (`MAX_ACTPROP_LIMIT`).
const MAX_PROPERTIES: u32 = 10;

/// `DESTCTX`: another machine. Ignored on receipt.
const DIFFERENT_MACHINE: u32 = 2;

/// A blob of these properties, 1 to 10 of them, each serialized already.
pub(super) fn encode(properties: &[(Guid, Vec<u8>)]) -> Vec<u8> {
    let mut header = CustomHeader {
        total_size: 0,
        header_size: 0,
        classes: properties.iter().map(|(class, _)| *class).collect(),
        sizes: properties.iter().map(|(_, bytes)| size(bytes.len())).collect(),
    };
    // Sizes do not change the length, so the first form tells it.
    header.header_size = size(pickle::encode(&header).len());
    let sum = header.sizes.iter().copied().fold(header.header_size, u32::saturating_add);
    header.total_size = sum;
    let mut writer = Writer::new();
    writer.u32(header.total_size);
    writer.u32(0);
    writer.raw(&pickle::encode(&header));
    properties.iter().for_each(|(_, bytes)| writer.raw(bytes));
    writer.finish()
}

/// The serialized properties with their classes, known or not.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<(Guid, &[u8])>, Error> {
    let mut reader = Reader::new(bytes);
    reader.u32("dwSize")?;
    reader.u32("dwReserved")?;
    let (header, _) = pickle::decode::<CustomHeader>(reader.rest())?;
    reader.raw("headerSize", length(header.header_size))?;
    let take = |(class, size)| Ok((class, reader.raw("pSizes", length(size))?));
    header.classes.into_iter().zip(header.sizes).map(take).collect()
}

/// The one property of this class, decoded; the first if there are several.
pub(super) fn find<T: Ndr>(properties: &[(Guid, &[u8])], class: Guid) -> Result<Option<T>, Error> {
    let found = properties.iter().find(|(listed, _)| *listed == class);
    found.map(|(_, bytes)| pickle::decode(bytes).map(|(value, _)| value)).transpose()
}

fn size(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

fn length(size: u32) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

/// `CustomHeader` ([MS-DCOM] 2.2.22.1).
///
/// ```text
///  0  4  totalSize        as dwSize
///  4  4  headerSize       of this, with its serialization headers
///  8  4  dwReserved       0
/// 12  4  destCtx
/// 16  4  cIfs             1..10
/// 20 16  classInfoClsid   nil
/// 36  4  pclsid           pointer to cIfs CLSIDs
/// 40  4  pSizes           pointer to cIfs sizes, with serialization headers
/// 44  4  pdwReserved      NULL
/// ```
///
/// [MS-DCOM]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-dcom/
struct CustomHeader {
    total_size: u32,
    header_size: u32,
    classes: Vec<Guid>,
    sizes: Vec<u32>,
}

impl Ndr for CustomHeader {
    fn encode(&self, writer: &mut Writer) {
        writer.u32(self.total_size);
        writer.u32(self.header_size);
        writer.u32(0);
        writer.u32(DIFFERENT_MACHINE);
        writer.count(self.classes.len());
        writer.guid(Guid::NIL);
        writer.referent(true);
        writer.referent(true);
        writer.referent(false);
        write_guids(writer, &self.classes);
        writer.count(self.sizes.len());
        self.sizes.iter().for_each(|size| writer.u32(*size));
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let total_size = reader.u32("totalSize")?;
        let header_size = reader.u32("headerSize")?;
        reader.u32("dwReserved")?;
        reader.u32("destCtx")?;
        let at = reader.position();
        let count = match reader.u32("cIfs")? {
            count @ 1..=MAX_PROPERTIES => length(count),
            value => return Err(Error::Invalid { what: "cIfs", at, value: u64::from(value) }),
        };
        reader.guid("classInfoClsid")?;
        reader.present("pclsid")?;
        reader.present("pSizes")?;
        // What a reserved pointer leads to comes last and is not looked at.
        reader.referent("pdwReserved")?;
        let classes = read_guids(reader, "pclsid", count)?;
        conformance(reader, "pSizes", count, 4)?;
        let sizes = (0..count).map(|_| reader.u32("pSizes")).collect::<Result<_, _>>()?;
        Ok(Self { total_size, header_size, classes, sizes })
    }
}

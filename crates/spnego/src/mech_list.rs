//! `MechTypeList`: mechanisms in the order of preference.
//!
//! ```text
//! 30 len             SEQUENCE OF
//!    06 len OID ...  MechType
//! ```
//!
//! `mechListMIC` covers these bytes as the initiator sent them.
//!
//! Source: [RFC 4178] 4.1.
//!
//! [RFC 4178]: https://www.rfc-editor.org/rfc/rfc4178#section-4.1

use crate::{Error, Oid, der};
use alloc::vec::Vec;

/// Reads a list.
///
/// # Errors
/// See [`Error`]; [`Error::TooMany`] for more than 32 mechanisms.
pub fn decode(bytes: &[u8]) -> Result<Vec<Oid<'_>>, Error> {
    let mut rest = der::only(bytes, der::SEQUENCE, "mechTypes")?;
    let mut oids = Vec::new();
    while !rest.is_empty() {
        let ((found, content), tail) = der::split(rest, "MechType")?;
        if found != der::OID {
            return Err(Error::Tag { what: "MechType", found, expected: der::OID });
        }
        if oids.len() >= MOST {
            return Err(Error::TooMany { what: "mechTypes", limit: MOST });
        }
        oids.push(Oid(content));
        rest = tail;
    }
    Ok(oids)
}

/// Writes a list.
pub fn encode<'a>(oids: impl IntoIterator<Item = Oid<'a>>) -> Vec<u8> {
    let oids: Vec<_> = oids.into_iter().map(|oid| der::element(der::OID, &[oid.0])).collect();
    der::element(der::SEQUENCE, &[&oids.concat()])
}

const MOST: usize = 32;

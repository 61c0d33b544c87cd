//! Reading the big-endian files of MIT Kerberos: counted strings and numbers.

use crate::{Error, Principal};

/// A cursor that names the field that does not fit.
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
    kind: &'static str,
}

impl<'a> Cursor<'a> {
    /// `kind` names the file in errors.
    pub(crate) fn new(rest: &'a [u8], kind: &'static str) -> Self {
        Self { rest, kind }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn error(&self, reason: impl Into<String>) -> Error {
        Error::File { kind: self.kind, reason: reason.into() }
    }

    pub(crate) fn take(&mut self, len: usize, what: &str) -> Result<&'a [u8], Error> {
        let (taken, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or_else(|| self.error(format!("{what} has {len} bytes, {} are left", self.rest.len())))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], Error> {
        let bytes = self.take(N, what)?;
        bytes.first_chunk().copied().ok_or_else(|| self.error(what))
    }

    pub(crate) fn u8(&mut self, what: &str) -> Result<u8, Error> {
        self.array(what).map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self, what: &str) -> Result<u16, Error> {
        self.array(what).map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self, what: &str) -> Result<u32, Error> {
        self.array(what).map(u32::from_be_bytes)
    }

    pub(crate) fn i32(&mut self, what: &str) -> Result<i32, Error> {
        self.array(what).map(i32::from_be_bytes)
    }

    /// Bytes behind their 16-bit count.
    pub(crate) fn short(&mut self, what: &str) -> Result<&'a [u8], Error> {
        let len = self.u16(what)?;
        self.take(usize::from(len), what)
    }

    /// Bytes behind their 32-bit count.
    pub(crate) fn long(&mut self, what: &str) -> Result<&'a [u8], Error> {
        let len = self.u32(what)?;
        self.take(usize::try_from(len).unwrap_or(usize::MAX), what)
    }

    /// A principal of a realm and `count` names, each read by `string`.
    pub(crate) fn principal(
        &mut self,
        count: usize,
        string: fn(&mut Self, &str) -> Result<&'a [u8], Error>,
    ) -> Result<Principal, Error> {
        let realm = string(self, "realm")?;
        let mut components = Vec::new();
        for _ in 0..count {
            components.push(String::from_utf8_lossy(string(self, "component")?).into_owned());
        }
        Ok(Principal::new(components, &String::from_utf8_lossy(realm)))
    }
}

/// Reads a file of at most 1 MiB.
pub(crate) fn read_file(path: &std::path::Path) -> Result<zeroize::Zeroizing<Vec<u8>>, Error> {
    use std::io::Read as _;
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    file.take(1 << 20).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

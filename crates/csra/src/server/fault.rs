use core::fmt;

use dtyp::HResult;

/// The status of a fault PDU: the method did not run, or its stub could not be read.
///
/// Source: [C706] appendix E; [MS-ERREF] 2.2.
///
/// [C706]: https://publications.opengroup.org/c706
/// [MS-ERREF]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-erref/
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault(pub u32);

impl Fault {
    /// `nca_s_op_rng_error`: the interface has no method with this number.
    pub const OP_RANGE: Self = Self(0x1C01_0002);
    /// `nca_s_unk_if`: the object has no such interface.
    pub const UNKNOWN_INTERFACE: Self = Self(0x1C01_0003);
    /// `RPC_X_BAD_STUB_DATA`: the stub is not what the interface says.
    pub const BAD_STUB_DATA: Self = Self(1783);
    /// `RPC_X_INVALID_BOUND`: an array of a size that is not served.
    pub const INVALID_BOUND: Self = Self(1734);
}

impl From<HResult> for Fault {
    fn from(code: HResult) -> Self {
        Self(code.0)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fault 0x{:08X}", self.0)
    }
}

impl core::error::Error for Fault {}

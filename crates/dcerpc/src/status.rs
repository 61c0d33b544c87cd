use core::fmt;

/// Why a call failed in the server: the `status` of a fault PDU.
///
/// A status of the RPC runtime (`nca_...`), a Windows error, or for ORPC an HRESULT.
///
/// Source: [C706] appendix E; [MS-RPCE] 2.2.2.6 and 3.3.3.5; [MS-ERREF].
///
/// [C706]: https://publications.opengroup.org/c706
/// [MS-ERREF]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-erref/
/// [MS-RPCE]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-rpce/
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status(pub u32);

macro_rules! statuses {
    ($($(#[$doc:meta])* $constant:ident = $value:literal, $name:literal;)*) => {
        impl Status {
            $($(#[$doc])* pub const $constant: Self = Self($value);)*

            /// The name in the public headers, when it is one of the runtime's.
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($name),)*
                    _ => None,
                }
            }
        }
    };
}

statuses! {
    /// The caller may not do this, or his call is not protected as agreed.
    ACCESS_DENIED = 0x0000_0005, "ERROR_ACCESS_DENIED";
    /// The stub is not what the interface says.
    BAD_STUB_DATA = 0x0000_06F7, "RPC_X_BAD_STUB_DATA";
    /// A fragment's signature does not fit.
    SECURITY_PACKAGE = 0x0000_0721, "RPC_S_SEC_PKG_ERROR";
    /// The call was cancelled.
    CANCELLED = 0x1C00_000D, "nca_s_fault_cancel";
    /// A context handle is not of this association.
    CONTEXT_MISMATCH = 0x1C00_001A, "nca_s_fault_context_mismatch";
    /// No method of this number (`RPC_S_PROCNUM_OUT_OF_RANGE` for the Windows client).
    OP_RANGE = 0x1C01_0002, "nca_s_op_rng_error";
    /// No interface behind the presentation context (`RPC_S_UNKNOWN_IF` for the Windows client).
    UNKNOWN_INTERFACE = 0x1C01_0003, "nca_s_unk_if";
    /// PDUs in an order or with contents that the protocol does not have.
    PROTOCOL = 0x1C01_000B, "nca_s_proto_error";
    /// The server cannot take the call now.
    SERVER_TOO_BUSY = 0x1C01_0014, "nca_s_server_too_busy";
    /// The security level is not offered.
    UNSUPPORTED_LEVEL = 0x1C00_001D, "nca_s_unsupported_authn_level";
    /// The object UUID is not known.
    OBJECT_NOT_FOUND = 0x1C00_0024, "nca_s_fault_object_not_found";
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "0x{:08X} ({name})", self.0),
            None => write!(f, "0x{:08X}", self.0),
        }
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

//! How a host lies.

use certadm::Call;
use dcerpc::Status;
use dcom::DualStringArray;

use crate::ca::Files;

/// What an answer is to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// bind, alter_context or auth3 at the resolver.
    ResolverBind,
    /// The same at the exporter.
    ExporterBind,
    /// A sign of life, the only call without authentication.
    Alive,
    Activation,
    /// A method of the CA.
    Ca(Call),
    /// Pings and releases.
    Other,
}

/// What is done with the bytes of an answer.
pub(crate) enum Act {
    Send,
    /// They are kept, and the connection stays open.
    Swallow,
    /// The connection is closed instead.
    Close,
    /// One byte every 20 ms.
    Drip,
    /// They are sent, then these again and again until nobody takes them any more.
    Forever(Vec<u8>),
}

/// What becomes of a stub.
pub(crate) type Change = fn(Vec<u8>) -> Vec<u8>;
type StubHook = Box<dyn Fn(Asked, Vec<u8>) -> Result<Vec<u8>, Status> + Send + Sync>;
type BytesHook = Box<dyn Fn(Asked, &mut Vec<u8>) -> Act + Send + Sync>;

/// How a host lies.
pub(crate) struct Script {
    pub(crate) files: Files,
    /// Where it says its exporter is; `None` is the truth.
    pub(crate) bindings: Option<DualStringArray>,
    pub(crate) stub: StubHook,
    pub(crate) bytes: BytesHook,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            files: Files::good(),
            bindings: None,
            stub: Box::new(|_, stub| Ok(stub)),
            bytes: Box::new(|_, _| Act::Send),
        }
    }
}

impl Script {
    pub(crate) fn files(files: Files) -> Self {
        Self { files, ..Self::default() }
    }

    pub(crate) fn stubs(
        stub: impl Fn(Asked, Vec<u8>) -> Result<Vec<u8>, Status> + Send + Sync + 'static,
    ) -> Self {
        Self { stub: Box::new(stub), ..Self::default() }
    }

    pub(crate) fn bytes(bytes: impl Fn(Asked, &mut Vec<u8>) -> Act + Send + Sync + 'static) -> Self {
        Self { bytes: Box::new(bytes), ..Self::default() }
    }
}

//! Activation: asking for an object of a class, by both roads.
//!
//! `IRemoteSCMActivator::RemoteCreateInstance` packs everything into an activation properties blob,
//! `IActivation::RemoteActivation` has plain parameters. [`Activation`] and [`Activated`] are what
//! both carry. `RemoteGetClassObject` (opnum 3) is not here: nobody asks a CA for its factory.
//!
//! Source: [MS-DCOM] 2.2.22 and 3.1.2.5.2.
//!
//! [MS-DCOM]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-dcom/

mod blob;
mod create;
mod plain;
mod properties;

use alloc::vec::Vec;

use dtyp::{Guid, HResult};

use crate::exporter::Exporter;
use crate::{ComVersion, ObjRef, Oxid, TCP};

pub use create::{RemoteCreateInstance, RemoteCreateInstanceReply};
pub use plain::{RemoteActivation, RemoteActivationReply};

/// Most interfaces in one activation that this side reads. The specification allows 0x8000.
pub const MAX_INTERFACES: usize = 64;

/// What a client wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activation {
    /// The class.
    pub class: Guid,
    /// Its interfaces: 1 to [`MAX_INTERFACES`], several at once are fine.
    pub interfaces: Vec<Guid>,
    /// Protocols that the client speaks, see [`TCP`].
    pub protocols: Vec<u16>,
    /// What the client speaks. `IActivation` has it in [`crate::OrpcThis`] only.
    pub version: ComVersion,
}

impl Activation {
    /// Of our version, over TCP.
    pub fn new(class: Guid, interfaces: impl Into<Vec<Guid>>) -> Self {
        let protocols = [TCP].into();
        Self { class, interfaces: interfaces.into(), protocols, version: ComVersion::OURS }
    }
}

/// What a client gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activated {
    /// The exporter of the object.
    pub oxid: Oxid,
    /// Where the exporter is.
    pub exporter: Exporter,
    /// One for each interface of the request, in its order.
    pub interfaces: Vec<Interface>,
}

/// One interface of an activated object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Which one was asked for. `IActivation` does not repeat it: nil there for one that was refused.
    pub iid: Guid,
    /// The reference, or why there is none.
    pub object: Result<ObjRef, HResult>,
}

/// `ClientImpLevel`: impersonation, as Windows sends. Ignored on receipt.
const IMPERSONATE: u32 = 2;

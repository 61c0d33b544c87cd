//! Activation: from a class to an object.
//!
//! The class is not registered for a while after `ServerControl`, and cannot be started while the
//! service is stopped; while it is suspended it can, and the methods say so.
//!
//! Source: [MS-DCOM] 3.1.2.5.2.
//!
//! [MS-DCOM]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-dcom/

use certadm::ServerState;
use csra::{CLSID_CERT_ADMIN, Interface};
use dcerpc::Status;
use dcerpc::server::Request;
use dcom::activation::{
    Activated, Activation, RemoteActivation, RemoteActivationReply, RemoteCreateInstance,
    RemoteCreateInstanceReply,
};
use dcom::{ComVersion, ObjRef, OrpcThis, iid};
use dtyp::HResult;
use tracing::info;

use super::answer::{Answer, Who, parameters};
use super::drive::Peer;
use super::host::{Host, random};

/// Answers a request of one of the two activation interfaces.
pub(super) fn answer(host: &Host, peer: Peer, who: Who, request: &Request) -> Result<Answer, Answer> {
    let is_plain = request.interface.uuid == iid::ACTIVATION;
    match (is_plain, request.opnum) {
        (true, RemoteActivation::OPNUM) => {
            let RemoteActivation { this, activation, mode } = parameters(request)?;
            let requested = activation.interfaces.len();
            let result = match mode {
                RemoteActivation::CLASS_OBJECT => Err(HResult::NO_INTERFACE),
                _ => activate(host, peer, who, &this, &activation),
            };
            Ok(Answer::reply(&RemoteActivationReply { result, requested }))
        }
        (false, RemoteCreateInstance::OPNUM) => {
            let RemoteCreateInstance { this, activation } = parameters(request)?;
            let result = activate(host, peer, who, &this, &activation);
            Ok(Answer::reply(&RemoteCreateInstanceReply { result }))
        }
        _ => Err(Status::OP_RANGE.into()),
    }
}

fn activate(
    host: &Host,
    peer: Peer,
    who: Who,
    this: &OrpcThis,
    wanted: &Activation,
) -> Result<Activated, HResult> {
    ComVersion::OURS.accept(this.version)?;
    if wanted.class != CLSID_CERT_ADMIN || host.is_unregistered() {
        return Err(HResult::CLASS_NOT_REGISTERED);
    }
    if host.site().service() == ServerState::Stopped {
        return Err(HResult::SERVER_EXEC_FAILURE);
    }
    if host.objects_of(who.user) >= MAX_OBJECTS_OF_USER {
        return Err(HResult::OUT_OF_MEMORY);
    }
    let supported = [Interface::CertAdmin.iid(), Interface::CertAdmin2.iid()];
    let object = host.object(who);
    let now = host.now();
    let exported = host.table().export(object, &supported, &wanted.interfaces, now, &mut random)?;
    info!(oid = %exported.oid, "object activated");
    let interface = |(iid, result): (&_, Result<_, _>)| {
        let resolver = host.resolver(peer.local);
        let object = result.map(|std| ObjRef::Standard { iid: *iid, std, resolver });
        dcom::activation::Interface { iid: *iid, object }
    };
    Ok(Activated {
        oxid: host.oxid,
        exporter: host.exporter(peer.local),
        interfaces: wanted.interfaces.iter().zip(exported.interfaces).map(interface).collect(),
    })
}

/// Objects of one user at a time: some are left for others, whose limit is that of the table.
const MAX_OBJECTS_OF_USER: usize = 64;

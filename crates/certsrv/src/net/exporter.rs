//! The exporter: the CA's own interfaces, and `IRemUnknown` for the references to them.
//!
//! All of it is for users of `ca.toml`; the CA's interfaces only sealed. An object serves the user who
//! activated it and nobody else.
//!
//! Source: [MS-DCOM] 3.1.1.5; [MS-CSRA] 3.1.4.
//!
//! [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
//! [MS-DCOM]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-dcom/

use std::sync::PoisonError;

use csra::Interface;
use dcerpc::server::Request;
use dcerpc::{Status, Syntax};
use dcom::remunknown::{
    RemAddRefReply, RemQueryInterface, RemQueryInterface2, RemQueryInterface2Reply, RemQueryInterfaceReply,
    RemRefs, RemReleaseReply,
};
use dcom::{ComVersion, Ipid, ObjRef, iid};
use dtyp::HResult;

use super::answer::{Answer, Who, parameters, who};
use super::drive::Peer;
use super::faults::Step;
use super::host::{Host, MGMT, random};
use super::mgmt;
use super::resolver::orpc;

/// What this listener serves.
pub(super) fn interfaces() -> Vec<Syntax> {
    let [first, second] = [Interface::CertAdmin, Interface::CertAdmin2].map(Interface::iid);
    vec![orpc(first), orpc(second), orpc(iid::REM_UNKNOWN), orpc(iid::REM_UNKNOWN_2), MGMT]
}

/// Answers one request.
pub(super) fn answer(host: &Host, peer: Peer, request: &Request) -> Answer {
    let uuid = request.interface.uuid;
    let Some(who) = who(host, request) else {
        // ORPC calls are refused with a code of COM, others with one of RPC.
        return if request.interface == MGMT {
            Status::ACCESS_DENIED.into()
        } else {
            HResult::ACCESS_DENIED.into()
        };
    };
    let answer = match uuid {
        _ if request.interface == MGMT => mgmt::answer(&interfaces(), request),
        iid::REM_UNKNOWN | iid::REM_UNKNOWN_2 => rem_unknown(host, peer, who, request),
        _ => cert_admin(host, who, request),
    };
    answer.unwrap_or_else(|refusal| refusal)
}

fn cert_admin(host: &Host, who: Who, request: &Request) -> Result<Answer, Answer> {
    if !who.caller.sealed {
        return Err(HResult::ACCESS_DENIED.into());
    }
    let ipid = Ipid(request.object.ok_or(HResult::DISCONNECTED)?);
    let (oid, iid, object) = host.find(ipid, who.user)?;
    if iid != request.interface.uuid {
        return Err(HResult::INVALID_OBJECT.into());
    }
    let mut state = object.state.lock().unwrap_or_else(PoisonError::into_inner);
    let state = &mut *state;
    let step = state.plan.enter(request.opnum, &request.stub);
    let answer = match step {
        Step::Answer(answer) => answer,
        Step::Forward(fault) => {
            let caller = &who.caller;
            let reply = state.object.dispatch(caller, iid, request.opnum, &request.stub);
            match reply {
                Ok(stub) => state.plan.leave(fault, request.opnum, stub),
                Err(fault) => Answer::Fault(Status(fault.0)),
            }
        }
        Step::Drop => {
            // Found above, and dropped as soon as this call is over.
            let gone = host.table().remove(oid);
            drop(gone);
            Answer::Cut
        }
    };
    // A call may have taken longer than a client has to be silent.
    let _ = host.find(ipid, who.user);
    Ok(answer)
}

fn rem_unknown(host: &Host, peer: Peer, who: Who, request: &Request) -> Result<Answer, Answer> {
    if request.object != Some(host.rem_unknown.0) {
        return Err(HResult::DISCONNECTED.into());
    }
    let now = host.now();
    let is_second = request.interface.uuid == iid::REM_UNKNOWN_2;
    Ok(match request.opnum {
        RemQueryInterface::OPNUM => {
            let RemQueryInterface { this, ipid, refs, iids } = parameters(request)?;
            this.check(ComVersion::OURS)?;
            let owned = owned(host, ipid, who);
            let found =
                owned.and_then(|()| host.table().query_interface(ipid, refs, &iids, now, &mut random));
            Answer::reply(&RemQueryInterfaceReply::new(found))
        }
        RemQueryInterface2::OPNUM if is_second => {
            let RemQueryInterface2 { this, ipid, iids } = parameters(request)?;
            this.check(ComVersion::OURS)?;
            let owned = owned(host, ipid, who);
            let found = owned.and_then(|()| {
                host.table().query_interface(ipid, dcom::server::INITIAL_REFS, &iids, now, &mut random)
            });
            let found = found.map(|results| {
                let wrap = |(iid, result): (&_, Result<_, _>)| {
                    let resolver = host.resolver(peer.local);
                    result.map(|std| ObjRef::Standard { iid: *iid, std, resolver })
                };
                iids.iter().zip(results).map(wrap).collect()
            });
            Answer::reply(&RemQueryInterface2Reply::new(found, iids.len()))
        }
        RemRefs::ADD_OPNUM => {
            let RemRefs { this, refs } = parameters(request)?;
            this.check(ComVersion::OURS)?;
            let foreign = refs.iter().any(|reference| is_foreign(host, reference.ipid, who));
            if foreign {
                return Err(HResult::ACCESS_DENIED.into());
            }
            let results = host.table().add_refs(&refs, now);
            Answer::reply(&RemAddRefReply { results, status: HResult::OK })
        }
        RemRefs::RELEASE_OPNUM => {
            let RemRefs { this, mut refs } = parameters(request)?;
            this.check(ComVersion::OURS)?;
            refs.retain(|reference| !is_foreign(host, reference.ipid, who));
            host.table().release(&refs);
            host.reclaim();
            Answer::reply(&RemReleaseReply { status: HResult::OK })
        }
        _ => return Err(Status::OP_RANGE.into()),
    })
}

/// Does the IPID name an object of the caller?
fn owned(host: &Host, ipid: Ipid, who: Who) -> Result<(), HResult> {
    match host.find(ipid, who.user) {
        Ok(_) => Ok(()),
        Err(HResult::ACCESS_DENIED) => Err(HResult::ACCESS_DENIED),
        Err(_) => Err(HResult::INVALID_OBJECT),
    }
}

fn is_foreign(host: &Host, ipid: Ipid, who: Who) -> bool {
    owned(host, ipid, who) == Err(HResult::ACCESS_DENIED)
}

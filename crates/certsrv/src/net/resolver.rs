//! The resolver: signs of life, addresses, pings, activation.
//!
//! `ServerAlive` and `ServerAlive2` are for everybody; all else is for users of `ca.toml` whose calls
//! are signed at least.
//!
//! Source: [MS-DCOM] 3.1.2.5.
//!
//! [MS-DCOM]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-dcom/

use dcerpc::server::Request;
use dcerpc::{Status, Syntax};
use dcom::exporter::{
    ComplexPing, ResolveOxid, ResolveOxid2Reply, ResolveOxidReply, SERVER_ALIVE_2_OPNUM, SERVER_ALIVE_OPNUM,
    ServerAlive2Reply, SimplePing, StatusReply,
};
use dcom::{ComVersion, iid, status};
use dtyp::Guid;

use super::answer::{Answer, parameters, who};
use super::drive::Peer;
use super::host::{Host, MGMT, random};
use super::{activation, mgmt};

/// What this listener serves.
pub(super) fn interfaces() -> Vec<Syntax> {
    let mut all = [iid::OBJECT_EXPORTER, iid::REMOTE_SCM_ACTIVATOR, iid::ACTIVATION].map(orpc).to_vec();
    all.push(MGMT);
    all
}

/// An interface of DCOM: always version 0.0.
pub(super) fn orpc(uuid: Guid) -> Syntax {
    let (major, minor) = dcom::INTERFACE_VERSION;
    Syntax { uuid, major, minor }
}

/// Answers one request.
pub(super) fn answer(host: &Host, peer: Peer, request: &Request) -> Answer {
    let uuid = request.interface.uuid;
    if uuid == iid::OBJECT_EXPORTER && request.opnum == SERVER_ALIVE_OPNUM {
        return Answer::reply(&StatusReply { status: status::OK });
    }
    if uuid == iid::OBJECT_EXPORTER && request.opnum == SERVER_ALIVE_2_OPNUM {
        let result = Ok((ComVersion::OURS, host.resolver(peer.local)));
        return Answer::reply(&ServerAlive2Reply { result });
    }
    let Some(who) = who(host, request) else { return Status::ACCESS_DENIED.into() };
    let answer = match uuid {
        iid::OBJECT_EXPORTER => object_exporter(host, peer, request),
        iid::REMOTE_SCM_ACTIVATOR | iid::ACTIVATION => activation::answer(host, peer, who, request),
        _ if request.interface == MGMT => mgmt::answer(&interfaces(), request),
        _ => Err(Status::UNKNOWN_INTERFACE.into()),
    };
    answer.unwrap_or_else(|refusal| refusal)
}

fn object_exporter(host: &Host, peer: Peer, request: &Request) -> Result<Answer, Answer> {
    Ok(match request.opnum {
        ResolveOxid::OPNUM => Answer::reply(&ResolveOxidReply { result: resolve(host, peer, request)? }),
        ResolveOxid::OPNUM_2 => Answer::reply(&ResolveOxid2Reply { result: resolve(host, peer, request)? }),
        SimplePing::OPNUM => {
            let ping: SimplePing = parameters(request)?;
            let status = host.table().simple_ping(ping.set, host.now());
            Answer::reply(&StatusReply { status })
        }
        ComplexPing::OPNUM => {
            let ping: ComplexPing = parameters(request)?;
            let now = host.now();
            Answer::reply(&host.table().complex_ping(&ping, now, &mut random))
        }
        _ => return Err(Status::OP_RANGE.into()),
    })
}

fn resolve(
    host: &Host,
    peer: Peer,
    request: &Request,
) -> Result<Result<dcom::exporter::Exporter, u32>, Answer> {
    let wanted: ResolveOxid = parameters(request)?;
    let is_ours = wanted.oxid == host.oxid;
    Ok(if is_ours { Ok(host.exporter(peer.local)) } else { Err(status::INVALID_OXID) })
}

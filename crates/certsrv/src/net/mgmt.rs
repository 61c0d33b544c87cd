//! The management interface that every RPC server has; clients bind it to look around.
//!
//! Source: [C706] appendix Q (`mgmt`).
//!
//! [C706]: https://publications.opengroup.org/c706

use dcerpc::server::Request;
use dcerpc::{Status, Syntax};
use dtyp::Guid;
use ndr::{Reader, Writer};

use super::answer::Answer;

/// `mgmt` 1.0.
pub(crate) const INTERFACE: Syntax = Syntax {
    uuid: Guid::new(0xafa8_bd80, 0x7d8a, 0x11c9, [0xbe, 0xf4, 0x08, 0x00, 0x2b, 0x10, 0x29, 0x89]),
    major: 1,
    minor: 0,
};

/// Answers one request.
///
/// ```text
/// 0 inq_if_ids           out  unique pointer to { count, count times a unique pointer to an id }, status
/// 2 is_server_listening  out  status; boolean32
/// 4 inq_princ_name       in   authn_proto, princ_name_size; out  string, status
/// ```
pub(super) fn answer(interfaces: &[Syntax], request: &Request) -> Result<Answer, Answer> {
    let mut writer = Writer::new();
    match request.opnum {
        0 => {
            writer.referent(true);
            writer.count(interfaces.len());
            writer.count(interfaces.len());
            interfaces.iter().for_each(|_| writer.referent(true));
            for Syntax { uuid, major, minor } in interfaces {
                writer.align(4);
                writer.guid(*uuid);
                writer.u16(*major);
                writer.u16(*minor);
            }
            writer.align(4);
            writer.u32(0);
        }
        2 => {
            writer.u32(0);
            writer.u32(1);
        }
        4 => {
            let mut reader = Reader::new(&request.stub);
            let bad = |_| Answer::Fault(Status::BAD_STUB_DATA);
            reader.u32("authn_proto").map_err(bad)?;
            let size = reader.u32("princ_name_size").map_err(bad)?;
            // The empty name: this server goes by none of its own.
            writer.u32(size);
            writer.u32(0);
            writer.u32(size.min(1));
            (0..size.min(1)).for_each(|_| writer.u8(0));
            writer.align(4);
            writer.u32(0);
        }
        3 => return Err(Status::ACCESS_DENIED.into()),
        _ => return Err(Status::OP_RANGE.into()),
    }
    Ok(Answer::Reply(writer.finish()))
}

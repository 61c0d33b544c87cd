//! Verification trailers: what a client repeats of a request's header inside the signed body.
//!
//! ```text
//!  0  8  signature  8a e3 13 71 02 f4 36 71, at a multiple of 4 behind the stub
//!  8  .  commands:
//!        2  command   number in bits 0-13, SEC_VT_COMMAND_END 0x4000, SEC_VT_MUST_PROCESS_COMMAND 0x8000
//!        2  length    of what follows, in bytes
//!        .  1: bits (4)   2: interface, transfer syntax (40)   3: PTYPE ... opnum (16)
//! ```
//!
//! Source: [MS-RPCE] 2.2.2.13.
//!
//! [MS-RPCE]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-rpce/

use alloc::vec::Vec;

use ndr::{Reader, Writer};

use crate::pdu::PacketType;
use crate::{Error, Syntax};

const SIGNATURE: [u8; 8] = [0x8a, 0xe3, 0x13, 0x71, 0x02, 0xf4, 0x36, 0x71];
/// How far from the end of a stub a trailer is looked for, in bytes: as Samba does.
const SEARCHED: usize = 1024;
const BITMASK_1: u16 = 1;
const PCONTEXT: u16 = 2;
const HEADER2: u16 = 3;
const END: u16 = 0x4000;
const MUST_PROCESS: u16 = 0x8000;
const NUMBER: u16 = 0x3fff;
const DREP: u32 = 0x10;

/// The facts about a request that its verification trailer repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// The client offered header signing in its bind (`CLIENT_SUPPORT_HEADER_SIGNING`).
    pub header_signing: bool,
    /// The interface called.
    pub interface: Syntax,
    /// Encoding of the stub.
    pub transfer: Syntax,
    /// `call_id`.
    pub call_id: u32,
    /// `p_cont_id`.
    pub context: u16,
    /// `opnum`.
    pub opnum: u16,
}

impl Facts {
    /// Appends padding to a multiple of 4 and a trailer with all three commands. `stub` begins where
    /// the request's first stub byte is.
    pub fn append(&self, stub: &mut Vec<u8>) {
        let mut writer = Writer::new();
        writer.raw(&SIGNATURE);
        writer.u16(BITMASK_1);
        writer.u16(4);
        writer.u32(u32::from(self.header_signing));
        writer.u16(PCONTEXT);
        writer.u16(40);
        self.interface.encode(&mut writer);
        self.transfer.encode(&mut writer);
        writer.u16(HEADER2 | END);
        writer.u16(16);
        writer.raw(&[PacketType::Request.code(), 0, 0, 0]);
        writer.u32(DREP);
        writer.u32(self.call_id);
        writer.u16(self.context);
        writer.u16(self.opnum);
        stub.resize(stub.len().next_multiple_of(4), 0);
        stub.extend_from_slice(&writer.finish());
    }

    /// Removes the trailer from a request's stub, after checking each command that it has.
    ///
    /// Without a trailer nothing happens; padding before it stays with the stub. What follows the last
    /// command is dropped.
    ///
    /// # Errors
    /// [`Error::Verification`] when a command contradicts these facts, is unknown and must be
    /// understood, or is cut.
    pub fn strip(&self, stub: &mut Vec<u8>) -> Result<(), Error> {
        let from = stub.len().saturating_sub(SEARCHED).next_multiple_of(4);
        let words = stub.get(from..).unwrap_or_default();
        let Some(index) = words.windows(SIGNATURE.len()).step_by(4).position(|bytes| bytes == SIGNATURE)
        else {
            return Ok(());
        };
        let at = index.saturating_mul(4).saturating_add(from);
        let mut reader = Reader::new(stub.get(at..).unwrap_or_default());
        self.check(&mut reader).map_err(|error| match error {
            Error::Field(_) => Error::Verification("end"),
            other => other,
        })?;
        stub.truncate(at);
        Ok(())
    }

    fn check(&self, reader: &mut Reader<'_>) -> Result<(), Error> {
        reader.raw("signature", SIGNATURE.len())?;
        loop {
            let command = reader.u16("command")?;
            let len = reader.u16("length")?;
            let mut body = Reader::new(reader.raw("command", usize::from(len))?);
            match command & NUMBER {
                BITMASK_1 => self.check_bitmask(&mut body)?,
                PCONTEXT => self.check_pcontext(&mut body)?,
                HEADER2 => self.check_header2(&mut body)?,
                _ if command & MUST_PROCESS != 0 => return Err(Error::Verification("command")),
                _ => {}
            }
            if command & END != 0 {
                return Ok(());
            }
        }
    }

    fn check_bitmask(&self, body: &mut Reader<'_>) -> Result<(), Error> {
        // A client that offers header signing says so here; if the bind did not, it was altered.
        let claims = body.u32("bits")? & 1 != 0;
        holds(self.header_signing || !claims, "rpc_sec_vt_bitmask")
    }

    fn check_pcontext(&self, body: &mut Reader<'_>) -> Result<(), Error> {
        let (interface, transfer) = (Syntax::decode(body)?, Syntax::decode(body)?);
        holds((interface, transfer) == (self.interface, self.transfer), "rpc_sec_vt_pcontext")
    }

    fn check_header2(&self, body: &mut Reader<'_>) -> Result<(), Error> {
        let kind = body.u8("PTYPE")?;
        body.raw("Reserved", 3)?;
        let (drep, call_id) = (body.u32("drep")?, body.u32("call_id")?);
        let (context, opnum) = (body.u16("p_context_id")?, body.u16("opnum")?);
        let claimed = (kind, drep, call_id, context, opnum);
        let actual = (PacketType::Request.code(), DREP, self.call_id, self.context, self.opnum);
        holds(claimed == actual, "rpc_sec_vt_header2")
    }
}

fn holds(condition: bool, command: &'static str) -> Result<(), Error> {
    if condition { Ok(()) } else { Err(Error::Verification(command)) }
}

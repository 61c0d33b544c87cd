//! What a KDC answers (RFC 4120 5.2.7, 5.4.2, 5.9.1).

use crate::Principal;
use crate::crypto::Key;
use crate::der::{Malformed, Reader};
use crate::messages::{Sealed, read_key, read_name};

/// `KDC-REP`: AS-REP (11) or TGS-REP (13).
pub(crate) struct KdcRep {
    pub(crate) padata: Vec<PaData>,
    pub(crate) client: Principal,
    /// The ticket as it came.
    pub(crate) ticket: Vec<u8>,
    pub(crate) sealed: Sealed,
}

impl KdcRep {
    pub(crate) fn read(message: &[u8], kind: u8) -> Result<Self, Malformed> {
        let mut reply = Reader::new(message).application(kind, "KDC-REP")?;
        reply.field(0, "pvno")?;
        reply.field(1, "msg-type")?;
        let padata = match reply.optional(2, "padata")? {
            Some(padata) => PaData::read_all(padata)?,
            None => Vec::new(),
        };
        let realm = reply.field(3, "crealm")?.string("crealm")?;
        let client = read_name(reply.field(4, "cname")?, &realm)?;
        let ticket = reply.field(5, "ticket")?.raw("ticket")?.to_vec();
        let sealed = Sealed::read(reply.field(6, "enc-part of KDC-REP")?)?;
        Ok(Self { padata, client, ticket, sealed })
    }
}

/// `EncKDCRepPart`: what the KDC tells the client.
pub(crate) struct KdcRepPart {
    pub(crate) key: Key,
    pub(crate) nonce: u32,
    pub(crate) ends: i64,
    pub(crate) service: Principal,
}

impl KdcRepPart {
    pub(crate) fn read(plain: &[u8]) -> Result<Self, Malformed> {
        // Some KDCs use the TGS reply's tag 26 in AS replies too (RFC 4120 5.4.2).
        let mut part = Reader::new(plain)
            .application(26, "EncKDCRepPart")
            .or_else(|_| Reader::new(plain).application(25, "EncKDCRepPart"))?;
        let key = read_key(part.field(0, "key")?, "key of EncKDCRepPart (AES only)")?;
        part.field(1, "last-req")?;
        let nonce = part.field(2, "nonce")?.unsigned("nonce")?;
        part.optional(3, "key-expiration")?;
        part.field(4, "flags")?;
        part.field(5, "authtime")?;
        part.optional(6, "starttime")?;
        let ends = part.field(7, "endtime")?.time("endtime")?;
        part.optional(8, "renew-till")?;
        let realm = part.field(9, "srealm")?.string("srealm")?;
        let service = read_name(part.field(10, "sname")?, &realm)?;
        Ok(Self { key, nonce, ends, service })
    }
}

/// `PA-DATA`.
pub(crate) struct PaData {
    pub(crate) kind: i64,
    pub(crate) value: Vec<u8>,
}

impl PaData {
    /// `SEQUENCE OF PA-DATA`; also the `e-data` of "pre-authentication required".
    pub(crate) fn read_all(reader: Reader<'_>) -> Result<Vec<Self>, Malformed> {
        let mut list = reader.sequence("padata")?;
        let mut all = Vec::new();
        while !list.is_empty() {
            let mut one = list.next_sequence("PA-DATA")?;
            let kind = one.field(1, "padata-type")?.integer("padata-type")?;
            let value = one.field(2, "padata-value")?.octets("padata-value")?.to_vec();
            all.push(Self { kind, value });
        }
        Ok(all)
    }
}

/// One entry of `ETYPE-INFO2`: how a password becomes a key.
pub(crate) struct EtypeInfo {
    pub(crate) etype: i64,
    pub(crate) salt: Option<Vec<u8>>,
    pub(crate) params: Option<Vec<u8>>,
}

impl EtypeInfo {
    pub(crate) fn read_all(value: &[u8]) -> Result<Vec<Self>, Malformed> {
        let mut list = Reader::new(value).sequence("ETYPE-INFO2")?;
        let mut all = Vec::new();
        while !list.is_empty() {
            let mut one = list.next_sequence("ETYPE-INFO2-ENTRY")?;
            let etype = one.field(0, "etype")?.integer("etype")?;
            let salt = one.optional(1, "salt")?.map(|salt| salt.string("salt")).transpose()?;
            let params =
                one.optional(2, "s2kparams")?.map(|params| params.octets("s2kparams")).transpose()?;
            all.push(Self { etype, salt: salt.map(String::into_bytes), params: params.map(<[u8]>::to_vec) });
        }
        Ok(all)
    }
}

/// `KRB-ERROR`.
pub(crate) struct KrbError {
    pub(crate) code: i64,
    /// The sender's time, Unix seconds.
    pub(crate) time: i64,
    /// `e-text`, without control characters, cut to 200.
    pub(crate) text: String,
    pub(crate) data: Vec<u8>,
}

impl KrbError {
    /// Whether a message is one.
    pub(crate) fn is(message: &[u8]) -> bool {
        message.first() == Some(&(0x60 | 30))
    }

    pub(crate) fn read(message: &[u8]) -> Result<Self, Malformed> {
        let mut error = Reader::new(message).application(30, "KRB-ERROR")?;
        error.field(0, "pvno")?;
        error.field(1, "msg-type")?;
        error.optional(2, "ctime")?;
        error.optional(3, "cusec")?;
        let time = error.field(4, "stime")?.time("stime")?;
        error.field(5, "susec")?;
        let code = error.field(6, "error-code")?.integer("error-code")?;
        error.optional(7, "crealm")?;
        error.optional(8, "cname")?;
        error.field(9, "realm")?;
        error.field(10, "sname")?;
        let text = error.optional(11, "e-text")?.map(|text| text.string("e-text")).transpose()?;
        let data = error.optional(12, "e-data")?.map(|data| data.octets("e-data")).transpose()?;
        let text = text.unwrap_or_default().chars().filter(|char| !char.is_control()).take(200).collect();
        Ok(Self { code, time, text, data: data.unwrap_or_default().to_vec() })
    }

    /// The name of the codes an operator meets (RFC 4120 7.5.9).
    pub(crate) fn name(&self) -> &'static str {
        match self.code {
            12 => "KDC_ERR_POLICY",
            14 => "KDC_ERR_ETYPE_NOSUPP",
            29 => "KDC_ERR_SVC_UNAVAILABLE",
            31 => "KRB_AP_ERR_BAD_INTEGRITY",
            32 => "KRB_AP_ERR_TKT_EXPIRED",
            33 => "KRB_AP_ERR_TKT_NYV",
            34 => "KRB_AP_ERR_REPEAT",
            35 => "KRB_AP_ERR_NOT_US",
            36 => "KRB_AP_ERR_BADMATCH",
            41 => "KRB_AP_ERR_MODIFIED",
            44 => "KRB_AP_ERR_BADKEYVER",
            45 => "KRB_AP_ERR_NOKEY",
            60 => "KRB_ERR_GENERIC",
            68 => "KDC_ERR_WRONG_REALM",
            _ => "unknown",
        }
    }
}
